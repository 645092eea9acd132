"""A stranger's Keras network made flat: one input of raw grey levels, plain layers, logits, a softmax.

Nested and Sequential networks are unrolled, half precision becomes single, one sigmoid becomes two classes; the
original's own outputs on the synthetic films are written beside it, to check the result against. Imports TensorFlow, in
a process of its own: `python -m xraykit.models.conversion.flatten WORK`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.models.cards import card as cards
from xraykit.models.cards.card import ModelRefused
from xraykit.models.conversion import archive, child, convert, formats, landmarks
from xraykit.models.conversion.task import (
    EXPECTED,
    FACTS,
    HALF,
    OF_COLOURS,
    SCALINGS,
    SINGLE,
    TASK,
    Facts,
    Task,
    probabilities,
    scaled,
    squares,
)

_RANDOM = ("RandomFlip", "RandomRotation", "RandomZoom", "RandomContrast", "RandomBrightness", "RandomTranslation")
_SKIPPED = (*_RANDOM, "RandomHeight", "RandomWidth", "ActivityRegularization", "GaussianNoise", "Identity")
_OWN_NAMES: tuple[str, ...] = ("film", "scale", convert.LOGITS, "probabilities")
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")


def flatten_into(work: Path) -> None:
    """Do the task of a work folder: writes model.keras, features.tflite, head.npz, expected.npy, facts.json."""
    task = Task(**json.loads((work / TASK).read_text("utf-8")))
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    original = _load(task)
    size, channels = _input(original, task)
    flat = _Flat(task, original, size, channels)
    flat.model.save(work / cards.NETWORK)
    convert.convert(work / cards.NETWORK, work, flat.feature_layer)
    films = squares(size, channels)
    outputs = np.concatenate([np.asarray(original(scaled(film[None], task.scaling), training=False)) for film in films])
    np.save(work / EXPECTED, probabilities(outputs, flat.output))
    facts = Facts(
        size,
        channels,
        flat.feature_layer,
        flat.no_heatmap,
        flat.output,
        int(flat.model.count_params()),
        HALF if flat.half else SINGLE,
        *landmarks.backbone_of(flat.model),
    )
    (work / FACTS).write_text(json.dumps(vars(facts)), "utf-8")


def _load(task: Task) -> Any:
    import keras

    child.limit_memory()
    try:
        model = keras.saving.deserialize_keras_object(task.config, custom_objects={}, safe_mode=True)
        model.load_weights(task.weights)
    except Exception as error:  # Keras raises whatever the file provokes
        if child.is_out_of_memory(error):
            raise archive.refuse(task.name, child.NO_MEMORY, child.MEMORY_CODE) from error
        raise archive.refuse(
            task.name,
            f"cannot be loaded by Keras {keras.__version__}: its layers and its weights do not fit each other, or "
            "another Keras saved it. Load it with the Keras that saved it and save it again as a .keras file: "
            '`model.save("model.keras")`',
        ) from error
    return model


def _input(model: Any, task: Task) -> tuple[int, int]:
    """Size and channels of the network's one square input."""
    inputs, outputs = (getattr(model, side, None) or () for side in ("inputs", "outputs"))
    if not inputs:
        raise archive.refuse(
            task.name, "was saved before it knew its input. Call it on one film, then save it again", "no-input"
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise archive.refuse(
            task.name,
            f"has {len(inputs)} inputs and {len(outputs)} outputs; expected one film and one set of classes. Save a "
            "network with one of each",
            "several-inputs-or-outputs",
        )
    shape = tuple(inputs[0].shape[1:])
    if len(shape) != 3 or shape[2] not in (1, 3):
        first = (
            " It has the channels first; save it with channels last" if len(shape) == 3 and shape[0] in (1, 3) else ""
        )
        raise archive.refuse(task.name, f"takes {shape}; expected films (size, size, 1 or 3).{first}", "input-shape")
    if shape[2] == 1 and task.scaling in OF_COLOURS:
        raise archive.refuse(
            task.name, f"takes grey films; the scaling {task.scaling} is for three channels. Choose another", "scaling"
        )
    return _size(shape, task), shape[2]


def _size(shape: tuple, task: Task) -> int:
    known = {side for side in shape[:2] if side is not None}
    if len(known) > 1:
        raise archive.refuse(
            task.name, f"takes films of {shape[0]} x {shape[1]} pixels; films are read as squares. Use a square network"
        )
    asked = {task.image_size} if task.image_size else set()
    if not known and not asked:
        raise ModelRefused(
            f"{formats.shown(task.name)} takes films of any size. Say at which it was trained: the image size, "
            "--image-size on the command line.",
            code="image-size-needed",
        )
    if known and asked and known != asked:
        raise archive.refuse(
            task.name,
            f"takes films of {known.pop()} pixels, not {task.image_size}. Leave the image size out",
            "input-shape",
        )
    size = (known or asked).pop()
    if not 16 <= size <= 2048:
        raise archive.refuse(task.name, f"takes films of {size} pixels; expected 16 to 2048", "input-shape")
    return size


class _Flat:
    """A network unrolled into one graph.

    `model` takes raw grey levels float32 (B, S, S, ch), gives probabilities (B, classes); its last Dense layer,
    "logits", is linear. `feature_layer` is the layer Grad-CAM looks at, convert.WHOLE where there is none.
    """

    def __init__(self, task: Task, original: Any, size: int, channels: int) -> None:
        import keras

        self._task = task
        self.half = False  # does the original compute in half precision anywhere?
        self._names: set[str] = set(_OWN_NAMES)
        self._clones: dict[int, tuple[Any, Any]] = {}  # id of the original layer -> itself, its clone
        self._made: dict[int, tuple[Any, Any, Any]] = {}  # id of a tensor -> itself, what made it, of which tensor
        film = keras.Input((size, size, channels), name="film", dtype="float32")
        end = self._unroll(original, _scale(film, task.scaling))
        for layer, clone in self._clones.values():
            if getattr(layer, "weights", None) and type(layer).__name__ not in _SKIPPED:
                clone.set_weights(layer.get_weights())
        self.output, last = self._end(end)
        before, kernel, bias = self._logits_of(last)
        if kernel.shape[1] == 1:  # softmax([0, z]) = sigmoid(z), exactly
            kernel, bias = np.pad(kernel, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
        logits = keras.layers.Dense(kernel.shape[1], name=convert.LOGITS, dtype="float32")
        value = keras.layers.Softmax(name="probabilities", dtype="float32")(logits(before))
        logits.set_weights([kernel, bias])
        self.feature_layer, self.no_heatmap = self._features(before)
        self.model = keras.Model(film, value, name="imported")

    def _unroll(self, model: Any, value: Any) -> Any:
        import keras

        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                value = self._call(self._clone(layer), value)
            return value
        # Keras's own walk over a graph, as clone_model uses it; clone_model keeps nested networks nested
        return model._run_through_graph(value, operation_fn=self._clone, call_fn=self._call)

    def _clone(self, layer: Any) -> Any:
        """The same layer without weights, single precision, under a name of its own; once for a shared layer."""
        import keras

        if isinstance(layer, keras.Model):
            return layer
        if id(layer) not in self._clones:
            self._clones[id(layer)] = layer, self._cloned(layer)
        return self._clones[id(layer)][1]

    def _cloned(self, layer: Any) -> Any:
        import keras

        config = layer.get_config() | {"name": self._free(layer.name)}
        if isinstance(layer, keras.Layer):  # else arithmetic, which has neither weights nor precision
            self.half |= layer.compute_dtype in ("float16", "bfloat16")
            config["dtype"] = "float32"
        return type(layer).from_config(config)

    def _free(self, name: str) -> str:
        free, number = name, 0
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return free

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        import keras

        if isinstance(layer, keras.Model):
            return self._unroll(layer, args[0])
        if type(layer).__name__ in _SKIPPED:
            return args[0]
        value = layer(*args, **kwargs)
        first = args[0] if args else None
        self._made[id(value)] = value, layer, first[0] if isinstance(first, list | tuple) and first else first
        return value

    def _end(self, value: Any) -> tuple[str, Any]:
        """How the network ends, and the tensor before its last activation; refused where that cannot be told."""
        name = self._task.name
        if len(value.shape) != 2:
            raise archive.refuse(
                name,
                f"ends in {tuple(value.shape[1:])} numbers; expected one for each class. It is no classifier of films",
            )
        value = self._awake(value)
        layer, before = self._maker(value)
        kind = type(layer).__name__
        if kind == "Softmax":
            activation = "softmax" if layer.axis in (-1, 1) else "softmax over another axis"
            value = self._awake(before)
        elif kind == "Activation":
            activation, value = layer.activation.__name__, self._awake(before)
        else:
            activation = _activation(layer)
        inner, before = self._maker(value)
        if kind in ("Softmax", "Activation") and _activation(inner) != "linear":
            raise archive.refuse(
                name,
                f"ends in {activation} after {_activation(inner)}: expected one softmax, one sigmoid or none",
                "output-activation",
            )
        return self._kind(activation, value.shape[-1], inner), value

    def _kind(self, activation: str, outputs: int, layer: Any) -> str:
        name, classes = self._task.name, self._task.classes
        if activation == "sigmoid" and outputs > 1:
            raise archive.refuse(
                name,
                f"ends in {outputs} sigmoids: a multi-label network, which says yes or no to each finding by itself. "
                "Models here give each film one class, with probabilities that sum to 1",
                "multi-label",
            )
        if activation == "softmax" and outputs == 1:
            raise archive.refuse(
                name, "ends in a softmax of one output, which is always 1. Was a sigmoid meant?", "output-activation"
            )
        plain = type(layer).__name__ == "Dense"
        if activation not in ("softmax", "sigmoid", "linear") or (activation == "linear" and not plain):
            what = activation if activation != "linear" else type(layer).__name__
            raise archive.refuse(
                name,
                f"ends in {what}: expected a softmax, one sigmoid, or a linear Dense layer (logits). Rebuild its "
                "end, copy the weights and save it again",
                "output-activation",
            )
        if max(outputs, 2) != classes:
            binary = " (one output tells two classes apart)" if outputs == 1 else ""
            raise archive.refuse(
                name,
                f"has {outputs} output{'s' * (outputs != 1)}{binary}; {classes} classes are named. Name "
                f"{max(outputs, 2)} classes in the order of the outputs",
                "class-count",
            )
        return activation if activation != "linear" else "logits" if outputs > 1 else "logit"

    def _logits_of(self, last: Any) -> tuple[Any, np.ndarray, np.ndarray]:
        """The Dense layer that gives the logits as (its input, kernel, bias); an identity where there is none."""
        layer, before = self._maker(last)
        if type(layer).__name__ != "Dense":
            outputs = last.shape[-1]
            return last, np.eye(outputs, dtype=np.float32), np.zeros(outputs, np.float32)
        kernel, *bias = layer.get_weights()
        return before, kernel, bias[0] if bias else np.zeros(kernel.shape[1], np.float32)

    def _features(self, value: Any) -> tuple[str, str]:
        """The layer whose map the head pools, and ""; or WHOLE, and why no heatmap can be computed."""
        while True:
            value = self._awake(value)
            layer, before = self._maker(value)
            kind = type(layer).__name__
            pooled = kind == "Flatten" and len(before.shape) == 4
            if pooled or (kind == "GlobalAveragePooling2D" and not layer.keepdims):
                return self._map(self._awake(before))
            if not _in_head(layer, kind, before):
                return convert.WHOLE, f"{kind or 'the input'} stands between its feature map and its Dense layers"
            value = before

    def _map(self, value: Any) -> tuple[str, str]:
        import keras

        layer, _ = self._maker(value)
        rows, columns = value.shape[1:3]
        if not isinstance(layer, keras.Layer) or not self._convolved(value):
            return convert.WHOLE, "no convolution stands before its Dense layers"
        if rows * columns < 4:
            return convert.WHOLE, f"its last feature map has only {rows} x {columns} cells"
        return layer.name, ""

    def _convolved(self, value: Any) -> bool:
        while (made := self._made.get(id(value))) is not None:
            if type(made[1]).__name__ in _CONVOLUTIONS:
                return True
            value = made[2]
        return False

    def _awake(self, value: Any) -> Any:
        """The tensor before layers that do nothing when a film is read."""
        while type(self._maker(value)[0]).__name__ in convert.IDLE:
            value = self._maker(value)[1]
        return value

    def _maker(self, value: Any) -> tuple[Any, Any]:
        return self._made.get(id(value), (value, None, None))[1:]


def _in_head(layer: Any, kind: str, before: Any) -> bool:
    """Can models.head do what the layer does?"""
    if kind == "ReLU":
        return layer.max_value is None and not layer.negative_slope and not layer.threshold
    if kind == "Flatten":
        return len(before.shape) == 2
    return kind == "BatchNormalization" or (
        kind in ("Dense", "Activation") and _activation(layer) in ("relu", "linear")
    )


def _activation(layer: Any) -> str:
    """The name of a layer's own activation; "linear" where it has none."""
    if type(layer).__name__ in ("ReLU", "Softmax"):
        return type(layer).__name__.lower()
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def _scale(film: Any, scaling: str) -> Any:
    """What the network expects of grey levels, as a layer before it."""
    import keras

    if scaling == "raw":
        return film
    channels = film.shape[-1]
    factor, offset = (list(values[:channels]) for values in SCALINGS[scaling])
    if scaling != "caffe":
        layer: Any = keras.layers.Rescaling
        return layer(factor, offset, name="scale", dtype="float32")(film)
    # Blue first: a convolution of ones and zeros swaps channels exactly, and LiteRT knows it
    layer = keras.layers.Conv2D(3, 1, name="scale", dtype="float32", trainable=False)
    value = layer(film)
    layer.set_weights([np.eye(3, dtype=np.float32)[::-1].reshape(1, 1, 3, 3), np.array(offset[::-1], np.float32)])
    return value


if __name__ == "__main__":
    child.answer(Path(sys.argv[1]), lambda: flatten_into(Path(sys.argv[1])))
