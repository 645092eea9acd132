"""What each field of a recipe may hold, and every fault of a recipe's plain data at once.

Looks at plain data (what JSON gives) and never raises because of it; builds no Recipe.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xraykit.system.folders import is_plain_name

# Each backbone's last feature layer: after the last activation or pooling of its body; Grad-CAM looks there
BACKBONES = {
    "MobileNetV2": "out_relu",
    "MobileNet": "conv_pw_13_relu",
    "ResNet18": "layer4_1_out",
    "ResNet50": "conv5_block3_out",
    "VGG16": "block5_pool",
    "VGG19": "block5_pool",
    "DenseNet121": "relu",
    "EfficientNetV2B0": "top_activation",
    "Tiny": "out_relu",
}
# Width multipliers of the backbones that have one, those with ImageNet weights; the others have the width 1
WIDTHS = {"MobileNetV2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), "MobileNet": (0.25, 0.5, 0.75, 1.0)}
BACKENDS = ("tensorflow", "jax", "torch")
MODEL = "model:"  # weights "model:NAME" start from a kept model
MOST_PASSES = 20
MOST_PHASES, MOST_HIDDEN, MOST_CLASSES = 20, 10, 1000
MOST_LETTERS = 64  # of a recipe's name: it is part of the names of runs, which may have more


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field of a recipe.

    Attributes
    ----------
    words : str
        For logs and the terminal: "Expected a number from 0 to 0.95; got 7."
    advice : str
        For a form, where the value is in sight: "Enter a number from 0 to 0.95."
    """

    words: str
    advice: str


@dataclass(frozen=True)
class Rule:
    """What one field may hold.

    Attributes
    ----------
    fits : callable
        Does a value fit? Takes anything JSON can hold.
    expected : str
        What fits, as it stands after "Expected".
    advice : str
        What to do where a value does not fit: a sentence.
    low, high : float or None
        Inclusive limits of a number.
    choices : tuple
        The values there are; empty where they cannot be listed.
    required : bool
        Is there no default?
    optional : bool
        Is None a value?
    """

    fits: Callable[[Any], bool]
    expected: str
    advice: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    required: bool = False
    optional: bool = False

    def fault(self, value: Any) -> Fault | None:
        """What is wrong with a value; None where it fits."""
        if self.fits(value):
            return None
        return Fault(f"Expected {self.expected}; got {_shown(value)}.", self.advice)

    def missing(self) -> Fault:
        """What is wrong where a required field is not there."""
        return Fault(f"Expected {self.expected}; it is missing.", self.advice)


def faults(data: Any) -> dict[str, Fault]:
    """Every fault of a recipe's plain data, by the path of its field ("phases.0.learning_rate"; "" is the whole).

    Empty if and only if `recipe.from_dict` builds a Recipe from it. Never raises on anything JSON can hold.
    """
    if not isinstance(data, Mapping):
        return {"": _no_object("a recipe as an object with named fields", "a recipe", data)}
    all_faults = dict(_fields(data, RECIPE, ""))
    for kind, rules in (("phases", PHASE), ("hidden", HIDDEN)):
        for number, part in enumerate(_listed(data.get(kind))):
            all_faults.update(_part(part, rules, f"{kind}.{number}"))
    if "augmentation" in data:
        all_faults.update(_part(data["augmentation"], AUGMENTATION, "augmentation"))
    for path, fault in _together(data):
        all_faults.setdefault(path, fault)
    return all_faults


def no_start(name: str, theirs: Mapping[str, Any]) -> str:
    """Why no recipe can start from the saved model `name`, whose card has the recipe `theirs`; empty where one can."""
    if theirs.get("backbone") in (None, *BACKBONES):
        return ""
    return (
        f"{name} was imported and holds none of the backbones that recipes train ({', '.join(BACKBONES)}): no run can "
        "start from it. Choose another start."
    )


def _part(part: Any, rules: Mapping[str, Rule], path: str) -> Iterator[tuple[str, Fault]]:
    if isinstance(part, Mapping):
        yield from _fields(part, rules, f"{path}.")
    else:
        fields = f"the fields {', '.join(rules)}"
        yield path, _no_object(f"an object with {fields}", f"an object with {fields}", part)


def _fields(data: Mapping[Any, Any], rules: Mapping[str, Rule], prefix: str) -> Iterator[tuple[str, Fault]]:
    for key in data:
        if key not in rules:
            words = f"Expected one of the fields {', '.join(rules)}; there is no such field."
            yield f"{prefix}{key}", Fault(words, "There is no such field. Remove it from the file.")
    for name, rule in rules.items():
        if name not in data:
            if rule.required:
                yield f"{prefix}{name}", rule.missing()
        elif fault := rule.fault(data[name]):
            yield f"{prefix}{name}", fault


def _together(data: Mapping[str, Any]) -> Iterator[tuple[str, Fault]]:
    """Faults of fields that fit one by one and not together; values of a wrong kind are named by their own rules."""
    if data.get("backbone") == "Tiny" and data.get("weights") == "imagenet":
        yield "weights", _both("Tiny has no ImageNet weights. Train it from scratch, or choose another backbone.")
    if fault := _width(data.get("backbone", "MobileNetV2"), data.get("alpha", 1.0)):
        yield "alpha", fault
    if data.get("balance") in ("weights", "cells") and data.get("class_weights") is not None:
        yield (
            "class_weights",
            _both("Class balance already weights the classes. Leave the class weights empty, or set balance to none."),
        )
    validation, test = data.get("validation", 0.10), data.get("test", 0.15)
    if all(map(RECIPE["test"].fits, (validation, test))) and validation + test > 0.9:
        yield (
            "test",
            _both(
                f"Validation and test take {validation + test:.0%} of the films together. Leave at least 10% to train."
            ),
        )
    for number, phase in enumerate(_listed(data.get("phases"))):
        if isinstance(phase, Mapping):
            yield from ((f"phases.{number}.{name}", fault) for name, fault in _together_in_phase(phase))


def _width(backbone: Any, alpha: Any) -> Fault | None:
    """What is wrong with a width multiplier of this backbone, where both are values that there are."""
    if not (RECIPE["backbone"].fits(backbone) and RECIPE["alpha"].fits(alpha)):
        return None
    widths = WIDTHS.get(backbone, (1.0,))
    if alpha in widths:
        return None
    if len(widths) == 1:
        return _both(f"{backbone} has no width multiplier. Set it to 1, or choose {' or '.join(WIDTHS)}.")
    return _both(f"{backbone} has the widths {', '.join(f'{width:g}' for width in widths)}. Choose one of them.")


def _together_in_phase(phase: Mapping[str, Any]) -> Iterator[tuple[str, Fault]]:
    warmup, epochs = phase.get("warmup_epochs", 0), phase.get("epochs")
    if PHASE["warmup_epochs"].fits(warmup) and PHASE["epochs"].fits(epochs):
        if warmup > epochs:
            words = f"Expected at most the phase's {epochs} epochs; got {warmup}."
            yield "warmup_epochs", Fault(words, f"Enter at most {epochs}: the phase has no more epochs.")
        elif warmup and phase.get("schedule") == "plateau":
            yield "warmup_epochs", _both("The plateau schedule has no warm-up. Set it to 0, or choose cosine.")
    decay = phase.get("weight_decay", 0)
    if PHASE["weight_decay"].fits(decay) and decay and phase.get("optimizer", "adam") == "adam":
        yield "weight_decay", _both("Adam has no weight decay. Set it to 0, or choose AdamW.")


def _both(words: str) -> Fault:
    return Fault(words, words)


def _no_object(expected: str, wanted: str, value: Any) -> Fault:
    return Fault(f"Expected {expected}; got {_shown(value)}.", f"Enter {wanted} in JSON.")


def _listed(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else ()


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

    kind = ("a whole number" if whole else "a number") + (unit and f" of {unit}")
    limits = f"{kind} from {low:g} to {high:.12g}"
    return Rule(
        fits,
        f"{limits}, or nothing" if optional else limits,
        f"Enter {limits}, or leave it empty." if optional else f"Enter {limits}.",
        low,
        high,
        required=required,
        optional=optional,
    )


def _one_of(*choices: Any) -> Rule:
    def fits(value: Any) -> bool:  # True equals 1, so kinds are compared as well
        return any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in choices)

    advice = f"Choose {', '.join(map(str, choices[:-1]))} or {choices[-1]}."
    return Rule(fits, f"one of {', '.join(map(repr, choices))}", advice, choices=choices)


def _switch() -> Rule:
    return Rule(lambda value: isinstance(value, bool), "true or false", "Enter true or false.")


def _list(least: int, most: int, expected: str, advice: str, *, required: bool = False) -> Rule:
    def fits(value: Any) -> bool:
        return isinstance(value, list | tuple) and least <= len(value) <= most

    return Rule(fits, expected, advice, required=required)


def _fits_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_LETTERS and is_plain_name(value)


def _fits_weights(value: Any) -> bool:
    if isinstance(value, str) and value.startswith(MODEL):
        return is_plain_name(value.removeprefix(MODEL))
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


# For the rules of other things that are read as a recipe is
number, one_of, switch, shown, fields_of, no_object = _number, _one_of, _switch, _shown, _fields, _no_object

AUGMENTATION = {
    "rotation": _number(0, 45, "degrees"),
    "shift": _number(0, 0.5),
    "zoom": _number(0, 0.5),
    "brightness": _number(0, 0.5),
    "contrast": _number(0, 0.9),
    "flip": _switch(),
    "crop": _number(0, 0.7),
    "stretch": _number(0, 1),
    "gamma": _number(0, 2),
    "equalize": _number(0, 1),
    "frame": _number(0, 0.3),
    "text": _number(0, 1),
    "erase": _number(0, 1),
    "degrade": _number(0, 1),
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
        _fits_trainable,
        "'head', 'all' or a number of last convolution layers (1 to 1000)",
        "Choose head or all, or enter how many of the last convolution layers to train (1 to 1000).",
        choices=("head", "all"),
    ),
    "optimizer": _one_of("adam", "adamw"),
    "schedule": _one_of("constant", "plateau", "cosine"),
    "warmup_epochs": _number(0, 10_000, "epochs"),
    "weight_decay": _number(0, 0.99),
    "augment": _switch(),
}
RECIPE = {
    "name": Rule(
        _fits_name,
        f"1 to {MOST_LETTERS} letters, digits, '.', '_' and '-', the first a letter or digit",
        f"Enter 1 to {MOST_LETTERS} letters, digits, '.', '_' or '-', starting with a letter or digit.",
        required=True,
    ),
    "phases": _list(
        1,
        MOST_PHASES,
        f"at least one phase, at most {MOST_PHASES}",
        f"A recipe has 1 to {MOST_PHASES} phases. Add or remove phases.",
        required=True,
    ),
    "backbone": _one_of(*BACKBONES),
    "alpha": _one_of(*sorted({width for widths in WIDTHS.values() for width in widths})),
    "weights": Rule(
        _fits_weights,
        "nothing (from scratch), 'imagenet', 'model:' with the name of a kept model, or a weight file",
        "Choose a start, or enter model: and the name of a saved model, or the path of a weight file.",
        choices=(None, "imagenet"),
        optional=True,
    ),
    "image_size": _number(32, 1024, "pixels", whole=True),
    "channels": _one_of(1, 3),
    "pooling": _one_of("gap", "flatten"),
    "hidden": _list(
        0,
        MOST_HIDDEN,
        f"a list of at most {MOST_HIDDEN} hidden layers",
        f"A head has at most {MOST_HIDDEN} hidden layers. Remove layers.",
    ),
    "batch_normalization": _one_of("moving", "still"),
    "momentum": _number(0, 0.9999),
    "batch_size": _number(1, 1024, "films", whole=True),
    "label_smoothing": _number(0, 0.49),
    "class_weights": Rule(
        _fits_class_weights,
        "positive numbers, one a class, or nothing",
        "Enter one positive number per class, separated by commas, or leave it empty.",
        optional=True,
    ),
    "balance": _one_of("none", "undersample", "weights", "cells"),
    "shrink": _number(0.001, 1),
    "augmentation": Rule(lambda value: True, "an object", ""),  # its fields are looked at one by one
    "mixup": _number(0, 2),
    "cached_passes": _number(0, MOST_PASSES, "passes", whole=True),
    "plateau_factor": _number(0.01, 0.99),
    "plateau_patience": _number(1, 1000, "epochs", whole=True),
    "early_stopping": _number(1, 1000, "epochs", whole=True, optional=True),
    "bias_correction": _switch(),
    "keep": _one_of("best", "last"),
    "division": _one_of("drawn", "given"),
    "validation": _number(0.01, 0.49),
    "test": _number(0.01, 0.49),
    "seed": _number(0, 2**32 - 1, whole=True),
    "precision": _one_of("auto", "float32", "mixed_float16", "mixed_bfloat16"),
    "backend": _one_of(*BACKENDS),
}
