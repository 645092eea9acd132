"""Spread: a figure over the folds and seeds of a trial. Plain numbers in, closed form out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.stats import LEVEL, Figure

ROUNDING = 1e-24  # a variance below it is that of equal figures


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and number of runs of one figure; `low` and `high` are the mean's 95% interval.

    What cannot be known from so few runs is None: a spread from one run, a mean from none.
    """

    mean: float | None = None
    sd: float | None = None
    n: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def figure(self) -> Figure:
        """The mean with its interval, resting on `n` runs."""
        return Figure(self.mean, self.low, self.high, self.n)


def spread(values: Sequence[float | None], folds: int = 1) -> Spread:
    """The spread of a figure over runs; with several folds the mean's interval is that of `corrected_interval`."""
    known = [value for value in values if value is not None]
    if not known:
        return Spread()
    mean = math.fsum(known) / len(known)
    if len(known) < 2:
        return Spread(mean, None, 1)
    return Spread(mean, float(np.std(known, ddof=1)), len(known), *corrected_interval(known, folds))


def share(values: Sequence[float | None], films: int, folds: int) -> Spread:
    """The spread of a share of films, within 0 and 1.

    In a single division the films are what another sample would change: the interval is Wilson's over them, whatever
    the number of seeds. Without their number, or with several folds, it is that of `spread`.
    """
    result = spread(values, folds)
    if folds < 2 and films and result.mean is not None:
        ends = stats.proportion(round(result.mean * films), films).ends or (None, None)
        return Spread(result.mean, result.sd, result.n, *ends)
    if result.low is None or result.high is None:
        return result
    return Spread(result.mean, result.sd, result.n, max(0.0, result.low), min(1.0, result.high))


def corrected_interval(values: Sequence[float], folds: int) -> tuple[float, float] | tuple[None, None]:
    """95% interval of the mean of two or more runs, by Student's t with `corrected_variance`.

    None where all are the same: there is no variance to go by, and an interval without width would claim certainty.
    """
    from scipy.stats import t

    variance = corrected_variance(values, folds)
    if variance < ROUNDING:
        return None, None
    half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * variance**0.5
    mean = math.fsum(values) / len(values)
    return mean - half, mean + half


def corrected_p(differences: Sequence[float], folds: int) -> float:
    """Two-sided p of paired differences of two or more runs, by Student's t with `corrected_variance`.

    Where all differences are the same and none is 0 there is no variance to go by: the exact sign test's p is given.
    """
    from scipy.stats import t

    mean, n = math.fsum(differences) / len(differences), len(differences)
    variance = corrected_variance(differences, folds)
    if variance < ROUNDING:
        return 1.0 if abs(mean) < 1e-12 else 2.0 ** (1 - n)
    return float(2 * t.sf(abs(mean) / variance**0.5, n - 1))


def corrected_variance(values: Sequence[float], folds: int) -> float:
    """Of the mean over folds and seeds. Runs share most of their training films and are no independent sample:
    the variance is that of Nadeau and Bengio (2003, Machine Learning 52:239), with the 1 / (folds - 1) of
    cross-validation as the ratio of validation to training films; the plain one for a single fold."""
    shared = 1 / (folds - 1) if folds > 1 else 0.0
    return float(np.var(values, ddof=1)) * (1 / len(values) + shared)
