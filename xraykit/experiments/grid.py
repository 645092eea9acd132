"""The trials of a study: its base recipe with other values, each checked. Trains nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xraykit.experiments.study import Design, Study
from xraykit.training.recipe import recipe as recipes
from xraykit.training.recipe.recipe import Recipe, RecipeRefused


@dataclass(frozen=True)
class Trial:
    """One combination of values: run once for each fold and seed.

    `number` counts from 1, as people see it; `settings` are the values of the study's factors in this trial, by path;
    `random_start` is True where ImageNet weights were asked for, found nowhere and replaced by random ones.
    """

    number: int
    settings: Mapping[str, Any]
    recipe: Recipe
    random_start: bool = False


@dataclass(frozen=True)
class Grid:
    """The trials of a study, and how many combinations were left out because no recipe can have them."""

    trials: tuple[Trial, ...]
    impossible: int = 0


def trials(study: Study) -> Grid:
    """The trials of a study that tries one factor at a time or every combination; no two are the same recipe."""
    known: dict[str, Trial] = {}
    impossible = 0
    for settings in _combinations(study):
        try:
            recipe = with_values(study, settings)
        except RecipeRefused:
            impossible += 1
            continue
        known.setdefault(recipe.to_json(), Trial(len(known) + 1, settings, recipe))
    return Grid(tuple(known.values()), impossible)


def with_values(study: Study, settings: Mapping[str, Any]) -> Recipe:
    """The study's recipe with these values; raises RecipeRefused where they do not fit."""
    recipe = recipes.with_settings(study.recipe, [f"{path}={json.dumps(value)}" for path, value in settings.items()])
    return recipe if study.shrink is None else recipe.change(shrink=study.shrink)


def value_at(recipe: Recipe, path: str) -> Any:
    """The value of a field of a recipe, as plain data."""
    value: Any = json.loads(recipe.to_json())
    for part in path.split("."):
        value = value[int(part)] if part.isdigit() else value[part]
    return value


def _combinations(study: Study) -> Iterator[dict[str, Any]]:
    if study.design is Design.GRID:
        for values in itertools.product(*study.factors.values()):
            yield dict(zip(study.factors, values, strict=True))
        return
    base = {path: value_at(study.recipe, path) for path in study.factors}
    yield base
    for path, values in study.factors.items():
        yield from ({**base, path: value} for value in values if value != base[path])
