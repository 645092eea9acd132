"""Callbacks: what happens beside the fitting: the order of films, the run's files, the checkpoint, the stop.

Never builds or feeds a network.
"""

from __future__ import annotations

import collections
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from xraykit.system.job_folder import Stopped
from xraykit.training.fit import checkpoint, optimizer
from xraykit.training.fit.batches import FilmBatches
from xraykit.training.fit.checkpoint import Progress, Writer
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run.run import Diverged, Run

SAY_SECONDS = 2.0  # between two writings of the status
PACE_MOMENTS = 5  # that images a second are an average of
WRITING_SHARE = 0.02  # of the time may go into checkpoints
MOST_SECONDS = 120.0  # between two checkpoints
VALIDATION_GRACE = 5.0  # seconds a stop waits for the validation to end: the epoch is then complete
# What Keras's own callbacks count, and forget when a fit begins
COUNTERS = {
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.EarlyStopping: ("best", "wait", "best_epoch", "stopped_epoch"),
}


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


class EpochOrder(keras.callbacks.Callback):
    """Tells the batches which epoch it is; their order and augmentation follow from it."""

    def __init__(self, batches: FilmBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch


class StopWatch(keras.callbacks.Callback):
    """Ends a pass over films (predict) when the run was asked to stop."""

    def __init__(self, run: Run):
        super().__init__()
        self.run = run

    def on_predict_batch_end(self, batch, logs=None):
        if self.run.stop_asked():
            raise Stopped("Stopped between two batches.")


class GoOn(keras.callbacks.Callback):
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


class RunLog(keras.callbacks.Callback):
    """Writes history, moments and status, and notices a loss that is no number. Lives through all phases."""

    def __init__(self, run: Run, recipe: Recipe, progress: Progress, films: int, report: Report | None = None):
        super().__init__()
        self.run, self.recipe, self.progress, self.films, self.report = run, recipe, progress, films, report
        self.best_weights: list[np.ndarray] | None = None
        self.kept_model: keras.Model | None = None
        self.estimate = _estimate(run)
        self.steps = 1
        self._wrote = 0.0

    def begin_fit(self, steps: int) -> None:
        """A fit begins, of a phase or of what is left of its first epoch; `steps` batches a whole epoch."""
        self.steps, self._compiled, self._validated, self._seconds, self._timed = steps, False, False, 0.0, 0
        self._marks = collections.deque([(0.0, 0)], maxlen=PACE_MOMENTS)

    def on_epoch_begin(self, epoch, logs=None):
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        progress = self.progress
        progress.step += 1
        if self._compiled:
            progress.epoch_seconds += now - self._since
            self._seconds += now - self._since
            self._timed += 1
        else:  # the first step holds the compilation, which is no learning time
            self._compiled, self._wrote = True, now
            self.run.update(stage="learning")
        self._since = now
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise Diverged(
                f"The loss is no longer a number at epoch {progress.epoch + 1}, step {progress.step}, learning rate "
                f"{optimizer.rate_of(self.model):.2g}."
            )
        if now - self._wrote > SAY_SECONDS:
            self._wrote = now
            self._say(dict(logs or {}))

    def on_test_batch_end(self, batch, logs=None):
        if not self._validated:  # the first batch of validation is compiled as well
            self._validated, self._since = True, time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        progress = self.progress
        logs = {key: float(value) for key, value in (logs or {}).items()}
        progress.epoch_seconds += time.perf_counter() - self._since  # validation belongs to the epoch
        progress.learning_seconds += progress.epoch_seconds
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        row = {"epoch": epoch, "phase": progress.phase, **{name: f"{logs[name]:.7g}" for name in names}}
        row |= {"learning_rate": optimizer.rate_of(self.model), "seconds": round(progress.epoch_seconds, 2)}
        self.run.append_history(row)
        progress.epoch, progress.step, progress.epoch_seconds = epoch + 1, 0, 0.0
        self._keep_best(epoch, logs)
        self._wrote = time.perf_counter()
        self._say(logs)

    def restore_kept(self, model: keras.Model) -> None:
        """Give the model the weights that the recipe keeps."""
        if self.best_weights is not None:
            model.set_weights(self.best_weights)

    def _keep_best(self, epoch: int, logs: dict[str, float]) -> None:
        progress = self.progress
        if progress.best_loss is None or logs["val_loss"] < progress.best_loss:
            progress.best_loss, progress.best_accuracy = logs["val_loss"], logs["val_accuracy"]
            progress.best_epoch = epoch
            if self.recipe.keep == "best" and self.kept_model is not None:
                self.best_weights = self.kept_model.get_weights()

    def _pace(self) -> float | None:
        """Films a second over the last few moments; steps alone count, not what lies between epochs."""
        (began, before), (now, steps) = self._marks[0], (self._seconds, self._timed)
        self._marks.append((now, steps))
        return (steps - before) * self.films / self.steps / (now - began) if now > began else None

    def _say(self, figures: dict) -> None:
        progress, pace = self.progress, self._pace()
        rate = optimizer.rate_of(self.model)
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        figures = {name: float(figures[name]) for name in names if name in figures}
        eta = self._eta()
        self.run.update(
            stage="learning",
            epoch=progress.epoch,
            epochs=self.recipe.epochs,
            step=progress.step,
            steps=self.steps,
            phase=progress.phase,
            eta=eta,
            learning_rate=rate,
            progressed=time.time(),
            **figures,
            **({"images_per_second": round(pace, 1)} if pace else {}),
            **facts(progress),
        )
        if progress.step:
            moment = {"epoch": round(progress.epoch + progress.step / self.steps, 4)}
            moment |= {name: round(figures[name], 6) for name in names[:2] if name in figures}
            moment |= {"learning_rate": rate, "images_per_second": round(pace, 1) if pace else ""}
            self.run.append("moments.csv", moment)
        if self.report:
            self.report(Moment(progress.epoch, self.recipe.epochs, progress.step, self.steps, eta, figures))

    def _eta(self) -> float | None:
        """Seconds to go at the pace of this phase; None while it has none, or where that of later phases is unknown."""
        progress, phases = self.progress, self.recipe.phases
        later = phases[progress.phase + 1 :]
        if not self._timed or (later and len(self.estimate) != len(phases)):
            return None
        epochs = phases[progress.phase].epochs - (progress.epoch - progress.began)
        rest = sum(phase.epochs * pace for phase, pace in zip(later, self.estimate[progress.phase + 1 :], strict=False))
        return self._seconds / self._timed * (epochs * self.steps - progress.step) + rest


class Saving(keras.callbacks.Callback):
    """Saves a checkpoint now and then, and at once when the run was asked to stop. The last of the callbacks.

    `check` raises where the run cannot go on; it is asked between epochs, and only after a checkpoint.
    """

    def __init__(
        self, log: RunLog, writer: Writer, others: Sequence[keras.callbacks.Callback], check: Callable[[], None]
    ):
        super().__init__()
        self.log, self.writer, self.others, self.check = log, writer, others, check
        self._saved, self._asked = -math.inf, None

    def on_train_batch_end(self, batch, logs=None):
        if self.log.progress.step >= self.log.steps:
            return  # the epoch ends with its validation; there is nothing to go on with in between
        asked = self.log.run.stop_asked()
        if asked or self._due():
            self._save()
        if asked:
            self._stop("Stopped between two steps.")

    def on_test_batch_end(self, batch, logs=None):
        if not self.log.run.stop_asked():
            return
        self._asked = self._asked or time.perf_counter()
        if time.perf_counter() - self._asked > VALIDATION_GRACE:
            self._stop("Stopped in a long validation; the epoch goes on from its last checkpoint.")

    def on_epoch_end(self, epoch, logs=None):
        asked = self.log.run.stop_asked()
        self._count()
        if self._model.stop_training:
            return  # early stopping ended the phase
        if asked or self._due():
            self._save()
            self.check()
        if asked:
            self._stop("Stopped between two epochs.")

    def _stop(self, words: str) -> None:
        self.writer.wait()
        raise Stopped(words)

    def _count(self) -> None:
        """Note the counters of Keras's callbacks: they change only between epochs."""
        for other in self.others:
            if names := COUNTERS.get(type(other)):
                counters = {name: _plain(getattr(other, name, None)) for name in names}
                self.log.progress.counters[type(other).__name__] = counters

    def _due(self) -> bool:
        wait = min(self.writer.seconds / WRITING_SHARE, MOST_SECONDS)
        return not self.writer.busy and time.perf_counter() - self._saved > wait

    def _save(self) -> None:
        assert self.log.kept_model is not None
        learner = self.model  # asking Keras for it brings JAX's state back into the variables
        self.writer.save(self.log.progress, self.log.kept_model, learner, self.log.best_weights)
        self._saved = time.perf_counter()


def facts(progress: Progress) -> dict[str, float | int | None]:
    """What the status tells of a progress."""
    return {
        "best_epoch": progress.best_epoch,
        "best_loss": progress.best_loss,
        "best_accuracy": progress.best_accuracy,
        "learning_seconds": round(progress.learning_seconds + progress.epoch_seconds, 1),
        "split": progress.split,
        "precision": progress.precision,
    }


def _estimate(run: Run) -> tuple[float, ...]:
    """Seconds an epoch of each phase as probed before the start; empty where nobody probed."""
    if not (run.path / "estimate.json").is_file():
        return ()
    return tuple(phase["seconds_per_epoch"] for phase in run.read("estimate.json")["phases"])


def _plain(value):
    return None if value is None else float(value) if isinstance(value, float | np.floating) else int(value)
