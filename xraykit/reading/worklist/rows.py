"""The films of a tab in their order: where each lies, what became of it, and which are read next.

Knows no service and no thread of its own; its methods may be called from any. Holds no pixels.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from xraykit.films.folders.zipped import Place
from xraykit.films.note import Note
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import AS_IT_IS, Asked, Outcome
from xraykit.models.service.scoring import Scored
from xraykit.truth.seen.films import Known

BATCH = 16  # films of a folder that are read together
PACE = 256  # films over which the time that is left is reckoned
Knows = Callable[[str, Scored], "Known | None"]  # by model: whether it was made with a film
State = Literal["waiting", "ready", "refused"]


@dataclass(slots=True, eq=False)
class Row:
    """A film of a worklist.

    Attributes
    ----------
    id : str
        Its name in addresses.
    name : str
        The file's name, below the folder that was opened.
    place : Path or Member
        Where it lies, in a zip or not.
    state : "waiting", "ready" or "refused"
    changed : int
        The worklist's version when it last changed.
    scored : Facts or None
        What it is, once it is ready.
    models : dict of str to Reading
        What each model makes of it.
    compared : dict of (str, str) to (float or None, float or None)
        Correlation and overlap of two models' heatmaps.
    asked : Asked
        How it is to be taken: turned first, or read though the gate refuses it.
    gate : Outcome or None
        What the gate made of it, once it is ready. A film that is refused there is ready: it is drawn, but not read.
    """

    id: str
    name: str
    place: Place
    state: State = "waiting"
    changed: int = 0
    refusal: Refusal | None = None
    facts: Facts | None = None
    thumbnail: bytes = b""
    models: dict[str, Reading] = field(default_factory=dict)
    compared: dict[tuple[str, str], tuple[float | None, float | None]] = field(default_factory=dict)
    same_as: str | None = None
    group: int | None = None
    busy: bool = False
    asked: Asked = AS_IT_IS
    gate: Outcome | None = None

    @property
    def disagree(self) -> bool:
        """Whether two models predict different classes."""
        return len({reading.top for reading in self.models.values() if reading.top is not None}) > 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a film beside its pixels; as `films.decoder.Glance` has it."""

    sha256: str
    format: str
    width: int
    height: int
    bits: int
    view: str | None
    laterality: str | None
    colour: bool
    notes: tuple[Note, ...]
    taken: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model makes of a film: a probability for each class, or words.

    `version` is that of the model, `top` the class of the highest probability, `known` whether the film was among
    those the model was made with.
    """

    version: str
    top: str | None
    probabilities: tuple[float, ...]
    classes: tuple[str, ...]
    words: str = ""
    known: Known | None = None


@dataclass(frozen=True)
class Changes:
    """What changed since a version: the rows, and the whole order where that changed."""

    version: int
    order: list[str] | None
    rows: list[Row]
    removed: list[str]


@dataclass(frozen=True)
class Counts:
    """How many films there are, of each state, and the seconds until all are read, where that can be told."""

    total: int
    done: int
    refused: int
    waiting: int
    seconds: float | None


class Worklist:
    """Rows in order, each with the version in which it last changed; `notify` is called after every change, `knows` for
    every film that a model has read."""

    def __init__(self, notify: Callable[[], None] = lambda: None, knows: Knows = lambda model, film: None) -> None:
        self._knows = knows
        self.version = 0
        self._notify = notify
        self._rows: dict[str, Row] = {}
        self._ordered = 0  # version of the last change of the order
        self._removed: dict[str, int] = {}
        self._ids = itertools.count(1)
        self._by_sha: dict[str, list[str]] = {}
        self._groups: dict[str, int] = {}
        self._notes: dict[Note, Note] = {}
        self._wanted: dict[str, str] = {}
        self._first: list[str] = []
        self._queue: deque[Row] = deque()
        self._times: deque[float] = deque(maxlen=PACE)
        self._closed = False
        self._work = threading.Condition()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, name: str) -> Row | None:
        """The row of this id."""
        return self._rows.get(name)

    def rows(self) -> list[Row]:
        """All rows in order."""
        with self._work:
            return list(self._rows.values())

    def add(self, films: Iterable[tuple[str, Place | Refusal]]) -> list[Row]:
        """Put films, by name and place, at the end; one that is refused already says why."""
        with self._work:
            if not self._queue:
                self._times.clear()  # the pace of what was read before is none of these films'
            new = [self._new(name, place) for name, place in films]
            if new:
                self._order_changed(new)
                self._queue.extend(row for row in new if row.state == "waiting")
        self._tell()
        return new

    def look(self, name: str, ahead: Sequence[str] = ()) -> None:
        """Read this film first, then those ahead."""
        with self._work:
            self._first = [name, *ahead]
            self._work.notify_all()

    def want(self, models: Mapping[str, str]) -> None:
        """Have these models (name to version) read every film, those that are ready too."""
        with self._work:
            if dict(models) == self._wanted:
                return
            self._wanted = dict(models)
            changed = [row for row in self._rows.values() if self._forget(row)]
            self._touch(changed)
            self._queue = deque(row for row in self._rows.values() if not row.busy and self._needs(row))
            self._work.notify_all()
        self._tell()

    def take(self, looked_at: bool = False) -> tuple[list[Row], dict[str, str]] | None:
        """Wait for films to read: those and the models; a film that is looked at comes alone. None: no more.

        With `looked_at`, only films that are looked at or next.
        """
        with self._work:
            while not self._closed:
                if taken := self._next(looked_at):
                    for row in taken:
                        row.busy = True
                    return taken, dict(self._wanted)
                self._work.wait()
            return None

    def settle(self, row: Row, result: Scored | Refusal, wanted: Mapping[str, str], asked: Asked = AS_IT_IS) -> None:
        """Note what became of a film that was taken so."""
        with self._work:
            row.busy = False
            if self._rows.get(row.id) is not row:  # removed meanwhile
                return
            if row.asked == asked:  # else it was asked for in another way meanwhile: it is read anew
                if isinstance(result, Refusal):
                    row.state, row.refusal = "refused", result
                else:
                    self._take_in(row, result, wanted)
            self._times.append(time.monotonic())
            self._touch([row])
            if self._needs(row):  # another model came meanwhile
                self._queue.append(row)
                self._work.notify()
        self._tell()

    def release(self, rows: Iterable[Row]) -> None:
        """Give back films that were taken and not read."""
        with self._work:
            for row in rows:
                if row.busy:
                    row.busy = False
                    self._queue.appendleft(row)
            self._work.notify_all()

    def ask(self, row: Row, asked: Asked) -> None:
        """Have a film taken in another way, and read anew."""
        with self._work:
            row.asked, row.state = asked, "waiting"
            row.models, row.compared = {}, {}
            self._touch([row])
            self._queue.appendleft(row)
            self._work.notify_all()
        self._tell()

    def remove(self, names: Iterable[str]) -> list[Row]:
        """Forget films; returns those that were there."""
        with self._work:
            gone = [self._rows.pop(name) for name in names if name in self._rows]
            if gone:
                self._order_changed([])
                self._removed.update((row.id, self.version) for row in gone)
                for row in gone:
                    self._part(row)
                self._queue = deque(row for row in self._queue if row.id in self._rows)
        self._tell()
        return gone

    def stop_waiting(self) -> list[Row]:
        """Forget the films that nobody has read yet."""
        with self._work:
            names = [row.id for row in self._rows.values() if row.state == "waiting" and not row.busy]
        return self.remove(names)

    def touch(self, row: Row) -> None:
        """Have a row sent again: what a reader made of it changed."""
        with self._work:
            self._touch([row])
        self._tell()

    def tell(self) -> None:
        """Raise the version: something beside the rows changed."""
        with self._work:
            self.version += 1
        self._tell()

    def since(self, version: int) -> Changes:
        """What changed after a version; 0 for everything."""
        with self._work:
            if version > self.version:  # of another worklist
                version = 0
            return Changes(
                self.version,
                list(self._rows) if self._ordered > version or not version else None,
                [row for row in self._rows.values() if row.changed > version],
                [name for name, at in self._removed.items() if at > version],
            )

    def counts(self) -> Counts:
        """How many films there are, and how long it takes until all are read."""
        with self._work:
            states = [row.state for row in self._rows.values()]
            waiting, refused = states.count("waiting"), states.count("refused")
            left = sum(map(self._needs, self._rows.values()))
            return Counts(len(states), len(states) - waiting, refused, waiting, self._seconds(left))

    def close(self) -> None:
        """End every `take`."""
        with self._work:
            self._closed = True
            self._work.notify_all()

    def _new(self, name: str, place: Place | Refusal) -> Row:
        row = Row(str(next(self._ids)), name, Path() if isinstance(place, Refusal) else place)
        if isinstance(place, Refusal):
            row.state, row.refusal = "refused", place
        self._rows[row.id] = row
        return row

    def _next(self, looked_at: bool) -> list[Row]:
        for name in self._first:
            row = self._rows.get(name)
            if row is not None and not row.busy and self._needs(row):
                return [row]
        if looked_at:
            return []
        taken: list[Row] = []
        most = BATCH if self._times else 1  # the very first film is not held up by its neighbours
        while self._queue and len(taken) < most:
            row = self._queue.popleft()
            if self._rows.get(row.id) is row and not row.busy and self._needs(row):
                if row.asked != AS_IT_IS:  # is read alone, after its neighbours or before
                    self._queue.extendleft([row] * bool(taken))
                    return taken or [row]
                taken.append(row)
        return taken

    def _needs(self, row: Row) -> bool:
        if row.state == "ready":
            return any(name not in row.models or row.models[name].version != v for name, v in self._wanted.items())
        return row.state == "waiting"

    def _take_in(self, row: Row, scored: Scored, wanted: Mapping[str, str]) -> None:
        film = scored.film
        notes = tuple(self._notes.setdefault(note, note) for note in film.notes)
        row.state, row.refusal = "ready", None
        row.facts = Facts(notes=notes, **{name: getattr(film, name) for name in _COPIED})
        row.thumbnail, row.gate = film.thumbnail, scored.gate
        for name, version in wanted.items():
            if name in scored.predictions:
                row.models[name] = _reading(scored.predictions[name], version, self._knows(name, scored))
        row.compared = {
            pair: (agreement.correlation, agreement.overlap) for pair, agreement in scored.agreement.items()
        }
        self._forget(row)  # models that were put away while it was read
        if film.patient is not None:
            row.group = self._groups.setdefault(film.patient, len(self._groups) + 1)
        same = self._by_sha.setdefault(film.sha256, [])
        if row.id not in same:
            same.append(row.id)
        row.same_as = same[0] if same[0] != row.id else None

    def _part(self, row: Row) -> None:
        """The next film of the same bytes is the first of them now."""
        same = self._by_sha.get(row.facts.sha256, []) if row.facts else []
        if row.id not in same:
            return
        same.remove(row.id)
        others = [self._rows[name] for name in same if name in self._rows]
        for other in others:
            other.same_as = same[0] if other.id != same[0] else None
        self._touch(others)
        if not same and row.facts:
            del self._by_sha[row.facts.sha256]

    def _forget(self, row: Row) -> bool:
        """Drop what models said that are no longer asked; whether there was any."""
        gone = [name for name in row.models if name not in self._wanted]
        for name in gone:
            del row.models[name]
        row.compared = {pair: value for pair, value in row.compared.items() if not set(pair) & set(gone)}
        return bool(gone)

    def _order_changed(self, rows: Iterable[Row]) -> None:
        self._touch(rows)
        self._ordered = self.version
        self._work.notify_all()

    def _touch(self, rows: Iterable[Row]) -> None:
        self.version += 1
        for row in rows:
            row.changed = self.version

    def _seconds(self, left: int) -> float | None:
        if not left or len(self._times) < 2:
            return None
        return left * (self._times[-1] - self._times[0]) / (len(self._times) - 1)

    def _tell(self) -> None:
        self._notify()


_COPIED = [name for name in Facts.__slots__ if name != "notes"]


def _reading(prediction: Any, version: str, known: Known | None) -> Reading:
    if isinstance(prediction, str):
        return Reading(version, None, (), (), prediction, known)
    probabilities = tuple(prediction.probabilities.tolist())
    return Reading(version, prediction.top, probabilities, prediction.classes, known=known)
