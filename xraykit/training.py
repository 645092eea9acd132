"""Training: fits a recipe's network to a dataset's training split and leaves everything in the run's folder.

Written against Keras 3 alone. Never chooses by the test split, never writes outside the run's folder.
"""

from __future__ import annotations

import errno
import traceback

import keras
import numpy as np

from xraykit import calibration, dataset, network
from xraykit.batches import FilmBatches
from xraykit.callbacks import Diverged, EpochOrder, Moment, Report, RunLog, Schedule
from xraykit.recipe import Phase, Recipe
from xraykit.run import Run

__all__ = ["Diverged", "Moment", "Report", "compile_for", "finish", "fit"]


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
            (run.path / "log.txt").write_text(traceback.format_exc(), "utf-8")
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
    callbacks: list[keras.callbacks.Callback] = [EpochOrder(batches)]
    if phase.schedule == "cosine" or phase.warmup_epochs:
        callbacks.append(Schedule(phase, len(batches), first))
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
