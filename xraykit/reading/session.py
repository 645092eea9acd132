"""A reading session: what a reader said of each film, in memory, and on disk only where that was asked for."""

from __future__ import annotations

import contextlib
import shutil
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import msgspec

from xraykit.gate.verdict import Asked, Outcome
from xraykit.reading import impressions, kept
from xraykit.reading.impressions import Impression
from xraykit.reading.kept import Answer, Options, ReadFilm, Record, SessionRefused
from xraykit.reading.reference import Labels
from xraykit.refused import words_of
from xraykit.system import files, folders

MOST_PICTURE = 2**16  # bytes of a small picture
UNNAMED = "reading"


class Session:
    """One tab's reading session. Any thread may call it; what writes to disk waits for the disk."""

    def __init__(self, options: Options | None = None, root: Path | None = None) -> None:
        self._root = root
        self._guard = threading.RLock()
        self._folder: Path | None = None
        self._lock: IO[Any] | None = None
        self._start(options or Options())

    def _start(self, options: Options) -> None:
        self._options = replace(options, keep=False)
        self._films: dict[str, ReadFilm] = {}
        self._pictures: dict[str, bytes] = {}
        self._said: dict[str, int] = {}
        self._labels = Labels()
        self._created = self._changed = files.now()
        self._id = uuid.uuid4().hex[:12]

    @property
    def options(self) -> Options:
        return self._options

    @property
    def name(self) -> str:
        """The kept session's folder; "" where it is not kept."""
        return self._folder.name if self._folder else ""

    def record(self) -> Record:
        """The session as it stands, with films' names whether they are kept or not."""
        with self._guard:
            films = tuple(sorted(self._films.values(), key=lambda film: film.order))
            return Record(self._options, self._created, self._changed, films)

    def film(self, sha256: str) -> ReadFilm | None:
        """What was read of the film with this hash; None where nothing was."""
        return self._films.get(sha256)

    def row(self, sha256: str) -> dict[str, Any] | None:
        """A film's last impression for the browser, with the finding `before` the models and the `session`'s id."""
        begun = self._id  # read first: a film of the session before must never bear the id of the one that follows
        film = self._films.get(sha256)
        if film is None:
            return None
        before = film.before.finding if film.before else None
        return {**msgspec.to_builtins(film.last), "before": before, "session": begun}

    def put(
        self,
        sha256: str,
        impression: Impression,
        *,
        name: str = "",
        label: str | None = None,
        answers: Mapping[str, Answer] | None = None,
        picture: bytes | None = None,
        gate: Outcome | None = None,
        said: int = 0,
    ) -> ReadFilm:
        """Record an impression in place of the film's last one, and write it to disk where the session is kept.

        An impression cannot be blind once the models were shown: it then counts as one with them. `said` is when it was
        said, by the reader's clock in milliseconds; 0 for now. One that was overtaken on its way by a later one
        changes nothing, but for the finding before the models were shown where there is none yet.

        Raises
        ------
        ImpressionRefused
            If the finding is none of the session's classes.
        SessionRefused
            If it cannot be written; it is recorded in memory all the same.
        """
        impressions.check(impression, self._options.classes)
        with self._guard:
            known = self._films.get(sha256)
            if known is not None and 0 < said < self._said.get(sha256, 0):
                return self._put_late(known, impression)
            self._said[sha256] = max(said, self._said.get(sha256, 0))
            shown = known is not None and not known.last.blind
            last = replace(impression, blind=impression.blind and not shown, at=files.now())
            film = ReadFilm(
                sha256=sha256,
                order=known.order if known else len(self._films) + 1,
                last=last,
                before=last if last.blind and last.finding else (known.before if known else None),
                name=name or (known.name if known else ""),
                label=self._labels.label_of(sha256, name) or label or (known.label if known else None),
                answers=answers or (known.answers if known else {}),
                gate=gate.state if gate else "",
                laid=_laid(gate.asked) if gate else "",
            )
            self._films[sha256], self._changed = film, last.at
            if picture and len(picture) <= MOST_PICTURE:
                self._pictures[sha256] = picture
            self._save()
            return film

    def _put_late(self, known: ReadFilm, impression: Impression) -> ReadFilm:
        if impression.blind and impression.finding and known.before is None:
            known = replace(known, before=replace(impression, at=files.now()))
            self._films[known.sha256] = known
            self._save()
        return known

    def heard(self, sha256: str, said: Any) -> bool:
        """Is an impression of this film recorded that was said at this moment or later? True for what is no moment."""
        return not isinstance(said, int) or self._said.get(sha256, 0) >= said

    def refer(self, labels: Labels) -> int:
        """Give films their reference standard, those read already and those to come; how many were read already."""
        with self._guard:
            self._labels = labels
            given = {sha: label for sha, film in self._films.items() if (label := labels.label_of(sha, film.name))}
            self._films |= {sha: replace(self._films[sha], label=label) for sha, label in given.items()}
            if given:
                self._save()
            return len(given)

    def choose(self, options: Options) -> None:
        """Take over what the reader chose; what was read stays. Keeping begins, or its folder goes.

        Raises
        ------
        SessionRefused
            If a class that was found already is to go, or nothing can be written.
        """
        with self._guard:
            kept.check_options(options, self.record().films)
            was = self._options
            self._options = replace(options, keep=was.keep)
            try:
                if options.keep and self._folder is None:
                    self._open_new(options.title)
                elif not options.keep and self._folder is not None:
                    self._remove()
                self._options = options
                self._save()
            except BaseException:
                self._options = was
                raise

    def ask(self, data: bytes) -> None:
        """Do what a browser asks for, as JSON: choices by name, {"resume": NAME}, {"delete": NAME} or {"end": true}.

        Choices that are missing stay as they are.

        Raises
        ------
        SessionRefused
            As `choose`, `resume`, `end` and `kept.delete`, or where it is none of these.
        """
        asked = kept.read_request(data)
        if asked.resume:
            self.resume(asked.resume)
        elif asked.delete:
            kept.delete(asked.delete, self._root)
        elif asked.end:
            self.end()
        else:
            self.choose(asked.options(self._options))

    def state(self) -> dict[str, Any]:
        """What the browser is told beside the rows: the choices, the kept session's `name`, how many films were read.

        {"keep", "title", "blind", "classes", "names", "pictures", "name", "films", "labels", "created",
        "session"}; the last is another one after `resume` and `end`
        """
        with self._guard:
            return {
                **msgspec.to_builtins(self._options),
                "name": self.name,
                "films": len(self._films),
                "labels": len(self._labels),
                "created": self._created,
                "session": self._id,
            }

    def resume(self, name: str) -> Record:
        """Go on with a kept session in place of this one, which is ended first.

        Raises
        ------
        SessionRefused
            If there is none of that name, it is damaged, or another tab has it open.
        """
        with self._guard:
            if name == self.name:
                return self.record()
            folder = kept.folder_of(name, self._root)
            lock = kept.lock(folder)
            try:
                record = kept.load(name, self._root)
            except BaseException:
                lock.close()
                raise
            self.end()
            self._folder, self._lock = folder, lock
            self._options = replace(record.options, keep=True)
            self._films = {film.sha256: film for film in record.films}
            self._created, self._changed = record.created, record.changed
            self._save()
            return self.record()

    def end(self) -> None:
        """Close the session: a kept one stays on disk, any other is gone. A new one begins with the same choices."""
        with self._guard:
            try:
                self._save(ended=True)
            finally:
                self._let_go()
                self._start(replace(self._options, title=""))

    def close(self) -> None:
        """The tab is gone: as `end`, and nothing is raised."""
        with contextlib.suppress(SessionRefused):
            self.end()

    def _open_new(self, title: str) -> None:
        root = self._root or folders.readings_folder()
        try:
            folder = folders.make_first_free(root, folders.dated_names(title or UNNAMED, UNNAMED))
        except OSError as error:
            raise SessionRefused(f"The session cannot be kept. {words_of(error)}") from None
        if folder is None:
            raise SessionRefused(f"Every name for a session called {title} is taken. Delete old ones.")
        self._folder, self._lock = folder, kept.lock(folder)

    def _save(self, ended: bool = False) -> None:
        """Write what is kept; nothing where the session is not."""
        if self._folder is None:
            return
        record = replace(self.record().shared(), ended=files.now() if ended else "")
        try:
            files.replace_text(self._folder / kept.SESSION, msgspec.json.encode(record).decode())
            self._save_pictures()
        except OSError as error:
            raise SessionRefused(
                f"The session {self.name} cannot be written: {words_of(error)} It is still whole in this tab: make "
                "room, then record the next impression, or download it as JSON."
            ) from None

    def _save_pictures(self) -> None:
        if self._folder is None:
            return
        if not self._options.pictures:
            shutil.rmtree(self._folder / kept.PICTURES, ignore_errors=True)
            return
        folders.make_private(self._folder / kept.PICTURES)
        while self._pictures:
            sha, picture = self._pictures.popitem()
            with files.open_private(self._folder / kept.PICTURES / f"{sha}.jpg") as file:
                file.write(picture)

    def _remove(self) -> None:
        if self._folder is not None:
            kept.discard(self._folder)  # while it is held: another tab might open it meanwhile
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.close()
        self._folder = self._lock = None


def _laid(asked: Asked) -> str:
    return ", ".join([f"turned {asked.turn}"] * bool(asked.turn) + ["inverted"] * asked.inverted)
