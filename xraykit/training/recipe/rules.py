"""Recipe rules: what each field of a recipe may hold, and every fault of a recipe's plain data at once.

Looks at plain data (what JSON gives) and never raises because of it; builds no Recipe. Standard library only.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Each backbone's last feature layer: after the last activation, before pooling; Grad-CAM looks there
BACKBONES = {"MobileNetV2": "out_relu", "Tiny": "out_relu"}
BACKENDS = ("tensorflow", "jax", "torch")
MODEL = "model:"  # weights "model:NAME" start from a kept model
MOST_PHASES, MOST_HIDDEN, MOST_CLASSES = 20, 10, 1000
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


@dataclass(frozen=True)
class Rule:
    """What one field may hold: `fits` decides, `expected` says it; limits are inclusive, None where there are none."""

    fits: Callable[[Any], bool]
    expected: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    required: bool = False
    optional: bool = False  # None is a value


def faults(data: Any) -> dict[str, str]:
    """Every fault of a recipe's plain data: path of the field ("phases.0.learning_rate") to what is wrong, in words.

    Empty if and only if `recipe.from_dict` builds a Recipe from it. Never raises on anything JSON can hold.
    """
    if not isinstance(data, Mapping):
        return {"": f"Expected a recipe as an object with named fields; got {_shown(data)}."}
    found = dict(_fields(data, RECIPE, ""))
    for kind, rules in (("phases", PHASE), ("hidden", HIDDEN)):
        inside = data.get(kind, ())
        for number, part in enumerate(inside if isinstance(inside, list | tuple) else ()):
            found.update(_part(part, rules, f"{kind}.{number}"))
    if "augmentation" in data:
        found.update(_part(data["augmentation"], AUGMENTATION, "augmentation"))
    for path, message in _together(data):
        found.setdefault(path, message)
    return found


def _part(part: Any, rules: Mapping[str, Rule], path: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, Mapping):
        yield from _fields(part, rules, f"{path}.")
    else:
        yield path, f"Expected an object with the fields {', '.join(rules)}; got {_shown(part)}."


def _fields(data: Mapping[Any, Any], rules: Mapping[str, Rule], prefix: str) -> Iterator[tuple[str, str]]:
    for key in data:
        if key not in rules:
            yield f"{prefix}{key}", f"Expected one of the fields {', '.join(rules)}; there is no such field."
    for name, rule in rules.items():
        if name not in data:
            if rule.required:
                yield f"{prefix}{name}", f"Expected {rule.expected}; it is missing."
        elif not rule.fits(data[name]):
            yield f"{prefix}{name}", f"Expected {rule.expected}; got {_shown(data[name])}."


def _together(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Faults of fields that are each right and make no sense together; fields of a wrong kind are told elsewhere."""
    if data.get("backbone") == "Tiny" and data.get("weights") == "imagenet":
        yield "weights", "Tiny has no ImageNet weights. Train it from scratch, or choose another backbone."
    if data.get("balance") == "weights" and data.get("class_weights") is not None:
        yield "class_weights", "Balance by weights computes them from the films. Leave them empty, or balance 'none'."
    validation, test = data.get("validation", 0.10), data.get("test", 0.15)
    if all(map(RECIPE["test"].fits, (validation, test))) and validation + test > 0.9:
        yield "test", f"Validation and test together take {validation + test:.0%} of the films; leave a tenth to learn."
    phases = data.get("phases")
    for number, phase in enumerate(phases if isinstance(phases, list | tuple) else ()):
        if isinstance(phase, Mapping):
            yield from ((f"phases.{number}.{name}", words) for name, words in _together_in_phase(phase))


def _together_in_phase(phase: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    warmup, epochs = phase.get("warmup_epochs", 0), phase.get("epochs")
    if PHASE["warmup_epochs"].fits(warmup) and PHASE["epochs"].fits(epochs):
        if warmup > epochs:
            yield "warmup_epochs", f"Expected at most the phase's {epochs} epochs; got {warmup}."
        elif warmup and phase.get("schedule") == "plateau":
            yield "warmup_epochs", "A warm-up does not go with the plateau schedule. Set it to 0, or choose cosine."
    decay = phase.get("weight_decay", 0)
    if PHASE["weight_decay"].fits(decay) and decay and phase.get("optimizer", "adam") == "adam":
        yield "weight_decay", "Adam has no weight decay. Set it to 0, or choose the optimizer 'adamw'."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(
    low: float, high: float, unit: str = "", *, whole: bool = False, required: bool = False, optional: bool = False
) -> Rule:
    def fits(value: Any) -> bool:
        if value is None:
            return optional
        return (_is_whole if whole else _is_number)(value) and low <= value <= high

    kind = "a whole number" if whole else "a number"
    words = f"{kind} from {low:g} to {high:.12g}{unit and ' ' + unit}{', or nothing' if optional else ''}"
    return Rule(fits, words, low, high, required=required, optional=optional)


def _one_of(*choices: Any) -> Rule:
    def fits(value: Any) -> bool:  # True equals 1, so kinds are compared as well
        return any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in choices)

    return Rule(fits, f"one of {', '.join(map(repr, choices))}", choices=choices)


def _switch() -> Rule:
    return Rule(lambda value: isinstance(value, bool), "true or false")


def _list(least: int, most: int, words: str, *, required: bool = False) -> Rule:
    return Rule(lambda v: isinstance(v, list | tuple) and least <= len(v) <= most, words, required=required)


def _fits_weights(value: Any) -> bool:
    if isinstance(value, str) and value.startswith(MODEL):
        return re.fullmatch(_NAME, value.removeprefix(MODEL)) is not None
    return value is None or (isinstance(value, str) and 0 < len(value.strip()) <= 4096 and "\0" not in value)


def _fits_class_weights(value: Any) -> bool:
    if value is None:
        return True
    listed = isinstance(value, list | tuple) and 2 <= len(value) <= MOST_CLASSES
    return listed and all(_is_number(weight) and 1e-6 <= weight <= 1e6 for weight in value)


def _fits_trainable(value: Any) -> bool:
    return value in ("head", "all") if isinstance(value, str) else _is_whole(value) and 1 <= value <= 1000


class _Short(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        return str(x) if abs(x) < 10**15 else "a very large number"  # Python refuses to write out huge ones


def _shown(value: Any) -> str:
    short = _Short()
    short.maxlevel, short.maxstring, short.maxother = 2, 60, 60
    return short.repr(value)


AUGMENTATION = {
    "rotation": _number(0, 45, "degrees"),
    "shift": _number(0, 0.5),
    "zoom": _number(0, 0.5),
    "brightness": _number(0, 0.5),
    "contrast": _number(0, 0.9),
    "flip": _switch(),
}
HIDDEN = {
    "width": _number(1, 8192, "units", whole=True, required=True),
    "dropout": _number(0, 0.95),
    "activation": _one_of("relu", "linear"),  # what a kept head can compute
}
PHASE = {
    "epochs": _number(1, 10_000, whole=True, required=True),
    "learning_rate": _number(1e-8, 1, required=True),
    "trainable": Rule(
        _fits_trainable, "'head', 'all' or a number of last convolution layers (1 to 1000)", choices=("head", "all")
    ),
    "optimizer": _one_of("adam", "adamw"),
    "schedule": _one_of("constant", "plateau", "cosine"),
    "warmup_epochs": _number(0, 10_000, "epochs"),
    "weight_decay": _number(0, 0.99),
    "augment": _switch(),
}
RECIPE = {
    "name": Rule(
        lambda v: isinstance(v, str) and re.fullmatch(_NAME, v) is not None,
        "1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit",
        required=True,
    ),
    "phases": _list(1, MOST_PHASES, f"at least one phase, at most {MOST_PHASES}", required=True),
    "backbone": _one_of(*BACKBONES),
    "alpha": _one_of(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    "weights": Rule(
        _fits_weights,
        "nothing (from scratch), 'imagenet', 'model:' with the name of a kept model, or a weight file",
        choices=(None, "imagenet"),
        optional=True,
    ),
    "image_size": _number(32, 1024, "pixels", whole=True),
    "channels": _one_of(1, 3),
    "pooling": _one_of("gap", "flatten"),
    "hidden": _list(0, MOST_HIDDEN, f"a list of at most {MOST_HIDDEN} hidden layers"),
    "batch_normalization": _one_of("moving", "still"),
    "momentum": _number(0, 0.9999),
    "batch_size": _number(1, 1024, "films", whole=True),
    "label_smoothing": _number(0, 0.49),
    "class_weights": Rule(_fits_class_weights, "positive numbers, one a class, or nothing", optional=True),
    "balance": _one_of("none", "undersample", "weights"),
    "shrink": _number(0.001, 1),
    "augmentation": Rule(lambda value: True, "an object"),  # its fields are looked at one by one
    "plateau_factor": _number(0.01, 0.99),
    "plateau_patience": _number(1, 1000, "epochs", whole=True),
    "early_stopping": _number(1, 1000, "epochs", whole=True, optional=True),
    "bias_correction": _switch(),
    "keep": _one_of("best", "last"),
    "validation": _number(0.01, 0.49),
    "test": _number(0.01, 0.49),
    "seed": _number(0, 2**32 - 1, whole=True),
    "precision": _one_of("auto", "float32", "mixed_float16", "mixed_bfloat16"),
    "backend": _one_of(*BACKENDS),
}
