"""Checkpoint: everything a run needs to go on with the same numbers, in one file of its folder.

The file is replaced whole: after a kill at any moment the last checkpoint loads.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import time
import zipfile
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from xraykit.training.recipe.recipe import Recipe, RecipeRefused
from xraykit.training.run.run import CHECKPOINT, Run, RunRefused

FORMAT = 1


@dataclass
class Progress:
    """How far a training is, without its numbers.

    `epoch` epochs are complete, `step` batches of the next one are done; `began` is the first epoch of the phase;
    `split` is 2 once memory ran out and each batch is passed in halves; `counters` are those of Keras's callbacks.
    """

    phase: int = 0
    began: int = 0
    epoch: int = 0
    step: int = 0
    split: int = 1
    precision: str = "float32"
    jit: bool = False
    learning_seconds: float = 0.0
    epoch_seconds: float = 0.0
    best_epoch: int = 0
    best_loss: float | None = None
    best_accuracy: float | None = None
    counters: dict[str, dict[str, Any]] = field(default_factory=dict)

    def end_phase(self) -> None:
        """Go on to the next phase, which has an optimiser and counters of its own."""
        self.phase, self.began, self.step, self.counters = self.phase + 1, self.epoch, 0, {}


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint holds: progress, and the values of every variable in the network's own order."""

    progress: Progress
    network: list[np.ndarray]
    optimizer: list[np.ndarray]
    metrics: list[np.ndarray]
    best: list[np.ndarray] | None


def digest(recipe: Recipe) -> str:
    """sha256 of a recipe: a run goes on only with the recipe it began with.

    Fields at their defaults are left out, so that a field added by a later version changes nothing.
    """
    return hashlib.sha256(json.dumps(_plain(recipe), default=_plain, sort_keys=True).encode()).hexdigest()


class Writer:
    """Writes checkpoints beside the training, one at a time: a slow disk holds nothing up."""

    def __init__(self, run: Run, recipe: Recipe) -> None:
        self.run, self.recipe = run, recipe
        self.seconds = 0.0  # that the last one took
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "checkpoint")
        self._writing: concurrent.futures.Future | None = None

    @property
    def busy(self) -> bool:
        return self._writing is not None and not self._writing.done()

    def save(self, progress: Progress, network, learner=None, best=None) -> None:
        """Begin to replace the run's checkpoint, once the one before it is written.

        Parameters
        ----------
        network : the whole network.
        learner : the compiled network that is being fitted; None between two phases.
        best : values of the best epoch's network, or None.

        Raises
        ------
        OSError
            If the checkpoint before this one could not be written; the last that could stays.
        """
        self.wait()
        lists = {
            "network": _values(network.variables),
            "optimizer": _values(learner.optimizer.variables) if learner is not None else [],
            "metrics": _values(learner.metrics_variables) if learner is not None else [],
            "best": best or [],
        }
        meta = {"format": FORMAT, "recipe": digest(self.recipe), "progress": dataclasses.asdict(progress)}
        self._writing = self._thread.submit(self._write, meta, lists)

    def wait(self) -> None:
        """Until the checkpoint underway is on the disk; raises OSError where it could not be written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _write(self, meta: dict[str, Any], lists: dict[str, list[np.ndarray]]) -> None:
        began = time.perf_counter()
        arrays = {f"{name}-{i:04}": value for name, values in lists.items() for i, value in enumerate(values)}
        path = self.run.path / CHECKPOINT
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                np.savez(file, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
            self.seconds = time.perf_counter() - began


def load(run: Run, recipe: Recipe) -> Checkpoint | None:
    """The run's checkpoint; None where there is none yet.

    Raises
    ------
    RunRefused
        If the file cannot be read, or another version of xraykit wrote it.
    RecipeRefused
        If the recipe is not the one that the run began with.
    """
    path = run.path / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            meta = json.loads(bytes(file["meta"]))
            lists = {name: [file[key] for key in sorted(file.files) if key.startswith(f"{name}-")] for name in _LISTS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RunRefused(f"Expected a checkpoint in {CHECKPOINT} of {run.name}; it cannot be read: {error}.") from None
    if meta["format"] != FORMAT:
        raise RunRefused(
            f"Expected a checkpoint of format {FORMAT} in {run.name}; got {meta['format']}. "
            "Resume it with the version of xraykit that wrote it."
        )
    if meta["recipe"] != digest(recipe):
        raise RecipeRefused(
            f"The recipe of {run.name} is not the one it began with. Restore recipe.json, or start a new run with the "
            "changed recipe."
        )
    return Checkpoint(Progress(**meta["progress"]), *(lists[name] for name in _LISTS[:3]), lists["best"] or None)


def restore_network(network: keras.Model, values: list[np.ndarray]) -> None:
    """Give every variable of the network its value, seeds of dropout included.

    Raises
    ------
    RunRefused
        If the network is another than the checkpoint's.
    """
    _assign(network.variables, values)


def restore_optimizer(learner: keras.Model, values: list[np.ndarray], *, finer: int = 1) -> None:
    """Give a compiled network's optimiser its state; with `finer` each of its steps has become so many smaller ones."""
    learner.optimizer.build(learner.trainable_variables)
    variables = learner.optimizer.variables
    if finer > 1:  # gradients are added up from zero: the checkpoint knows none
        variables = [variable for variable in variables if "gradient_accumulator" not in variable.name]
        values = [v * finer if "iteration" in of.name else v for of, v in zip(variables, values, strict=False)]
    _assign(variables, values)


def restore_metrics(learner: keras.Model, values: list[np.ndarray]) -> None:
    """Give the running means of an epoch underway their values."""
    _assign(learner.metrics_variables, values)


def _default(one: dataclasses.Field) -> Any:
    return one.default_factory() if one.default_factory is not dataclasses.MISSING else one.default


def _plain(value: Any) -> Any:
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if getattr(value, f.name) != _default(f)}


_LISTS = ("network", "optimizer", "metrics", "best")


def _values(variables) -> list[np.ndarray]:
    # Copies: the training goes on while they are written
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables, values: list[np.ndarray]) -> None:
    found, expected = [v.shape for v in values], [tuple(variable.shape) for variable in variables]
    if found != expected:
        raise RunRefused(
            f"Expected a checkpoint of this network ({len(expected)} arrays); got {len(found)} arrays of other shapes. "
            "Another version of Keras may have built it: resume with the one named in events.jsonl."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
