"""Evaluation: what a classifier said about labelled films, and the figures that follow, each with its interval.

Statistics only: reads no films, runs no network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np


class EvaluationRefused(ValueError):
    """Numbers that do not make an evaluation; the message says what was found."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A classifier's probabilities for films whose class is known.

    `truth` (N,) int64 index into `classes`; `logits` (N, C) float64 before temperature; `films` names them,
    `hashes` are the files' sha256 where known; films of one patient (or the same picture) share a number in `groups`,
    which is empty where none are known.
    """

    model: str
    classes: tuple[str, ...]
    films: tuple[str, ...]
    truth: np.ndarray
    logits: np.ndarray
    temperature: float = 1.0
    hashes: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    data: str = ""

    def __post_init__(self) -> None:
        n, classes = len(self.films), len(self.classes)
        if self.truth.shape != (n,) or self.logits.shape != (n, classes) or n == 0:
            raise EvaluationRefused(
                f"Expected truth ({n},) and logits ({n}, {classes}) of at least one film; got {self.truth.shape} "
                f"and {self.logits.shape}."
            )
        if not np.isfinite(self.logits).all():
            raise EvaluationRefused(f"Expected finite logits; {self.model} gave some that are no numbers.")

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(N, C) float64, rows sum to 1."""
        return softmax(self.logits / self.temperature)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(N,) int64, the class of highest probability."""
        return self.logits.argmax(axis=1)

    @cached_property
    def confusion(self) -> np.ndarray:
        """(C, C) int64 counts; rows are the reference standard, columns the prediction."""
        size = len(self.classes)
        return np.bincount(self.truth * size + self.predicted, minlength=size * size).reshape(size, size)

    @cached_property
    def test_digest(self) -> str:
        """sha256 over film hashes (or names) and classes: two evaluations with it equal are on the same films."""
        rows = sorted(
            f"{film} {self.classes[t]}" for film, t in zip(self.hashes or self.films, self.truth, strict=True)
        )
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def metrics(self) -> dict:
        """Every figure as plain data: {"n", "accuracy": Figure, "classes": {class: {...}}, "calibration": {...}}.

        A Figure is {"value", "low", "high", "n"} with a 95 % Wilson interval, or value None where n is 0.
        """
        matrix = self.confusion
        return {
            "n": len(self.films),
            "accuracy": proportion(int(np.trace(matrix)), int(matrix.sum())),
            "balanced_accuracy": _balanced_accuracy(matrix),
            "macro_auroc": _mean([self.auroc(k) for k in range(len(self.classes))]),
            "confusion": matrix.tolist(),
            "classes": {name: self._of_class(k) for k, name in enumerate(self.classes)},
            "calibration": calibration(self.logits, self.truth, self.temperature),
        }

    def auroc(self, label: int) -> float | None:
        """Area under the ROC curve of one class against the rest, ties counted half; None where one side is empty."""
        from scipy.stats import rankdata

        positive = self.truth == label
        n, m = int(positive.sum()), int((~positive).sum())
        if not n or not m:
            return None
        ranks = rankdata(self.probabilities[:, label])
        return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))

    def _of_class(self, label: int) -> dict:
        """One class against the rest: sensitivity, specificity, PPV, NPV with intervals, F1, AUROC, support."""
        m = self.confusion
        tp, fn, fp = (
            int(m[label, label]),
            int(m[label].sum() - m[label, label]),
            int(m[:, label].sum() - m[label, label]),
        )
        tn = int(m.sum()) - tp - fn - fp
        return {
            "support": tp + fn,
            "sensitivity": proportion(tp, tp + fn),
            "specificity": proportion(tn, tn + fp),
            "ppv": proportion(tp, tp + fp),
            "npv": proportion(tn, tn + fn),
            "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
            "auroc": self.auroc(label),
        }

    def to_json(self) -> str:
        """Per-film truth and probabilities; no pictures."""
        data = {
            "format": 1,
            "model": self.model,
            "data": self.data,
            "classes": list(self.classes),
            "temperature": self.temperature,
            "test_digest": self.test_digest,
            "films": list(self.films),
            "sha256": list(self.hashes),
            "groups": list(self.groups),
            "truth": self.truth.tolist(),
            "logits": np.round(self.logits, 6).tolist(),
            "probabilities": np.round(self.probabilities, 6).tolist(),
        }
        return json.dumps(data) + "\n"


def load(path: str | Path) -> Evaluation:
    """Read an evaluation.json.

    Raises
    ------
    EvaluationRefused
        If the file is missing or does not hold an evaluation.
    """
    try:
        data = json.loads(Path(path).read_text("utf-8"))
        return Evaluation(
            model=data["model"],
            classes=tuple(data["classes"]),
            films=tuple(data["films"]),
            truth=np.array(data["truth"], np.int64),
            logits=np.array(data["logits"], float).reshape(len(data["films"]), -1),
            temperature=float(data["temperature"]),
            hashes=tuple(data.get("sha256", ())),
            groups=tuple(data.get("groups", ())),
            data=data.get("data", ""),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationRefused(f"Expected an evaluation in {path}; it cannot be read: {error}.") from None


def softmax(logits: np.ndarray) -> np.ndarray:
    """(..., C) float64 probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def proportion(successes: int, n: int) -> dict:
    """A share with its 95 % Wilson score interval (Wilson 1927); None where n is 0."""
    from scipy.stats import binomtest

    if n == 0:
        return {"value": None, "low": None, "high": None, "n": 0}
    interval = binomtest(successes, n).proportion_ci(method="wilson")
    return {"value": successes / n, "low": float(interval.low), "high": float(interval.high), "n": n}


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature that gives the lowest log-loss (Guo et al. 2017, arXiv:1706.04599); fit it on validation.

    Parameters
    ----------
    logits : (N, C) float
    truth : (N,) int
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: log_loss(softmax(logits / np.exp(log_t)), truth),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    return float(-np.log(np.clip(probabilities[np.arange(len(truth)), truth], 1e-15, 1)).mean())


def brier(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Multi-class Brier score, 0 (perfect) to 2 (Brier 1950)."""
    return float(((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1).mean())


def expected_calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10) -> float:
    """Mean gap between highest probability and accuracy over equal-width bins, weighted by films (Naeini 2015)."""
    top, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bin_of = np.minimum((top * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_of, hit - top, minlength=bins)
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


def _balanced_accuracy(matrix: np.ndarray) -> float | None:
    support = matrix.sum(axis=1)
    return _mean([float(matrix[k, k] / support[k]) for k in range(len(matrix)) if support[k]])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
