"""A scorecard of a model's heatmap: whether it finds what an answer rests on better than random maps, and is its own.

Every figure is a mean over films with a bootstrap interval over groups of films; each film is its own control.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure
from xraykit.models import explanation
from xraykit.models.cards.card import Card
from xraykit.models.explanation import GRAD_CAM
from xraykit.truth.scorecard import curves, likeness, maps
from xraykit.truth.scorecard.likeness import Explained, Films
from xraykit.truth.scorecard.readings import Reader

RANDOM_MAPS = 10  # a film
STEPS = 16
FEW = 10  # films below which nothing is said
ALIKE = 0.5  # rank correlation from which two networks' maps are too much alike
DRAWS = 2000

# Of the heatmap's advantage over random maps: its interval lies above 0, holds 0, lies below 0; too few films
Verdict = Literal["better", "no-better", "worse", "unknown"]
# Do the maps of networks that cannot know look different (all intervals below ALIKE), or does one look the same?
Sanity = Literal["passed", "failed", "unknown"]


@dataclass(frozen=True)
class Likeness:
    """How alike a film's heatmap is to another map: Spearman's rank correlation, and intersection over union of the
    hottest fifths."""

    rank: Figure
    overlap: Figure


@dataclass(frozen=True)
class Scorecard:
    """What a model's heatmap is worth.

    `score` is insertion area less deletion area, of model probabilities, -1 to 1; `advantage` that of the heatmap less
    the mean of `random_maps` random maps of the same film, `over_middle` less that of a blob in the middle. `curves`
    are means over films of the probability, from no pixel to all, by name: "deletion", "insertion", and each "of random
    maps". `likeness` by what the heatmap is compared with. `left_out` films have no positive evidence, so no map.
    """

    method: str
    verdict: Verdict
    sanity: Sanity
    data: str
    n: int
    left_out: int
    random_maps: int
    steps: int
    fill: str
    seed: int
    made: str
    score: Figure
    random_score: Figure
    advantage: Figure
    over_middle: Figure
    likeness: dict[str, Likeness] = field(default_factory=dict)
    curves: dict[str, tuple[float, ...]] = field(default_factory=dict)


class Setting(NamedTuple):
    """How films are scored: random maps a film, steps of a curve, what is seen where a film is away, seed."""

    random_maps: int = RANDOM_MAPS
    steps: int = STEPS
    fill: str = "blurred"
    seed: int = 0


USUAL = Setting()


def read(card: Card) -> Scorecard | None:
    """The scorecard that a card holds; None where it holds none, or one of another version."""
    try:
        data = card.checks.get("scorecard")
        return msgspec.convert(data, Scorecard) if data else None
    except msgspec.ValidationError:
        return None


def badge(card: Card) -> dict[str, Any] | None:
    """What stands beside an overlay: {"method", "verdict", "sanity", "advantage": [value, low, high], "n"}."""
    scorecard = read(card)
    if scorecard is None:
        return None
    gain = scorecard.advantage
    return {
        "method": scorecard.method,
        "verdict": scorecard.verdict,
        "sanity": scorecard.sanity,
        "advantage": [gain.value, gain.low, gain.high],
        "n": scorecard.n,
    }


def passes(films: int, setting: Setting = USUAL) -> int:
    """How many squares are read to score so many films, at most."""
    return films * (2 + (setting.random_maps + 2) * 2 * (setting.steps - 1) + 2 + len(likeness.VARIANTS))


def score(reader: Reader, films: Films, data: str, made: str, setting: Setting = USUAL) -> Scorecard:
    """Score Grad-CAM of the class that the model gives each film: the one method that needs no TensorFlow.

    Raises ModelRefused ("no-heatmap") where the network has none.
    """
    explanation.check_heatmap(reader.classifier.card, GRAD_CAM)
    ours = likeness.explain(reader, films.squares)
    used = [i for i, heat in enumerate(ours.heats) if heat.maximum > 0]
    random = np.random.default_rng(setting.seed)
    rivals = {i: maps.alike(ours.heats[i].heatmap, setting.random_maps, random) for i in used}
    deletions, insertions = _curves(reader, films.squares, ours, rivals, setting, random)
    compared = likeness.compare(reader, films, ours, rivals, setting.seed)
    scores = curves.area(insertions) - curves.area(deletions)
    by_chance = scores[:, 2:].mean(axis=1)

    def mean(values: np.ndarray) -> Figure:
        return mean_of(values, films.groups[used], setting.seed)

    alike = {str(name): Likeness(mean(pairs[:, 0]), mean(pairs[:, 1])) for name, pairs in compared.items()}
    advantage = mean(scores[:, 0] - by_chance)
    return Scorecard(
        method=GRAD_CAM,
        verdict=judge(advantage),
        sanity=check(alike),
        data=data,
        n=len(used),
        left_out=len(ours.heats) - len(used),
        made=made,
        score=mean(scores[:, 0]),
        random_score=mean(by_chance),
        advantage=advantage,
        over_middle=mean(scores[:, 0] - scores[:, 1]),
        likeness=alike,
        curves=_mean_curves(deletions, insertions),
        **setting._asdict(),
    )


def judge(advantage: Figure) -> Verdict:
    """The verdict on an advantage over random maps."""
    if advantage.ends is None or advantage.n < FEW:
        return "unknown"
    low, high = advantage.ends
    return "better" if low > 0 else "worse" if high < 0 else "no-better"


def check(alike: Mapping[str, Likeness]) -> Sanity:
    """Do the maps of networks that cannot know look different from the model's?"""
    ends = [alike[name].rank.ends for name in ("shuffled-network", "shuffled-labels") if name in alike]
    known = [pair for pair in ends if pair is not None]
    if any(low >= ALIKE for low, _ in known):
        return "failed"
    return "passed" if len(known) == 2 and all(high < ALIKE for _, high in known) else "unknown"


def mean_of(values: np.ndarray, groups: np.ndarray, seed: int = 0) -> Figure:
    """Mean of finite values (N,) with a percentile interval over groups, each drawn whole; `n` films have a value."""
    known = np.isfinite(values)
    values, numbers = values[known], np.unique(groups[known], return_inverse=True)[1]
    if not len(values):
        return Figure(None)
    count = int(numbers.max()) + 1
    sums, sizes = np.bincount(numbers, values), np.bincount(numbers)
    taken = np.random.default_rng(seed).integers(0, count, (DRAWS, count))
    drawn = sums[taken].sum(axis=1) / sizes[taken].sum(axis=1)
    return stats.percentile_interval(float(values.mean()), drawn, len(values), count)


def _curves(
    reader: Reader,
    squares: np.ndarray,
    ours: Explained,
    rivals: dict[int, np.ndarray],
    setting: Setting,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Deletion and insertion (n, 2 + R, steps + 1): of the heatmap, of a blob in the middle, of each random map."""
    drawn = []
    for i, others in rivals.items():
        square, heat, label = squares[i], ours.heats[i].heatmap, int(ours.given[i])
        grids = (heat, maps.middle(heat.shape), *others)
        orders = np.array([maps.order(grid, len(square), random) for grid in grids])

        def probability(altered: Iterator[np.ndarray], label: int = label) -> np.ndarray:
            return reader.probabilities(altered)[:, label]

        drawn.append(curves.curves(square, curves.FILLS[setting.fill](square), orders, setting.steps, probability))
    shape = (-1, 2 + setting.random_maps, setting.steps + 1)
    deletions, insertions = (np.array([pair[side] for pair in drawn]).reshape(shape) for side in (0, 1))
    return deletions, insertions


def _mean_curves(deletions: np.ndarray, insertions: np.ndarray) -> dict[str, tuple[float, ...]]:
    if not len(deletions):
        return {}
    named = {"deletion": deletions, "insertion": insertions}
    return {
        key: tuple(np.round(rows.mean(axis=tuple(range(rows.ndim - 1))), 5).tolist())
        for name, given in named.items()
        for key, rows in ((name, given[:, 0]), (f"{name} of random maps", given[:, 2:]))
    }
