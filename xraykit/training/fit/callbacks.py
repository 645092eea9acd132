"""Callbacks: what happens beside the fitting: the order of films, what is recorded, the checkpoint, the stop.

Never builds or feeds a network, and knows no run folder: a Recorder takes what there is to say.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np

from xraykit.evaluation.evaluation import Evaluation
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training.fit import checkpoint, optimizer
from xraykit.training.fit.checkpoint import Checkpoint, Progress, Writer
from xraykit.training.fit.input.batches import FilmBatches
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run.passes import Pass
from xraykit.training.run.run import Diverged, Stage

MOMENT_SECONDS = 2.0  # between two moments that are recorded
PACE_MOMENTS = 5  # that images a second are an average of
WRITING_SHARE = 0.02  # of the time may go into checkpoints
MOST_SECONDS = 120.0  # between two checkpoints
VALIDATION_GRACE = 5.0  # seconds a stop waits for the validation to end: the epoch is then complete
FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy")
# What Keras's own callbacks count, and forget when a fit begins
COUNTERS = {
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.EarlyStopping: ("best", "wait", "best_epoch", "stopped_epoch"),
}


@dataclass(frozen=True)
class Moment:
    """Where a training stands.

    `progress` is a copy; `epochs` in all and `steps` in an epoch; `eta` seconds to go, None before it is known;
    `figures` are those of `FIGURES` that are known.
    """

    progress: Progress
    epochs: int
    steps: int
    eta: float | None
    learning_rate: float
    images_per_second: float | None
    figures: dict[str, float]

    @property
    def epoch(self) -> int:
        """Complete epochs."""
        return self.progress.epoch

    @property
    def step(self) -> int:
        """Complete steps of the epoch underway."""
        return self.progress.step


class Recorder(Protocol):
    """Takes what a training says of itself: a run's folder, or a list in a test."""

    def begin(self, progress: Progress, epochs: int) -> None:
        """A training of so many epochs begins where `progress` stands; what was recorded beyond it is void."""

    def stage(self, stage: Stage, **facts: Any) -> None:
        """Another stage begins; `facts` are fields of `Status` that are known from now on."""

    def moment(self, moment: Moment) -> None:
        """The training stands here, a few times a minute and at the end of each epoch."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is complete: epoch (from 0), phase, the `FIGURES`, learning_rate and seconds."""

    def event(self, what: str, **fields: Any) -> None:
        """Something happened that a person may want to look up later."""

    def passed(self, made: Pass) -> None:
        """Films went through frozen layers, or were found to have gone through them before."""

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint in place of the last one; called in another thread, returns once it is safe."""

    def last_checkpoint(self) -> Checkpoint | None:
        """The last one that is safe."""

    def result(self, network: keras.Model, evaluations: Mapping[str, Evaluation]) -> None:
        """The training has finished; the evaluations are those of "validation" and, where it has films, "test"."""

    def stop_asked(self) -> bool:
        """Was the training asked to stop?"""
        ...


class EpochOrder(keras.callbacks.Callback):
    """Tells the batches which epoch it is; their order and augmentation follow from it."""

    def __init__(self, batches: FilmBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch


class StopOnRequest(keras.callbacks.Callback):
    """Ends a pass over films (predict) when the training was asked to stop."""

    def __init__(self, stop_asked: Callable[[], bool]):
        super().__init__()
        self.stop_asked = stop_asked

    def on_predict_batch_end(self, batch, logs=None):
        if self.stop_asked():
            raise Stopped("Stopped between two batches.")


class RestoreCounters(keras.callbacks.Callback):
    """Gives the other callbacks their counters back, and the first epoch its running means, after a resume.

    Comes after the others, which forget their counters when a fit begins.
    """

    def __init__(self, others: Sequence[keras.callbacks.Callback], progress: Progress, metrics: list[np.ndarray]):
        super().__init__()
        self.others, self.progress, self.metrics = others, progress, metrics

    def on_train_begin(self, logs=None):
        for other in self.others:
            vars(other).update(self.progress.counters.get(type(other).__name__, {}))

    def on_epoch_begin(self, epoch, logs=None):
        if self.metrics:
            checkpoint.restore_metrics(self.model, self.metrics)
            self.metrics = []


@dataclass
class Pace:
    """How fast the steps of one fit go; the step and the validation batch that hold a compilation are left out."""

    steps: int = 1  # in a whole epoch
    compiled: bool = False
    validated: bool = False
    seconds: float = 0.0  # of the timed steps
    timed: int = 0
    marks: collections.deque[tuple[float, int]] = field(
        default_factory=lambda: collections.deque([(0.0, 0)], maxlen=PACE_MOMENTS)
    )

    def step(self, seconds: float) -> None:
        self.seconds += seconds
        self.timed += 1

    def steps_per_second(self) -> float | None:
        """Over the last few times that it was asked; steps alone count, not what lies between epochs."""
        began, before = self.marks[0]
        self.marks.append((self.seconds, self.timed))
        return (self.timed - before) / (self.seconds - began) if self.seconds > began else None


class ProgressLog(keras.callbacks.Callback):
    """Keeps Progress, records epochs and moments, and notices a loss that is no number. Lives through all phases.

    Parameters
    ----------
    films : learned from in an epoch.
    kept_model : whose weights are remembered after the best epoch; None to remember none.
    best_weights : those of the best epoch so far, or None.
    seconds_per_epoch : of each phase as estimated before the start; empty where nobody did.
    """

    def __init__(
        self,
        recorder: Recorder,
        recipe: Recipe,
        progress: Progress,
        films: int,
        *,
        kept_model: keras.Model | None = None,
        best_weights: list[np.ndarray] | None = None,
        seconds_per_epoch: Sequence[float] = (),
    ):
        super().__init__()
        self.recorder, self.recipe, self.progress, self.films = recorder, recipe, progress, films
        self.kept_model, self.best_weights, self.seconds_per_epoch = kept_model, best_weights, seconds_per_epoch
        self.schedule: optimizer.Rate | None = None
        self.pace = Pace()
        self._since = 0.0  # when the last step ended
        self._recorded = 0.0  # when the last moment was recorded

    def begin_phase(self, schedule: optimizer.Rate | None) -> None:
        """A phase begins; `schedule` is what `compile_for` returned for its network."""
        self.schedule = schedule

    def begin_fit(self, steps: int) -> None:
        """A fit begins, of a phase or of what is left of its first epoch; `steps` batches in a whole epoch."""
        self.pace = Pace(steps)

    def on_epoch_begin(self, epoch, logs=None):
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now, progress = time.perf_counter(), self.progress
        progress.step += 1
        if self.pace.compiled:
            progress.epoch_seconds += now - self._since
            self.pace.step(now - self._since)
        else:  # the first step holds the compilation, which is no learning time
            self.pace.compiled, self._recorded = True, now
            self.recorder.stage(Stage.LEARNING)
        self._since = now
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise Diverged(
                f"The loss is no longer a number at epoch {progress.epoch + 1}, step {progress.step}, learning rate "
                f"{self._learning_rate():.2g}."
            )
        if now - self._recorded > MOMENT_SECONDS:
            self._record_moment(dict(logs or {}), now)

    def on_test_batch_end(self, batch, logs=None):
        if not self.pace.validated:  # the first batch of validation is compiled as well
            self.pace.validated, self._since = True, time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        progress = self.progress
        figures = {name: float((logs or {})[name]) for name in FIGURES}
        progress.epoch_seconds += time.perf_counter() - self._since  # validation belongs to the epoch
        progress.learning_seconds += progress.epoch_seconds
        row = {"epoch": epoch, "phase": progress.phase, **figures}
        row |= {"learning_rate": self._learning_rate(), "seconds": progress.epoch_seconds}
        progress.history = [*progress.history, row]  # a new list: others hold copies of progress
        self.recorder.epoch(row)
        progress.epoch, progress.step, progress.epoch_seconds = epoch + 1, 0, 0.0
        self._note_best(epoch, figures)
        self._record_moment(figures, time.perf_counter())

    def restore_kept(self, model: keras.Model) -> None:
        """Give the model the weights that the recipe keeps."""
        if self.best_weights is not None:
            model.set_weights(self.best_weights)

    def _note_best(self, epoch: int, figures: Mapping[str, float]) -> None:
        progress = self.progress
        if progress.best_loss is None or figures["val_loss"] < progress.best_loss:
            progress.best_loss, progress.best_accuracy = figures["val_loss"], figures["val_accuracy"]
            progress.best_epoch = epoch
            if self.recipe.keep == "best" and self.kept_model is not None:
                self.best_weights = self.kept_model.get_weights()

    def _record_moment(self, figures: Mapping[str, Any], now: float) -> None:
        self._recorded = now
        pace = self.pace.steps_per_second()
        self.recorder.moment(
            Moment(
                dataclasses.replace(self.progress),
                self.recipe.epochs,
                self.pace.steps,
                self._eta(),
                self._learning_rate(),
                pace * self.films / self.pace.steps if pace else None,
                {name: float(figures[name]) for name in FIGURES if name in figures},
            )
        )

    def _learning_rate(self) -> float:
        return optimizer.rate_of(self.model, self.schedule)

    def _eta(self) -> float | None:
        """Seconds to go at the pace of this phase; None while it has none, or where that of later phases is unknown."""
        progress, phases = self.progress, self.recipe.phases
        later = phases[progress.phase + 1 :]
        if not self.pace.timed or (later and len(self.seconds_per_epoch) != len(phases)):
            return None
        epochs = phases[progress.phase].epochs - (progress.epoch - progress.began)
        paces = self.seconds_per_epoch[progress.phase + 1 :]
        rest = sum(phase.epochs * seconds for phase, seconds in zip(later, paces, strict=False))
        return self.pace.seconds / self.pace.timed * (epochs * self.pace.steps - progress.step) + rest


class Saving(keras.callbacks.Callback):
    """Saves a checkpoint now and then, and at once when the training was asked to stop. The last of the callbacks.

    `check` raises where the training cannot go on; it is asked between epochs, and only after a checkpoint.
    """

    def __init__(
        self, log: ProgressLog, writer: Writer, others: Sequence[keras.callbacks.Callback], check: Callable[[], None]
    ):
        super().__init__()
        self.log, self.writer, self.others, self.check = log, writer, others, check
        self._saved = -math.inf
        self._asked: float | None = None  # when a stop was seen first during a validation

    def on_train_batch_end(self, batch, logs=None):
        if self.log.progress.step >= self.log.pace.steps:
            return  # the epoch ends with its validation; there is nothing to go on with in between
        asked = self.log.recorder.stop_asked()
        if asked or self.due():
            self._save()
        if asked:
            self._stop("Stopped between two steps.")

    def on_test_batch_end(self, batch, logs=None):
        if not self.log.recorder.stop_asked():
            return
        self._asked = self._asked or time.perf_counter()
        if time.perf_counter() - self._asked > VALIDATION_GRACE:
            self._stop("Stopped during a long validation; the epoch continues from its last checkpoint.")

    def on_epoch_end(self, epoch, logs=None):
        asked = self.log.recorder.stop_asked()
        self._note_counters()
        if self.model.stop_training:
            return  # early stopping ended the phase
        if asked or self.due():
            self._save()
            self.check()
        if asked:
            self._stop("Stopped between two epochs.")

    def due(self) -> bool:
        """Is it time for another checkpoint?"""
        wait = min(self.writer.seconds / WRITING_SHARE, MOST_SECONDS)
        return not self.writer.busy and time.perf_counter() - self._saved > wait

    def _stop(self, words: str) -> None:
        self.writer.wait()
        raise Stopped(words)

    def _note_counters(self) -> None:
        """Note the counters of Keras's callbacks: they change only between epochs."""
        for other in self.others:
            if names := COUNTERS.get(type(other)):
                counters = {name: _plain(getattr(other, name, None)) for name in names}
                self.log.progress.counters[type(other).__name__] = counters

    def _save(self) -> None:
        learner = self.model  # asking Keras for it brings JAX's state back into the variables
        network = self.log.kept_model
        assert network is not None
        self.writer.save(checkpoint.capture(self.log.progress, network, learner, self.log.best_weights))
        self._saved = time.perf_counter()


def _plain(value):
    return None if value is None else float(value) if isinstance(value, float | np.floating) else int(value)
