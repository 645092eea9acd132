"""Decision curves: what is gained by acting on a probability, against acting on everybody or on nobody.

Vickers and Elkin 2006, Med Decis Making 26:565. Statistics only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xraykit.evaluation import stats

THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)
DRAWS = 1000
_CELLS = 2**22  # numbers a block of draws may hold


@dataclass(frozen=True, eq=False)
class Difference:
    """Net benefit of a second model minus a first on the same films, (T,) float64 each, with 95% intervals.

    Intervals are of each threshold alone, and NaN where fewer than two groups of films could be drawn.
    """

    thresholds: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def better(self) -> np.ndarray:
        """(T,) int: 1 where the interval lies above 0, -1 where below, else 0."""
        return (self.low > 0).astype(int) - (self.high < 0)


def net_benefit(positive: np.ndarray, scores: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """True positives minus weighted false positives, a share of all films, (T,) float64.

    A film counts as the class at or above a threshold t; a false positive weighs t / (1 - t), what a reader who acts
    from t on takes a needless action to cost beside a missed one.

    Parameters
    ----------
    positive : (N,) bool
    scores : (N,) float
        Probabilities of the class.
    thresholds : (T,) float
        In (0, 1).
    """
    return _terms(positive, scores, thresholds).mean(axis=0)


def treat_all(share: float, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """Net benefit of acting on everybody where a share of films has the class, (T,) float64; of nobody it is 0."""
    return share - (1 - share) * thresholds / (1 - thresholds)


def difference(
    positive: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray,
    *,
    thresholds: np.ndarray = THRESHOLDS,
    draws: int = DRAWS,
    seed: int | Sequence[int] = 0,
) -> Difference:
    """Second minus first in pairs, with percentile intervals of a bootstrap over groups of films.

    Parameters
    ----------
    positive : (N,) bool
    first, second : (N,) float
        Probabilities of the class on the same films.
    groups : (N,) int64
        Counted from 0; a draw takes whole groups.
    """
    change = _terms(positive, second, thresholds) - _terms(positive, first, thresholds)
    value, count = change.mean(axis=0), int(groups.max()) + 1
    if count < 2:
        nothing = np.full(len(thresholds), np.nan)
        return Difference(thresholds, value, nothing, nothing)
    sums = np.zeros((count, len(thresholds)))
    np.add.at(sums, groups, change)
    sizes = np.bincount(groups, minlength=count)
    # Groups in which no threshold tells the models apart add nothing but films: of one size, they are drawn together
    rows, times = np.unique(np.column_stack((sizes, sums)), axis=0, return_counts=True)
    random, block, drawn = np.random.default_rng(seed), max(1, _CELLS // len(rows)), []
    for start in range(0, draws, block):
        taken = random.multinomial(count, times / count, size=min(block, draws - start)) @ rows
        drawn.append(taken[:, 1:] / taken[:, :1])
    low, high = np.quantile(np.concatenate(drawn), [(1 - stats.LEVEL) / 2, (1 + stats.LEVEL) / 2], axis=0)
    return Difference(thresholds, value, low, high)


def _terms(positive: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """What each film adds at each threshold, (N, T): 1 for a hit, -t / (1 - t) for a false alarm, else 0."""
    worth = np.where(np.asarray(positive, bool)[:, None], 1.0, -thresholds / (1 - thresholds))
    return np.where(scores[:, None] >= thresholds, worth, 0.0)
