"""What is to be made of a stranger's network, what it turned out to be, what it expects of films. Imports no Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xraykit.evaluation.calibration import softmax
from xraykit.films import radiograph
from xraykit.films.samples import draw

TASK, FACTS, EXPECTED = "task.json", "facts.json", "expected.npy"
SINGLE, HALF = 1e-4, 2e-2  # largest allowed difference of a probability, by the original's precision
# What a network expects of grey levels 0..255, by name: multiplied by and added, a channel each, red first
SCALINGS: dict[str, tuple[Sequence[float], Sequence[float]]] = {
    "raw": ((1, 1, 1), (0, 0, 0)),
    "0..1": ((1 / 255,) * 3, (0, 0, 0)),
    "-1..1": ((1 / 127.5,) * 3, (-1, -1, -1)),
    "caffe": ((1, 1, 1), (-123.68, -116.779, -103.939)),
    "torch": (
        (1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225),
        (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
    ),
}
OF_COLOURS = ("caffe", "torch")  # each channel otherwise: three are needed


@dataclass(frozen=True)
class Task:
    """What is to be made flat: task.json of the work folder, the weights beside it.

    `image_size` pixels, None where the network says; `scaling` one of SCALINGS; `classes` how many are named.
    """

    name: str
    config: dict[str, Any]
    weights: str
    scaling: str
    classes: int
    image_size: int | None


@dataclass(frozen=True)
class Facts:
    """What was found and made: facts.json. `no_heatmap` says why there is none, "" where there is one; `output` is
    how the original ends: "softmax", "sigmoid", "logits" or "logit"; `backbone` which of those that recipes train is
    inside, None where it is none, and `alpha` its width."""

    image_size: int
    channels: int
    feature_layer: str
    no_heatmap: str
    output: str
    parameters: int
    tolerance: float
    backbone: str | None
    alpha: float


def squares(size: int, channels: int) -> np.ndarray:
    """The films a network is checked on, uint8 (N, S, S, ch): both samples, mirrored, turned and as negatives."""
    films = [radiograph.read(path.read_bytes(), path.name).square(size, channels) for path in draw.FILMS]
    shown = [view for film in films for view in (film, film[:, ::-1], np.rot90(film))]
    return np.stack([*shown, *(255 - view for view in shown)])


def scaled(films: np.ndarray, scaling: str) -> np.ndarray:
    """Films uint8 (N, S, S, ch) as the original network expects them, float32; the reference for the layer `scale`."""
    factor, offset = SCALINGS[scaling]
    channels = films.shape[-1]
    values = films.astype(np.float64) * np.array(factor[:channels]) + np.array(offset[:channels])
    return (values[..., ::-1] if scaling == "caffe" else values).astype(np.float32)


def probabilities(outputs: np.ndarray, kind: str) -> np.ndarray:
    """The outputs of a network that ends as `kind` says, as probabilities float64 (N, classes)."""
    values = outputs.astype(np.float64)
    if kind == "logits":
        return softmax(values)
    if kind == "logit":
        values = 1 / (1 + np.exp(-values))
    return values if kind == "softmax" else np.concatenate([1 - values, values], axis=1)
