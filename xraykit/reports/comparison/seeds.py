"""Several models of one recipe that differ in their seed alone: what a seed changes, and verdicts over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import msgspec
import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure
from xraykit.experiments.results.spread import Spread, corrected_interval, corrected_p, spread
from xraykit.models.cards.card import titles_of
from xraykit.models.kept import Kept
from xraykit.reports.report.page import Section
from xraykit.reports.report.table import Column, Table

FEWEST = 3  # seeds in common, below which no verdict is given
MEASURED = ("seed", "name", "learning_seconds", "best_epoch", "device", "device_name", "split")  # not of the recipe
ALPHA = 0.05


def family(kept: Kept) -> str:
    """What models of one recipe share: everything of it but the seed and what was measured, and their films."""
    recipe = {key: value for key, value in kept.card.recipe.items() if key not in MEASURED}
    return msgspec.json.encode([recipe, kept.card.data.get("digest"), kept.test.test_digest], order="sorted").decode()


def families(chosen: Sequence[Kept], usable: Sequence[Kept]) -> tuple[tuple[Kept, ...], ...]:
    """The recipes of the chosen models with all their seeds among the usable ones, where any has two or more.

    Recipes stand in the order of the chosen models; an imported model has none.
    """
    names = list(dict.fromkeys(family(kept) for kept in chosen if "imported" not in kept.card.recipe))
    gathered: dict[str, dict[Any, Kept]] = {name: {} for name in names}
    for kept in (*chosen, *usable):
        members = gathered.get(family(kept)) if "imported" not in kept.card.recipe else None
        if members is not None and "seed" in kept.card.recipe:
            members.setdefault(kept.card.recipe["seed"], kept)
    recipes = tuple(tuple(members.values()) for members in gathered.values() if members)
    return recipes if any(len(members) > 1 for members in recipes) else ()


def section(recipes: Sequence[Sequence[Kept]]) -> Section | None:
    """Mean and spread of each recipe's test accuracy over its seeds, and each two recipes in pairs."""
    if not recipes:
        return None
    firsts = [min(members, key=lambda kept: kept.card.name) for members in recipes]
    titles = titles_of([kept.card for kept in firsts])
    names = [_name(titles[first.card.name], members) for first, members in zip(firsts, recipes, strict=True)]
    figures = [{kept.card.recipe["seed"]: _accuracy(kept) for kept in members} for members in recipes]
    spreads = [spread(list(by_seed.values())) for by_seed in figures]
    words = [_spread_words(name, result) for name, result in zip(names, spreads, strict=True)]
    pairs = [
        (first, second, *_paired(figures[first], figures[second]))
        for first, second in combinations(range(len(names)), 2)
    ]
    adjusted = stats.holm([p for *_, p in pairs])
    for (first, second, change, _), p in zip(pairs, adjusted, strict=True):
        words.append(_verdict(names[first], names[second], change, p))
    columns = (
        Column("Recipe"),
        Column("Seeds"),
        Column("Mean accuracy", "percent", interval=True),
        Column("SD, points", "points"),
    )
    rows = tuple(
        (name, ", ".join(map(str, by_seed)), result.figure, result.sd)
        for name, by_seed, result in zip(names, figures, spreads, strict=True)
    )
    note = "95% intervals of Student's t over the seeds: what another seed would change, not what other films would."
    return Section("seeds", "Over seeds", tuple(words), (Table("seeds", "", columns, rows, note),), listed=True)


def _name(first: str, members: Sequence[Kept]) -> str:
    return first if len(members) == 1 else f"{first} and {len(members) - 1} more of its recipe"


def _accuracy(kept: Kept) -> float:
    return float(np.mean(kept.test.predicted == kept.test.truth))


def _paired(first: Mapping[Any, float], second: Mapping[Any, float]) -> tuple[Figure, float | None]:
    """Second minus first over the seeds in common, and its p; no interval from fewer than two."""
    common = [seed for seed in first if seed in second]
    changes = [second[seed] - first[seed] for seed in common]
    if len(changes) < 2:
        return Figure(changes[0] if changes else None, n=len(changes)), None
    return Figure(float(np.mean(changes)), *corrected_interval(changes, 1), len(changes)), corrected_p(changes, 1)


def _spread_words(name: str, result: Spread) -> str:
    if result.sd is None:
        return f"{name}: accuracy {result.figure.value_text()} with one seed; its spread is not known."
    return (
        f"{name}: mean accuracy {result.figure.text()} over {result.n} seeds, standard deviation "
        f"{stats.number_text(result.sd, 'points')} points."
    )


def _verdict(first: str, second: str, change: Figure, p: float | None) -> str:
    difference = f"{second} minus {first}: {change.value_text('points')} points {change.interval_text('points')}"
    if change.n < FEWEST:
        count = f"{change.n} seed{'' if change.n == 1 else 's'} in common"
        return f"Too few seeds for a verdict on {first} and {second}: {count}, at least {FEWEST} are needed."
    if p is None or p >= ALPHA:
        return f"Not distinguishable over {change.n} seeds in pairs. {difference} (paired t, p {stats.p_text(p)})."
    better = second if (change.value or 0) > 0 else first
    return f"{better} is better over {change.n} seeds in pairs. {difference} (paired t, p {stats.p_text(p)})."
