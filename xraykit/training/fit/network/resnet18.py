"""ResNet18 (He et al. 2015), as torchvision builds it, so that its published weights give the same features.

keras.applications has none. Its weight file, `resnet18_no_top.weights.h5`, is what Keras writes of `build`, float32,
each convolution and batch normalisation under the name of torchvision's with "_" for ".": "layer2_0_downsample_0".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from xraykit.training.run.failures import WeightsMissing

WIDTHS = (64, 128, 256, 512)  # of the four stages, two blocks each
EPSILON = 1e-5  # PyTorch's; that of Keras is 1e-3
_VARIABLES = {  # of a layer, in the order of Keras: what torchvision calls them
    "Conv2D": ("weight",),
    "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
}


def build(scaled: Any) -> keras.Model:
    """The network without its top on a scaled film (B, S, S, 3): feature maps (B, S / 32, S / 32, 512)."""
    value = _convolution(scaled, 64, 7, 2, "conv1")
    value = keras.layers.ReLU(name="relu")(_normalization(value, "bn1"))
    value = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(value)  # after a ReLU zero is as good as minus infinity
    value = keras.layers.MaxPooling2D(3, 2, name="maxpool")(value)
    for stage, width in enumerate(WIDTHS, 1):
        for block in (0, 1):
            value = _block(value, width, 2 if stage > 1 and block == 0 else 1, f"layer{stage}_{block}")
    return keras.Model(keras.utils.get_source_inputs(scaled), value, name="resnet18")


def load_state(network: keras.Model, state: Mapping[str, np.ndarray], source: str) -> None:
    """Give a network of `build` the weights of torchvision's state dict; the top and step counters are left out.

    Raises
    ------
    WeightsMissing
        If a tensor is missing, has another shape, or is left over: it is another network's.
    """
    given = {name: value for name, value in state.items() if not name.startswith("fc.")}
    given = {name: value for name, value in given.items() if not name.endswith("num_batches_tracked")}
    wanted = {f"{_torch_name(layer.name)}.{name}": layer for layer, names in _weighted(network) for name in names}
    if given.keys() != wanted.keys():
        missing, more = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
        what = f"{missing[0]} is missing" if missing else f"{more[0][:60]} is not part of it"
        raise WeightsMissing(f"{source} holds no ResNet18 as torchvision has it: {what}. {_GET}")
    for layer, names in _weighted(network):
        values = [_as_keras(given[f"{_torch_name(layer.name)}.{name}"]) for name in names]
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in values] != shapes or not all(np.isfinite(value).all() for value in values):
            raise WeightsMissing(
                f"{source} holds no ResNet18 as torchvision has it: {_torch_name(layer.name)} has "
                f"{[value.shape for value in values]}, or numbers that are not finite; expected {shapes}. {_GET}"
            )
        layer.set_weights(values)


def write(state: Mapping[str, np.ndarray], source: str, out: Path) -> int:
    """Write torchvision's state dict, read from `source`, as the weight file of Keras; returns how many parameters.

    `out` ends in .weights.h5 and is replaced whole. Raises WeightsMissing where the tensors are another network's.
    """
    network = build(keras.Input((224, 224, 3)))
    load_state(network, state, source)
    unfinished = out.with_name(f".unfinished-{out.name}")
    try:
        network.save_weights(unfinished)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return int(network.count_params())


def _block(value: Any, width: int, stride: int, name: str) -> Any:
    """Two convolutions and a way around them, torchvision's BasicBlock."""
    around = value
    if stride > 1:
        around = _convolution(value, width, 1, stride, f"{name}_downsample_0")
        around = _normalization(around, f"{name}_downsample_1")
    value = _normalization(_convolution(value, width, 3, stride, f"{name}_conv1"), f"{name}_bn1")
    value = keras.layers.ReLU(name=f"{name}_relu")(value)
    value = _normalization(_convolution(value, width, 3, 1, f"{name}_conv2"), f"{name}_bn2")
    return keras.layers.ReLU(name=f"{name}_out")(keras.layers.Add(name=f"{name}_add")([around, value]))


def _convolution(value: Any, width: int, kernel: int, stride: int, name: str) -> Any:
    """PyTorch pads both sides alike; "same" of Keras pads the end only where the stride is 2."""
    if kernel > 1:
        value = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(value)
    layer: Any = keras.layers.Conv2D
    initial = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")  # torchvision's
    return layer(width, kernel, stride, use_bias=False, kernel_initializer=initial, name=name)(value)


def _normalization(value: Any, name: str) -> Any:
    return keras.layers.BatchNormalization(epsilon=EPSILON, name=name)(value)


def _weighted(network: keras.Model) -> list[tuple[Any, tuple[str, ...]]]:
    return [(layer, _VARIABLES[type(layer).__name__]) for layer in network.layers if layer.weights]


def _torch_name(name: str) -> str:
    """`layer2_0_downsample_0` is torchvision's layer2.0.downsample.0."""
    return name.replace("_", ".")


def _as_keras(tensor: np.ndarray) -> np.ndarray:
    """A kernel (out, in, h, w) as (h, w, in, out), single precision."""
    return (tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor).astype(np.float32)


_GET = "Get resnet18-f37072fd.pth of torchvision."
