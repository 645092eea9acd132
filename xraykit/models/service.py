"""The inference service, `python -m xraykit.models.service`, and its client: the pages' only way to a network.

Holds the decoders, the loaded classifiers and the tf-keras-vis worker; never imports TensorFlow or Keras.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from xraykit.films import ingest
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import card as cards
from xraykit.models import classifier, explanation, tf_keras_vis
from xraykit.models.card import Card
from xraykit.models.classifier import Classifier, Prediction
from xraykit.models.explanation import Explanation
from xraykit.refused import Refused
from xraykit.system import local_service
from xraykit.system.local_service import LocalService

HEAVY = ("keras", "tensorflow", "jax", "torch", "tf_keras", "tf_keras_vis")
LOADED_MODELS = 4
SERVICE = "xraykit.models.service"
Progress = Callable[[float, float | None], None]
log = logging.getLogger(__name__)


class ServiceError(Refused):
    """The service could not answer; the message is meant for the user."""

    code = "service"


@dataclass(frozen=True)
class Reading:
    """What one model makes of one film: the prediction, and Grad-CAM of every class in class order (none where its
    network has no such map)."""

    prediction: Prediction
    explanations: tuple[Explanation, ...]


class Client:
    """Speaks to one service process, which it starts again when it died. Threads may share a client.

    The service knows models by name, below `root` (`models_folder()` if it is not given).
    """

    def __init__(self, root: Path | None = None) -> None:
        self.restarts = 0
        self._environment = {"XRAYKIT_WEIGHTS": str(root)} if root else None
        self._closed = False
        self._swap = threading.Lock()
        self._service = LocalService(SERVICE, self._environment)

    def read(self, source: str, film: bytes | Path) -> Radiograph | Refusal:
        """Decode a film, by its bytes or where it lies, behind the firewall; `source` is its name in messages."""
        return self._call("read", source, film)

    def models(self) -> tuple[list[Card], list[Refusal]]:
        """Cards of the usable models, and why other folders are not."""
        return self._call("models")

    def classify(self, film: Radiograph, model: str) -> Reading:
        """Probabilities and Grad-CAM of every class; raises ModelRefused, ServiceError."""
        return self._call("classify", film, model)

    def explain(
        self, film: Radiograph, model: str, method: str, label: str, progress: Progress | None = None
    ) -> Explanation:
        """A heatmap by one of `explanation.METHODS` for a class.

        `progress(share done, seconds left or None)` is called several times a second; raising inside it
        cancels. Raises ModelRefused, ServiceError (for an unknown method or label too).
        """
        return self._call("explain", film, model, method, label, progress=progress)

    def status(self) -> dict:
        """pid, heavy modules, decoders, worker (pid or None) and loaded models of the service."""
        return self._call("status")

    def close(self) -> None:
        """End the service and everything it started."""
        with self._swap:
            self._closed = True
            self._service.end()

    def _call(self, verb: str, *arguments: Any, progress: Progress | None = None) -> Any:
        for _ in range(2):  # a service that died is started again and asked once more
            with self._swap:
                if self._closed:
                    raise ServiceError("The inference service was closed. Start the server again.")
                service = self._service
            try:
                return _ask(service, (verb, arguments), progress)
            except _Lost as error:
                log.warning("the inference service was lost (%s)", type(error.__cause__).__name__)
                self._replace(service)
        raise ServiceError(
            "The inference service stopped twice on this film. Other films still work; see the server's log."
        )

    def _replace(self, lost: LocalService) -> None:
        with self._swap:
            if self._service is lost and not self._closed:  # of many threads that lost it, one starts the next
                lost.end()
                self._service = LocalService(SERVICE, self._environment)
                self.restarts += 1


def start(root: Path | None = None) -> Client:
    """Start the service for the models below `root`; returns at once, the first call waits until it listens."""
    return Client(root)


class _Lost(Exception):
    """The other process went away in the middle of a call."""


def _ask(service: LocalService, request: Any, progress: Progress | None = None) -> Any:
    """Send a request and return its answer; raises the error it was answered with, or _Lost."""
    try:
        line = service.connect()
    except ConnectionError as error:
        raise _Lost from error
    with line:
        try:
            line.send(request)
            kind, *answer = line.recv()
        except (EOFError, OSError) as error:
            raise _Lost from error
        while kind == "progress":
            if progress is not None:
                progress(*answer)  # outside the guard: what the caller raises is the caller's
            try:
                kind, *answer = line.recv()
            except (EOFError, OSError) as error:
                raise _Lost from error
    if kind == "error":
        raise answer[0]
    return answer[0]


class _Service:
    """The service's side of each verb; every call runs in the thread of its connection."""

    def __init__(self) -> None:
        self._ingest = ingest.Ingest()
        self._models: OrderedDict[tuple, Classifier] = OrderedDict()
        self._loading = threading.Lock()
        self._worker: LocalService | None = None
        self._worker_lock = threading.Lock()

    def answer(self, line: Connection) -> None:
        """Receive (verb, arguments); send ("progress", share, seconds) at will, then "done" or "error"."""
        verb, arguments = line.recv()
        call = {
            "read": self._read,
            "models": classifier.available,
            "classify": self._classify,
            "explain": self._explain,
            "status": self._status,
        }[verb]
        if verb == "explain":
            arguments = (*arguments, lambda *state: line.send(("progress", *state)))
        try:
            reply = ("done", call(*arguments))
        except ConnectionError:
            raise  # the caller has left: nobody to answer
        except Refused as error:
            reply = ("error", error)
        except Exception as error:  # one film's accident must not end the service for the others
            # Where it happened, without its text: a library's may hold what stands in a file
            places = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s failed (%s)\n%s", verb, type(error).__name__, places)
            words = f"The inference service failed on this film ({type(error).__name__}). Other films still work; the "
            reply = ("error", ServiceError(f"{words}server's log says where it failed."))
        line.send(reply)

    def _read(self, source: str, film: bytes | Path) -> Radiograph | Refusal:
        return self._ingest.read(film, source)

    def _classify(self, film: Radiograph, model: str) -> Reading:
        return Reading(*explanation.grad_cam(self._model(model), film))

    def _explain(self, film: Radiograph, model: str, method: str, label: str, progress: Progress) -> Explanation:
        loaded = self._model(model)
        card = loaded.card
        if label not in card.classes or method not in explanation.METHODS:
            raise ServiceError(
                f"Expected one of {', '.join(card.classes)} and one of {', '.join(explanation.METHODS)}; got "
                f"{label!r} and {method!r}."
            )
        explanation.check_heatmap(card, method)
        if method == explanation.GRAD_CAM:
            return explanation.grad_cam(loaded, film)[1][card.classes.index(label)]
        task = tf_keras_vis.Task(
            loaded.folder.resolve() / cards.NETWORK,
            card.files[cards.NETWORK],
            card.feature_layer,
            method,
            card.classes.index(label),
            film.square(card.image_size, card.channels),
        )
        layer = "input" if method == explanation.SMOOTH_GRAD else card.feature_layer
        return explanation.explain_map(label, method, layer, self._compute(task, progress), film.square_box())

    def _compute(self, task: tf_keras_vis.Task, progress: Progress) -> Any:
        """A map from the worker. No lock is held while it works: other callers go on."""
        for _ in range(2):  # it may have gone to sleep between the question and the answer
            worker = self._living_worker()
            with contextlib.suppress(_Lost):
                return _relay(worker, task, progress)
        raise ServiceError(
            "The TensorFlow process stopped twice on this heatmap: it crashed, or something on this computer ended it. "
            "Grad-CAM needs no TensorFlow and still works."
        )

    def _living_worker(self) -> LocalService:
        with self._worker_lock:
            if self._worker is None or not self._worker.alive:
                if self._worker is not None:
                    self._worker.end()
                self._worker = LocalService("xraykit.models.tf_keras_vis", tf_keras_vis.ENVIRONMENT)
            return self._worker

    def _model(self, name: str) -> Classifier:
        """The loaded model; loaded again when its card has changed, the least recently used one dropped."""
        folder = classifier.named(name)
        path = folder / cards.CARD
        version = (str(folder.resolve()), path.stat().st_mtime_ns if os.path.isfile(path) else 0)
        with self._loading:
            if version not in self._models:
                self._models[version] = classifier.load(folder)
            self._models.move_to_end(version)
            while len(self._models) > LOADED_MODELS:
                self._models.popitem(last=False)
            return self._models[version]

    def _status(self) -> dict:
        worker = self._worker
        return {
            "pid": os.getpid(),
            "heavy": [name for name in HEAVY if name in sys.modules],
            "decoders": [self._ingest.loaded_modules()],
            "worker": worker.pid if worker and worker.alive else None,
            "models": [model.card.name for model in self._models.values()],
        }


def _relay(worker: LocalService, task: tf_keras_vis.Task, progress: Progress) -> Any:
    """Pass a worker's progress on, and say twice a second that we still wait: TensorFlow starts slowly.

    `progress` raises ConnectionError when the caller has left; closing the line then cancels in the worker.
    """
    progress(0.0, None)
    try:
        line = worker.connect()
        line.send(task)
    except (EOFError, OSError) as error:
        raise _Lost from error
    state: tuple[Any, ...] = (0.0, None)
    with line:
        while True:
            try:
                kind, *answer = line.recv() if line.poll(0.5) else ("progress", *state)
            except (EOFError, OSError) as error:
                raise _Lost from error
            if kind == "done":
                progress(1.0, 0.0)
                return answer[0]
            if kind == "error":
                raise answer[0]
            state = tuple(answer)
            progress(*state)


def main() -> None:
    """Run the service's side until the parent is gone."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    local_service.serve(_Service().answer)


if __name__ == "__main__":
    from xraykit.models import service  # the importable twin: what it pickles must not be of __main__

    service.main()
