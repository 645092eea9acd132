"""From a saved network to the files that are read without TensorFlow: features.tflite and head.npz.

`convert` imports TensorFlow: other processes call `convert_in_subprocess`, which can be killed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.models import head as heads
from xraykit.models.card import BODY, HEAD, ModelRefused
from xraykit.models.head import Head
from xraykit.system import folders

_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
_LARGEST = 4 * 2**30  # unpacked bytes; the largest backbone here, VGG19, is 0.6 GB
_REFUSED_CLASSES = {"Lambda", "TFSMLayer", "FlaxLayer", "JaxLayer", "TorchModuleWrapper"}


def convert(network: Path, folder: Path, feature_layer: str = "out_relu") -> None:
    """Write features.tflite and head.npz of a `.keras` file into `folder`.

    The network must be flat: one (S, S, 1 or 3) input, `feature_layer` with a (h, w, K) output, then
    GlobalAveragePooling2D or Flatten, Dense layers (relu or linear) and a softmax. Imports TensorFlow.
    Raises ModelRefused in words for everything else.
    """
    check_archive(network)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    try:
        model = keras.saving.load_model(network, custom_objects={}, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the archive provokes
        raise _unfit(network, f"a network that Keras can load; got {type(error).__name__}: {_first(error)}") from error
    layers = _flat_layers(model, network)
    names = [layer.name for layer in layers]
    if feature_layer not in names:
        raise _unfit(network, f"a feature layer named {feature_layer}; the last layers are {', '.join(names[-8:])}")
    after = names.index(feature_layer) + 1
    head = _head(layers[after:], network)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BODY).write_bytes(_body(model, layers[after - 1], network))
    heads.save(head, folder / HEAD)


def convert_in_subprocess(network: Path, folder: Path, seconds: float = 300, feature_layer: str = "out_relu") -> None:
    """`convert` in a process of its own, killed after `seconds`; nothing is written unless all of it worked.

    Raises ModelRefused for what the child refused, for a crash and for running over time.
    """
    check_archive(network)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=folder) as work:
        command = [sys.executable, "-m", "xraykit.models.conversion", str(network.resolve()), work, feature_layer]
        try:
            done = subprocess.run(
                command,
                env=_child_environment(),
                timeout=seconds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            raise _unfit(network, f"a conversion within {seconds:g} s; it was ended") from None
        refusal = Path(work, "refusal.json")
        if refusal.exists():
            raise ModelRefused(**json.loads(refusal.read_text(encoding="utf-8")))
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise _unfit(network, f"a conversion without a crash; it ended with {done.returncode}: {last[:300]}")
        for name in (BODY, HEAD):
            shutil.move(Path(work, name), folder / name)


def check_archive(network: Path) -> None:
    """Look into a `.keras` file without Keras; raises ModelRefused unless it holds layers of Keras only.

    `safe_mode` is no boundary (CVE-2025-1550, 2025-8747), so what a config may name is listed here.
    """
    if not network.is_file():
        raise ModelRefused(f"No file {network.name}.", code="model-missing")
    try:
        with zipfile.ZipFile(network) as archive:
            members = {item.filename: item.file_size for item in archive.infolist()}
            if not _MEMBERS <= members.keys():
                raise _unfit(network, f"a .keras archive; {', '.join(sorted(_MEMBERS - members.keys()))} is missing")
            if sum(members.values()) > _LARGEST:
                raise _unfit(network, f"at most {_LARGEST} bytes unpacked; got {sum(members.values())}")
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, ModelRefused):
            raise
        raise _unfit(network, f"a .keras archive (a zip); got {type(error).__name__}: {_first(error)}") from error
    for module, name in _named_classes(config):
        if module.split(".")[0] not in ("keras", "builtins") or name in _REFUSED_CLASSES:
            raise _unfit(network, f"layers of Keras only; the file asks for {name} from {module}")


def _named_classes(config: object) -> Iterator[tuple[str, str]]:
    """(module, class name) of everything the config would have Keras make."""
    pending = [config]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if "class_name" in node:
                yield str(node.get("module") or "keras"), str(node["class_name"])
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)


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
    kinds = [type(layer).__name__ for layer in layers]
    pooling = {"GlobalAveragePooling2D": "gap", "Flatten": "flatten"}.get(kinds[0] if kinds else "")
    if pooling is None or getattr(layers[0], "keepdims", False):
        raise _unfit(network, f"GlobalAveragePooling2D or Flatten after the features; got {kinds[:1]}")
    kernels, biases, activations = [], [], []
    for layer, kind in zip(layers[1:], kinds[1:], strict=True):
        if kind == "Dense":
            kernel, *bias = layer.get_weights()
            kernels.append(kernel.astype(np.float32))
            biases.append(bias[0].astype(np.float32) if bias else np.zeros(kernel.shape[1], np.float32))
            activations.append(layer.activation.__name__)
        elif kind in ("Softmax", "Activation", "ReLU") and activations[-1:] == ["linear"]:
            activations[-1] = layer.activation.__name__ if kind == "Activation" else kind.lower()
        elif kind != "Dropout":
            raise _unfit(network, f"Dense, Dropout and a softmax after the pooling; got {kind} ({layer.name})")
    if activations[-1:] != ["softmax"] or any(name not in heads.ACTIVATIONS for name in activations[:-1]):
        raise _unfit(network, f"relu or linear Dense layers and one softmax at the end; got {activations}")
    return Head(pooling, tuple(kernels), tuple(biases), (*activations[:-1], "linear"))


def _body(model: Any, layer: Any, network: Path) -> bytes:
    import keras
    import tensorflow as tf

    fixed = keras.Input(batch_shape=(1, *model.inputs[0].shape[1:]), dtype="float32")
    body = keras.Model(fixed, keras.Model(model.inputs, layer.output)(fixed))
    try:
        return tf.lite.TFLiteConverter.from_keras_model(body).convert()
    except Exception as error:  # the converter's own classes are private
        raise _unfit(network, f"operations that LiteRT knows; got {type(error).__name__}: {_first(error)}") from error


def _child_environment() -> dict[str, str]:
    source = str(folders.REPOSITORY)
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    return os.environ | {
        "PYTHONPATH": path,
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]


def _unfit(network: Path, words: str) -> ModelRefused:
    return ModelRefused(
        f"{network.name} cannot be saved as a model: expected {words}. Use a network that `python -m xraykit train` "
        "saved.",
        code="not-a-kept-model",
    )


if __name__ == "__main__":
    _, source, target, layer = sys.argv
    try:
        convert(Path(source), Path(target), layer)
    except ModelRefused as refused:
        Path(target, "refusal.json").write_text(
            json.dumps({"code": refused.code, "words": refused.words}), encoding="utf-8"
        )
