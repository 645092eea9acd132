"""Of 100 such people: Bayes' theorem by hand, and intervals that hold what they promise."""

import numpy as np
import pytest

from xraykit.evaluation.decisions import people
from xraykit.evaluation.stats import Figure, proportion


def test_the_example_of_the_textbook():
    # Gigerenzer and Hoffrage 1995, Psychol Rev 102:684: 1 % have it, 80 % of them and 9.6 % of the others are called
    shown = people.of_hundred(proportion(800, 1000), proportion(904, 1000), 0.01)
    assert shown.ppv.value == pytest.approx(0.0776, abs=1e-4)
    assert (shown.hits, shown.missed, shown.false_alarms, shown.rejected) == (1, 0, 10, 89)
    assert shown.ppv.low < 0.0776 < shown.ppv.high and shown.npv.value > 0.99


@pytest.mark.parametrize("prevalence", [0.0, 0.004, 0.01, 0.333, 0.5, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.953, 1.0])
def test_people_add_up(prevalence, share):
    shown = people.of_hundred(Figure(share, n=80), Figure(1 - share / 7, n=300), prevalence)
    dots = (shown.hits, shown.missed, shown.false_alarms, shown.rejected)
    assert sum(dots) == 100 and min(dots) >= 0
    assert abs(shown.hits + shown.missed - 100 * prevalence) <= 0.5


def test_a_perfect_test_still_has_an_interval_and_an_unknown_one_is_nothing():
    shown = people.of_hundred(Figure(1.0, n=50), Figure(1.0, n=50), 0.1)
    assert shown.ppv.value == shown.ppv.high == 1 and 0.4 < shown.ppv.low < 0.9
    assert people.of_hundred(Figure(None), Figure(1.0, n=5), 0.1) is None
    assert people.of_hundred(Figure(0.0, n=5), Figure(1.0, n=5), 0.1).ppv.value is None
    assert people.of_hundred(Figure(0.9), Figure(0.9), 0.1).ppv.ends is None


def test_intervals_hold_the_truth_as_often_as_they_say():
    random, held = np.random.default_rng(0), []
    truth = 0.9 * 0.05 / (0.9 * 0.05 + 0.08 * 0.95)
    for _ in range(400):
        sensitivity, specificity = (
            Figure(random.binomial(n, share) / n, n=n) for n, share in ((120, 0.9), (400, 0.92))
        )
        ppv, _ = people.predictive_values(sensitivity, specificity, 0.05)
        held.append(ppv.low <= truth <= ppv.high)
    assert 0.92 < np.mean(held) < 0.99
