"""Statistics against statsmodels, scipy, scikit-learn and MLstatkit, and where the numbers say nothing."""

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from tests.helpers.late import Late
from xraykit.evaluation import stats
from xraykit.evaluation.decisions import measures

reference = Late("sklearn.metrics")
Delong_test = Late("MLstatkit", "Delong_test")
contingency_tables, multitest = (Late(f"statsmodels.stats.{name}") for name in ("contingency_tables", "multitest"))
proportion_confint = Late("statsmodels.stats.proportion", "proportion_confint")

NEAR = {"abs": 1e-9, "rel": 1e-9}


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def scored(seed, n=200, ties=False):
    """A truth and two scores of which the second is better."""
    random = np.random.default_rng(seed)
    positive = random.random(n) < 0.4
    first, second = (positive * strength + random.normal(size=n) for strength in (0.8, 1.3))
    return positive, *((np.round(first, 1), np.round(second, 1)) if ties else (first, second))


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None, max_examples=60)
def test_intervals_of_a_share_are_statsmodels(case):
    k, n = case
    for ours, theirs in (("wilson", "wilson"), ("exact", "beta")):
        figure = stats.proportion(k, n, ours)
        low, high = proportion_confint(k, n, method=theirs)
        assert (figure.low, figure.high) == pytest.approx((np.clip(low, 0, 1), np.clip(high, 0, 1)), **NEAR)
        assert figure.low - 1e-12 <= figure.value <= figure.high + 1e-12


def test_a_known_share():
    assert stats.proportion(88, 100).low == pytest.approx(0.8019, abs=5e-5)
    assert stats.proportion(88, 100, "exact").low == pytest.approx(0.7998, abs=5e-5)
    assert stats.proportion(0, 0).value is None


@given(st.integers(0, 300), st.integers(0, 300))
@settings(deadline=None, max_examples=60)
def test_mcnemar_is_statsmodels_and_scipys(fixed, broken):
    p = stats.mcnemar(fixed, broken)
    if not fixed + broken:
        assert p == 1.0
        return
    theirs = contingency_tables.mcnemar([[10, fixed], [broken, 10]], exact=True).pvalue
    assert p == pytest.approx(min(theirs, 1.0), **NEAR)
    assert p == pytest.approx(binomtest(fixed, fixed + broken).pvalue, **NEAR)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_delong_is_mlstatkits(seed, ties):
    positive, first, second = scored(seed, ties=ties)
    test = stats.delong(positive, first, second)
    z, p, ci_a, ci_b, auc_a, auc_b, _ = Delong_test(positive.astype(int), first, second)
    assert (test.z, test.p) == pytest.approx((z, p), **NEAR)
    assert (test.first.value, test.second.value) == pytest.approx((auc_a, auc_b), **NEAR)
    assert (test.first.low, test.first.high) == pytest.approx(ci_a, **NEAR)
    assert (test.second.low, test.second.high) == pytest.approx(ci_b, **NEAR)
    assert test.first.value == pytest.approx(reference.roc_auc_score(positive, first), abs=1e-12)
    half = (test.difference.high - test.difference.low) / 2
    assert half == pytest.approx(norm.ppf(0.975) * abs(test.difference.value / z), **NEAR)


def test_delong_turns_its_sign_with_the_models():
    positive, first, second = scored(9)
    there, back = stats.delong(positive, first, second), stats.delong(positive, second, first)
    assert there.z > 0 and there.z == pytest.approx(-back.z) and there.p == pytest.approx(back.p)


@pytest.mark.parametrize(
    "positive",
    [[True, False, True, False], [True, False], [True, False, False]],
    ids=["two a side", "one a side", "one positive"],
)
def test_identical_scores_are_not_distinguished(positive):
    scores = np.linspace(0, 1, len(positive))
    test = stats.delong(np.array(positive), scores, scores.copy())
    assert test.p == 1.0 and test.z == 0.0 and test.difference.value == 0.0


@pytest.mark.parametrize("positive", [[True] * 3, [False] * 3, [True]])
def test_an_absent_side_has_no_area(positive):
    test = stats.delong(np.array(positive), np.arange(len(positive)), np.arange(len(positive)) ** 2)
    assert test.p is None and test.z is None
    assert test.first.value is None and test.difference.value is None


def test_perfect_separation_has_an_area_and_no_interval():
    positive = np.array([True] * 5 + [False] * 5)
    perfect, constant = positive.astype(float), np.zeros(10)
    assert stats.auroc(positive, perfect) == stats.Figure(1.0, n=10)
    test = stats.delong(positive, perfect, constant)
    assert test.difference.value == -0.5 and test.p is None


def statistic_of_tango(fixed, broken, n, delta):
    """Tango's statistic with the constrained maximum found by a search, not by his formula."""
    from scipy.optimize import minimize_scalar

    def loss(q):
        parts = ((fixed, q + delta), (broken, q), (n - fixed - broken, 1 - 2 * q - delta))
        return -sum(k * np.log(max(p, 1e-300)) for k, p in parts if k)

    bounds = max(0.0, -delta), (1 - delta) / 2
    q = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return (fixed - broken - n * delta) / np.sqrt(n * (2 * q + delta * (1 - delta)))


@pytest.mark.parametrize("case", [(14, 3, 225), (3, 14, 225), (5, 5, 40), (40, 1, 60), (120, 90, 1000)])
def test_the_paired_score_interval_ends_where_the_score_test_does(case):
    for end in stats.paired_score_interval(*case):
        assert abs(statistic_of_tango(*case, end)) == pytest.approx(norm.ppf(0.975), abs=1e-4)


@pytest.mark.parametrize("n", [1, 2, 50])
def test_the_paired_score_interval_stays_wide_without_discordant_films(n):
    z2 = norm.ppf(0.975) ** 2
    assert stats.paired_score_interval(0, 0, n) == pytest.approx((-z2 / (n + z2), z2 / (n + z2)), **NEAR)
    low, high = stats.paired_score_interval(n, 0, n)
    assert low < 1 and high == pytest.approx(1)


@given(st.integers(1, 60), st.data())
@settings(deadline=None, max_examples=60)
def test_the_paired_score_interval_holds_its_estimate_and_turns_with_the_models(n, data):
    fixed = data.draw(st.integers(0, n))
    broken = data.draw(st.integers(0, n - fixed))
    low, high = stats.paired_score_interval(fixed, broken, n)
    assert -1 <= low <= (fixed - broken) / n <= high <= 1
    back = stats.paired_score_interval(broken, fixed, n)
    assert (low, high) == pytest.approx((-back[1], -back[0]), abs=1e-7)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(deadline=None)
def test_holm_is_statsmodels(p):
    assert stats.holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1], **NEAR)


def test_holm_leaves_the_unknown_alone():
    assert stats.holm([0.01, None, 0.03]) == [0.02, None, 0.03]
    assert stats.holm([]) == [] and stats.holm([None]) == [None]


def test_bootstrap_sums_have_the_mean_and_spread_of_drawing_rows_one_by_one():
    random = np.random.default_rng(3)
    counts = random.integers(0, 3, (300, 4))
    ours = np.concatenate(list(stats.draw(counts, 6000, seed=1)))
    slow = np.array([counts[random.integers(0, 300, 300)].sum(axis=0) for _ in range(6000)])
    assert ours.shape == slow.shape
    assert ours.mean(axis=0) == pytest.approx(slow.mean(axis=0), rel=0.01)
    assert ours.std(axis=0) == pytest.approx(slow.std(axis=0), rel=0.05)
    assert np.cov(ours.T) == pytest.approx(np.cov(slow.T), abs=0.06 * np.cov(slow.T).max())


def test_bootstrap_repeats_with_its_seed_and_a_draw_of_one_group_is_that_group():
    counts = np.array([[1, 2], [0, 1]])
    first, again, other = (np.concatenate(list(stats.draw(counts, 100, seed))) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    assert (np.concatenate(list(stats.draw(counts[:1], 9))) == [1, 2]).all()


def test_blocks_of_draws_add_up(monkeypatch):
    counts = np.arange(40).reshape(20, 2)
    monkeypatch.setattr(stats, "_CELLS", 60)
    blocks = list(stats.draw(counts, 10))
    assert [len(block) for block in blocks] == [3, 3, 3, 1]


def test_no_interval_of_one_group():
    assert stats.percentile_interval(0.5, np.full(9, 0.5), 1, 1).low is None
    assert stats.percentile_interval(None, np.array([np.nan]), 4, 4).value is None
    assert stats.percentile_interval(0.5, np.array([np.nan]), 4, 4).low is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
@settings(deadline=None)
def test_figures_of_a_matrix_are_scikit_learns(films):
    truth, predicted = np.array(films).T
    matrix = reference.confusion_matrix(truth, predicted, labels=range(4))
    f1 = reference.f1_score(truth, predicted, average="macro", zero_division=0)
    several = len({*truth, *predicted}) > 1  # scikit-learn warns of one class, and of classes that are only predicted
    present = np.isin(predicted, truth)
    assert measures.accuracy(matrix) == pytest.approx(reference.accuracy_score(truth, predicted), abs=1e-12)
    assert measures.macro_f1(matrix) == pytest.approx(f1, abs=1e-12)
    if present.all() and several:
        theirs = reference.balanced_accuracy_score(truth, predicted)
        assert measures.balanced_accuracy(matrix) == pytest.approx(theirs, abs=1e-12)
    kappa = stats.known(measures.kappa(matrix))
    assert (kappa is not None) == several
    if several:
        assert kappa == pytest.approx(reference.cohen_kappa_score(truth, predicted), abs=1e-12)


def test_an_empty_matrix_gives_none():
    for figure in (measures.accuracy, measures.balanced_accuracy, measures.macro_f1, measures.kappa):
        assert stats.known(figure(np.zeros((3, 3), int))) is None


def test_figures_of_many_matrices_are_those_of_each():
    matrices = np.random.default_rng(0).integers(0, 9, (5, 3, 3))
    for figure in (measures.accuracy, measures.balanced_accuracy, measures.macro_f1, measures.kappa):
        assert figure(matrices) == pytest.approx([float(figure(matrix)) for matrix in matrices])


def test_groups_of_one_film_change_no_area_interval():
    positive, first, second = scored(4)
    alone, grouped = (stats.delong(positive, first, second, groups) for groups in (None, np.arange(200)))
    assert (grouped.z, grouped.p) == pytest.approx((alone.z, alone.p), abs=1e-12)
    assert grouped.first == pytest.approx(alone.first, abs=1e-12)


def test_copies_of_a_film_in_its_group_teach_an_area_nothing():
    positive, first, second = scored(4)
    alone = stats.delong(positive, first, second)
    copied = [np.repeat(column, 3) for column in (positive, first, second)]
    grouped = stats.delong(*copied, np.repeat(np.arange(200), 3))
    assert (grouped.z, grouped.p) == pytest.approx((alone.z, alone.p), abs=1e-9)
    assert stats.delong(*copied).p < alone.p  # films counted as independent claim more than they know


def test_one_group_on_a_side_has_no_area_interval():
    figure = stats.auroc(np.array([True, True, False, False]), np.arange(4.0), np.array([0, 0, 1, 2]))
    assert figure.value == 0.0 and figure.low is None


@pytest.mark.parametrize(
    "figure,kind,text",
    [
        (stats.Figure(0.95, 0.901, 0.9764, 300), "percent", "95.0% [90.1, 97.6]"),
        (stats.Figure(0.98765, 0.9, 0.999), "number", "0.9877 [0.9000, 0.9990]"),
        (stats.Figure(-0.0001, -0.02, 0.02), "points", "0.0 [-2.0, 2.0]"),
        (stats.Figure(1.0), "percent", "100.0% (no interval)"),
        (stats.Figure(None), "percent", "n/a"),
    ],
)
def test_a_figure_is_written_in_one_way(figure, kind, text):
    assert figure.text(kind) == text


def test_a_figure_is_a_dict_in_files_and_a_figure_again_when_read():
    figure = stats.proportion(88, 100)
    assert list(figure.to_dict()) == ["value", "low", "high", "n"]
    assert stats.Figure.from_dict(figure.to_dict()) == figure
    assert stats.Figure.from_dict(None) == stats.Figure.from_dict({}) == stats.Figure(None)
    nested = {"class": [figure, (1, None)], "area": stats.PairedAuroc(figure, figure, figure.negated(), 1.0, 0.5)}
    data = json.loads(json.dumps(stats.plain(nested)))
    assert data["class"] == [figure.to_dict(), [1, None]] and data["area"]["difference"]["low"] == -figure.high


def test_a_share_of_groups_is_wilsons_where_every_film_is_a_group_of_its_own():
    hits = np.arange(40) < 30
    assert stats.share_of_groups(hits, np.arange(40)).ends == pytest.approx(stats.proportion(30, 40).ends, abs=0.005)


def test_films_of_one_patient_do_not_make_an_interval_narrower():
    hits, patients = np.repeat([True, False, True, True, False, True, True, True], 5), np.repeat(np.arange(8), 5)
    alone, grouped = stats.proportion(30, 40), stats.share_of_groups(hits, patients)
    assert grouped.value == alone.value and grouped.n == 40
    # Whole patients are right or wrong: 40 films say as much as 8 / (8 / 7), the ratio estimator's effective number
    assert grouped.ends == pytest.approx(stats._wilson(0.75, 7), abs=1e-9)


def test_none_of_a_patients_many_films_is_counted_as_one_film():
    none = stats.share_of_groups(np.zeros(100, bool), np.repeat(np.arange(10), 10))
    assert (none.value, none.low, none.n) == (0.0, 0.0, 100)
    assert none.high == pytest.approx(stats.proportion(0, 10).high)
    assert stats.share_of_groups(np.zeros(0, bool), np.zeros(0, int)).value is None


def test_a_mean_of_shares_recovers_its_interval_from_theirs():
    single = stats.mean_of_shares([stats.proportion(30, 40)])
    assert (single.value, *single.ends) == pytest.approx((0.75, *stats.proportion(30, 40).ends))
    mean = stats.mean_of_shares([stats.proportion(0, 700), stats.proportion(690, 700), stats.Figure(None)])
    assert mean.value == pytest.approx(690 / 1400) and mean.n == 1400
    assert mean.low < mean.value < mean.high and mean.high - mean.low < 0.02
    assert stats.mean_of_shares([]).value is None
