"""Network: builds the flat Keras network of a recipe, its preprocessing inside.

Written against Keras 3 alone, so that every backend trains the same recipe. Never reads films, never trains.
"""

from __future__ import annotations

import keras

from xraykit.models.cards import card
from xraykit.models.conversion import archive
from xraykit.system import folders
from xraykit.training import pretrained, torch_file
from xraykit.training.fit.network import backbones, resnet18
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.recipe.rules import BACKBONES, no_start
from xraykit.training.run.failures import WeightsMissing

KEPT = "model:"  # a recipe's weights are those of a kept model


def build(recipe: Recipe, classes: int, precision: str = "float32", weights: bool = True) -> keras.Model:
    """The recipe's network, its pretrained weights loaded; with weights=False they are left for a checkpoint to give.

    `precision` is a Keras dtype policy: "float32", "mixed_float16" or "mixed_bfloat16". Weights, what comes before the
    backbone and what comes after the last hidden layer are single precision whatever it is.

    Takes raw grey levels, float (B, S, S, channels) in 0..255; gives probabilities (B, classes) float32 that sum to 1.
    The graph is flat (no nested network), because tf-keras-vis 0.8.7 cannot look inside one under Keras 3.

    Raises
    ------
    WeightsMissing
        If pretrained weights or the kept model to start from are found nowhere, or do not fit.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = _build(recipe, classes)
    finally:
        keras.config.set_dtype_policy(before)
    if weights and recipe.weights is not None:
        _copy_weights(_kept(recipe) if recipe.weights.startswith(KEPT) else _pretrained(recipe), model)
    return model


def _build(recipe: Recipe, classes: int) -> keras.Model:
    chosen = backbones.BACKBONES[recipe.backbone]
    film = keras.Input((recipe.image_size, recipe.image_size, recipe.channels), name="film", dtype="float32")
    backbone = chosen.build(backbones.scale(film, chosen.scaling), recipe.alpha)
    _set_momentum(backbone, recipe.momentum)
    features = backbone.get_layer(recipe.feature_layer).output
    return keras.Model(film, _head(recipe, classes, features), name=recipe.backbone.lower())


def feature_layer_of(network: keras.Model) -> keras.layers.Layer:
    """The last layer of the backbone, the one before the pooling."""
    return next(layer for layer in reversed(network.layers) if layer.name in BACKBONES.values())


def body_of(network: keras.Model) -> keras.Model:
    """The part up to the pooling: (B, S, S, channels) to (B, K), or (B, h * w * K) where films are flattened."""
    return keras.Model(network.input, network.get_layer("pooler").output, name="body")


def logits_of(network: keras.Model) -> keras.Model:
    """The network before its softmax: (B, S, S, channels) to (B, classes)."""
    return keras.Model(network.input, network.get_layer("logits").output, name="to_logits")


def set_trainable(network: keras.Model, trainable: str | int, batch_normalization: str) -> None:
    """Choose what learns: "head", "all", or the last N convolution layers with the head.

    With "still", or below the layers that learn, BatchNormalization stays in inference mode; only
    `trainable = False` does that in Keras 3, calling with `training=False` does not. Compile afterwards.
    """
    layers = network.layers
    start = _first_trainable(network, trainable)
    for number, layer in enumerate(layers):
        still = isinstance(layer, keras.layers.BatchNormalization) and batch_normalization == "still"
        layer.trainable = number >= start and not still


def _first_trainable(network: keras.Model, trainable: str | int) -> int:
    layers = network.layers
    if trainable == "all":
        return 0
    head = layers.index(feature_layer_of(network)) + 1
    if trainable == "head":
        return head
    convolutions = [i for i, layer in enumerate(layers[:head]) if isinstance(layer, _CONVOLUTIONS)]
    return convolutions[-min(int(trainable), len(convolutions))]


def _kept(recipe: Recipe) -> keras.Model:
    """The kept model that the recipe starts from; its card is checked, so that its backbone fits."""
    name = (recipe.weights or "").removeprefix(KEPT)
    folder = folders.models_folder() / name
    try:
        theirs = card.read(folder).recipe
        archive.check_archive(folder / card.NETWORK)  # before Keras makes anything of it
        model = keras.saving.load_model(folder / card.NETWORK, custom_objects={}, compile=False, safe_mode=True)
    except card.ModelRefused as refused:
        raise WeightsMissing(
            f"The recipe starts from the model {name}, which cannot be read. {refused.words}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:  # Keras raises what the file provokes, in its own words
        raise WeightsMissing(
            f"The model {name} that the recipe starts from cannot be read: Keras {keras.__version__} makes no network "
            f"of its {card.NETWORK}. Start from another model; `python -m xraykit models` lists them."
        ) from error
    if words := no_start(name, theirs):
        raise WeightsMissing(words)
    for field in ("backbone", "alpha", "pooling"):
        if theirs.get(field, getattr(recipe, field)) != getattr(recipe, field):
            raise WeightsMissing(
                f"The recipe's {field} is {getattr(recipe, field)}, that of the model {name} is {theirs[field]}. "
                "Choose the same in the recipe, or start from another model."
            )
    return model


def _pretrained(recipe: Recipe) -> keras.Model:
    """The backbone alone with the weights of a file, downloaded where "imagenet" is nowhere on this computer."""
    path = pretrained.fetch(recipe)
    model = backbones.bare(recipe.backbone, recipe.alpha)
    try:
        if recipe.backbone == "ResNet18" and not path.name.endswith(".weights.h5"):
            resnet18.load_state(model, torch_file.read(path), path.name)
        else:
            model.load_weights(path)
    except torch_file.TorchFileRefused as refused:
        raise WeightsMissing(f"The weights of ResNet18 cannot be loaded. {refused.words}") from None
    except WeightsMissing:
        raise
    except Exception as error:  # Keras raises whatever its file reader raised
        name = pretrained.described(recipe.backbone, recipe.alpha)
        raise WeightsMissing(
            f"The weights of {name} cannot be loaded from {path}: it is damaged, or holds other weights. Expected "
            f"those of {name} without its top, as Keras writes them (.weights.h5) or publishes them (.h5). Get it "
            "again, name another file, or train from scratch."
        ) from error
    return model


def _copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy every layer that has the same name and shapes in both; a head for other classes starts at random."""
    own = {layer.name: layer for layer in target.layers}
    for layer in source.layers:
        there = own.get(layer.name)
        if there is not None and [w.shape for w in layer.weights] == [w.shape for w in there.weights]:
            there.set_weights(layer.get_weights())


def _head(recipe: Recipe, classes: int, value):
    pooling = {"gap": keras.layers.GlobalAveragePooling2D, "flatten": keras.layers.Flatten}[recipe.pooling]
    value = pooling(name="pooler")(value)
    for number, hidden in enumerate(recipe.hidden, 1):
        value = keras.layers.Dense(hidden.width, activation=hidden.activation, name=f"hidden_{number}")(value)
        if hidden.dropout:
            value = keras.layers.Dropout(hidden.dropout, seed=recipe.seed + number, name=f"dropout_{number}")(value)
    value = keras.layers.Dense(classes, name="logits", dtype="float32")(value)
    return keras.layers.Softmax(name="probabilities", dtype="float32")(value)


def _set_momentum(network: keras.Model, momentum: float) -> None:
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum


_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
