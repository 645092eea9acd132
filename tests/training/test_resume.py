"""A run that was stopped and resumed gives the numbers of one that never stopped; what stock Keras does, does not."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers import DATA, ROOT, backend, film_folders
from tests.helpers.late import Late
from xraykit.datasets import dataset, layout, split
from xraykit.evaluation import evaluation
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training import worker
from xraykit.training.recipe import presets, recipe
from xraykit.training.run import run
from xraykit.training.run.run import CheckpointDamaged

keras = Late("keras")
callbacks, checkpoint, fit, network, optimizer = (
    Late(f"xraykit.training.fit.{name}") for name in ("callbacks", "checkpoint", "fit", "network", "optimizer")
)
batches = Late("xraykit.training.fit.input.batches")
prepare = Late("xraykit.training.fit.input.prepared", "prepare")

# A rate so high that the validation loss has no rest: the plateau cuts it and early stopping counts
RESTLESS = recipe.with_settings(
    presets.NAMED["tiny"],
    [
        "phases.0.epochs=8",
        "phases.0.learning_rate=0.3",
        "phases.0.schedule=plateau",
        "plateau_patience=3",
        "early_stopping=4",
        "keep=best",
        "batch_size=16",
        "hidden.0.dropout=0.3",
    ],
)
LONG = recipe.with_settings(RESTLESS, ["phases.0.epochs=20"])  # stopped early
COSINE = recipe.with_settings(
    RESTLESS,
    [
        "phases.0.schedule=cosine",
        "phases.0.warmup_epochs=2",
        "phases.0.optimizer=adamw",
        "phases.0.weight_decay=0.01",
        "phases.0.learning_rate=0.01",
        "early_stopping=null",
    ],
)
SHORT = recipe.with_settings(COSINE, ["phases.0.epochs=3"])
TWO_PHASES = COSINE.change(
    phases=[
        {"epochs": 3, "learning_rate": 3e-3, "trainable": "head", "augment": False},
        {"epochs": 5, "learning_rate": 1e-3, "schedule": "cosine", "warmup_epochs": 1},
    ]
)


@pytest.fixture(scope="module", autouse=True)
def deterministic(tmp_path_factory):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    backend.quick()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return dataset.read(film_folders.make(tmp_path_factory.mktemp("films"), films=40))


class Interrupted(Exception):
    """The way in which training without runs is stopped."""


def stop_at(made, epoch, step):
    """Asks a run to stop after a step of an epoch, counted from where the run went on; -1 is the last."""
    now = None

    def begin(epoch, logs=None):
        nonlocal now
        now = epoch

    def end(batch, logs=None):
        if now == epoch and batch == step % callback.params["steps"]:
            if made is None:
                raise Interrupted
            made.ask_to_stop()

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_train_batch_end=end)
    return callback


def create(films, folder, chosen, name):
    return run.create(json.loads(chosen.to_json()), films.root, folder, name)


@pytest.fixture(scope="module")
def straight(films, tmp_path_factory):
    """Runs that never stopped, one a recipe."""
    done = {}

    def of(chosen):
        if chosen not in done:
            done[chosen] = create(films, tmp_path_factory.mktemp("straight"), chosen, "straight")
            worker.learn(done[chosen], chosen, films)
        return done[chosen]

    return of


def interrupted(films, folder, chosen, monkeypatch, *stops):
    """A run that is stopped at every (epoch, step) of `stops` and resumed, as if in a new process."""
    made = create(films, folder, chosen, "interrupted")
    for epoch, step in stops:
        with monkeypatch.context() as patch:
            patch.setattr(fit, "counting_callbacks", _with(stop_at(made, epoch, step)))
            with pytest.raises(Stopped):
                worker.learn(made, chosen, films)
        (made.path / "stop").unlink()
        keras.utils.clear_session()
    worker.learn(made, chosen, films)
    return made


def _with(extra):
    counting = fit.counting_callbacks
    return lambda *given: [extra, *counting(*given)]


def numbers(made, column):
    return [float(row[column]) for row in made.history()]


def weights(made):
    return keras.saving.load_model(made.path / "model.keras").get_weights()


def assert_same(one, other):
    assert numbers(one, "epoch") == numbers(other, "epoch")
    assert numbers(one, "learning_rate") == numbers(other, "learning_rate")
    for column in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert np.allclose(numbers(one, column), numbers(other, column), atol=1e-6), column
    for a, b in zip(weights(one), weights(other), strict=True):
        assert np.abs(a - b).max() <= 1e-6
    ours, theirs = one.status(), other.status()
    assert (ours.best_epoch, ours.best_loss) == (theirs.best_epoch, pytest.approx(theirs.best_loss))


@pytest.mark.parametrize(
    ("chosen", "stops"),
    [
        pytest.param(LONG, [(1, 0), (3, -1), (6, 3)], marks=pytest.mark.longest),
        pytest.param(COSINE, [(3, 2)], marks=pytest.mark.longest),
        (TWO_PHASES, [(1, 1), (4, 2)]),
        pytest.param(
            COSINE.change(keep="last", balance="weights", shrink=0.8),
            [(0, 1), (0, 2), (7, 1)],
            marks=pytest.mark.longest,
        ),
    ],
    ids=["three-stops-one-at-an-epoch's-end", "cosine", "in-both-phases", "first-and-last-epoch"],
)
def test_a_resumed_run_gives_the_same_numbers(chosen, stops, films, tmp_path, monkeypatch, straight):
    one = straight(chosen)
    other = interrupted(films, tmp_path, chosen, monkeypatch, *stops)
    assert_same(one, other)
    assert numbers(one, "epoch") == list(range(len(one.history())))


@pytest.mark.slow
def test_it_does_so_too_where_only_the_stop_saves(films, tmp_path, monkeypatch, straight):
    """The plateau's counter and that of early stopping go on where they were."""
    monkeypatch.setattr(callbacks.Saving, "due", lambda self: False)
    assert_same(straight(RESTLESS), interrupted(films, tmp_path, RESTLESS, monkeypatch, (2, 1), (4, 2)))


@pytest.mark.slow
def test_the_recipe_of_these_tests_cuts_its_rate_and_stops_early(straight):
    """Otherwise the tests above would compare counters that never counted."""
    assert len(set(numbers(straight(RESTLESS), "learning_rate"))) == 2
    assert numbers(straight(RESTLESS), "epoch") == list(range(8))


@pytest.mark.longest
def test_the_longest_recipe_of_these_tests_stops_early(straight):
    assert 8 < len(straight(LONG).history()) < 20


@pytest.mark.longest
def test_stock_backup_and_restore_gives_other_numbers(films, tmp_path, straight):
    """What Keras ships forgets the counters of its own callbacks: the same stop gives other learning rates."""
    expected = numbers(straight(RESTLESS), "learning_rate")
    assert stock_rates(films, tmp_path / "whole", None) == pytest.approx(expected)
    assert stock_rates(films, tmp_path / "stopped", stop_at(None, 3, 2)) != pytest.approx(expected)


def stock_rates(films, folder, stop):
    """Learning rates of the eight epochs of RESTLESS by Keras alone, stopped once and resumed by BackupAndRestore."""
    rates = {}
    for extra in [stop, None] if stop else [None]:
        keras.utils.set_random_seed(RESTLESS.seed)
        parts = split.split(films, RESTLESS.split_plan)
        model = network.build(RESTLESS, 3)
        prepared, squares = prepare(model, RESTLESS, RESTLESS.phases[0]), films.squares(32)
        learner, augmentation = prepared.learner, prepared.augmentation
        shared = {"classes": 3, "batch_size": RESTLESS.batch_size}
        train = batches.FilmBatches(squares, films.labels, parts.train, seed=0, augmentation=augmentation, **shared)
        schedule = optimizer.compile_for(learner, RESTLESS, RESTLESS.phases[0], len(train))
        noted = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: rates.update({epoch: optimizer.rate_of(learner, schedule)})  # noqa: B023
        )
        counting = fit.counting_callbacks(RESTLESS, RESTLESS.phases[0])
        stock = keras.callbacks.BackupAndRestore(str(folder))
        watchers = [callbacks.EpochOrder(train), noted, *counting, stock, *([extra] if extra else [])]
        validation = batches.FilmBatches(squares, films.labels, parts.validation, **shared)
        try:
            learner.fit(train, validation_data=validation, epochs=8, shuffle=False, verbose=0, callbacks=watchers)
        except Interrupted:
            keras.utils.clear_session()
    return [rates[epoch] for epoch in range(8)]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(MemoryError("OOM when allocating tensor"), marks=pytest.mark.slow),
        pytest.param(
            type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."),
            marks=pytest.mark.longest,
        ),
    ],
    ids=["TensorFlow", "PyTorch"],
)
def test_out_of_memory_halves_the_batch_once_and_goes_on(films, tmp_path, monkeypatch, straight, error):
    made = create(films, tmp_path, SHORT, "oom")
    given, sizes = batches.FilmBatches.__getitem__, []
    step_ends = callbacks.ProgressLog.on_train_batch_end

    def measured(self, number):
        batch = given(self, number)
        if self.seed is not None:  # of training
            sizes.append(len(batch[0]))
        return batch

    def scarce(self, batch, logs=None):
        if self.progress.epoch >= 1 and made.status().split in (None, 1):
            raise error
        step_ends(self, batch, logs)

    monkeypatch.setattr(batches.FilmBatches, "__getitem__", measured)
    monkeypatch.setattr(callbacks.ProgressLog, "on_train_batch_end", scarce)
    worker.learn(made, SHORT, films)
    monkeypatch.undo()
    assert [row["epoch"] for row in made.history()] == ["0", "1", "2"]
    assert made.status().split == 2
    told = [event for event in made.events() if event["event"] == "out of memory"]
    assert [event["batch"] for event in told] == [8]
    assert max(sizes) == 16 and sizes[-1] <= 8
    assert numbers(made, "learning_rate") == pytest.approx(numbers(straight(SHORT), "learning_rate"))


@pytest.mark.slow
def test_halves_added_up_give_the_numbers_of_the_whole_batch(films, tmp_path, straight):
    """Without what depends on the batch itself (moving statistics, dropout) the two differ by rounding alone."""
    plain = recipe.with_settings(
        COSINE, ["hidden=[]", "batch_normalization=still", "keep=last", "phases.0.epochs=4", "phases.0.augment=false"]
    )
    one, other = straight(plain), create(films, tmp_path, plain, "halves")
    other.update(split=2)
    worker.learn(other, plain, films)
    assert numbers(one, "learning_rate") == pytest.approx(numbers(other, "learning_rate"))
    assert np.allclose(numbers(one, "val_loss"), numbers(other, "val_loss"), atol=2e-3)


def test_memory_that_runs_out_twice_is_an_error(films, tmp_path, monkeypatch):
    made = create(films, tmp_path, COSINE, "oom")

    def none(self, number):
        raise MemoryError("no memory at all")

    monkeypatch.setattr(batches.FilmBatches, "__getitem__", none)
    with pytest.raises(MemoryError):
        worker.learn(made, COSINE, films)
    assert made.status().split == 2


@pytest.fixture
def old(tmp_path):
    """A run that the version before stopped in the middle of its learning, and its films."""
    copy = run.Run(shutil.copytree(DATA / "fc00794" / "runs" / "stopped", tmp_path / "stopped"))
    return copy, presets.load(copy.path / "recipe.json"), dataset.read(DATA / "fc00794" / "films")


def test_a_run_that_was_stopped_before_this_version_goes_on(old):
    made, chosen, films = old
    before = made.history()
    assert 0 < len(before) < chosen.epochs
    last = len(before) + 2
    learning = stop_at(made, last, -1)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(fit, "counting_callbacks", _with(learning))
        worker.learn(made, chosen, films)
    after = made.history()
    assert after[: len(before)] == before
    assert [int(row["epoch"]) for row in after] == list(range(last + 1))
    assert made.status().learning_seconds > 0


def test_a_run_that_was_stopped_before_this_version_is_finished_as_it_is(old):
    made, chosen, films = old
    before = made.history()
    made.update(finish=True)
    worker.learn(made, chosen, films)
    assert made.history() == before and weights(made)
    parts = {film["film"]: film["part"] for film in made.read("data.json")["films"]}
    for part, reading in evaluation.load_parts(made.path).items():
        assert {parts[film] for film in reading.films} == {part}


def test_a_changed_recipe_is_not_gone_on_with(films, straight):
    with pytest.raises(recipe.RecipeRefused, match="began with"):
        worker.learn(straight(SHORT), SHORT.change(seed=5), films)


def test_other_films_are_not_gone_on_with(tmp_path, straight):
    others = dataset.read(film_folders.make(tmp_path / "others", films=41))
    with pytest.raises(layout.DatasetRefused, match="3 are new"):
        worker.learn(straight(SHORT), SHORT, others)


def test_a_checkpoint_that_is_cut_short_is_refused_in_words(straight):
    made = straight(SHORT)
    file = made.path / run.CHECKPOINT
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(run.RunRefused, match="checkpoint"):
        checkpoint.load(file, SHORT)


@pytest.mark.slow
def test_a_film_that_vanishes_ends_the_run_until_it_is_back(tmp_path, straight, monkeypatch):
    own = dataset.read(film_folders.make(tmp_path / "films", films=40))
    made = create(own, tmp_path, SHORT, "vanishing")
    film = own.root / own.films[5]
    kept, begun = film.read_bytes(), callbacks.EpochOrder.on_epoch_begin

    def remove(self, epoch, logs=None):
        begun(self, epoch, logs)
        film.unlink(missing_ok=True)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.EpochOrder, "on_epoch_begin", remove)
        with pytest.raises(layout.DatasetRefused, match=own.films[5]):
            worker.learn(made, SHORT, own)
    film.write_bytes(kept)
    worker.learn(made, SHORT, own)
    assert_same(straight(SHORT), made)


def test_a_stopped_run_may_be_finished_as_it_is(films, tmp_path, straight, monkeypatch):
    made = create(films, tmp_path, SHORT, "finished-early")
    with monkeypatch.context() as patch:
        patch.setattr(fit, "counting_callbacks", _with(stop_at(made, 2, 2)))
        with pytest.raises(Stopped):
            worker.learn(made, SHORT, films)
    (made.path / "stop").unlink()
    made.update(finish=True)
    worker.learn(made, SHORT, films)
    assert numbers(made, "loss") == pytest.approx(numbers(straight(SHORT), "loss")[:2])
    best = min(made.history(), key=lambda row: float(row["val_loss"]))
    assert made.status().best_epoch == int(best["epoch"])
    assert len(evaluation.load_parts(made.path)["test"].truth) and weights(made)


@pytest.mark.longest
def test_the_same_holds_under_jax(tmp_path):
    """Rates that rise and fall, a stop in the middle of an epoch, and a phase of the head alone."""
    pytest.importorskip("jax", reason="jax is not installed: pip install jax")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("this is the other backend already")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        __file__,
        "-k",
        "phases",
    ]
    done = subprocess.run(
        command,
        env=os.environ | backend.quick_jax(tmp_path) | {"KERAS_BACKEND": "jax"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-3000:]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut short", b"\x93NUMPY\x01\x00", b"\x80\x04K\x01."])
def test_a_damaged_checkpoint_is_refused_in_our_own_words(tmp_path, content):
    file = tmp_path / "run" / "checkpoint" / "state.npz"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(CheckpointDamaged) as refused:
        checkpoint.load(file, SHORT)
    assert refused.value.words == ("The checkpoint state.npz of the run run is damaged: it was cut short or changed.")


def test_a_checkpoint_that_is_no_file_is_refused_and_not_taken_for_none(tmp_path):
    file = tmp_path / "run" / "checkpoint" / "state.npz"
    file.mkdir(parents=True)
    with pytest.raises(CheckpointDamaged, match="is damaged"):
        checkpoint.load(file, SHORT)
    file.rmdir()
    assert checkpoint.load(file, SHORT) is None


@pytest.mark.parametrize("change", [{"epoch": "x"}, {"history": [3]}, {"counters": []}, {"step": None}])
def test_progress_of_another_type_is_refused(tmp_path, change):
    file = tmp_path / "run" / "checkpoint" / "state.npz"
    file.parent.mkdir(parents=True)
    meta = {"format": checkpoint.FORMAT, "recipe": checkpoint.digest(SHORT), "progress": change}
    np.savez(file, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8))
    with pytest.raises(CheckpointDamaged, match="is damaged"):
        checkpoint.load(file, SHORT)
