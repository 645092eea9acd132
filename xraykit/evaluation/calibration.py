"""Calibration: what is fitted on validation films after training, so that probabilities mean what they say.

Statistics only: changes no network itself.
"""

from __future__ import annotations

import numpy as np

from xraykit.evaluation import stats

DRAWS = 200  # bootstrap draws of the films that biases are fitted on
ROUNDS = 20  # over the classes; two or three are enough
BEYOND = 1e-6  # of a limit in logits, so that a film clearly lies on one side of it


def fit_biases(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Class biases to add to the logits, (C,) float64 with sum 0; fit them on validation.

    The smallest that give the highest mean sensitivity of the classes, averaged over `DRAWS` bootstrap draws of each
    class's films: a few films near a limit then count for as much as a few films are worth. A class without films
    keeps its bias.

    Parameters
    ----------
    logits : (N, C) float
    truth : (N,) int
    """
    random, classes = np.random.default_rng(0), logits.shape[1]
    places = [where for label in range(classes) if len(where := np.flatnonzero(truth == label))]
    fitted = np.zeros(classes)
    for _ in range(DRAWS if places else 0):
        weights = np.zeros(len(truth))
        for where in places:
            weights[where] = random.multinomial(len(where), np.full(len(where), 1 / len(where))) / len(where)
        fitted += _smallest_biases(logits, truth, weights) / DRAWS
    return fitted - fitted.mean()


def _smallest_biases(logits: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Biases for films that count differently, (C,): one class after the other, until no class gains by another."""
    biases = np.zeros(logits.shape[1])
    rows = np.ascontiguousarray(logits.T, float)  # a class a row: many times faster to compare than a film a row
    films_of = {label: truth == label for label in range(len(rows))}
    for _ in range(ROUNDS):
        before = biases.copy()
        for label in np.unique(truth):
            best, rival_is_right = np.full(len(truth), -np.inf), np.zeros(len(truth), bool)
            for other in range(len(rows)):
                if other != label:
                    logit = rows[other] + biases[other]
                    rival_is_right = np.where(logit > best, films_of[other], rival_is_right)
                    best = np.maximum(logit, best)
            gains = weights * (films_of[label].astype(float) - rival_is_right)
            biases[label] += _smallest_shift(rows[label] + biases[label] - best, gains)
        if np.array_equal(biases, before):
            break
    return biases


def _smallest_shift(margins: np.ndarray, gains: np.ndarray) -> float:
    """The shift nearest to 0 at which a class gains most: a film whose margin it lifts above 0 brings its gain."""
    order = np.argsort(-margins)
    limits = np.concatenate([[-np.inf], -margins[order], [np.inf]])
    totals = np.concatenate([[0.0], np.cumsum(gains[order])])
    between = limits[1:] > limits[:-1]  # no shift lifts one of two films of the same margin
    best = between & (totals >= totals[between].max() - 1e-9)
    shifts = np.clip(0.0, limits[:-1][best] + BEYOND, np.maximum(limits[1:][best] - BEYOND, limits[:-1][best] + BEYOND))
    return float(shifts[np.abs(shifts).argmin()])


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
