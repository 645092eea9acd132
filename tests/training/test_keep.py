"""From a run to a kept model: the one way a network comes into weights/."""

import dataclasses
import io
import json
import os
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.helpers import DATA, ROOT, bad_films, film_folders
from xraykit.__main__ import main
from xraykit.datasets import dataset, layout
from xraykit.evaluation import calibration as calibrations
from xraykit.evaluation import evaluation
from xraykit.films import radiograph
from xraykit.models import classifier
from xraykit.models.cards import card
from xraykit.models.conversion import convert
from xraykit.system import jobs
from xraykit.system.job_folder.job_folder import JobRefused
from xraykit.system.job_folder.record import State
from xraykit.training import keep, worker
from xraykit.training.recipe import presets
from xraykit.training.run import run
from xraykit.truth import biases
from xraykit.truth.seen import films as seen_films


@pytest.fixture(scope="module")
def finished(tmp_path_factory, converts_here):
    """A finished tiny run and the folder for kept models."""
    root = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_CACHE", str(root / "cache"))
        patch.setattr(calibrations, "fit_biases", lambda *_: np.array([0.3, -0.1, -0.2]))  # the drawn films need none
        films = dataset.read(film_folders.make(root / "films", films=40))
        chosen = presets.NAMED["tiny"].change(balance="undersample", shrink=0.9, bias_correction=True)
        made = run.create(json.loads(chosen.to_json()), films.root, root / "runs", "tiny")
        before = dict(os.environ)  # a run sets its device's variables for good
        assert worker.train(made) == "finished", made.status()
        os.environ.clear()
        os.environ.update(before)
        keep.keep(made, "tiny", title="A tiny one", root=root / "weights", published="darkcovid")
        yield made, root / "weights"


def test_a_kept_model_has_every_file_hashed_in_its_card(finished):
    _, weights = finished
    made = card.read(weights / "tiny")
    written = {path.name for path in (weights / "tiny").iterdir()}
    assert written == {"card.json", *made.files}
    readings = {"evaluation.json", "validation.json", "history.csv"}
    seen = {file for file in made.files if seen_films.is_ours(file)}
    assert len(seen) == 1
    assert {"model.keras", "features.tflite", "head.npz"} | readings | seen == set(made.files)
    card.verify(made, weights / "tiny")


def test_a_kept_model_remembers_the_films_it_was_made_with(finished):
    run_folder, weights = finished
    remembered, data = seen_films.load(weights / "tiny"), run_folder.read("data.json")
    used = {film["sha256"]: film["part"] for film in data["films"] if film.get("used") is not False}
    assert len(used) < len(data["films"]), "the recipe thins the training films"
    kept = {bytes(sha).hex(): part for sha, part in zip(remembered.sha256, remembered.split.tolist(), strict=True)}
    assert kept == used
    labels = {film["sha256"]: film["label"] for film in data["films"]}
    assert [remembered.classes[label] for label in remembered.labels] == [labels[sha] for sha in kept]


def test_no_file_name_travels_with_a_kept_model(finished):
    _, weights = finished
    for file in [path for path in (weights / "tiny").iterdir() if path.suffix in (".json", ".csv")]:
        assert "film-" not in file.read_text(), file.name
    read = evaluation.load_parts(weights / "tiny")
    assert all(part.films == part.hashes and part.groups for part in read.values())


def test_the_card_says_what_a_reader_needs(finished):
    _, weights = finished
    made = card.read(weights / "tiny")
    assert made.metrics["test"]["accuracy"].keys() == {"value", "low", "high", "n"}
    assert sum(made.data["counts"]["train"].values()) > 60
    assert made.limits and made.software["keras"] and made.parameters > 0
    assert made.metrics["agreement_with_keras"]["largest_difference"] < 1e-4
    assert made.metrics["milliseconds_a_film"] > 0
    assert "root" not in made.data, "a card travels; where the films lay does not"
    assert (made.data["balance"], made.data["shrink"]) == ("undersample", 0.9) and made.data["group_rule"]
    assert 0.8702 in [figure["value"] for figure in made.metrics["published"]], "the user named the set"


def test_operating_points_are_chosen_on_validation_and_applied_to_test(finished):
    _, weights = finished
    made = card.read(weights / "tiny")
    points = made.metrics["operating_points"]
    assert [point["label"] for point in points] == list(made.classes)
    validation, test = (evaluation.load(weights / "tiny" / f"{name}.json") for name in ("validation", "evaluation"))
    for point in points:
        if point["threshold"] is None:
            assert "can only be reached" in point["words"]
            continue
        k = made.classes.index(point["label"])
        for films, figures in ((validation, point["validation"]), (test, point["test"])):
            given = films.probabilities[films.truth == k, k] >= point["threshold"]
            assert figures["sensitivity"]["value"] == pytest.approx(given.mean())
        assert point["validation"]["sensitivity"]["value"] >= 0.95


def test_the_kept_evaluation_is_the_cards(finished):
    _, weights = finished
    kept_readings = evaluation.load(weights / "tiny" / "evaluation.json")
    assert kept_readings.metrics()["confusion"] == card.read(weights / "tiny").metrics["test"]["confusion"]


def test_temperature_helps_on_validation(finished):
    _, weights = finished
    calibration = card.read(weights / "tiny").metrics["validation"]["calibration"]
    assert calibration["after"]["log_loss"] <= calibration["before"]["log_loss"] + 1e-4


def test_png_jpeg_pixels_and_dicom_of_one_film_agree(finished):
    """The same film through every door, against the Keras network itself."""
    import keras

    made, weights = finished
    reader = classifier.load(weights / "tiny")
    model = keras.saving.load_model(made.path / "model.keras")
    rows = []
    for number in range(6):
        for film in _copies(film_folders.draw(number % 3, 100 + number)):
            logits = reader.predict([film])[0].logits
            theirs = model.predict(film.square(32)[None], verbose=0)[0]
            assert np.abs(calibrations.softmax(logits) - theirs).max() < 1e-4
            rows.append((number, reader.predict([film])[0].probabilities))
    for number in range(6):
        copies = np.array([p for n, p in rows if n == number])
        assert len(copies) >= 3 and np.ptp(copies, axis=0).max() < 1e-3


def _copies(pixels):
    """One film as JPEG, and the pixels that the JPEG holds as PNG and as DICOM of both polarities."""
    jpeg = bad_films.jpeg(pixels)
    held = radiograph.read(jpeg, "film.jpg").pixels
    files = {
        "film.jpg": jpeg,
        "film.png": bad_films.png(held),
        "film.dcm": bad_films.dicom(held),
        "inverted.dcm": bad_films.dicom(255 - held, PhotometricInterpretation="MONOCHROME1"),
    }
    return [radiograph.read(data, name) for name, data in files.items()]


@pytest.fixture
def converted_already(finished, monkeypatch):
    """The graph that `finished` made of the run, in place of another conversion of the same network."""

    def copy(network, out, **_):
        for name in (card.BODY, card.HEAD):
            shutil.copy(finished[1] / "tiny" / name, out / name)

    monkeypatch.setattr(convert, "convert_in_subprocess", copy)


def test_a_name_is_kept_once_unless_replaced(finished, converted_already):
    made, weights = finished
    with pytest.raises(card.ModelRefused, match="already"):
        keep.keep(made, "tiny", root=weights)
    assert keep.keep(made, "tiny", root=weights, replace=True).name == "tiny"
    assert not list(weights.glob(".*")), "no half-made folder is left"


def test_class_biases_that_a_run_ended_with_are_not_fitted_on_top_of_themselves(finished):
    made, weights = finished
    assert made.status().class_biases == pytest.approx((0.5, 0.1, 0))
    assert tuple(card.read(weights / "tiny").metrics["class_biases"].values()) == (0.3, -0.1, -0.2)
    assert biases.refit(weights / "tiny").added == {}


def test_the_audit_of_a_run_s_films_is_on_its_card(finished, converted_already):
    made, weights = finished
    recorded, audit = made.read("data.json"), card.read(ROOT / "weights" / "mobilenetv2-scratch").checks["data_audit"]
    made.write("data.json", {**recorded, "data_audit": audit})
    try:
        found = keep.keep(made, "audited", root=weights)
    finally:
        made.write("data.json", recorded)
    assert found.checks["data_audit"] == audit and found.checks.keys() == {"data_audit", "conformal"}


def test_only_a_finished_run_is_kept(tmp_path):
    queued = run.create({"name": "tiny"}, "films", tmp_path)
    with pytest.raises(run.RunRefused, match="queued"):
        keep.keep(queued, "x", root=tmp_path)


def test_other_films_than_the_run_learned_from_are_refused(finished, tmp_path):
    made, weights = finished
    recorded = made.read("data.json")
    other = film_folders.make(tmp_path / "films", films=35)
    made.write("data.json", {**recorded, "root": str(other)})
    try:
        with pytest.raises(layout.DatasetRefused, match="COVID-19/film-035.png"):
            keep.keep(made, "other", root=weights)
    finally:
        made.write("data.json", recorded)


def test_a_graph_that_disagrees_is_not_kept(finished, converted_already):
    made, weights = finished
    file = made.path / "evaluation.json"
    recorded = file.read_text()
    reading = evaluation.load(file)
    file.write_text(dataclasses.replace(reading, logits=reading.logits + [1, 0, 0]).to_json())
    try:
        with pytest.raises(card.ModelRefused, match="agree"):
            keep.keep(made, "wrong", root=weights)
    finally:
        file.write_text(recorded)
    assert not (weights / "wrong").exists()


def test_a_run_of_before_is_kept_as_it_was_then(tmp_path, monkeypatch, converts_here):
    """A finished run with both parts in one evaluation.json gives the figures that it gave when it was written."""
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    before = DATA / "fc00794"
    old = run.Run(shutil.copytree(before / "runs" / "finished", tmp_path / "runs" / "finished"))
    kept_card = keep.keep(old, "tiny-kept", root=tmp_path / "weights", data=before / "films")
    theirs = card.Card.from_json((before / "kept" / "tiny-kept" / "card.json").read_text())
    assert {file for file in kept_card.files if not seen_films.is_ours(file)} == theirs.files.keys()
    assert kept_card.files["model.keras"] == theirs.files["model.keras"]
    assert kept_card.temperature == pytest.approx(theirs.temperature)
    assert kept_card.data == theirs.data and kept_card.recipe == theirs.recipe
    for part in ("validation", "test"):
        assert kept_card.metrics[part]["confusion"] == theirs.metrics[part]["confusion"]
        assert kept_card.metrics[part]["accuracy"] == theirs.metrics[part]["accuracy"]


def test_a_film_read_from_path_and_from_bytes_is_identical(finished, tmp_path):
    from xraykit.films import ingest

    _, weights = finished
    reader = classifier.load(weights / "tiny")
    data = io.BytesIO()
    Image.fromarray(film_folders.draw(0, 7)).save(data, format="JPEG")
    (tmp_path / "film.jpg").write_bytes(data.getvalue())
    with ingest.Ingest() as firewall:
        films = [firewall.read(tmp_path / "film.jpg"), firewall.read(data.getvalue(), "film.jpg")]
    films.append(radiograph.read(data.getvalue(), "film.jpg"))
    readings = [prediction.probabilities for prediction in reader.predict(films)]
    assert np.array_equal(readings[0], readings[1]) and np.array_equal(readings[0], readings[2])


def test_a_run_is_kept_in_the_background(finished, converted_already, monkeypatch):
    """What the page starts, here without a process of its own; test_fine_tune.py keeps a run from the page."""
    made, weights = finished
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(weights))
    monkeypatch.setattr(jobs.Job, "start", lambda job, words, **facts: CliRunner().invoke(main, words))
    state = keep.start(made, "background", title="Kept from the page", limits=["Only a test."]).state()
    assert (state.state, state.message, state.model) == (State.FINISHED, "Saved as background.", "background")
    kept_card = card.read(weights / "background")
    assert kept_card.title == "Kept from the page" and "Only a test." in kept_card.limits
    state = keep.start(made, "background").state()
    assert state.state is State.FAILED and "already" in state.message


def test_a_run_is_kept_by_one_process_at_a_time(finished):
    made, _ = finished
    with jobs.running(jobs.Job(made.path / keep.FOLDER)), pytest.raises(JobRefused, match="already"):
        keep.start(made, "other")
