"""Calibration: what is fitted on validation films after training, so that probabilities mean what they say.

Statistics only: changes no network itself.
"""

from __future__ import annotations

import numpy as np

from xraykit import curves


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

    temperature = curves.fit_temperature(logits, truth)

    def loss(free: np.ndarray) -> float:
        return curves.log_loss(curves.softmax((logits + _with_sum_zero(free)) / temperature), truth)

    return _with_sum_zero(minimize(loss, np.zeros(logits.shape[1] - 1)).x)


def _with_sum_zero(free: np.ndarray) -> np.ndarray:
    return np.append(free, -free.sum())
