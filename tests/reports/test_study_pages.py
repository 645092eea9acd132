"""A study's whole page to hand out: made of its folder, short on paper, whole in JSON, with nothing private in it."""

import datetime
import json

import pytest

from tests.helpers import study_folders, study_results
from xraykit.experiments.published import presets
from xraykit.reports.export import formats
from xraykit.reports.study import page as study_page

WRITTEN = datetime.datetime(2026, 11, 29, 20, 0, tzinfo=datetime.UTC)
ROOT = "/home/jroe/MRN-4711"


def of(root, **fields):
    """The page of a study of one fold."""
    asked = study_folders.study(**{"folds": {"kind": "single"}, **fields})
    folder = study_results.write(root, asked, films=120, epochs=3, fold_names=["1"], right=lambda t, f, s: 0.6)
    return folder, study_page.of_folder(folder, written=WRITTEN)


def keys(page):
    return [section.key for section in page.sections]


def section(page, key):
    return next(section for section in page.sections if section.key == key)


def test_one_trial_has_a_page_without_comparisons(tmp_path):
    _, page = of(tmp_path, factors={})
    assert keys(page.short) == ["results", "histories", "plan", "base"]
    assert [tile.name for tile in page.headline] == ["Best validation accuracy"]


def test_sixty_trials_are_short_on_paper_and_whole_in_the_json(tmp_path):
    _, page = of(tmp_path, factors={"phases.0.learning_rate": list(study_results.rates(60))})
    (first,) = section(page, "results").tables
    assert len(first.rows) == study_page.MOST_TRIALS and "of 61 trials" in first.note
    assert len(section(page, "all-trials").tables[0].rows) == 61
    assert "all-trials" not in keys(page.short) and "all-comparisons" not in keys(page.short)
    held = json.loads(formats.export(page, "json").content)
    assert len(held["trials"]) == 61 and "all-trials" in [part["key"] for part in held["sections"]]
    assert ("Learning rate", "60 values, 1e-05 to 0.1") in section(page, "plan").tables[0].rows


def test_columns_that_say_nothing_are_left_out_on_paper(tmp_path):
    _, page = of(tmp_path)
    names = [column.name for column in section(page, "results").tables[0].columns]
    assert "sd, points" not in names and "Runs" not in names and "Parameters" not in names
    assert names[-1] == "Beside the best"
    assert "Parameters" in [column.name for column in section(page, "trials-more").tables[0].columns]


def test_plan_and_time_are_told_without_its_remarks(tmp_path):
    folder, _ = of(tmp_path)
    plan = {"runs": 2, "low": 60.0, "high": 180.0, "films": 120, "device": "cpu", "remarks": [f"{ROOT}/w.h5"]}
    folder.write("plan.json", plan)
    page = study_page.of_folder(folder)
    rows = dict(section(page, "plan").tables[-1].rows)
    assert rows["Planned"] == "2 runs, 60 s to 3 min on cpu; 120 films"
    folder.write("plan.json", {"runs": "many"})
    assert "Planned" not in dict(section(study_page.of_folder(folder), "plan").tables[-1].rows)


def test_what_a_preset_was_changed_in_is_said(tmp_path):
    preset = presets.NAMED["mobilenet-heads"]
    phase = {"epochs": 60, "learning_rate": 1e-5, "trainable": "head", "augment": False}
    asked = preset.change(recipe=json.loads(preset.to_json())["recipe"] | {"image_size": 96, "phases": [phase]})
    for study, changed in ((preset, {}), (asked, {"Image size", "Phase 1: epochs"})):
        folder = study_results.write(tmp_path / str(len(changed)), study, films=120, epochs=3, fold_names=["1"])
        rows = dict(section(study_page.of_folder(folder), "plan").tables[-1].rows)
        assert {name for name in rows if "the preset has" in rows[name]} == set(changed)
    assert rows["Phase 1: epochs"] == "60 (the preset has 150)"


def test_published_figures_stand_in_it(tmp_path):
    folder = study_results.write(tmp_path, presets.NAMED["mobilenet-heads"], films=200, epochs=3, fold_names=["1"])
    study_results.choose(folder, 2)
    page = study_page.of_folder(folder, [2], WRITTEN)
    assert {"chosen", "published", "histories", "settings", "cost", "plan"} <= set(keys(page))
    assert page.data["redo"]["settings"] == {"overlaid": [2]}
    assert page.headline[0].name == "Accuracy of the chosen trial"


def test_the_same_folder_gives_the_same_page(tmp_path):
    folder, page = of(tmp_path)
    assert study_page.of_folder(folder, written=WRITTEN).to_json() == page.to_json()


@pytest.mark.parametrize("kind", ["html", "markdown", "json"])
def test_nothing_private_of_a_study_s_folder_is_in_its_page(tmp_path, kind):
    recipe = json.loads(study_folders.study().recipe.to_json())
    weights = [f"{ROOT}/scratch.h5", f"{ROOT}/other.h5"]
    folder, page = of(tmp_path, recipe=recipe | {"weights": weights[0]}, factors={"weights": weights})
    assert ROOT in (folder.path / "study.json").read_text()
    content = formats.export(page, kind, full=True).content.decode()
    assert "other.h5" in content
    for planted in ("jroe", "MRN-4711", "/films/ward", "film-00", str(tmp_path)):
        assert planted not in content, planted
