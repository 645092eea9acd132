"""Every choice that decides what a training run learns: checked, frozen and kept as JSON.

Knows nothing of networks or films.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xraykit.refused import Refused
from xraykit.training.recipe.rules import BACKBONES, Fault, faults

if TYPE_CHECKING:
    from xraykit.datasets.split import SplitPlan


class RecipeRefused(Refused):
    """A recipe that cannot be run; its words name every fault found, a line each.

    Attributes
    ----------
    faults : dict of str to Fault
        By the path of the field ("phases.0.learning_rate", empty where there is none).
    """

    code = "recipe"

    def __init__(self, words: str, faults: Mapping[str, Fault] | None = None) -> None:
        super().__init__(words)
        self.faults = dict(faults) if faults else {"": Fault(words, words)}


@dataclass(frozen=True)
class Hidden:
    """One hidden Dense layer of the head, with the dropout that follows it."""

    width: int
    dropout: float = 0.0
    activation: str = "relu"


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training film, drawn anew for each film and epoch.

    No flips unless asked for: a mirrored chest film shows the heart on the wrong side.
    """

    rotation: float = 0.0  # degrees, each way
    shift: float = 0.0  # fraction of the side, each way
    zoom: float = 0.0  # fraction, in or out
    brightness: float = 0.0  # fraction of full scale, up or down
    contrast: float = 0.0  # fraction, about the film's mean
    flip: bool = False  # left and right, every other film: for pictures of things that have no sides
    crop: float = 0.0  # fraction of the side that is cut off, at most, anywhere
    stretch: float = 0.0  # fraction by which height and width part, either way
    gamma: float = 0.0  # exponent of the grey scale: 0.5 is 1 / 1.5 to 1.5
    equalize: float = 0.0  # chance of other contrast: equalised by histogram or locally
    frame: float = 0.0  # fraction of the side, at most, of a frame that half the films get
    text: float = 0.0  # chance of letters and markers
    erase: float = 0.0  # chance of a patch of one grey
    degrade: float = 0.0  # chance of each: fewer pixels, noise, JPEG

    @property
    def active(self) -> bool:
        return any(dataclasses.astuple(self))


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs with one optimiser, one schedule and one set of trainable layers."""

    epochs: int
    learning_rate: float
    trainable: str | int = "all"  # "head", "all", or the number of last convolution layers
    optimizer: str = "adam"  # "adam" or "adamw"
    schedule: str = "constant"  # "constant", "plateau" (ReduceLROnPlateau) or "cosine" (to zero)
    warmup_epochs: float = 0.0  # linear rise from zero, before a cosine
    weight_decay: float = 0.0  # AdamW only
    augment: bool = True


@dataclass(frozen=True)
class Recipe:
    """All choices of a training run.

    Raises
    ------
    RecipeRefused
        If a field is out of range; every fault is named.
    """

    name: str
    phases: tuple[Phase, ...]
    backbone: str = "MobileNetV2"
    alpha: float = 1.0  # width multiplier of the backbone
    weights: str | None = None  # None (from scratch), "imagenet", "model:NAME" (a kept model), or a weight file
    image_size: int = 224  # pixels a side
    channels: int = 1  # 1: grey films, repeated to three inside the network; 3: colour
    pooling: str = "gap"  # "gap" or "flatten"
    hidden: tuple[Hidden, ...] = (Hidden(1024, dropout=0.3), Hidden(256))
    batch_normalization: str = "moving"  # "moving" statistics, or "still": layers kept in inference mode
    momentum: float = 0.99  # of the moving statistics; few steps need a low one
    batch_size: int = 32
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None  # one a class, in class order
    balance: str = "none"  # "undersample" to the smallest class, "weights" n / (k * n_c), or "cells": class x source
    shrink: float = 1.0  # fraction of the training films that is used; the films of 0.1 are among those of 0.2
    augmentation: Augmentation = field(default_factory=Augmentation)
    mixup: float = 0.0  # parameter of the Beta distribution of the shares of films mixed in augmented phases; 0: none
    cached_passes: int = 0  # augmented passes through frozen layers that epochs take in turn; 0: drawn anew each epoch
    plateau_factor: float = 0.5  # ReduceLROnPlateau
    plateau_patience: int = 3  # epochs
    early_stopping: int | None = None  # epochs without better validation loss
    bias_correction: bool = False  # class biases of the last layer fitted on validation, after training
    keep: str = "best"  # weights kept at the end: "best" validation loss or "last"
    division: str = "drawn"  # into training, validation and test: "drawn" from all films, or "given" by the folder
    validation: float = 0.10  # fraction of films
    test: float = 0.15
    seed: int = 0
    precision: str = "auto"  # "auto" (the fastest measured here), "float32", "mixed_float16" or "mixed_bfloat16"
    backend: str = "tensorflow"

    def __post_init__(self) -> None:
        _refuse_faults(dataclasses.asdict(self))

    @property
    def feature_layer(self) -> str:
        return BACKBONES[self.backbone]

    @property
    def epochs(self) -> int:
        """Epochs of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def split_plan(self) -> SplitPlan:
        """How its films are divided and thinned."""
        from xraykit.datasets.split import SplitPlan  # brings NumPy: a recipe alone needs none

        return SplitPlan(self.validation, self.test, self.seed, self.shrink, self.balance, self.division)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def change(self, **fields: Any) -> Recipe:
        """A copy with other fields; RecipeRefused where a name or value does not fit."""
        return from_dict({**dataclasses.asdict(self), **fields})


def from_dict(data: Mapping[str, Any]) -> Recipe:
    """Build a Recipe from plain data; fields that are not there have their defaults.

    Raises
    ------
    RecipeRefused
        If `faults(data)` finds any; the error carries them.
    """
    _refuse_faults(data)
    given = dict(data)
    given["phases"] = tuple(Phase(**phase) for phase in given["phases"])
    if "hidden" in given:
        given["hidden"] = tuple(Hidden(**layer) for layer in given["hidden"])
    given["augmentation"] = Augmentation(**given.get("augmentation", {}))
    if given.get("class_weights") is not None:
        given["class_weights"] = tuple(given["class_weights"])
    return Recipe(**given)


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """A copy with `field=value` settings; values are JSON or plain text, dots reach inside: `phases.0.epochs=3`.

    Raises
    ------
    RecipeRefused
        If a setting is not of that form, names no field, or its value does not fit.
    """
    data: Any = json.loads(recipe.to_json())
    for setting in settings:
        path, equals, text = setting.partition("=")
        try:
            inside, key = _place(data, path)
            inside[key]  # refuse what is not there
        except (LookupError, TypeError, ValueError):
            equals = ""
        if not equals:
            raise RecipeRefused(f"Expected field=value with a field of the recipe; got {setting!r}.")
        try:
            inside[key] = json.loads(text)
        except ValueError:
            inside[key] = text
    return from_dict(data)


def _place(data: Any, path: str) -> tuple[Any, str | int]:
    """The object or list that holds a path's last part, and that part as its key."""
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    for key in way:
        data = data[key]
    return data, last


def _refuse_faults(data: Any) -> None:
    if wrong := faults(data):
        raise RecipeRefused("\n".join(f"{path or 'recipe'}: {fault.words}" for path, fault in wrong.items()), wrong)
