"""Ranks say no more than the paired tests do, and models tested on other films can be compared on those in common."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import many_models
from tests.helpers.evaluations import hashes, made
from xraykit.evaluation import published, stats
from xraykit.evaluation.alignment import ClassesDiffer, ComparisonRefused, FilmsDiffer, choose_shared
from xraykit.evaluation.comparison import Verdict, compare, few_films
from xraykit.evaluation.decisions import ranks


def test_models_that_cannot_be_told_apart_share_a_rank():
    result = compare(many_models.evaluations(6, 4, 320), draws=200)
    ranked = ranks.ranks(result)
    apart = {frozenset((pair.first, pair.second)) for pair in result.pairs if pair.verdict.apart}
    assert 0 < len(apart) < len(result.pairs) == 15
    names = [result.models[each.place] for each in ranked]
    for name, each in zip(names, ranked, strict=True):
        better = sum(pair.verdict is Verdict.SECOND and pair.first == name for pair in result.pairs)
        better += sum(pair.verdict is Verdict.FIRST and pair.second == name for pair in result.pairs)
        worse = sum(name in each_pair for each_pair in apart) - better
        assert (each.rank, each.worst) == (1 + better, 6 - worse) and each.sets
    assert [each.rank for each in ranked] == sorted(each.rank for each in ranked)
    for i, first in enumerate(ranked):
        for j, second in enumerate(ranked[:i]):
            tied = frozenset((names[i], names[j])) not in apart
            assert tied == bool({*first.sets} & {*second.sets}), "two share a set exactly where they are not told apart"


def test_too_few_films_give_no_ranks_and_a_difference_has_its_sign():
    few = compare(many_models.evaluations(3, 5, 100), draws=200)
    assert (
        few.few
        and {each.rank for each in ranks.ranks(few)} == {None}
        and all(p.verdict is Verdict.FEW for p in few.pairs)
    )
    there, back = ranks.difference(few, 0, 1)[0], ranks.difference(few, 1, 0)[0]
    assert there.value == -back.value and there.ends == (-back.ends[1], -back.ends[0])
    assert few_films({"a": 0, "b": 29, "c": 30}) == {"b": 29}


def test_pairs_of_many_have_the_figures_of_two():
    three = [made(name, strength=1.0 + k, seed=k) for k, name in enumerate("abc")]
    many, two = compare(three, draws=400), compare(three[:2], draws=400)
    assert (
        many.pairs[0].p == two.pairs[0].p and many.pairs[0].delong["Normal"]["z"] == two.pairs[0].delong["Normal"]["z"]
    )
    for name, figure in two.pairs[0].differences.items():
        assert many.pairs[0].differences[name].value == figure.value
        assert many.pairs[0].differences[name].low == pytest.approx(figure.low, abs=0.02)
    chosen = many.choose((2, 0))
    assert chosen.models == ("a", "c") and [(p.first, p.second) for p in chosen.pairs] == [("a", "c")]


def test_films_in_common_can_be_compared():
    a, b = made("a", n=90, hashes=hashes(90)), made("b", n=90, seed=1, hashes=hashes(90))
    first, second = a.choose(range(60)), b.choose(range(30, 90))
    with pytest.raises(FilmsDiffer) as refused:
        compare([first, second], draws=100)
    assert refused.value.shared == 30 and refused.value.code == "comparison-films"
    shared = choose_shared([first, second])
    assert len(compare(shared, draws=100).films) == 30 and shared[0].films == a.films[30:60]
    assert [len(each.films) for each in choose_shared([a, b])] == [90, 90]
    with pytest.raises(ComparisonRefused, match="no film in common"):
        choose_shared([a.choose(range(10)), b.choose(range(20, 40))])
    with pytest.raises(ClassesDiffer):
        compare([a, replace(b, classes=("x", "y", "z"))], draws=100)


@pytest.mark.parametrize(
    ("p", "written"),
    [
        (0.0496, "0.0496"),
        (0.04996, "0.04996"),
        (0.05, "0.0500"),
        (0.0504, "0.0504"),
        (0.2, "0.200"),
        (0.0004, "< 0.001"),
    ],
)
def test_p_near_its_limit_shows_the_side(p, written):
    assert stats.p_number(p) == written and stats.p_text(p).endswith(written)


def test_warnings_stand_apart_from_notes():
    a, b = made("a"), made("b", seed=1)
    leaking = replace(a, known=many_models.known(a, 11))
    result = compare([leaking, b], draws=100)
    assert result.warnings == (leaking.warning,) and "11 of these 300 films" in result.warnings[0]
    assert not set(result.warnings) & set(result.notes) and result.to_dict()["warnings"] == [leaking.warning]


def test_published_sets_are_known():
    assert published.figures("") == () and np.isfinite(published.SETS["darkcovid"][0].value)
