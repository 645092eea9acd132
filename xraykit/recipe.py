"""Recipe: every choice that decides what a training run learns, checked, frozen and kept as JSON.

Knows nothing of networks or films; standard library only.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Each backbone's last feature layer: after the last activation, before pooling; Grad-CAM looks there
BACKBONES = {"MobileNetV2": "out_relu", "Tiny": "out_relu"}
BACKENDS = ("tensorflow", "jax", "torch")


class RecipeRefused(ValueError):
    """A recipe that cannot be run; the message names every fault found, a line each."""


@dataclass(frozen=True)
class Hidden:
    """One hidden Dense layer of the head, with the dropout that follows it."""

    width: int
    dropout: float = 0.0
    activation: str = "relu"


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training film, drawn anew for each film and epoch.

    No flips: a mirrored chest film shows the heart on the wrong side.
    """

    rotation: float = 0.0  # degrees, each way
    shift: float = 0.0  # fraction of the side, each way
    zoom: float = 0.0  # fraction, in or out
    brightness: float = 0.0  # fraction of full scale, up or down
    contrast: float = 0.0  # fraction, about the film's mean

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
    weights: str | None = None  # None (from scratch), "imagenet", or a weight file
    image_size: int = 224  # pixels a side
    channels: int = 1  # 1: grey films, repeated to three inside the network; 3: colour
    pooling: str = "gap"  # "gap" or "flatten"
    hidden: tuple[Hidden, ...] = (Hidden(1024, dropout=0.3), Hidden(256))
    batch_normalization: str = "moving"  # "moving" statistics, or "still": layers kept in inference mode
    momentum: float = 0.99  # of the moving statistics; few steps need a low one
    batch_size: int = 32
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None  # one a class, in class order
    augmentation: Augmentation = field(default_factory=Augmentation)
    plateau_factor: float = 0.5  # ReduceLROnPlateau
    plateau_patience: int = 3  # epochs
    early_stopping: int | None = None  # epochs without better validation loss
    bias_correction: bool = False  # class biases of the last layer fitted on validation, after training
    keep: str = "best"  # weights kept at the end: "best" validation loss or "last"
    validation: float = 0.10  # fraction of films
    test: float = 0.15
    seed: int = 0
    backend: str = "tensorflow"

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise RecipeRefused("\n".join(faults))

    @property
    def feature_layer(self) -> str:
        return BACKBONES[self.backbone]

    @property
    def epochs(self) -> int:
        """Epochs of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def change(self, **fields: Any) -> Recipe:
        """A copy with other fields; RecipeRefused where a name or value does not fit."""
        return from_dict({**dataclasses.asdict(self), **fields})


def from_dict(data: dict[str, Any]) -> Recipe:
    """Build a Recipe from plain data, refusing unknown or missing fields by name."""
    data = dict(data)
    try:
        data["phases"] = tuple(Phase(**phase) for phase in data["phases"])
        data["hidden"] = tuple(Hidden(**layer) for layer in data.get("hidden", ()))
        data["augmentation"] = Augmentation(**data.get("augmentation", {}))
        if data.get("class_weights") is not None:
            data["class_weights"] = tuple(data["class_weights"])
        return Recipe(**data)
    except KeyError as error:
        raise RecipeRefused(f"Expected a field {error} in the recipe; got {sorted(data)}.") from None
    except TypeError as error:
        raise RecipeRefused(f"The recipe has fields that do not fit: {error}.") from None


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """A copy with `field=value` settings; values are JSON or plain text, dots reach inside: `phases.0.epochs=3`.

    Raises
    ------
    RecipeRefused
        If a setting is not of that form or names no field.
    """
    data: Any = json.loads(recipe.to_json())
    for setting in settings:
        name, equals, text = setting.partition("=")
        *way, last = name.split(".")
        place: Any = None
        key: Any = None
        try:
            place = functools.reduce(lambda inside, key: inside[int(key) if key.isdigit() else key], way, data)
            key = int(last) if isinstance(place, list) else last
            place[key]  # refuse what is not there
        except (LookupError, TypeError, ValueError):
            equals = ""
        if not equals:
            raise RecipeRefused(f"Expected field=value with a field of the recipe; got {setting!r}.")
        try:
            place[key] = json.loads(text)
        except ValueError:
            place[key] = text
    return from_dict(data)


def load(name_or_file: str | Path) -> Recipe:
    """The named recipe, or the one in a JSON file.

    Raises
    ------
    RecipeRefused
        If there is neither, or the file does not hold a recipe.
    """
    if str(name_or_file) in NAMED:
        return NAMED[str(name_or_file)]
    path = Path(name_or_file)
    if not path.is_file():
        raise RecipeRefused(f"Expected a recipe's name ({', '.join(NAMED)}) or a JSON file; got {str(name_or_file)!r}.")
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeRefused(f"Expected a recipe as JSON in {path.name}; it cannot be read: {error}.") from None
    if not isinstance(data, dict):
        raise RecipeRefused(f"Expected a JSON object in {path.name}; got {type(data).__name__}.")
    return from_dict(data)


def _faults(recipe: Recipe):
    checks = {
        "backbone": (recipe.backbone in BACKBONES, f"one of {tuple(BACKBONES)}"),
        "alpha": (recipe.alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), "0.35, 0.5, 0.75, 1.0, 1.3 or 1.4"),
        "image_size": (32 <= recipe.image_size <= 1024, "32 to 1024 pixels"),
        "channels": (recipe.channels in (1, 3), "1 or 3"),
        "pooling": (recipe.pooling in ("gap", "flatten"), "'gap' or 'flatten'"),
        "batch_normalization": (recipe.batch_normalization in ("moving", "still"), "'moving' or 'still'"),
        "momentum": (0 < recipe.momentum < 1, "between 0 and 1"),
        "batch_size": (1 <= recipe.batch_size <= 1024, "1 to 1024 films"),
        "label_smoothing": (0 <= recipe.label_smoothing < 0.5, "0 to 0.5"),
        "class_weights": (
            recipe.class_weights is None or all(0 < w < float("inf") for w in recipe.class_weights),
            "positive numbers, one a class",
        ),
        "keep": (recipe.keep in ("best", "last"), "'best' or 'last'"),
        "validation": (0 < recipe.validation < 0.5, "a fraction between 0 and 0.5"),
        "test": (0 < recipe.test < 0.5, "a fraction between 0 and 0.5"),
        "backend": (recipe.backend in BACKENDS, f"one of {BACKENDS}"),
        "phases": (len(recipe.phases) > 0, "at least one phase"),
    }
    for name, (fits, expected) in checks.items():
        if not fits:
            yield f"{name}: expected {expected}; got {getattr(recipe, name)!r}."
    for number, layer in enumerate(recipe.hidden, 1):
        if layer.width < 1 or not 0 <= layer.dropout < 1:
            yield f"hidden layer {number}: expected width >= 1 and dropout in [0, 1); got {layer}."
    for number, phase in enumerate(recipe.phases, 1):
        yield from _phase_faults(number, phase)


def _phase_faults(number: int, phase: Phase):
    checks = {
        "epochs": (1 <= phase.epochs <= 10_000, "1 to 10000"),
        "learning_rate": (0 < phase.learning_rate <= 1, "above 0, at most 1"),
        "trainable": (
            phase.trainable in ("head", "all") or (isinstance(phase.trainable, int) and phase.trainable > 0),
            "'head', 'all' or a number of last convolution layers",
        ),
        "optimizer": (phase.optimizer in ("adam", "adamw"), "'adam' or 'adamw'"),
        "schedule": (
            phase.schedule in ("constant", "plateau", "cosine"),
            "'constant', 'plateau' or 'cosine'",
        ),
        "warmup_epochs": (0 <= phase.warmup_epochs <= phase.epochs, "0 to the phase's epochs"),
        "weight_decay": (0 <= phase.weight_decay < 1, "0 to 1"),
    }
    for name, (fits, expected) in checks.items():
        if not fits:
            yield f"phase {number}, {name}: expected {expected}; got {getattr(phase, name)!r}."


# Rotation and zoom as far apart as chest films of one ward are; brightness because exposure differs by machine.
CHEST = Augmentation(rotation=10.0, shift=0.05, zoom=0.10, brightness=0.10, contrast=0.20)

NAMED: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # Learns in seconds and badly: to see a run from one end to the other.
        Recipe(
            name="tiny",
            backbone="Tiny",
            phases=(Phase(epochs=2, learning_rate=3e-3),),
            image_size=32,
            hidden=(Hidden(16, dropout=0.1),),
            momentum=0.9,
            augmentation=Augmentation(rotation=5.0, shift=0.05),
        ),
        # Study A of the published five, exactly: Adam 0.001, ReduceLROnPlateau, everything trained.
        Recipe(
            name="published-scratch",
            phases=(Phase(epochs=25, learning_rate=1e-3, schedule="plateau", augment=False),),
            momentum=0.999,
        ),
        Recipe(
            name="published-imagenet",
            phases=(Phase(epochs=25, learning_rate=1e-3, schedule="plateau", augment=False),),
            weights="imagenet",
            momentum=0.999,
        ),
        # From scratch with what a small set needs: warm-up and cosine, augmentation, smoothing, quick statistics.
        Recipe(
            name="strong-scratch",
            phases=(
                Phase(
                    epochs=40,
                    learning_rate=2e-3,
                    optimizer="adamw",
                    schedule="cosine",
                    warmup_epochs=2,
                    weight_decay=0.02,
                ),
            ),
            image_size=160,
            momentum=0.95,
            label_smoothing=0.05,
            augmentation=CHEST,
            bias_correction=True,
            keep="last",
        ),
        # Head first on frozen features, then everything at a low rate: linear probing, then fine-tuning.
        Recipe(
            name="strong-imagenet",
            phases=(
                Phase(epochs=8, learning_rate=1e-3, trainable="head", augment=False),
                Phase(
                    epochs=14,
                    learning_rate=5e-4,
                    optimizer="adamw",
                    schedule="cosine",
                    warmup_epochs=1,
                    weight_decay=0.02,
                ),
            ),
            weights="imagenet",
            momentum=0.95,
            label_smoothing=0.05,
            augmentation=CHEST,
            bias_correction=True,
            keep="last",
        ),
    )
}
