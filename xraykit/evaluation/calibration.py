"""Calibration: what is fitted on validation films after training, so that probabilities mean what they say.

Statistics only: changes no network itself.
"""

from __future__ import annotations

import numpy as np

from xraykit.evaluation import stats


def fit_biases(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Class biases to add to the logits, (C,) float64 with sum 0; fit them on validation.

    The bias step of bias-corrected temperature scaling (Alexandari et al. 2020, arXiv:1901.06852), taken once at the
    best temperature without biases. Going on until both agree lets classes that are separated perfectly on a few
    hundred films drive the biases apart without bound.

    Parameters
    ----------
    logits : (N, C) float
    truth : (N,) int
    """
    from scipy.optimize import minimize

    temperature = fit_temperature(logits, truth)

    def loss(free: np.ndarray) -> float:
        return log_loss(softmax((logits + _with_sum_zero(free)) / temperature), truth)

    return _with_sum_zero(minimize(loss, np.zeros(logits.shape[1] - 1)).x)


def _with_sum_zero(free: np.ndarray) -> np.ndarray:
    return np.append(free, -free.sum())


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
            "observed": stats.proportion(int(hits[k]), int(films[k])),
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

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x
    return float(np.exp(best)) if loss(best) < loss(0.0) else 1.0


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


def before_and_after(logits: np.ndarray, truth: np.ndarray, temperature: float) -> dict:
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
