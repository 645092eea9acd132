"""The gate's network: a small picture in grey in, what it is likely to be out. LiteRT, no TensorFlow.

It is loaded once a process, at the first film. How it was learned stands in gate.json; docs/gate.md tells it in words.
"""

from __future__ import annotations

import json
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("0", "90", "180", "270", "other")  # a chest film, clockwise turned so far out of true; or anything else
NETWORK = Path(__file__).parent / "gate.tflite"
ABOUT = Path(__file__).parent / "gate.json"
LEAST_SPREAD = 6.0  # of 255: a picture that is flatter than this is not stretched further, or its noise would be seen


def luma(small: np.ndarray) -> np.ndarray:
    """A small picture in grey: float32 (S, S), 0..255, of uint8 (S, S) or (S, S, 3); ITU-R BT.601."""
    if small.ndim == 2:
        return small.astype(np.float32)
    return small.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def prepared(grey: np.ndarray) -> np.ndarray:
    """Grey levels (..., S, S) as the network takes them: float32 of mean 0 and spread 1, whatever the film's window."""
    grey = grey.astype(np.float32)
    mean = grey.mean(axis=(-2, -1), keepdims=True)
    spread = grey.std(axis=(-2, -1), keepdims=True)
    return (grey - mean) / np.maximum(spread, np.float32(LEAST_SPREAD))


def shares(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """What the network makes of a small picture.

    Parameters
    ----------
    grey : float32 (64, 64), 0..255

    Returns
    -------
    float32 (5,), the share of each of `KINDS`, sum 1; and how likely a chest film here is inverted, 0..1.
    """
    out = scores(grey[None])[0].astype(np.float64)
    kinds = np.exp(out[:5] - out[:5].max())
    return kinds / kinds.sum(), float(1 / (1 + np.exp(-np.clip(out[5], -50, 50))))


def scores(grey: np.ndarray) -> np.ndarray:
    """Small pictures (N, 64, 64) as the network scores them: float32 (N, 6), before softmax and logistic curve."""
    graph, lock = _graph()
    rows = []
    for picture in prepared(grey):
        with lock:
            graph.set_tensor(graph.get_input_details()[0]["index"], picture[None, ..., None])
            graph.invoke()
            rows.append(graph.get_tensor(graph.get_output_details()[0]["index"])[0])
    return np.stack(rows)


@cache
def about() -> dict[str, Any]:
    """gate.json: the limits, how the network was learned, and what it was measured at."""
    return json.loads(ABOUT.read_text("utf-8"))


@cache
def _graph() -> tuple[Any, threading.Lock]:
    from ai_edge_litert.interpreter import Interpreter  # 0.1 s: only where a film is judged

    graph = Interpreter(model_content=NETWORK.read_bytes(), num_threads=1)
    graph.allocate_tensors()
    return graph, threading.Lock()
