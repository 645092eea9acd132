"""The firewall: strangers' files are decoded in killable processes and come out as a Radiograph or a Refusal.

Never decodes in the calling process, never raises because of a file, never imports a network library.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xraykit.films import decoder
from xraykit.films.decoder import MAX_BYTES, Glance, Wanted
from xraykit.films.folders import walk
from xraykit.films.folders.member import Member
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import TOO_MUCH_MEMORY, Film, Refusal, refuse, too_large
from xraykit.refused import Refused
from xraykit.system import processes

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool


SECONDS = 10.0  # for one film, counted from the moment a decoder takes it
BATCH_SECONDS = 3.0  # for a batch of small films; one that is late is read again film by film, SECONDS each
BATCH_FILMS, SMALL_BYTES = 16, 256 * 1024


class FilmsUnread(Refused):
    """No film can be read: the decoders do not stay alive whatever they are given."""

    code = "decoders"


class Ingest:
    """A few decoder processes that can be killed.

    Started at the first film (or by `start`), ended by `close` or with this process, however it ends. Safe to
    use from several threads.

    Parameters
    ----------
    workers : int
        Number of decoder processes.
    """

    def __init__(self, workers: int = 2) -> None:
        self.workers = workers
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None
        self._closing = threading.Event()

    def __enter__(self) -> Ingest:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the decoders now, so that the first film need not wait for them."""
        self._running_pool()

    def glance(self, film: Path | Member, source: str, wanted: Wanted) -> Glance | Refusal:
        """What a worklist wants of one film; `source` is its name in messages."""
        return replace(self._read_alone(film, wanted), source=source)

    def glances(self, films: Sequence[tuple[str, Path | Member]], wanted: Wanted) -> Iterator[Glance | Refusal]:
        """What a worklist wants of films, by name and place, in their order; small films travel in batches."""
        looked = self._read_many((place for _, place in films), wanted)
        for (source, _), result in zip(films, looked, strict=True):
            yield replace(result, source=source)

    def read(self, film: bytes | Path | Member, source: str | None = None) -> Radiograph | Refusal:
        """Read one film.

        Parameters
        ----------
        film : bytes, Path or Member
            The bytes of the file, or where it lies, in a zip or not.
        source : str, optional
            Its name in messages; the file's own name if it is a path.
        """
        if isinstance(film, bytes):
            named = (source or "film", film)
            return _refusal_at_the_door(named) or self._read_alone(named)
        result = self._read_alone(film)
        return result if source is None else replace(result, source=source)

    def read_many(self, films: Iterable[Film]) -> Iterator[Radiograph | Refusal]:
        """Read films in their order; a few are in flight at a time, so memory stays flat.

        Small films travel in batches. A film that hangs or kills its decoder costs no other film its result.

        Parameters
        ----------
        films : iterable of Path or of (name, bytes)

        Yields
        ------
        Radiograph or Refusal
            One for each film, in order.
        """
        return self._read_many(films)

    def _read_many(self, films: Iterable[Film], wanted: Wanted | None = None) -> Iterator[Any]:
        waiting: deque[tuple[list[Film], ProcessFuture | None]] = deque()
        for batch in _batches(films):
            waiting.append((batch, self._send(batch, BATCH_SECONDS if len(batch) > 1 else SECONDS, wanted)))
            if len(waiting) > self.workers + 1:
                yield from self._collect(*waiting.popleft(), wanted)
        while waiting:
            yield from self._collect(*waiting.popleft(), wanted)

    def loaded_modules(self) -> dict[str, Any]:
        """Process id and heavy modules (keras, tensorflow, jax, torch) of one decoder, as "pid" and "heavy"."""
        return self._running_pool().schedule(decoder.loaded_modules, timeout=SECONDS).result()

    def close(self) -> None:
        """End the decoders, busy ones too. Call it when no other thread waits for a film."""
        with self._lock:
            self._end_pool()

    def _running_pool(self) -> ProcessPool:
        with self._lock:
            if self._pool is None or not self._pool.active:
                self._end_pool()
                self._pool = self._new_pool()
            return self._pool

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.stop()
            self._closing.set()
            self._pool.join()
            self._pool = None

    def _new_pool(self) -> ProcessPool:
        from pebble import ProcessPool

        pool = ProcessPool(
            max_workers=self.workers,
            initializer=decoder.prepare,
            initargs=(os.getpid(),),
            context=processes.CONTEXT,
        )
        started, self._closing = threading.Event(), threading.Event()
        # Linux sends a decoder its parent-death signal when the *thread* that started it ends: this one stays
        keeper = threading.Thread(target=_keep, args=(pool, started, self._closing), name="decoders", daemon=True)
        keeper.start()
        started.wait()
        return pool

    def _send(self, batch: list[Film], seconds: float, wanted: Wanted | None) -> ProcessFuture | None:
        """Hand a batch to the decoders; None where it must be read film by film (too large, or the pool broke)."""
        if any(map(_refusal_at_the_door, batch)):
            return None
        try:
            return self._running_pool().schedule(decoder.read_batch, args=(batch, wanted), timeout=seconds)
        except RuntimeError:
            return None

    def _collect(self, batch: list[Film], future: ProcessFuture | None, wanted: Wanted | None) -> Iterator[Any]:
        """The results of a batch; what it did not bring back is read film by film."""
        done: list[Any] = []
        if future is not None:
            try:
                done = future.result()
            except Exception as error:  # whatever ended the batch: with one film it is the answer, else try singly
                if len(batch) == 1 and not _broken(error) and not _died(error):
                    done = [_refusal_after(error, batch[0])]
        yield from done
        for film in batch[len(done) :]:
            yield _refusal_at_the_door(film) or self._read_alone(film, wanted)

    def _read_alone(self, film: Film, wanted: Wanted | None = None, attempts: int = 3) -> Any:
        """Read one film by itself; again, in a fresh decoder, where the one that had it died or the pool ended."""
        died = 0
        for _ in range(attempts):
            future = self._send([film], SECONDS, wanted)
            try:
                if future is not None:
                    return future.result()[0]
            except Exception as error:  # pebble hands on whatever ended the task
                died += _died(error)
                if died > 1 or not (_broken(error) or _died(error)):
                    return _refusal_after(error, film)
        raise FilmsUnread(
            "The processes that read films cannot be started or end at once. Restart xraykit; `python -m xraykit "
            "doctor` says what this computer lacks."
        )


def list_films(paths: Iterable[Path]) -> list[Path]:
    """`find_films`, all of them."""
    return list(find_films(paths))


def find_films(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are given, folders walked as `walk` does: sorted, to any depth, hidden files left out.

    Tables, notes and the litter of file managers are left out of folders; other unknown endings stay, and so do folders
    that cannot be read, so that they are refused by name rather than skipped in silence.
    """
    for path in map(Path, paths):
        if not os.path.isdir(path):
            yield path
            continue
        folder = _walked(path)
        yield from folder.all_films() if folder else [path]
        yield from (holder.path / name for holder in (folder.all_folders() if folder else ()) for name in holder.closed)


def _walked(path: Path) -> walk.Folder | None:
    try:
        return walk.walk(path)
    except OSError:
        return None


def _refusal_at_the_door(film: Film) -> Refusal | None:
    """Bytes over the limit are not even handed to a decoder."""
    if isinstance(film, tuple) and len(film[1]) > MAX_BYTES:
        return too_large(film, len(film[1]), MAX_BYTES)
    return None


def _broken(error: Exception) -> bool:
    """Whether the pool ended rather than the film's own task."""
    return isinstance(error, BrokenExecutor | CancelledError)


def _refusal_after(error: Exception, film: Film) -> Refusal:
    """What to say of a film whose task did not come back; an error that no film can cause is raised again."""
    from pebble import ProcessExpired

    if isinstance(error, TimeoutError):
        words = f"Decoding the film took longer than {SECONDS:g} s. Export it again, uncompressed."
        return refuse(film, "timeout", words)
    if isinstance(error, MemoryError):
        return refuse(film, "memory", TOO_MUCH_MEMORY)
    if isinstance(error, ProcessExpired):
        words = (
            "The process that read the film ended twice before it was done: the film crashes it, or something else on "
            "this computer ends it. Read the film again; if it stays so, export it again as PNG."
        )
        return refuse(film, "decoder-died", words)
    raise error


def _died(error: Exception) -> bool:
    """Whether the decoder's process ended with the film in its hands: by the film, or killed from outside."""
    from pebble import ProcessExpired

    return isinstance(error, ProcessExpired)


def _keep(pool: ProcessPool, started: threading.Event, closing: threading.Event) -> None:
    try:
        pool.schedule(decoder.loaded_modules)
    finally:
        started.set()
    closing.wait()


def _batches(films: Iterable[Film]) -> Iterator[list[Film]]:
    """Small films together, a larger or odd one alone, in order."""
    batch: list[Film] = []
    for film in films:
        small = _size(film) <= SMALL_BYTES
        if batch and (not small or len(batch) == BATCH_FILMS):
            yield batch
            batch = []
        batch.append(film)
        if not small:
            yield batch
            batch = []
    if batch:
        yield batch


def _size(film: Film) -> int:
    """Bytes of a film; more than any limit if it is no plain file or cannot be looked at."""
    if isinstance(film, tuple):
        return len(film[1])
    if isinstance(film, Member):
        return film.size
    try:
        status = os.stat(film)
    except (OSError, ValueError):
        return MAX_BYTES + 1
    return status.st_size if stat.S_ISREG(status.st_mode) else MAX_BYTES + 1
