"""Callbacks: what happens beside the fitting: the order of films, the learning rate, the run's files, the stop.

Never builds or feeds a network.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from xraykit.batches import FilmBatches
from xraykit.recipe import Phase, Recipe
from xraykit.run import Run


@dataclass(frozen=True)
class Moment:
    """Where a training stands: epoch (from 0), step in it, totals, and seconds to go (None before it is known)."""

    epoch: int
    epochs: int
    step: int
    steps: int
    eta: float | None
    figures: dict[str, float]


Report = Callable[[Moment], None]


class Diverged(ArithmeticError):
    """The loss is no longer a number."""


class EpochOrder(keras.callbacks.Callback):
    """Tells the batches which epoch it is; their order and augmentation follow from it."""

    def __init__(self, batches: FilmBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch


class Schedule(keras.callbacks.Callback):
    """Linear warm-up, then cosine to zero (Loshchilov and Hutter 2017, without restarts), step by step."""

    def __init__(self, phase: Phase, steps: int, first_epoch: int):
        super().__init__()
        self.phase, self.steps, self.first_epoch = phase, steps, first_epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.step = (epoch - self.first_epoch) * self.steps

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = rate(self.phase, self.steps, self.step + batch)


def rate(phase: Phase, steps: int, step: int) -> float:
    """Learning rate at a step (from 0) of a phase with so many steps an epoch."""
    warmup = phase.warmup_epochs * steps
    if step < warmup:
        return phase.learning_rate * (step + 1) / warmup
    if phase.schedule != "cosine":
        return phase.learning_rate
    done = (step - warmup) / max(1.0, phase.epochs * steps - warmup)
    return phase.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


class RunLog(keras.callbacks.Callback):
    """Writes history and status, watches for the stop file and for a loss that is no number, keeps the best weights."""

    def __init__(self, run: Run, recipe: Recipe, report: Report | None = None):
        super().__init__()
        self.run, self.recipe, self.report = run, recipe, report
        self.epoch, self.phase, self.steps = 0, 0, 1
        self.stopped = False
        self.learning_seconds = 0.0
        self.best_loss, self.best_epoch, self.best_weights = math.inf, 0, None
        self.kept_model: keras.Model | None = None
        self._wrote = 0.0

    def begin_phase(self, number: int) -> None:
        self.phase = number
        self._steps_timed, self._phase_seconds = 0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self._epoch_began, self._epoch_excess = epoch, time.perf_counter(), 0.0

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if batch == 0 and self._steps_timed == 0:
            self._epoch_excess = now - self._epoch_began  # the first step holds the compilation
        self._steps_timed += 1
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            raise Diverged(f"The loss is no longer a number at epoch {self.epoch}, step {batch}.")
        if now - self._wrote > 2:
            self._wrote = now
            self._say(batch + 1, dict(logs or {}))
            if self.run.stop_asked():
                self.stopped = self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._epoch_began - self._epoch_excess
        self.learning_seconds += seconds
        self._phase_seconds += seconds
        logs = {key: float(value) for key, value in (logs or {}).items()}
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        row = {"epoch": epoch, "phase": self.phase, **{name: round(logs[name], 6) for name in names}}
        row |= {
            "learning_rate": float(np.asarray(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))),
            "seconds": round(seconds, 2),
        }
        self.run.append_history(row)
        self.epoch = epoch + 1
        if logs["val_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = logs["val_loss"], epoch
            if self.recipe.keep == "best" and self.kept_model is not None:
                self.best_weights = self.kept_model.get_weights()
        self._say(0, logs)

    def restore_kept(self, model) -> None:
        """Give the model the weights that the recipe keeps."""
        if self.best_weights is not None:
            model.set_weights(self.best_weights)

    def _say(self, step: int, figures: dict) -> None:
        steps = self.params.get("steps") or 1
        eta = self._eta(self.epoch + step / steps)
        figures = {key: float(value) for key, value in figures.items() if key != "learning_rate"}
        moment = Moment(self.epoch, self.recipe.epochs, step, steps, eta, figures)
        self.run.update(epoch=self.epoch, step=step, steps=steps, eta=eta, phase=self.phase, **figures)
        if self.report:
            self.report(moment)

    def _eta(self, done: float) -> float | None:
        """Seconds to go at the pace of this phase; None while it has none, or while phases of another pace follow."""
        first = sum(phase.epochs for phase in self.recipe.phases[: self.phase])
        if self.epoch <= first or self.phase + 1 < len(self.recipe.phases):
            return None
        return self._phase_seconds / (self.epoch - first) * (self.recipe.epochs - done)
