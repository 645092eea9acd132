"""Plans: what is probed once, what is counted for every run, and how a study is cut to a budget."""

import dataclasses
import json

import pytest

from tests.experiments.test_folds import dataset
from xraykit.datasets import split
from xraykit.experiments.plan import budget, plan
from xraykit.experiments.plan.ready import Ready, prepare
from xraykit.experiments.study import study

PHASE = {
    "epochs": 2,
    "seconds_per_epoch": 12.0,
    "feature_seconds": 15.0,
    "feature_bytes": 1000,
    "images_per_second": 10.0,
}
TINY = {
    "name": "heads",
    "recipe": "tiny",
    "factors": {
        "hidden": [[{"width": 16}], [{"width": 8}]],
        "phases.0.learning_rate": [1e-2, 1e-3],
        "image_size": [32, 64],
    },
    "design": "grid",
    "folds": {"kind": "cross-validation", "count": 4},
    "seeds": [0, 1],
}


@pytest.fixture(autouse=True)
def own_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "runs"))


class Estimator:
    """Stands in for `train --estimate`: always the same, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked = []

    def __call__(self, recipe, data, device, progress):
        self.asked.append(recipe)
        progress(1, 6)
        phases = [PHASE for _ in recipe.phases]
        whole = {"compile_seconds": 3.0, "memory": 10**9, "device": "2 CPU cores", "parameters": 5000}
        return {"phases": phases, **whole}


def ready(tmp_path, **fields) -> Ready:
    return prepare(study.from_dict(TINY | fields), dataset(tmp_path))


def test_each_kind_of_trial_is_probed_once_with_its_widest_head(tmp_path):
    estimator = Estimator()
    planned = plan.plan(ready(tmp_path), estimator=estimator)
    assert sorted((recipe.image_size, recipe.hidden[0].width) for recipe in estimator.asked) == [(32, 16), (64, 16)]
    assert (planned.trials, planned.runs, planned.seeds, len(planned.folds)) == (8, 64, 2, 4)
    assert planned.features == pytest.approx(2 * 15.0), "a pass for each image size, whatever the head, rate and fold"
    assert planned.low < planned.learning + planned.features + planned.start < planned.high
    assert planned.memory == 10**9 and planned.disk == 64 * 4 * 4 * 5000 + 2 * 1000


def test_learning_is_counted_by_the_films_of_each_fold(tmp_path):
    planned = plan.plan(ready(tmp_path, factors={}, seeds=[0]), estimator=Estimator())
    used = sum(fold.used for fold in planned.folds)
    validated = sum(fold.validation for fold in planned.folds)
    films = dataset(tmp_path)
    assert used == 3 * validated == 3 * (len(films) - planned.held_out)
    parts = split.split(films, study.from_dict(TINY).recipe.split_plan)
    a_film = (12.0 - len(parts.train) / 10) / len(parts.validation)
    assert planned.learning == pytest.approx(2 * (used / 10 + validated * a_film))


def test_a_tpe_search_is_planned_with_trials_by_lot(tmp_path):
    planned = plan.plan(ready(tmp_path, design="tpe", samples=20, cut=True), estimator=Estimator())
    assert planned.trials == 20 and planned.runs == 160 and planned.at_most


def test_a_plan_is_plain_data(tmp_path):
    planned = plan.plan(ready(tmp_path), estimator=Estimator())
    data = json.loads(json.dumps(planned.to_json()))
    assert data["words"].startswith("8 trials x 4 folds x 2 seeds = 64 runs; ")
    assert data["runs"] == 64 and data["folds"][0]["name"] == "1" and data["digest"] == ready(tmp_path).study.digest


def test_a_budget_is_kept_by_shrinking_the_training_films(tmp_path):
    before, known, estimator = ready(tmp_path), {}, Estimator()
    planned = plan.plan(before, estimator=estimator, known=known)
    kept = plan.SLOWER * (planned.start + planned.features)
    cut = budget.cut(before.study, planned, kept + 0.6 * (planned.high - kept))
    assert cut.shrink == pytest.approx(0.6, abs=0.002) and "60.0%" in cut.words or "59.9%" in cut.words
    asked = len(estimator.asked)
    again = plan.plan(before.change(shrink=cut.shrink), estimator=estimator, known=known)
    assert len(estimator.asked) == asked, "nothing is probed anew"
    assert again.shrink == cut.shrink and again.high < planned.high
    assert all(fold.used < fold.train for fold in again.folds)


def test_a_budget_that_cannot_be_kept_is_said_so(tmp_path):
    before = ready(tmp_path)
    planned = plan.plan(before, estimator=Estimator())
    assert budget.cut(before.study, planned, planned.high + 1).shrink == planned.shrink
    short = budget.cut(before.study, planned, 60.0)
    assert short.shrink is None and "does not fit into 60 s" in short.words
    factor = study.from_dict(TINY | {"factors": {"shrink": [0.5, 1.0]}})
    assert "factor of the study" in budget.cut(factor, planned, planned.high - 1).words


def test_what_must_be_known_is_remarked(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_IMAGENET", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    fields = {
        "recipe": {
            "name": "a",
            "backbone": "ResNet50",
            "weights": "imagenet",
            "phases": [{"epochs": 1, "learning_rate": 1e-3}],
        }
    }
    fields["factors"] = {"phases.0.weight_decay": [0.0, 0.1]}
    planned = plan.plan(ready(tmp_path, **fields), estimator=Estimator())
    assert any("cannot be trained" in words or "no network can be trained so: 1" in words for words in planned.remarks)
    assert any("ResNet50 (resnet50_no_top.weights.h5)" in words and "are refused" in words for words in planned.remarks)
    planned = plan.plan(ready(tmp_path, random_weights=True, **fields), estimator=Estimator())
    assert any("start from random weights and are marked" in words for words in planned.remarks)


def test_films_left_out_of_a_fold_are_remarked(tmp_path):
    films = dataset(tmp_path)
    sources = ["xy"[group % 2] for group in films.groups]
    sources[0] = "y" if sources[0] == "x" else "x"
    films = dataclasses.replace(films, sources=tuple(sources))
    made = prepare(study.from_dict(TINY | {"folds": {"kind": "leave-one-source-out"}}), films)
    planned = plan.plan(made, estimator=Estimator())
    assert sum("are left out because they show the same picture" in words for words in planned.remarks) == 2
    assert planned.held_out == 0 and all(fold.test for fold in planned.folds)
