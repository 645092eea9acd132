"""What a model gave on altered films beside what it gave on the same films as they are, with a verdict by type.

Statistics only: reads no film and runs no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec
import numpy as np

from xraykit.evaluation import comparison, stats
from xraykit.evaluation.decisions import bootstrap, measures
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure
from xraykit.models.cards.card import Card
from xraykit.truth.shortcuts.alterations import BY_KEY, Alteration, Kind

DRAWS = 2000  # of each bootstrap
FEW = 30  # films below which nothing is said
MARGIN = 0.05  # a loss of balanced accuracy below it changes little
NAMED = 20  # classes whose sensitivity is kept

# "above-chance": the answer is still right more often than a blind guess though the evidence is gone; "chance": it is
# not; "falls" and "rises": the films' answers change, beyond chance; "steady": a loss of MARGIN or more is ruled out;
# "unclear": neither; "unknown": too few films.
Verdict = Literal["above-chance", "chance", "falls", "rises", "steady", "unclear", "unknown"]
Part = Literal["test", "all"]


@dataclass(frozen=True)
class Altered:
    """One alteration. `difference` and `balanced_difference` are altered minus unaltered on the same `n` films;
    `flipped` films get another class; `p` is McNemar's exact, `adjusted_p` Holm's over all alterations of the model.
    `given` counts the films that are given each class. The interval of `difference` is the wider of the bootstrap's and
    Tango's, which has a width where nothing changes.
    """

    key: str
    words: str
    kind: Kind
    n: int
    accuracy: Figure
    balanced: Figure
    difference: Figure
    balanced_difference: Figure
    sensitivity: dict[str, Figure]
    flipped: int
    p: float
    adjusted_p: float
    chance: float
    verdict: Verdict = "unknown"
    given: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shortcuts:
    """A model's shortcut audit: figures on the films as they are, then of each alteration.

    `part` "test": films of the model's own test split that lie in `data`; "all": films of `data`, whether the model
    learned from them or not. `chance` is the balanced accuracy of a blind guess. `sensitivity` by class.
    """

    data: str
    part: Part
    n: int
    chance: float
    seed: int
    made: str
    accuracy: Figure
    balanced: Figure
    sensitivity: dict[str, Figure]
    alterations: tuple[Altered, ...]
    masks: int = 0


def read(card: Card) -> Shortcuts | None:
    """The audit that a card holds; None where it holds none, or one of another version."""
    return _read(card.checks.get("shortcuts"), Shortcuts)


def _read(data: Any, kind: type[Shortcuts]) -> Shortcuts | None:
    try:
        return msgspec.convert(data, kind) if data else None
    except msgspec.ValidationError:
        return None


def gather(
    own: Evaluation,
    altered: Mapping[str, tuple[Sequence[int], np.ndarray]],
    *,
    data: str,
    part: Part,
    made: str,
    seed: int = 0,
) -> Shortcuts:
    """Figures of a model's readings of altered films.

    Parameters
    ----------
    own : Evaluation
        Of the films as they are.
    altered : key -> (indices, logits)
        Of each alteration the films that it was done to, as indices into those of `own`, and their logits (n, C).
    """
    rows = [_altered(own, BY_KEY[key], *readings, seed) for key, readings in altered.items()]
    adjusted = stats.holm([row.p for row in rows])
    judged = (replace(row, adjusted_p=p) for row, p in zip(rows, adjusted, strict=True) if p is not None)
    return Shortcuts(
        data=data,
        part=part,
        n=len(own.films),
        chance=chance(own),
        seed=seed,
        made=made,
        accuracy=own.metrics()["accuracy"],
        balanced=balanced(own, seed),
        sensitivity=_sensitivity(own),
        alterations=tuple(replace(row, verdict=judge(row)) for row in judged),
        masks=max((row.n for row in rows if BY_KEY[row.key].masked), default=0),
    )


def chance(films: Evaluation) -> float:
    """The balanced accuracy of whoever gives every film the same class: one over the classes that have films."""
    return 1 / len(np.unique(films.truth))


def balanced(films: Evaluation, seed: int = 0) -> Figure:
    """Balanced accuracy with the wider of two intervals: bootstrap over groups, and of Wilson's a class.

    The bootstrap knows groups but has no width where no film or every film is right; the interval of a mean made of
    the classes' own (Zou and Donner 2008, Stat Med 27:1693) does not know groups.
    """
    size, groups = len(films.classes), _groups(films)
    cells = np.bincount(groups * size**2 + films.truth * size + films.predicted, minlength=(groups.max() + 1) * size**2)
    drawn = [
        measures.balanced_accuracy(block.reshape(-1, size, size))
        for block in stats.draw(cells.reshape(-1, size**2), DRAWS, seed)
    ]
    value = stats.known(measures.balanced_accuracy(films.confusion))
    drawn_over_groups = stats.percentile_interval(value, np.concatenate(drawn), len(films.films), int(groups.max()) + 1)
    return widened(drawn_over_groups, *of_mean(list(_sensitivities(films).values())))


def of_mean(shares: Sequence[Figure]) -> tuple[float, float]:
    """The interval of the mean of independent shares from theirs (Zou and Donner 2008)."""
    values, lows, highs = (np.array([getattr(share, end) for share in shares]) for end in ("value", "low", "high"))
    below, above = (float(np.sqrt(((values - ends) ** 2).sum())) / len(values) for ends in (lows, highs))
    return float(values.mean()) - below, float(values.mean()) + above


def widened(figure: Figure, low: float, high: float) -> Figure:
    """The figure with an interval that holds both; one without an interval stays so."""
    if figure.low is None or figure.high is None:
        return figure
    return replace(figure, low=min(figure.low, low), high=max(figure.high, high))


def judge(row: Altered) -> Verdict:
    """The verdict of an alteration by its figures alone; `adjusted_p` as in `evaluation.comparison`."""
    if row.n < FEW:
        return "unknown"
    if row.kind == "evidence":
        low = row.balanced.low
        return "unknown" if low is None else "above-chance" if low > row.chance else "chance"
    low, high, score_low = row.balanced_difference.low, row.balanced_difference.high, row.difference.low
    if low is None or high is None or score_low is None:
        return "unknown"
    if row.adjusted_p < comparison.ALPHA and high < 0:
        return "falls"
    if row.adjusted_p < comparison.ALPHA and low > 0:
        return "rises"
    return "steady" if min(low, score_low) > -MARGIN else "unclear"


def _altered(own: Evaluation, alteration: Alteration, indices: Sequence[int], logits: np.ndarray, seed: int) -> Altered:
    before = _chosen(own, indices)
    after = replace(before, logits=logits)
    right, still = (each.predicted == each.truth for each in (before, after))
    fixed, broken = int((~right & still).sum()), int((right & ~still).sum())
    p = stats.mcnemar(fixed, broken)
    differences = bootstrap.differences((before, after), _groups(before), DRAWS, [seed])[0, 1]
    return Altered(
        key=alteration.key,
        words=alteration.words,
        kind=alteration.kind,
        n=len(indices),
        accuracy=after.metrics()["accuracy"],
        balanced=balanced(after, seed),
        difference=widened(differences["accuracy"], *stats.paired_score_interval(fixed, broken, len(indices))),
        balanced_difference=differences["balanced_accuracy"],
        sensitivity=_sensitivity(after),
        flipped=int((before.predicted != after.predicted).sum()),
        p=p,
        adjusted_p=p,
        chance=chance(before),
        given={name: int(films) for name, films in zip(own.classes, after.confusion.sum(axis=0), strict=True) if films},
    )


def _chosen(films: Evaluation, indices: Sequence[int]) -> Evaluation:
    chosen = np.asarray(indices, np.int64)
    return replace(
        films,
        films=tuple(films.films[i] for i in chosen),
        truth=films.truth[chosen],
        logits=films.logits[chosen],
        hashes=tuple(films.hashes[i] for i in chosen) if films.hashes else (),
        groups=tuple(films.groups[i] for i in chosen) if films.groups else (),
    )


def _sensitivity(films: Evaluation) -> dict[str, Figure]:
    return dict(list(_sensitivities(films).items())[:NAMED])


def _sensitivities(films: Evaluation) -> dict[str, Figure]:
    """Of each class that has films."""
    hits, support = np.diagonal(films.confusion), films.confusion.sum(axis=1)
    return {name: stats.proportion(int(hits[k]), int(support[k])) for k, name in enumerate(films.classes) if support[k]}


def _groups(films: Evaluation) -> np.ndarray:
    """Counted from 0."""
    numbers = films.groups or range(len(films.films))
    return np.unique(np.array(numbers, np.int64), return_inverse=True)[1]
