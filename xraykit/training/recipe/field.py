"""One field of a recipe in a person's words, and how it is described: limits from its rule, default from its class."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from xraykit.training.recipe import recipe, rules

Kind = Literal["integer", "number", "choice", "switch", "text", "numbers", "group"]


@dataclass(frozen=True)
class Field:
    """One field of a recipe.

    Attributes
    ----------
    path : str
        As in `recipe.faults`, with N for the number of a phase or hidden layer: "phases.N.learning_rate".
    label : str
        Its usual name.
    help : str
        What it does and when to change it.
    kind : Kind
        "numbers" is a list of numbers, "group" has fields inside.
    low, high, step : float or None
        Inclusive limits of a number, and a sensible step.
    unit : str
        What is counted or measured, where the label does not say it.
    choices : dict
        Value to what it is called.
    other : str
        What else a choice may be, in words; empty where the choices are all there is.
    none : str
        What None means, in words; empty where the field needs a value.
    default : Any
        None as well where `required`.
    """

    path: str
    label: str
    help: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    choices: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    other: str = ""
    none: str = ""
    default: Any = None
    required: bool = False

    @property
    def name(self) -> str:
        """Its name in its dataclass, the last part of the path."""
        return self.path.rpartition(".")[2]


_HOLDERS = {
    "": (recipe.Recipe, rules.RECIPE),
    "phases.N": (recipe.Phase, rules.PHASE),
    "hidden.N": (recipe.Hidden, rules.HIDDEN),
    "augmentation": (recipe.Augmentation, rules.AUGMENTATION),
}


def described(path: str, label: str, help: str, kind: Kind, **more: Any) -> Field:
    """A field with the limits of its rule and the default of its dataclass."""
    prefix, _, name = path.rpartition(".")
    holder, rules_of_holder = _HOLDERS[prefix]
    rule = rules_of_holder[name]
    return Field(
        path,
        label,
        help,
        kind,
        rule.low,
        rule.high,
        default=None if rule.required else _default(holder, name),
        required=rule.required,
        **more,
    )


def _default(holder: type, name: str) -> Any:
    given = next(field for field in dataclasses.fields(holder) if field.name == name)
    return given.default_factory() if callable(given.default_factory) else given.default


def choice(path: str, label: str, help: str, choices: Mapping[Any, str], **more: Any) -> Field:
    return described(path, label, help, "choice", choices=choices, **more)


def number(path: str, label: str, help: str, step: float, **more: Any) -> Field:
    return described(path, label, help, "integer" if isinstance(step, int) else "number", step=step, **more)


def switch(path: str, label: str, help: str) -> Field:
    return described(path, label, help, "switch")


def named(*fields: Field) -> dict[str, Field]:
    return {field.path: field for field in fields}
