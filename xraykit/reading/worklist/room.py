"""The reading room of a tab: its worklist, the threads that have the service read it, the models, the reader's session.

Holds no pixels. Threads start with the first film and end with the room.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from xraykit.films.folders.zipped import Place
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import AS_IT_IS, Asked
from xraykit.models import classifier
from xraykit.models.cards.card import Card
from xraykit.models.explanation import Explanation
from xraykit.models.service import client as service
from xraykit.models.service.scoring import Scored
from xraykit.models.service.seen import Seen
from xraykit.reading.reference import Folders
from xraykit.reading.session import Session
from xraykit.reading.worklist.rows import Row, Worklist
from xraykit.reading.worklist.sources import Source
from xraykit.refused import Refused, words_of
from xraykit.truth.seen import films as seen
from xraykit.truth.seen.films import Known

AT_START = 2  # models that read the films until the reader chooses others
LISTED_AT_ONCE = 500
NEXT = 4  # films ahead that are kept ready
log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised inside a slow heatmap's progress: nobody waits for it any more."""


class Room:
    """A tab's reading room. Any thread may call it.

    Parameters
    ----------
    client : callable
        Gives the inference client.
    changed : callable
        Is called after every change, from any thread.
    """

    def __init__(self, client: Callable[[], service.Client], changed: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self.list = Worklist(changed, known)
        self.session = Session()
        self.folders = Folders()
        self.cards: list[Card] = []
        self.broken: list[Refusal] = []
        self.listing = 0
        self.more = False
        self.heats = Heats(self.heat, self.list.tell)
        self._chosen: tuple[str, ...] | None = None
        self._stopped = 0
        self._threads: list[threading.Thread] = []
        self._lock = threading.RLock()
        self._closed = False

    @property
    def restarts(self) -> int:
        """How often the service had to be started again."""
        return self._client().restarts

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names of the models that read the films."""
        there = [card.name for card in self.cards]
        if self._chosen is None:
            return tuple(there[:AT_START])
        return tuple(name for name in there if name in self._chosen)

    def set_models(self, cards: Sequence[Card], broken: Sequence[Refusal]) -> None:
        """Take over which models there are: films are read on by those that are new or have changed."""
        with self._lock:
            if (self.cards, self.broken) == (list(cards), list(broken)):
                return
            self.cards, self.broken = list(cards), list(broken)
            self._want()
        self.list.tell()

    def prepare(self) -> None:
        """Have the service ready before the first film comes; blocks."""
        with contextlib.suppress(Refused, OSError):
            self._client().prepare(self.chosen)

    def choose_models(self, names: Iterable[str]) -> None:
        """Have these models read the films, and no others."""
        with self._lock:
            self._chosen = tuple(names)
            self._want()
        self.list.tell()

    def add(self, films: Iterable[tuple[str, Place | Refusal]]) -> list[Row]:
        """Put films at the end of the list and have them read."""
        self._start()
        return self.list.add(films)

    def open(self, source: Source) -> None:
        """List what lies at a path: the first film at once, the others in a thread, while the first are read.

        Raises Refused, OSError where there is no first.
        """
        stopped, films = self._stopped, source.films()
        first = next(films)
        if source.folder:
            self.folders.add(source.path)
        with self._lock:
            self.listing += 1
        self._put([first], stopped)
        threading.Thread(target=self._list, args=(source, films, stopped), name="list", daemon=True).start()

    def stop(self) -> None:
        """List and read no more of what was opened; films that are read stay."""
        with self._lock:
            self._stopped += 1
            self.list.stop_waiting()

    def look(self, name: str, ahead: Sequence[str] = ()) -> None:
        """The reader looks at a film; it and those ahead come first."""
        self.list.look(name, ahead[:NEXT])

    def take_as(self, row: Row, way: str) -> None:
        """What a reader wants done with a film that the gate refused, or had done: "turn" it as the gate says, "read"
        it anyway, or take it "as-it-is" again. It is then read anew; raises Refused for anything else."""
        asked = row.asked
        if way == "turn" and row.gate and row.gate.verdict:
            turn = (asked.turn + row.gate.verdict.turn) % 360
            asked = Asked("on", turn, asked.inverted != row.gate.verdict.inverted)
        elif way == "read":
            asked = replace(asked, gate="overridden")
        elif way == "as-it-is":
            asked = AS_IT_IS
        else:
            raise Refused("Expected turn, read or as-it-is, of a film that the gate has seen.", code="request")
        self.list.ask(row, asked)

    def remove(self, names: Iterable[str]) -> list[Row]:
        """Forget films; returns those that were there. Their files are the caller's."""
        return self.list.remove(names)

    def score(self, row: Row, models: Sequence[str]) -> Scored | Refusal:
        """What these models make of a film that is not read by all of them yet; raises ServiceError."""
        return self._client().score(row.name, row.place, tuple(models), row.asked)

    def softcopy(self, row: Row) -> Any:
        """A film as it is drawn, or its Refusal; raises ServiceError."""
        sha = row.facts.sha256 if row.facts else None
        return self._client().softcopy(row.name, row.place, sha, self.chosen, row.asked)

    def heat(
        self, row: Row, model: str, method: str, label: str, progress: Callable[..., None] | None = None
    ) -> Explanation | Refusal:
        """A heatmap of a film; raises ModelRefused, ServiceError."""
        sha = row.facts.sha256 if row.facts else None
        return self._client().heat(row.name, row.place, sha, model, method, label, progress, row.asked)

    def see(self, row: Row, model: str) -> Seen | Refusal:
        """What a model is given of a film; raises ModelRefused, ServiceError."""
        sha = row.facts.sha256 if row.facts else None
        return self._client().see(row.name, row.place, sha, model, row.asked)

    def close(self) -> None:
        """Read no more, forget everything, end the session."""
        self._closed = True
        self.stop()
        self.heats.cancel_all()
        self.list.close()
        self.list.remove([row.id for row in self.list.rows()])
        self.session.close()

    def _want(self) -> None:
        by_name = {card.name: card for card in self.cards}
        self.list.want({name: _version(by_name[name]) for name in self.chosen})

    def _start(self) -> None:
        with self._lock:
            if self._threads or self._closed:
                return
            for place, front in enumerate((True, False, False)):  # one for what is looked at, two for the rest
                name = f"read-films-{place}"
                self._threads.append(threading.Thread(target=self._work, args=(front,), name=name, daemon=True))
            for thread in self._threads:
                thread.start()

    def _put(self, films: Iterable[tuple[str, Place | Refusal]], stopped: int) -> bool:
        """Put films of what was opened at the end; False where they were stopped since there were `stopped` stops."""
        with self._lock:
            if self._stopped != stopped or self._closed:
                return False
            self.add(films)
            return True

    def _list(self, source: Source, films: Iterator[tuple[str, Place | Refusal]], stopped: int) -> None:
        try:
            while part := list(itertools.islice(films, LISTED_AT_ONCE)):
                if not self._put(part, stopped):
                    break
            self.more = self.more or source.more
        except Exception as error:
            if not isinstance(error, Refused | OSError):
                log.error("a folder could not be listed (%s)", type(error).__name__)
            self.add([(source.name, Refusal(source.name, getattr(error, "code", "folder"), words_of(error)))])
        finally:
            with self._lock:
                self.listing -= 1
            self.list.tell()

    def _work(self, front: bool) -> None:
        while (taken := self.list.take(looked_at=front)) is not None:
            rows, wanted = taken
            try:
                if len(rows) == 1:
                    self._read_one(rows[0], wanted, keep=front)
                else:
                    self._read_many(rows, wanted)
            finally:
                self.list.release(rows)

    def _read_many(self, rows: list[Row], wanted: dict[str, str]) -> None:
        def each(place: int, result: Scored | Refusal) -> None:
            self.list.settle(rows[place], result, wanted)
            if self._closed:
                raise Cancelled

        with contextlib.suppress(Cancelled):
            try:
                self._client().score_many([(row.name, row.place) for row in rows], tuple(wanted), each)
            except (Refused, OSError):  # one of them ends the service, or it is gone: each for itself
                for row in rows:
                    if row.busy and not self._closed:
                        self._read_one(row, wanted, keep=False)

    def _read_one(self, row: Row, wanted: dict[str, str], keep: bool) -> None:
        asked = row.asked
        try:
            result = self._client().score(row.name, row.place, tuple(wanted), asked)
        except Exception as error:  # whatever it is, the other films are read
            if not isinstance(error, Refused | OSError):
                log.error("a film could not be read (%s)", type(error).__name__)
            result = Refusal(row.name, getattr(error, "code", "failed"), words_of(error))
        self.list.settle(row, result, wanted, asked)


class Heats:
    """Slow heatmaps under way, each computed once however often it is asked for, in a thread of its own."""

    def __init__(self, compute: Callable[..., Explanation | Refusal], tell: Callable[[], None]) -> None:
        self._compute, self._tell = compute, tell
        self._jobs: dict[tuple, Heat] = {}
        self._lock = threading.Lock()

    def ask(self, row: Row, model: str, method: str, label: str) -> Heat:
        """The job of a heatmap, begun where there is none."""
        key = (row.id, model, method, label)
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = Heat()
                threading.Thread(target=self._run, args=(job, row, *key[1:]), name="heatmap", daemon=True).start()
            return job

    def collect(self, row: Row, model: str, method: str, label: str) -> Explanation | Refusal | None:
        """What became of a job that ended, which is then forgotten; None where it was cancelled."""
        with self._lock:
            job = self._jobs.pop((row.id, model, method, label), None)
        return job.result if job else None

    def cancel(self, name: str, model: str, method: str, label: str) -> None:
        """End the computation, if it is under way."""
        with self._lock:
            job = self._jobs.pop((name, model, method, label), None)
        if job is not None:
            job.cancelled = True

    def cancel_all(self) -> None:
        """End all of them."""
        with self._lock:
            jobs, self._jobs = list(self._jobs.values()), {}
        for job in jobs:
            job.cancelled = True

    def _run(self, job: Heat, row: Row, model: str, method: str, label: str) -> None:
        def progress(done: float, remaining: float | None) -> None:
            if job.cancelled:
                raise Cancelled
            job.done, job.remaining = done, remaining

        try:
            job.result = self._compute(row, model, method, label, progress)
        except Cancelled:
            job.cancelled = True
        except Exception as error:
            if not isinstance(error, Refused | OSError):
                log.error("a heatmap could not be computed (%s)", type(error).__name__)
            job.result = Refusal(row.name, getattr(error, "code", "failed"), words_of(error))
        job.ended = True
        self._tell()


class Heat:
    """A heatmap that is being computed: share done, seconds left, and in the end its result."""

    def __init__(self) -> None:
        self.done = 0.0
        self.remaining: float | None = None
        self.cancelled = self.ended = False
        self.result: Explanation | Refusal | None = None


def known(model: str, film: Scored) -> Known | None:
    """Whether a model was made with a film; None too where it remembers none."""
    with contextlib.suppress(Refused, OSError):
        remembered = seen.load(classifier.named(model))
        if remembered is not None and film.fingerprint is not None:
            return seen.find(remembered, film.film.sha256, film.fingerprint)
    return None


def _version(card: Card) -> str:
    return f"{card.created} {card.temperature!r} {' '.join(sorted(card.files.values()))}"
