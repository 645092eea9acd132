"""Comparison: two to ten models on the same films, pair by pair: is the difference real, and on which films.

Draws nothing and reads no file; figures come from `stats`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import Any

import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.alignment import ComparisonRefused, align, join_groups
from xraykit.evaluation.decisions import bootstrap
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure

ALPHA = 0.05
FEWEST = 30  # films of each class, below which no verdict is given, no rank, and nothing beside a published figure


class Verdict(StrEnum):
    """What is said of a pair; the value is its name in files and tables."""

    SECOND = "second better"
    FIRST = "first better"
    TIED = "not distinguishable"
    SAME = "same predictions"
    FEW = "too few films"

    @property
    def apart(self) -> bool:
        """Whether the two can be told apart."""
        return self in (Verdict.FIRST, Verdict.SECOND)


def few_films(support: Mapping[str, int]) -> dict[str, int]:
    """Class -> films, of the classes with too few films for a verdict; a class without any film is not judged."""
    return {name: films for name, films in support.items() if 0 < films < FEWEST}


def few_words(few: Mapping[str, int]) -> str:
    """That there are too few films, and of which classes, in a sentence."""
    counts = ", ".join(f"{name} {films}" for name, films in few.items())
    return f"Too few films for a verdict: {counts}; at least {FEWEST} of each class are needed."


@dataclass(frozen=True)
class Pair:
    """Two models on the same films. Differences are `second` minus `first`.

    `differences` Figures of accuracy, balanced accuracy and macro F1 with bootstrap intervals over groups;
    `score_interval` of the accuracy difference by Tango, films counted as independent; `fixes` and `breaks` indices of
    the films that `second` alone, or `first` alone, gets right, `both_wrong` of those that neither does; `p` McNemar's
    exact, `adjusted_p` Holm's over all pairs; `delong` class -> {"first", "second", "difference", "z", "p",
    "adjusted_p"}; `few` as `few_films` has it; `verdict` is `Verdict.FEW` where a class has few; `not_worse`
    {"margin", "second", "first"} or None without a margin.
    """

    first: str
    second: str
    n: int
    groups: int
    differences: Mapping[str, Figure]
    score_interval: tuple[float, float]
    fixes: tuple[int, ...]
    breaks: tuple[int, ...]
    both_wrong: tuple[int, ...]
    p: float
    adjusted_p: float
    delong: Mapping[str, dict]
    few: Mapping[str, int]
    verdict: Verdict
    not_worse: dict | None
    words: tuple[str, ...]

    @property
    def changes(self) -> str:
        """How many films one model gets right and the other wrong: the one sentence of `words` about films."""
        return (
            f"{self.second} corrects {len(self.fixes)} films that {self.first} gets wrong, and gets "
            f"{len(self.breaks)} wrong that {self.first} gets right."
        )


@dataclass(frozen=True, eq=False)
class Comparison:
    """Evaluations in one order of films and classes, and a verdict for each pair in the order given.

    `groups` (N,) int64; films of one patient or one picture share a number. `notes`: what was turned to make them
    alike, and what the figures assume; `warnings` stand apart from them, they belong beside every verdict.
    """

    evaluations: tuple[Evaluation, ...]
    groups: np.ndarray
    pairs: tuple[Pair, ...]
    margin: float | None
    draws: int
    seed: int
    notes: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(evaluation.model for evaluation in self.evaluations)

    @property
    def films(self) -> tuple[str, ...]:
        return self.evaluations[0].films

    @property
    def classes(self) -> tuple[str, ...]:
        return self.evaluations[0].classes

    @property
    def few(self) -> Mapping[str, int]:
        """Class -> films, of the classes that have too few for a verdict."""
        return self.pairs[0].few

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be said beside every figure: models that have met some of these films."""
        return tuple(evaluation.warning for evaluation in self.evaluations if evaluation.warning)

    def choose(self, places: Sequence[int]) -> Comparison:
        """Some of the models, with the verdicts on their pairs as they were: adjusted over all pairs."""
        evaluations = tuple(self.evaluations[place] for place in sorted(places))
        names = {evaluation.model for evaluation in evaluations}
        pairs = tuple(pair for pair in self.pairs if {pair.first, pair.second} <= names)
        return replace(self, evaluations=evaluations, pairs=pairs)

    def pair(self, first: str, second: str) -> Pair:
        """The pair of two models, in the order they were compared in; KeyError where there is none."""
        return {frozenset((pair.first, pair.second)): pair for pair in self.pairs}[frozenset((first, second))]

    def to_dict(self) -> dict[str, Any]:
        """Plain data without NaN: each model's metrics and report, each pair with the names of its films."""
        names = self.films
        pairs = [
            stats.plain(pair)
            | {key: [names[i] for i in getattr(pair, key)] for key in ("fixes", "breaks", "both_wrong")}
            for pair in self.pairs
        ]
        return {
            "format": 1,
            "classes": list(self.classes),
            "n": len(names),
            "groups": int(self.groups.max()) + 1,
            "test_digest": self.evaluations[0].test_digest,
            "margin": self.margin,
            "draws": self.draws,
            "seed": self.seed,
            "models": [
                {
                    "model": evaluation.model,
                    "data": evaluation.data,
                    "metrics": stats.plain(evaluation.metrics()),
                    "report": evaluation.report(),
                }
                for evaluation in self.evaluations
            ],
            "pairs": pairs,
            "few": dict(self.few),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def compare(
    evaluations: Sequence[Evaluation], *, margin: float | None = None, draws: int = 2000, seed: int = 0
) -> Comparison:
    """Compare two to ten models on the same films, whatever order they list them in.

    A pair differs if the 95% bootstrap interval of its accuracy difference leaves out 0 and McNemar's exact p, after
    Holm's adjustment over all pairs, is below 0.05.

    Parameters
    ----------
    margin : float, optional
        The loss of accuracy, as a share, that would still be acceptable: non-inferiority is shown where both
        intervals of the difference (bootstrap and Tango's) stay above -margin.
    draws, seed : int
        Of the bootstrap, which takes whole groups of films.

    Raises
    ------
    ComparisonRefused
        If they are not of the same films, classes and reference standard, or not two to ten different models.
    """
    if margin is not None and not 0 < margin < 1:
        raise ComparisonRefused(f"Expected a margin between 0 and 1 (0.02 is two points of accuracy); got {margin}.")
    if draws < 100:
        raise ComparisonRefused(f"Expected at least 100 bootstrap draws; got {draws}.")
    aligned, notes = align(evaluations)
    groups = join_groups(aligned)
    differences = bootstrap.differences(aligned, groups, draws, [seed, 0])
    areas = _delong(aligned, groups)
    pairs = [
        _pair(aligned[i], aligned[j], groups, differences[i, j], areas[i, j])
        for i, j in combinations(range(len(aligned)), 2)
    ]
    pairs = [_judge(pair, margin, len(pairs)) for pair in _adjust(pairs)]
    said = (*notes, *_caveats(groups, len(pairs)))
    return Comparison(aligned, groups, tuple(pairs), margin, draws, seed, said)


def _pair(
    first: Evaluation,
    second: Evaluation,
    groups: np.ndarray,
    differences: Mapping[str, Figure],
    delong: Mapping[str, dict],
) -> Pair:
    right = [evaluation.predicted == evaluation.truth for evaluation in (first, second)]
    n, count = len(first.films), int(groups.max()) + 1
    fixes, breaks, neither = (
        tuple(np.flatnonzero(chosen).tolist())
        for chosen in (~right[0] & right[1], right[0] & ~right[1], ~right[0] & ~right[1])
    )
    p = stats.mcnemar(len(fixes), len(breaks))
    support = dict(zip(first.classes, first.confusion.sum(axis=1).tolist(), strict=True))
    return Pair(
        first=first.model,
        second=second.model,
        n=n,
        groups=count,
        differences=differences,
        score_interval=stats.paired_score_interval(len(fixes), len(breaks), n),
        fixes=fixes,
        breaks=breaks,
        both_wrong=neither,
        p=p,
        adjusted_p=p,
        delong=delong,
        few=few_films(support),
        verdict=Verdict.SAME if (first.predicted == second.predicted).all() else Verdict.TIED,
        not_worse=None,
        words=(),
    )


def _delong(evaluations: Sequence[Evaluation], groups: np.ndarray) -> dict[tuple[int, int], dict[str, dict]]:
    """DeLong's test of each pair of places, by class."""
    grouped = groups if int(groups.max()) + 1 < len(groups) else None
    tests: dict[tuple[int, int], dict[str, dict]] = {pair: {} for pair in combinations(range(len(evaluations)), 2)}
    for label, name in enumerate(evaluations[0].classes):
        positive = evaluations[0].truth == label
        scores = [evaluation.probabilities[:, label] for evaluation in evaluations]
        for pair, test in stats.delong_pairs(positive, scores, grouped).items():
            tests[pair][name] = {**vars(test), "adjusted_p": test.p}
    return tests


def _adjust(pairs: Sequence[Pair]) -> list[Pair]:
    """Holm's p over the pairs, McNemar's as one family and DeLong's of each class as another."""
    adjusted = stats.holm([pair.p for pair in pairs])
    classes = {name: stats.holm([pair.delong[name]["p"] for pair in pairs]) for name in pairs[0].delong}
    return [
        replace(
            pair,
            adjusted_p=adjusted[k],
            delong={name: test | {"adjusted_p": classes[name][k]} for name, test in pair.delong.items()},
        )
        for k, pair in enumerate(pairs)
    ]


def _judge(pair: Pair, margin: float | None, pairs: int) -> Pair:
    change = pair.differences["accuracy"]
    low, high = change.low, change.high
    verdict = pair.verdict
    if pair.few and verdict is not Verdict.SAME:
        verdict = Verdict.FEW
    elif low is not None and high is not None and (low > 0 or high < 0) and pair.adjusted_p < ALPHA:
        verdict = Verdict.SECOND if low > 0 else Verdict.FIRST
    not_worse = None
    if margin is not None:
        ends = pair.score_interval
        not_worse = {
            "margin": margin,
            "second": not pair.few and low is not None and min(low, ends[0]) > -margin,
            "first": not pair.few and high is not None and max(high, ends[1]) < margin,
        }
    judged = replace(pair, verdict=verdict, not_worse=not_worse)
    return replace(judged, words=tuple(_sentences(judged, pairs)))


def _sentences(pair: Pair, pairs: int) -> Iterator[str]:
    a, b, n = pair.first, pair.second, pair.n
    change = pair.differences["accuracy"]
    p = f"McNemar exact p {stats.p_text(pair.adjusted_p)}" + (f", Holm-adjusted over {pairs} pairs" * (pairs > 1))
    if pair.verdict is Verdict.FEW:
        yield f"{few_words(pair.few)} {b} minus {a} is {_points(change)} at n = {n} ({p})."
    elif pair.verdict is Verdict.SAME:
        yield f"{a} and {b} predict the same class for every film (n = {n})."
    elif pair.verdict is Verdict.TIED:
        yield f"{a} and {b} are not distinguishable at n = {n}: {b} minus {a} is {_points(change)} ({p})."
    elif pair.verdict is Verdict.SECOND:
        yield f"{b} is better than {a} by {_points(change)} at n = {n} ({p})."
    else:
        yield f"{a} is better than {b} by {_points(change.negated())} at n = {n} ({p})."
    if pair.verdict is not Verdict.SAME:
        yield pair.changes
    if pair.verdict is Verdict.TIED and change.ends and not change.ends[0] <= 0 <= change.ends[1]:
        yield "The bootstrap interval excludes 0, but the exact test does not confirm it."
    if pair.not_worse:
        margin = f"(margin {100 * pair.not_worse['margin']:g} points)"
        for key, model, other in (("second", b, a), ("first", a, b)):
            if pair.not_worse[key]:
                yield f"{model} is non-inferior to {other} {margin}."
            else:
                yield f"Non-inferiority of {model} to {other} {margin} is not shown."


def _points(change: Figure) -> str:
    """A difference of shares: "2.1 points [0.4, 3.9]"."""
    return f"{change.value_text('points')} points {change.interval_text('points')}"


def _caveats(groups: np.ndarray, pairs: int) -> Iterator[str]:
    n, count = len(groups), int(groups.max()) + 1
    if count < n:
        yield (
            f"{n} films in {count} groups (same patient or near-identical image). Bootstrap and DeLong resample "
            "groups; McNemar and Tango treat films as independent."
        )
    if pairs > 1:
        yield f"p values are Holm-adjusted over {pairs} pairs; intervals are of each pair alone."
