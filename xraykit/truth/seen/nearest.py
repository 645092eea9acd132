"""The training films nearest to a film in a network's features, and how far that is beside what is usual.

Distances are Euclidean between pooled features of length 1, as in Sun et al. 2022 (Out-of-distribution detection with
deep nearest neighbors, ICML), within the components that are remembered; what lies outside them counts by its length.
A far film is unlike what the model learned from; a near one may still be read wrongly.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from xraykit.datasets.layout import PARTS
from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure
from xraykit.truth.seen.films import TrainingFilms

NEIGHBOURS = 10
TRAIN, TEST = PARTS.index("train"), PARTS.index("test")
USUAL = (0.05, 0.5, 0.95)  # quantiles of the test films' distances that are told
FAR = 0.95
CHUNK = 256  # test films that are compared at once


@dataclass(frozen=True)
class Nearest:
    """The training films nearest to a film.

    Attributes
    ----------
    labels : tuple of str
        Their classes, nearest first.
    distances : tuple of float
        0 (the same direction of features) to 2.
    further : Figure or None
        Share of the model's own test films that lie nearer to their nearest training film than this film does, with
        Wilson's interval; None where the model has no test films.
    usual : tuple of float
        The 5th, 50th and 95th percentile of the test films' distance to their nearest training film; empty where
        there are none.
    """

    labels: tuple[str, ...]
    distances: tuple[float, ...]
    further: Figure | None
    usual: tuple[float, ...]

    @property
    def is_far(self) -> bool:
        """Whether at least `FAR` of the test films lie nearer: the film is unlike what the model learned from."""
        return self.further is not None and (self.further.value or 0) >= FAR

    @property
    def counts(self) -> dict[str, int]:
        """How many of them are of each class, the most frequent first."""
        counted = {label: self.labels.count(label) for label in dict.fromkeys(self.labels)}
        return dict(sorted(counted.items(), key=lambda pair: -pair[1]))


def unit(pooled: np.ndarray) -> np.ndarray:
    """Pooled features (..., K) of length 1 each, float32; those that are all zero stay so."""
    length = np.linalg.norm(pooled, axis=-1, keepdims=True)
    return (pooled / np.maximum(length, 1e-12)).astype(np.float32)


def project(units: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Features of length 1, float32 (n, K), as they are remembered: float32 (n, d), the last the length of the rest.

    `mean` (K,), `components` (d - 1, K) with orthonormal rows.
    """
    centred = units - mean
    basis = components.astype(np.float32)
    within = centred @ basis.T
    rest = np.linalg.norm(centred - within @ basis, axis=1)
    return np.concatenate([within, rest[:, None]], axis=1)


def nearest(remembered: TrainingFilms, pooled: np.ndarray, leave_out: Collection[int] = ()) -> Nearest:
    """The training films nearest to a film.

    Parameters
    ----------
    remembered : TrainingFilms
    pooled : numpy.ndarray
        float32 (K,): the mean over the grid of the last feature layer's output.
    leave_out : collection of int
        Rows that are no neighbours: the film itself, where the model knows it.
    """
    place = project(unit(pooled[None]), remembered.mean, remembered.components)
    distances = _distances(remembered, place)[0]
    rows = [row for row in np.argsort(distances, kind="stable").tolist() if row not in leave_out][:NEIGHBOURS]
    usual = own_distances(remembered)
    closest = float(distances[rows[0]]) if rows else np.inf
    return Nearest(
        labels=tuple(remembered.classes[remembered.labels[row]] for row in rows),
        distances=tuple(float(distances[row]) for row in rows),
        further=stats.proportion(int((usual < closest).sum()), len(usual)) if len(usual) and rows else None,
        usual=tuple(np.quantile(usual, USUAL).tolist()) if len(usual) else (),
    )


def own_distances(remembered: TrainingFilms) -> np.ndarray:
    """How far each of the model's test films lies from its nearest training film, float32 (n,)."""
    tests = remembered.features[remembered.parts == TEST].astype(np.float32)
    parts = [_distances(remembered, tests[begin : begin + CHUNK]).min(axis=1) for begin in range(0, len(tests), CHUNK)]
    return np.concatenate(parts) if parts and (remembered.parts == TRAIN).any() else np.empty(0, np.float32)


def _distances(remembered: TrainingFilms, places: np.ndarray) -> np.ndarray:
    """From places float32 (m, d) to the training films, float32 (m, t); those are the first rows."""
    train = remembered.features[: int((remembered.parts == TRAIN).sum())].astype(np.float32)
    squared = (places**2).sum(axis=1)[:, None] + (train**2).sum(axis=1) - 2 * places @ train.T
    return np.sqrt(np.maximum(squared, 0))


def words(near: Nearest) -> list[str]:
    """The neighbours' classes, and how far they are beside what is usual: a sentence each."""
    if not near.labels:
        return ["The model remembers no training film beside this one."]
    k, (label, most) = len(near.labels), next(iter(near.counts.items()))
    said = [f"{most} of the {k} nearest training films are {label}." if k > 1 else f"The nearest film is {label}."]
    if near.further is None:
        said.append("How far that is cannot be told: the model has no test films to compare with.")
    else:
        share = f"{near.further.text()} of the model's own {near.further.n:,} test films"
        usual = "Further from all training films than" if near.is_far else "No further than usual: further than"
        said.append(f"{usual} {share}.")
    return said
