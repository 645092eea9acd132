"""The backbones: each a flat Keras network without its top, and the scaling of grey levels it was made for.

Reads no weights and no recipe; what its layers start from is for `network` to give.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from xraykit.models.conversion.task import SCALINGS
from xraykit.training.fit.network import resnet18


@dataclass(frozen=True)
class Backbone:
    """How a backbone is built.

    Attributes
    ----------
    build : callable
        Takes the scaled film, a Keras tensor (B, S, S, 3), and the width multiplier; gives a flat Keras model.
    scaling : str
        What it expects of grey levels, one of `task.SCALINGS`.
    """

    build: Callable[[Any, float], keras.Model]
    scaling: str


def scale(film: Any, scaling: str) -> Any:
    """Raw grey levels (B, S, S, 1 or 3) as a backbone expects them: (B, S, S, 3), float32 whatever the precision."""
    value = film
    factor, offset = (list(values) for values in SCALINGS[scaling])
    if film.shape[-1] == 1:
        value = keras.layers.Concatenate(name="grey_to_rgb", dtype="float32")([film] * 3)
    if scaling == "caffe":  # blue first
        value = value if film.shape[-1] == 1 else value[..., ::-1]
        factor, offset = factor[::-1], offset[::-1]
    if len(set(factor)) == len(set(offset)) == 1:
        factor, offset = factor[0], offset[0]
    layer: Any = keras.layers.Rescaling
    return layer(factor, offset, name="scale", dtype="float32")(value)


def bare(backbone: str, alpha: float) -> keras.Model:
    """A backbone alone, as its weight file has it: on scaled films of 224 pixels; random weights."""
    return BACKBONES[backbone].build(keras.Input((224, 224, 3)), alpha)


def _application(name: str, **more: Any) -> Callable[[Any, float], keras.Model]:
    """A network of keras.applications that has one width."""
    make: Any = getattr(keras.applications, name)
    return lambda scaled, alpha: make(include_top=False, weights=None, input_tensor=scaled, **more)


def _mobile(name: str) -> Callable[[Any, float], keras.Model]:
    """A network of keras.applications with a width multiplier."""
    make: Any = getattr(keras.applications, name)
    return lambda scaled, alpha: make(alpha=alpha, include_top=False, weights=None, input_tensor=scaled)


def _efficient_net(scaled: Any, alpha: float) -> keras.Model:
    """Without its stochastic depth: that would change a frozen layer's features from step to step."""
    network = keras.applications.EfficientNetV2B0(
        include_top=False, weights=None, input_tensor=scaled, include_preprocessing=False
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return network


def _tiny(scaled: Any, alpha: float) -> keras.Model:
    """Three convolutions that compile in a second under every backend, for trials and tests."""
    value = scaled
    for number, width in enumerate((8, 16, 32), 1):
        last = number == 3
        value = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False, name=f"conv_{number}")(value)
        value = keras.layers.BatchNormalization(name=f"bn_{number}")(value)
        value = keras.layers.ReLU(name="out_relu" if last else f"relu_{number}")(value)
    return keras.Model(keras.utils.get_source_inputs(value), value)


BACKBONES: dict[str, Backbone] = {
    "MobileNetV2": Backbone(_mobile("MobileNetV2"), "-1..1"),
    "MobileNet": Backbone(_mobile("MobileNet"), "-1..1"),
    "ResNet18": Backbone(lambda scaled, alpha: resnet18.build(scaled), "torch"),
    "ResNet50": Backbone(_application("ResNet50"), "caffe"),
    "VGG16": Backbone(_application("VGG16"), "caffe"),
    "VGG19": Backbone(_application("VGG19"), "caffe"),
    "DenseNet121": Backbone(_application("DenseNet121"), "torch"),
    "EfficientNetV2B0": Backbone(_efficient_net, "torch"),
    "Tiny": Backbone(_tiny, "-1..1"),
}
