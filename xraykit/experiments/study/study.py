"""Study: one question asked of many runs, read from JSON and kept as JSON. Knows no films and starts nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xraykit.experiments.study import json_text
from xraykit.experiments.study.design import Design, FoldKind
from xraykit.experiments.study.json_text import MOST_BYTES, JSONRefused, NotJSON
from xraykit.experiments.study.rules import faults, put, recipe_data
from xraykit.refused import Refused
from xraykit.system import files, text
from xraykit.training.recipe import recipe as recipes
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.recipe.rules import Fault


class StudyRefused(Refused):
    """A study that cannot be run; its words name every fault found, a line each.

    Attributes
    ----------
    faults : dict of str to Fault
        By the path of the field ("folds.count", "recipe.phases.0.epochs", empty where there is none).
    """

    code = "study"

    def __init__(self, words: str, faults: Mapping[str, Fault] | None = None) -> None:
        super().__init__(words)
        self.faults = dict(faults) if faults else {"": Fault(words, words)}


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
        Path of a field of the recipe ("hidden", "phases.0.learning_rate") to the values tried, the base's own among
        them or not.
    design : Design
    folds : FoldPlan
    seeds : each trial is run with each of these; the first also draws the combinations of a search.
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

    Raises
    ------
    StudyRefused
        If `faults` finds any; every one is named.
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

    def __post_init__(self) -> None:
        _refuse_faults(dataclasses.asdict(self))

    @property
    def digest(self) -> str:
        """sha256 of its plain data: the same study anywhere gives the same digest."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def change(self, **fields: Any) -> Study:
        """A copy with other fields, as plain data; StudyRefused where a name or value does not fit."""
        return from_dict({**dataclasses.asdict(self), **fields})


def from_dict(data: Any) -> Study:
    """Build a Study from plain data; its recipe is a preset's name or a recipe's plain data.

    Raises
    ------
    StudyRefused
        If `faults(data)` finds any; the error carries them.
    """
    _refuse_faults(data)
    given = dict(data)
    given["recipe"] = recipes.from_dict(recipe_data(given["recipe"]))
    given["factors"] = {path: tuple(values) for path, values in given.get("factors", {}).items()}
    given["design"] = Design(given.get("design", Design.ONE_AT_A_TIME))
    folds = dict(given.get("folds", {}))
    given["folds"] = FoldPlan(**{**folds, "kind": FoldKind(folds.get("kind", FoldKind.SINGLE))})
    for name in ("seeds", "data"):
        if name in given:
            given[name] = tuple(given[name])
    return Study(**given)


def read(path: Path) -> Study:
    """The study in a JSON file.

    Raises
    ------
    StudyRefused
        If the file cannot be read, is no JSON or holds no study that can be run.
    """
    try:
        content = files.read_plain(path, MOST_BYTES)
        data = json_text.parse(content.decode(json.detect_encoding(content)))
    except files.FileRefused as refused:
        raise StudyRefused(f"Expected a study as JSON. {refused.words}") from None
    except ValueError as error:
        why = error.words if isinstance(error, JSONRefused) and not isinstance(error, NotJSON) else "It is not."
        raise StudyRefused(
            f"Expected valid JSON of a study in {files.shown(path.name)}. {why} Start from one that "
            "`python -m xraykit study export NAME` writes."
        ) from None
    try:
        return from_dict(data)
    except StudyRefused as refused:
        words = f"{files.shown(path.name)} holds no study that can be run.\n{refused.words}"
        raise StudyRefused(words, refused.faults) from None


def with_settings(study: Study, settings: Sequence[str]) -> Study:
    """A copy with `field=value` settings; values are JSON or plain text, dots reach inside: `folds.count=3`.

    Raises
    ------
    StudyRefused
        If a setting is not of that form, names no field, or its value does not fit.
    """
    data: Any = json.loads(study.to_json())
    for setting in settings:
        path, equals, given = setting.partition("=")
        try:
            value = json_text.parse(given)
        except JSONRefused:
            value = given
        before, dot, factor = path.partition(".")
        if equals and before in ("factors", "classes") and dot:  # what is not there yet may be added
            data[before][factor] = value
        elif not equals or not put(data, path, value):
            raise StudyRefused(
                f"Expected field=value with a field of the study; got {text.quoted(setting)}. `python -m xraykit study "
                "export NAME` prints every field."
            )
    return from_dict(data)


def _refuse_faults(data: Any) -> None:
    if wrong := faults(data):
        raise StudyRefused("\n".join(f"{path or 'study'}: {fault.words}" for path, fault in wrong.items()), wrong)
