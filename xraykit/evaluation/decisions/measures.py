"""Measures: accuracy, balanced accuracy, macro F1 and kappa of confusion matrices, many matrices at once."""

from __future__ import annotations

import numpy as np


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share on the diagonal of counts (..., C, C); rows are the reference standard. NaN where there are no films."""
    return _accuracy(*_counts(confusion))


def balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Mean sensitivity over the classes that have films, of counts (..., C, C)."""
    return _balanced_accuracy(*_counts(confusion))


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that have films or predictions (scikit-learn's "macro avg"), of counts (..., C, C)."""
    return _macro_f1(*_counts(confusion))


def _counts(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each class (..., C): films rightly predicted, films of the class, films predicted as it."""
    return np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1), confusion.sum(axis=-2)


def _accuracy(hits: np.ndarray, support: np.ndarray, called: np.ndarray) -> np.ndarray:
    return _divide(hits.sum(axis=-1), support.sum(axis=-1))


def _balanced_accuracy(hits: np.ndarray, support: np.ndarray, called: np.ndarray) -> np.ndarray:
    sensitivity = _divide(hits, support)
    return _divide(np.where(support > 0, sensitivity, 0.0).sum(axis=-1), (support > 0).sum(axis=-1))


def _macro_f1(hits: np.ndarray, support: np.ndarray, called: np.ndarray) -> np.ndarray:
    both = support + called
    f1 = _divide(2 * hits, both)
    return _divide(np.where(both > 0, f1, 0.0).sum(axis=-1), (both > 0).sum(axis=-1))


# Of films rightly predicted, films, and films predicted, (..., C) each: as the three above, without whole matrices
FROM_COUNTS = {"accuracy": _accuracy, "balanced_accuracy": _balanced_accuracy, "macro_f1": _macro_f1}


def kappa(confusion: np.ndarray) -> np.ndarray:
    """Agreement beyond chance (Cohen 1960), of counts (..., C, C); NaN where chance alone agrees fully."""
    n = confusion.sum(axis=(-2, -1)).astype(float)
    chance = _divide((confusion.sum(axis=-1) * confusion.sum(axis=-2)).sum(axis=-1), n * n)
    return _divide(accuracy(confusion) - chance, 1 - chance)


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotients, NaN (without a warning) where the divisor is 0."""
    above, below = np.asarray(above, float), np.asarray(below, float)
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0)
