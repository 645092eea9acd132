"""PyTorch files written without PyTorch, and what torchvision's ResNet18 computes, written out in NumPy."""

import io
import json
import pickle
import zipfile
from collections import OrderedDict

import numpy as np

_KINDS = {"<f4": "FloatStorage", "<f8": "DoubleStorage", "<f2": "HalfStorage", "<i8": "LongStorage"}


def save(state, path, root="archive", replaced=None):
    """Write a state dict as torch.save does: a zip with data.pkl and a file a storage.

    `replaced` bytes stand in for data.pkl: to write a file that is not as it should be.
    """
    storages = {}
    pickled = io.BytesIO()
    _Pickler(pickled, storages).dump(OrderedDict(state))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/data.pkl", pickled.getvalue() if replaced is None else replaced)
        archive.writestr(f"{root}/byteorder", "little")
        for key, numbers in storages.items():
            archive.writestr(f"{root}/data/{key}", numbers.tobytes())
        archive.writestr(f"{root}/version", "3\n")


def save_safetensors(state, path):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, numbers in state.items():
        kind = {"<f4": "F32", "<i8": "I64", "<f2": "F16"}[numbers.dtype.str]
        data = np.ascontiguousarray(numbers).tobytes()
        header[name] = {"dtype": kind, "shape": list(numbers.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


class _Named:
    """Something that a pickle names and this process has not: torch.FloatStorage, torch._utils._rebuild_tensor_v2."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class _Storage:
    def __init__(self, key, numbers):
        self.key, self.numbers = key, numbers


class _Pickler(pickle._Pickler):  # the Python one: its save_global can be told what to write
    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, file, storages):
        super().__init__(file, protocol=2)
        self._storages = storages

    def persistent_id(self, obj):
        if isinstance(obj, _Storage):
            kind = _Named("torch", _KINDS[obj.numbers.dtype.str])
            return "storage", kind, obj.key, "cpu", obj.numbers.size
        return None

    def _save_array(self, numbers):
        key = str(len(self._storages))
        self._storages[key] = np.ascontiguousarray(numbers)
        strides = tuple(step // numbers.itemsize for step in np.ascontiguousarray(numbers).strides)
        arguments = (_Storage(key, self._storages[key]), 0, numbers.shape, strides, False, OrderedDict())
        self.save_reduce(_Named("torch._utils", "_rebuild_tensor_v2"), arguments)

    def _save_named(self, named):
        self.write(pickle.GLOBAL + f"{named.module}\n{named.name}\n".encode())

    dispatch[np.ndarray] = _save_array
    dispatch[_Named] = _save_named

    def save_reduce(self, func, args, *more, obj=None, **others):
        if not isinstance(func, _Named):
            return super().save_reduce(func, args, *more, obj=obj, **others)
        self.save(func)
        self.save(args)
        self.write(pickle.REDUCE)


def resnet18_state(seed=0):
    """A state dict of torchvision's ResNet18 with random weights, its top and step counters among them."""
    draw = np.random.default_rng(seed)
    state = OrderedDict()

    def convolution(name, width, channels, kernel):
        spread = np.sqrt(2 / (channels * kernel * kernel))
        state[f"{name}.weight"] = draw.normal(0, spread, (width, channels, kernel, kernel)).astype(np.float32)

    def normalization(name, width):
        state[f"{name}.weight"] = draw.uniform(0.5, 1.2, width).astype(np.float32)
        for part in ("bias", "running_mean"):
            state[f"{name}.{part}"] = draw.normal(0, 0.2, width).astype(np.float32)
        state[f"{name}.running_var"] = draw.uniform(0.5, 1.5, width).astype(np.float32)
        state[f"{name}.num_batches_tracked"] = np.array(7, np.int64)

    convolution("conv1", 64, 3, 7)
    normalization("bn1", 64)
    for stage, width in enumerate((64, 128, 256, 512), 1):
        for block in (0, 1):
            name, channels = f"layer{stage}.{block}", width if block or stage == 1 else width // 2
            convolution(f"{name}.conv1", width, channels, 3)
            normalization(f"{name}.bn1", width)
            convolution(f"{name}.conv2", width, width, 3)
            normalization(f"{name}.bn2", width)
            if channels < width:
                convolution(f"{name}.downsample.0", width, channels, 1)
                normalization(f"{name}.downsample.1", width)
    state["fc.weight"], state["fc.bias"] = np.zeros((1000, 512), np.float32), np.zeros(1000, np.float32)
    return state


def resnet18_features(state, image):
    """What torchvision's forward gives before its pooling, (512, h, w), of an image (3, H, W)."""

    def convolve(value, name, stride, padding):
        kernel = state[f"{name}.weight"]
        value = np.pad(value, ((0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(value, kernel.shape[2:], axis=(1, 2))
        return np.tensordot(kernel, windows[:, ::stride, ::stride], axes=((1, 2, 3), (0, 3, 4)))

    def normalize(value, name):
        scale = state[f"{name}.weight"] / np.sqrt(state[f"{name}.running_var"] + 1e-5)
        shift = state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale
        return value * scale[:, None, None] + shift[:, None, None]

    value = np.maximum(normalize(convolve(image, "conv1", 2, 3), "bn1"), 0)
    padded = np.pad(value, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    value = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            around = value
            if stride == 2:
                around = normalize(convolve(value, f"{name}.downsample.0", 2, 0), f"{name}.downsample.1")
            value = np.maximum(normalize(convolve(value, f"{name}.conv1", stride, 1), f"{name}.bn1"), 0)
            value = np.maximum(normalize(convolve(value, f"{name}.conv2", 1, 1), f"{name}.bn2") + around, 0)
    return value
