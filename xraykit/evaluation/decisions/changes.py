"""Changes: how two models' confusion matrices on the same films differ, cell by cell, and the films behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.comparison import ALPHA, FEWEST
from xraykit.evaluation.stats import Figure


@dataclass(frozen=True)
class Changed:
    """A cell of two confusion matrices: of the `films` of one reference class, how many are predicted as one class.

    `change` is the share of those films, second minus first, with its interval; `entered` and `left` the indices of
    the films that only the second, or only the first, puts into the cell; `p` McNemar's exact; `clear` where the
    interval leaves out 0, p is below 0.05 and there are `FEWEST` films or more.
    """

    reference: str
    predicted: str
    films: int
    first: int
    second: int
    change: Figure
    entered: tuple[int, ...]
    left: tuple[int, ...]
    p: float
    clear: bool


def changes(
    truth: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    classes: Sequence[str],
    groups: np.ndarray,
    *,
    draws: int = 2000,
    seed: int | Sequence[int] = 0,
) -> tuple[Changed, ...]:
    """The difference of two confusion matrices on the same films, cell by cell, row after row.

    The interval is Tango's score interval; where films share groups it is drawn out to hold that of a bootstrap over
    groups too.

    Parameters
    ----------
    truth, first, second : (N,) int64
        Classes by their places: the reference standard and what each model predicts.
    groups : (N,) int64
        Counted from 0; films of one group are drawn together.
    """
    joined = int(groups.max()) + 1 < len(groups)
    cells = []
    for row, reference in enumerate(classes):
        inside = truth == row
        n = int(inside.sum())
        for column, predicted in enumerate(classes):
            before, after = inside & (first == column), inside & (second == column)
            entered, left = np.flatnonzero(after & ~before), np.flatnonzero(before & ~after)
            change, p = Figure(None), stats.mcnemar(len(entered), len(left))
            if n:
                low, high = stats.paired_score_interval(len(entered), len(left), n)
                if joined and len(entered) + len(left):
                    drawn = _drawn_change(after.astype(int) - before, inside, groups, draws, seed).ends
                    low, high = min(low, *(drawn or ())), max(high, *(drawn or ()))
                change = Figure((len(entered) - len(left)) / n, low, high, n)
            clear = n >= FEWEST and p < ALPHA and change.ends is not None and not change.ends[0] <= 0 <= change.ends[1]
            counts = (n, int(before.sum()), int(after.sum()))
            flips = (tuple(entered.tolist()), tuple(left.tolist()))
            cells.append(Changed(reference, predicted, *counts, change, *flips, p, clear))
    return tuple(cells)


def _drawn_change(
    change: np.ndarray, inside: np.ndarray, groups: np.ndarray, draws: int, seed: int | Sequence[int]
) -> Figure:
    """Mean change (N,) of the films inside (N,) bool, with a percentile interval over their groups."""
    _, group = np.unique(groups[inside], return_inverse=True)
    count, n = int(group.max()) + 1, int(inside.sum())
    counts = np.column_stack((np.bincount(group, change[inside]), np.bincount(group))).round().astype(np.int64)
    drawn = np.concatenate([block[:, 0] / block[:, 1] for block in stats.draw(counts, draws, seed)])
    return stats.percentile_interval(float(change[inside].mean()), drawn, n, count)
