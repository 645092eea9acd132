"""A run as a report: made of its folder alone, whatever state it is in, with nothing private in it."""

import json

import pytest

from tests.helpers import DATA, kept_models, run_folders, run_results
from xraykit.reports.export import formats
from xraykit.reports.runs import report as run_report
from xraykit.reports.runs import words as run_words
from xraykit.training.run.run import Failure, Run, RunRefused

OLD_RUNS = DATA / "fc00794" / "runs"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    return run_results.write(tmp_path / "runs")


def sections(page):
    return {section.key: section for section in page.sections}


def change_recipe(run, **fields):
    path = run.path / "recipe.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def said(page):
    return page.markdown()


def test_a_finished_run_is_told_with_its_result_first(run):
    page = run_report.report(run)
    parts = sections(page)
    assert [tile.name for tile in page.headline] == ["Balanced accuracy", "Best epoch", "Training time"]
    assert list(parts)[:3] == ["result", "curves", "device"]
    (figures,) = parts["result"].tables
    rows = {row[0]: row[1] for row in figures.rows}
    metrics = run_report.records.read(run).metrics["test"]
    assert rows["Accuracy"] == metrics["accuracy"] and rows["Accuracy"].ends
    mean = sum(of_class["sensitivity"].value for of_class in metrics["classes"].values()) / 3
    assert rows["Balanced accuracy"].value == pytest.approx(mean) and rows["Balanced accuracy"].ends
    assert [column.name for column in figures.columns] == ["Measure", "test, n 240", "validation, n 120"]
    assert page.written is not None and page.written.isoformat() == run_results.FINISHED["ended"]


def test_curves_have_both_phases_and_the_best_epoch(run):
    page = run_report.report(run)
    pictures = {picture.key: picture for section in page.sections for picture in section.pictures}
    assert {"curve-accuracy", "curve-loss", "curve-learning-rate", "matrix"} == set(pictures)
    epochs = [row["epoch"] for row in pictures["curve-loss"].rows if row["films"] == "validation films"]
    assert epochs == list(range(1, 23))
    assert pictures["curve-loss"].note == "dot: best epoch; dotted: a new phase begins"
    rules = [layer for layer in pictures["curve-loss"].screen["layer"] if layer["mark"]["type"] == "rule"]
    assert rules[0]["data"]["values"] == [{"epoch": 8.5}]
    assert "Phase 2 began at epoch 9." in sections(page)["read-out"].words


def test_what_differs_from_the_preset_stands_before_the_recipe(run):
    assert "Every field is as in the preset strong-imagenet." in said(run_report.report(run))
    change_recipe(run, name="mine", image_size=160)
    part = sections(run_report.report(run))["differences"]
    assert part.title == "Recipe: beside the nearest preset strong-imagenet"
    assert part.tables[0].rows == (("Image size", "224 pixels", "160 pixels"),)
    keys = list(sections(run_report.report(run)))
    assert keys.index("differences") + 1 == keys.index("recipe")


def test_a_recipe_that_cannot_be_read_is_said(run):
    (run.path / "recipe.json").write_text("[")
    page = run_report.report(run)
    assert page.lead == run_words.NO_RECIPE and "differences" not in sections(page)


def test_models_that_were_saved_of_it_are_named(run, tmp_path):
    assert "No model on this computer has its network." in said(run_report.report(run))
    kept_models.keep(tmp_path / "weights", "mine", seed=1)
    path = tmp_path / "weights" / "mine" / "card.json"
    card = json.loads(path.read_text())
    card["files"]["model.keras"] = run_report.report(run).data["redo"]["hashes"]["files"]["model.keras"]
    path.write_text(json.dumps(card))
    page = run_report.report(run)
    assert "Saved as the model mine, " in sections(page)["kept"].words[0]
    assert page.data["redo"]["arguments"]["kept"] == ["mine"]


@pytest.mark.parametrize("name", [name for name in run_folders.ENDED if name not in ("finished", "stopped", "lost")])
def test_a_failed_run_says_what_failed_and_what_to_do_and_no_text_of_its_message(tmp_path, name):
    ended = run_folders.ENDED[name]
    made = run_folders.write(tmp_path, "run", **ended)
    page = run_report.report(made)
    words = sections(page)["end"].words
    assert words[0].startswith(run_words.TITLES[Failure(ended["failure"])]) and "12 of 22 epochs" in words[0]
    assert ended["message"] not in said(page) and ended["message"] not in page.to_json()
    assert ("State", f"failed: {ended['failure']}") in page.facts


def test_a_run_can_be_told_in_every_state(tmp_path):
    runs = run_folders.every_state(tmp_path)
    for name in ("broken", "another version"):
        with pytest.raises(RunRefused):
            run_report.report(runs.pop(name))
    for name, made in runs.items():
        page = run_report.report(made)
        assert "NaN" not in page.to_json() and said(page), name
        assert ("result" in sections(page)) is False, name


def test_a_study_s_run_has_no_test_figures_and_says_so(run):
    (run.path / "evaluation.json").unlink()
    page = run_report.report(run)
    assert page.headline[0].note.startswith("validation films")
    assert "The test split is held out" in said(page) and "No test films were read" in said(page)


def test_stops_and_resumes_and_short_memory_are_told(run):
    halved = {"event": "out of memory", "message": "/home/jroe", "batch": 16, "accumulation": 2}
    ended = {"event": "failed", "failure": "disk", "message": "/home/jroe"}
    run_results.events(
        run, ["started", halved, "stopped", {"event": "resumed", "epoch": 6, "step": 3}, ended, "what", "finished"]
    )
    page = run_report.report(run)
    assert "The training was stopped 1 time, failed 1 time and resumed 1 time." in said(page)
    told = [row[1] for row in sections(page)["course"].tables[0].rows]
    assert told == [
        "started",
        "memory was short: batches in 2 parts from here on",
        "stopped",
        "resumed after 6 epochs, step 3",
        "failed: disk",
        "finished",
    ]
    run_results.events(run, ["started", "stopped"] * 40)
    rows = sections(run_report.report(run))["course"].tables[0].rows
    assert len(rows) == 13 and rows[6] == ("…", "68 more")


def test_an_accepted_leak_is_a_warning(run):
    audit = {
        "films": 90,
        "accepted": True,
        "findings": [{"severity": "leak", "title": "Twins", "words": "Two films."}],
    }
    (run.path / "data.json").write_text(json.dumps(run_results.data(data_audit=audit)))
    words = sections(run_report.report(run))["warnings"].words
    assert "the user accepted the leaks" in words[0] and words[1] == "Twins: Two films."


@pytest.mark.parametrize("name", ["finished", "stopped", "queued"])
def test_a_run_of_an_earlier_version_is_told(name):
    page = run_report.report(Run(OLD_RUNS / name))
    assert page.title == f"Run {name}" and ("result" in sections(page)) == (name == "finished")


def test_the_same_folder_gives_the_same_report(run):
    assert run_report.report(run).to_json() == run_report.report(run).to_json()


def test_damaged_parts_are_left_out(run):
    for file in ("data.json", "history.csv", "events.jsonl", "validation.json", "evaluation.json"):
        (run.path / file).write_bytes(b"\xff{")
    page = run_report.report(run)
    assert {"result", "curves", "data", "course"} & set(sections(page)) == set()


def test_nothing_private_of_a_run_s_folder_is_in_its_report(run):
    change_recipe(run, weights="/home/jroe/MRN-4711/weights.h5", name="mine")
    run.update(message="ROE^JOHN.png on workstation-7", advice="Look in /home/jroe")
    page = run_report.report(run)
    for kind in ("html", "markdown", "json"):
        content = formats.export(page, kind).content.decode()
        assert "darkcovid" in content and "weights.h5" in content
        for planted in (*run_results.PLANTED, str(run.path.parent)):
            assert planted not in content, (kind, planted)
