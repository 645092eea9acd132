"""Searches: Optuna proposes trials and ends those that are behind, the same whatever was killed in between."""

import json

from tests.experiments.test_local_engine import run
from tests.helpers import study_folders
from xraykit.experiments.engine import search
from xraykit.experiments.study_folder import CUT
from xraykit.training.recipe import presets

RATES = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
WIDTHS = [[{"width": 8}], [{"width": 16}], []]


def searched(films, root, samples=6, **changes):
    asked = {"design": "tpe", "samples": samples, "factors": {"phases.0.learning_rate": RATES, "hidden": WIDTHS}}
    study = study_folders.study(**{**asked, "folds": {"kind": "single"}, **changes})
    return study_folders.make(root, films, study)


def tried(folder):
    return [json.dumps(trial.settings) for trial in folder.trials()]


def test_a_search_tries_as_many_trials_as_asked_no_two_alike_and_the_same_each_time(films, tmp_path, threads):
    folder = searched(films, tmp_path / "first")
    assert folder.trials() == () and not folder.runs()
    end = run(folder)
    assert (end.state, end.done, end.runs) == ("finished", 6, 6) and folder.chosen()["candidates"] == 6
    assert len(set(tried(folder))) == 6 and [trial.number for trial in folder.trials()] == list(range(1, 7))
    again = searched(films, tmp_path / "again")
    run(again)
    assert tried(again) == tried(folder) and again.chosen()["trial"] == folder.chosen()["trial"]
    other = searched(films, tmp_path / "other", seeds=[5])
    search.propose(other)
    assert tried(other) != tried(folder)[: search.BATCH]


def test_a_search_that_lost_its_last_proposals_makes_them_again(films, tmp_path, threads):
    folder = searched(films, tmp_path)
    run(folder)
    before = folder.trials()
    folder.write_trials(before[: search.BATCH])
    assert search.propose(folder) and folder.trials() == before


def test_a_search_ends_where_every_combination_was_tried(films, tmp_path, threads):
    few = {"factors": {"phases.0.learning_rate": [1e-3, 3e-3], "hidden": [[], [{"width": 8}]]}}
    folder = searched(films, tmp_path, samples=9, **few)
    end = run(folder)
    assert (end.done, end.runs, len(folder.trials())) == (4, 4, 4) and end.state == "finished" and end.eta is None


def test_a_trial_that_is_behind_after_half_its_epochs_is_cut_and_none_of_its_runs_is_left(films, tmp_path, threads):
    recipe = json.loads(presets.NAMED["tiny"].to_json())
    recipe["phases"][0]["epochs"] = 6
    best_first = {"phases.0.learning_rate": [3e-3, 1e-3, 1e-2, 3e-4, 1e-5, 2e-3]}
    study = study_folders.study(recipe=recipe, factors=best_first, design="grid", cut=True)
    folder = study_folders.make(tmp_path, films, study)
    end = run(folder)
    cut = [each.name for each in folder.runs() if each.is_cut()]
    assert cut == ["t005-f1-s0"]  # a rate of 1e-5: far behind; the first four are never judged
    assert (end.state, end.done, end.runs, end.cut) == ("finished", 12, 12, 2)
    first, second = (each for each in folder.runs() if each.trial.number == 5)
    assert len(first.run.history()) == 3 and second.status() is None
    assert first.run.read(CUT)["epochs"] == 3
    assert all(len(each.run.history()) == 6 for each in folder.runs() if each.trial.number != 5)
    assert folder.chosen()["candidates"] == 5
    assert run(folder).done == 12 and len(first.run.history()) == 3  # again: it stays cut
