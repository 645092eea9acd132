"""Ranks: several models in order, as far as a comparison's paired tests tell them apart. Tests nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xraykit.evaluation.comparison import Comparison, Pair, Verdict
from xraykit.evaluation.stats import Figure


@dataclass(frozen=True)
class Ranked:
    """A model's place among those compared.

    `place` in the order given; `rank` 1 + how many models are better than it, None where a class has too few films
    for a verdict; `worst` the last rank that it may have: as many models as are not worse than it. `sets` numbers,
    from 0, of the tied sets that it is in.
    """

    place: int
    rank: int | None
    worst: int | None
    sets: tuple[int, ...]


def ranks(comparison: Comparison) -> tuple[Ranked, ...]:
    """The models by rank, those of one rank by accuracy.

    From `rank` to `worst` are simultaneous 95 % intervals for the ranks, as Holm's tests keep the chance of any false
    difference below 5 % (Al Mohamad, Goeman and van Zwet 2022, Biometrics 78:238). A tied set are models of which no
    two can be told apart, as large as it can be: the letters of Piepho (2004, J Comput Graph Stat 13:456). A model can
    be in several.
    """
    count = len(comparison.models)
    pairs = {(i, j): pair for (i, j), pair in zip(_places(count), comparison.pairs, strict=True)}
    better = {place: 0 for place in range(count)}
    worse = dict(better)
    for (i, j), pair in pairs.items():
        if pair.verdict.apart:
            winner, loser = (j, i) if pair.verdict is Verdict.SECOND else (i, j)
            better[loser] += 1
            worse[winner] += 1
    accuracy = [float((each.predicted == each.truth).mean()) for each in comparison.evaluations]
    known = not comparison.few
    order = sorted(range(count), key=lambda place: (better[place], -accuracy[place], place))
    sets = _tied_sets(order, pairs) if known else []
    return tuple(
        Ranked(
            place,
            1 + better[place] if known else None,
            count - worse[place] if known else None,
            tuple(number for number, members in enumerate(sets) if place in members),
        )
        for place in order
    )


def difference(comparison: Comparison, first: int, second: int) -> tuple[Figure, Pair]:
    """Accuracy of the model at one place minus that at another, with its interval, and the test behind it."""
    models = comparison.models
    pair = comparison.pair(models[first], models[second])
    figure = pair.differences["accuracy"]
    return (figure.negated() if pair.first == models[first] else figure), pair


def _places(count: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(count) for j in range(i + 1, count))


def _tied_sets(order: Sequence[int], pairs: dict[tuple[int, int], Pair]) -> list[frozenset[int]]:
    """Every largest set of models of which no two are told apart, the best first (Bron and Kerbosch 1973)."""
    tied: dict[int, set[int]] = {place: set() for place in order}
    for (i, j), pair in pairs.items():
        if not pair.verdict.apart:
            tied[i].add(j)
            tied[j].add(i)
    sets: list[frozenset[int]] = []

    def grow(members: set[int], more: set[int], done: set[int]) -> None:
        if not more and not done:
            sets.append(frozenset(members))
        for place in [place for place in order if place in more]:
            grow(members | {place}, more & tied[place], done & tied[place])
            more, done = more - {place}, done | {place}

    grow(set(), set(order), set())
    return sorted(sets, key=lambda members: sorted(order.index(place) for place in members))
