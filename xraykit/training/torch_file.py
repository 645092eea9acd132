"""Tensors out of a PyTorch file (.pth) or a .safetensors file, without PyTorch.

A .pth file is a zip with a pickle inside, and a pickle can run anything: here it may name tensors, their storages and
an OrderedDict, and nothing else. Never calls what a file names.
"""

from __future__ import annotations

import collections
import io
import json
import math
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.models.conversion.formats import shown
from xraykit.refused import Refused

LARGEST = 2**31  # bytes; ResNet152 has 0.24 GB
LARGEST_HEADER = 2**24
# PyTorch's storages, and how safetensors calls their numbers; half precision comes as it is, bfloat16 does not
_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}
_DTYPES = {
    "F32": "<f4",
    "F64": "<f8",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "|b1",
}


class TorchFileRefused(Refused):
    """A file of tensors that is damaged, of another kind, or asks for more than tensors."""

    code = "torch-file"


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name, as they are stored: weights of a convolution are (out, in, h, w).

    Raises
    ------
    TorchFileRefused
        If the file is no zip of PyTorch (version 1.6 or newer) and no safetensors file, is damaged, or would have
        anything made but tensors.
    """
    name = shown(path.name)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise TorchFileRefused(f"{name} has {size / 2**30:.1f} GiB: too large. Expected the tensors of a network.")
        with path.open("rb") as file:
            head = file.read(9)
        if head.startswith(b"PK"):
            return _read_zip(path, name)
        if head[8:9] == b"{":
            return _read_safetensors(path.read_bytes(), name)
    except TorchFileRefused:
        raise
    except OSError as error:
        raise TorchFileRefused(f"{name} cannot be read: {error.strerror or 'the file system refuses it'}.") from error
    except Exception as error:  # zipfile, pickle, json, struct and NumPy raise what a damaged file provokes
        raise _damaged(name) from error
    kind = "a pickle, as PyTorch wrote it before version 1.6" if head[:1] == b"\x80" else "no file of tensors"
    raise TorchFileRefused(
        f"{name} is {kind}: expected a .pth file that PyTorch 1.6 or newer wrote, or a .safetensors file. Get a newer "
        "file, or load it in PyTorch and save it again: `torch.save(model.state_dict(), PATH)`."
    )


def _read_zip(path: Path, name: str) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        members = {item.filename: item for item in archive.infolist()}
        pickled = [member for member in members if member.rpartition("/")[2] == "data.pkl"]
        if len(pickled) != 1:
            raise TorchFileRefused(
                f"{name} is a zip without PyTorch's data.pkl: expected the file that torch.save wrote."
            )
        if sum(item.file_size for item in members.values()) > 2 * path.stat().st_size:
            raise TorchFileRefused(f"{name} declares more than it holds, as no file of PyTorch does. Get it again.")
        root = pickled[0].removesuffix("data.pkl")
        order = members.get(f"{root}byteorder")
        if order is not None and archive.read(order).strip() == b"big":
            raise TorchFileRefused(f"{name} was saved on a big-endian machine. Save it again on another.")
        state = _Unpickler(archive, root, name).load()
    if not isinstance(state, dict) or not all(isinstance(value, np.ndarray) for value in state.values()):
        raise TorchFileRefused(
            f"{name} holds no state dict: expected tensors by name. In PyTorch: `torch.save(model.state_dict(), PATH)`."
        )
    return {str(key): value for key, value in state.items()}


def _read_safetensors(data: bytes, name: str) -> dict[str, np.ndarray]:
    length = int.from_bytes(data[:8], "little")
    if length > min(LARGEST_HEADER, len(data) - 8):
        raise _damaged(name)
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    tensors = {}
    for key, entry in header.items():
        if key == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            raise TorchFileRefused(
                f"{name} holds {shown(str(key))} as {shown(str(entry['dtype']))}: expected 16, 32 or 64 bit numbers. "
                "Save it in single precision."
            )
        first, end = entry["data_offsets"]
        tensors[key] = np.frombuffer(body[first:end], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


class _Storage:
    """A kind of storage that the pickle names, `dtype` None where its numbers cannot be read here."""

    def __init__(self, name: str) -> None:
        self.name, self.dtype = name, _STORAGES.get(name)


def _tensor(numbers: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *more: Any) -> Any:
    """PyTorch's _rebuild_tensor_v2: a view of a storage; refused where it leads outside of it."""
    sizes = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(isinstance(size, int) and 0 <= size <= LARGEST for size in sizes):
        raise ValueError("a tensor of impossible shape")
    if math.prod(shape) > numbers.size:  # no network stores fewer numbers than it has
        raise ValueError("a tensor larger than its storage")
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if math.prod(shape) and last >= numbers.size:
        raise ValueError("a tensor that leads outside of its storage")
    steps = tuple(stride * numbers.itemsize for stride in strides)
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps, writeable=False)


def _parameter(tensor: np.ndarray, *more: Any) -> Any:
    return tensor


class _Unpickler(pickle.Unpickler):
    """Reads a state dict; every name that is not one of a tensor, a storage or an OrderedDict is refused."""

    def __init__(self, archive: zipfile.ZipFile, root: str, name: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}data.pkl")))
        self._archive, self._root, self._name = archive, root, name
        self._storages: dict[str, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("collections", "OrderedDict"): _Ordered,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) in allowed:
            return allowed[module, name]
        if module == "torch" and name.endswith("Storage"):
            return _Storage(name)
        raise TorchFileRefused(
            f"{self._name} asks for {shown(f'{module}.{name}')}: expected nothing but tensors, since a pickle can run "
            "any code. It was not opened. Use the file that PyTorch publishes, or one of "
            "`torch.save(model.state_dict(), PATH)`."
        )

    def persistent_load(self, pid: Any) -> np.ndarray:
        kind, storage, key, _, size = pid
        if kind != "storage" or not isinstance(storage, _Storage):
            raise ValueError("something other than a storage")
        if storage.dtype is None:
            raise TorchFileRefused(
                f"{self._name} holds a {shown(storage.name)}: expected numbers of 16, 32 or 64 bits. Save it in single "
                "precision."
            )
        if key not in self._storages:
            self._storages[key] = np.frombuffer(self._archive.read(f"{self._root}data/{key}"), storage.dtype)
        if self._storages[key].size != size:
            raise ValueError("a storage of another size")
        return self._storages[key]


class _Ordered(collections.OrderedDict):
    """An OrderedDict that takes no state: PyTorch hangs the versions of its layers on it."""

    def __setstate__(self, state: Any) -> None: ...


def _damaged(name: str) -> TorchFileRefused:
    return TorchFileRefused(f"{name} is damaged or cut short: expected tensors as they were saved. Get it again.")
