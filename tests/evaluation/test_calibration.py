import numpy as np
import pytest

from xraykit.evaluation import calibration


def test_a_wrong_prior_is_found_again():
    random = np.random.default_rng(2)
    logits = random.normal(size=(20_000, 3)) * 2
    p = calibration.softmax(logits)
    truth = (random.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert calibration.fit_biases(logits - [1, 0, -1], truth) == pytest.approx([1, 0, -1], abs=0.15)


def test_biases_sum_to_zero_and_never_make_log_loss_worse():
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 300)
    logits = random.normal(size=(300, 3)) + 2 * np.eye(3)[truth] - [0.8, 0, 0]
    biases = calibration.fit_biases(logits, truth)
    temperature = calibration.fit_temperature(logits, truth)
    before, after = (
        calibration.log_loss(calibration.softmax(scores / temperature), truth) for scores in (logits, logits + biases)
    )
    assert biases.sum() == pytest.approx(0, abs=1e-9) and after <= before


def test_separated_classes_leave_the_biases_finite():
    truth = np.array([0, 1, 2] * 20)
    biases = calibration.fit_biases(10.0 * np.eye(3)[truth], truth)
    assert np.isfinite(biases).all() and np.abs(biases).max() < 5
