"""Features: what comes out of the frozen part of a network, computed once for each film and kept in the cache folder.

Kept under the frozen layers and their values, what comes before them, the precision and the version of reading; a film
under the hash of its file. So every head, rate, fold, seed and dataset that needs the same finds it. Holds no labels.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np

from xraykit.datasets.dataset import Dataset
from xraykit.films import radiograph
from xraykit.system import files, folders
from xraykit.training.fit.input import augmentation as augmenting
from xraykit.training.fit.input.batches import evenly
from xraykit.training.fit.input.cut import Cut
from xraykit.training.recipe.recipe import Augmentation
from xraykit.training.run.passes import Pass

FOLDER = "features"
SAVE_SECONDS = 10.0  # of a pass are lost at most, however it ends
LOOK_SECONDS = 0.2  # between two looks at a pass that another process is at
FREE_BYTES = 2 * 2**30  # of the disk that stay free for what cannot be computed again

Progress = Callable[[int, int], None]  # films passed, films in all; what it raises ends the pass


class NoRoom(OSError):
    """The disk has no room for the features; the network trains without them."""


@dataclass(frozen=True, eq=False)
class AugmentedFilms:
    """Films augmented for one of the passes that epochs take in turn: [(n,) int64] gives (n, S, S, channels).

    How a film is changed follows from its file, the augmentation and the number, so that every run may share a pass.
    """

    squares: np.ndarray
    hashes: Sequence[str]
    augmentation: Augmentation
    number: int

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return np.stack([self._film(int(i)) for i in indices])

    def _film(self, i: int) -> np.ndarray:
        random = np.random.default_rng((self.number, int(self.hashes[i][:15], 16)))
        return augmenting.augment(self.squares[i], self.augmentation, random)


class Features:
    """What comes out of the frozen part, by film index: features[(n,) int64] gives (n, ...) float32."""

    def __init__(self, rows: np.ndarray, slots: np.ndarray, key: str) -> None:
        self.rows, self.slots, self.key = rows, slots, key

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return self.rows[self.slots[indices]]


def passed(
    cut: Cut,
    films: Dataset,
    inputs: np.ndarray | AugmentedFilms,
    indices: np.ndarray,
    *,
    precision: str = "float32",
    batch_size: int = 32,
    progress: Progress = lambda done, total: None,
) -> tuple[Features, Pass]:
    """The features of some films: read where they are kept, else computed and kept, batch by batch.

    A second process that needs them waits while a first computes them. What a pass has computed when it is stopped or
    killed stays.

    Parameters
    ----------
    inputs : (N, S, S, channels) uint8, all films of the dataset, as they are or augmented.
    indices : (n,) int64, the films that are needed.
    precision : the Keras dtype policy of the network.
    batch_size : films that are passed at once.

    Raises
    ------
    NoRoom
        If the disk has no room for them.
    """
    folder = folders.cache_folder() / FOLDER
    folders.close_private(folder)
    store = _Store(folder, _key(cut, precision, inputs), tuple(map(int, cut.body.output.shape[1:])))
    needed = list(dict.fromkeys(films.hashes[i] for i in indices))
    with _alone(store, needed, progress):
        kept = store.read()
        absent = set(needed) - kept.films.keys()
        began, seconds_before = time.perf_counter(), kept.seconds
        if absent:
            one_each = {films.hashes[i]: int(i) for i in indices if films.hashes[i] in absent}
            batches = _batches(cut, inputs, np.array(list(one_each.values()), np.int64), batch_size)
            there = len(needed) - len(absent)
            kept = store.add(kept, list(one_each), batches, lambda done: progress(there + done, len(needed)))
        progress(len(needed), len(needed))
        features = Features(store.rows(len(kept.films)), _slots(films, kept), store.key)
    seconds = kept.seconds * len(needed) / max(1, len(kept.films))
    here = min(kept.seconds - seconds_before, time.perf_counter() - began) if absent else 0.0
    size = len(needed) * store.row_bytes
    return features, Pass(store.key, len(needed), len(absent), round(seconds, 3), round(here, 3), size)


@dataclass(frozen=True)
class _Kept:
    """What a file of features holds: films by the hash of their file, each with its place; seconds that they took."""

    films: dict[str, int] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0


class _Table(msgspec.Struct):
    shape: tuple[int, ...]
    films: tuple[str, ...]
    seconds: float


def _batches(
    cut: Cut, inputs: np.ndarray | AugmentedFilms, indices: np.ndarray, batch_size: int
) -> Iterator[np.ndarray]:
    """Features of films, (b, ...) float32 a batch, in order."""
    for start in range(0, len(indices), batch_size):
        batch = indices[start : start + batch_size]
        yield np.asarray(cut.body.predict_on_batch(inputs[evenly(batch)]), np.float32)[: len(batch)]


@dataclass(frozen=True)
class _Store:
    """One file of rows, one after the other, and beside it the table that says which film each row is of.

    The table is replaced whole once its rows are on the disk: rows that it does not name do not count.
    """

    folder: Path
    key: str
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        return 4 * int(np.prod(self.shape))

    @property
    def data(self) -> Path:
        return self.folder / f"{self.key}.f32"

    @property
    def table(self) -> Path:
        return self.folder / f"{self.key}.json"

    def read(self) -> _Kept:
        """What is kept; nothing where it is damaged: it is computed again."""
        try:
            table = msgspec.json.decode(files.read_plain(self.table, 2**30), type=_Table)
            size = self.data.stat().st_size
        except (files.FileRefused, msgspec.DecodeError, OSError):
            return _Kept()
        if table.shape != self.shape or size < len(table.films) * self.row_bytes:
            return _Kept()
        with contextlib.suppress(OSError):
            os.utime(self.data)  # what was used last is given up last
        return _Kept({film: place for place, film in enumerate(table.films)}, table.seconds)

    def rows(self, count: int) -> np.ndarray:
        """(count, ...) float32, a read-only map of the file, which stays readable when the file is given up."""
        return np.asarray(np.memmap(self.data, np.float32, "r", shape=(count, *self.shape)))

    def add(
        self, kept: _Kept, hashes: Sequence[str], batches: Iterator[np.ndarray], done: Callable[[int], None]
    ) -> _Kept:
        """Add the rows of films, given by their hashes, behind those that are kept, as they are computed."""
        first, added = len(kept.films), 0
        if not first:  # whoever still reads a file whose table is lost keeps the rows that it has
            self.data.unlink(missing_ok=True)
        self._take_room(first, first + len(hashes))
        rows = np.memmap(self.data, np.float32, "r+", shape=(first + len(hashes), *self.shape))
        saved = began = time.perf_counter()
        try:
            for batch in batches:
                rows[first + added : first + added + len(batch)] = batch
                added += len(batch)
                if time.perf_counter() - saved > SAVE_SECONDS:
                    self._save(rows, kept, hashes[:added], time.perf_counter() - began)
                    saved = time.perf_counter()
                done(added)
        finally:
            result = self._save(rows, kept, hashes[:added], time.perf_counter() - began)
        return result

    def _save(self, rows: np.memmap, kept: _Kept, hashes: Sequence[str], seconds: float) -> _Kept:
        rows.flush()
        names, seconds = [*kept.films, *hashes], kept.seconds + seconds
        table = {"shape": self.shape, "films": names, "seconds": round(seconds, 3)}
        files.replace_text(self.table, json.dumps(table) + "\n")
        return _Kept({film: place for place, film in enumerate(names)}, seconds)

    def _take_room(self, first: int, last: int) -> None:
        """Give rows their room on the disk: where there is none, writing to them later would kill the process."""
        begin, size = first * self.row_bytes, (last - first) * self.row_bytes
        _free(self.folder, size + FREE_BYTES, self.key)
        if shutil.disk_usage(self.folder).free < size + FREE_BYTES:
            raise NoRoom(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.data))
        with files.open_lock(self.data) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), begin, size)
            else:
                file.truncate(begin + size)


@contextlib.contextmanager
def _alone(store: _Store, needed: Sequence[str], progress: Progress) -> Iterator[None]:
    """Hold a file of features: two processes never compute the same. Tells how far the other one is meanwhile."""
    while True:
        with folders.claimed(store.folder, store.key) as ours:
            if ours:
                yield
                return
        progress(len(store.read().films.keys() & set(needed)), len(needed))
        time.sleep(LOOK_SECONDS)


def _free(folder: Path, wanted: int, keep: str) -> None:
    """Give up features that were not used for longest until so many bytes are free; never those that are held."""

    def used(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except OSError:
            return 0.0

    for data in sorted(folder.glob("*.f32"), key=used):
        if shutil.disk_usage(folder).free >= wanted:
            return
        if data.stem == keep:
            continue
        with folders.claimed(folder, data.stem) as ours, contextlib.suppress(OSError):
            if ours:
                data.with_suffix(".json").unlink(missing_ok=True)
                data.unlink()


def _key(cut: Cut, precision: str, inputs: np.ndarray | AugmentedFilms) -> str:
    parts: dict[str, Any] = {
        "reading": radiograph.READING,
        "layers": cut.digest,
        "precision": precision,
        "backend": keras.backend.backend(),
    }
    if isinstance(inputs, AugmentedFilms):
        parts["augmented"] = [dataclasses.asdict(inputs.augmentation), inputs.number]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _slots(films: Dataset, kept: _Kept) -> np.ndarray:
    """The row of each film of the dataset, (N,) int64; one past the end for those that are not kept."""
    return np.array([kept.films.get(sha, len(kept.films)) for sha in films.hashes], np.int64)
