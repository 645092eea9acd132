"""Training: fits a recipe's network to a dataset's training split and leaves everything in the run's folder.

Written against Keras 3 alone. Never chooses by the test split, never writes outside the run's folder.
"""

from __future__ import annotations

import gc

import keras
import numpy as np

from xraykit.datasets import dataset, layout
from xraykit.datasets import split as splits
from xraykit.evaluation import calibration, evaluation
from xraykit.system import files
from xraykit.system.job_folder import Stopped
from xraykit.training.fit import autotune, checkpoint, network
from xraykit.training.fit.batches import FilmBatches
from xraykit.training.fit.callbacks import EpochOrder, GoOn, Report, RunLog, Saving, StopWatch, facts
from xraykit.training.fit.checkpoint import Checkpoint, Progress
from xraykit.training.fit.optimizer import compile_for
from xraykit.training.recipe.recipe import Augmentation, Phase, Recipe, RecipeRefused
from xraykit.training.run import failures
from xraykit.training.run.run import Failure, Run


def fit(run: Run, recipe: Recipe, films: dataset.Dataset, report: Report | None = None) -> None:
    """Train, evaluate on validation and test, and write the run's files; goes on from the checkpoint if there is one.

    When memory runs out it starts again from the last checkpoint with each batch in two halves whose gradients are
    added up, once.

    Raises
    ------
    Stopped
        If the run was asked to stop; a checkpoint is written.
    Diverged, DatasetRefused, RecipeRefused, RunRefused, OSError, or the backend's own error
        Whatever ended the training.
    """
    split = run.read("status.json").get("split", 1)
    try:
        return _Fit(run, recipe, films, report, split).train()
    except Exception as error:
        if failures.kind_of(error) is not Failure.OUT_OF_MEMORY or recipe.batch_size < 2 or split > 1:
            raise
        run.event("out of memory", message=str(error)[:500], batch=recipe.batch_size // 2, accumulation=2)
    keras.utils.clear_session()  # outside the except block, which holds on to the tensors of the attempt
    gc.collect()
    run.update(split=2)
    return _Fit(run, recipe, films, report, 2).train()


def prepare(
    model: keras.Model, recipe: Recipe, phase: Phase, squares, watch: list | None = None, split: int = 1
) -> tuple[keras.Model, np.ndarray, Augmentation | None]:
    """What a phase fits, on which inputs, with which augmentation.

    A frozen backbone that always sees the same films is passed through once; then only the head is fitted, on what
    comes out of the pooling, (N, K) or (N, h * w * K).
    """
    network.set_trainable(model, phase.trainable, recipe.batch_normalization)
    augmentation = recipe.augmentation if phase.augment and recipe.augmentation.active else None
    if phase.trainable != "head" or augmentation is not None:
        return model, squares, augmentation
    size = max(1, recipe.batch_size // split)
    pooled = network.body_of(model).predict(squares, batch_size=size, verbose=0, callbacks=watch)
    return network.head_of(model), pooled, None


def class_weights(films: dataset.Dataset, indices: np.ndarray, recipe: Recipe) -> tuple[float, ...] | None:
    """One weight per class, in class order: the recipe's own, or balanced ones, or None where it weighs none.

    Raises
    ------
    RecipeRefused
        If the recipe's own weights are not one per class.
    DatasetRefused
        If a class to be balanced has no film.
    """
    if recipe.class_weights is None:
        return splits.balanced_weights(films, indices) if recipe.balance == "weights" else None
    if len(recipe.class_weights) != len(films.classes):
        words = (
            f"Expected {len(films.classes)} class weights, one each for {', '.join(films.classes)}; got "
            f"{len(recipe.class_weights)}."
        )
        raise RecipeRefused(words, {"class_weights": words})
    return recipe.class_weights


def finish(run: Run, recipe: Recipe, model, films: dataset.Dataset, parts: splits.Split, squares) -> None:
    """What follows the last epoch: bias correction, the saved network, truth and logits of validation and test."""
    run.update(stage="evaluating", eta=None)
    watch = [StopWatch(run)]
    if recipe.bias_correction:
        _correct_biases(model, films, parts.validation, squares, watch)
    _evaluate(run, model, films, parts, squares, watch)
    run.update(stage="saving")
    # A model that was never compiled: the optimiser's moments would treble the file
    part = run.path / ".model.part.keras"
    keras.Model(model.input, model.output, name=model.name).save(part)
    part.replace(run.path / "model.keras")


class _Fit:
    """One attempt at a run: what its phases share."""

    def __init__(self, run: Run, recipe: Recipe, films: dataset.Dataset, report: Report | None, split: int):
        self.run, self.recipe, self.films = run, recipe, films
        self.parts = _parts(run, recipe, films)
        self.found = checkpoint.load(run, recipe)
        self.finer = 1
        self.progress = self._begin(split)
        self.learned = splits.training(films, self.parts.train, recipe.split_plan)
        run.write("data.json", splits.describe(films, self.parts, self.learned))
        self.squares = films.squares(recipe.image_size, recipe.channels)
        self.writer = checkpoint.Writer(run, recipe)
        self.log = RunLog(run, recipe, self.progress, len(self.learned), report)

    def _begin(self, split: int) -> Progress:
        """Where the checkpoint stands, or the very beginning; history and moments are cut back to it."""
        if self.found is None:
            chosen = self._choose_speed()
            progress = Progress(split=split, precision=chosen.precision, jit=chosen.jit)
        else:
            progress = self.found.progress
            self.finer = max(1, split // progress.split)
            progress.step *= self.finer
            progress.split = max(split, progress.split)
            self.run.event("resumed", epoch=progress.epoch, step=progress.step, phase=progress.phase)
        self.run.truncate_history(progress.epoch)
        self.run.truncate("moments.csv", progress.epoch)
        self.run.update(epoch=progress.epoch, epochs=self.recipe.epochs, step=progress.step, **facts(progress))
        return progress

    def _choose_speed(self) -> autotune.Speed:
        device = self.run.read("status.json").get("device_name", "")
        found = autotune.choose(self.recipe, device, progress=self._tell_measuring)
        if found.trials:
            self.run.event("speed", **found.to_json())
        return found

    def _tell_measuring(self, what: str) -> None:
        self.run.update(stage="measuring the fastest way", message=what)
        if self.run.stop_asked():
            raise Stopped("Stopped before the first step.")

    def train(self) -> None:
        keras.utils.set_random_seed(self.recipe.seed)
        self.run.update(stage="building the network", message=None)
        model = self._build()
        self.run.update(parameters=model.count_params())
        if self.run.read("status.json").get("finish"):  # asked to learn no more
            self.progress.phase = len(self.recipe.phases)
        while self.progress.phase < len(self.recipe.phases):
            self._fit_phase(model, self.recipe.phases[self.progress.phase], self.found)
            self.found = None  # later phases begin afresh
            self.progress.end_phase()
            self.writer.save(self.progress, model, best=self.log.best_weights)
        self.writer.wait()
        self._check_films()
        self.log.restore_kept(model)
        finish(self.run, self.recipe, self._in_float32(model), self.films, self.parts, self.squares)

    def _build(self) -> keras.Model:
        model = network.build(
            self.recipe, len(self.films.classes), precision=self.progress.precision, weights=self.found is None
        )
        if self.found is not None:
            checkpoint.restore_network(model, self.found.network)
            self.log.best_weights = self.found.best
        self.log.kept_model = model
        return model

    def _in_float32(self, model: keras.Model) -> keras.Model:
        """The network that is kept: whatever it was trained in, it is read in single precision."""
        if self.progress.precision == "float32":
            return model
        whole = network.build(self.recipe, len(self.films.classes), weights=False)
        whole.set_weights(model.get_weights())
        return whole

    def _fit_phase(self, model: keras.Model, phase: Phase, found: Checkpoint | None) -> None:
        progress = self.progress
        if phase.trainable == "head":
            self.run.update(stage="passing films through the frozen backbone")
        watch = [StopWatch(self.run)]
        learner, inputs, augmentation = prepare(model, self.recipe, phase, self.squares, watch, progress.split)
        train, validation = self._batches(inputs, augmentation)
        self.run.update(stage="compiling", steps=len(train))
        steps = len(train) // progress.split
        compile_for(learner, self.recipe, phase, steps, jit=progress.jit, accumulation=progress.split)
        last = progress.began + phase.epochs
        metrics: list[np.ndarray] = []
        if found is not None and found.optimizer:
            checkpoint.restore_optimizer(learner, found.optimizer, finer=self.finer)
            learner.test_on_batch(*validation[0][:2])  # Keras makes the running means only when they are first used
            metrics = found.metrics
        try:
            self._fit_rest_and_whole(learner, train, validation, last, metrics)
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
        counting = _counting(self.recipe, self.recipe.phases[self.progress.phase])
        learner.fit(
            train,
            validation_data=validation,
            initial_epoch=self.progress.epoch,
            epochs=last,
            shuffle=False,  # FilmBatches shuffles by seed and epoch, so that a run can be repeated
            verbose=0,
            callbacks=[
                EpochOrder(train),
                self.log,
                *counting,
                GoOn(counting, self.progress, metrics),
                Saving(self.log, self.writer, counting, self._check_films),
            ],
        )
        return bool(learner.stop_training)

    def _check_films(self) -> None:
        """A run could go on without its files, decoded as they are; but nobody could check or keep what it learns."""
        if gone := self.films.missing():
            raise layout.DatasetRefused(
                f"Expected the {len(self.films)} films of {self.films.root}; {len(gone)} are gone, the first is "
                f"{gone[0]}. Put them back and resume: nothing that was learned is lost."
            )

    def _batches(self, inputs, augmentation: Augmentation | None) -> tuple[FilmBatches, FilmBatches]:
        recipe, films = self.recipe, self.films
        shared = {"classes": len(films.classes), "batch_size": recipe.batch_size, "split": self.progress.split}
        train = FilmBatches(
            inputs,
            films.labels,
            self.learned,
            seed=recipe.seed,
            augmentation=augmentation,
            class_weights=class_weights(films, self.learned, recipe),
            processes=autotune.processes(),
            **shared,
        )
        return train, FilmBatches(inputs, films.labels, self.parts.validation, **shared)


def _parts(run: Run, recipe: Recipe, films: dataset.Dataset) -> splits.Split:
    """The split; a run that has begun keeps the one it recorded, whatever library would divide the films today."""
    if not (run.path / "data.json").is_file():
        return splits.split(films, recipe.split_plan)
    recorded = run.read("data.json")
    dataset.expect(films, recorded, run.name)
    part_of = {(film["film"], film["sha256"]): film["part"] for film in recorded["films"]}
    parts = np.array([part_of[key] for key in zip(films.films, films.hashes, strict=True)])
    return splits.Split(*(np.flatnonzero(parts == name) for name in ("train", "validation", "test")))


def _counting(recipe: Recipe, phase: Phase) -> list[keras.callbacks.Callback]:
    """Keras's own callbacks that count epochs without progress."""
    found: list[keras.callbacks.Callback] = []
    if phase.schedule == "plateau":
        found.append(
            keras.callbacks.ReduceLROnPlateau(
                factor=recipe.plateau_factor, patience=recipe.plateau_patience, min_lr=1e-7
            )
        )
    if recipe.early_stopping is not None:
        found.append(keras.callbacks.EarlyStopping(patience=recipe.early_stopping))
    return found


def _correct_biases(model, films: dataset.Dataset, validation: np.ndarray, squares, watch: list) -> None:
    logits = network.logits_of(model).predict(squares[validation], verbose=0, callbacks=watch)
    biases = calibration.fit_biases(logits.astype(float), films.labels[validation])
    layer = model.get_layer("logits")
    layer.bias.assign(keras.ops.convert_to_numpy(layer.bias) + biases.astype(np.float32))


def _evaluate(run: Run, model, films: dataset.Dataset, parts: splits.Split, squares, watch: list) -> None:
    """Write truth and logits of validation and test; probabilities are made from them once calibrated."""
    to_logits = network.logits_of(model)
    for part, file in evaluation.FILES.items():
        indices = parts.parts()[part]
        logits = to_logits.predict(squares[indices], verbose=0, callbacks=watch)
        reading = evaluation.Evaluation(
            model=run.name,
            classes=films.classes,
            films=tuple(films.films[i] for i in indices),
            truth=films.labels[indices],
            logits=logits.astype(float),
            hashes=tuple(films.hashes[i] for i in indices),
            groups=tuple(films.groups[indices].tolist()),
            data=f"{films.root.name}, {part} split",
        )
        files.replace_text(run.path / file, reading.to_json())
