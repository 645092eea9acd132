"""The command line as a user meets it: what it prints, writes and exits with."""

import csv
import json
import os
import shutil
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.helpers import DATA, bad_films, film_folders
from xraykit.__main__ import main
from xraykit.evaluation.evaluation import probability_columns
from xraykit.films.radiograph import read
from xraykit.models import classifier, explanation
from xraykit.models.folder_evaluation import ABOUT_FILMS
from xraykit.models.service import client as service
from xraykit.system import files

MODEL = DATA / "tiny-model"


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(film_folders.draw(number % 3, number)).save(folder / f"good-{number}.png")
    return folder


ABOUT = ("path", "predicted", "refusal", "notes", "gate", "known")


def rows_of(file):
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_predict_writes_a_row_a_film(run, films, tmp_path):
    done = run("predict", "--model", MODEL, "--csv", tmp_path / "out.csv", films)
    assert done.exit_code == 0, done.output
    rows = rows_of(tmp_path / "out.csv")
    assert list(rows[0]) == [*ABOUT, "COVID-19", "Normal", "Pneumonia"]
    assert [Path(row["path"]).name for row in rows] == [f"good-{n}.png" for n in range(4)]
    for row in rows:
        p = {name: float(row[name]) for name in ("COVID-19", "Normal", "Pneumonia")}
        assert sum(p.values()) == pytest.approx(1, abs=1e-5)
        assert row["predicted"] == max(p, key=p.get) and row["refusal"] == ""


@pytest.mark.slow
def test_refused_films_have_rows_and_spoil_no_others(run, films, tmp_path):
    for name, (make, _) in bad_films.BAD.items():
        (films / name).write_bytes(make())
    (films / "photograph.jpg").write_bytes(bad_films.colour_photograph())
    done = run("predict", "--model", MODEL, "--csv", tmp_path / "out.csv", films)
    assert done.exit_code == 1
    found = {Path(row["path"]).name: row for row in rows_of(tmp_path / "out.csv")}
    for name, (_, codes) in bad_films.BAD.items():
        assert found[name]["refusal"] in codes and found[name]["predicted"] == ""
        assert name in done.stderr
    assert all(found[f"good-{n}.png"]["predicted"] for n in range(4))
    assert found["photograph.jpg"]["predicted"]
    assert "Traceback" not in done.output


@pytest.mark.parametrize("target", ["no-such-model", "a.keras"])
def test_a_model_that_is_none_is_refused_in_words(run, films, tmp_path, target):
    (tmp_path / "a.keras").write_text("not a network")
    model = tmp_path / target if target.endswith(".keras") else target
    done = run("predict", "--model", model, "--csv", tmp_path / "out.csv", films)
    assert done.exit_code == 1 and "No model named" in done.stderr and Path(target).name in done.stderr


def test_a_model_changed_after_its_card_is_refused(run, films, tmp_path):
    changed = shutil.copytree(MODEL, tmp_path / "changed" / MODEL.name)
    data = bytearray((changed / "features.tflite").read_bytes())
    data[-1] ^= 1
    (changed / "features.tflite").write_bytes(data)
    done = run("predict", "--model", changed, "--csv", tmp_path / "out.csv", films)
    assert done.exit_code == 1 and "sha256" in done.stderr


def test_a_missing_film_is_a_row_too(run, films, tmp_path):
    run("predict", "--model", MODEL, "--csv", tmp_path / "out.csv", films / "none.png", films / "good-0.png")
    found = {Path(row["path"]).name: row["refusal"] for row in rows_of(tmp_path / "out.csv")}
    assert found == {"none.png": "unreadable", "good-0.png": ""}


def test_explain_draws_a_picture_with_a_legend(run, films, tmp_path):
    done = run("explain", "--model", MODEL, "--out", tmp_path / "e.png", "--label", "Normal", films / "good-1.png")
    assert done.exit_code == 0, done.output
    picture = np.asarray(Image.open(tmp_path / "e.png"))
    film = read((films / "good-1.png").read_bytes(), "film")
    assert picture.shape[0] > film.height and picture.shape[2] == 3


def test_what_must_be_known_of_a_film_is_told_with_its_probability(run, films, tmp_path):
    lateral = bad_films.dicom(
        bad_films.film_values((96, 96)), ViewPosition="LL", PresentationIntentType="FOR PROCESSING"
    )
    (films / "lateral.dcm").write_bytes(lateral)
    (films / "good-0.png").write_bytes(bad_films.png(bad_films.film_values((96, 80))))
    done = run("predict", "--model", MODEL, "--csv", tmp_path / "out.csv", films / "lateral.dcm", films / "good-0.png")
    assert done.exit_code == 0, "a film with a warning is read"
    told, plain = rows_of(tmp_path / "out.csv")
    assert [note.partition(":")[0] for note in told["notes"].split("; ")] == ["for-processing", "lateral", "bits"]
    assert plain["notes"].startswith("cropped: ")
    warned = [line for line in done.stderr.splitlines() if line.startswith("warning ")]
    assert ["(for-processing)" in warned[0], "(lateral)" in warned[1], len(warned)] == [True, True, 2]
    assert "lateral.dcm" in warned[0] and "cropped" not in done.stderr


def test_a_blank_film_gets_no_probability(run, films, tmp_path):
    (films / "white.png").write_bytes(bad_films.blank_png())
    done = run("predict", "--model", MODEL, "--csv", tmp_path / "out.csv", films / "white.png")
    (row,) = rows_of(tmp_path / "out.csv")
    assert done.exit_code == 1 and row["refusal"] == "blank" and row["predicted"] == row["Normal"] == ""


def test_an_explanation_tells_what_must_be_known_of_its_film(run, tmp_path):
    film = bad_films.film_values((96, 96))
    for name, tags in (("frontal", {}), ("lateral", {"ViewPosition": "LL"})):
        (tmp_path / f"{name}.dcm").write_bytes(bad_films.dicom(film, **tags))
        done = run("explain", "--model", MODEL, "--out", tmp_path / f"{name}.png", tmp_path / f"{name}.dcm")
        assert done.exit_code == 0 and "8 bits stored" in done.stdout
        assert ("(lateral)" in done.stderr) == (name == "lateral")
    with Image.open(tmp_path / "lateral.png") as lateral, Image.open(tmp_path / "frontal.png") as frontal:
        assert lateral.text["Notes"].startswith("lateral: ")
        assert lateral.height > frontal.height, "the legend says it too"


def test_a_study_is_read_and_explained_by_its_folder(run, tmp_path):
    bad_films.write_study(tmp_path / "study")
    done = run("predict", "--model", MODEL, "--csv", tmp_path / "out.csv", tmp_path / "study")
    found = {Path(row["path"]).relative_to(tmp_path / "study").as_posix(): row for row in rows_of(tmp_path / "out.csv")}
    refused = {name: row["refusal"] for name, row in found.items() if row["refusal"]}
    assert done.exit_code == 1 and refused == {"DICOMDIR": "dicomdir", "IMAGES/SR0": "no-pixels"}
    assert f"refused {tmp_path / 'study' / 'IMAGES' / 'SR0'} (no-pixels)" in done.stderr
    done = run("explain", "--model", MODEL, "--out", tmp_path / "maps", tmp_path / "study")
    drawn = sorted(path.relative_to(tmp_path / "maps").as_posix() for path in (tmp_path / "maps").rglob("*.png"))
    assert done.exit_code == 1 and drawn == [f"{name}.png" for name in sorted(set(found) - set(refused))]


def test_a_path_that_no_table_can_hold_is_written_fit_for_one(run, tmp_path):
    (tmp_path / os.fsdecode(b"odd\xff\x1b.png")).write_bytes(bad_films.png(bad_films.film_values()))
    done = run("predict", "--model", MODEL, "--csv", tmp_path / "out.csv", tmp_path)
    (row,) = [row for row in rows_of(tmp_path / "out.csv") if "odd" in row["path"]]
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert row["predicted"] and row["path"].isprintable()


@pytest.mark.parametrize("option", [("--label", "Cat"), ("--method", "Magic"), ("--colormap", "jet")])
def test_choices_that_are_none_are_wrong_usage(run, films, tmp_path, option):
    done = run("explain", "--model", MODEL, "--out", tmp_path / "e.png", *option, films / "good-1.png")
    assert done.exit_code == 2 and "one of" in done.stderr
    assert not (tmp_path / "e.png").exists()


def test_a_model_elsewhere_is_explained_by_every_method(run, films, tmp_path, monkeypatch):
    """The service runs the methods that need TensorFlow and knows models by name: it starts where this one lies."""
    asked = []

    class Service:
        def __init__(self, root):
            asked.append(root)

        def explain(self, film, model, method, label, progress):
            asked.append((model, method))
            return explanation.grad_cam(classifier.load(asked[0] / model), film)[1][0]

        def close(self):
            asked.append("closed")

    monkeypatch.setattr(service, "start", Service)
    monkeypatch.chdir(MODEL.parent)
    for model in (MODEL, MODEL.name):
        asked.clear()
        words = ["--model", model, "--method", "LayerCAM", "--out", tmp_path / "e.png", films / "good-1.png"]
        assert run("explain", *words).exit_code == 0
        assert asked == [MODEL.parent, (MODEL.name, "LayerCAM"), "closed"]


def test_explain_names_what_it_refuses(run, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    done = run("explain", "--model", MODEL, "--out", tmp_path / "e.png", tmp_path / "empty.png")
    assert done.exit_code == 1 and "empty.png" in done.stderr


def test_models_lists_cards_and_what_is_wrong_with_others(run, tmp_path, monkeypatch):
    shutil.copytree(MODEL, tmp_path / MODEL.name)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.keras").write_text("not a network")
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path))
    done = run("models")
    assert done.exit_code == 1 and "bad" in done.stderr and "COVID-19" in done.stdout
    found = json.loads(run("models", "--json").stdout)
    assert len(found["models"]) == 1 and found["refused"][0]["source"] == "bad"


def test_inspect_counts_refuses_and_splits(run, tmp_path):
    folder = film_folders.make(tmp_path / "films")
    (folder / "Normal" / "broken.png").write_bytes(b"no")
    done = run("data", "inspect", "--json", folder)
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {part: sum(n.values()) for part, n in report["counts"].items()} == pytest.approx(
        {"train": 67, "validation": 9, "test": 14}, abs=2
    )
    assert report["refused"][0]["source"] == "Normal/broken.png"
    assert "broken.png" in run("data", "inspect", folder).stderr


def test_inspect_refuses_what_is_no_dataset(run, tmp_path):
    done = run("data", "inspect", tmp_path)
    assert done.exit_code == 1 and "readable films of a class" in done.stderr


def test_evaluate_writes_both_files(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    folder = film_folders.make(tmp_path / "films", classes=("COVID-19", "Normal", "Pneumonia"), films=5)
    (folder / "Normal" / "broken.png").write_bytes(b"no")
    done = run("evaluate", "--model", MODEL, "--data", folder, "--out", tmp_path / "out")
    assert done.exit_code == 1 and "broken.png" in done.stderr and "accuracy" in done.stdout
    rows = rows_of(tmp_path / "out" / "predictions.csv")
    assert len(rows) == 16 and rows[-1]["refusal"] == "not-an-image"
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    right = sum(row["truth"] == row["predicted"] for row in rows[:-1])
    assert sum(found["classes"][t] == r["truth"] for t, r in zip(found["truth"], rows, strict=False)) == 15
    assert f"{right / 15:.1%}" in done.stdout


def test_evaluate_counts_what_must_be_known_of_the_films(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    folder = film_folders.make(tmp_path / "films", classes=("COVID-19", "Normal", "Pneumonia"), films=2)
    for number in range(3):
        lateral = bad_films.dicom(bad_films.film_values((96, 96), seed=number), ViewPosition="LL")
        (folder / "Normal" / f"lateral-{number}.dcm").write_bytes(lateral)
    (folder / "Normal" / "white.png").write_bytes(bad_films.blank_png())
    done = run("evaluate", "--model", MODEL, "--data", folder, "--out", tmp_path / "out")
    assert done.exit_code == 1 and "white.png (blank)" in done.stderr
    (warned,) = [line for line in done.stderr.splitlines() if line.startswith("warning lateral")]
    assert "3 films, such as Normal/lateral-0.dcm" in warned
    assert "note bits: 3 films" in done.stdout
    rows = {row["path"]: row for row in rows_of(tmp_path / "out" / "predictions.csv")}
    assert list(rows["Normal/lateral-1.dcm"])[:5] == ["path", "truth", "predicted", "refusal", "notes"]
    assert rows["Normal/lateral-1.dcm"]["notes"].startswith("lateral: ") and rows["Normal/white.png"]["notes"] == ""
    told = {note["code"]: note for note in json.loads((tmp_path / "out" / "films.json").read_text())["notes"]}
    assert {code: (note["films"], note["warning"]) for code, note in told.items()} == {
        "tiny": (6, True),
        "lateral": (3, True),
        "bits": (3, False),
    }


def test_evaluate_refuses_a_folder_of_other_classes(run, tmp_path):
    folder = film_folders.make(tmp_path / "films", classes=("Cat", "Dog"), films=2)
    done = run("evaluate", "--model", MODEL, "--data", folder, "--out", tmp_path / "out")
    assert done.exit_code == 1 and "Cat, Dog" in done.stderr and "Pneumonia" in done.stderr


def test_train_names_every_fault_of_a_recipe(run, tmp_path):
    done = run("train", "--recipe", "tiny", "--data", tmp_path, "--set", "batch_size=0", "--set", "image_size=1")
    assert done.exit_code == 1 and "batch_size" in done.stderr and "image_size" in done.stderr


def test_doctor_reports_as_json(run):
    found = json.loads(run("doctor", "--json").stdout)
    assert {"python", "keras", "backend jax"} <= {finding["name"] for finding in found}
    assert all(finding["mend"] for finding in found if finding["state"] == "missing")


def test_runs_are_listed_and_shown(run, tmp_path):
    from xraykit.training.run import run as runs

    runs.create({"name": "tiny"}, "films", tmp_path, "first")
    assert "first  queued" in run("runs", "list", "--runs", tmp_path).stdout
    assert json.loads(run("runs", "show", "--json", "--runs", tmp_path, "first").stdout)["state"] == "queued"
    done = run("runs", "stop", "--runs", tmp_path, "first")
    assert done.exit_code == 1 and "lost" in done.stderr, "nobody ever began it"
    assert run("runs", "show", "--runs", tmp_path, "none").exit_code == 1


def test_wrong_usage_exits_with_two(run):
    assert run("predict").exit_code == 2
    assert run("nonsense").exit_code == 2


def test_inspect_tells_the_split_that_is_asked_for(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    folder = film_folders.make(tmp_path / "films")
    own = run("data", "inspect", "--json", "--test=0.3", "--shrink=0.5", f"--out={tmp_path / 'own'}", folder)
    of_recipe = run("data", "inspect", "--json", "--recipe=tiny", f"--out={tmp_path / 'recipe'}", folder)
    parts = {part: sum(n.values()) for part, n in json.loads(own.stdout)["counts"].items()}
    assert own.exit_code == of_recipe.exit_code == 0 and parts["test"] == pytest.approx(27, abs=4)
    own_films, recipe_films = (json.loads((tmp_path / n / "films.json").read_text()) for n in ("own", "recipe"))
    assert sum(own_films["learned_from"].values()) == pytest.approx(parts["train"] / 2, abs=2)
    assert recipe_films["learned_from"] == recipe_films["split"]["train"]
    assert run("data", "inspect", "--test=1.5", folder).exit_code == 2


def images_and_masks(root: Path) -> Path:
    """Class folders as a well-known data set has them: images and masks in each."""
    for label, name in enumerate(("COVID", "Normal")):
        for kind in ("images", "masks"):
            (root / name / kind).mkdir(parents=True)
            for number in range(8):
                pixels = film_folders.draw(label, number) if kind == "images" else np.eye(48, dtype=np.uint8) * 255
                Image.fromarray(pixels).save(root / name / kind / f"{number}.png")
    return root


def test_inspect_leaves_masks_out_and_says_so_everywhere(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    folder = images_and_masks(tmp_path / "films")
    told = run("data", "inspect", folder)
    assert told.exit_code == 0 and "Left out as masks: 16 files in 2 folders" in told.stdout
    report = json.loads(run("data", "inspect", "--json", f"--out={tmp_path / 'out'}", folder).stdout)
    written = json.loads((tmp_path / "out" / "films.json").read_text())
    for found in (report, written):
        assert found["classes"] == {"COVID": 8, "Normal": 8}
        assert [(r["code"], r["count"]) for r in found["remarks"]] == [("masks", 16)]


def test_inspect_tells_a_given_division_and_uses_it_when_asked(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "films"
    for seed, (part, films) in enumerate({"train": 12, "val": 4, "test": 5}.items()):
        film_folders.make(folder / "chest" / part, classes=("A", "B"), films=films)
        for film in (folder / "chest" / part).rglob("*.png"):
            pixels = film_folders.draw("AB".index(film.parent.name), 100 * seed + int(film.stem[-3:]))
            Image.fromarray(pixels).save(film)
    told = run("data", "inspect", folder).stdout
    assert "given by the folder: train 24, validation 8, test 10; not used" in told
    drawn = json.loads(run("data", "inspect", "--json", folder).stdout)
    given = json.loads(run("data", "inspect", "--json", "--division=given", folder).stdout)
    assert (drawn["division"], given["division"]) == ("drawn", "given")
    assert given["counts"] == given["given"]["counts"] == drawn["given"]["counts"]
    assert sum(drawn["counts"]["test"].values()) == pytest.approx(0.15 * 42, abs=3)
    assert "used as given" in run("data", "inspect", "--division=given", folder).stdout


def test_a_folder_of_which_nothing_can_be_read_says_why(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    for label in ("COVID-19", "Normal"):
        (tmp_path / "films" / label).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "films" / label / f"{number}.tif").write_bytes(b"II*\0rest")
        (tmp_path / "films" / label / "empty.png").write_bytes(b"")
    for words in (
        ("data", "inspect", tmp_path / "films"),
        ("evaluate", "--model", MODEL, "--data", tmp_path / "films", "--out", tmp_path / "out"),
        ("train", "--recipe=tiny", "--estimate", "--data", tmp_path / "films"),
    ):
        done = run(*words)
        assert done.exit_code == 1 and done.exception.__class__ is SystemExit
        assert "6 corrupt, as COVID-19/0.tif: The file begins like a TIFF" in done.stderr, words
        assert "2 empty, as COVID-19/empty.png" in done.stderr


def test_inspect_counts_what_was_noticed_in_films_also_from_memory(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    folder = film_folders.make(tmp_path / "films", classes=("A", "B"), films=3)
    Image.fromarray(np.zeros((80, 80), np.uint8)).save(folder / "A" / "black.png")
    for file in folder.rglob("*.png"):
        os.utime(file, (time.time() - 3600,) * 2)  # old enough to be remembered
    for _ in range(2):
        report = json.loads(run("data", "inspect", "--json", folder).stdout)
        (few,) = report["notes"]
        assert (few["films"], few["example"], few["code"]) == (6, "A/film-000.png", "tiny")
    assert "warning tiny: 6 films, such as A/film-000.png: Only 48 x 48" in run("data", "inspect", folder).stderr


@pytest.mark.parametrize(
    "name", [b"film-\xff\xe9.png", b"new\nline.png", b"l\\udcff.png", b'a, "b".png', "Ä.png".encode()]
)
def test_every_name_of_a_film_survives_every_command(run, name, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    folder = film_folders.make(tmp_path / "films", classes=("COVID-19", "Normal"), films=2)
    odd = Path(os.fsdecode(os.fsencode(folder / "Normal") + b"/" + name))
    Image.fromarray(film_folders.draw(1, 77)).save(odd)
    done = run("data", "inspect", "--json", f"--out={tmp_path / 'seen'}", folder)
    assert done.exit_code == 0, done.output
    done = run("evaluate", "--model", MODEL, "--data", folder, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    rows = [row for row in rows_of(tmp_path / "out" / "predictions.csv") if "film-00" not in row["path"]]
    films = json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))["films"]
    (row,) = rows
    assert row["path"] in films and folder / files.named(row["path"]) == odd
    assert run("predict", "--model", MODEL, "--csv", tmp_path / "p.csv", folder).exit_code == 0
    assert run("data", "inspect", folder).exit_code == 0


def test_classes_that_are_called_as_a_column_have_columns_of_their_own(tmp_path):
    for classes in (("path", "predicted"), ("Truth", "Other")):
        columns = [*ABOUT_FILMS, *probability_columns(ABOUT_FILMS, classes)]
        assert columns[len(ABOUT_FILMS) :] == [f"probability of {name}" for name in classes]
        assert len({name.casefold() for name in columns}) == len(columns)
    assert probability_columns(ABOUT_FILMS, ("COVID-19", "Normal")) == ["COVID-19", "Normal"]


def path_options(command, words=()):
    """Every option and argument of every command that takes a path, with the words that lead to it."""
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            yield words, parameter
    for name in getattr(command, "commands", {}):
        yield from path_options(command.commands[name], (*words, name))


@pytest.mark.parametrize(
    "given", ["", " ", "n" * 300, "circle", "circle/film.png"], ids=lambda given: given[:12] or "-"
)
def test_what_can_be_no_path_is_wrong_usage_in_every_command(run, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    os.symlink("circle", "circle")
    places = list(path_options(main))
    assert len(places) > 60, "the walk lost its way"
    for words, parameter in places:
        option = parameter.opts[:1] if isinstance(parameter, click.Option) else []
        done = run(*words, *option, given)
        hint = option[0] if option else parameter.make_metavar(click.Context(main))
        assert (done.exit_code, "Traceback" in done.output) == (2, False), (words, option, done.output)
        assert f"Invalid value for '{hint}'" in done.stderr or "Missing option" in done.stderr, (words, done.stderr)
    assert os.listdir() == ["circle"], "an empty path is not the folder one happens to be in"


def test_no_model_is_not_the_folder_one_happens_to_be_in(run, films, tmp_path):
    done = run("predict", "--model", "", "--csv", tmp_path / "out.csv", films)
    assert done.exit_code == 1 and "No model named ''." in done.stderr
