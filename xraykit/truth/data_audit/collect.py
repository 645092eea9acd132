"""A folder's films read once for an audit: the dataset, what is measured of each film, and what its manifest says.

What was measured is kept in the cache folder by the files' hashes, never a picture larger than 64 x 64 pixels.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.datasets import dataset
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.layout import Layout, Row
from xraykit.datasets.listing import folder as listing
from xraykit.datasets.reading import index
from xraykit.films import radiograph
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.refused import words_of
from xraykit.system import files
from xraykit.system.folders import cache_folder, close_private
from xraykit.truth.data_audit.measure import Measured, measure

FORMAT = 2
ARRAYS = ("small", "border", "corners", "histogram", "whole")


@dataclass(frozen=True, eq=False)
class Collection:
    """The films of a folder with what was measured of each; all in the order of `films.films`.

    `rows` are the manifest's; `header` a dict a film; the rest arrays (N, ...), as `Measured` has them.
    """

    films: Dataset
    rows: tuple[Row, ...]
    header: tuple[dict[str, float | str], ...]
    small: np.ndarray
    border: np.ndarray
    corners: np.ndarray
    histogram: np.ndarray
    whole: np.ndarray

    def __len__(self) -> int:
        return len(self.films)

    @property
    def labels(self) -> list[str]:
        """The class of each film."""
        return [self.films.classes[label] for label in self.films.labels]


def read(folder: Path, progress: index.Progress | None = None) -> Collection:
    """Read a folder's films; those that were measured before are not opened again while their files stay the same.

    What `progress` raises ends the reading; what was measured until then is kept.

    Raises
    ------
    DatasetRefused
        If it is no folder of films with a class.
    """
    listed = listing.read(folder)  # once: what comes later is no film of this audit, what is gone is refused by name
    rows = {row.film: row for row in listed.rows}
    path = _path(folder)
    known = _load(path)
    films = dataset.read(folder, progress, least_classes=1, listed=listed) if known else None
    if films is None or not known.keys() >= {*films.hashes}:
        films = _measure(listed, folder, path, known, progress)
    return _stacked(films, tuple(rows[name] for name in films.films), [known[sha] for sha in films.hashes])


def _measure(
    listed: Layout, folder: Path, path: Path, known: dict[str, Measured], progress: index.Progress | None
) -> Dataset:
    """Read every film and measure those that are not `known` yet."""
    seen: set[str] = set()

    def look(name: str, film: Radiograph | Refusal) -> None:
        if isinstance(film, Radiograph):
            seen.add(film.sha256)
            if film.sha256 not in known:
                known[film.sha256] = measure(film, folder / files.named(name))

    try:
        return dataset.read(folder, progress, look=look, least_classes=1, listed=listed)
    finally:
        _save(path, {sha: known[sha] for sha in sorted(seen)})


def _stacked(films: Dataset, rows: tuple[Row, ...], measured: Sequence[Measured]) -> Collection:
    arrays = {name: np.stack([getattr(each, name) for each in measured]) for name in ARRAYS}
    return Collection(films, rows, tuple(each.header for each in measured), **arrays)


def _path(folder: Path) -> Path:
    return cache_folder() / "audits" / f"{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:24]}.npz"


def _version() -> str:
    return f"{radiograph.READING} audit {FORMAT}"


def _load(path: Path) -> dict[str, Measured]:
    """What was measured before, by hash; nothing where it is lost, damaged or of another version."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["version"]) != _version():
                return {}
            headers = json.loads(bytes(kept["headers"]))
            arrays = [kept[name] for name in ARRAYS]
            hashes = [bytes(sha).hex() for sha in kept["hashes"]]
            rows = zip(hashes, headers, *arrays, strict=True)
            return {sha: Measured(header, *row) for sha, header, *row in rows}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return {}


def _save(path: Path, known: Mapping[str, Measured]) -> None:
    if not known:
        return
    part = path.with_name(f"{path.stem}.{uuid.uuid4().hex[:8]}.part")
    try:
        close_private(path.parent)
        with files.open_private(part) as file:
            arrays: dict[str, Any] = {
                name: np.stack([getattr(each, name) for each in known.values()]) for name in ARRAYS
            }
            arrays["version"] = np.array(_version())
            arrays["hashes"] = np.array([list(bytes.fromhex(sha)) for sha in known], np.uint8)
            arrays["headers"] = np.frombuffer(json.dumps([each.header for each in known.values()]).encode(), np.uint8)
            np.savez_compressed(file, **arrays)
        os.replace(part, path)
    except OSError as error:  # a full or read-only cache folder: films are read again next time
        logging.getLogger(__name__).warning("What was measured of films could not be kept. %s", words_of(error))
        part.unlink(missing_ok=True)
