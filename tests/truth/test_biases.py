"""Class biases of a saved model, fitted anew on its validation readings: everything of it changes together, or nothing.

One model is changed by the process that really does it; TensorFlow is started in no other.
"""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from tests.helpers import DATA, kept_models, tiny_model
from xraykit.__main__ import main
from xraykit.evaluation import calibration, evaluation, stats
from xraykit.evaluation.decisions import operating_point
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import classifier, kept
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import ModelRefused
from xraykit.models.conversion import biases as conversion
from xraykit.system import files as system_files
from xraykit.system import folders
from xraykit.truth import biases, elsewhere, sets
from xraykit.truth.elsewhere import Source

PARTS = {"validation": slice(0, 150), "test": slice(150, 300)}


def films():
    """Squares of noise, uint8 (300, 32, 32, 1)."""
    random = np.random.default_rng(0)
    return (random.integers(0, 256, (300, 32, 32, 1)) * random.random((300, 1, 1, 1))).astype(np.uint8)


def uneven(root):
    """A tiny model that gives every film one class, though its logits tell three apart; figures and checks beside."""
    folder = shutil.copytree(DATA / "tiny-model", root / "uneven")
    tiny_model.write_card(folder)
    logits = np.round(classifier.load(folder).predict_squares(films()), 6)
    truth = (logits - logits.mean(axis=0)).argmax(axis=1)
    names = np.array([f"{number:064x}" for number in range(len(truth))])
    for part, rows in PARTS.items():
        hashes = tuple(names[rows])
        reading = Evaluation(
            "uneven", tiny_model.CLASSES, hashes, truth[rows], logits[rows], 1.5, hashes, tuple(range(150)), part
        )
        (folder / evaluation.FILES[part]).write_text(reading.to_json())
    files = {path.name: system_files.sha256_of(path) for path in folder.iterdir() if path.name != cards.CARD}
    checks = {"shortcuts": {"n": 3}, "scorecard": {"n": 3}, "data_audit": None, "left_out": {"runs": 3}}
    tiny_model.write_card(folder, files=files, checks=checks, metrics={"milliseconds_a_film": 1.0})
    test = evaluation.load(folder / "evaluation.json")
    for name, stamp in (("far", "off"), ("gated", "passed"), ("old", "")):
        far = dataclasses.replace(test, data=name, gate=stamp)
        elsewhere.attach(folder, far, Source(name, "two words", {"Sick": "COVID-19", "Normal": "Normal"}), 0)
    return folder


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The folders of a model before and after, and what the command said."""
    root = tmp_path_factory.mktemp("biases")
    (root / "before").mkdir()
    before = uneven(root / "before")
    after = shutil.copytree(before, root / "weights" / "uneven")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_WEIGHTS", str(root / "weights"))
        done = CliRunner().invoke(main, ["models", "biases", "uneven"])
    assert done.exit_code == 0, done.output
    return before, after, done.stdout


def test_the_classes_are_evened_out(changed):
    before, after, _ = changed
    old, new = kept.load_kept(before), kept.load_kept(after)
    assert old.test.metrics()["balanced_accuracy"] < 0.4 < 0.9 < new.test.metrics()["balanced_accuracy"]
    assert new.card.recipe["bias_correction"] is True and new.card.metrics["milliseconds_a_film"] == 1.0


@pytest.mark.slow
def test_network_graph_and_readings_agree(changed):
    import keras

    before, after, _ = changed
    model = classifier.load(after)
    ours = model.predict_squares(films())
    for part, reading in evaluation.load_parts(after).items():
        assert np.abs(ours[PARTS[part]] - reading.logits).max() < 1e-5
        was = evaluation.load_parts(before)[part]
        assert (reading.hashes, reading.groups, reading.films) == (was.hashes, was.groups, was.films)
    theirs = keras.saving.load_model(after / cards.NETWORK, compile=False)(films().astype(np.float32), training=False)
    assert np.abs(calibration.softmax(ours) - np.asarray(theirs)).max() < 1e-4


def test_the_figures_of_the_card_are_those_of_its_files(changed):
    _, after, _ = changed
    card, parts = cards.read(after), evaluation.load_parts(after)
    for part, reading in parts.items():
        assert card.metrics[part] == stats.plain(reading.metrics()) and reading.temperature == card.temperature
    validation = parts["validation"]
    assert card.temperature == pytest.approx(calibration.fit_temperature(validation.logits, validation.truth))
    assert card.metrics["operating_points"] == operating_point.of_card(parts, card.files[cards.NETWORK])
    assert card.checks[sets.CHECK] == json.loads(json.dumps(sets.measure(parts, {})))
    agreement = card.metrics["agreement_with_keras"]
    assert agreement["largest_difference"] < 1e-4 and (agreement["films"], agreement["kind"]) == (12, "synthetic")


def test_what_the_network_before_gave_is_gone_and_said(changed):
    before, after, said = changed
    card = cards.read(after)
    assert card.elsewhere == () and card.checks.keys() == {sets.CHECK, "data_audit", "left_out"}
    assert {path.name for path in after.iterdir()} == {cards.CARD, *card.files}
    assert len(cards.read(before).files) == len(card.files) + 3
    commands = [line.strip() for line in said.splitlines() if " evaluate " in line]
    given = "python -m xraykit evaluate --model uneven --data DIR --attach {} --about 'two words' --map Sick=COVID-19"
    assert commands == [
        given.format("far") + " --gate off",
        given.format("gated") + " --gate on",
        given.format("old"),
    ], "the gate changes which films count, so each figure needs the gate it was made with"
    assert "audit --model uneven --data DIR" in said and "validation: accuracy" in said


def test_a_second_time_changes_nothing(changed):
    _, after, _ = changed
    before = {path.name: path.read_bytes() for path in after.iterdir()}
    assert biases.refit(after).added == {}
    assert {path.name: path.read_bytes() for path in after.iterdir()} == before
    done = CliRunner().invoke(main, ["models", "biases", str(after)])
    assert done.exit_code == 0 and "nothing was changed" in done.stdout


@pytest.fixture
def model(tmp_path):
    return uneven(tmp_path)


def refused(folder, words):
    """Is refused with these words, and nothing of the model is another afterwards."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ModelRefused, match=words):
        biases.refit(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_model_without_validation_readings_is_refused(tmp_path):
    kept_models.keep(tmp_path, "alpha", seed=1)
    card = cards.read(tmp_path / "alpha")
    (tmp_path / "alpha" / "validation.json").unlink()
    files = {name: digest for name, digest in card.files.items() if name != "validation.json"}
    (tmp_path / "alpha" / cards.CARD).write_text(dataclasses.replace(card, files=files).to_json())
    refused(tmp_path / "alpha", "has no validation.json")


def test_a_model_that_another_process_changes_is_refused(model):
    with folders.claimed(model.parent, model.name), pytest.raises(ModelRefused, match="done, then try again"):
        biases.refit(model)
    assert cards.read(model).elsewhere


def test_files_that_do_not_agree_are_refused(model, monkeypatch):
    monkeypatch.setattr(conversion, "add_in_subprocess", lambda *_: np.zeros((12, 3)))
    refused(model, "agree")


@pytest.mark.parametrize("ending", [pytest.param("another name", marks=pytest.mark.slow), "without bias"])
def test_a_network_without_a_last_layer_of_logits_is_refused(tmp_path, ending):
    import keras

    film = keras.Input((32, 32, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, name="out_relu")(film))
    name = "other" if ending == "another name" else "logits"
    value = keras.layers.Dense(3, name=name, use_bias=ending != "without bias")(pooled)
    keras.Model(film, keras.layers.Softmax()(value)).save(tmp_path / cards.NETWORK)
    with pytest.raises(ModelRefused, match='"logits"'):
        conversion.add(tmp_path / cards.NETWORK, [0.1, 0, -0.1], "out_relu", tmp_path / "out")
