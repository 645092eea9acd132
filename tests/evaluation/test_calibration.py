import numpy as np
import pytest

from xraykit.evaluation import calibration


def test_a_wrong_prior_is_found_again():
    random = np.random.default_rng(2)
    logits = random.normal(size=(20_000, 3)) * 2
    p = calibration.softmax(logits)
    truth = (random.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert calibration.fit_biases(logits - [1, 0, -1], truth) == pytest.approx([1, 0, -1], abs=0.15)


def test_biases_are_only_as_large_as_they_must_be():
    """Smoothed labels pile the other class up at one margin: no likelihood moves the limit towards it, errors do."""
    truth = np.repeat([0, 1], 100)
    margins = np.concatenate([[-1.5, -1.0, -0.5], np.full(97, 3.0), np.full(100, -2.0)])
    logits = np.stack([margins, np.zeros(200)], axis=1)
    biases = calibration.fit_biases(logits, truth)
    shift = biases[0] - biases[1]
    assert biases.sum() == pytest.approx(0, abs=1e-9) and 1.0 < shift < 1.5
    assert (np.argmax(logits + biases, axis=1) == truth).sum() > (np.argmax(logits, axis=1) == truth).sum()


def test_biases_count_classes_alike_however_many_films_they_have():
    truth = np.repeat([0, 1], [10, 990])
    margins = np.concatenate([np.full(10, -0.5), np.full(20, -0.4), np.full(970, -3.0)])
    biases = calibration.fit_biases(np.stack([margins, np.zeros(1000)], axis=1), truth)
    assert biases[0] - biases[1] == pytest.approx(0.5, abs=1e-3)  # ten of ten weigh more than twenty of 990


def test_a_class_without_films_and_no_films_at_all_change_nothing():
    truth = np.array([0, 1] * 20)
    logits = 5.0 * np.eye(3)[truth]
    assert calibration.fit_biases(logits, truth) == pytest.approx([0, 0, 0], abs=1e-9)
    assert calibration.fit_biases(np.zeros((0, 3)), np.zeros(0, int)) == pytest.approx([0, 0, 0], abs=1e-9)


def test_films_that_look_alike_and_are_of_two_classes_stay_together():
    """No shift lies between them, so the gain of one without the other is none."""
    assert calibration.fit_biases(np.zeros((2, 2)), np.array([0, 1])) == pytest.approx([0, 0], abs=1e-5)
    random = np.random.default_rng(1)
    biases = calibration.fit_biases(np.round(random.normal(size=(300, 3)), 1), random.integers(0, 3, 300))
    assert np.isfinite(biases).all()


def test_separated_classes_leave_the_biases_finite():
    truth = np.array([0, 1, 2] * 20)
    biases = calibration.fit_biases(10.0 * np.eye(3)[truth], truth)
    assert np.isfinite(biases).all() and np.abs(biases).max() < 5
