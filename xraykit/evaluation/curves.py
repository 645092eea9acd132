"""Curves: ROC and precision-recall curves on plain arrays, and the areas below them. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve over thresholds: `x`, `y` in [0, 1] and `thresholds`, (P,) float64 each; `area` below it.

    At a point, films with a score of at least its threshold are called positive.
    """

    x: np.ndarray
    y: np.ndarray
    thresholds: np.ndarray
    area: float

    def to_dict(self) -> dict:
        """Plain data; the threshold above every score is None."""
        thresholds = [t if np.isfinite(t) else None for t in self.thresholds.tolist()]
        return {"x": self.x.tolist(), "y": self.y.tolist(), "thresholds": thresholds, "area": self.area}


def roc(positive: np.ndarray, scores: np.ndarray, *, every: bool = False) -> Curve | None:
    """1 - specificity against sensitivity, from no film called positive to all; None where one side is empty.

    Points on a straight line between their neighbours are left out unless `every` is set, as scikit-learn does.
    """
    hits, alarms, thresholds = _counts(positive, scores)
    n, m = int(np.sum(positive)), int(np.sum(~np.asarray(positive, bool)))
    if not n or not m:
        return None
    if not every and len(hits) > 2:
        kept = np.r_[True, np.logical_or(np.diff(alarms, 2), np.diff(hits, 2)), True]
        hits, alarms, thresholds = hits[kept], alarms[kept], thresholds[kept]
    x, y = np.r_[0, alarms] / m, np.r_[0, hits] / n
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)
    return Curve(x, y, np.r_[np.inf, thresholds], area)


def precision_recall(positive: np.ndarray, scores: np.ndarray) -> Curve | None:
    """Sensitivity (recall) against PPV (precision); `area` is average precision. None without a positive film."""
    hits, alarms, thresholds = _counts(positive, scores)
    n = int(np.sum(positive))
    if not n:
        return None
    precision, recall = hits / (hits + alarms), hits / n
    area = float(np.sum(np.diff(np.r_[0.0, recall]) * precision))
    # Between two points of one recall the curve is vertical: only the ends are drawn
    same = np.diff(hits) == 0
    kept = ~(np.r_[False, same] & np.r_[same, False])
    x, y, thresholds = recall[kept], precision[kept], thresholds[kept]
    return Curve(np.r_[0.0, x], np.r_[1.0, y], np.r_[np.inf, thresholds], area)


def _counts(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positives and negatives called positive at each distinct score, highest first."""
    order = np.argsort(-scores, kind="stable")
    ranked, hit = scores[order], np.asarray(positive, bool)[order]
    last = np.r_[np.flatnonzero(np.diff(ranked)), len(ranked) - 1]
    hits = np.cumsum(hit)[last]
    return hits, last + 1 - hits, ranked[last]
