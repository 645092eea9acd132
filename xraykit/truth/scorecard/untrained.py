"""Networks that cannot know: the same network with its weights shuffled, and a head that learned shuffled labels.

A heatmap that looks the same for them shows the film, not what the model learned (Adebayo et al. 2018, NeurIPS; for
chest films Arun et al. 2021, Radiology: AI 3:e200267). No TensorFlow: weights are shuffled inside the LiteRT file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from xraykit.models.cards.card import BODY
from xraykit.models.classifier import Classifier
from xraykit.models.head import Head

RIDGE = 1e-3  # of the mean squared length of the features
# Fields of the tables of TFLite's schema that are needed to find the weights
_SUBGRAPHS, _BUFFERS = 2, 4  # of the model
_TENSORS = 0  # of a subgraph
_TYPE, _BUFFER = 1, 2  # of a tensor
_DATA = 0  # of a buffer
_FLOATS = {0: np.dtype("<f4"), 1: np.dtype("<f2")}  # by the number of the type; 9, whole numbers of 8 bits, below
_NUMBERS = {**_FLOATS, 9: np.dtype("i1")}


def shuffled_network(classifier: Classifier, seed: int, streams: int = 1) -> Classifier:
    """The same network with the weights of every layer, head included, in random order."""
    random = np.random.default_rng(seed)
    body = shuffled_body((classifier.folder / BODY).read_bytes(), random)
    return Classifier(classifier.card, classifier.folder, body, shuffled_head(classifier.head, random), streams)


def shuffled_body(graph: bytes, random: np.random.Generator) -> bytes:
    """A LiteRT graph whose constants of floating point are in random order, tensor by tensor."""
    changed = bytearray(graph)
    for start, count, kind in _constants(graph):
        values = np.frombuffer(changed, kind, count, start)
        values[:] = random.permutation(values)
    return bytes(changed)


def shuffled_head(head: Head, random: np.random.Generator) -> Head:
    """A head with the weights of each layer in random order."""
    kernels, biases = (
        tuple(random.permutation(values.ravel()).reshape(values.shape) for values in layers)
        for layers in (head.kernels, head.biases)
    )
    return Head(head.pooling, kernels, biases, head.activations)


def head_on_shuffled_labels(
    pooling: str, features: np.ndarray, labels: np.ndarray, classes: int, random: np.random.Generator
) -> Head:
    """A head of one layer that learned labels in random order on the trained body's features.

    Ridge regression in its dual form, of labels as 0 and 1.

    Parameters
    ----------
    features : (N, h, w, K) float32
    labels : (N,) int64
    """
    pooled = features.mean(axis=(1, 2)) if pooling == "gap" else features.reshape(len(features), -1)
    wanted = np.eye(classes)[random.permutation(labels)]
    middle, middle_wanted = pooled.mean(axis=0), wanted.mean(axis=0)
    rows = (pooled - middle).astype(np.float64)
    products = rows @ rows.T
    ridge = RIDGE * max(float(np.trace(products)) / len(rows), 1e-12)
    kernel = rows.T @ np.linalg.solve(products + ridge * np.eye(len(rows)), wanted - middle_wanted)
    bias = middle_wanted - middle @ kernel
    return Head(pooling, (kernel.astype(np.float32),), (bias.astype(np.float32),), ("linear",))


def _constants(graph: bytes) -> Iterator[tuple[int, int, np.dtype]]:
    """First byte, count and type of each constant of numbers; a buffer that several tensors share comes once."""
    model = _table(graph, 0)
    buffers = _elements(graph, _field(graph, model, _BUFFERS))
    seen: set[int] = set()
    for subgraph in _elements(graph, _field(graph, model, _SUBGRAPHS)):
        for tensor in _elements(graph, _field(graph, subgraph, _TENSORS)):
            place, number = (_field(graph, tensor, field) for field in (_BUFFER, _TYPE))
            kind = _NUMBERS.get(graph[number] if number else 0)
            buffer = _u32(graph, place) if place else 0
            data = _field(graph, buffers[buffer], _DATA)
            if kind is not None and data and buffer not in seen:
                seen.add(buffer)
                start = data + _u32(graph, data)
                yield start + 4, _u32(graph, start) // kind.itemsize, kind


def _u32(graph: bytes, place: int) -> int:
    return struct.unpack_from("<I", graph, place)[0]


def _table(graph: bytes, place: int) -> int:
    return place + _u32(graph, place)


def _field(graph: bytes, table: int, number: int) -> int:
    """Where a field of a table lies; 0 where the table does not have it."""
    fields = table - struct.unpack_from("<i", graph, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", graph, fields)[0]:
        return 0
    offset = struct.unpack_from("<H", graph, fields + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _elements(graph: bytes, field: int) -> list[int]:
    """The tables of a vector of tables."""
    start = _table(graph, field)
    return [_table(graph, start + 4 + 4 * i) for i in range(_u32(graph, start))]
