"""Curves and calibration against scikit-learn."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.late import Late
from xraykit.evaluation import calibration, curves

reference = Late("sklearn.metrics")
calibration_curve = Late("sklearn.calibration", "calibration_curve")


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


SCORED = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=40)


@given(SCORED)
@settings(deadline=None)
def test_the_roc_curve_is_scikit_learns(films):
    positive, scores = (np.array(column) for column in zip(*films, strict=True))
    if positive.all() or not positive.any():
        assert curves.roc(positive, scores) is None
        return
    for every in (False, True):
        curve = curves.roc(positive, scores, every=every)
        x, y, thresholds = reference.roc_curve(positive, scores, drop_intermediate=not every)
        assert curve.x == pytest.approx(x, abs=1e-12) and curve.y == pytest.approx(y, abs=1e-12)
        assert curve.thresholds[1:] == pytest.approx(thresholds[1:])
        assert curve.area == pytest.approx(reference.roc_auc_score(positive, scores), abs=1e-12)


@given(SCORED)
@settings(deadline=None)
def test_the_precision_recall_curve_is_scikit_learns(films):
    positive, scores = (np.array(column) for column in zip(*films, strict=True))
    curve = curves.precision_recall(positive, scores)
    if not positive.any():
        assert curve is None
        return
    precision, recall, _ = reference.precision_recall_curve(positive, scores)
    theirs = {(round(x, 9), round(y, 9)) for x, y in zip(recall, precision, strict=True)}
    assert {(round(x, 9), round(y, 9)) for x, y in zip(curve.x, curve.y, strict=True)} <= theirs
    assert curve.area == pytest.approx(reference.average_precision_score(positive, scores), abs=1e-12)
    assert curve.x[0] == 0 and curve.x[-1] == 1


def test_a_curve_is_plain_data_without_infinity():
    curve = curves.roc(np.array([True, False]), np.array([0.7, 0.2])).to_dict()
    assert curve["thresholds"][0] is None and curve["area"] == 1.0


@pytest.fixture
def calibrated():
    random = np.random.default_rng(2)
    logits = random.normal(size=(500, 3)) * 2
    p = calibration.softmax(logits)
    return logits, p, (random.random((500, 1)) > p.cumsum(axis=1)).sum(axis=1)


def test_calibration_figures_are_scikit_learns(calibrated):
    _, p, truth = calibrated
    assert calibration.log_loss(p, truth) == pytest.approx(reference.log_loss(truth, p), abs=1e-9)
    theirs = reference.brier_score_loss(truth, p, scale_by_half=False, labels=[0, 1, 2])
    assert calibration.brier(p, truth) == pytest.approx(theirs, abs=1e-9)


def test_reliability_bins_are_scikit_learns(calibrated):
    _, p, truth = calibrated
    for label in range(3):
        rows = [row for row in calibration.reliability(p, truth, label=label) if row["n"]]
        observed, predicted = calibration_curve(truth == label, p[:, label], n_bins=10)
        assert [row["observed"].value for row in rows] == pytest.approx(observed, abs=1e-12)
        assert [row["probability"] for row in rows] == pytest.approx(predicted, abs=1e-12)


def test_reliability_bins_hold_every_film_and_give_the_calibration_error(calibrated):
    _, p, truth = calibrated
    rows = calibration.reliability(p, truth)
    assert sum(row["n"] for row in rows) == len(truth)
    gap = sum(row["n"] * abs(row["observed"].value - row["probability"]) for row in rows if row["n"]) / len(truth)
    assert calibration.expected_calibration_error(p, truth) == pytest.approx(gap, abs=1e-12)
    assert all(row["probability"] is None and row["observed"].value is None for row in rows if not row["n"])


def test_a_probability_of_one_lies_in_the_last_bin():
    rows = calibration.reliability(np.array([[1.0, 0.0]]), np.array([0]))
    assert [row["n"] for row in rows] == [0] * 9 + [1]


@pytest.mark.parametrize("truth", [[0], [0, 0, 0], [1, 1, 1]])
def test_temperature_of_few_films_is_a_number_and_never_worsens(truth):
    logits = np.array([[3.0, 0.0], [2.0, 1.0], [0.0, 0.5]])[: len(truth)]
    calibrated = calibration.before_and_after(
        logits, np.array(truth), calibration.fit_temperature(logits, np.array(truth))
    )
    assert calibrated["after"]["log_loss"] <= calibrated["before"]["log_loss"]


def test_temperature_leaves_the_predicted_class(calibrated):
    logits, p, truth = calibrated
    t = calibration.fit_temperature(logits * 3, truth)
    assert (calibration.softmax(logits * 3 / t).argmax(axis=1) == p.argmax(axis=1)).all()


def test_temperature_of_equal_logits_or_no_films_is_one():
    assert calibration.fit_temperature(np.zeros((4, 2)), np.array([0, 1, 0, 1])) == 1.0
    assert calibration.fit_temperature(np.zeros((0, 2)), np.zeros(0, int)) == 1.0
