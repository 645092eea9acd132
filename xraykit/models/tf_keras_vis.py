"""The tf-keras-vis methods, in a worker process of their own: `python -m xraykit.models.tf_keras_vis`.

Nothing else that reads films imports TensorFlow; started on demand, ended when idle, never on a GPU.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.models.cards.card import NETWORK, ModelRefused, changed
from xraykit.models.classifier import Classifier
from xraykit.models.conversion import archive
from xraykit.models.explanation import METHODS, SMOOTH_GRAD, SMOOTH_NOISE, SMOOTH_SAMPLES, SMOOTH_SEED
from xraykit.system import local_service

IDLE_SECONDS = float(os.environ.get("XRAYKIT_GRADIENTS_IDLE", "120"))
# A run owns the GPU; a picture for a page must never take memory from it.
ENVIRONMENT = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
Tick = Callable[[float, float | None], None]  # share done 0..1, seconds left


@dataclass(frozen=True, eq=False)
class Task:
    """One map to compute: of `model.keras` in `network` (its sha256 known), for a square uint8 (S, S, ch)."""

    network: Path
    sha256: str
    feature_layer: str
    method: str
    class_index: int
    square: np.ndarray


def task_of(reader: Classifier, method: str, label: str, square: np.ndarray) -> Task:
    """A model's map of a class by this method, for a square uint8 (S, S, ch)."""
    card = reader.card
    network = reader.folder.resolve() / NETWORK
    return Task(network, card.files[NETWORK], card.feature_layer, method, card.classes.index(label), square)


def load_network(network: Path, sha256: str) -> Any:
    """The network up to its logits, for gradients before the softmax. Raises ModelRefused.

    tf-keras-vis's ReplaceToLinear silently leaves a Softmax layer in place: the graph is cut instead.
    """
    archive.check_archive(network)
    with network.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise changed(network.name, network.parent.name)
    import keras

    model = keras.saving.load_model(network, custom_objects={}, compile=False, safe_mode=True)
    last = next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Dense))
    last.activation = keras.activations.linear
    return keras.Model(model.inputs, last.output)


def explain(model: Any, task: Task, tick: Tick) -> np.ndarray:
    """The raw map float32 (h, w), not normalised, zero where there is no positive evidence.

    (h, w) is the grid of the feature layer; for SmoothGrad the input's. `tick` may raise to cancel.
    Methods: Selvaraju 2017, Chattopadhay 2018, Jiang 2021 (LayerCAM), Wang 2020, Smilkov 2017.
    """
    from tf_keras_vis.utils.scores import CategoricalScore

    film = task.square[None].astype(np.float32)
    score = CategoricalScore([task.class_index])
    if task.method == SMOOTH_GRAD:
        return _smooth_grad(model, score, film, tick)
    if task.method not in METHODS:
        raise ValueError(f"Expected one of {', '.join(METHODS)}; got {task.method!r}.")
    layer = {
        "penultimate_layer": task.feature_layer,
        "seek_penultimate_conv_layer": False,
        "expand_cam": False,
        "normalize_cam": False,
    }
    return np.asarray(_visualizer(model, task.method, tick)(score, film, **layer), dtype=np.float32)[0]


def main() -> None:
    """Run the worker's side until the parent is gone or nothing was asked for IDLE_SECONDS."""
    local_service.serve(Worker().answer)


class Worker:
    """Answers tasks one at a time; those waiting are told that they wait, so that they can be cancelled."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._networks: OrderedDict[str, Any] = OrderedDict()
        self._last = time.monotonic()
        threading.Thread(target=self._end_when_idle, daemon=True).start()

    def answer(self, caller: Connection) -> None:
        """Receive a Task, send ("progress", share, seconds) any number of times, then "done" or "error"."""
        task = caller.recv()
        self._last = time.monotonic()
        try:
            while not self._turn.acquire(timeout=0.5):
                caller.send(("progress", 0.0, None))  # raises when the caller has left
            try:
                caller.send(("done", self._explain(task, lambda *state: caller.send(("progress", *state)))))
            finally:
                self._turn.release()
        except ModelRefused as error:
            caller.send(("error", error))
        except OSError:
            raise  # the caller has left: nobody to answer
        except Exception as error:  # TensorFlow's and Keras's own, whose text is for nobody
            words = f"The network cannot be read by {task.method}: it failed there ({type(error).__name__})."
            caller.send(("error", ModelRefused(f"{words} Choose another method, or Grad-CAM.", code="heatmap")))
        finally:
            self._last = time.monotonic()

    def _explain(self, task: Task, tick: Tick) -> np.ndarray:
        if task.sha256 not in self._networks:
            self._networks[task.sha256] = load_network(task.network, task.sha256)
        self._networks.move_to_end(task.sha256)
        while len(self._networks) > 2:
            self._networks.popitem(last=False)
        return explain(self._networks[task.sha256], task, tick)

    def _end_when_idle(self) -> None:
        while self._turn.locked() or time.monotonic() - self._last < IDLE_SECONDS:
            time.sleep(min(1.0, IDLE_SECONDS))
        local_service.leave()


def _visualizer(model: Any, method: str, tick: Tick) -> Any:
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.scorecam import Scorecam

    visualizer = {
        "Grad-CAM": Gradcam,
        "Grad-CAM++": GradcamPlusPlus,
        "LayerCAM": Layercam,
        "Score-CAM": Scorecam,
    }[method](model)
    if method == "Score-CAM":
        visualizer.model = _Counted(model, tick)
    return visualizer


class _Counted:
    """The model as Score-CAM uses it, its one long `predict` cut into batches that are counted."""

    def __init__(self, model: Any, tick: Tick) -> None:
        self._model, self._tick = model, tick

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def predict(self, films: list[np.ndarray], batch_size: int) -> np.ndarray:
        films, results, steps = films[0], [], _Steps(len(films[0]), self._tick)
        for start in range(0, len(films), batch_size):
            results.append(self._model.predict_on_batch(films[start : start + batch_size]))
            steps.done(min(batch_size, len(films) - start))
        return np.concatenate(results)


def _smooth_grad(model: Any, score: Any, film: np.ndarray, tick: Tick) -> np.ndarray:
    import tensorflow as tf
    from tf_keras_vis.saliency import Saliency

    steps = _Steps(SMOOTH_SAMPLES, tick)

    def count(gradient: Any) -> Any:
        steps.done(1)
        return tf.abs(gradient)

    np.random.seed(SMOOTH_SEED)  # tf-keras-vis draws its noise from NumPy's global generator
    return np.asarray(
        Saliency(model)(
            score,
            film,
            smooth_samples=SMOOTH_SAMPLES,
            smooth_noise=SMOOTH_NOISE,
            gradient_modifier=count,
            normalize_map=False,
        ),
        dtype=np.float32,
    )[0]


class _Steps:
    """Turns steps done into a share and the seconds left."""

    def __init__(self, total: int, tick: Tick) -> None:
        self._total, self._tick, self._done, self._start = total, tick, 0, time.monotonic()

    def done(self, steps: int) -> None:
        self._done += steps
        left = (time.monotonic() - self._start) / self._done * (self._total - self._done)
        self._tick(self._done / self._total, left)


if __name__ == "__main__":
    from xraykit.models import tf_keras_vis  # the importable twin: a Task must not be unpickled into __main__

    tf_keras_vis.main()
