"""Operating points: chosen on validation, applied to test, refused for another model."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.evaluations import CLASSES, made
from tests.helpers.late import Late
from xraykit.evaluation.decisions import operating_point
from xraykit.evaluation.decisions.operating_point import OperatingRefused

reference = Late("sklearn.metrics")

SHA = "a" * 64


@pytest.fixture
def validation():
    return made("m", n=200, seed=5)


@pytest.fixture
def test():
    return made("m", n=300, seed=6)


@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("label", CLASSES)
def test_a_sensitivity_is_met_with_the_highest_specificity(validation, label, wanted):
    point = operating_point.choose(validation, label, sensitivity=wanted, sha256=SHA)
    k = CLASSES.index(label)
    x, y, _ = reference.roc_curve(validation.truth == k, validation.probabilities[:, k], drop_intermediate=False)
    assert point.figures["sensitivity"].value >= wanted
    assert point.figures["specificity"].value == pytest.approx(1 - x[y >= wanted - 1e-12].min(), abs=1e-12)


@pytest.mark.parametrize("wanted", [0.5, 0.9, 0.99])
def test_a_specificity_is_met_with_the_highest_sensitivity(validation, wanted):
    point = operating_point.choose(validation, "Normal", specificity=wanted, sha256=SHA)
    x, y, _ = reference.roc_curve(validation.truth == 1, validation.probabilities[:, 1], drop_intermediate=False)
    assert point.figures["specificity"].value >= wanted
    assert point.figures["sensitivity"].value == pytest.approx(y[1 - x >= wanted - 1e-12].max(), abs=1e-12)


def test_a_point_gives_the_test_films_their_classes(validation, test):
    point = operating_point.choose(validation, "COVID-19", sensitivity=0.95, sha256=SHA)
    applied = operating_point.apply(point, test, SHA)
    given = test.probabilities[:, 0] >= point.threshold
    assert ((applied.predicted == 0) == given).all()
    assert (applied.predicted[~given] == 1 + test.probabilities[~given, 1:].argmax(axis=1)).all()
    assert (applied.confusion == reference.confusion_matrix(test.truth, applied.predicted)).all()
    assert applied.figures["sensitivity"].value == applied.confusion[0, 0] / applied.confusion[0].sum()
    assert applied.to_dict()["confusion"] == applied.confusion.tolist()


def test_a_point_is_refused_for_another_network(validation, test):
    point = operating_point.choose(validation, "COVID-19", sensitivity=0.9, sha256=SHA)
    with pytest.raises(OperatingRefused, match="chosen for m .sha256 aaaaaaaaaaaa"):
        operating_point.apply(point, test, "b" * 64)
    with pytest.raises(OperatingRefused, match="Choose a new one"):
        operating_point.apply(point, replace(test, model="other"), SHA)


def test_a_point_of_a_class_that_is_not_there_is_refused(test):
    with pytest.raises(OperatingRefused, match="Expected one of COVID-19"):
        operating_point.apply(operating_point.by_hand("m", "Fracture", 0.5), test)


@pytest.mark.parametrize("target", ["sensitivity", "specificity"])
def test_a_target_that_only_all_or_no_films_meet_is_not_attainable(target):
    truth = np.array([0, 0, 1, 1])
    logits = np.array([[0.0, 0, 0], [3.0, 0, 0], [3.0, 0, 0], [1.0, 0, 0]])  # a COVID film is last, another film first
    with pytest.raises(OperatingRefused, match="On the 4 validation films of m, a .* can only be reached by"):
        operating_point.choose(made("m", truth=truth, logits=logits), "COVID-19", **{target: 1.0})


@pytest.mark.parametrize("truth", [[1, 2, 1], [0, 0, 0]])
def test_a_class_without_validation_films_has_no_target(truth):
    with pytest.raises(OperatingRefused, match="with and without COVID-19"):
        operating_point.choose(made("m", truth=truth), "COVID-19", sensitivity=0.9)


@pytest.mark.parametrize("targets", [{}, {"sensitivity": 0.9, "specificity": 0.9}, {"sensitivity": 0.0}])
def test_one_target_is_wanted(validation, targets):
    with pytest.raises(OperatingRefused, match="Expected"):
        operating_point.choose(validation, "Normal", **targets)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_probability(threshold):
    with pytest.raises(OperatingRefused, match="from 0 to 1"):
        operating_point.by_hand("m", "Normal", threshold)


def test_a_threshold_by_hand_takes_all_films_at_nought(test):
    assert (operating_point.apply(operating_point.by_hand("m", "Normal", 0.0), test).predicted == 1).all()


def test_a_point_survives_json(validation):
    for point in (
        operating_point.choose(validation, "Normal", sensitivity=0.9, sha256=SHA),
        operating_point.by_hand("m", "N", 0.2),
    ):
        assert operating_point.OperatingPoint.from_json(point.to_json()) == point
    for text in ("", "[]", "{}", '{"model": 1}'):
        with pytest.raises(OperatingRefused, match="Expected an operating point"):
            operating_point.OperatingPoint.from_json(text)
