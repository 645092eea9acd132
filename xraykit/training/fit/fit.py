"""Training: fits a recipe's network to a dataset's training split, then reads validation and test films with it.

Written against Keras 3 alone. Never chooses by the test split; knows no run folder: what it needs is in a Plan, and
what it has to say goes to a Recorder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from xraykit.datasets import dataset, layout
from xraykit.datasets import split as splits
from xraykit.evaluation import calibration
from xraykit.evaluation.evaluation import FILES, Evaluation
from xraykit.models.conversion import archive
from xraykit.system.devices import DeviceRefused
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training.fit import autotune, callbacks, checkpoint
from xraykit.training.fit.callbacks import ProgressLog, Recorder, StopOnRequest
from xraykit.training.fit.checkpoint import Checkpoint
from xraykit.training.fit.input import cut as cuts
from xraykit.training.fit.input import features
from xraykit.training.fit.input.batches import FilmBatches, Inputs, replicas
from xraykit.training.fit.input.cut import Cut
from xraykit.training.fit.input.prepared import Prepared, prepare
from xraykit.training.fit.network import network
from xraykit.training.fit.optimizer import compile_for
from xraykit.training.fit.plan import Plan
from xraykit.training.recipe.recipe import Augmentation, Phase, Recipe, RecipeRefused
from xraykit.training.recipe.rules import Fault
from xraykit.training.run import failures
from xraykit.training.run.run import Failure, Stage

TELL_SECONDS = 0.5  # between two words on how far a pass is
READ_SIZE = 32  # films at once, when the finished network reads a part


def fit(plan: Plan, recorder: Recorder) -> None:
    """Train as planned, evaluate on validation and test, and hand the network and its evaluations to the recorder.

    When memory runs out it starts again from the last checkpoint with each batch in two halves whose gradients are
    added up, once.

    Raises
    ------
    Stopped
        If the recorder says that a stop was asked; a checkpoint is written.
    Diverged, DatasetRefused, RecipeRefused, RunRefused, WeightsMissing, OSError, or the backend's own error
        Whatever ended the training.
    """
    try:
        return _Training(plan, recorder).run()
    except Exception as error:
        out_of_memory = failures.kind_of(error) is Failure.OUT_OF_MEMORY
        if not out_of_memory or plan.recipe.batch_size < 2 or plan.accumulation > 1:
            raise
        half = plan.recipe.batch_size // 2
        recorder.event("out of memory", message=failures.words(error), batch=half, accumulation=2)
    let_go()  # outside the except block, which holds on to the tensors of the attempt
    halved = dataclasses.replace(plan, accumulation=2, checkpoint=recorder.last_checkpoint())
    return _Training(halved, recorder).run()


def let_go() -> None:
    """Let go of the networks that this process has trained before: a study trains many, one after the other."""
    keras.utils.clear_session()
    gc.collect()


@contextlib.contextmanager
def distributed(recipe: Recipe) -> Iterator[None]:
    """Divide each batch among all devices that the backend sees, by Keras's own means; on one device nothing changes.

    Raises
    ------
    DeviceRefused
        If the backend is another than JAX, the only one for which Keras can do it.
    RecipeRefused
        If a batch cannot be divided among them.
    """
    if keras.backend.backend() != "jax":
        raise DeviceRefused(
            f"Training on all GPUs at once needs the backend jax; this process has {keras.backend.backend()}."
        )
    distribution = keras.distribution.DataParallel()
    count = distribution.num_model_replicas
    if recipe.batch_size % count:
        words = f"Expected a batch size that {count} devices can share; got {recipe.batch_size}."
        raise RecipeRefused(words, {"batch_size": Fault(words, f"Enter a multiple of {count}.")})
    keras.distribution.set_distribution(distribution)
    try:
        yield
    finally:
        keras.distribution.set_distribution(None)


def evaluate(name: str, films: dataset.Dataset, indices: np.ndarray, part: str, logits: np.ndarray) -> Evaluation:
    """Truth and logits (n, classes) of some films of the run `name`, before calibration."""
    return Evaluation(
        model=name,
        classes=films.classes,
        films=tuple(films.films[i] for i in indices),
        truth=films.labels[indices],
        logits=logits.astype(float),
        hashes=tuple(films.hashes[i] for i in indices),
        groups=tuple(films.groups[indices].tolist()),
        data=f"{films.root.name}, {part} split",
    )


def read_logits(file: Path, squares: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """What the network of `file` gives before its softmax for some of the films: (n, classes) float64."""
    archive.check_archive(file)  # before Keras makes anything of it
    model = keras.saving.load_model(file, custom_objects={}, compile=False, safe_mode=True)
    return _read(network.logits_of(model), squares, np.zeros(len(squares), np.int64), indices)


def film_weights(films: dataset.Dataset, indices: np.ndarray, recipe: Recipe) -> np.ndarray | None:
    """What each film weighs, (N,) float32: by the recipe's class weights or balance; None where all weigh the same.

    Raises
    ------
    RecipeRefused
        If the recipe's own weights are not one per class.
    DatasetRefused
        If a class to be balanced has no film, or no film has a source where sources are balanced.
    """
    if recipe.balance == "cells":
        return splits.cell_weights(films, indices)
    weights = recipe.class_weights
    if weights is None:
        weights = splits.balanced_weights(films, indices) if recipe.balance == "weights" else None
    elif len(weights) != len(films.classes):
        words = (
            f"Expected {len(films.classes)} class weights, one each for {', '.join(films.classes)}; got {len(weights)}."
        )
        advice = f"Enter {len(films.classes)} weights, one for each class."
        raise RecipeRefused(words, {"class_weights": Fault(words, advice)})
    return None if weights is None else np.asarray(weights, np.float32)[films.labels]


def counting_callbacks(recipe: Recipe, phase: Phase) -> list[keras.callbacks.Callback]:
    """Keras's own callbacks that count epochs without progress."""
    counting: list[keras.callbacks.Callback] = []
    if phase.schedule == "plateau":
        counting.append(
            keras.callbacks.ReduceLROnPlateau(
                factor=recipe.plateau_factor, patience=recipe.plateau_patience, min_lr=1e-7
            )
        )
    if recipe.early_stopping is not None:
        counting.append(keras.callbacks.EarlyStopping(patience=recipe.early_stopping))
    return counting


class _Training:
    """One attempt: what its phases share."""

    def __init__(self, plan: Plan, recorder: Recorder):
        self.plan, self.recipe, self.films, self.recorder = plan, plan.recipe, plan.films, recorder
        self.progress = plan.start()
        recorder.begin(self.progress, self.recipe.epochs)
        if plan.checkpoint is not None:
            at = {"epoch": self.progress.epoch, "step": self.progress.step, "phase": self.progress.phase}
            recorder.event("resumed", **at)
        self.squares = self.films.squares(self.recipe.image_size, self.recipe.channels)
        self.model = self._build()
        self.log = ProgressLog(
            recorder,
            self.recipe,
            self.progress,
            len(plan.learned),
            kept_model=self.model,
            best_weights=plan.checkpoint.best if plan.checkpoint is not None else None,
            seconds_per_epoch=plan.seconds_per_epoch,
        )
        self.writer = checkpoint.Writer(recorder.checkpoint)
        self.passed: tuple[Cut, features.Features] | None = None  # of the phase underway, or the last

    def run(self) -> None:
        try:
            self._learn()
        finally:
            self.writer.close()
        self._expect_files()
        self.log.restore_kept(self.model)
        self._finish(self._in_float32())

    def _build(self) -> keras.Model:
        keras.utils.set_random_seed(self.recipe.seed)
        self.recorder.stage(Stage.BUILDING, message=None)
        resumed = self.plan.checkpoint
        classes, precision = len(self.films.classes), self.progress.precision
        model = network.build(self.recipe, classes, precision=precision, weights=resumed is None)
        if resumed is not None:
            checkpoint.restore_network(model, resumed.network)
        self.recorder.stage(Stage.BUILDING, parameters=model.count_params())
        return model

    def _in_float32(self) -> keras.Model:
        """The network that is kept: whatever it was trained in, it is read in single precision."""
        if self.progress.precision == "float32":
            return self.model
        whole = network.build(self.recipe, len(self.films.classes), weights=False)
        whole.set_weights(self.model.get_weights())
        return whole

    def _learn(self) -> None:
        """Every phase that is left; each ends with a checkpoint."""
        if self.plan.finish:
            return
        resumed = self.plan.checkpoint
        while self.progress.phase < len(self.recipe.phases):
            self._fit_phase(self.recipe.phases[self.progress.phase], resumed)
            resumed = None  # later phases begin afresh
            self.progress.end_phase()
            self.writer.save(checkpoint.capture(self.progress, self.model, best=self.log.best_weights))
        self.writer.wait()

    def _fit_phase(self, phase: Phase, resumed: Checkpoint | None) -> None:
        progress = self.progress
        learner, train, validation = self._feed(prepare(self.model, self.recipe, phase))
        learning = sum(math.prod(weight.shape) for weight in self.model.trainable_weights)
        self.recorder.stage(Stage.COMPILING, steps=len(train), trainable=learning)
        steps = len(train) // progress.accumulation
        schedule = compile_for(learner, self.recipe, phase, steps, jit=progress.jit, accumulation=progress.accumulation)
        self.log.begin_phase(schedule)
        metrics: list[np.ndarray] = []
        if resumed is not None and resumed.optimizer:
            checkpoint.restore_optimizer(learner, resumed.optimizer, finer=self.plan.finer)
            metrics = resumed.metrics
        try:
            self._fit_rest_and_whole(learner, train, validation, progress.began + phase.epochs, metrics)
        finally:
            train.close()

    def _fit_rest_and_whole(self, learner, train: FilmBatches, validation: FilmBatches, last: int, metrics) -> None:
        progress = self.progress
        if progress.step:  # what is left of the epoch underway is a fit of its own: its steps are fewer
            rest = train.rest(progress.step)
            if self._fit_epochs(learner, rest, validation, len(train), progress.epoch + 1, metrics):
                return
        self._fit_epochs(learner, train, validation, len(train), last, [])

    def _fit_epochs(self, learner, train, validation, steps: int, last: int, metrics: list[np.ndarray]) -> bool:
        """Fit up to epoch `last`; True if early stopping ended the phase."""
        if self.progress.epoch >= last:
            return False
        self.log.begin_fit(steps)
        counting = counting_callbacks(self.recipe, self.recipe.phases[self.progress.phase])
        learner.fit(
            train,
            validation_data=validation,
            initial_epoch=self.progress.epoch,
            epochs=last,
            shuffle=False,  # FilmBatches shuffles by seed and epoch, so that a run can be repeated
            verbose=0,
            callbacks=[
                callbacks.EpochOrder(train),
                self.log,
                *counting,
                callbacks.RestoreCounters(counting, self.progress, metrics),
                callbacks.Saving(self.log, self.writer, counting, self._expect_files),
            ],
        )
        return bool(learner.stop_training)

    def _expect_files(self) -> None:
        """A run could go on without its files, decoded as they are; but nobody could check or keep what it learns."""
        if gone := self.films.missing():
            raise layout.DatasetRefused(
                f"{len(gone)} of the {len(self.films)} films in {self.films.root} are gone, the first is {gone[0]}. "
                "Put them back and resume: nothing that was learned is lost."
            )

    def _feed(self, prepared: Prepared) -> tuple[keras.Model, FilmBatches, FilmBatches]:
        """The network to fit, and the batches that it learns from and is validated on."""
        self.passed = None
        learned, augmentation = self.plan.learned, prepared.augmentation
        in_turn: list[Any] = [
            features.AugmentedFilms(self.squares, self.films.hashes, augmentation, number)
            for number in range(prepared.passes)
            if augmentation is not None
        ]
        if prepared.cut is not None:
            try:
                inputs = self._pass(prepared.cut, self.squares, self._needed(learned if not in_turn else learned[:0]))
                in_turn = [self._pass(prepared.cut, augmented, learned) for augmented in in_turn]
                self.passed = prepared.cut, inputs
                return prepared.learner, *self._batches(inputs, None, in_turn, prepared.mixup)
            except features.NoRoom:
                self.recorder.event("no room for features", message="The frozen layers are computed in every epoch.")
        return self.model, *self._batches(self.squares, None if in_turn else augmentation, in_turn, prepared.mixup)

    def _needed(self, learned: np.ndarray) -> np.ndarray:
        """Films whose features are wanted: those of the test split where the network is read in this precision."""
        parts = self.plan.parts
        test = parts.test if self.progress.precision == "float32" else parts.test[:0]
        return np.concatenate([learned, parts.validation, test])

    def _pass(self, cut: Cut, inputs: np.ndarray | features.AugmentedFilms, indices: np.ndarray) -> features.Features:
        """Films passed through the frozen layers, unless they were before, by whichever run."""
        reported = -math.inf
        self.recorder.stage(Stage.PASSING, stage_done=0, stage_of=len(indices))

        def progress(done: int, total: int) -> None:
            nonlocal reported
            if self.recorder.stop_asked():
                raise Stopped("Stopped between two batches.")
            if time.monotonic() - reported > TELL_SECONDS:
                reported = time.monotonic()
                self.recorder.stage(Stage.PASSING, stage_done=done, stage_of=total)

        size = max(1, self.recipe.batch_size // self.progress.accumulation)
        kept, made = features.passed(
            cut, self.films, inputs, indices, precision=self.progress.precision, batch_size=size, progress=progress
        )
        self.recorder.passed(made)
        self.recorder.stage(Stage.PASSING, stage_done=None, stage_of=None)
        return kept

    def _batches(
        self, inputs: Inputs, augmentation: Augmentation | None, in_turn: Sequence[Inputs], mixup: float
    ) -> tuple[FilmBatches, FilmBatches]:
        recipe, films, learned = self.recipe, self.films, self.plan.learned
        shared = {
            "classes": len(films.classes),
            "batch_size": recipe.batch_size,
            "accumulation": self.progress.accumulation,
        }
        train = FilmBatches(
            inputs,
            films.labels,
            learned,
            seed=recipe.seed,
            augmentation=augmentation,
            weights=film_weights(films, learned, recipe),
            processes=autotune.processes(),
            in_turn=in_turn,
            mixup=mixup,
            **shared,
        )
        return train, FilmBatches(inputs, films.labels, self.plan.parts.validation, **shared)

    def _finish(self, model: keras.Model) -> None:
        """What follows the last epoch: bias correction, the readings of validation and test, the network."""
        self.recorder.stage(Stage.EVALUATING, eta=None)
        to_logits, inputs = self._reader(model)
        biases = self._correct_biases(to_logits, inputs) if self.recipe.bias_correction else None
        films_of = self.plan.parts.parts()
        evaluations = {part: self._evaluate(to_logits, inputs, part) for part in FILES if len(films_of[part])}
        self.recorder.stage(Stage.SAVING, class_biases=biases)
        # A model that was never compiled: the optimiser's moments would treble the file
        self.recorder.result(keras.Model(model.input, model.output, name=model.name), evaluations)

    def _reader(self, model: keras.Model) -> tuple[keras.Model, Inputs]:
        """What gives the logits of the finished network, and what it is given: features, where they are still its own.

        The weights that are kept may be those of an earlier phase, which changed other layers.
        """
        if self.passed is not None and model is self.model:
            cut, inputs = self.passed
            if cuts.digest(cut.body) == cut.digest:
                return cut.logits(), inputs
        return network.logits_of(model), self.squares

    def _correct_biases(self, to_logits: keras.Model, inputs: Inputs) -> list[float]:
        validation = self.plan.parts.validation
        biases = calibration.fit_biases(self._logits(to_logits, inputs, validation), self.films.labels[validation])
        layer = to_logits.get_layer("logits")
        layer.bias.assign(keras.ops.convert_to_numpy(layer.bias) + biases.astype(np.float32))
        return (biases - biases.min()).tolist()  # a status holds no negative number

    def _evaluate(self, to_logits: keras.Model, inputs: Inputs, part: str) -> Evaluation:
        indices = self.plan.parts.parts()[part]
        return evaluate(self.plan.name, self.films, indices, part, self._logits(to_logits, inputs, indices))

    def _logits(self, to_logits: keras.Model, inputs: Inputs, indices: np.ndarray) -> np.ndarray:
        """(n, classes) float64"""
        watch = [StopOnRequest(self.recorder.stop_asked)]
        return _read(to_logits, inputs, self.films.labels, indices, watch)


def _read(to_logits, inputs: Inputs, labels: np.ndarray, indices: np.ndarray, watch=()) -> np.ndarray:
    """Logits of films, (n, classes) float64, read batch by batch."""
    size = READ_SIZE * replicas()
    fed = FilmBatches(inputs, labels, indices, classes=int(labels.max()) + 1, batch_size=size)
    return to_logits.predict(fed, verbose=0, callbacks=list(watch))[: len(indices)].astype(float)
