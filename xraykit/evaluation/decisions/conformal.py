"""Prediction sets by split conformal prediction: calibrated on validation films, checked on any labelled films.

A set holds every class whose probability reaches a limit. Knows probabilities and counts only.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure
from xraykit.refused import Refused

LEVELS = (0.90, 0.95)
FEWEST = 30  # films below which no verdict on coverage is given


class SetsRefused(Refused):
    """Prediction sets that do not fit a model's classes; the message says what differs."""

    code = "prediction-sets"


class Rule(enum.StrEnum):
    """How the limits are found: one for all classes, or one for each class from the films of that class."""

    OVERALL = "overall"
    PER_CLASS = "per class"


class Verdict(enum.StrEnum):
    """Is the promised coverage kept on some films?"""

    KEPT = "kept"
    LOW = "low"  # the interval lies below, by no more than chance leaves
    BROKEN = "broken"
    FEW = "few films"


@dataclass(frozen=True)
class Sets:
    """`level` is the coverage promised, in (0, 1); `least` the probability from which each class is in the set, 0 to 1.

    A class of which too few validation films are known is always in the set: its limit is 0. `support` counts the
    validation films of each class.
    """

    level: float
    rule: Rule
    least: Mapping[str, float]
    support: Mapping[str, int]

    def includes(self, probabilities: np.ndarray) -> np.ndarray:
        """Which classes are in the sets, (N, C) bool, for probabilities (N, C) with the classes in `least`'s order."""
        return probabilities >= np.array(list(self.least.values()))


@dataclass(frozen=True)
class Coverage:
    """What sets did on labelled films.

    `covered` is the share of films whose set holds their class, films of one group not counted as independent in its
    interval (`stats.share_of_groups`); `classes` the same of the films of each class; `size` the mean number of
    classes in a set; `empty` and `whole` count sets of no class and of all.
    """

    level: float
    n: int
    covered: Figure
    classes: Mapping[str, Figure]
    size: float
    empty: int
    whole: int


def verdict(covered: Figure, level: float, calibrated: int) -> Verdict:
    """Whether a share of films keeps what is promised, for limits that rest on `calibrated` validation films.

    The interval knows these films alone; the limits vary with the validation films too. On films that could be
    exchanged for those the number covered is beta-binomial (Vovk 2012; Angelopoulos and Bates 2021, section 3.2):
    broken where so few would be covered less than once in 40 times.
    """
    from scipy.stats import betabinom

    if covered.n < FEWEST or covered.value is None:
        return Verdict.FEW
    rank = _rank(calibrated, level)
    if rank > calibrated:
        return Verdict.KEPT  # the class is in every set
    chance = betabinom.cdf(round(covered.value * covered.n), covered.n, rank, calibrated + 1 - rank)
    if chance < 0.025:
        return Verdict.BROKEN
    return Verdict.LOW if covered.high is not None and covered.high < level else Verdict.KEPT


def calibrate(validation: Evaluation, level: float, rule: Rule) -> Sets:
    """Limits from validation films, with the score 1 - probability of the true class.

    The score is that of least ambiguous sets (Sadinle, Lei and Wasserman 2019, JASA 114:223), its limit the
    ceil((n + 1) level)-th smallest of n scores (Vovk, Gammerman and Shafer 2005; Angelopoulos and Bates 2021, eq. 1).
    With one limit the promise holds on average over the classes; with one for each class it holds for each
    (label-conditional or Mondrian: Vovk 2012). It rests on films that could be exchanged for those read later:
    films from elsewhere could not.
    """
    scores = validation.probabilities[np.arange(len(validation.truth)), validation.truth]
    support = np.bincount(validation.truth, minlength=len(validation.classes))
    if rule is Rule.OVERALL:
        limits = [_limit(scores, level)] * len(validation.classes)
    else:
        limits = [_limit(scores[validation.truth == k], level) for k in range(len(validation.classes))]
    return Sets(
        level,
        rule,
        dict(zip(validation.classes, limits, strict=True)),
        dict(zip(validation.classes, support.tolist(), strict=True)),
    )


def check(sets: Sets, evaluation: Evaluation) -> Coverage:
    """Coverage and size of the sets of labelled films.

    Raises
    ------
    SetsRefused
        If the sets are of other classes.
    """
    if set(sets.least) != set(evaluation.classes):
        raise SetsRefused(
            f"Expected prediction sets of {', '.join(evaluation.classes)}; got those of {', '.join(sets.least)}. "
            "Make them again with `python -m xraykit models sets NAME`."
        )
    least = {label: sets.least[label] for label in evaluation.classes}
    inside = Sets(sets.level, sets.rule, least, sets.support).includes(evaluation.probabilities)
    n, sizes = len(evaluation.truth), inside.sum(axis=1)
    hit = inside[np.arange(n), evaluation.truth]
    groups = np.array(evaluation.groups) if evaluation.groups else np.arange(n)
    by_class = {}
    for k, label in enumerate(evaluation.classes):
        films = evaluation.truth == k
        by_class[label] = stats.share_of_groups(hit[films], groups[films])
    return Coverage(
        sets.level,
        n,
        stats.share_of_groups(hit, groups),
        by_class,
        float(sizes.mean()),
        int((sizes == 0).sum()),
        int((sizes == len(evaluation.classes)).sum()),
    )


def _limit(probabilities: np.ndarray, level: float) -> float:
    """The probability of the true class that all but a share of 1 - level of such films reach; 0 from too few films."""
    n = len(probabilities)
    rank = _rank(n, level)
    return float(np.sort(probabilities)[::-1][rank - 1]) if rank <= n else 0.0


def _rank(n: int, level: float) -> int:
    return math.ceil((n + 1) * level - 1e-9)  # of a product that floats put a hair above a whole number
