"""Networks and training on a tiny backbone, in this process under TensorFlow, in others under the other backends."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import backend, film_folders
from tests.helpers.backend import quick_jax
from xraykit.datasets import dataset, layout, split
from xraykit.evaluation import evaluation
from xraykit.system import devices
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training import keep, worker
from xraykit.training.recipe import presets, recipe
from xraykit.training.run import failures, run
from xraykit.training.run.run import Stage

TINY = presets.NAMED["tiny"]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return dataset.read(film_folders.make(tmp_path_factory.mktemp("films"), films=40))


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    backend.quick()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def fit(films, folder, chosen, name="run", on_moment=lambda moment: None):
    made = run.create(json.loads(chosen.to_json()), films.root, folder, name)
    worker.learn(made, chosen, films, on_moment)
    return made


@pytest.fixture(scope="module")
def tiny(films, tmp_path_factory):
    """A run of TINY that nobody changes, and the moments it told of."""
    moments = []
    return fit(films, tmp_path_factory.mktemp("runs"), TINY, on_moment=moments.append), moments


def test_a_run_leaves_everything_that_is_promised(tiny):
    made, moments = tiny
    assert [row["epoch"] for row in made.history()] == ["0", "1"]
    data, readings = made.read("data.json"), evaluation.load_parts(made.path)
    assert len(data["films"]) == 120
    for part in ("validation", "test"):
        recorded = {film["film"]: film["sha256"] for film in data["films"] if film["part"] == part}
        assert dict(zip(readings[part].films, readings[part].hashes, strict=True)) == recorded
        assert readings[part].temperature == 1 and len(readings[part].groups) == len(recorded)
    assert (made.path / "model.keras").stat().st_size > 0
    assert moments[-1].epoch == 2 and moments[-1].eta == 0


def test_the_same_recipe_gives_the_same_history(films, tmp_path, tiny):
    runs = [tiny[0], fit(films, tmp_path, TINY, "again")]
    histories = [[(row["loss"], row["val_loss"]) for row in made.history()] for made in runs]
    assert np.allclose(np.array(histories[0], float), np.array(histories[1], float), rtol=1e-4)


@pytest.mark.slow
def test_it_learns_what_can_be_seen(films, tmp_path):
    chosen = recipe.with_settings(TINY, ["phases.0.epochs=25", "augmentation.rotation=0"])
    made = fit(films, tmp_path, chosen)
    test = evaluation.load_parts(made.path)["test"]
    assert (test.predicted == test.truth).mean() > 0.8


@pytest.mark.slow
def test_the_kept_weights_are_those_of_the_best_epoch(films, tmp_path):
    import keras

    made = fit(films, tmp_path, recipe.with_settings(TINY, ["phases.0.epochs=6", "phases.0.learning_rate=0.2"]))
    best = min(made.history(), key=lambda row: float(row["val_loss"]))
    assert best != made.history()[-1], "the rate is meant to be too high, so that a later epoch is worse"
    assert int(best["epoch"]) == made.status().best_epoch
    validation = split.split(films).validation
    model = keras.saving.load_model(made.path / "model.keras")
    p = model.predict(films.squares(32)[validation], verbose=0)
    loss = -np.log(p[np.arange(len(p)), films.labels[validation]]).mean()
    assert loss == pytest.approx(float(best["val_loss"]), rel=1e-3, abs=1e-6)


def test_a_stop_file_ends_the_run_in_order(films, tmp_path):
    chosen = recipe.with_settings(TINY, ["phases.0.epochs=500"])
    made = run.create(json.loads(chosen.to_json()), films.root, tmp_path, "stopped")
    made.ask_to_stop()
    with pytest.raises(Stopped):
        worker.learn(made, chosen, films)
    assert len(made.history()) < 500 and (made.path / "checkpoint" / "state.npz").is_file()


def test_ctrl_c_ends_a_run_in_order(films, tmp_path):
    chosen = recipe.with_settings(TINY, ["phases.0.epochs=500"])
    made = run.create(json.loads(chosen.to_json()), films.root, tmp_path, "r", asked_device="cpu")

    def press(moment):
        if made.history():
            signal.raise_signal(signal.SIGINT)

    before = dict(os.environ)  # a run sets its device's variables for good
    try:
        assert worker.train(made, press) == "stopped"
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert 0 < len(made.history()) < 500 and (made.path / "checkpoint" / "state.npz").is_file()


def training_command(recipe_name: str | Path, data: Path, runs: Path) -> list[str]:
    """`xraykit train`, of the run "r"."""
    words = ["train", "--recipe", recipe_name, "--data", data, "--runs", runs, "--name", "r", "--accept-leaks"]
    return [sys.executable, "-m", "xraykit", *map(str, words)]


@pytest.mark.longest
def test_ctrl_c_ends_a_command_in_order(films, tmp_path):
    command = training_command(TINY.name, films.root, tmp_path)
    training = subprocess.Popen([*command, "--set", "phases.0.epochs=5000"], stderr=subprocess.PIPE, text=True)
    made = run.Run(tmp_path / "r")
    try:
        while not made.history():
            assert training.poll() is None, training.stderr.read()
            time.sleep(0.2)
        training.send_signal(signal.SIGINT)
        assert training.wait(60) == 0
    finally:
        training.kill()
    assert made.status().state == "stopped" and len(made.history()) < 5000


def test_a_loss_that_is_no_number_ends_the_training(films, tmp_path, monkeypatch):
    import keras

    def broken(**_):
        return lambda truth, probabilities: keras.ops.mean(probabilities) * float("nan")

    monkeypatch.setattr(keras.losses, "CategoricalCrossentropy", broken)
    made = run.create(json.loads(TINY.to_json()), films.root, tmp_path, "diverged")
    with pytest.raises(run.Diverged, match="epoch 1, step 1, learning rate 0.003"):
        worker.learn(made, TINY, films)


@pytest.mark.parametrize("trainable", ["head", 1, "all"])
def test_still_batch_normalization_stays_still(trainable):
    import keras

    from xraykit.training.fit.network import network

    model = network.build(TINY, 3)
    network.set_trainable(model, trainable, "still")
    normal = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [np.array(v) for layer in normal for v in layer.get_weights()]
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    random = np.random.default_rng(0)
    model.train_on_batch(random.uniform(0, 255, (8, 32, 32, 1)), np.eye(3)[random.integers(0, 3, 8)])
    after = [np.array(v) for layer in normal for v in layer.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_last_layers_are_counted_by_convolutions():
    from xraykit.training.fit.network import network

    model = network.build(TINY, 3)
    network.set_trainable(model, 2, "moving")
    learning = {layer.name for layer in model.layers if layer.trainable and layer.weights}
    assert learning == {"conv_2", "bn_2", "conv_3", "bn_3", "hidden_1", "logits"}


def test_mobilenet_is_flat_and_takes_raw_grey_levels():
    import keras

    from xraykit.training.fit.network import network

    model = network.build(presets.NAMED["published-scratch"].change(image_size=64, alpha=0.35), 3)
    assert model.input_shape == (None, 64, 64, 1) and model.output_shape == (None, 3)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    dense = [(layer.units, layer.name) for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert dense == [(1024, "hidden_1"), (256, "hidden_2"), (3, "logits")]
    grey = np.full((1, 64, 64, 1), 200.0)
    scaled = keras.Model(model.input, model.get_layer("scale").output)
    assert np.allclose(scaled.predict(grey, verbose=0), 200 / 127.5 - 1, atol=1e-6)


def test_missing_imagenet_weights_say_where_to_put_them(tmp_path):
    from xraykit.training.fit.network import network

    with pytest.raises(failures.WeightsMissing, match="no"):
        network.build(presets.NAMED["published-imagenet"].change(weights=str(tmp_path / "none.h5")), 3)


@pytest.mark.slow
def test_pretrained_weights_are_really_loaded():
    import os

    from xraykit.training.fit.network import network

    if not os.environ.get("XRAYKIT_IMAGENET"):
        pytest.skip("XRAYKIT_IMAGENET is not set to a folder with ImageNet weights")
    chosen = presets.NAMED["published-imagenet"].change(alpha=0.35, image_size=64)
    first, again = (network.build(chosen, 3).get_layer("Conv_1").get_weights()[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, network.build(chosen.change(weights=None), 3).get_layer("Conv_1").get_weights()[0])


@pytest.mark.slow
@pytest.mark.parametrize("backend", [pytest.param("tensorflow", marks=pytest.mark.longest), "jax", "torch"])
def test_every_backend_trains_the_same_recipe(backend, films, tmp_path):
    """The history of two epochs agrees with TensorFlow's, and the file it leaves is read by Keras under TensorFlow."""
    import keras

    pytest.importorskip(backend, reason=f"{backend} is not installed: pip install {backend}")
    # Dropout draws differ between backends, and so do initial weights: neither is used here
    chosen = recipe.with_settings(TINY, [f"backend={backend}", "hidden=[]", "phases.0.epochs=2"])
    file = tmp_path / "recipe.json"
    file.write_text(chosen.to_json())
    command = training_command(file, films.root, tmp_path)
    environment = os.environ | quick_jax(tmp_path / "xla")
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    made = run.Run(tmp_path / "r")
    assert made.status().backend == backend
    model = keras.saving.load_model(made.path / "model.keras")
    test = evaluation.load_parts(made.path)["test"]
    place = [films.films.index(name) for name in test.films]
    to_logits = keras.Model(model.input, model.get_layer("logits").output)
    assert np.allclose(to_logits.predict(films.squares(32)[place], verbose=0), test.logits, atol=1e-3)


ON_TWO = """
import json, sys
from xraykit.datasets import dataset
from xraykit.system import devices
from xraykit.training import worker
from xraykit.training.recipe import recipe
from xraykit.training.run import run
chosen = recipe.from_dict(json.loads(sys.argv[3]))
films = dataset.read(sys.argv[1])
for name, device in (("one", "cpu"), ("two", devices.ALL)):
    worker.learn(run.create(json.loads(chosen.to_json()), films.root, sys.argv[2], name, device=device), chosen, films)
"""


@pytest.mark.longest
def test_two_devices_that_share_each_batch_learn_what_one_does(films, tmp_path):
    """Of 93 films in batches of 16 the last batch has 13: no two devices can share it evenly. XLA is told of two."""
    pytest.importorskip("jax", reason="jax is not installed: pip install jax")
    phases = [{"epochs": 1, "learning_rate": 3e-3, "trainable": "head", "augment": False}]
    phases += [{"epochs": 1, "learning_rate": 3e-3}]
    chosen = TINY.change(backend="jax", batch_size=16, hidden=[], shrink=0.95, phases=phases)
    quick = quick_jax(tmp_path / "xla")
    quick["XLA_FLAGS"] += " --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", ON_TWO, str(films.root), str(tmp_path), chosen.to_json()],
        capture_output=True,
        text=True,
        timeout=280,
        env=os.environ | quick | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = (run.Run(tmp_path / name) for name in ("one", "two"))
    for ours, theirs in zip(one.history(), two.history(), strict=True):
        for figure in ("loss", "val_loss"):
            # A batch that is given twice counts twice in the mean of its epoch, and once in what is learned
            assert float(ours[figure]) == pytest.approx(float(theirs[figure]), rel=0.02)
    logits = [evaluation.load_parts(made.path)["test"].logits for made in (one, two)]
    assert np.allclose(*logits, atol=1e-3)


def test_another_backend_than_jax_refuses_to_share_batches():
    from xraykit.training.fit import fit

    with pytest.raises(devices.DeviceRefused, match="backend jax"), fit.distributed(TINY):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.longest)])
def test_what_learned_in_half_precision_is_kept_in_single(precision, films, tmp_path):
    import keras

    made = fit(films, tmp_path, TINY.change(precision=precision))
    model = keras.saving.load_model(made.path / "model.keras")
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert made.status().precision == precision
    test = evaluation.load_parts(made.path)["test"]
    place = [films.films.index(name) for name in test.films]
    to_logits = keras.Model(model.input, model.get_layer("logits").output)
    assert np.allclose(to_logits.predict(films.squares(32)[place], verbose=0), test.logits, atol=1e-4)


@pytest.mark.slow
def test_a_run_in_half_precision_goes_on_where_it_stopped(films, tmp_path, monkeypatch):
    chosen = recipe.with_settings(TINY, ["precision=mixed_float16", "phases.0.epochs=4"])
    made = run.create(json.loads(chosen.to_json()), films.root, tmp_path, "half")
    made.ask_to_stop()
    with pytest.raises(Stopped):
        worker.learn(made, chosen, films)
    (made.path / "stop").unlink()
    worker.learn(made, chosen, films)
    whole = fit(films, tmp_path, chosen, "whole")
    for one, other in zip(made.history(), whole.history(), strict=True):
        assert float(one["loss"]) == pytest.approx(float(other["loss"]), rel=1e-3)


def keep_network(made, root, name):
    """A kept model as `build` needs it: a card and the network."""
    from tests.helpers import fakes

    place = root / name
    place.mkdir(parents=True)
    (place / "model.keras").write_bytes((made.path / "model.keras").read_bytes())
    files = dict.fromkeys(("model.keras", "features.tflite", "head.npz"), "0" * 64)
    card = dataclasses.replace(fakes.card(name, name), recipe=made.read("recipe.json"), files=files)
    (place / "card.json").write_text(card.to_json())


@pytest.fixture
def mine(tiny, tmp_path, monkeypatch):
    """The run that is kept as "mine"."""
    keep_network(tiny[0], tmp_path / "weights", "mine")
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    return tiny[0]


@pytest.mark.slow
def test_a_recipe_may_start_from_a_kept_model(films, tmp_path, mine):
    import keras

    from xraykit.training.fit.network import network

    theirs = keras.saving.load_model(mine.path / "model.keras").get_weights()
    same = network.build(TINY.change(weights="model:mine"), 3).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(same, theirs, strict=True))
    other = network.build(TINY.change(weights="model:mine"), 5)
    assert np.array_equal(other.get_layer("conv_1").get_weights()[0], theirs[0])
    assert other.output_shape == (None, 5)
    fit(films, tmp_path, TINY.change(weights="model:mine"), "further")


def test_a_kept_model_that_does_not_fit_or_is_not_there_is_refused_in_words(mine):
    from xraykit.training.fit.network import network

    with pytest.raises(failures.WeightsMissing, match="nowhere"):
        network.build(TINY.change(weights="model:nowhere"), 3)
    with pytest.raises(failures.WeightsMissing, match="Tiny"):
        network.build(presets.NAMED["strong-scratch"].change(weights="model:mine", image_size=64, alpha=0.35), 3)


class Recorded:
    """A recorder that keeps everything in lists: what a training needs of the world, without a run's folder."""

    def __init__(self, stop_after=None):
        self.stages, self.moments, self.epochs, self.events, self.checkpoints = [], [], [], [], []
        self.passes = []
        self.facts, self.results, self.stop_after = {}, None, stop_after

    def begin(self, progress, epochs):
        self.epochs = self.epochs[: progress.epoch]

    def stage(self, stage, **facts):
        self.stages.append(stage)
        self.facts |= facts

    def moment(self, moment):
        self.moments.append(moment)

    def epoch(self, row):
        self.epochs.append(dict(row))

    def event(self, what, **fields):
        self.events.append((what, fields))

    def passed(self, made):
        self.passes.append(made)

    def checkpoint(self, checkpoint):
        self.checkpoints.append(checkpoint)

    def last_checkpoint(self):
        return self.checkpoints[-1] if self.checkpoints else None

    def result(self, network, evaluations):
        self.results = network, evaluations

    def stop_asked(self):
        return self.stop_after is not None and len(self.epochs) >= self.stop_after


def test_a_training_needs_no_folder_of_a_run(films):
    from xraykit.training.fit import fit
    from xraykit.training.fit import plan as plans

    chosen = recipe.with_settings(TINY, ["phases.0.epochs=3"])
    recorder = Recorded()
    plan = plans.make("in-lists", chosen, films, recorder)
    fit.fit(plan, recorder)
    assert [row["epoch"] for row in recorder.epochs] == [0, 1, 2]
    assert [moment.epoch for moment in recorder.moments if not moment.step] == [1, 2, 3]
    stages = list(dict.fromkeys(recorder.stages))
    assert stages == [Stage.BUILDING, Stage.COMPILING, Stage.LEARNING, Stage.EVALUATING, Stage.SAVING]
    assert recorder.facts["parameters"] >= recorder.facts["trainable"] > 0 and recorder.facts["steps"] > 0
    assert recorder.events == [] and recorder.last_checkpoint().progress.epoch == 3
    network, evaluations = recorder.results
    assert network.output_shape == (None, 3)
    for part in ("validation", "test"):
        indices = plan.parts.parts()[part]
        assert evaluations[part].films == tuple(films.films[i] for i in indices)
        assert (evaluations[part].model, evaluations[part].temperature) == ("in-lists", 1.0)


def test_films_that_are_held_out_are_read_on_request_alone(films, tmp_path):
    """As a study's runs are made: data.json is there before the training, and says which films no run sees."""
    chosen = recipe.with_settings(TINY, ["phases.0.epochs=1"])
    whole = split.split(films)
    parts = split.Split(whole.train[4:], whole.validation, whole.test[:0], whole.test)
    made = run.create(json.loads(chosen.to_json()), films.root, tmp_path, "fold", backend="tensorflow")
    made.write("data.json", split.describe(films, parts))
    before = dict(os.environ)
    assert worker.train(made, granted="cpu") == "finished", made.status()
    reading = worker.read_held_out(made, granted="cpu")
    os.environ.clear()
    os.environ.update(before)
    assert made.status().device == "cpu" and made.status().queued_seconds < 60
    named = [film["part"] for film in made.read("data.json")["films"]]
    assert named.count("held out") == len(whole.test) and named.count("left out") == 4
    assert (made.path / "validation.json").is_file() and not (made.path / "evaluation.json").exists()
    assert reading.films == tuple(films.films[i] for i in whole.test) and reading.data.endswith("test split")
    again = worker.read_held_out(made, films, parts.validation, part="validation", granted="cpu")
    validation = evaluation.load(made.path / "validation.json")
    assert again.hashes == validation.hashes and np.allclose(again.logits, validation.logits, atol=1e-4)
    with pytest.raises(run.RunRefused, match="its test split was not read"):
        keep.keep(made, "mine", root=tmp_path / "weights")


@pytest.mark.slow
def test_a_plan_is_not_changed_by_the_training_that_follows_it(films):
    """The same plan twice: the second training neither knows nor continues what the first has done."""
    from xraykit.training.fit import fit
    from xraykit.training.fit import plan as plans

    chosen = recipe.with_settings(TINY, ["phases.0.epochs=4"])
    first = Recorded(stop_after=2)
    with pytest.raises(Stopped):
        fit.fit(plans.make("stopped", chosen, films, first), first)
    plan = plans.make("resumed", chosen, films, first)
    assert plan.checkpoint.progress.epoch == 2
    losses = []
    for _ in range(2):
        again = Recorded()
        fit.fit(plan, again)
        assert again.events[0] == ("resumed", {"epoch": 2, "step": 0, "phase": 0})
        losses.append([row["loss"] for row in again.epochs])
    assert plan.checkpoint.progress.epoch == 2 and len(losses[0]) == 2
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(MemoryError("no room"), marks=pytest.mark.longest),  # test_resume.py has one in the midst of a run
        pytest.param(
            type("XlaRuntimeError", (RuntimeError,), {})(
                "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5 GiB"
            ),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2 GiB."),
            marks=pytest.mark.longest,
        ),
    ],
    ids=["python", "jax", "torch"],
)
def test_whatever_is_named_out_of_memory_is_tried_again_in_halves(error, films, monkeypatch):
    from xraykit.training.fit import fit
    from xraykit.training.fit import plan as plans
    from xraykit.training.fit.input import batches

    given = batches.FilmBatches.__getitem__

    def scarce(self, number):
        if self.seed is not None and self.accumulation == 1:
            raise error
        return given(self, number)

    recorder = Recorded()
    plan = plans.make("scarce", recipe.with_settings(TINY, ["phases.0.epochs=1"]), films, recorder)
    monkeypatch.setattr(batches.FilmBatches, "__getitem__", scarce)
    fit.fit(plan, recorder)
    assert [what for what, _ in recorder.events] == ["out of memory"]
    assert [row["epoch"] for row in recorder.epochs] == [0]
    assert recorder.last_checkpoint().progress.accumulation == 2


def test_learning_time_leaves_out_what_is_compiled(monkeypatch):
    """A clock by hand: the first step and the first batch of validation hold compilations of 100 and 50 seconds."""
    from xraykit.training.fit import callbacks, checkpoint, optimizer

    clock = [0.0]
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(optimizer, "rate_of", lambda model, schedule: 1e-3)
    recorder = Recorded()
    log = callbacks.ProgressLog(recorder, TINY, checkpoint.Progress(), films=30)
    log.begin_fit(steps=3)
    figures = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}
    for epoch, (compiling_step, compiling_test) in enumerate([(100, 50), (0, 0)]):
        log.on_epoch_begin(epoch)
        for step in range(3):
            clock[0] += 1 + (compiling_step if step == 0 else 0)
            log.on_train_batch_end(step, {"loss": 1.0})
        for batch in range(2):
            clock[0] += 1 + (compiling_test if batch == 0 else 0)
            log.on_test_batch_end(batch)
        log.on_epoch_end(epoch, figures)
    assert [row["seconds"] for row in recorder.epochs] == [2 + 1, 3 + 2]
    assert recorder.moments[-1].progress.learning_seconds == 8


@pytest.mark.longest
def test_the_time_to_go_counts_later_phases_where_they_were_probed(films, tmp_path):
    two = [{"epochs": 2, "learning_rate": 1e-3, "trainable": "head"}, {"epochs": 3, "learning_rate": 1e-3}]
    chosen = TINY.change(phases=two)
    moments = {}
    for name, estimate in (("blind", None), ("probed", {"phases": [{"seconds_per_epoch": s} for s in (9.0, 100.0)]})):
        made = run.create(json.loads(chosen.to_json()), films.root, tmp_path, name)
        if estimate:
            made.write("estimate.json", estimate)
        moments[name] = []
        worker.learn(made, chosen, films, moments[name].append)
    assert {moment.eta for moment in moments["blind"] if moment.epoch <= 1} == {None}
    assert all(moment.eta > 300 for moment in moments["probed"] if moment.epoch == 1)


def test_films_weigh_what_the_recipe_says_or_what_balances_them_or_all_the_same(films):
    from xraykit.training.fit.fit import film_weights

    everything = np.arange(len(films))
    assert film_weights(films, everything, TINY) is None
    assert film_weights(films, everything, TINY.change(balance="weights")) == pytest.approx(1)
    own = TINY.change(class_weights=[1.0, 2.0, 3.0])
    assert np.array_equal(film_weights(films, everything, own), 1.0 + films.labels)
    with pytest.raises(layout.DatasetRefused, match="nothing says where they come from") as no_sources:
        film_weights(films, everything, TINY.change(balance="cells"))
    assert no_sources.value.code == "no-sources"
    with pytest.raises(
        recipe.RecipeRefused, match="3 class weights.*COVID-19, Normal, Viral Pneumonia.*got 2"
    ) as refused:
        film_weights(films, everything, own.change(class_weights=[1.0, 2.0]))
    assert list(refused.value.faults) == ["class_weights"]
