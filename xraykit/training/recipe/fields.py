"""Each field of a recipe in a person's words, with limits and choices, for forms and help.

Limits are those of `rules`, defaults those of `recipe`; draws nothing.
"""

from __future__ import annotations

from xraykit.training.recipe import augmentation_fields, field, rules
from xraykit.training.recipe.field import Field


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
FIELDS: dict[str, Field] = field.named(
    field.described(
        "name",
        "Name",
        "What this recipe is called: letters, digits, '.', '_' and '-'. It becomes part of the run's name.",
        "text",
    ),
    field.choice(
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
    field.choice(
        "alpha",
        "Width multiplier",
        "How wide the backbone's layers are. Narrower is faster and fits less. MobileNet and MobileNetV2 only.",
        {value: f"{value:g}" for value in rules.RECIPE["alpha"].choices},
    ),
    field.choice(
        "weights",
        "Start from",
        "The weights training starts from. Pretrained weights help most when films are few; starting from a saved "
        "model trains it further.",
        {None: "From scratch (random weights)", "imagenet": "ImageNet (photographs)"},
        other="model: and the name of a saved model, or a weight file",
        none="From scratch",
    ),
    field.number(
        "image_size",
        "Image size",
        "Films are scaled to a square with this many pixels per side. Larger shows more detail; time and memory grow "
        "with the square of it.",
        32,
        unit="pixels",
    ),
    field.choice("channels", "Channels", "Grey for X-ray films. Colour for photographs.", {1: "Grey", 3: "Colour"}),
    field.choice(
        "pooling",
        "Pooling",
        "How the backbone's feature maps become one vector. The average keeps the head small; flattening keeps "
        "positions and needs many more parameters.",
        {"gap": "Global average", "flatten": "Flatten"},
    ),
    field.described(
        "hidden",
        "Hidden layers",
        "Dense layers between pooling and the output. Without any, the output reads the features directly.",
        "group",
    ),
    field.number(
        "hidden.N.width",
        "Units",
        "How many units the layer has. More units fit more, and overfit more easily.",
        8,
    ),
    field.number(
        "hidden.N.dropout",
        "Dropout",
        "The fraction of units switched off at random in each step. Raise it if the network overfits.",
        0.05,
    ),
    field.choice(
        "hidden.N.activation",
        "Activation",
        "The function applied to the layer's sums. ReLU is the usual choice.",
        {"relu": "ReLU", "linear": "Linear (none)"},
    ),
    field.choice(
        "batch_normalization",
        "Batch normalisation",
        "Whether these layers learn the statistics of your films or keep those of the starting weights. Keep them "
        "if batches are small or films are few.",
        {"moving": "Learns statistics", "still": "Keeps statistics"},
    ),
    field.number(
        "momentum",
        "Batch norm. momentum",
        "How slowly the learned statistics follow. Short trainings need 0.9 to 0.95: at 0.999, validation figures "
        "look random for the first epochs.",
        0.01,
    ),
    field.number("batch_size", "Batch size", "Films per training step. Halve it if memory runs out.", 8, unit="films"),
    field.number(
        "label_smoothing",
        "Label smoothing",
        "How much the labels are softened. A little (0.05) makes the model less overconfident.",
        0.01,
    ),
    field.choice(
        "balance",
        "Class balance",
        "What to do if one class has many more training films than another, or one source than another. Validation and "
        "test films stay as they are.",
        {
            "none": "None",
            "undersample": "Undersample to the smallest class",
            "weights": "Weight rare classes more",
            "cells": "Weight every class of every source the same",
        },
    ),
    field.described(
        "class_weights",
        "Class weights",
        "How much each class counts: one number per class, in class order, separated by commas. Leave empty unless "
        "you want to set them yourself.",
        "numbers",
        none="All classes equal",
    ),
    field.number(
        "shrink",
        "Fraction of training films",
        "The fraction of training films to use, whole patients at a time. Use less to try things quickly, or to see "
        "how much more films would help.",
        0.05,
    ),
    field.described(
        "augmentation",
        "Augmentation",
        "Random changes to each training film, new in every epoch, so that the network overfits less.",
        "group",
    ),
    *augmentation_fields.FIELDS,
    field.number(
        "mixup",
        "Mixup",
        "In augmented phases, blends each film with another one, and their labels too, so that the network overfits "
        "less. 0.2 blends a little, 1 a lot, 0 not at all.",
        0.1,
    ),
    field.number(
        "cached_passes",
        "Cached augmented passes",
        "While layers are frozen, each film is augmented this many times before training, and epochs take these "
        "versions in turn: far less work for a little less variety. 0 augments anew in every epoch.",
        1,
    ),
    field.described(
        "phases",
        "Phases",
        "Parts of the training, one after the other: usually first the head alone, then all layers at a lower rate.",
        "group",
    ),
    field.number(
        "phases.N.epochs",
        "Epochs",
        "How often the network sees every training film. Add epochs if validation is still improving at the end.",
        1,
    ),
    field.number(
        "phases.N.learning_rate",
        "Learning rate",
        "How large each step is. About 0.001 for a new head or from scratch; 10 to 100 times less for pretrained "
        "layers.",
        0.0001,
    ),
    field.choice(
        "phases.N.trainable",
        "Trainable layers",
        "Training only the head is quick and leaves the backbone as it is; more layers can fit your films better, "
        "and overfit more easily.",
        {"head": "Head only", "all": "All layers"},
        other="a number of last convolution layers",
    ),
    field.choice(
        "phases.N.optimizer",
        "Optimizer",
        "How steps are taken. AdamW is Adam with weight decay.",
        {"adam": "Adam", "adamw": "AdamW"},
    ),
    field.choice(
        "phases.N.schedule",
        "Schedule",
        "How the learning rate changes: not at all, lower when validation loss stops improving, or along a cosine to "
        "zero.",
        {"constant": "Constant", "plateau": "Reduce on plateau", "cosine": "Cosine to zero"},
    ),
    field.number(
        "phases.N.warmup_epochs",
        "Warm-up",
        "The learning rate rises from zero over this many epochs, so that the first steps do not damage pretrained "
        "weights. Not with the plateau schedule.",
        0.5,
        unit="epochs",
    ),
    field.number(
        "phases.N.weight_decay",
        "Weight decay",
        "Pulls weights towards zero to reduce overfitting. AdamW only.",
        0.005,
    ),
    field.switch(
        "phases.N.augment",
        "Augment films",
        "Whether films are changed at random in this phase. Without it a frozen backbone trains very quickly: its "
        "features are computed once.",
    ),
    field.number(
        "plateau_factor",
        "Plateau factor",
        "The learning rate is multiplied by this when validation loss stops improving. Plateau schedule only.",
        0.1,
    ),
    field.number(
        "plateau_patience",
        "Plateau patience",
        "Epochs without a better validation loss before the rate is reduced. Plateau schedule only.",
        1,
        unit="epochs",
    ),
    field.number(
        "early_stopping",
        "Early stopping",
        "Training ends after this many epochs without a better validation loss. Leave empty to run all epochs.",
        1,
        unit="epochs",
        none="Off",
    ),
    field.switch(
        "bias_correction",
        "Correct class biases",
        "After training, fits each class's bias in the last layer on the validation films.",
    ),
    field.choice(
        "keep",
        "Final weights",
        "Which epoch's weights the run ends with.",
        {"best": "Lowest validation loss", "last": "Last epoch"},
    ),
    field.choice(
        "division",
        "Division",
        "Drawn from all films by the fractions below, or the parts that the folder (train, val, test) or the manifest "
        "(column split) gives; a part it lacks is drawn from its training films.",
        {"drawn": "Drawn from all films", "given": "As the folder gives it"},
    ),
    field.number(
        "validation",
        "Validation fraction",
        "The fraction of films used to choose the epoch and to fit temperature and operating points. The network is "
        "not trained on them.",
        0.05,
    ),
    field.number(
        "test",
        "Test fraction",
        "The fraction of films set aside until training is over, then evaluated once.",
        0.05,
    ),
    field.number(
        "seed",
        "Seed",
        "The random seed of split, order and augmentation. Repeat with another seed to see how much is chance.",
        1,
    ),
    field.choice(
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
    field.choice(
        "backend",
        "Backend",
        "The deep-learning library to train with. It must be installed; results are equivalent.",
        {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"},
    ),
)
