"""Decision curves: the formula of the paper by hand, dcurves where it is there, and the paired difference."""

import numpy as np
import pytest

from tests.helpers.evaluations import made
from xraykit.evaluation.decisions import net_benefit


def test_the_formula_by_hand():
    # Vickers and Elkin 2006: TP / n - FP / n x t / (1 - t). Four films at 20 %: 2 hits, 1 false alarm
    positive, scores = np.array([True, True, False, False]), np.array([0.9, 0.2, 0.3, 0.1])
    benefit = net_benefit.net_benefit(positive, scores, np.array([0.2, 0.5]))
    assert benefit == pytest.approx([2 / 4 - 1 / 4 * 0.25, 1 / 4])
    assert net_benefit.treat_all(0.5, np.array([0.2, 0.5])) == pytest.approx([0.5 - 0.5 * 0.25, 0])


def test_whoever_calls_every_film_has_the_net_benefit_of_treating_all():
    positive = np.arange(50) < 11
    assert net_benefit.net_benefit(positive, np.ones(50)) == pytest.approx(net_benefit.treat_all(11 / 50))
    assert net_benefit.net_benefit(positive, np.zeros(50)) == pytest.approx(0)


def test_curves_are_those_of_dcurves():
    dcurves = pytest.importorskip("dcurves", reason="dcurves is an oracle where it is installed")
    import pandas

    films = made("m", n=200)
    positive, scores = films.truth == 0, films.probabilities[:, 0]
    table = dcurves.dca(
        pandas.DataFrame({"ill": positive.astype(int), "m": scores}),
        outcome="ill",
        modelnames=["m"],
        thresholds=net_benefit.THRESHOLDS,
    )
    theirs = {name: rows["net_benefit"].to_numpy() for name, rows in table.groupby("model")}
    assert net_benefit.net_benefit(positive, scores) == pytest.approx(theirs["m"], abs=1e-9)
    assert net_benefit.treat_all(positive.mean()) == pytest.approx(theirs["all"], abs=1e-9)


def test_a_better_model_is_found_and_the_same_one_is_not():
    a, b = made("a", strength=1.0), made("b", strength=4.0, seed=1)
    positive, each = a.truth == 0, np.arange(300)
    scores = [films.probabilities[:, 0] for films in (a, b)]
    there = net_benefit.difference(positive, *scores, each, draws=300)
    back = net_benefit.difference(positive, *scores[::-1], each, draws=300)
    assert there.better[20:60].all() and (back.better == -there.better).all()
    assert (there.low <= there.value).all() and (there.value <= there.high).all()
    same = net_benefit.difference(positive, scores[0], scores[0], each, draws=300)
    assert not same.better.any() and not same.high.any()


def test_films_of_a_group_are_drawn_together():
    a, b = made("a", strength=1.0), made("b", strength=2.0, seed=1)
    positive = a.truth == 0
    scores = [np.tile(films.probabilities[:, 0], 4) for films in (a, b)]
    alone = net_benefit.difference(np.tile(positive, 4), *scores, np.arange(1200), draws=400)
    joined = net_benefit.difference(np.tile(positive, 4), *scores, np.tile(np.arange(300), 4), draws=400)
    widths = [(interval.high - interval.low)[10:60].mean() for interval in (alone, joined)]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.15)  # four copies tell no more than one
    lone = net_benefit.difference(positive, *(part[:300] for part in scores), np.zeros(300, int))
    assert np.isnan(lone.low).all() and not lone.better.any()
