"""Study: one question asked of many runs, read from JSON and kept as JSON. Knows no films and starts nothing."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xraykit.refused import Refused
from xraykit.training.recipe import recipe as recipes
from xraykit.training.recipe.recipe import Recipe


class StudyRefused(Refused):
    """A study that cannot be run; its words name every fault found, a line each."""

    code = "study"


class Design(enum.StrEnum):
    """How trials are made of factors."""

    ONE_AT_A_TIME = "one at a time"  # the base, then each other value of each factor with the rest as in the base
    GRID = "grid"  # every combination
    RANDOM = "random"  # `samples` combinations by lot
    TPE = "tpe"  # `samples` combinations, each chosen by what the ones before it gave (Bergstra et al. 2011)


class FoldKind(enum.StrEnum):
    """How the films outside the test split are divided into training and validation."""

    SINGLE = "single"  # one division, as a run of Fine-tune has it
    CROSS_VALIDATION = "cross-validation"  # each film validates once
    LEAVE_ONE_SOURCE_OUT = "leave-one-source-out"  # each source is the test of networks that never saw it


@dataclass(frozen=True)
class FoldPlan:
    """How films are divided for the runs of each trial.

    `count` is that of cross-validation alone; `seed` draws the division. Leave-one-source-out takes the dataset's
    `sources`.
    """

    kind: FoldKind = FoldKind.SINGLE
    count: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Study:
    """All choices of a study.

    Attributes
    ----------
    name : plain, as that of a run.
    recipe : Recipe
        The base of every trial.
    factors : dict of str to tuple
        Path of a recipe's field ("hidden", "phases.0.learning_rate") to the values tried, the base's own among them or
        not.
    design : Design
    folds : FoldPlan
    seeds : each trial is run with each of these.
    samples : trials of a random or TPE search; of no other design.
    cut : end trials early that are behind (Optuna's successive halving).
    shrink : fraction of the training films, in place of the recipe's; None leaves the recipe's.
    budget : seconds that the study may take; None for no limit.
    data : name of the dataset it is meant for, or of those that are pooled for it.
    classes : dict of str to str or None
        Class of a dataset to what it is called in the study; None leaves its films out. Those not named stay.
    random_weights : start from random weights, and say so, where a backbone's ImageNet weights are found nowhere.
    words : the question, in a sentence or two.
    published : key of the published figures beside which the results are shown; "" for none.
    """

    name: str
    recipe: Recipe
    factors: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    design: Design = Design.ONE_AT_A_TIME
    folds: FoldPlan = field(default_factory=FoldPlan)
    seeds: tuple[int, ...] = (0,)
    samples: int | None = None
    cut: bool = False
    shrink: float | None = None
    budget: float | None = None
    data: tuple[str, ...] = ()
    classes: Mapping[str, str | None] = field(default_factory=dict)
    random_weights: bool = False
    words: str = ""
    published: str = ""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def from_dict(data: Mapping[str, Any]) -> Study:
    """Build a Study from plain data; its recipe is a name or a recipe's plain data. Raises StudyRefused."""
    given = dict(data)
    given["recipe"] = recipes.from_dict(given["recipe"])
    given["factors"] = {path: tuple(values) for path, values in given.get("factors", {}).items()}
    given["design"] = Design(given.get("design", Design.ONE_AT_A_TIME))
    folds = dict(given.get("folds", {}))
    given["folds"] = FoldPlan(**{**folds, "kind": FoldKind(folds.get("kind", FoldKind.SINGLE))})
    for name in ("seeds", "data"):
        if name in given:
            given[name] = tuple(given[name])
    return Study(**given)
