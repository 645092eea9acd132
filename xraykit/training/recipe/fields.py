"""Each field of a recipe in a person's words, with limits and choices, for forms and help.

Limits are those of `rules`, defaults those of `recipe`; draws nothing.
"""

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
    return tuple(field for path, field in FIELDS.items() if path == prefix + field.name)


_PREFIXES = {"": "", "phases": "phases.N.", "hidden": "hidden.N.", "augmentation": "augmentation."}
_HOLDERS = {
    "": (recipe.Recipe, rules.RECIPE),
    "phases.N": (recipe.Phase, rules.PHASE),
    "hidden.N": (recipe.Hidden, rules.HIDDEN),
    "augmentation": (recipe.Augmentation, rules.AUGMENTATION),
}


def _described(path: str, label: str, help: str, kind: Kind, **more: Any) -> Field:
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


def _choice(path: str, label: str, help: str, choices: Mapping[Any, str], **more: Any) -> Field:
    return _described(path, label, help, "choice", choices=choices, **more)


def _number(path: str, label: str, help: str, step: float, **more: Any) -> Field:
    return _described(path, label, help, "integer" if isinstance(step, int) else "number", step=step, **more)


def _switch(path: str, label: str, help: str) -> Field:
    return _described(path, label, help, "switch")


def _named(*fields: Field) -> dict[str, Field]:
    return {field.path: field for field in fields}


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
        "The network that turns a film into features. The MobileNets are the quickest; ResNet50, the VGGs and "
        "DenseNet121 take several times as long. Tiny trains in seconds and predicts poorly: use it to try out a whole "
        "run.",
        {
            "MobileNetV2": "MobileNetV2",
            "MobileNet": "MobileNet",
            "ResNet18": "ResNet18",
            "ResNet50": "ResNet50",
            "VGG16": "VGG16",
            "VGG19": "VGG19",
            "DenseNet121": "DenseNet121",
            "EfficientNetV2B0": "EfficientNetV2B0",
            "Tiny": "Tiny (for trials)",
        },
    ),
    _choice(
        "alpha",
        "Width multiplier",
        "How wide the backbone's layers are. Narrower is faster and fits less. MobileNet and MobileNetV2 only.",
        {value: f"{value:g}" for value in rules.RECIPE["alpha"].choices},
    ),
    _choice(
        "weights",
        "Start from",
        "The weights training starts from. Pretrained weights help most when films are few; starting from a saved "
        "model trains it further.",
        {None: "From scratch (random weights)", "imagenet": "ImageNet (photographs)"},
        other="model: and the name of a saved model, or a weight file",
        none="From scratch",
    ),
    _number(
        "image_size",
        "Image size",
        "Films are scaled to a square with this many pixels per side. Larger shows more detail; time and memory grow "
        "with the square of it.",
        32,
        unit="pixels",
    ),
    _choice("channels", "Channels", "Grey for X-ray films. Colour for photographs.", {1: "Grey", 3: "Colour"}),
    _choice(
        "pooling",
        "Pooling",
        "How the backbone's feature maps become one vector. The average keeps the head small; flattening keeps "
        "positions and needs many more parameters.",
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
        "How many units the layer has. More units fit more, and overfit more easily.",
        8,
    ),
    _number(
        "hidden.N.dropout",
        "Dropout",
        "The fraction of units switched off at random in each step. Raise it if the network overfits.",
        0.05,
    ),
    _choice(
        "hidden.N.activation",
        "Activation",
        "The function applied to the layer's sums. ReLU is the usual choice.",
        {"relu": "ReLU", "linear": "Linear (none)"},
    ),
    _choice(
        "batch_normalization",
        "Batch normalisation",
        "Whether these layers learn the statistics of your films or keep those of the starting weights. Keep them "
        "if batches are small or films are few.",
        {"moving": "Learns statistics", "still": "Keeps statistics"},
    ),
    _number(
        "momentum",
        "Batch norm. momentum",
        "How slowly the learned statistics follow. Short trainings need 0.9 to 0.95: at 0.999, validation figures "
        "look random for the first epochs.",
        0.01,
    ),
    _number("batch_size", "Batch size", "Films per training step. Halve it if memory runs out.", 8, unit="films"),
    _number(
        "label_smoothing",
        "Label smoothing",
        "How much the labels are softened. A little (0.05) makes the model less overconfident.",
        0.01,
    ),
    _choice(
        "balance",
        "Class balance",
        "What to do if one class has many more training films than another. Validation and test films stay as they "
        "are.",
        {
            "none": "None",
            "undersample": "Undersample to the smallest class",
            "weights": "Weight rare classes more",
        },
    ),
    _described(
        "class_weights",
        "Class weights",
        "How much each class counts: one number per class, in class order, separated by commas. Leave empty unless "
        "you want to set them yourself.",
        "numbers",
        none="All classes equal",
    ),
    _number(
        "shrink",
        "Fraction of training films",
        "The fraction of training films to use, whole patients at a time. Use less to try things quickly, or to see "
        "how much more films would help.",
        0.05,
    ),
    _described(
        "augmentation",
        "Augmentation",
        "Random changes to each training film, new in every epoch, so that the network overfits less.",
        "group",
    ),
    _number(
        "augmentation.rotation",
        "Rotation",
        "Rotates by up to this angle, either way. Chest films differ by a few degrees.",
        1.0,
        unit="degrees",
    ),
    _number("augmentation.shift", "Shift", "Moves by up to this fraction of the side, in any direction.", 0.01),
    _number("augmentation.zoom", "Zoom", "Enlarges or shrinks by up to this fraction.", 0.01),
    _number(
        "augmentation.brightness",
        "Brightness",
        "Lightens or darkens by up to this fraction of full scale, as exposures differ.",
        0.01,
    ),
    _number("augmentation.contrast", "Contrast", "Raises or lowers contrast by up to this fraction.", 0.05),
    _switch(
        "augmentation.flip",
        "Mirror left and right",
        "Mirrors half the films. Leave it off for chest films: a mirrored one has the heart on the wrong side.",
    ),
    _number(
        "mixup",
        "Mixup",
        "In augmented phases, blends each film with another one, and their labels too, so that the network overfits "
        "less. 0.2 blends a little, 1 a lot, 0 not at all.",
        0.1,
    ),
    _number(
        "cached_passes",
        "Cached augmented passes",
        "While layers are frozen, each film is augmented this many times before training, and epochs take these "
        "versions in turn: far less work for a little less variety. 0 augments anew in every epoch.",
        1,
    ),
    _described(
        "phases",
        "Phases",
        "Parts of the training, one after the other: usually first the head alone, then all layers at a lower rate.",
        "group",
    ),
    _number(
        "phases.N.epochs",
        "Epochs",
        "How often the network sees every training film. Add epochs if validation is still improving at the end.",
        1,
    ),
    _number(
        "phases.N.learning_rate",
        "Learning rate",
        "How large each step is. About 0.001 for a new head or from scratch; 10 to 100 times less for pretrained "
        "layers.",
        0.0001,
    ),
    _choice(
        "phases.N.trainable",
        "Trainable layers",
        "Training only the head is quick and leaves the backbone as it is; more layers can fit your films better, "
        "and overfit more easily.",
        {"head": "Head only", "all": "All layers"},
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
        "Schedule",
        "How the learning rate changes: not at all, lower when validation loss stops improving, or along a cosine to "
        "zero.",
        {"constant": "Constant", "plateau": "Reduce on plateau", "cosine": "Cosine to zero"},
    ),
    _number(
        "phases.N.warmup_epochs",
        "Warm-up",
        "The learning rate rises from zero over this many epochs, so that the first steps do not damage pretrained "
        "weights. Not with the plateau schedule.",
        0.5,
        unit="epochs",
    ),
    _number(
        "phases.N.weight_decay",
        "Weight decay",
        "Pulls weights towards zero to reduce overfitting. AdamW only.",
        0.005,
    ),
    _switch(
        "phases.N.augment",
        "Augment films",
        "Whether films are changed at random in this phase. Without it a frozen backbone trains very quickly: its "
        "features are computed once.",
    ),
    _number(
        "plateau_factor",
        "Plateau factor",
        "The learning rate is multiplied by this when validation loss stops improving. Plateau schedule only.",
        0.1,
    ),
    _number(
        "plateau_patience",
        "Plateau patience",
        "Epochs without a better validation loss before the rate is reduced. Plateau schedule only.",
        1,
        unit="epochs",
    ),
    _number(
        "early_stopping",
        "Early stopping",
        "Training ends after this many epochs without a better validation loss. Leave empty to run all epochs.",
        1,
        unit="epochs",
        none="Off",
    ),
    _switch(
        "bias_correction",
        "Correct class biases",
        "After training, fits each class's bias in the last layer on the validation films.",
    ),
    _choice(
        "keep",
        "Final weights",
        "Which epoch's weights the run ends with.",
        {"best": "Lowest validation loss", "last": "Last epoch"},
    ),
    _choice(
        "division",
        "Division",
        "Drawn from all films by the fractions below, or the parts that the folder (train, val, test) or the manifest "
        "(column split) gives; a part it lacks is drawn from its training films.",
        {"drawn": "Drawn from all films", "given": "As the folder gives it"},
    ),
    _number(
        "validation",
        "Validation fraction",
        "The fraction of films used to choose the epoch and to fit temperature and operating points. The network is "
        "not trained on them.",
        0.05,
    ),
    _number(
        "test",
        "Test fraction",
        "The fraction of films set aside until training is over, then evaluated once.",
        0.05,
    ),
    _number(
        "seed",
        "Seed",
        "The random seed of split, order and augmentation. Repeat with another seed to see how much is chance.",
        1,
    ),
    _choice(
        "precision",
        "Precision",
        "Number format during training. Mixed is faster and uses less memory on GPUs built for it; automatic takes "
        "what measures fastest on yours.",
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
        "The deep-learning library to train with. It must be installed; results are equivalent.",
        {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"},
    ),
)
