"""Recipe fields: each field of a recipe in a person's words, with limits and choices, for forms and help.

Limits are those of `reciperules`, defaults those of `recipe`; draws nothing. Standard library only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as _field
from typing import Any

from xraykit.training.recipe import recipe
from xraykit.training.recipe import rules as reciperules


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
    kind : str
        "integer", "number", "choice", "switch", "text", "numbers" (a list), or "group" (fields inside).
    low, high, step : float or None
        Inclusive limits of a number, and a sensible step.
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
    kind: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    choices: Mapping[Any, str] = _field(default_factory=dict)
    other: str = ""
    none: str = ""
    default: Any = None
    required: bool = False

    @property
    def name(self) -> str:
        """Its name in its dataclass, the last part of the path."""
        return self.path.rpartition(".")[2]


def at(path: str) -> Field:
    """The field at a path of `recipe.faults`: "phases.0.epochs" gives that of "phases.N.epochs".

    Raises
    ------
    KeyError
        If there is no such field.
    """
    return FIELDS[".".join("N" if part.isdigit() else part for part in path.split("."))]


def inside(part: str = "") -> tuple[Field, ...]:
    """The fields of the recipe itself, or of its "phases", "hidden" or "augmentation"."""
    prefix = _PREFIXES[part]
    return tuple(found for path, found in FIELDS.items() if path == prefix + found.name)


_PREFIXES = {"": "", "phases": "phases.N.", "hidden": "hidden.N.", "augmentation": "augmentation."}
_KINDS = {
    "": (recipe.Recipe, reciperules.RECIPE),
    "phases.N": (recipe.Phase, reciperules.PHASE),
    "hidden.N": (recipe.Hidden, reciperules.HIDDEN),
    "augmentation": (recipe.Augmentation, reciperules.AUGMENTATION),
}


def _described(path: str, label: str, help: str, kind: str, **more: Any) -> Field:
    """A field with the limits of its rule and the default of its dataclass."""
    prefix, _, name = path.rpartition(".")
    holder, rules = _KINDS[prefix]
    rule = rules[name]
    default = next(given for given in dataclasses.fields(holder) if given.name == name)
    value = default.default_factory() if callable(default.default_factory) else default.default
    return Field(
        path,
        label,
        help,
        kind,
        rule.low,
        rule.high,
        default=None if rule.required else value,
        required=rule.required,
        **more,
    )


def _choice(path: str, label: str, help: str, choices: Mapping[Any, str], **more: Any) -> Field:
    return _described(path, label, help, "choice", choices=choices, **more)


def _number(path: str, label: str, help: str, step: float, **more: Any) -> Field:
    return _described(path, label, help, "integer" if isinstance(step, int) else "number", step=step, **more)


def _switch(path: str, label: str, help: str) -> Field:
    return _described(path, label, help, "switch")


def _named(*fields: Field) -> dict[str, Field]:
    return {given.path: given for given in fields}


FIELDS: dict[str, Field] = _named(
    _described(
        "name",
        "Name",
        "What this recipe is called: letters, digits, '.', '_' and '-'. It becomes part of the run's name.",
        "text",
    ),
    _choice(
        "backbone",
        "Backbone",
        "The network that turns a film into features. Tiny learns in seconds and badly: "
        "take it to try the way from start to end.",
        {"MobileNetV2": "MobileNetV2", "Tiny": "Tiny (for trials)"},
    ),
    _choice(
        "alpha",
        "Width multiplier",
        "How wide the backbone is. Smaller is faster and knows less; ImageNet weights "
        "exist for 0.35, 0.5, 0.75, 1, 1.3 and 1.4 alone.",
        {value: f"{value:g}" for value in reciperules.RECIPE["alpha"].choices},
    ),
    _choice(
        "weights",
        "Start from",
        "What the network knows before it learns. Pretrained weights help most where "
        "films are few; a kept model is trained further.",
        {None: "From scratch (random weights)", "imagenet": "ImageNet (photographs)"},
        other="a kept model, as model: and its name, or a weight file",
        none="From scratch",
    ),
    _number(
        "image_size",
        "Image size",
        "Each film is scaled to a square of so many pixels a side. Larger shows more "
        "and takes more time and memory, both with its square.",
        32,
        unit="pixels",
    ),
    _choice("channels", "Channels", "Grey for X-ray films. Colour for photographs.", {1: "Grey", 3: "Colour"}),
    _choice(
        "pooling",
        "Pooling",
        "How the backbone's feature maps become one row of numbers. The average keeps the "
        "head small; flattening keeps where things are and has far more parameters.",
        {"gap": "Global average", "flatten": "Flatten"},
    ),
    _described(
        "hidden",
        "Hidden layers",
        "Dense layers between pooling and the output. Without any, the output reads the features directly.",
        "group",
    ),
    _number(
        "hidden.N.width",
        "Units",
        "How many units the layer has. More can learn more, and learn by heart more.",
        8,
        unit="units",
    ),
    _number(
        "hidden.N.dropout",
        "Dropout",
        "The share of units switched off at random in each step. Raise it where the "
        "network learns the training films by heart.",
        0.05,
    ),
    _choice(
        "hidden.N.activation",
        "Activation",
        "What the layer does to its sums. ReLU is the usual one.",
        {"relu": "ReLU", "linear": "Linear (none)"},
    ),
    _choice(
        "batch_normalization",
        "Batch normalisation",
        "Whether its layers learn the statistics of your films, or "
        "keep those the weights came with. Keep them where batches or films are few.",
        {"moving": "Learns its statistics", "still": "Kept still"},
    ),
    _number(
        "momentum",
        "Batch normalisation momentum",
        "How slowly the learned statistics follow. Short trainings "
        "need a low one (0.9 to 0.95): at 0.999 validation looks random for the first epochs.",
        0.01,
    ),
    _number("batch_size", "Batch size", "Films in one step. Halve it when memory runs out.", 8, unit="films"),
    _number(
        "label_smoothing",
        "Label smoothing",
        "How far from certain the reference is taken to be. A little (0.05) makes probabilities less bold.",
        0.01,
    ),
    _choice(
        "balance",
        "Class balance",
        "What to do where one class has many more training films than another. "
        "Validation and test films are never touched.",
        {
            "none": "Films as they are",
            "undersample": "Undersample to the smallest class",
            "weights": "Weigh rare classes more",
        },
    ),
    _described(
        "class_weights",
        "Class weights",
        "How much each class counts, in class order, where you want to set it "
        "yourself. Leave empty to count all alike or to balance.",
        "numbers",
        none="All classes alike",
    ),
    _number(
        "shrink",
        "Shrink training set",
        "The share of training films that is used, whole patients at a time. Use "
        "it to try things quickly, or to see how much more films would help.",
        0.05,
    ),
    _described(
        "augmentation",
        "Augmentation",
        "Random changes of each training film, anew in every epoch, so that the network does not learn films by heart.",
        "group",
    ),
    _number(
        "augmentation.rotation",
        "Rotation",
        "Turned by up to so much, either way. Chest films differ by a few degrees.",
        1.0,
        unit="degrees",
    ),
    _number("augmentation.shift", "Shift", "Moved by up to this share of the side, in any direction.", 0.01),
    _number("augmentation.zoom", "Zoom", "Enlarged or reduced by up to this share.", 0.01),
    _number(
        "augmentation.brightness",
        "Brightness",
        "Made lighter or darker by up to this share of full scale, as exposures differ.",
        0.01,
    ),
    _number("augmentation.contrast", "Contrast", "Contrast raised or lowered by up to this share.", 0.05),
    _switch(
        "augmentation.flip",
        "Mirror left and right",
        "Half the films mirrored. Leave it off for chest films: a mirrored one has its heart on the wrong side.",
    ),
    _described(
        "phases",
        "Phases",
        "Stretches of epochs, one after the other: usually the head alone first, then everything at a lower rate.",
        "group",
    ),
    _number(
        "phases.N.epochs", "Epochs", "How often every training film is seen. More while validation still improves.", 1
    ),
    _number(
        "phases.N.learning_rate",
        "Learning rate",
        "How far each step goes. About 0.001 for a new head or from "
        "scratch, ten to a hundred times less for pretrained layers.",
        0.0001,
    ),
    _choice(
        "phases.N.trainable",
        "What learns",
        "The head alone is quick and keeps the backbone as it came; more "
        "layers can fit your films better, and learn them by heart.",
        {"head": "The head", "all": "All layers"},
        other="a number of last convolution layers",
    ),
    _choice(
        "phases.N.optimizer",
        "Optimizer",
        "How steps are taken. AdamW is Adam with weight decay.",
        {"adam": "Adam", "adamw": "AdamW"},
    ),
    _choice(
        "phases.N.schedule",
        "Learning-rate schedule",
        "How the rate falls: not at all, when validation loss stops falling, or along a cosine to zero at the end.",
        {"constant": "Constant", "plateau": "Cut on a plateau", "cosine": "Cosine to zero"},
    ),
    _number(
        "phases.N.warmup_epochs",
        "Warm-up",
        "The rate rises from zero over so many epochs, so that first steps do "
        "not spoil what the weights know. Not with the plateau schedule.",
        0.5,
        unit="epochs",
    ),
    _number(
        "phases.N.weight_decay",
        "Weight decay",
        "Pulls weights towards zero against learning by heart. AdamW only.",
        0.005,
    ),
    _switch(
        "phases.N.augment",
        "Augment in this phase",
        "Whether films are changed at random in this phase. Off makes "
        "a frozen backbone very quick: its features are computed once.",
    ),
    _number(
        "plateau_factor",
        "Plateau factor",
        "What the learning rate is multiplied by when validation loss stops falling. Plateau schedule only.",
        0.1,
    ),
    _number(
        "plateau_patience",
        "Plateau patience",
        "How many epochs without a better validation loss until the rate is cut. Plateau schedule only.",
        1,
        unit="epochs",
    ),
    _number(
        "early_stopping",
        "Early stopping",
        "Ends after so many epochs without a better validation loss. Empty runs all epochs.",
        1,
        unit="epochs",
        none="All epochs are run",
    ),
    _switch(
        "bias_correction",
        "Correct class biases",
        "After training, the last layer's bias of each class is fitted on validation films.",
    ),
    _choice(
        "keep",
        "Weights kept",
        "Which epoch's weights the run ends with.",
        {"best": "Lowest validation loss", "last": "Last epoch"},
    ),
    _number(
        "validation",
        "Validation share",
        "The share of films that chooses the epoch and fits temperature and "
        "operating points. They are not learned from.",
        0.05,
    ),
    _number("test", "Test share", "The share of films kept apart until the end. They are scored once.", 0.05),
    _number(
        "seed",
        "Seed",
        "The number behind all chance: split, order, random changes. Another one shows how much is luck.",
        1,
    ),
    _choice(
        "precision",
        "Precision",
        "How numbers are kept while learning. Mixed is quicker and smaller on GPUs made "
        "for it; automatic takes what was measured fastest on yours.",
        {
            "auto": "Automatic",
            "float32": "32 bit",
            "mixed_float16": "Mixed, float16",
            "mixed_bfloat16": "Mixed, bfloat16",
        },
    ),
    _choice(
        "backend",
        "Backend",
        "The library that computes. Each must be installed; results are alike.",
        {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"},
    ),
)
