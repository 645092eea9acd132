"""Verify: make a report again from its JSON, the film and the models, and say whether numbers and pixels agree.

The JSON names a film by its SHA-256 and a model by its name and files; where they lie, whoever asks must know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from xraykit.films import ingest
from xraykit.films.radiograph import Radiograph
from xraykit.gate import Asked
from xraykit.models import classifier
from xraykit.models.cards.card import BODY, HEAD
from xraykit.models.classifier import Classifier
from xraykit.reading.impressions import Impression
from xraykit.refused import Refused, field_of
from xraykit.reports.film import report as film_report
from xraykit.reports.film import software, subject
from xraykit.reports.film.subject import Settings
from xraykit.reports.heatmap import colormaps
from xraykit.system import files

MOST_BYTES = 64 * 2**20  # of a JSON
SAME = 1e-6  # numbers that differ by no more agree: another processor rounds its last bits in another way
PIXELS = "sha256_of_pixels"
FILM = "report film"

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class NotVerified(Refused):
    """A report that cannot be made again; the words say what is missing."""

    code = "not-verified"


@dataclass(frozen=True)
class Difference:
    """What is another now, by where it stands in the JSON."""

    where: str
    then: Any
    now: Any

    @property
    def words(self) -> str:
        return f"{self.where}: {_short(self.then)} then, {_short(self.now)} now"


@dataclass(frozen=True)
class Verified:
    """How many numbers, texts and pictures were compared, what differs, and the software that is another now."""

    numbers: int
    texts: int
    pictures: int
    differences: tuple[Difference, ...]
    software: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return not self.differences


class _Film(msgspec.Struct, frozen=True):
    sha256: Digest
    bytes: int = 0


class _Hashes(msgspec.Struct, frozen=True):
    film: _Film
    models: dict[str, dict[str, str]] = {}


class _Arguments(msgspec.Struct, frozen=True):
    models: tuple[str, ...]
    gate: Asked
    created: str
    impression: Impression | None = None
    name: str = ""


class _Redo(msgspec.Struct, frozen=True):
    verb: str
    arguments: _Arguments
    settings: Settings
    hashes: _Hashes
    versions: dict[str, str] = {}


def verify(sidecar: Path, places: Sequence[Path] = (), models: Mapping[str, Path] | None = None) -> Verified:
    """Make the film report of a JSON file again, and compare.

    Parameters
    ----------
    sidecar : Path
        What `report film --format json` wrote.
    places : sequence of Path
        Where the film may lie: files, and folders to any depth; the JSON's own folder where none is given.
    models : mapping, optional
        Folders of models by name; others are those of `models_folder()`.

    Raises
    ------
    NotVerified
        If the file is no such JSON, or the film is not in these places.
    ModelRefused
        If a model is missing or damaged.
    """
    held, redo = _read(sidecar)
    film = _find(redo.hashes.film, places or [sidecar.absolute().parent])
    readers = [classifier.load((models or {}).get(name, name)) for name in redo.arguments.models]
    again = subject.read(
        film,
        readers,
        asked=redo.arguments.gate,
        settings=redo.settings,
        created=redo.arguments.created,
        impression=redo.arguments.impression,
        name=redo.arguments.name,
        bytes=redo.hashes.film.bytes,
    )
    made = json.loads(film_report.report(again).to_json())
    differences = [*_other_files(redo, readers), *_differences(_compared(held), _compared(made), "")]
    kinds = [_kind(where, value) for where, value in _leaves(_compared(held), "")]
    return Verified(
        numbers=kinds.count("number"),
        texts=kinds.count("text"),
        pictures=kinds.count("picture"),
        differences=tuple(differences),
        software=tuple(_other_software(redo.versions)),
    )


def _read(sidecar: Path) -> tuple[dict[str, Any], _Redo]:
    name = files.shown(sidecar.name)[:200]
    data = files.read_plain(sidecar, MOST_BYTES)
    try:
        held = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NotVerified(f"Expected a report as JSON in {name}; got something else.") from None
    if not isinstance(given := held.get("redo"), dict):
        raise NotVerified(f"{name} does not say how to make it again. Only film reports written as JSON do.")
    if given.get("verb") != FILM:
        raise NotVerified(f"{name} is no film report; only those can be made again.")
    try:
        redo = msgspec.convert(given, _Redo)
    except msgspec.ValidationError as error:
        raise NotVerified(f"{name} holds something else as redo.{field_of(error)} than a film report does.") from None
    if redo.settings.colormap not in colormaps.NAMES or not 0 <= redo.settings.opacity <= 1:
        raise NotVerified(f"{name} asks for colours that there are not.")
    if not 1 <= redo.settings.longest <= 2**14 or redo.arguments.gate.turn not in (0, 90, 180, 270):
        raise NotVerified(f"{name} asks for a film turned or drawn as none can be.")
    return held, redo


def _find(wanted: _Film, places: Sequence[Path]) -> Radiograph:
    """The film of this SHA-256, wherever it lies in these places."""
    for path in ingest.list_films(places):
        try:
            same_size = not wanted.bytes or path.stat().st_size == wanted.bytes
            if not same_size or files.sha256_of(path) != wanted.sha256:
                continue
        except OSError:
            continue
        with ingest.Ingest(workers=1) as firewall:
            film = firewall.read(path)
        if isinstance(film, Radiograph):
            return film
        raise NotVerified(f"The film is there but cannot be read: {film.words}")
    looked = ", ".join(files.shown(place) for place in places)
    raise NotVerified(
        f"No film with the SHA-256 {wanted.sha256[:12]}… lies in {looked}. Say where it is with --films FILE or FOLDER."
    )


def _other_files(redo: _Redo, readers: Sequence[Classifier]) -> Iterator[Difference]:
    """Files of models that make numbers, where they are others than they were."""
    for name, reader in zip(redo.arguments.models, readers, strict=True):
        then, now = redo.hashes.models.get(name, {}), reader.card.files
        for file in (BODY, HEAD):
            if then.get(file) != now.get(file):
                yield Difference(f"models.{name}.{file}", then.get(file), now.get(file))


def _other_software(then: Mapping[str, str]) -> Iterator[str]:
    now = software.versions()
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) != now.get(name):
            yield f"{name} {then.get(name, 'none')} then, {now.get(name, 'none')} now"


def _compared(report: dict[str, Any]) -> dict[str, Any]:
    """Without what says how it was made: that is compared on its own."""
    facts = report.get("facts")
    rest = {name: value for name, value in report.items() if name not in ("redo", "facts")}
    kept = {name: value for name, value in facts.items() if name != "Software"} if isinstance(facts, dict) else facts
    return rest | {"facts": kept}


def _differences(then: Any, now: Any, where: str) -> Iterator[Difference]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*then, *now]):
            yield from _differences(then.get(key), now.get(key), f"{where}.{key}".lstrip("."))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (before, after) in enumerate(zip(then, now, strict=True)):
            yield from _differences(before, after, f"{where}[{number}]")
    elif not _same(then, now):
        yield Difference(where, then, now)


def _same(then: Any, now: Any) -> bool:
    if _is_number(then) and _is_number(now):
        return abs(then - now) <= SAME
    return type(then) is type(now) and then == now


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, where)
    else:
        yield where, value


def _kind(where: str, value: Any) -> str:
    if where == PIXELS:
        return "picture"
    return "number" if _is_number(value) else "text" if isinstance(value, str) else "other"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
