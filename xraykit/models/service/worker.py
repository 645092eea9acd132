"""The slow heatmaps, by a process with TensorFlow that is started when one is asked for. Holds no TensorFlow itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from xraykit.models import tf_keras_vis
from xraykit.models.service.lines import Lost, ServiceError
from xraykit.system.local_service import LocalService

Progress = Callable[[float, float | None], None]


class Worker:
    """The process with TensorFlow: asleep, at work, or gone and to be started again."""

    def __init__(self) -> None:
        self._process: LocalService | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process and process.alive else None

    def compute(self, task: tf_keras_vis.Task, progress: Progress) -> Any:
        """A raw map. No lock is held while it works: other callers go on."""
        for _ in range(2):  # it may have gone to sleep between the question and the answer
            process = self._living()
            with contextlib.suppress(Lost):
                return _relay(process, task, progress)
        raise ServiceError(
            "The TensorFlow process stopped twice on this heatmap: it crashed, or something on this computer ended it. "
            "Grad-CAM needs no TensorFlow and still works."
        )

    def end(self) -> None:
        """End the process, where there is one."""
        with self._lock:
            if self._process is not None:
                self._process.end()
            self._process = None

    def _living(self) -> LocalService:
        with self._lock:
            if self._process is None or not self._process.alive:
                if self._process is not None:
                    self._process.end()
                self._process = LocalService("xraykit.models.tf_keras_vis", tf_keras_vis.ENVIRONMENT)
            return self._process


def _relay(worker: LocalService, task: tf_keras_vis.Task, progress: Progress) -> Any:
    """Pass a worker's progress on, and say twice a second that we still wait: TensorFlow starts slowly.

    `progress` raises ConnectionError when the caller has left; closing the line then cancels in the worker.
    """
    progress(0.0, None)
    try:
        line = worker.connect()
        line.send(task)
    except (EOFError, OSError) as error:
        raise Lost from error
    state: tuple[Any, ...] = (0.0, None)
    with line:
        while True:
            try:
                kind, *answer = line.recv() if line.poll(0.5) else ("progress", *state)
            except (EOFError, OSError) as error:
                raise Lost from error
            if kind == "done":
                progress(1.0, 0.0)
                return answer[0]
            if kind == "error":
                raise answer[0]
            state = tuple(answer)
            progress(*state)
