"""A reading session as it is written down, and those that are kept on disk: listed, read, checked, deleted.

Each is a folder below `folders.readings_folder()`: `session.json`, replaced whole at each change, `lock`, held by the
one tab that has it open, and `pictures/` where small pictures were asked for. A film is known by its sha256; its name
is written only where that was asked for. Reads no film.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from xraykit.reading import impressions
from xraykit.reading.impressions import Impression, ImpressionRefused, Label, Moment
from xraykit.refused import Refused, field_of, words_of
from xraykit.system import files, folders
from xraykit.system.files import FileRefused
from xraykit.truth.seen.films import KnownAs

FORMAT = 1
SESSION, LOCK, PICTURES = "session.json", "lock", "pictures"
MOST_BYTES = 256 * 2**20  # of session.json

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Share = Annotated[float, Meta(ge=0, le=1.000001)]
Title = Annotated[str, Meta(max_length=200)]


class SessionRefused(Refused):
    """A session that cannot be kept, resumed or read; the words say why."""

    code = "reading-session"


@dataclass(frozen=True, slots=True)
class Options:
    """What a reader chose for a session.

    `keep`: on disk, as `title`; `blind`: the models are hidden until an impression is recorded; `classes`: what may be
    found, in the order of the keys 1 to 9; `names`: films' names are kept and exported; `pictures`: small pictures
    (the list's own, 96 pixels) are kept.
    """

    keep: bool = False
    title: Title = ""
    blind: bool = False
    classes: Annotated[tuple[Label, ...], Meta(max_length=100)] = ()
    names: bool = False
    pictures: bool = False


class Request(msgspec.Struct, frozen=True):
    """What a browser may ask of a session; see `session.Session.ask`."""

    resume: Title = ""
    delete: Title = ""
    end: bool = False
    keep: bool | None = None
    title: Title | None = None
    blind: bool | None = None
    classes: Annotated[tuple[Label, ...], Meta(max_length=100)] | None = None
    names: bool | None = None
    pictures: bool | None = None

    def options(self, now: Options) -> Options:
        """The choices, those that are not asked for as they are `now`."""
        asked = {name: getattr(self, name) for name in Options.__dataclass_fields__}
        return replace(now, **{name: value for name, value in asked.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said of a film: the class of highest probability, and every class's probability.

    `known`: the part of the model's own films that it is in, or its near twin; "" where it is in none that is
    remembered.
    """

    top: Label
    probabilities: Annotated[Mapping[Label, Share], Meta(max_length=1000)]
    known: KnownAs | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class ReadFilm:
    """A film in a session.

    `order` counts the films from 1 as they were first read; `label` is the reference standard where one is known;
    `answers` are the models' by name, as they stood when the reader saw the film; `before` is the last impression
    before the models were shown, None where they were shown from the start; `last` is the last impression of all.
    `gate` is what the gate made of it, "" where nobody asked; `laid` how the film was turned for reading: "", or such
    as "turned 90, inverted", degrees clockwise.
    """

    sha256: Digest
    order: Annotated[int, Meta(ge=1, le=10**7)]
    last: Impression
    before: Impression | None = None
    name: Annotated[str, Meta(max_length=1000)] = ""
    label: Label | None = None
    answers: Annotated[Mapping[Label, Answer], Meta(max_length=100)] = field(default_factory=dict)
    gate: Literal["", "passed", "refused", "overridden", "off"] = ""
    laid: Annotated[str, Meta(max_length=40)] = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A session as session.json holds it; `created`, `changed` and `ended` are ISO 8601, UTC, `ended` "" while open."""

    options: Options
    created: Moment
    changed: Moment
    films: Annotated[tuple[ReadFilm, ...], Meta(max_length=10**6)] = ()
    ended: Moment = ""
    format: int = FORMAT

    def shared(self) -> Record:
        """The same without films' names where they were not asked for: what may leave the session."""
        if self.options.names:
            return self
        return replace(self, films=tuple(replace(film, name="") for film in self.films))


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept session in a list: `refused` says why it cannot be read; `open` where a tab has it."""

    name: str
    title: str = ""
    created: str = ""
    changed: str = ""
    films: int = 0
    blind: bool = False
    open: bool = False
    refused: str = ""


def read_request(data: bytes) -> Request:
    """What a browser asks for; SessionRefused where it is something else."""
    try:
        return msgspec.json.decode(data, type=Request)
    except msgspec.ValidationError as error:
        raise SessionRefused(f"Expected a choice of a reading session; {field_of(error)} cannot be that.") from None
    except (ValueError, RecursionError):
        raise SessionRefused("Expected a choice of a reading session as JSON; got something else.") from None


def load(name: str, root: Path | None = None) -> Record:
    """A kept session as it was last written.

    Raises
    ------
    SessionRefused
        If there is none of that name, or its file is damaged or of a newer version.
    """
    path = folder_of(name, root) / SESSION
    try:
        data = files.read_plain(path, MOST_BYTES)
        record = msgspec.json.decode(data, type=Record)
        _check_record(record)
    except FileRefused as refused:
        raise SessionRefused(f"The reading session {name} cannot be read: {refused.words}") from None
    except msgspec.ValidationError as error:
        raise _damaged(name, f"it holds something else as {field_of(error)}") from None
    except (ImpressionRefused, SessionRefused) as refused:
        raise _damaged(name, refused.words) from None
    except (ValueError, RecursionError):
        raise _damaged(name, "it is no whole JSON") from None
    return record


def list_kept(root: Path | None = None) -> list[Kept]:
    """The kept sessions, last changed first; damaged ones too, with the reason."""
    listed = []
    for path in (root or folders.readings_folder()).glob(f"[!.]*/{SESSION}"):
        name = path.parent.name
        try:
            record = load(name, root)
        except SessionRefused as refused:
            listed.append(Kept(files.shown(name), refused=refused.words))
            continue
        listed.append(
            Kept(
                name=name,
                title=record.options.title,
                created=record.created,
                changed=record.changed,
                films=len(record.films),
                blind=record.options.blind,
                open=_is_open(path.parent),
            )
        )
    return sorted(listed, key=lambda kept: (kept.changed, kept.name), reverse=True)


def delete(name: str, root: Path | None = None) -> None:
    """Delete a kept session; raises SessionRefused where there is none, or a tab has it open."""
    folder = folder_of(name, root)
    with lock(folder):
        discard(folder)


def discard(folder: Path) -> None:
    """Gone from every list at once, however long the rest takes."""
    away = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.deleted")
    with contextlib.suppress(FileNotFoundError):
        os.replace(folder, away)
        shutil.rmtree(away, ignore_errors=True)


def folder_of(name: str, root: Path | None) -> Path:
    """The folder of a kept session; SessionRefused where there is none of that name."""
    folder = (root or folders.readings_folder()) / name
    if not folders.is_plain_name(name) or not folder.is_dir():
        raise SessionRefused(
            f"No reading session is named {files.shown(name)[:120]}. `python -m xraykit readings list` lists those "
            "that are kept.",
            code="missing",
        )
    return folder


def lock(folder: Path) -> IO[Any]:
    """The lock of a kept session, until it is closed; SessionRefused ("open") where another tab has it."""
    try:
        file = files.open_lock(folder / LOCK)
    except OSError as error:
        raise SessionRefused(f"The session {folder.name} cannot be opened. {words_of(error)}") from None
    while not files.try_lock(file):
        if _is_open(folder):  # else somebody only looked whether it is
            file.close()
            raise SessionRefused(
                f"The reading session {folder.name} is open in another tab. End it there, or close that tab.",
                code="open",
            )
    return file


def _is_open(folder: Path) -> bool:
    """Has a tab its lock? Those who ask share it, so that they never see each other."""
    try:
        with files.open_lock(folder / LOCK) as file:
            return not files.try_lock(file, shared=True)
    except OSError:
        return False


def check_options(options: Options, films: Sequence[ReadFilm]) -> None:
    """Raises SessionRefused where choices cannot be, or a finding that was recorded is to go."""
    if len(set(options.classes)) != len(options.classes):
        raise SessionRefused("Expected different findings; one is there twice.")
    if any(not letter.isprintable() for words in (options.title, *options.classes) for letter in words):
        raise SessionRefused("Expected names in one line of plain text; got control characters.")
    recorded = {said.finding for film in films for said in (film.before, film.last) if said and said.finding}
    if gone := sorted(recorded - set(options.classes)):
        raise SessionRefused(
            f"{', '.join(gone)} was recorded already and must stay among the findings. End this session to begin one "
            "with others."
        )


def _check_record(record: Record) -> None:
    """What no single value of a file can tell."""
    if record.format != FORMAT:
        raise SessionRefused("it was written by a newer version")
    check_options(record.options, ())
    if len({film.sha256 for film in record.films}) != len(record.films):
        raise SessionRefused("it names a film twice")
    for film in record.films:
        for said in filter(None, (film.before, film.last)):
            impressions.check(said, record.options.classes)


def _damaged(name: str, why: str) -> SessionRefused:
    return SessionRefused(
        f"Expected a reading session in {name}/{SESSION}; {why.removesuffix('.')}. Restore the file from a backup, or "
        "delete the folder.",
        code="damaged",
    )
