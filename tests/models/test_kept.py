"""A kept model's records, and what differs between cards."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers import DATA
from tests.helpers.evaluations import made
from xraykit.evaluation.evaluation import EvaluationRefused
from xraykit.models import classifier
from xraykit.models import kept as records
from xraykit.models.cards import card as cards
from xraykit.system import files as system_files

TINY = DATA / "tiny-model"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A function that makes a kept model with records; `tmp_path` is the models' root."""
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path))

    def make(name, seed=0, validation=True):
        folder = tmp_path / name
        shutil.copytree(TINY, folder)
        (folder / "evaluation.json").write_text(made(name, seed=seed).to_json())
        if validation:
            (folder / "validation.json").write_text(made(name, n=50, seed=seed + 9).to_json())
            (folder / "history.csv").write_text("epoch,val_loss\n0,0.5\n")
        files = {path.name: system_files.sha256_of(path) for path in folder.iterdir() if path.name != "card.json"}
        card = replace(cards.read(TINY), name=name, classes=made(name).classes, files=files)
        (folder / "card.json").write_text(card.to_json())
        return folder

    return make


def test_records_are_read_by_name_and_by_folder(kept):
    folder = kept("tiny")
    for place in ("tiny", folder):
        card, test, validation, rows, lies = records.load_kept(place)
        assert (card.name, len(test.films), len(validation.films), rows[0]["val_loss"]) == ("tiny", 300, 50, 0.5)
        assert lies == folder


def test_a_model_without_validation_or_history_says_so(kept):
    kept("tiny", validation=False)
    assert records.load_kept("tiny").validation is None and records.load_kept("tiny").history == []


def test_a_changed_evaluation_is_refused(kept):
    folder = kept("tiny")
    (folder / "evaluation.json").write_text(made("tiny", seed=3).to_json())
    with pytest.raises(cards.ModelRefused, match=r"evaluation\.json of tiny has another sha256"):
        records.load_kept("tiny")


def test_the_figures_of_another_model_are_refused_even_where_the_card_names_their_file(kept):
    folder = kept("tiny")
    (folder / "evaluation.json").write_text(made("other").to_json())
    files = cards.read(folder).files | {"evaluation.json": system_files.sha256_of(folder / "evaluation.json")}
    (folder / "card.json").write_text(replace(cards.read(folder), files=files).to_json())
    with pytest.raises(cards.ModelRefused, match="an evaluation of another model"):
        records.load_kept("tiny")


def test_a_model_without_an_evaluation_is_refused():
    with pytest.raises(cards.ModelRefused, match=r"tiny-model has no evaluation\.json"):
        records.load_kept(TINY)


def test_an_evaluation_is_found_by_file_folder_and_name(kept, tmp_path):
    folder = kept("tiny")
    loose = tmp_path / "out"
    loose.mkdir()
    shutil.copy(folder / "evaluation.json", loose)
    for place in (folder / "evaluation.json", loose, folder, "tiny"):
        assert records.load_evaluation(place).model == "tiny"
    with pytest.raises(EvaluationRefused, match=r"nowhere is no evaluation\.json"):
        records.load_evaluation("nowhere")


def test_only_what_differs_between_cards_is_listed():
    one = cards.read(TINY)
    phases = [{"learning_rate": 1e-3, "epochs": 4}]
    first = replace(one, recipe={"weights": None, "phases": phases, "learning_seconds": 5.0}, name="a", title="A")
    other = replace(one, recipe={"weights": "imagenet", "phases": [phases[0] | {"learning_rate": 1e-4}], "mix": [1, 2]})
    assert [(row.field, row.values) for row in records.differences([first, other])] == [
        ("recipe.weights", (None, "imagenet")),
        ("recipe.phases.0.learning_rate", (1e-3, 1e-4)),
        ("recipe.mix", ("not reported", [1, 2])),
    ]
    assert records.differences([one, one]) == [] and records.differences([one]) == []


def test_the_size_of_films_is_compared_once():
    one = replace(cards.read(TINY), recipe={"image_size": 32, "channels": 1})
    other = replace(one, image_size=64, channels=3, recipe={"image_size": 64, "channels": 3})
    assert [row.field for row in records.differences([one, other])] == ["image_size", "channels"]


def test_costs_that_nobody_wrote_down_are_not_reported():
    one = cards.read(TINY)
    known = replace(
        one, recipe={"learning_seconds": 12.5, "best_epoch": 16}, metrics={"milliseconds_a_film": 8.0}, parameters=2_000
    )
    found = {
        row.field: row.values for row in records.costs([known, replace(one, parameters=0)], [TINY, Path("nowhere")])
    }
    assert found["parameters"] == (2_000, "not reported") and found["learning seconds"] == (12.5, "not reported")
    assert found["network bytes"] == ((TINY / "model.keras").stat().st_size, "not reported")
    assert found["best epoch"] == (17, "not reported") and found["milliseconds a film"] == (8.0, "not reported")
    assert json.loads(records.costs([one])[0].to_json())["field"] == "parameters"


def _made(folder: Path, words: str) -> None:
    folder.mkdir()
    (folder / "card.json").write_text(words)


def test_a_name_is_given_to_one_of_two_who_want_it_at_once(tmp_path):
    for replace_it in (False, True):
        with records.new_model("mine", tmp_path, replace_it) as first:
            (first / "card.json").write_text(f"first {replace_it}")
            with (
                pytest.raises(cards.ModelRefused, match="Another process is saving a model named mine"),
                records.new_model("mine", tmp_path, replace_it),
            ):
                raise AssertionError("both hold the name")
        assert (tmp_path / "mine" / "card.json").read_text() == f"first {replace_it}"
        assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_replaced_model_stays_until_the_new_one_stands(tmp_path, monkeypatch):
    _made(tmp_path / "mine", "old")

    def fail_at_the_second(source, target, rename=os.rename, calls=[]):  # noqa: B006
        calls.append(target)
        if len(calls) == 2:
            raise OSError("the disk is gone")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_at_the_second)
    with pytest.raises(OSError, match="the disk is gone"), records.new_model("mine", tmp_path, replace=True) as new:
        (new / "card.json").write_text("new")
    assert (tmp_path / "mine" / "card.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_what_a_killed_replacing_left_is_put_back_by_the_next_listing(tmp_path):
    _made(tmp_path / ".mine.01234567.before", "old")
    _made(tmp_path / ".mine.01234567.part", "new")
    _made(tmp_path / ".other.01234567.before", "replaced already")
    _made(tmp_path / "other", "stands")
    classifier.available(tmp_path)
    assert {path.name: (path / "card.json").read_text() for path in tmp_path.iterdir()} == {
        "mine": "old",
        "other": "stands",
    }


def test_what_a_living_process_is_making_is_left_alone(tmp_path):
    with records.new_model("mine", tmp_path) as unfinished:
        (unfinished / "card.json").write_text("new")
        _made(tmp_path / ".mine.01234567.before", "old")
        classifier.available(tmp_path)
        assert unfinished.is_dir() and (tmp_path / ".mine.01234567.before").is_dir()
    assert (tmp_path / "mine" / "card.json").read_text() == "new"
