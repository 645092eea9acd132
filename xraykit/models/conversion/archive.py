"""Looks into a stranger's `.keras` or `.h5` file before Keras does: what it would have Keras make, and how large it is.

Never imports Keras. `safe_mode` is no boundary (CVE-2025-1550, 2025-8747, 2025-9905): what a file may name is listed
here, and everything else is refused.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xraykit.films.folders import check
from xraykit.models.cards.card import ModelRefused
from xraykit.models.conversion import formats
from xraykit.models.conversion.formats import Format

CODE = "not-a-kept-model"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
LARGEST = 4 * 2**30  # unpacked bytes; the largest of keras.applications, VGG19, has 0.6 GB
LARGEST_CONFIG = 32 * 2**20  # of config.json or model_config; that of EfficientNetB7 has 0.5 MB
DEEPEST, MOST_OBJECTS = 64, 200_000  # nesting of a config; groups and datasets of an HDF5 file
RATIO, RATIO_FROM = 200, 2**20  # times smaller than unpacked, above a mebibyte

MODELS = {"Functional": "keras.src.models.functional", "Sequential": "keras", "Model": "keras.src.models.functional"}
# Rescaling and Normalization apart: a network that has one is usually trained on raw grey levels
SCALING = {"Rescaling", "Normalization"}
LAYERS = SCALING | set(
    "InputLayer Conv2D DepthwiseConv2D SeparableConv2D Conv2DTranspose Dense BatchNormalization LayerNormalization "
    "GroupNormalization UnitNormalization ReLU LeakyReLU PReLU ELU Activation Softmax MaxPooling2D AveragePooling2D "
    "GlobalAveragePooling2D GlobalMaxPooling2D Flatten Reshape Permute ZeroPadding2D Cropping2D UpSampling2D Resizing "
    "CenterCrop Add Subtract Multiply Average Maximum Minimum Concatenate Dropout SpatialDropout2D AlphaDropout "
    "GaussianDropout GaussianNoise ActivityRegularization Identity RandomFlip RandomRotation RandomZoom RandomContrast "
    "RandomBrightness RandomTranslation RandomCrop RandomHeight RandomWidth".split()
)
# Arithmetic written between layers, as preprocess_input of keras.applications leaves it
ARITHMETIC = set("Add Subtract Multiply Divide TrueDivide".split())
OPERATIONS = ARITHMETIC | set("Negative GetItem Stack Concatenate Maximum Minimum Relu Relu6 Reshape Mean".split())
PARTS = set(
    "DTypePolicy FloatDTypePolicy Policy __keras_tensor__ __tensor__ __numpy__ __slice__ __ellipsis__ GlorotUniform "
    "GlorotNormal HeUniform HeNormal LecunUniform LecunNormal RandomNormal RandomUniform TruncatedNormal "
    "VarianceScaling Zeros Ones Constant Orthogonal Identity L1 L2 L1L2 OrthogonalRegularizer MaxNorm MinMaxNorm "
    "NonNeg UnitNorm".split()
)
FUNCTIONS = set(
    "relu relu6 softmax sigmoid linear tanh elu selu gelu silu swish softplus softsign exponential leaky_relu mish "
    "hard_sigmoid hard_silu hard_swish log_softmax".split()
)
# Arguments that Keras 2 wrote into a config and Keras 3 no longer takes
_DROPPED = {
    "DepthwiseConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
}


@dataclass(frozen=True)
class Source:
    """A file that was found to hold nothing but plain layers.

    `name` without its folder; `config` what Keras is to make of it, as plain data; `keras_version` as the file says
    ("" where it does not).
    """

    name: str
    format: Format
    config: dict[str, Any]
    keras_version: str

    @property
    def scales_by_itself(self) -> bool:
        """Does the network hold a layer or arithmetic that scales grey levels?"""
        return any(
            node["class_name"] in SCALING or (node["class_name"] in ARITHMETIC and _is_operation(node))
            for node in _nodes(self.config, self.name)
        )


def check_archive(network: Path) -> None:
    """Look into a `.keras` file without Keras; raises ModelRefused unless it holds layers of Keras only."""
    if not network.is_file():
        raise ModelRefused(f"No file {formats.shown(network.name)}.", code="model-missing")
    with network.open("rb") as file, _opened(file, network.name) as archive:
        _check_config(_config(archive, network.name), network.name)


def read(path: Path, name: str, work: Path) -> tuple[Source, Path]:
    """What a Keras file called `name` holds, and its weights as a file of their own, below `work`.

    Raises
    ------
    ModelRefused
        If it is of another kind, damaged, too large, or asks for anything but plain layers.
    """
    kind = formats.recognise(path, name)
    if kind is None:
        raise refuse(
            name,
            "is no file of Keras: expected what `model.save()` wrote, a .keras file or an .h5 file. Choose another",
        )
    if not kind.importable:
        raise ModelRefused(formats.describe(name, kind), code=kind)
    return _read_keras(path, name, work) if kind is Format.KERAS else _read_h5(path, name)


def refuse(name: str, words: str, code: str = CODE) -> ModelRefused:
    """The refusal of the file called `name`; `words` go on after its name, without a full stop."""
    return ModelRefused(f"{formats.shown(name)} {words}.", code=code)


def _read_keras(path: Path, name: str, work: Path) -> tuple[Source, Path]:
    with path.open("rb") as file, _opened(file, name) as archive:
        config = _config(archive, name)
        _check_config(config, name)
        version = _json(archive.read(METADATA), METADATA, name).get("keras_version", "")
        weights = work / WEIGHTS
        with _damage(name), archive.open(WEIGHTS) as packed, weights.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, 2**20)
    with _h5(weights, name) as stored:
        _check_h5(stored, weights.stat().st_size, name)
    return Source(name, Format.KERAS, _mended(config), str(version)), weights


def _read_h5(path: Path, name: str) -> tuple[Source, Path]:
    with _h5(path, name) as stored:
        _check_h5(stored, path.stat().st_size, name)
        if "model_config" not in stored.attrs:
            raise ModelRefused(formats.describe(name, Format.WEIGHTS), code=Format.WEIGHTS)
        config = _json(_text(stored.attrs["model_config"]), "model_config", name)
        version = _text(stored.attrs.get("keras_version", b"")).decode("utf-8", "replace")
    _check_config(config, name)
    return Source(name, Format.H5, _mended(config), version), path


class _damage:
    """Whatever a broken file makes a library raise becomes a refusal in words."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, ModelRefused):
            raise refuse(self._name, "is damaged. Copy it again, or save the network again") from error


def _opened(file: Any, name: str) -> zipfile.ZipFile:
    """A `.keras` file as a zip, its members looked at: the three that Keras writes, plain, and of credible size."""
    try:
        archive = check.open_archive(file, name)
    except check.ArchiveRefused as error:
        raise refuse(
            name, f"cannot be read as a .keras file, which is a zip. {error.problems[0].rstrip('.')}"
        ) from error
    if problem := next(check.find_problems(archive, (), 0), None):
        raise refuse(name, f"is no .keras file as Keras writes it: {problem.rstrip('.')}")
    members = {item.filename: item for item in archive.infolist() if not item.filename.endswith("/")}
    if missing := sorted({CONFIG, METADATA, WEIGHTS} - members.keys()):
        raise refuse(name, f"is no whole .keras file: {', '.join(missing)} missing. Save the network again")
    if strange := sorted(members.keys() - {CONFIG, METADATA, WEIGHTS}):
        raise refuse(
            name,
            f"holds {formats.shown(strange[0])} beside the layers and weights: layers with files of their own cannot "
            "be imported",
        )
    for item in members.values():
        if item.file_size > max(RATIO_FROM, RATIO * item.compress_size):
            raise refuse(
                name, f"holds {item.filename} packed to less than a {RATIO}th of its size, as no network is", "zip-bomb"
            )
        if item.file_size > (LARGEST if item.filename == WEIGHTS else LARGEST_CONFIG):
            raise refuse(name, f"holds {item.filename} with {item.file_size / 2**30:.2f} GiB unpacked: too large")
    return archive


def _config(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    with _damage(name):
        text = archive.read(CONFIG)
    return _json(text, CONFIG, name)


def _json(text: bytes, part: str, name: str) -> dict[str, Any]:
    if len(text) > LARGEST_CONFIG:
        raise refuse(name, f"has a {part} of {len(text) / 2**20:.0f} MiB: too large")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse(name, f"is damaged: its {part} is no JSON. Save the network again") from error
    if not isinstance(data, dict):
        raise refuse(name, f"is damaged: its {part} is no JSON object. Save the network again")
    return data


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _h5(path: Path, name: str) -> Any:
    import h5py  # 0.2 s: only where a file is looked into

    with _damage(name):
        return h5py.File(path, "r")


def _check_h5(stored: Any, size: int, name: str) -> None:
    """Refuse what leads out of an HDF5 file, and what is declared larger than it is stored."""
    import h5py

    total, seen, pending = 0, set(), [stored]
    with _damage(name):
        while pending:
            group = pending.pop()
            for key in group:
                if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                    raise refuse(name, f"holds a link ({formats.shown(key)}), as no file of Keras does", "h5-link")
                item = group[key]
                place = h5py.h5o.get_info(item.id).addr  # type: ignore[attr-defined]
                if place in seen:
                    continue
                seen.add(place)
                if len(seen) > MOST_OBJECTS:
                    raise refuse(name, f"holds more than {MOST_OBJECTS:,} parts: too many")
                if isinstance(item, h5py.Group):
                    pending.append(item)
                elif not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
                    raise refuse(
                        name, f"takes {formats.shown(key)} from another file, as no file of Keras does", "h5-link"
                    )
                elif item.dtype.kind not in "fiub":
                    raise refuse(name, f"holds {formats.shown(key)}, which is no array of numbers")
                else:
                    total += item.nbytes
    if total > LARGEST or total > max(RATIO_FROM, RATIO * size):
        raise refuse(
            name, f"declares {total / 2**30:.2f} GiB of weights in a file of {size / 2**30:.2f} GiB", "zip-bomb"
        )


def _check_config(config: dict[str, Any], name: str) -> None:
    """Refuse a config that would have Keras make anything but plain layers of its own."""
    kind = str(config.get("class_name", "nothing"))
    if kind not in MODELS:
        raise refuse(
            name,
            f"holds a network of the class {formats.shown(kind)}: its layers cannot be told. Rebuild it as a "
            "functional or Sequential network of plain Keras layers and save that",
            "custom-object",
        )
    for node in _nodes(config, name):
        _check_node(node, name)


def _check_node(node: dict[str, Any], name: str) -> None:
    kind, module, registered = str(node["class_name"]), node.get("module"), node.get("registered_name")
    if kind in ("Lambda", "__lambda__", "TFOpLambda", "SlicingOpLambda", "TFSMLayer"):
        raise refuse(
            name,
            f"holds a {kind} layer, which can run any code; code in a model's file is never run here. Rebuild the "
            "network with plain layers (Rescaling instead of a Lambda or of preprocess_input), copy the weights and "
            "save it again",
            "lambda-layer",
        )
    if kind == "function":
        kind, registered = str(node.get("config")), None
        allowed = kind in FUNCTIONS
    else:
        known = kind in LAYERS or kind in PARTS or kind in MODELS
        allowed = known or (kind in OPERATIONS and _is_operation(node))
    ours = module in (None, "builtins") or str(module).split(".")[0] == "keras"
    if not ours or registered not in (None, kind):
        where = module if not ours else registered
        raise refuse(
            name,
            f"asks for {formats.shown(str(kind))} of {formats.shown(str(where))}, code that is not part of Keras. "
            "Rebuild the network with plain layers, copy the weights and save it again",
            "custom-object",
        )
    if not allowed:
        raise refuse(
            name,
            f"asks for {formats.shown(str(kind))}, which is not among the layers that can be imported. Rebuild the "
            "network without it, copy the weights and save it again",
            "layer-not-allowed",
        )
    activation = node["config"].get("activation") if isinstance(node.get("config"), dict) else None
    if isinstance(activation, str) and activation not in FUNCTIONS:
        raise refuse(
            name,
            f"asks for the activation {formats.shown(activation)}, which is not one of Keras. Rebuild the network with "
            "one of Keras, copy the weights and save it again",
            "custom-object",
        )


def _is_operation(node: dict[str, Any]) -> bool:
    return str(node.get("module")).startswith(("keras.src.ops.", "keras.ops"))


def _nodes(config: object, name: str) -> Iterator[dict[str, Any]]:
    """Everything the config would have Keras make, without how it was trained, which is never read."""
    pending: list[tuple[object, int]] = [(config, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > DEEPEST:
            raise refuse(name, f"nests its layers more than {DEEPEST} deep: too deep")
        if isinstance(node, dict):
            if "class_name" in node:
                yield node
            pending += [(value, depth + 1) for key, value in node.items() if key != "compile_config"]
        elif isinstance(node, list):
            pending += [(value, depth + 1) for value in node]


def _mended(config: dict[str, Any]) -> dict[str, Any]:
    """The config as Keras 3 takes it: without how it was trained, and with what Keras 2 wrote otherwise."""
    names = {name: name.replace("/", "_") for name in _slashed(config)}  # DenseNet of Keras 2: "conv1/bn"
    mended = _mend(config, names)
    return {**mended, "module": MODELS[mended["class_name"]]}


def _slashed(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        name = node.get("name")
        if isinstance(name, str) and "/" in name:
            yield name
        for key, value in node.items():
            yield from _slashed(value) if key != "compile_config" else ()
    elif isinstance(node, list):
        for value in node:
            yield from _slashed(value)


def _mend(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_mend(value, names) for value in node]
    if isinstance(node, str):
        return names.get(node, node)
    if not isinstance(node, dict):
        return node
    mended = {key: _mend(value, names) for key, value in node.items() if key != "compile_config"}
    kind, inner = mended.get("class_name"), mended.get("config")
    if kind == "Policy" and isinstance(inner, dict):
        return inner.get("name", "float32")
    if kind in MODELS and "module" in mended:
        mended["module"] = MODELS[kind]
    if kind in MODELS and isinstance(inner, dict) and kind != "Sequential":
        mended["class_name"] = "Functional"
    if isinstance(inner, dict):
        for key in _DROPPED.get(str(kind), ()):
            inner.pop(key, None)
    return mended
