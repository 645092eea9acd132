"""Checkpoint: everything a training needs to go on with the same numbers, in one file.

The file is replaced whole: after a kill at any moment the last checkpoint loads.
"""

from __future__ import annotations

import concurrent.futures
import copy
import dataclasses
import hashlib
import json
import os
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np

from xraykit.models import head as heads
from xraykit.training.recipe.recipe import Recipe, RecipeRefused
from xraykit.training.run.run import CheckpointDamaged, RunRefused

FORMAT = 1


@dataclass
class Progress:
    """How far a training is, without its numbers.

    `epoch` epochs are complete, `step` batches of the next one are done; `began` is the first epoch of the phase;
    `accumulation` is 2 once memory ran out and each batch is passed in halves, which `step` then counts; `counters` are
    those of Keras's callbacks; `learning_seconds` are of complete epochs, `epoch_seconds` of the one underway;
    `history` has a row for each complete epoch, as `Recorder.epoch` was given it (none in checkpoints of before).
    """

    phase: int = 0
    began: int = 0
    epoch: int = 0
    step: int = 0
    accumulation: int = 1
    precision: str = "float32"
    jit: bool = False
    learning_seconds: float = 0.0
    epoch_seconds: float = 0.0
    best_epoch: int = 0
    best_loss: float | None = None
    best_accuracy: float | None = None
    counters: dict[str, dict[str, float | None]] = field(default_factory=dict)
    history: list[dict[str, int | float]] = field(default_factory=list)

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
    """Writes checkpoints beside the training, one at a time: a slow disk holds nothing up.

    `write` puts a checkpoint where it is kept; it is called in another thread.
    """

    def __init__(self, write: Callable[[Checkpoint], None]) -> None:
        self.seconds = 0.0  # that the last one took
        self._write = write
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "checkpoint")
        self._writing: concurrent.futures.Future | None = None

    @property
    def busy(self) -> bool:
        return self._writing is not None and not self._writing.done()

    def save(self, checkpoint: Checkpoint) -> None:
        """Begin to write a checkpoint, once the one before it is written.

        Raises
        ------
        OSError
            If the checkpoint before this one could not be written; the last that could stays.
        """
        self.wait()
        self._writing = self._thread.submit(self._timed, checkpoint)

    def wait(self) -> None:
        """Until the checkpoint underway is on the disk; raises OSError where it could not be written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        """End the thread, once the checkpoint underway is written or has failed."""
        self._thread.shutdown()

    def _timed(self, checkpoint: Checkpoint) -> None:
        began = time.perf_counter()
        try:
            self._write(checkpoint)
        finally:
            self.seconds = time.perf_counter() - began


def capture(progress: Progress, network: keras.Model, learner: keras.Model | None = None, best=None) -> Checkpoint:
    """A checkpoint of this moment: copies, for the training goes on while they are written.

    Parameters
    ----------
    network : the whole network.
    learner : the compiled network that is being fitted; None between two phases.
    best : values of the best epoch's network, or None.
    """
    return Checkpoint(
        copy.deepcopy(progress),
        _values(network.variables),
        _values(learner.optimizer.variables) if learner is not None else [],
        _values(learner.metrics_variables) if learner is not None else [],
        best,
    )


def write(path: Path, checkpoint: Checkpoint, recipe: Recipe) -> None:
    """Replace the checkpoint at `path`; it is on the disk when this returns."""
    progress = {_ON_DISK.get(name, name): value for name, value in dataclasses.asdict(checkpoint.progress).items()}
    meta = {"format": FORMAT, "recipe": digest(recipe), "progress": progress}
    lists = {name: getattr(checkpoint, name) or [] for name in _LISTS}
    arrays = {f"{name}-{i:04}": value for name, values in lists.items() for i, value in enumerate(values)}
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            np.savez(file, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path: Path, recipe: Recipe) -> Checkpoint | None:
    """The checkpoint at `path`; None where there is none yet.

    Raises
    ------
    CheckpointDamaged
        If the file cannot be read.
    RunRefused
        If another version of xraykit wrote it.
    RecipeRefused
        If the recipe is not the one that the training began with.
    """
    if not os.path.lexists(path):
        return None
    try:
        if not path.is_file():
            raise _damaged(path)
        with path.open("rb") as packed:
            heads.check_arrays(packed)
        with np.load(path, allow_pickle=False) as file:
            meta = json.loads(bytes(file["meta"]))
            lists = {name: [file[key] for key in sorted(file.files) if key.startswith(f"{name}-")] for name in _LISTS}
    except (OSError, EOFError, ValueError, KeyError, RecursionError, zipfile.BadZipFile, zlib.error):
        raise _damaged(path) from None
    if any(value.dtype.kind not in "biuf" for values in lists.values() for value in values):
        raise _damaged(path)
    if not isinstance(meta, dict) or not {"format", "recipe", "progress"} <= meta.keys():
        raise _damaged(path)
    if meta["format"] != FORMAT:
        raise RunRefused(
            f"Expected a checkpoint of format {FORMAT} at {path}; got {meta['format']}. "
            "Resume the run with the version of xraykit that wrote it."
        )
    if meta["recipe"] != digest(recipe):
        raise RecipeRefused(
            "The recipe is not the one that the run began with. Restore recipe.json, or start a new run with the "
            "changed recipe."
        )
    names = {on_disk: name for name, on_disk in _ON_DISK.items()}
    try:
        progress = msgspec.convert({names.get(name, name): value for name, value in meta["progress"].items()}, Progress)
    except (AttributeError, msgspec.ValidationError, UnicodeError):
        raise _damaged(path) from None
    return Checkpoint(progress, lists["network"], lists["optimizer"], lists["metrics"], lists["best"] or None)


def _damaged(path: Path) -> CheckpointDamaged:
    """In our own words: NumPy's advise to load the file unsafely."""
    return CheckpointDamaged(
        f"The checkpoint {path.name} of the run {path.parents[1].name} is damaged: it was cut short or changed."
    )


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
    variables = learner.optimizer.variables
    if finer > 1:  # gradients are added up from zero: the checkpoint knows none
        variables = [variable for variable in variables if "gradient_accumulator" not in variable.name]
        pairs = zip(variables, values, strict=False)
        values = [value * finer if "iteration" in variable.name else value for variable, value in pairs]
    _assign(variables, values)


def restore_metrics(learner: keras.Model, values: list[np.ndarray]) -> None:
    """Give the running means of an epoch underway their values."""
    _assign(learner.metrics_variables, values)


def _default(field: dataclasses.Field) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def _plain(value: Any) -> Any:
    values = {field.name: (getattr(value, field.name), _default(field)) for field in dataclasses.fields(value)}
    return {name: value for name, (value, default) in values.items() if value != default}


_LISTS = ("network", "optimizer", "metrics", "best")
_ON_DISK = {"accumulation": "split"}  # the names of fields that the file has always had


def _values(variables) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables, values: list[np.ndarray]) -> None:
    shapes, expected = [value.shape for value in values], [tuple(variable.shape) for variable in variables]
    if shapes != expected:
        raise CheckpointDamaged(
            f"Expected a checkpoint of this network ({len(expected)} arrays); got {len(shapes)} arrays of other "
            "shapes. Another version of Keras may have built it: resume with the one that the run began with."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
