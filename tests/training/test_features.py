"""What comes out of frozen layers is computed once: the same numbers as with the layers in place, shared and kept."""

import dataclasses
import json
import os
import threading

import numpy as np
import pytest

from tests.helpers import backend, film_folders, run_folders
from tests.training.test_fit import keep_network
from xraykit.datasets import dataset, split
from xraykit.evaluation import evaluation
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training import worker
from xraykit.training.recipe import presets, recipe
from xraykit.training.run import passes, run
from xraykit.training.run.passes import Pass

TINY = presets.NAMED["tiny"]
HEAD = recipe.with_settings(TINY, ["phases.0.trainable=head", "phases.0.augment=false", "phases.0.epochs=3"])
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    backend.quick()
    return dataset.read(film_folders.make(tmp_path_factory.mktemp("films"), films=40))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def fit(films, folder, chosen, name="run"):
    made = run.create(json.loads(chosen.to_json()), films.root, folder, name)
    worker.learn(made, chosen, films)
    return made


def in_place(monkeypatch):
    """Every layer is computed in every epoch."""
    from xraykit.training.fit import fit as fitting
    from xraykit.training.fit.input import features

    def none(*_, **__):
        raise features.NoRoom

    monkeypatch.setattr(fitting.features, "passed", none)


def assert_equal_numbers(first, second):
    """Equal: losses of training and validation to 1e-5 of themselves, accuracies exactly, in every epoch; in single
    precision, where sums are only added up in another order. Logits of the finished networks to 1e-4."""
    for ours, theirs in zip(first.history(), second.history(), strict=True):
        for name in ("loss", "val_loss"):
            assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-5)
        for name in ("accuracy", "val_accuracy"):
            assert float(ours[name]) == pytest.approx(float(theirs[name]), abs=1e-6)
    ours, theirs = evaluation.load_parts(first.path), evaluation.load_parts(second.path)
    for part in ours:
        assert ours[part].hashes == theirs[part].hashes
        assert np.allclose(ours[part].logits, theirs[part].logits, atol=1e-4)


@slow
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param([], marks=pytest.mark.longest),
        ['pooling="flatten"', "bias_correction=true"],
        pytest.param(["phases.0.trainable=1"], marks=pytest.mark.longest),
        ["phases.0.trainable=1", "batch_normalization=still", "keep=last"],
        ["phases.0.augment=true", "cached_passes=2"],
    ],
    ids=["head", "flatten head", "last layer", "last layer, still", "augmented passes"],
)
def test_cached_features_give_the_numbers_of_the_backbone_in_place(films, tmp_path, monkeypatch, settings):
    chosen = recipe.with_settings(HEAD, settings)
    cached = fit(films, tmp_path, chosen, "cached")
    assert passes.passes_of(cached)
    in_place(monkeypatch)
    whole = fit(films, tmp_path, chosen, "in-place")
    assert not passes.passes_of(whole)
    assert_equal_numbers(cached, whole)


@pytest.mark.longest
def test_mobilenet_with_its_imagenet_weights_gives_the_same_numbers_from_features(films, tmp_path, monkeypatch):
    if not os.environ.get("XRAYKIT_IMAGENET"):
        pytest.skip("XRAYKIT_IMAGENET is not set to a folder with ImageNet weights")
    chosen = presets.NAMED["published-imagenet"].change(alpha=0.35, image_size=32, hidden=[], batch_size=16)
    phase = {"epochs": 2, "learning_rate": 1e-3, "trainable": 3, "augment": False}
    chosen = chosen.change(phases=[phase])
    cached = fit(films, tmp_path, chosen, "cached")
    in_place(monkeypatch)
    assert_equal_numbers(cached, fit(films, tmp_path, chosen, "in-place"))


@slow
def test_a_second_run_finds_what_the_first_computed(films, tmp_path, cache, monkeypatch):
    """Another head, another rate, another seed, other films in each part: the pass is the same."""
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    keep_network(fit(films, tmp_path, TINY, "start"), tmp_path / "weights", "start")
    first = fit(films, tmp_path, HEAD.change(weights="model:start"), "first")
    kept_files = sorted(path.name for path in cache.iterdir())
    again = HEAD.change(weights="model:start", hidden=[], seed=5, momentum=0.5)
    second = fit(films, tmp_path, recipe.with_settings(again, ["phases.0.learning_rate=0.01"]), "second")
    assert sorted(path.name for path in cache.iterdir()) == kept_files and len(kept_files) == 2
    ours, theirs = passes.passes_of(first)[0], passes.passes_of(second)[0]
    assert ours.key == theirs.key and ours.films == ours.computed == 120 and ours.here > 0
    assert (theirs.films, theirs.computed, theirs.here) == (120, 0, 0)
    assert ours.bytes == theirs.bytes == 120 * 32 * 4
    share = passes.shares({"first": [ours], "second": [theirs]})
    assert share["first"] == pytest.approx(ours.seconds / 2, abs=1e-3)
    for path in cache.iterdir():
        assert path.stat().st_mode & 0o077 == 0


@slow
def test_films_that_no_run_sees_are_not_passed(films, tmp_path):
    whole = split.split(films)
    parts = split.Split(whole.train, whole.validation, whole.test[:0], whole.test)
    made = run.create(json.loads(HEAD.to_json()), films.root, tmp_path, "fold")
    made.write("data.json", split.describe(films, parts))
    worker.learn(made, HEAD, films)
    assert passes.passes_of(made)[0].films == len(whole.train) + len(whole.validation)


@slow
def test_a_resumed_run_finds_its_features_and_goes_on_with_the_same_numbers(films, tmp_path):
    chosen = recipe.with_settings(HEAD, ["phases.0.trainable=1", "phases.0.epochs=4"])
    made = run.create(json.loads(chosen.to_json()), films.root, tmp_path, "stopped")

    def stop(moment):
        if moment.epoch == 2:
            made.ask_to_stop()

    with pytest.raises(Stopped):
        worker.learn(made, chosen, films, stop)
    made.forget_stop()
    worker.learn(made, chosen, films)
    recorded = passes.passes_of(made)[0]
    assert recorded.computed == recorded.films == 120
    assert_equal_numbers(made, fit(films, tmp_path, chosen, "straight"))


@slow
def test_a_later_phase_that_changes_the_backbone_is_read_by_the_whole_network(films, tmp_path, monkeypatch):
    """The best epoch may be one before or after the change: what is evaluated is the network that is kept."""
    import keras

    phase = dataclasses.asdict(HEAD.phases[0])
    chosen = HEAD.change(phases=[{**phase, "trainable": "all", "epochs": 1}, {**phase, "learning_rate": 1e-6}])
    made = fit(films, tmp_path, chosen)
    test = evaluation.load_parts(made.path)["test"]
    place = [films.films.index(name) for name in test.films]
    model = keras.saving.load_model(made.path / "model.keras")
    to_logits = keras.Model(model.input, model.get_layer("logits").output)
    assert np.allclose(to_logits.predict(films.squares(32)[place], verbose=0), test.logits, atol=1e-4)


class Frozen:
    """A cut whose frozen part is a sum: features without a network."""

    digest = "0" * 64

    class body:  # noqa: N801
        class output:  # noqa: N801
            shape = (None, 2)

        @staticmethod
        def predict_on_batch(films):
            films = np.asarray(films, np.float32)
            return np.stack([films.sum(axis=(1, 2, 3)), films.max(axis=(1, 2, 3))], axis=1)


def test_rows_are_added_for_films_that_are_new(films):
    from xraykit.training.fit.input import features

    squares, reports = films.squares(32), []
    expected = Frozen.body.predict_on_batch(squares)
    first, made = features.passed(Frozen, films, squares, np.arange(10), batch_size=4)
    assert np.array_equal(first[np.arange(10)], expected[:10]) and (made.films, made.computed) == (10, 10)
    indices = np.array([50, 3, 70])
    more, made = features.passed(Frozen, films, squares, indices, progress=lambda *done: reports.append(done))
    assert np.array_equal(more[indices], expected[indices]) and (made.films, made.computed) == (3, 2)
    assert reports[-1] == (3, 3) and np.array_equal(first[np.arange(10)], expected[:10])
    other, made = features.passed(Frozen, films.choose(range(60)), squares, np.array([50]))
    assert made.computed == 0 and np.array_equal(other[np.array([50])], expected[[50]])


def test_what_a_stopped_pass_has_computed_stays(films, cache):
    from xraykit.training.fit.input import features

    def stop(done, total):
        if done >= 8:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        features.passed(Frozen, films, films.squares(32), np.arange(20), batch_size=4, progress=stop)
    assert not list(cache.glob(".*.lock"))
    _, made = features.passed(Frozen, films, films.squares(32), np.arange(20), batch_size=4)
    assert made.computed == 12


@pytest.mark.parametrize("damage", ["table", "shape", "cut short", "gone"])
def test_damaged_features_are_computed_again_and_harm_no_reader(films, cache, damage):
    from xraykit.training.fit.input import features

    squares, indices = films.squares(32), np.arange(30)
    before, _ = features.passed(Frozen, films, squares, indices)
    held = before[indices].copy()
    (table,), (data,) = cache.glob("*.json"), cache.glob("*.f32")
    if damage == "table":
        table.write_text("{")
    elif damage == "shape":
        table.write_text(table.read_text().replace("[2]", "[3]"))
    elif damage == "gone":
        data.unlink()
    else:
        table.write_text(json.dumps({"shape": [2], "films": list(films.hashes), "seconds": 1}))
    again, made = features.passed(Frozen, films, squares, indices[::-1].copy())
    assert made.computed == 30
    assert np.array_equal(again[indices], held) and np.array_equal(before[indices], held)


def test_two_at_once_compute_each_film_once(films):
    from xraykit.training.fit.input import features

    passed, begun, reports = [], threading.Event(), []
    waiting = threading.Event()

    class Slow(Frozen):
        class body(Frozen.body):  # noqa: N801
            @staticmethod
            def predict_on_batch(batch):
                begun.set()
                assert waiting.wait(60)
                passed.append(len(batch))
                return Frozen.body.predict_on_batch(batch)

    def tell(done, total):
        reports.append(done)
        waiting.set()

    squares, indices = films.squares(32), np.arange(12)
    first = threading.Thread(target=features.passed, args=(Slow, films, squares, indices))
    first.start()
    assert begun.wait(60)
    second, made = features.passed(Slow, films, squares, indices, progress=tell)
    first.join()
    assert passed == [12] and made.computed == 0 and reports[0] == 0
    assert np.array_equal(second[indices], Frozen.body.predict_on_batch(squares[indices]))


def test_what_was_used_longest_ago_is_given_up_for_room(films, cache, monkeypatch):
    import shutil

    from xraykit.training.fit.input import features

    class Other(Frozen):
        digest = "1" * 64

    squares, indices = films.squares(32), np.arange(12)
    old, _ = features.passed(Frozen, films, squares, indices)
    held = old[indices].copy()

    def usage(folder):
        free = features.FREE_BYTES + (12 * 8 if len(list(cache.glob("*.f32"))) == 0 else 0)
        return shutil._ntuple_diskusage(2**40, 2**40 - free, free)

    monkeypatch.setattr(features.shutil, "disk_usage", usage)
    _, made = features.passed(Other, films, squares, indices)
    assert made.computed == 12 and len(list(cache.glob("*.json"))) == len(list(cache.glob("*.f32"))) == 1
    assert np.array_equal(old[indices], held), "who still reads them keeps them"
    monkeypatch.setattr(features.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40, 0))
    with pytest.raises(features.NoRoom):
        features.passed(Frozen, films, squares, indices)


def test_augmented_films_follow_from_their_file_and_the_number_of_the_pass(films):
    from xraykit.training.fit.input import features
    from xraykit.training.recipe.recipe import Augmentation

    squares, changes = films.squares(32), Augmentation(rotation=20)
    first, other = (features.AugmentedFilms(squares, films.hashes, changes, number) for number in (0, 1))
    again = features.AugmentedFilms(squares[::-1], films.hashes[::-1], changes, 0)
    indices, last = np.array([3, 5]), len(films) - 1
    assert np.array_equal(first[indices], again[last - indices])
    assert not np.array_equal(first[indices], other[indices])
    _, plain = features.passed(Frozen, films, squares, indices)
    _, made = features.passed(Frozen, films, first, indices)
    assert plain.key != made.key


def test_a_run_tells_its_passes_and_a_damaged_record_is_none(tmp_path):
    made = run_folders.write(tmp_path, "first")
    assert passes.passes_of(made) == ()
    passes.record(made, Pass("a", 10, 6, 3.0, 2.0, 400))
    passes.record(made, Pass("a", 10, 4, 3.0, 1.0, 400))
    passes.record(made, Pass("b", 5, 5, 1.0, 1.0, 200))
    assert passes.passes_of(made) == (Pass("a", 10, 10, 3.0, 3.0, 400), Pass("b", 5, 5, 1.0, 1.0, 200))
    assert passes.shares({"first": passes.passes_of(made), "other": [Pass("a", 10, 0, 3.0, 0.0, 400)]}) == {
        "first": 2.5,
        "other": 1.5,
    }
    for text in ("{", "[]", '{"passes": [{"key": 3}]}', '{"passes": [{"key": "\\ud800"}]}'):
        (made.path / passes.FILE).write_text(text)
        assert passes.passes_of(made) == ()


@slow
@pytest.mark.parametrize("trainable", ["head", 1, 5, 20])
def test_the_cut_is_a_point_through_which_everything_flows(trainable):
    from xraykit.training.fit.input import cut
    from xraykit.training.fit.network import network

    model = network.build(presets.NAMED["published-scratch"].change(image_size=32, alpha=0.35), 3)
    network.set_trainable(model, trainable, "moving")
    made = cut.cut_of(model)
    assert not made.body.trainable_weights
    assert {id(v) for v in made.rest.trainable_weights} == {id(v) for v in model.trainable_weights}
    names = {"head": "pooler", 1: "block_16_project_BN", 5: "block_14_add", 20: "block_10_depthwise_relu"}
    assert made.body.layers[-1].name == names[trainable]


@slow
def test_the_digest_knows_values_and_not_names():
    from xraykit.training.fit.input import cut
    from xraykit.training.fit.network import network

    def digest(chosen, **changes):
        import keras

        keras.utils.set_random_seed(chosen.seed)
        model = network.build(chosen.change(**changes), 3)
        network.set_trainable(model, "head", "moving")
        return cut.cut_of(model).digest

    same = digest(HEAD)
    assert same == digest(HEAD, hidden=[], momentum=0.5)
    assert same != digest(HEAD, image_size=64) and same != digest(HEAD, channels=3)
    assert same != digest(HEAD, pooling="flatten") and same != digest(HEAD.change(seed=3))
