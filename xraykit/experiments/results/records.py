"""Records: a run of a study as the table of results has it, read once for each version of its files.

A finished run never changes: of a study of a hundred trials only what is being trained is read again.
"""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from xraykit.evaluation import evaluation, learning_curve
from xraykit.evaluation.evaluation import Evaluation, EvaluationRefused
from xraykit.experiments.study_folder import CUT
from xraykit.system.files import Stamp, stamp_of
from xraykit.system.job_folder.record import State
from xraykit.training.run import passes
from xraykit.training.run.passes import Pass
from xraykit.training.run.run import STATUS, Run, RunRefused, Status

HISTORY = "history.csv"
KEPT_IN_MEMORY = 20_000  # runs; a record of 30 epochs takes about 10 kB


class Standing(enum.StrEnum):
    """Where a run of a study stands."""

    WAITING = "waiting"  # planned, or in the queue
    RUNNING = "running"
    FINISHED = "finished"
    CUT = "cut"  # ended early by the search: behind others at the same epoch
    STOPPED = "stopped"
    FAILED = "failed"  # or lost, or unreadable

    @property
    def open(self) -> bool:
        """May it still change by itself?"""
        return self in (Standing.WAITING, Standing.RUNNING)


_STANDINGS = {
    State.QUEUED: Standing.WAITING,
    State.RUNNING: Standing.RUNNING,
    State.FINISHED: Standing.FINISHED,
    State.STOPPED: Standing.STOPPED,
    State.FAILED: Standing.FAILED,
    State.LOST: Standing.FAILED,
}


@dataclass(frozen=True)
class Epoch:
    """A row of history.csv. `number` and `phase` count from 1; losses and shares; `seconds` that it took.

    None where the row does not tell.
    """

    number: int
    phase: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    learning_rate: float | None = None
    seconds: float | None = None

    @property
    def gap(self) -> float | None:
        """Training minus validation accuracy."""
        return None if self.accuracy is None or self.val_accuracy is None else self.accuracy - self.val_accuracy


@dataclass(frozen=True)
class Confusion:
    """Counts on films that a run never saw: rows are the reference standard, columns the prediction."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def matrix(self) -> np.ndarray:
        """(C, C) int64."""
        return np.array(self.counts, np.int64)


@dataclass(frozen=True, eq=False)
class Films:
    """Which validation films a run got right: films of equal `digest` are the same ones in the same order."""

    digest: str
    right: np.ndarray  # (N,) bool, in the order of the films' hashes


@dataclass(frozen=True)
class RunRecord:
    """A run of a trial.

    Attributes
    ----------
    trial, fold, seed : int
        Trial and fold count from 1.
    fold_name : str
        "1", "2", ..., or the source left out.
    standing : Standing
    epochs : tuple of Epoch
    best_epoch : int or None
        Of the lowest validation loss, from 1: the network that is kept.
    loss, accuracy : float or None
        On the validation films at that epoch.
    gap : float or None
        Training minus validation accuracy at the last epoch.
    seconds : float or None
        Of training, without queue and compilation.
    pass_seconds : float or None
        This run's share of the one pass of films through the frozen backbone that several runs learn from; None where
        there was none.
    parameters, trainable : int or None
        Of the network; `trainable` in its last phase.
    films : int
        Validation films; 0 where not known.
    tested : Confusion or None
        With leave-one-source-out: on the films of the source left out.
    folder : str
        The run's name; empty where it has none yet.
    right : Films or None
    passes : tuple of Pass
        From which `pass_seconds` follow once all runs are known; like `right`, no part of what makes records equal.
    """

    trial: int
    fold: int
    seed: int
    fold_name: str = "1"
    standing: Standing = Standing.WAITING
    epochs: tuple[Epoch, ...] = ()
    best_epoch: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    gap: float | None = None
    seconds: float | None = None
    pass_seconds: float | None = None
    parameters: int | None = None
    trainable: int | None = None
    films: int = 0
    tested: Confusion | None = None
    folder: str = ""
    right: Films | None = field(default=None, compare=False, repr=False)
    passes: tuple[Pass, ...] = field(default=(), compare=False, repr=False)

    @property
    def whole_seconds(self) -> float | None:
        """Training with its share of the cached features' pass."""
        return None if self.seconds is None else self.seconds + (self.pass_seconds or 0.0)

    @property
    def key(self) -> tuple[int, int]:
        """Fold and seed: runs of two trials with the same key are a pair."""
        return self.fold, self.seed


def read(run: Run, trial: int, fold: int, seed: int, fold_name: str = "", *, tested: bool = False) -> RunRecord:
    """The record of a run; `fold` from 1. Never raises: what cannot be read has failed.

    `tested` reads what the run says about the films of the source left out as well.
    """
    place = (trial, fold, seed, fold_name or str(fold))
    stamps = tuple(
        stamp_of(run.path / name) for name in (STATUS, HISTORY, CUT, passes.FILE, *evaluation.FILES.values())
    )
    record = _read(run, place, tested, stamps)
    if record.standing.open and stamps[0] != (0, 0):  # whether a process is at it is no matter of the files
        record = _with_standing(record, run)
    return record


def from_epochs(rows: Sequence[Mapping[str, Any]]) -> tuple[Epoch, ...]:
    """Epochs of rows as `Run.history` gives them; a row that names no epoch is left out."""
    epochs = []
    for row in rows:
        number, phase = _number(row.get("epoch")), _number(row.get("phase"))
        if number is not None:
            figures = {name: _number(row.get(name)) for name in _FIGURES}
            epochs.append(Epoch(int(number) + 1, None if phase is None else int(phase) + 1, **figures))
    return tuple(epochs)


_FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


@lru_cache(maxsize=KEPT_IN_MEMORY)
def _read(run: Run, place: tuple[int, int, int, str], tested: bool, stamps: tuple[Stamp, ...]) -> RunRecord:
    trial, fold, seed, fold_name = place
    if stamps[0] == (0, 0):
        return RunRecord(trial, fold, seed, fold_name)
    status, rows = _status(run), run.history()
    curve = learning_curve.read_curve(rows)
    validation = _evaluation(run, "validation") if status and status.state is State.FINISHED else None
    test = _evaluation(run, "test") if tested and validation is not None else None
    return RunRecord(
        trial,
        fold,
        seed,
        fold_name,
        standing=_standing(run, status),
        epochs=from_epochs(rows),
        best_epoch=curve.best_epoch,
        loss=curve.best_loss,
        accuracy=curve.best_accuracy,
        gap=curve.gap,
        seconds=status.learning_seconds if status else None,
        parameters=status.parameters if status else None,
        trainable=status.trainable if status else None,
        films=0 if validation is None else len(validation.films),
        tested=None if test is None else _confusion(test),
        folder=run.name,
        right=None if validation is None else _films(validation),
        passes=passes.passes_of(run),
    )


def _status(run: Run) -> Status | None:
    try:
        return run.status()
    except RunRefused:
        return None


def _standing(run: Run, status: Status | None) -> Standing:
    if (run.path / CUT).is_file():
        return Standing.CUT
    if status is None:
        return Standing.FAILED
    return _STANDINGS[status.state]


def _with_standing(record: RunRecord, run: Run) -> RunRecord:
    standing = _standing(run, _status(run))
    return record if standing is record.standing else replace(record, standing=standing)


def _evaluation(run: Run, part: str) -> Evaluation | None:
    """Both parts have a file of their own; one that is missing or broken is not known."""
    try:
        return evaluation.load(run.path / evaluation.FILES[part])
    except EvaluationRefused:
        return None


def _films(read: Evaluation) -> Films:
    names = read.hashes or read.films
    order = sorted(range(len(names)), key=names.__getitem__)
    digest = hashlib.sha256("\n".join(names[k] for k in order).encode()).hexdigest()
    return Films(digest, (read.predicted == read.truth)[order])


def _confusion(read: Evaluation) -> Confusion:
    return Confusion(read.classes, tuple(tuple(row) for row in read.confusion.tolist()))


def _number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        number = float("nan") if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
