"""Runs on the command line: what `train` and `runs` print and exit with. The training is played, no backend starts."""

import json
import os

import pytest
from click.testing import CliRunner

from tests.helpers import data_audits, film_folders
from xraykit.__main__ import main
from xraykit.system import folders
from xraykit.training import audited, worker
from xraykit.training.run import control
from xraykit.training.run import run as runs
from xraykit.training.run.run import Diverged
from xraykit.truth.data_audit import record


@pytest.fixture
def films(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(record, "kept", data_audits.empty)  # the films were audited before, and nothing was found
    before = dict(os.environ)  # a run sets its device's variables for good
    yield film_folders.make(tmp_path / "films", films=20)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def call():
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def played(monkeypatch):
    """Trainings end as the last exception put here says, or well."""
    ends = []

    def learn(found, chosen, films, report=None):
        figures = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.25, "val_accuracy": 0.9}
        found.update(epoch=2, best_epoch=1, best_loss=0.25, best_accuracy=0.9, learning_seconds=75.0, **figures)
        if ends:
            raise ends[-1]

    train = worker.train
    monkeypatch.setattr(worker, "train", lambda *args, **named: train(*args, **{**named, "fit": learn}))
    return ends


def test_a_training_in_the_foreground_leaves_a_run_in_the_root_of_all_runs(films, call, played):
    done = call("train", "--recipe", "tiny", "--data", films, "--name", "first", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert "60 films" in done.stdout and "finished" in done.stdout
    listed = call("runs", "list").stdout
    assert "first  finished" in listed and "90.0%" in listed and "75 s" in listed
    shown = call("runs", "show", "first").stdout
    assert "epoch 2: validation loss 0.2500, accuracy 90.0%" in shown and "loss 0.5000" in shown
    (found,) = json.loads(call("runs", "list", "--json").stdout)
    assert (found["name"], found["state"], found["best_accuracy"]) == ("first", "finished", 0.9)


def test_leaks_stop_a_training_until_they_are_accepted(films, call, played, monkeypatch):
    monkeypatch.setattr(record, "kept", data_audits.full)
    stopped = call("train", "--recipe", "tiny", "--data", films, "--name", "first")
    assert stopped.exit_code == 1 and runs.list_runs() == []
    assert "File header alone: It tells the class. Save all films alike." in stopped.stderr
    assert "accept this with --accept-leaks" in stopped.stderr
    assert call("train", "--recipe", "tiny", "--data", films, "--name", "first", "--accept-leaks").exit_code == 0
    (run,) = runs.list_runs()
    said = audited.remembered(run)["data_audit"]
    assert said["accepted"] and [finding["code"] for finding in said["findings"]][0] == "header-alone"
    assert "one.png" not in (run.path / audited.FILE).read_text(), "a card names no film"


def test_a_failure_says_what_to_do_and_exits_with_one(films, call, played):
    played.append(Diverged("The loss is no longer a number at epoch 1, step 3."))
    done = call("train", "--recipe", "tiny", "--data", films, "--name", "first")
    assert done.exit_code == 1 and "diverged: The loss" in done.stderr and "lower learning rate" in done.stderr
    shown = call("runs", "show", "first").stdout
    assert "failed, diverged" in shown and "lower learning rate" in shown
    played.clear()
    assert call("runs", "resume", "first").exit_code == 0
    assert "finished" in call("runs", "show", "first").stdout


def test_what_cannot_be_resumed_is_refused(films, call, played):
    call("train", "--recipe", "tiny", "--data", films, "--name", "first")
    for words in (["resume", "first"], ["resume", "first", "--detach"], ["stop", "first"]):
        done = call("runs", *words)
        assert done.exit_code == 1 and "finished" in done.stderr
    for name in ("none", "../first", ".", "first/x"):
        assert call("runs", "show", name).exit_code == 1


def test_a_device_that_is_not_here_makes_no_run(films, call):
    done = call("train", "--recipe", "tiny", "--data", films, "--device", "gpu 17")
    assert done.exit_code == 1 and "gpu 17" in done.stderr
    assert runs.list_runs() == []


def test_a_run_moved_to_other_films_is_refused_and_to_the_same_goes_on(films, call, played, tmp_path):
    played.append(Diverged("later"))
    call("train", "--recipe", "tiny", "--data", films, "--name", "first")
    played.clear()
    moved = films.rename(tmp_path / "moved")
    assert "data: " in call("runs", "resume", "first").stderr
    assert call("runs", "resume", "first", "--data", moved).exit_code == 0
    assert runs.Run(folders.runs_folder() / "first").status().data == str(moved)


def test_a_run_is_deleted_by_name(films, call, played):
    call("train", "--recipe", "tiny", "--data", films, "--name", "first")
    assert call("runs", "delete", "first").exit_code == 0
    assert runs.list_runs() == [] and call("runs", "delete", "first").exit_code == 1


def test_stop_waits_until_the_run_has_ended(films, call, monkeypatch):
    made = runs.create({"name": "tiny"}, films, name="first")
    lock = made.hold()
    waited = []

    def wait(found, seconds):
        waited.append(found.stop_asked())
        found.update(state="stopped")
        lock.close()
        return found.status()

    monkeypatch.setattr(control, "wait", wait)
    done = call("runs", "stop", "first")
    assert done.exit_code == 0 and "first: stopped" in done.stdout and waited == [True]


def test_a_broken_run_is_listed_with_its_fault(call, films):
    found = runs.create({"name": "tiny"}, films, name="first")
    (found.path / "status.json").write_text("{")
    assert "unreadable" in call("runs", "list").stdout
    assert json.loads(call("runs", "list", "--json").stdout)[0]["state"] == "unreadable"


def test_options_of_the_estimate_need_it(call, films):
    assert call("train", "--recipe", "tiny", "--data", films, "--json").exit_code == 2


@pytest.mark.slow
def test_an_estimate_trains_nothing_and_is_left_where_the_page_reads_it(call, films, tmp_path):
    import subprocess
    import sys

    words = ["train", "--recipe", "tiny", "--data", films, "--estimate", "--json", "--out", tmp_path / "estimate"]
    done = subprocess.run([sys.executable, "-m", "xraykit", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["seconds"] > 0 and found["memory"] > 0 and found["words"] and found["device_key"] == "cpu"
    assert json.loads((tmp_path / "estimate" / "estimate.json").read_text()) == found
    assert json.loads((tmp_path / "estimate" / "progress.json").read_text())["state"] == "finished"
    assert runs.list_runs() == []
