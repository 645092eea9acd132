"""Prediction sets: by hand, beside MAPIE's, and whether they hold what they promise."""

import numpy as np
import pytest

from tests.helpers.evaluations import CLASSES, made
from xraykit.evaluation.decisions import conformal
from xraykit.evaluation.decisions.conformal import Rule, Sets, SetsRefused, Verdict
from xraykit.evaluation.stats import Figure

TWO = ("ill", "well")


def of_probabilities(rows, truth, classes=TWO):
    """An evaluation with these very probabilities."""
    films = tuple(f"{k}.png" for k in range(len(rows)))
    return made("m", truth=truth, classes=classes, films=films, logits=np.log(np.asarray(rows, float)))


def ladder():
    """Nine films of each class; that of rank k gives its true class the probability k / 10."""
    steps = np.arange(1, 10) / 10
    ill, well = np.column_stack((steps, 1 - steps)), np.column_stack((1 - steps, steps))
    return of_probabilities(np.vstack((ill, well)), [0] * 9 + [1] * 9)


def test_limits_are_those_of_a_calculation_by_hand():
    # per class: rank ceil(10 x 0.8) = 8 of 9 scores 0.1 .. 0.9, that is the probability 0.2
    assert conformal.calibrate(ladder(), 0.8, Rule.PER_CLASS).least == pytest.approx({"ill": 0.2, "well": 0.2})
    # overall: rank ceil(19 x 0.8) = 16 of 18 scores, each step there twice: 0.8
    assert conformal.calibrate(ladder(), 0.8, Rule.OVERALL).least == pytest.approx({"ill": 0.2, "well": 0.2})
    # rank ceil(10 x 0.9) = 9 of 9; ceil(10 x 0.95) = 10 of 9: too few films, so the class is always in the set
    assert conformal.calibrate(ladder(), 0.9, Rule.PER_CLASS).least == pytest.approx({"ill": 0.1, "well": 0.1})
    assert conformal.calibrate(ladder(), 0.95, Rule.PER_CLASS).least == {"ill": 0.0, "well": 0.0}


def test_sets_are_checked_film_by_film():
    sets = Sets(0.9, Rule.PER_CLASS, {"ill": 0.6, "well": 0.3}, {"ill": 50, "well": 50})
    rows = [[0.7, 0.3], [0.65, 0.35], [0.5, 0.5], [0.2, 0.8], [0.1, 0.9]]
    assert sets.includes(np.array(rows)).tolist() == [
        [True, True],
        [True, True],
        [False, True],
        [False, True],
        [False, True],
    ]
    coverage = conformal.check(sets, of_probabilities(rows, [0, 0, 0, 1, 1]))
    assert (coverage.n, coverage.covered.value, coverage.size, coverage.empty, coverage.whole) == (5, 0.8, 1.4, 0, 2)
    assert coverage.classes["ill"].value == pytest.approx(2 / 3) and coverage.classes["well"].value == 1
    none = Sets(0.9, Rule.OVERALL, {"ill": 0.95, "well": 0.95}, {"ill": 50, "well": 50})
    assert conformal.check(none, of_probabilities(rows, [0, 0, 0, 1, 1])).empty == 5


def test_classes_in_another_order_are_matched_and_others_refused():
    turned = Sets(0.9, Rule.PER_CLASS, {"well": 0.3, "ill": 0.6}, {"well": 50, "ill": 50})
    assert conformal.check(turned, of_probabilities([[0.5, 0.5]], [1])).size == 1
    with pytest.raises(SetsRefused, match="models sets"):
        conformal.check(turned, made("m"))


@pytest.mark.parametrize("level", conformal.LEVELS)
@pytest.mark.parametrize("rule", Rule)
def test_coverage_is_kept_on_films_alike(level, rule):
    shares = []
    for seed in range(20):
        validation = made("m", truth=np.arange(300) % 3, seed=seed, strength=1.5)
        films = made("m", truth=np.arange(600) % 3, seed=1000 + seed, strength=1.5)
        coverage = conformal.check(conformal.calibrate(validation, level, rule), films)
        shares.append([coverage.covered.value, *(figure.value for figure in coverage.classes.values())])
    means = np.mean(shares, axis=0)
    assert means[0] == pytest.approx(level, abs=0.01) and means[0] > level - 0.004
    if rule is Rule.PER_CLASS:
        assert means[1:] == pytest.approx([level] * 3, abs=0.02)


def test_where_they_fail_is_found():
    def judged(n, strength, seed):
        validation = made("m", n=300, strength=3.0, seed=seed)
        sets = conformal.calibrate(validation, 0.9, Rule.PER_CLASS)
        covered = conformal.check(sets, made("m", n=n, strength=strength, seed=100 + seed)).covered
        return conformal.verdict(covered, 0.9, 300)

    assert [judged(400, 0.0, seed) for seed in range(5)] == [Verdict.BROKEN] * 5
    alike = [judged(400, 3.0, seed) for seed in range(40)]
    assert alike.count(Verdict.BROKEN) <= 4  # one is to be expected by chance
    assert judged(29, 0.0, 1) is Verdict.FEW and conformal.verdict(Figure(None), 0.9, 300) is Verdict.FEW
    assert conformal.verdict(Figure(1.0, n=40), 0.9, 8) is Verdict.KEPT


@pytest.mark.parametrize("level", conformal.LEVELS)
def test_limits_and_sets_are_those_of_mapie(level):
    classification = pytest.importorskip("mapie.classification", reason="MAPIE is the oracle, in requirements-dev.txt")
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Probabilities(ClassifierMixin, BaseEstimator):
        """Hands out the probabilities it is given as films."""

        def __init__(self):
            self.classes_ = np.arange(len(CLASSES))

        def fit(self, x, y):
            return self

        def predict_proba(self, x):
            return x

        def predict(self, x):
            return x.argmax(axis=1)

        def __sklearn_is_fitted__(self):
            return True

    validation, films = made("m", n=211, seed=1, strength=1.0), made("m", n=150, seed=2, strength=1.0)
    theirs = classification.SplitConformalClassifier(
        Probabilities(), confidence_level=level, conformity_score="lac", prefit=True
    )
    theirs.conformalize(validation.probabilities, validation.truth)
    _, inside = theirs.predict_set(films.probabilities)
    ours = conformal.calibrate(validation, level, Rule.OVERALL).includes(films.probabilities)
    assert 0 < ours.mean() < 1 and np.array_equal(ours, inside[:, :, 0])
