"""The paired verdict: what it counts, when it speaks and when it keeps still."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.helpers.evaluations import hashes, made, turned
from tests.helpers.late import Late
from xraykit.evaluation import stats
from xraykit.evaluation.alignment import ComparisonRefused
from xraykit.evaluation.comparison import compare

reference = Late("sklearn.metrics")
Delong_test = Late("MLstatkit", "Delong_test")
contingency_tables = Late("statsmodels.stats.contingency_tables")


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def plain(comparison):
    """The comparison's JSON, in which no number may be NaN."""
    return json.loads(comparison.to_json(), parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))


def test_a_clear_difference_is_said_with_its_interval():
    pair = compare([made("scratch", strength=1.0), made("pretrained", strength=3.0, seed=1)]).pairs[0]
    assert pair.verdict == "second better"
    figure = pair.differences["accuracy"]
    assert 0 < figure.low < figure.value < figure.high
    assert pair.words[0].startswith(f"pretrained is better than scratch by {100 * figure.value:.1f} points [")
    assert pair.words[1].startswith(f"pretrained corrects {len(pair.fixes)} films that scratch gets wrong")


def test_a_difference_by_chance_is_not_called_one():
    pair = compare([made("a"), made("b", seed=3)]).pairs[0]
    assert pair.verdict == "not distinguishable"
    assert pair.words[0].startswith("a and b are not distinguishable at n = 300: b minus a is")


def test_the_verdict_turns_with_the_order():
    a, b = made("a", strength=1.0), made("b", strength=3.0, seed=1)
    there, back = compare([a, b]).pairs[0], compare([b, a]).pairs[0]
    assert (there.verdict, back.verdict) == ("second better", "first better")
    assert there.fixes == back.breaks and there.p == back.p
    assert there.words[0].split(" by ")[0] == back.words[0].split(" by ")[0] == "b is better than a"


def test_numbers_are_the_references():
    a, b = made("a", strength=1.5), made("b", strength=2.0, seed=1)
    comparison = compare([a, b])
    pair, right = comparison.pairs[0], [reading.predicted == reading.truth for reading in (a, b)]
    table = [[int((x & y).sum()) for y in (right[1], ~right[1])] for x in (right[0], ~right[0])]
    assert pair.p == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue, abs=1e-9)
    assert pair.p == pytest.approx(binomtest(table[1][0], table[1][0] + table[0][1]).pvalue, abs=1e-9)
    assert [len(pair.fixes), len(pair.breaks), len(pair.both_wrong)] == [table[1][0], table[0][1], table[1][1]]
    for k, name in enumerate(a.classes):
        _, p, *_ = Delong_test((a.truth == k).astype(int), a.probabilities[:, k], b.probabilities[:, k])
        assert pair.delong[name]["p"] == pytest.approx(p, abs=1e-9)
    f1 = [reference.f1_score(reading.truth, reading.predicted, average="macro") for reading in (a, b)]
    assert pair.differences["macro_f1"].value == pytest.approx(f1[1] - f1[0], abs=1e-12)


def test_fixed_films_are_those_that_only_the_second_gets_right():
    comparison = compare([made("a", strength=1.5), made("b", strength=2.0, seed=1)])
    a, b = comparison.evaluations
    assert comparison.pairs[0].fixes
    for i in comparison.pairs[0].fixes:
        assert a.predicted[i] != a.truth[i] and b.predicted[i] == b.truth[i]
    assert plain(comparison)["pairs"][0]["fixes"] == [comparison.films[i] for i in comparison.pairs[0].fixes]


def test_the_bootstrap_interval_is_that_of_drawing_films_one_by_one():
    a, b = made("a", strength=1.5), made("b", strength=2.0, seed=1)
    right = (b.predicted == b.truth).astype(int) - (a.predicted == a.truth)
    random = np.random.default_rng(0)
    slow = np.quantile([right[random.integers(0, 300, 300)].mean() for _ in range(4000)], [0.025, 0.975])
    figure = compare([a, b], draws=4000).pairs[0].differences["accuracy"]
    assert (figure.low, figure.high) == pytest.approx(slow, abs=0.006)


def test_the_bootstrap_draws_whole_groups():
    once = made("a", strength=1.5), made("b", strength=2.0, seed=1)
    copies = [turned(reading, np.repeat(np.arange(300), 4)) for reading in once]
    names = tuple(f"{i}.png" for i in range(1200))
    groups = tuple(np.repeat(np.arange(300), 4).tolist())
    widths = []
    for evaluations in (
        once,
        [replace(reading, films=names, groups=groups) for reading in copies],
        [replace(reading, films=names) for reading in copies],
    ):
        figure = compare(evaluations).pairs[0].differences["accuracy"]
        widths.append(figure.high - figure.low)
    assert widths[1] == pytest.approx(widths[0], rel=0.1)  # copies teach nothing
    assert widths[2] == pytest.approx(widths[0] / 2, rel=0.15)  # unless they count as films of their own


def test_groups_are_told():
    a = made("a", groups=tuple(i // 2 for i in range(300)))
    comparison = compare([a, made("b", seed=1)])
    assert comparison.pairs[0].groups == 150 and comparison.notes[0].startswith("300 films in 150 groups")


@pytest.mark.parametrize("n", [1, 2, 40])
def test_identical_models_are_not_distinguished(n):
    comparison = compare([made("a", n=n), made("b", n=n)], margin=0.02)
    pair = comparison.pairs[0]
    assert pair.verdict == "same predictions" and pair.p == 1.0 and pair.fixes == pair.breaks == ()
    assert pair.differences["accuracy"].value == 0
    assert all(test["p"] in (None, 1.0) for test in pair.delong.values())
    assert pair.not_worse == {"margin": 0.02, "second": False, "first": False}  # forty films show no two points
    plain(comparison)


def test_models_that_err_on_the_same_films_have_p_one():
    truth, wrong = np.arange(90) % 3, np.arange(90) == 2
    a = made("a", truth=truth, logits=np.eye(3)[np.where(wrong, 1, truth)] * 3)
    b = made("b", truth=truth, logits=np.eye(3)[np.where(wrong, 0, truth)] * 3)
    pair = compare([a, b]).pairs[0]
    assert pair.p == 1.0 and pair.verdict == "not distinguishable" and pair.both_wrong == (2,)


@pytest.mark.parametrize(("films", "verdict"), [(30, "second better"), (29, "too few films")])
def test_fewer_than_thirty_films_of_a_class_give_no_verdict(films, verdict):
    truth = np.r_[np.zeros(films, int), np.ones(200, int)]
    a = made("a", truth=truth, logits=np.eye(3)[1 - truth] * 3)
    b = made("b", truth=truth, logits=np.eye(3)[truth] * 3)
    pair = compare([a, b]).pairs[0]
    assert pair.verdict == verdict and pair.p < 0.001
    said = "Too few films for a verdict: COVID-19 29; at least 30 of each class are needed."
    assert pair.words[0].startswith(said) is (films == 29)


def test_one_film_gives_no_interval_and_no_verdict():
    a = made("a", truth=[0], logits=[[0.0, 1.0, 0.0]] * np.ones((1, 1)))
    b = made("b", truth=[0], logits=[[1.0, 0.0, 0.0]] * np.ones((1, 1)))
    comparison = compare([a, b])
    assert comparison.pairs[0].verdict == "too few films" and comparison.pairs[0].p == 1.0
    assert comparison.pairs[0].differences["accuracy"] == stats.Figure(1.0, n=1)
    assert "no interval" in comparison.pairs[0].words[0]
    plain(comparison)


def test_a_class_without_test_films_is_left_out():
    truth = np.arange(60) % 2
    comparison = compare([made("a", truth=truth), made("b", truth=truth, seed=1)])
    test = comparison.pairs[0].delong["Viral Pneumonia"]
    assert test["p"] is None and test["first"].value is None
    report = {row["row"]: row for row in plain(comparison)["models"][0]["report"]}
    assert report["Viral Pneumonia"]["recall"] is None and report["Viral Pneumonia"]["support"] == 0


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=12))
@settings(deadline=None, max_examples=40)
def test_any_films_give_sense(films):
    truth, first, second = np.array(films).T
    a, b = (made(name, truth=truth, logits=np.eye(3)[given] * 2.0) for name, given in (("a", first), ("b", second)))
    comparison = compare([a, b], draws=100, margin=0.05)
    figure = comparison.pairs[0].differences["accuracy"]
    assert figure.value == pytest.approx((second == truth).mean() - (first == truth).mean())
    assert 0 < comparison.pairs[0].p <= 1
    plain(comparison)


def test_more_than_two_are_adjusted_over_all_pairs():
    comparison = compare([made(name, strength=2 + k / 4, seed=k) for k, name in enumerate("abcd")])
    assert [(pair.first, pair.second) for pair in comparison.pairs] == [
        tuple(two) for two in "ab ac ad bc bd cd".split()
    ]
    assert all(pair.adjusted_p >= pair.p for pair in comparison.pairs)
    smallest = min(comparison.pairs, key=lambda pair: pair.p)
    assert smallest.adjusted_p == pytest.approx(min(1.0, 6 * smallest.p))
    assert "Holm-adjusted over 6 pairs" in smallest.words[0] and comparison.pair("d", "a") is comparison.pairs[2]


def test_not_worse_is_shown_by_enough_films_only():
    close = [made("a", n=4000), made("b", n=4000, seed=1)]
    assert compare(close, margin=0.05).pairs[0].not_worse == {"margin": 0.05, "second": True, "first": True}
    few = [made("a", n=60), made("b", n=60, seed=3)]
    pair = compare(few, margin=0.05).pairs[0]
    assert not pair.not_worse["second"] and pair.words[-1].endswith("is not shown.")


def test_order_changes_no_number():
    known = hashes(300)
    a, b = made("a", hashes=known), made("b", seed=1, strength=2.3, hashes=known)
    straight, shuffled = compare([a, b]), compare([a, turned(b, np.random.default_rng(1).permutation(300))])
    assert shuffled.pairs == straight.pairs and "a different order" in shuffled.notes[0]


def test_a_seed_repeats_the_draws():
    two = [made("a"), made("b", seed=1)]
    assert compare(two).pairs == compare(two).pairs
    assert compare(two, seed=1).pairs[0].differences != compare(two).pairs[0].differences


@pytest.mark.parametrize("wrong", [{"margin": 0.0}, {"margin": 2.0}, {"draws": 5}])
def test_senseless_options_are_refused(wrong):
    with pytest.raises(ComparisonRefused, match="Expected"):
        compare([made("a"), made("b", seed=1)], **wrong)
