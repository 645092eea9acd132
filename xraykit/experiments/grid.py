"""The trials of a study: its base recipe with other values, each checked. Trains nothing."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xraykit.experiments.study.design import Design, combinations, count_combinations
from xraykit.experiments.study.rules import MOST_RUNS, put, value_at
from xraykit.experiments.study.study import Study, StudyRefused
from xraykit.training.recipe import recipe as recipes
from xraykit.training.recipe.recipe import Recipe, RecipeRefused

MOST_COUNTED = 2**62  # combinations that are drawn by their number: more than a computer's whole numbers hold


@dataclass(frozen=True)
class Trial:
    """One combination of values: run once for each fold and seed.

    `number` counts from 1, as people see it; `settings` are the values of the study's factors in this trial, by path,
    written as the recipe has them; `random_start` is True where ImageNet weights were asked for, found nowhere and
    replaced by random ones.
    """

    number: int
    settings: Mapping[str, Any]
    recipe: Recipe
    random_start: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain data for trials.json; `trial_from_json` gives an equal trial."""
        return {**dataclasses.asdict(self), "recipe": json.loads(self.recipe.to_json())}


@dataclass(frozen=True)
class Grid:
    """The trials of a study, and how many combinations were left out.

    `impossible` ones no recipe can have; `repeated` ones are the same recipe as one before.
    """

    trials: tuple[Trial, ...]
    impossible: int = 0
    repeated: int = 0


def trials(study: Study) -> Grid:
    """The trials that a study is known to have before it starts; no two are the same recipe.

    Of a random search they are `samples` by lot, drawn by the first seed. A TPE search has none yet: each of its trials
    is chosen when those before it are known, and made by `trial_of`.
    """
    if study.design is Design.TPE:
        return Grid(())
    known: dict[Recipe, Trial] = {}
    impossible = repeated = 0
    for settings in _combinations(study):
        try:
            trial = trial_of(study, len(known) + 1, settings)
        except RecipeRefused:
            impossible += 1
            continue
        repeated += trial.recipe in known
        known.setdefault(trial.recipe, trial)
        if len(known) == study.samples:
            break
    return Grid(tuple(known.values()), impossible, repeated)


def trial_of(study: Study, number: int, settings: Mapping[str, Any]) -> Trial:
    """The trial with these values of the study's factors; raises RecipeRefused where they do not fit together."""
    recipe = with_values(study, settings)
    data = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return Trial(number, {path: value_at(data, path) for path in study.factors}, recipe)


def with_values(study: Study, settings: Mapping[str, Any]) -> Recipe:
    """The study's recipe with these values; raises RecipeRefused where they do not fit."""
    data = json.loads(_plain(study.recipe))
    for path, value in settings.items():
        if not put(data, path, value):
            raise RecipeRefused(f"The base recipe of {study.name} has no field {path!r}.")
    if study.shrink is not None:
        data["shrink"] = study.shrink
    return recipes.from_dict(data)


def trial_from_json(data: Mapping[str, Any]) -> Trial:
    """The trial of trials.json. Raises RecipeRefused, KeyError or TypeError where it is none."""
    recipe = recipes.from_dict(data["recipe"])
    return Trial(int(data["number"]), dict(data["settings"]), recipe, bool(data["random_start"]))


def count(study: Study, made: Grid | None = None) -> int:
    """How many trials a study has, or tries where it is a search; raises StudyRefused where it has none.

    `made` are its `trials`, where they are known: thousands take seconds.
    """
    number = study.samples or 0 if study.design is Design.TPE else len((made or trials(study)).trials)
    if not number:
        raise StudyRefused(f"No combination of the values of {study.name} can be trained.")
    return number


def missing_weights(trials: Sequence[Trial]) -> list[str]:
    """The backbones whose ImageNet weights trials start from and this computer does not have, with their files."""
    from xraykit.training import pretrained

    missing = {}
    for recipe in (trial.recipe for trial in trials):
        if recipe.weights == "imagenet" and pretrained.locate(recipe) is None:
            file = pretrained.file_of(recipe.backbone, recipe.alpha)
            missing[pretrained.described(recipe.backbone, recipe.alpha)] = file.name if file else "no known file"
    return [f"{name} ({file})" for name, file in missing.items()]


def resolve(study: Study, trial: Trial) -> Trial:
    """The trial with weights that are there: random ones, and marked, where ImageNet's are found nowhere.

    Weights that are not on this computer are downloaded; a download that failed is not tried again by this process.

    Raises
    ------
    StudyRefused
        If they are found nowhere and the study does not allow random weights; the words name the file.
    """
    from xraykit.training import pretrained

    recipe = trial.recipe
    if recipe.weights != "imagenet" or pretrained.locate(recipe) is not None:
        return trial
    if (words := _failed_download(recipe.backbone, recipe.alpha)) is None:
        return trial
    if not study.random_weights:
        raise StudyRefused(
            f"Trial {trial.number} cannot start from ImageNet weights. {words} The study may also allow random weights "
            "(random_weights true)."
        )
    return dataclasses.replace(trial, recipe=recipe.change(weights=None), random_start=True)


@functools.cache
def _failed_download(backbone: str, alpha: float) -> str | None:
    """Why the ImageNet weights of a backbone could not be downloaded; None where they are here now."""
    from xraykit.training import pretrained
    from xraykit.training.run.failures import WeightsMissing

    try:
        pretrained.fetch_imagenet(backbone, alpha)
    except WeightsMissing as missing:
        return str(missing)
    return None


@functools.lru_cache(maxsize=16)
def _plain(recipe: Recipe) -> str:
    """A recipe as JSON: written once for the thousands of trials of a study."""
    return json.dumps(dataclasses.asdict(recipe))


def _combinations(study: Study) -> Iterator[Mapping[str, Any]]:
    data = json.loads(study.recipe.to_json())
    base = {path: value_at(data, path) for path in study.factors}
    if study.design is not Design.RANDOM:
        yield from combinations(study.design, base, study.factors)
        return
    number, drawn = count_combinations(study.design, study.factors), random.Random(study.seeds[0])
    if number > MOST_COUNTED:  # a combination is then drawn twice hardly ever, and left out as repeated
        for _ in range(MOST_RUNS):
            yield {path: drawn.choice(values) for path, values in study.factors.items()}
        return
    from sklearn.model_selection import ParameterGrid

    grid = ParameterGrid({path: list(values) for path, values in study.factors.items()})
    for place in drawn.sample(range(number), min(number, MOST_RUNS)):
        yield grid[place]
