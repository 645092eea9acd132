"""Stand-ins for a training and a reading, for the processes of a study: quick, and the same whatever was killed."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from xraykit.datasets import dataset, split
from xraykit.evaluation.evaluation import FILES, Evaluation
from xraykit.experiments.engine import local
from xraykit.system import files
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run.run import Run

GATES = "XRAYKIT_TEST_GATES"  # a folder: a run named in it says "NAME.waits" before its last epoch, waits for "NAME.go"
FAIL = "XRAYKIT_TEST_FAIL"  # name of a run that fails
PACE = "XRAYKIT_TEST_PACE"  # seconds an epoch


def learn(run: Run, recipe: Recipe, films: dataset.Dataset, on_moment: Any) -> None:
    """Write what a training would: epochs whose figures follow from the recipe and the films alone."""
    parts = split.recorded(films, run.read("data.json"), run.name)
    if os.environ.get(FAIL) == run.name:
        raise dataset.DatasetRefused("Expected films; a test took them away.")
    run.restore_history(len(run.history()), [])
    for epoch in range(len(run.history()), recipe.epochs):
        _wait(run, last=epoch == recipe.epochs - 1)
        if run.stop_asked():
            raise Stopped("Stopped between two epochs.")
        run.append_history(_epoch(recipe, parts, epoch))
        run.update(epoch=epoch + 1, learning_seconds=float(epoch + 1), parameters=100, **_best(run))
        on_moment(SimpleNamespace(step=0, epoch=epoch + 1))
        if run.stop_asked():
            raise Stopped("Stopped between two epochs.")
    run.update(epoch=recipe.epochs, **_best(run))  # it may have been killed between the row and the status
    reading = _reading(run, films, parts.validation, "validation")
    files.replace_text(run.path / FILES["validation"], reading.to_json())


def read(run: Run, granted: str | None = None) -> Evaluation:
    """Stands in for `worker.read_held_out`; leaves a mark of each reading."""
    films = dataset.read(Path(run.status().data))
    with (run.path / "readings.txt").open("a") as file:
        file.write("read\n")
    return _reading(run, films, split.recorded(films, run.read("data.json"), run.name).held_out, "test")


class Threads:
    """Stands in for `processes.CONTEXT`: the processes of a study are threads of this one, which start at once."""

    class Process(threading.Thread):
        def __init__(self, target: Any, args: Any, name: str) -> None:
            path, device, pipe, *others = args
            own = Connection(os.dup(pipe.fileno()))  # whoever starts a process closes its end of the pipe here
            super().__init__(target=local.serve, args=(path, device, own, *others), name=name, daemon=True)

        def kill(self) -> None:
            """A thread ends by itself."""


def wait_for(path: Path, seconds: float = 60.0) -> None:
    """Wait until a file is there."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, path
        time.sleep(0.02)


def _wait(run: Run, last: bool) -> None:
    time.sleep(float(os.environ.get(PACE, "0")))
    gates = os.environ.get(GATES)
    if not last or not gates or not (Path(gates) / f"{run.name}.gate").exists():
        return
    (Path(gates) / f"{run.name}.waits").write_text(str(os.getpid()))
    while not (Path(gates) / f"{run.name}.go").exists():
        if run.stop_asked():
            return
        time.sleep(0.02)


def _epoch(recipe: Recipe, parts: split.Split, epoch: int) -> dict[str, Any]:
    rate = recipe.phases[0].learning_rate
    seed = hashlib.sha256(f"{rate} {recipe.seed} {parts.validation.tolist()}".encode()).digest()
    luck = np.random.default_rng(list(seed)).uniform(0, 0.01, 2)
    loss = float(abs(np.log10(rate) + 2.5) + 1 / (epoch + 1) + luck[0])
    accuracy = float(np.exp(-loss) * 0.9 + luck[1])
    figures = {"loss": loss, "accuracy": accuracy, "val_loss": loss + 0.05, "val_accuracy": accuracy}
    return {"epoch": epoch, "phase": 0, **figures, "learning_rate": rate, "seconds": 1.0}


def _best(run: Run) -> dict[str, Any]:
    best = min(run.history(), key=lambda row: float(row["val_loss"]))
    return {
        "best_epoch": int(best["epoch"]),
        "best_loss": float(best["val_loss"]),
        "best_accuracy": float(best["val_accuracy"]),
    }


def _reading(run: Run, films: dataset.Dataset, indices: np.ndarray, part: str) -> Evaluation:
    logits = np.eye(len(films.classes))[films.labels[indices]] * 3.0
    return Evaluation(
        model=run.name,
        classes=films.classes,
        films=tuple(films.films[i] for i in indices),
        truth=films.labels[indices],
        logits=logits,
        hashes=tuple(films.hashes[i] for i in indices),
        groups=tuple(films.groups[indices].tolist()),
        data=f"{films.root.name}, {part} split",
    )
