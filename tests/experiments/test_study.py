"""A study's plain data: every fault named at once, nothing raised, and the same study from its JSON."""

import json
import math
import re

import pytest

from xraykit.experiments import grid
from xraykit.experiments.study import study
from xraykit.experiments.study.design import Design, FoldKind
from xraykit.experiments.study.rules import STUDY, faults
from xraykit.experiments.study.study import Study, StudyRefused
from xraykit.training.recipe import presets

SOUND = {"name": "rates", "recipe": "tiny", "factors": {"phases.0.learning_rate": [1e-2, 1e-3]}}
STRANGE = [
    *(None, True, -1, 10**400, math.nan, math.inf, "", "\0", "\ud800", "x" * 5000, [], {}, [[]], [None], {"": {}}),
    *({"a": {"b": [1, {"c": None}]}}, ["tiny", "tiny"], {"kind": []}, [0, 0], {"kind": "single", "count": "2"}),
]


def refused(**fields) -> dict[str, str]:
    return {path: fault.words for path, fault in faults(SOUND | fields).items()}


def test_a_study_comes_back_from_its_json():
    made = study.from_dict(
        SOUND
        | {
            "design": "grid",
            "folds": {"kind": "cross-validation", "count": 3},
            "seeds": [0, 1],
            "classes": {"Viral Pneumonia": "Pneumonia", "Lung Opacity": None},
        }
    )
    again = study.from_dict(json.loads(made.to_json()))
    assert again == made and again.digest == made.digest
    assert made.design is Design.GRID and made.folds.kind is FoldKind.CROSS_VALIDATION
    assert made.change(seeds=[2]).digest != made.digest


@pytest.mark.parametrize("field", [*STUDY, "no_such_field"])
def test_nothing_that_json_can_hold_breaks_the_check(field):
    for value in STRANGE:
        if wrong := faults(SOUND | {field: value}):
            assert all(fault.words and fault.advice for fault in wrong.values())
            continue
        assert study.from_dict(SOUND | {field: value}).to_json().encode()


def test_what_is_no_study_at_all_is_refused():
    for value in STRANGE:
        assert faults(value)


def test_all_faults_are_named_at_once():
    with pytest.raises(StudyRefused) as caught:
        study.from_dict(
            {
                "name": "a b",
                "recipe": {"name": "x", "phases": [{"epochs": 0, "learning_rate": 1e-3}]},
                "folds": {"count": 1, "fold": 2},
                "seeds": [1, 1],
                "design": "all",
                "colour": "red",
            }
        )
    wrong = caught.value.faults
    assert set(wrong) == {
        *("name", "recipe.phases.0.epochs", "folds.count", "folds.fold", "seeds", "design", "colour"),
    }
    assert len(str(caught.value).splitlines()) == len(wrong)


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"factors": {"phases.1.epochs": [1]}}, "factors.phases.1.epochs", "no field"),
        ({"factors": {"momentun": [1]}}, "factors.momentun", "no field"),
        ({"factors": {"seed": [1, 2]}}, "factors.seed", "study's seeds"),
        ({"factors": {"test": [0.2]}}, "factors.test", "divided alike"),
        ({"factors": {"batch_size": []}}, "factors.batch_size", "1 to 1000 values"),
        ({"factors": {"batch_size": [16, 0, "x"]}}, "factors.batch_size", "got 0. Expected"),
        ({"factors": {"hidden": [[{"width": 0}]]}}, "factors.hidden", "hidden.0.width"),
        ({"factors": {"hidden": [[]], "hidden.0.width": [8]}}, "factors.hidden.0.width", "inside the factor hidden"),
        ({"factors": {"phases.0.weight_decay": [0.1]}, "design": "grid"}, "factors", "No combination"),
        ({"factors": {"batch_size": list(range(1, 201)), "shrink": [k / 100 for k in range(1, 61)]}, "design": "grid"},)
        + ("factors", "12,000"),
        ({"design": "tpe"}, "samples", "needs samples"),
        ({"samples": 4}, "samples", "Only a random or tpe"),
        ({"design": "random", "samples": 4, "factors": {}}, "factors", "needs factors"),
        ({"cut": True}, "cut", "One factor at a time"),
        ({"shrink": 0.5, "factors": {"shrink": [0.1]}}, "shrink", "factor as well"),
        ({"data": ["", "intel"]}, "data", "names of datasets"),
        ({"classes": {"Normal": 3}}, "classes", "name of a class"),
        ({"recipe": "no-such-preset"}, "recipe", "tiny"),
    ],
)
def test_a_broken_study_is_told_why(fields, path, words):
    assert words in refused(**fields)[path]


def test_a_value_that_fits_only_beside_another_is_no_fault():
    factors = {"phases.0.optimizer": ["adam", "adamw"], "phases.0.weight_decay": [0.0, 0.1]}
    made = study.from_dict(SOUND | {"factors": factors, "design": "grid"})
    trials = grid.trials(made)
    assert len(trials.trials) == 3 and trials.impossible == 1


def test_one_factor_at_a_time_begins_with_the_base():
    factors = {"hidden": [[{"width": 16, "dropout": 0.1}], [{"width": 8}], []], "phases.0.learning_rate": [3e-3, 1e-3]}
    trials = grid.trials(study.from_dict(SOUND | {"factors": factors})).trials
    assert [trial.number for trial in trials] == [1, 2, 3, 4]
    assert trials[0].recipe == presets.NAMED["tiny"]
    assert trials[1].settings["hidden"] == [{"width": 8, "dropout": 0.0, "activation": "relu"}]
    assert [trial.settings["phases.0.learning_rate"] for trial in trials] == [3e-3, 3e-3, 3e-3, 1e-3]
    assert [grid.trial_from_json(json.loads(json.dumps(trial.to_json()))) for trial in trials] == list(trials)


def test_a_study_without_factors_is_its_base_alone():
    assert len(grid.trials(study.from_dict({"name": "a", "recipe": "tiny"})).trials) == 1


def test_a_random_search_draws_different_trials_by_its_first_seed():
    factors = {"batch_size": [8, 16, 32], "phases.0.learning_rate": [1e-2, 1e-3, 1e-4]}
    made = study.from_dict(SOUND | {"factors": factors, "design": "random", "samples": 5})
    drawn = grid.trials(made).trials
    assert len({trial.recipe for trial in drawn}) == 5
    assert grid.trials(made).trials == drawn != grid.trials(made.change(seeds=[7])).trials
    assert len(grid.trials(made.change(samples=50)).trials) == 9


def test_the_trials_of_tpe_are_made_one_by_one():
    made = study.from_dict(SOUND | {"design": "tpe", "samples": 4})
    assert grid.trials(made).trials == () and grid.count(made) == 4
    trial = grid.trial_of(made, 3, {"phases.0.learning_rate": 1e-3})
    assert trial.number == 3 and trial.recipe.phases[0].learning_rate == 1e-3


def test_a_shrink_of_the_study_is_that_of_every_trial():
    made = study.from_dict(SOUND | {"shrink": 0.25})
    assert {trial.recipe.shrink for trial in grid.trials(made).trials} == {0.25}


def test_settings_reach_into_a_study():
    made = study.with_settings(
        Study("a", presets.NAMED["tiny"]),
        ["folds.count=3", "folds.kind=cross-validation", "factors.batch_size=[8, 16]", "recipe.phases.0.epochs=3"],
    )
    assert made.folds.count == 3 and made.recipe.epochs == 3 and made.factors == {"batch_size": (8, 16)}
    for setting in ("folds.number=3", "seeds", "factors=3"):
        with pytest.raises(StudyRefused):
            study.with_settings(made, [setting])


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"\xff", b"[]", b'{"name": "a"}'])
def test_a_damaged_file_is_refused_in_words(tmp_path, content):
    (tmp_path / "study.json").write_bytes(content)
    with pytest.raises(StudyRefused):
        study.read(tmp_path / "study.json")
    with pytest.raises(StudyRefused, match="missing"):
        study.read(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "a", "name": "b"}', "'name' is there twice"),
        ('{"shrink": NaN}', "NaN is no number"),
        ('{"shrink": 1e400}', "1e400 is too large"),
        ('{"name": "\\ud800"}', "half a letter"),
        ("[" * 500 + "]" * 500, "nested too deeply"),
        ("{", "It is not."),
    ],
)
def test_a_file_that_holds_no_plain_data_is_refused_in_words(tmp_path, text, words):
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(StudyRefused, match=re.escape(words)):
        study.read(file)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_as_editors_and_shells_write_it(tmp_path, codec):
    file = tmp_path / "mine.json"
    file.write_text(study.from_dict(SOUND).to_json(), codec)
    assert study.read(file) == study.from_dict(SOUND)


@pytest.mark.parametrize("path", ["phases.00.epochs", "phases.\N{ARABIC-INDIC DIGIT ZERO}.epochs"])
def test_a_field_has_one_path(path):
    data = SOUND | {"factors": {path: [1, 2]}}
    assert f"factors.{path}" in faults(data)


def test_a_search_among_more_combinations_than_a_computer_counts_draws_its_trials():
    rates = [number / 1e5 for number in range(1, 1000)]
    paths = ["phases.0.learning_rate", "label_smoothing", *(f"augmentation.{name}" for name in ("rotation", "zoom"))]
    paths += ["augmentation.shift", "augmentation.brightness"]
    factors = dict.fromkeys(paths, rates) | {"plateau_factor": [number / 1e3 for number in range(10, 990)]}
    asked = study.from_dict(SOUND | {"design": "random", "samples": 5, "factors": factors})
    made = grid.trials(asked)
    assert len(made.trials) == 5 and made == grid.trials(asked)
