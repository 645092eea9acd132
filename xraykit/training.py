"""Training: fits a recipe's network to a dataset's training split and leaves everything in the run's folder.

Written against Keras 3 alone. Never chooses by the test split, never writes outside the run's folder.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from xraykit import calibration, dataset, network
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


def fit(run: Run, recipe: Recipe, films: dataset.Dataset, report: Report | None = None) -> str:
    """Train, evaluate on validation and test, and write the run's files; returns the final state.

    Raises
    ------
    Whatever stopped the training; the run's status names it as a typed failure first.
    """
    with run.hold():
        run.update(state="running", backend=keras.backend.backend(), epochs=recipe.epochs)
        run.event("started", keras=keras.__version__, backend=keras.backend.backend())
        try:
            state = _fit(run, recipe, films, report)
        except BaseException as error:
            kind, advice = _failure(error)
            run.update(state="failed", failure=kind, advice=advice, message=str(error)[:500])
            run.event("failed", failure=kind, message=str(error)[:500])
            raise
        run.update(state=state, eta=0.0)
        run.event(state)
        return state


def _fit(run: Run, recipe: Recipe, films: dataset.Dataset, report: Report | None) -> str:
    keras.utils.set_random_seed(recipe.seed)
    parts = dataset.split(films, recipe.validation, recipe.test, recipe.seed)
    run.write("data.json", dataset.describe(films, parts))
    squares = films.squares(recipe.image_size, recipe.channels)
    model = network.build(recipe, len(films.classes))
    log = RunLog(run, recipe, report)
    for number, phase in enumerate(recipe.phases):
        log.begin_phase(number)
        _fit_phase(model, recipe, phase, squares, films.labels, parts, log)
        if log.stopped:
            break
    log.restore_kept(model)
    run.update(learning_seconds=round(log.learning_seconds, 1), best_epoch=log.best_epoch)
    finish(run, recipe, model, films, parts, squares)
    return "stopped" if log.stopped else "finished"


def finish(run: Run, recipe: Recipe, model, films: dataset.Dataset, parts: dataset.Split, squares) -> None:
    """What follows the last epoch: bias correction, the saved network, truth and logits of validation and test."""
    if recipe.bias_correction:
        _correct_biases(model, films, parts.validation, squares)
    # A model that was never compiled: the optimiser's moments would treble the file
    keras.Model(model.input, model.output, name=model.name).save(run.path / "model.keras")
    run.update(parameters=model.count_params())
    _evaluate(run, model, films, parts, squares)


def _fit_phase(model, recipe: Recipe, phase: Phase, squares, labels, parts: dataset.Split, log: RunLog) -> None:
    """Fit one phase; a frozen backbone that always sees the same films is passed through once, then only the head."""
    network.set_trainable(model, phase.trainable, recipe.batch_normalization)
    augmentation = recipe.augmentation if phase.augment and recipe.augmentation.active else None
    learner, inputs = model, squares
    if phase.trainable == "head" and augmentation is None:
        learner = network.head_of(model)
        inputs = network.body_of(model).predict(squares, batch_size=recipe.batch_size, verbose=0)
    log.kept_model = model
    batches = {
        name: FilmBatches(
            inputs,
            labels,
            indices,
            classes=model.output.shape[-1],
            batch_size=recipe.batch_size,
            seed=recipe.seed if name == "train" else None,
            augmentation=augmentation if name == "train" else None,
            class_weights=recipe.class_weights if name == "train" else None,
        )
        for name, indices in parts.parts().items()
        if name != "test"
    }
    compile_for(learner, recipe, phase)
    first = log.epoch
    learner.fit(
        batches["train"],
        validation_data=batches["validation"],
        initial_epoch=first,
        epochs=first + phase.epochs,
        shuffle=False,  # FilmBatches shuffles by seed and epoch, so that a run can be repeated
        verbose=0,
        callbacks=_callbacks(recipe, phase, batches["train"], first, log),
    )


def compile_for(learner, recipe: Recipe, phase: Phase) -> None:
    """Give the network the optimiser and loss of a phase."""
    optimizers = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    options = {"weight_decay": phase.weight_decay} if phase.optimizer == "adamw" else {}
    optimizer = optimizers[phase.optimizer](float(phase.learning_rate), **options)
    if phase.optimizer == "adamw":
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    learner.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        # XLA takes minutes to compile MobileNetV2 on a CPU; the other backends compile in their own way.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )


def _callbacks(recipe: Recipe, phase: Phase, batches: FilmBatches, first: int, log: RunLog) -> list:
    callbacks: list[keras.callbacks.Callback] = [_EpochOrder(batches)]
    if phase.schedule == "cosine" or phase.warmup_epochs:
        callbacks.append(_Schedule(phase, len(batches), first))
    if phase.schedule == "plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                factor=recipe.plateau_factor, patience=recipe.plateau_patience, min_lr=1e-7
            )
        )
    if recipe.early_stopping is not None:
        callbacks.append(keras.callbacks.EarlyStopping(patience=recipe.early_stopping))
    return [*callbacks, log]


def _correct_biases(model, films: dataset.Dataset, validation: np.ndarray, squares) -> None:
    logits = network.logits_of(model).predict(squares[validation], verbose=0)
    biases = calibration.fit_biases(logits.astype(float), films.labels[validation])
    layer = model.get_layer("logits")
    layer.bias.assign(keras.ops.convert_to_numpy(layer.bias) + biases.astype(np.float32))


def _evaluate(run: Run, model, films: dataset.Dataset, parts: dataset.Split, squares) -> None:
    """Write truth and logits of validation and test; probabilities are made from them once calibrated."""
    to_logits = network.logits_of(model)
    found = {"classes": list(films.classes)}
    for name in ("validation", "test"):
        indices = parts.parts()[name]
        logits = to_logits.predict(squares[indices], verbose=0)
        found[name] = {
            "films": [films.films[i] for i in indices],
            "truth": films.labels[indices].tolist(),
            "logits": np.round(logits.astype(float), 6).tolist(),
        }
    run.write("evaluation.json", found)


class _EpochOrder(keras.callbacks.Callback):
    """Tells the batches which epoch it is; their order and augmentation follow from it."""

    def __init__(self, batches: FilmBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch


class _Schedule(keras.callbacks.Callback):
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


def _failure(error: BaseException) -> tuple[str, str]:
    """Typed failure and advice."""
    if isinstance(error, MemoryError) or "ResourceExhausted" in type(error).__name__:
        return "out of memory", "Choose a smaller batch or smaller films."
    if isinstance(error, Diverged):
        return "diverged", "Choose a lower learning rate or a longer warm-up."
    if isinstance(error, dataset.DatasetRefused | FileNotFoundError):
        return "data", "Check that the films and weight files are still where the recipe says."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "disk", "Free some space and start the run again."
    return "crashed", "Read log.txt in the run's folder."
