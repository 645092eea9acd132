"""From a saved network to the files that are read without TensorFlow: features.tflite and head.npz.

`convert` imports TensorFlow: other processes call `convert_in_subprocess`, which can be killed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.models import head as heads
from xraykit.models.cards.card import BODY, HEAD, ModelRefused
from xraykit.models.conversion import child
from xraykit.models.conversion.archive import CODE, check_archive
from xraykit.models.head import Head

WHOLE = ""  # as feature layer: the network is read whole up to its logits, and has no heatmap
LOGITS = "logits"  # the layer whose outputs they are, where a network is read whole
# What does nothing when a film is read
IDLE = ("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization")


def convert(network: Path, folder: Path, feature_layer: str = "out_relu") -> None:
    """Write features.tflite and head.npz of a `.keras` file into `folder`.

    The network must be flat: one (S, S, 1 or 3) input, `feature_layer` with a (h, w, K) output, then
    GlobalAveragePooling2D or Flatten, Dense (relu or linear) and BatchNormalization layers and a softmax. With WHOLE
    as feature layer anything may stand between the input, a linear layer named "logits" and the softmax.
    Imports TensorFlow. Raises ModelRefused in words for everything else.
    """
    check_archive(network)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    try:
        model = keras.saving.load_model(network, custom_objects={}, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the archive provokes
        raise _unfit(
            network, f"a network that Keras {keras.__version__} can load; its layers or weights are damaged"
        ) from error
    layers = _flat_layers(model, network)
    names = [layer.name for layer in layers]
    wanted = feature_layer or LOGITS
    if wanted not in names:
        raise _unfit(network, f"a feature layer named {wanted}; the last layers are {', '.join(names[-8:])}")
    at = names.index(wanted)
    head = _head(layers[at + 1 :], network) if feature_layer else _passing_on(layers[at].output.shape[-1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BODY).write_bytes(_body(model, layers[at], network))
    heads.save(head, folder / HEAD)


def convert_in_subprocess(network: Path, folder: Path, seconds: float = 1800, feature_layer: str = "out_relu") -> None:
    """`convert` in a process of its own, killed after `seconds`; nothing is written unless all of it worked.

    Raises ModelRefused for what the child refused, for a crash and for running over time.
    """
    check_archive(network)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=folder) as work:
        try:
            child.run(__name__, [str(network.resolve()), feature_layer], Path(work), seconds)
        except child.ChildFailed as failed:
            raise _unfit(network, str(failed)) from None
        for name in (BODY, HEAD):
            shutil.move(Path(work, name), folder / name)


def _flat_layers(model: Any, network: Path) -> list:
    import keras

    if not isinstance(model, keras.Model) or not hasattr(model, "inputs") or len(model.inputs or ()) != 1:
        raise _unfit(network, "a functional network with one input; got something else")
    if any(isinstance(layer, keras.Model) for layer in model.layers):
        raise _unfit(network, "a flat network; got one network inside another. Build it with input_tensor=")
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or shape[0] is None or shape[0] != shape[1] or shape[2] not in (1, 3):
        raise _unfit(network, f"an input (S, S, 1 or 3); got {shape}")
    return model.layers


def _head(layers: list, network: Path) -> Head:
    """The layers after the feature layer as a Head, every one of them understood or the network refused."""
    layers = [layer for layer in layers if type(layer).__name__ not in IDLE]
    kinds = [type(layer).__name__ for layer in layers]
    pooling = {"GlobalAveragePooling2D": "gap", "Flatten": "flatten"}.get(kinds[0] if kinds else "")
    if pooling is None or getattr(layers[0], "keepdims", False):
        raise _unfit(network, f"GlobalAveragePooling2D or Flatten after the features; got {kinds[:1]}")
    stack = _Stack()
    for layer, kind in zip(layers[1:], kinds[1:], strict=True):
        if kind == "Dense":
            stack.dense(*layer.get_weights(), activation=layer.activation.__name__)
        elif kind == "BatchNormalization":
            stack.scale(*_affine(layer))
        elif kind in ("Softmax", "Activation", "ReLU") and stack.activations[-1:] == ["linear"]:
            stack.activations[-1] = layer.activation.__name__ if kind == "Activation" else kind.lower()
        elif kind != "Flatten" or len(layer.input.shape) != 2:
            raise _unfit(network, f"Dense, Dropout and a softmax after the pooling; got {kind} ({layer.name})")
    activations = stack.activations
    if activations[-1:] != ["softmax"] or any(name not in heads.ACTIVATIONS for name in activations[:-1]):
        raise _unfit(network, f"relu or linear Dense layers and one softmax at the end; got {activations}")
    return Head(pooling, *stack.arrays(), (*activations[:-1], "linear"))


class _Stack:
    """Dense layers one after the other; what scales between them goes into the one before or the one behind."""

    def __init__(self) -> None:
        self.kernels: list[np.ndarray] = []
        self.biases: list[np.ndarray] = []
        self.activations: list[str] = []
        self._scale: Any = 1.0  # of the next layer's inputs
        self._shift: Any = 0.0

    def dense(self, kernel: np.ndarray, bias: np.ndarray | None = None, *, activation: str) -> None:
        kernel = kernel.astype(np.float64)
        shift = np.broadcast_to(self._shift, kernel.shape[:1]) @ kernel
        self.kernels.append(np.broadcast_to(self._scale, kernel.shape[:1])[:, None] * kernel)
        self.biases.append(shift if bias is None else shift + bias)
        self.activations.append(activation)
        self._scale, self._shift = 1.0, 0.0

    def scale(self, scale: np.ndarray, shift: np.ndarray) -> None:
        if self.activations[-1:] == ["linear"]:
            self.kernels[-1], self.biases[-1] = self.kernels[-1] * scale, self.biases[-1] * scale + shift
        else:
            self._scale, self._shift = self._scale * scale, self._shift * scale + shift

    def arrays(self) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        return tuple(k.astype(np.float32) for k in self.kernels), tuple(b.astype(np.float32) for b in self.biases)


def _affine(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """A BatchNormalization in inference as (scale, shift), float64 (K,) each."""
    mean, variance = (np.asarray(value, np.float64) for value in (layer.moving_mean, layer.moving_variance))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma, np.float64)
    return scale, (np.asarray(layer.beta, np.float64) if layer.center else 0.0) - mean * scale


def _passing_on(classes: int) -> Head:
    """A head that hands on the logits the body gives."""
    return Head("gap", (np.eye(classes, dtype=np.float32),), (np.zeros(classes, np.float32),), ("linear",))


def _body(model: Any, layer: Any, network: Path) -> bytes:
    import keras
    import tensorflow as tf

    fixed = keras.Input(batch_shape=(1, *model.inputs[0].shape[1:]), dtype="float32")
    features = keras.Model(model.inputs, layer.output)(fixed)
    if len(features.shape) == 2:  # logits, as a map of one cell
        features = keras.layers.Reshape((1, 1, features.shape[-1]))(features)
    try:
        return tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, features)).convert()
    except Exception as error:  # the converter's own classes are private
        if child.is_out_of_memory(error):
            raise ModelRefused(f"{network.name} {child.NO_MEMORY}.", code=child.MEMORY_CODE) from error
        raise _unfit(network, "operations that LiteRT knows; it has another") from error


def _unfit(network: Path, words: str) -> ModelRefused:
    return ModelRefused(
        f"{network.name} cannot be saved as a model: expected {words}. Use a network that `python -m xraykit train` "
        "saved.",
        code=CODE,
    )


if __name__ == "__main__":
    _, source, layer, target = sys.argv
    child.answer(Path(target), lambda: convert(Path(source), Path(target), layer))
