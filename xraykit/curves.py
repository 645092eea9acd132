"""Curves: what probabilities say at every threshold, and how far they can be believed.

ROC, precision-recall and reliability, calibration figures and temperature, on plain arrays; draws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xraykit import statistics


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


def reliability(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10, label: int | None = None) -> list[dict]:
    """Bins of equal width: {"low", "high", "n", "probability": mean or None, "observed": Figure}.

    Of the highest probability and whether it was right, or with `label` of that class and whether it was there.

    Parameters
    ----------
    probabilities : (N, C) float
    truth : (N,) int
    """
    if label is None:
        score, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    else:
        score, hit = probabilities[:, label], truth == label
    place = _bins(score, bins)
    films, sums, hits = (np.bincount(place, weights, bins) for weights in (None, score, hit))
    return [
        {
            "low": k / bins,
            "high": (k + 1) / bins,
            "n": int(films[k]),
            "probability": float(sums[k] / films[k]) if films[k] else None,
            "observed": statistics.proportion(int(hits[k]), int(films[k])),
        }
        for k in range(bins)
    ]


def softmax(logits: np.ndarray) -> np.ndarray:
    """(..., C) float64 probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature that gives the lowest log-loss (Guo et al. 2017, arXiv:1706.04599); fit it on validation.

    1 where no other does better, so that log-loss never worsens on the films it was fitted on.

    Parameters
    ----------
    logits : (N, C) float
    truth : (N,) int
    """
    from scipy.optimize import minimize_scalar

    if not len(truth):
        return 1.0

    def loss(log_t: float) -> float:
        return log_loss(softmax(logits / np.exp(log_t)), truth)

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x)) if loss(found.x) < loss(0.0) else 1.0


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    return float(-np.log(np.clip(probabilities[np.arange(len(truth)), truth], 1e-15, 1)).mean())


def brier(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Multi-class Brier score, 0 (perfect) to 2 (Brier 1950)."""
    return float(((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1).mean())


def expected_calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10) -> float:
    """Mean gap between highest probability and accuracy over equal-width bins, weighted by films (Naeini 2015)."""
    top, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    gaps = np.bincount(_bins(top, bins), hit - top, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def calibration(logits: np.ndarray, truth: np.ndarray, temperature: float) -> dict:
    """Log-loss, Brier score and expected calibration error before and after temperature."""
    measures = {"log_loss": log_loss, "brier": brier, "ece": expected_calibration_error}
    before, after = softmax(logits), softmax(logits / temperature)
    return {
        "temperature": temperature,
        "before": {name: measure(before, truth) for name, measure in measures.items()},
        "after": {name: measure(after, truth) for name, measure in measures.items()},
    }


def _bins(score: np.ndarray, bins: int) -> np.ndarray:
    return np.minimum((score * bins).astype(int), bins - 1)


def _counts(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positives and negatives called positive at each distinct score, highest first."""
    order = np.argsort(-scores, kind="stable")
    ranked, hit = scores[order], np.asarray(positive, bool)[order]
    last = np.r_[np.flatnonzero(np.diff(ranked)), len(ranked) - 1]
    hits = np.cumsum(hit)[last]
    return hits, last + 1 - hits, ranked[last]
