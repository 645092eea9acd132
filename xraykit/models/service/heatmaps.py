"""How far two heatmaps of one film agree. NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xraykit.models.explanation import Explanation

HOTTEST = 0.2  # share of a map that counts as its hottest part


@dataclass(frozen=True)
class Agreement:
    """Of two heatmaps of the same film.

    `labels` are the classes they are for; `correlation` Pearson's of their values, -1..1, None where one of them is
    the same everywhere; `overlap` intersection over union of the hottest fifth of each, 0..1, None where one has no
    positive evidence.
    """

    labels: tuple[str, str]
    correlation: float | None
    overlap: float | None


def compare(first: Explanation, second: Explanation) -> Agreement:
    """How far two heatmaps of the same part of a film agree, on the finer of their grids."""
    rows, columns = np.maximum(first.heatmap.shape, second.heatmap.shape).tolist()
    a, b = (resampled(each.heatmap, rows, columns).ravel() for each in (first, second))
    return Agreement((first.label, second.label), _correlation(a, b), _overlap(a, b))


def resampled(grid: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A grid float32 (h, w) at other sizes, linear between the middles of its cells; float64 (rows, columns)."""
    if grid.shape == (rows, columns):
        return grid.astype(np.float64)
    height, width = grid.shape
    down = (np.arange(rows) + 0.5) * height / rows - 0.5
    across = (np.arange(columns) + 0.5) * width / columns - 0.5
    wide = np.stack([np.interp(across, np.arange(width), row) for row in grid])
    return np.stack([np.interp(down, np.arange(height), column) for column in wide.T], axis=1)


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    a, b = a - a.mean(), b - b.mean()
    spread = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return None if spread < 1e-12 else float(np.clip((a * b).sum() / spread, -1, 1))


def _overlap(a: np.ndarray, b: np.ndarray) -> float | None:
    hot = [_hottest(values) for values in (a, b)]
    if not all(part.any() for part in hot):
        return None
    return float((hot[0] & hot[1]).sum() / (hot[0] | hot[1]).sum())


def _hottest(values: np.ndarray) -> np.ndarray:
    """Which cells are the hottest fifth, of those with positive evidence."""
    count = math.ceil(HOTTEST * values.size)
    least = np.partition(values, -count)[-count]
    return (values >= least) & (values > 0)
