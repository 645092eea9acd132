"""Which films a kept model has met: those it was trained, calibrated and tested on, told by hash and by picture.

Reads what lies beside the model, or the folder it was trained on; keeps nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xraykit.datasets import dataset
from xraykit.datasets.reading import groups
from xraykit.evaluation import evaluation
from xraykit.truth.seen import films as seen

PARTS = ("train", "validation", "test")  # what a film met in several of them is said to be in: the first


@dataclass(frozen=True, eq=False)
class OwnFilms:
    """A model's own films. `hashes` sha256 -> part; `prints` (N, 4) uint64 fingerprints and their `parts` (N,).

    `remembered` is how many training and validation films can be told; 0 where the training films are not known.
    """

    hashes: Mapping[str, str]
    prints: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.uint64))
    parts: np.ndarray = field(default_factory=lambda: np.zeros(0, "U10"))
    remembered: int = 0

    def parts_of(self, hashes: Sequence[str], pictures: np.ndarray) -> tuple[str, ...]:
        """The part that each film, or one that is nearly the same picture, is in; "" where it is in none.

        `pictures` (N, 2, 4) uint64 are `Dataset.pictures`, or (0, 2, 4) to compare files alone. Pictures are the same
        where fingerprints differ in at most 16 of 256 bits (`groups.NEAR_DUPLICATE`).
        """
        met = []
        for place, sha256 in enumerate(hashes):
            near = {self.hashes[sha256]} if sha256 in self.hashes else set()
            for fingerprint in pictures[place : place + 1].reshape(-1, 4):
                distances = np.bitwise_count(self.prints ^ fingerprint).sum(axis=1)
                near |= set(self.parts[distances <= groups.NEAR_DUPLICATE].tolist())
            met.append(next((part for part in PARTS if part in near), ""))
        return tuple(met)


def read(folder: Path, trained_on: Path | None = None) -> OwnFilms:
    """What is known of a model's own films.

    What is remembered beside it (`seen.films`); else the films of its evaluations and of the folder it was trained on,
    where given: every film there that the evaluations do not name counts as a training film.

    Raises
    ------
    ModelRefused
        If what is remembered cannot be read.
    DatasetRefused
        If `trained_on` is no folder of films.
    """
    if (kept := seen.load(folder)) is not None:
        by_hash = {kept.sha256[row].tobytes().hex(): str(kept.split[row]) for row in reversed(range(len(kept)))}
        return OwnFilms(by_hash, kept.words, kept.split, kept.counts["train"] + kept.counts["validation"])
    hashes: dict[str, str] = {}
    for part in ("test", "validation"):
        with contextlib.suppress(evaluation.EvaluationRefused):
            hashes |= dict.fromkeys(evaluation.load(folder / evaluation.FILES[part]).hashes, part)
    if trained_on is None:
        return OwnFilms(hashes)
    films = dataset.read(trained_on, least_classes=1)
    parts = np.array([hashes.get(sha256, "train") for sha256 in films.hashes])
    learned = int((parts != "test").sum())
    return OwnFilms(hashes | dict(zip(films.hashes, parts.tolist(), strict=True)), films.fingerprints, parts, learned)
