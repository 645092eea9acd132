"""What a file of another program is, told by its first bytes and its name, and what to do with it.

Standard library only; opens nothing but the beginning of a file and a zip's list of members.
"""

from __future__ import annotations

import enum
import zipfile
from pathlib import Path

HDF5 = b"\x89HDF\r\n\x1a\n"
SAVE = 'Where it was made, run `model.save("model.keras")` and import that file'


class Format(enum.StrEnum):
    """Kinds of files that hold networks; the value is the code of a refusal."""

    KERAS = "keras-file"
    H5 = "h5-file"
    WEIGHTS = "weights-only"
    SAVED_MODEL = "saved-model"
    GRAPH = "tensorflow-graph"
    PYTORCH = "pytorch-file"
    ONNX = "onnx-file"
    PICKLE = "pickle-file"
    TFLITE = "tflite-file"
    TENSORS = "tensors-only"

    @property
    def importable(self) -> bool:
        """Can a model be made of it?"""
        return self in (Format.KERAS, Format.H5)


# What a file is and what to do, as a sentence after its name
_WORDS = {
    Format.KERAS: "is a Keras file",
    Format.H5: "is a Keras file of the older format (HDF5)",
    Format.WEIGHTS: "holds only weights, not the layers they belong to. Where the network was built, load them into "
    'it, run `model.save("model.keras")` and import that file',
    Format.SAVED_MODEL: "is a TensorFlow SavedModel: it holds a compiled graph, from which the layers cannot be taken, "
    f"and loading it can run code. {SAVE}. What `model.export()` wrote cannot be imported",
    Format.GRAPH: f"is a TensorFlow graph (.pb): it holds no layers. {SAVE}",
    Format.PYTORCH: "is a PyTorch file: it is a pickle, which can run code when opened, and holds no Keras layers. "
    'Build the same network in Keras, copy the weights, run `model.save("model.keras")` and import that file',
    Format.ONNX: "is an ONNX file: it holds a graph without Keras layers. Build the same network in Keras, copy the "
    'weights, run `model.save("model.keras")` and import that file',
    Format.PICKLE: f"is a pickle (or joblib) file, which can run code when opened; it is never opened here. {SAVE}",
    Format.TFLITE: f"is a LiteRT (TensorFlow Lite) file: the layers cannot be taken from it. {SAVE}",
    Format.TENSORS: "holds tensors without the layers they belong to. Build the network in Keras, load the tensors "
    'into it, run `model.save("model.keras")` and import that file',
}
_ENDINGS = {
    ".keras": Format.KERAS,
    ".h5": Format.H5,
    ".hdf5": Format.H5,
    ".pb": Format.GRAPH,
    ".pt": Format.PYTORCH,
    ".pth": Format.PYTORCH,
    ".onnx": Format.ONNX,
    ".pkl": Format.PICKLE,
    ".pickle": Format.PICKLE,
    ".joblib": Format.PICKLE,
    ".tflite": Format.TFLITE,
    ".safetensors": Format.TENSORS,
    ".npz": Format.TENSORS,
    ".ckpt": Format.WEIGHTS,
    ".index": Format.WEIGHTS,
}


def recognise(path: Path, name: str = "") -> Format | None:
    """What lies at `path`, called `name` where it came under another; None where it holds no network we know of."""
    name = name or path.name
    try:
        if path.is_dir():
            graph = any((path / f"saved_model{ending}").is_file() for ending in (".pb", ".pbtxt"))
            return Format.SAVED_MODEL if graph else None
        if not path.is_file():  # opening a pipe waits for whoever writes into it
            return None
        with path.open("rb") as file:
            head = file.read(16)
    except (OSError, ValueError):
        return None
    ending = _ENDINGS.get(Path(name).suffix.lower())
    if head.startswith(HDF5):
        return Format.WEIGHTS if name.lower().endswith(".weights.h5") else Format.H5
    if head.startswith(b"PK"):
        return _in_zip(path) or ending
    if head[4:8] == b"TFL3":
        return Format.TFLITE
    if head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5":
        return ending if ending is Format.PYTORCH else Format.PICKLE
    return None if ending in (Format.KERAS, Format.H5) else ending  # by its content it is neither


def describe(name: str, format: Format) -> str:
    """What the file called `name` is, and what to do where it cannot be imported."""
    return f"{shown(name)} {_WORDS[format]}."


def how_to_import(name: str, format: Format) -> str:
    """What to do with a file that was given where a saved model was expected."""
    if not format.importable:
        return describe(name, format)
    return (
        f"{shown(name)} {_WORDS[format]}, not a saved model. Import it: `python -m xraykit models import "
        f"{shown(name)} --classes CLASS,CLASS`, or on the page Models."
    )


def shown(name: str) -> str:
    """A file's name, short enough for a message."""
    return name if len(name) <= 80 else f"{name[:60]}...{name[-12:]}"


def _in_zip(path: Path) -> Format | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    if "config.json" in names:
        return Format.KERAS
    if any(name.endswith(("data.pkl", "constants.pkl")) for name in names):
        return Format.PYTORCH
    return Format.TENSORS if names and all(name.endswith(".npy") for name in names) else None
