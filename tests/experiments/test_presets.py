"""The studies that have a name, and the published figures beside them."""

import json
import re

import pytest

from tests.helpers import ROOT
from xraykit.experiments import grid
from xraykit.experiments.plan.ready import Ready
from xraykit.experiments.published import figures, presets
from xraykit.experiments.study import films, study
from xraykit.experiments.study.design import Design, FoldKind
from xraykit.experiments.study.rules import FOLDS, STUDY
from xraykit.experiments.study.study import StudyRefused
from xraykit.training import pretrained
from xraykit.training.run.failures import WeightsMissing

PAGE = (ROOT / "docs" / "studies.md").read_text("utf-8")


@pytest.mark.parametrize("name", presets.NAMED)
def test_a_preset_is_a_study_file_like_any_other(name, tmp_path):
    made = presets.load(name)
    (tmp_path / "mine.json").write_text(made.to_json())
    read = presets.load(tmp_path / "mine.json")
    assert read.to_json() == made.to_json() and grid.trials(read).trials == grid.trials(made).trials
    assert made.words and grid.trials(made).impossible == 0


@pytest.mark.parametrize("name", presets.NAMED)
def test_a_preset_is_documented_with_its_trials(name):
    made = presets.NAMED[name]
    assert re.search(rf"^\| `{name}` \| {grid.count(made)}\b", PAGE, re.MULTILINE)


def test_every_field_and_choice_of_a_study_is_documented():
    for field in (*STUDY, *(f"folds.{field}" for field in FOLDS)):
        assert f"\n| `{field}` | " in PAGE, field
    assert all(f"`{choice}`" in PAGE for choice in (*Design, *FoldKind))


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(StudyRefused, match="mobilenet-heads"):
        presets.load("mobilenet-head")
    with pytest.raises(StudyRefused):
        presets.load(tmp_path)


@pytest.mark.parametrize("name", ["mobilenet-heads", "resnet50-heads"])
def test_every_published_head_is_one_of_ours_in_the_same_order(name):
    trials = grid.trials(presets.NAMED[name]).trials
    published = [figures.of_trial(name, trial) for trial in trials]
    assert [each.number if each else 0 for each in published] == [1, 2, 3, 4, 5, 6, 7]
    assert [len(trial.recipe.hidden) for trial in trials] == [1, 1, 1, 2, 3, 1, 1]


def test_published_figures_are_those_of_the_source():
    second = figures.STUDIES["mobilenet-heads"].trials[1]
    assert (second.test_accuracy, second.table_accuracy, second.train_loss) == (0.9353, 0.9341, 0.1321)
    assert second.seconds == pytest.approx(38 * 60 + 36.385661)
    sixth, seventh = figures.STUDIES["resnet50-heads"].trials[5:]
    assert seventh.test_accuracy == sixth.test_accuracy and "copy slip" in seventh.note and not sixth.note
    scratch = grid.trials(presets.NAMED["scratch-vs-pretrained"]).trials[0]
    figure = figures.of_trial("scratch-vs-pretrained", scratch)
    assert figure is not None and figure.sensitivity == {"COVID-19": 0.81}


def test_another_trial_has_no_published_figures():
    other = presets.NAMED["mobilenet-heads"].change(factors={"hidden": [[{"width": 64}]]})
    assert [figures.of_trial("mobilenet-heads", trial) for trial in grid.trials(other).trials] == [None, None]
    assert figures.of_trial("", grid.trials(other).trials[0]) is None


def test_a_published_study_is_named_by_presets_alone_where_there_are_figures():
    assert {made.published for made in presets.NAMED.values()} - {""} == set(figures.STUDIES)
    assert json.dumps([each.slips for each in figures.STUDIES.values()])


def test_weights_found_nowhere_are_refused_or_replaced_and_marked(tmp_path, monkeypatch):
    def nowhere(backbone, alpha=1.0, tick=None):
        raise WeightsMissing(f"Put {pretrained.file_of(backbone, alpha).name} into a folder.")

    for variable in ("XRAYKIT_IMAGENET", "KERAS_HOME", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(pretrained, "fetch_imagenet", nowhere)
    grid._failed_download.cache_clear()
    made = presets.NAMED["resnet50-heads"]
    trial = grid.trials(made).trials[0]
    replaced = grid.resolve(made, trial)
    assert replaced.random_start and replaced.recipe.weights is None and replaced.settings == trial.settings
    with pytest.raises(StudyRefused, match="resnet50_no_top.weights.h5"):
        grid.resolve(made.change(random_weights=False), trial)
    scratch = presets.NAMED["scratch-vs-pretrained"]
    assert grid.resolve(scratch, grid.trials(scratch).trials[0]).random_start is False
    (tmp_path / "resnet50_no_top.weights.h5").touch()
    assert grid.resolve(made, trial) == trial, "a file that was put there meanwhile is used"
    grid._failed_download.cache_clear()


def test_a_search_that_might_take_missing_weights_is_refused_before_it_starts(monkeypatch):
    monkeypatch.setattr(pretrained, "locate", lambda recipe: None)
    monkeypatch.setattr(grid, "_failed_download", lambda backbone, alpha: "It is nowhere.")
    made = presets.NAMED["mobilenet-heads"].change(design="tpe", samples=3)
    ready = Ready(made, *(None,) * 3)
    with pytest.raises(StudyRefused, match="It is nowhere."):
        ready.resolved()
    assert Ready(made.change(random_weights=True), *(None,) * 3).resolved() == ()


def folder(root, *classes):
    for label in classes:
        (root / label).mkdir(parents=True)
        (root / label / "a.png").write_bytes(b"x")
    return root


def test_the_datasets_of_a_study_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_DATA", str(tmp_path))
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "other"))
    here = folder(tmp_path / "radiography", "COVID-19", "Normal")
    made = presets.NAMED["mobilenet-heads"]
    assert films.find(made) == {"radiography": here}
    with pytest.raises(Exception, match="not on this computer: darkcovid, kermany"):
        films.find(presets.NAMED["transfer"])
    with pytest.raises(Exception, match="names no dataset"):
        films.find(study.from_dict({"name": "a", "recipe": "tiny"}))
    with pytest.raises(Exception, match="same name"):
        films.find(made, [here, tmp_path / "b" / "radiography"])


def test_one_dataset_whose_classes_stay_is_taken_as_it_is(tmp_path):
    here = folder(tmp_path / "set", "Normal", "Pneumonia")
    plain = {"name": "a", "recipe": "tiny", "classes": {"Viral Pneumonia": "Pneumonia"}}
    assert films.gather(study.from_dict(plain | {"data": ["other"]}), {"set": here}) == here
    with pytest.raises(Exception, match="renames or leaves out Viral Pneumonia, which set has not"):
        films.gather(study.from_dict(plain), {"set": here})


def test_the_first_study_draws_its_own_films(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path))
    monkeypatch.delenv("XRAYKIT_DATA", raising=False)
    drawn = films.find(presets.NAMED["tiny"])
    assert (
        list(drawn.values()) == [tmp_path / "synthetic-example"] and (tmp_path / "synthetic-example" / "clear").is_dir()
    )
