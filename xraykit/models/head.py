"""The pooling and Dense stack after the last feature layer, in NumPy, with its gradient in closed form.

Never sees a film or a heatmap, and never needs Keras. einsum, not `@`: as fast for one film (0.5 ms), while BLAS
threads that wait for each other on a busy machine cost up to 70 ms, and their number may change the last bit.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from xraykit.models.cards.card import HEAD, SAVE_AGAIN, ModelRefused

ACTIVATIONS = ("linear", "relu")
POOLINGS = ("gap", "flatten")
MOST_ARRAYS = 10_000  # of a file; a checkpoint has some thousand


@dataclass(frozen=True, eq=False)
class Head:
    """Pooling, then Dense layers.

    `kernels` float32 (in, out) and `biases` float32 (out,), first layer first; `activations` "relu" or
    "linear", the last one linear: its outputs are the pre-softmax logits. Dropout does nothing when reading.
    """

    pooling: str
    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    activations: tuple[str, ...]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Pre-softmax logits float64 (B, C) of feature maps float32 (B, h, w, K)."""
        return np.stack([self._forward(grid)[0] for grid in features]).astype(np.float64)

    def gradients(self, features: np.ndarray) -> np.ndarray:
        """d logit / d feature of every class, float32 (B, C, h, w, K)."""
        _, height, width, channels = features.shape
        rows = np.stack([self._backward(self._forward(grid)[1]) for grid in features])
        if self.pooling == "flatten":
            return rows.reshape(*rows.shape[:2], height, width, channels)
        shape = (*rows.shape[:2], height, width, channels)
        return np.broadcast_to((rows / (height * width))[:, :, None, None, :], shape).astype(np.float32)

    def logits_and_weights(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits float64 (B, C) and Grad-CAM's channel weights float32 (B, C, K) from one forward pass.

        The weights are the gradient of a class's logit averaged over the grid: alpha of Selvaraju et al.
        2017, equation 1.
        """
        passes = [self._forward(grid) for grid in features]
        logits = np.stack([logit for logit, _ in passes]).astype(np.float64)
        cells, channels = features.shape[1] * features.shape[2], features.shape[3]
        rows = np.stack([self._backward(open_units) for _, open_units in passes])
        if self.pooling == "flatten":
            return logits, rows.reshape(*rows.shape[:2], cells, channels).mean(axis=2)
        return logits, rows / np.float32(cells)

    def _forward(self, grid: np.ndarray) -> tuple[np.ndarray, list[np.ndarray | None]]:
        """Logits (C,) of one grid, and which units of each layer are open (None: all, the layer is linear).

        One film at a time: a film's numbers must not depend on its neighbours in a batch.
        """
        values = grid.mean(axis=(0, 1)) if self.pooling == "gap" else grid.reshape(-1)
        open_units: list[np.ndarray | None] = []
        for rows, bias, activation in zip(self._rows, self.biases, self.activations, strict=True):
            values = np.einsum("ji,i->j", rows, values) + bias
            open_units.append(values > 0 if activation == "relu" else None)
            if activation == "relu":
                values = np.maximum(values, 0)
        return values, open_units

    @cached_property
    def _rows(self) -> tuple[np.ndarray, ...]:
        """The kernels with a row a unit: both directions read the same memory, and only the open units' backwards."""
        return tuple(np.ascontiguousarray(kernel.T) for kernel in self.kernels)

    def _backward(self, open_units: list[np.ndarray | None]) -> np.ndarray:
        """d logit / d pooled value of every class, (C, K) or (C, h * w * K), last layer first."""
        gradient = self._rows[-1]
        for rows, units in zip(self._rows[-2::-1], open_units[-2::-1], strict=True):
            if units is not None:  # closed units pass nothing on, and most are closed
                opened = np.flatnonzero(units)
                gradient, rows = gradient.take(opened, axis=1), rows.take(opened, axis=0)
            gradient = np.einsum("cj,ji->ci", gradient, rows)
        return gradient


def save(head: Head, path: Path) -> None:
    """Write head.npz: plain arrays, no pickle."""
    arrays = {f"kernel_{i}": kernel for i, kernel in enumerate(head.kernels)}
    arrays |= {f"bias_{i}": bias for i, bias in enumerate(head.biases)}
    arrays |= {"pooling": np.array(head.pooling), "activations": np.array(head.activations)}
    np.savez(path, **arrays)  # type: ignore[arg-type]  # no array is named allow_pickle


def load(data: bytes, source: str = HEAD) -> Head:
    """Read head.npz from its bytes; raises ModelRefused ("model-corrupt")."""
    try:
        check_arrays(io.BytesIO(data))
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays, np.errstate(over="ignore"):
            activations = tuple(str(name) for name in arrays["activations"])
            if len(arrays.files) != 2 * len(activations) + 2:
                raise _corrupt(source, "a kernel and a bias a layer, and nothing else")
            kernels = tuple(_numbers(arrays[f"kernel_{i}"], source) for i in range(len(activations)))
            biases = tuple(_numbers(arrays[f"bias_{i}"], source) for i in range(len(activations)))
            head = Head(str(arrays["pooling"]), kernels, biases, activations)
    except ModelRefused:
        raise
    except Exception as error:  # zipfile, zlib, struct, KeyError ...: NumPy names no common class for a bad file
        raise _corrupt(source, "arrays as they were saved; got others, or a part of them") from error
    _check(head, source)
    return head


def check_arrays(file: IO[bytes]) -> None:
    """Refuse an .npz file that would unpack to more than it is, before a byte is unpacked.

    `np.savez` never packs, and no array takes more memory than its header says: both are held against the file.
    Raises ValueError, or what zipfile and NumPy raise for a file that is none.
    """
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        if (
            len(members) > MOST_ARRAYS
            or len(names) < len(members)
            or sum(member.file_size for member in members) > size
        ):
            raise ValueError("more arrays than the file can hold")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED or not member.filename.endswith(".npy"):
                raise ValueError("something other than plain arrays")
            with archive.open(member) as array:
                version = np.lib.format.read_magic(array)
                if version == (1, 0):
                    shape, _, dtype = np.lib.format.read_array_header_1_0(array)
                else:
                    shape, _, dtype = np.lib.format.read_array_header_2_0(array)
                if dtype.hasobject or math.prod(shape) * dtype.itemsize != member.file_size - array.tell():
                    raise ValueError("an array of another size than its bytes")


def _numbers(array: np.ndarray, source: str) -> np.ndarray:
    """The array as float32, all of it finite."""
    if array.dtype.kind != "f":
        raise _corrupt(source, f"floating-point numbers; got {array.dtype}")
    numbers = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise _corrupt(source, "finite numbers; got others")
    return numbers


def _check(head: Head, source: str) -> None:
    if head.pooling not in POOLINGS or not head.activations or not set(head.activations) <= set(ACTIVATIONS):
        raise _corrupt(source, f"pooling and activations of a head; got {head.pooling}, {head.activations}")
    if head.activations[-1] != "linear":
        raise _corrupt(source, f"a linear last layer; got {head.activations[-1]}")
    for kernel, bias in zip(head.kernels, head.biases, strict=True):
        if kernel.ndim != 2 or bias.shape != kernel.shape[1:]:
            raise _corrupt(source, f"kernels (in, out) and biases (out,); got {kernel.shape}, {bias.shape}")
    for before, after in zip(head.kernels, head.kernels[1:], strict=False):
        if before.shape[1] != after.shape[0]:
            raise _corrupt(source, f"layers that fit each other; got {before.shape} before {after.shape}")


def _corrupt(source: str, words: str) -> ModelRefused:
    return ModelRefused(f"{source} is damaged: expected {words}. {SAVE_AGAIN}", code="model-corrupt")
