"""A study at work on this computer: every run, in order, whatever fails, is stopped or killed on the way."""

import contextlib
import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.helpers import ROOT, study_folders, study_hands
from xraykit.__main__ import main
from xraykit.datasets import dataset
from xraykit.evaluation import stats
from xraykit.evaluation.evaluation import FILES
from xraykit.experiments import table as tables
from xraykit.experiments.engine import chosen, local, session, trial
from xraykit.experiments.results import ties
from xraykit.experiments.study_folder import StudyFolder, StudyFolderRefused
from xraykit.training import audited

HANG = 280  # seconds; a limit on hangs, never a measure of speed


@pytest.fixture
def made(films, tmp_path):
    return study_folders.make(tmp_path / "studies", films)


@pytest.fixture
def gates(tmp_path, monkeypatch):
    monkeypatch.setenv(study_hands.GATES, str(tmp_path))
    return tmp_path


def run(folder, **named):
    return local.run(folder, "cpu", fit=study_hands.learn, reader=study_hands.read, **named)


def in_another_process(folder) -> subprocess.Popen:
    code = f"""
from pathlib import Path
from tests.helpers import study_hands
from xraykit.experiments.engine import local
from xraykit.experiments.study_folder import StudyFolder
local.run(StudyFolder(Path({str(folder.path)!r})), "cpu", fit=study_hands.learn, reader=study_hands.read)
"""
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)


def table(folder):
    """Every figure of every run, and the choice."""
    rows = {
        tried.name: (
            tried.run.history(),
            tried.status().best_accuracy,
            tried.status().best_loss,
            json.loads((tried.run.path / FILES["validation"]).read_text()),
        )
        for tried in folder.runs()
    }
    choice = folder.chosen()
    return rows, {name: choice[name] for name in ("trial", "why", "val_accuracy", "test_accuracy", "results")}


def until(condition, what):
    end = time.monotonic() + HANG
    while not (value := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return value


def test_a_study_runs_to_its_end_and_its_best_trial_reads_the_test_films_once(made, films, threads):
    states = []
    end = run(made, on_state=states.append)
    assert (end.state, end.done, end.runs, end.failed, end.running) == ("finished", 4, 4, 0, ())
    assert {tried.status().state for tried in made.runs()} == {"finished"}
    assert states[0].message == "Starting." and states[-1].message == end.message and not made.alive()
    chosen = made.chosen()
    best = [tried for tried in made.runs() if tried.trial.number == chosen["trial"]]
    assert chosen["trial"] == 1 and [each["run"] for each in chosen["runs"]] == [tried.name for tried in best]
    assert all(each["films"] > 0 and (made.path / each["evaluation"]).is_file() for each in chosen["runs"])
    others = [tried for tried in made.runs() if tried not in best]
    assert not any((tried.run.path / FILES["test"]).exists() for tried in others)
    assert "Best mean validation accuracy" in chosen["why"]
    with pytest.raises(StudyFolderRefused, match="has finished"):
        local.start(made)

    marks = {tried.name: (tried.run.path / "status.json").stat().st_mtime_ns for tried in made.runs()}
    run(made)  # again: nothing is touched, nothing read again
    assert marks == {tried.name: (tried.run.path / "status.json").stat().st_mtime_ns for tried in made.runs()}
    assert [len((tried.run.path / "readings.txt").read_text().split()) for tried in best] == [1, 1]
    assert made.chosen() == chosen


def test_of_trials_that_cannot_be_told_apart_the_one_with_the_lowest_log_loss_is_chosen(made, threads, monkeypatch):
    run(made)
    assert made.chosen()["trial"] == 1
    for tried in made.runs():
        if tried.trial.number == 1:  # as accurate as before, and sure of nothing
            reading = json.loads((tried.run.path / FILES["validation"]).read_text())
            reading["logits"] = [[value / 100 for value in row] for row in reading["logits"]]
            (tried.run.path / FILES["validation"]).write_text(json.dumps(reading))

    def read(tried):
        (tried.run.path / FILES["test"]).write_text(study_hands.read(tried.run).to_json())

    apart = ties.Difference(2, stats.Figure(0.2, 0.0, 0.4, 10), 0.01, 0.01, 10, ties.Method.FILMS)
    tied = replace(apart, adjusted_p=0.4)
    other_first = replace(tied, trial=1)  # trials of equal accuracy may stand the other way round in the table
    for best, other, number in ((1, apart, 1), (2, other_first, 2), (1, tied, 2)):
        whole = replace(tables.read(made), ties=ties.Ties(best, (other,)))
        monkeypatch.setattr(chosen.table, "read", lambda folder, whole=whole: whole)
        assert chosen.choose(made, read)["trial"] == number
    assert "2 of 2 trials cannot be told apart" in made.chosen()["why"]


def test_a_run_learns_from_the_films_of_its_fold_with_its_trials_recipe_and_its_seed(films, tmp_path, threads):
    folder = study_folders.make(tmp_path, films, study_folders.study(seeds=[3, 4]))
    folder.write(audited.FILE, {"accepted": True})  # as the page leaves it
    run(folder)
    assert [tried.name for tried in folder.runs()][:4] == ["t001-f1-s3", "t001-f1-s4", "t001-f2-s3", "t001-f2-s4"]
    for tried in folder.runs():
        recipe, data = tried.run.read("recipe.json"), tried.run.read("data.json")
        assert tried.run.read(audited.FILE) == {"accepted": True}
        assert (recipe["seed"], recipe["phases"][0]["learning_rate"]) == (
            tried.seed,
            tried.trial.settings["phases.0.learning_rate"],
        )
        recorded = folder.read("folds.json")["films"]
        assert [film["part"] for film in data["films"]] == [film["parts"][tried.fold] for film in recorded]


def test_one_that_fails_ends_no_study_and_runs_again_on_request(made, monkeypatch, threads):
    monkeypatch.setenv(study_hands.FAIL, "t001-f2-s0")
    end = run(made)
    assert (end.state, end.done, end.failed) == ("finished", 3, 1)
    assert "t001-f2-s0 failed" in end.message and made.chosen()["trial"] == 2
    with pytest.raises(StudyFolderRefused, match="--failed"):
        local.start(made)
    monkeypatch.delenv(study_hands.FAIL)
    assert run(made).done == 3  # not without a request
    session.check_resumable(made, failed=True)
    end = run(made, failed=True)
    assert (end.state, end.done, end.failed) == ("finished", 4, 0)
    assert made.chosen()["trial"] == 1  # the results changed


def test_what_cannot_even_begin_is_told(made, threads):
    data = Path(made.recorded().data)
    away = data.rename(data.with_name("away"))
    try:
        end = run(made)
    finally:
        away.rename(data)
    assert (end.state, end.failed) == ("finished", 4) and "t001-f1-s0: " in end.message and made.chosen() is None
    assert run(made, failed=True).done == 4


@pytest.mark.slow
def test_a_process_that_dies_costs_its_run_alone_which_goes_on_where_it_was(made, gates):
    (gates / "t001-f1-s0.gate").touch()

    def kill():
        study_hands.wait_for(gates / "t001-f1-s0.waits")
        (gates / "t001-f1-s0.gate").unlink()
        os.kill(int((gates / "t001-f1-s0.waits").read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    end = run(made)
    killer.join()
    assert (end.state, end.done) == ("finished", 4)
    ends = [(event["run"], event["state"]) for event in made.events() if event["event"] == "run ends"]
    assert ends.count(("t001-f1-s0", "lost")) == 1 and ends.count(("t001-f1-s0", "finished")) == 1


def test_a_paused_study_begins_no_run_and_a_trial_is_put_first(made, gates, threads):
    (gates / "t002-f1-s0.gate").touch()
    made.put_first([2])
    at_work = threading.Thread(target=run, args=[made], daemon=True)
    at_work.start()
    study_hands.wait_for(gates / "t002-f1-s0.waits")
    until(lambda: made.state().running == ("t002-f1-s0",), "never told")
    made.pause()
    (gates / "t002-f1-s0.go").touch()
    until(lambda: made.state().paused and not made.state().running, "never paused")
    assert made.state().message.startswith("Paused after 1") and made.state().state == "running"
    made.go_on()
    at_work.join(HANG)
    begun = [event["run"] for event in made.events() if event["event"] == "run begins"]
    assert begun == ["t002-f1-s0", "t002-f2-s0", "t001-f1-s0", "t001-f2-s0"]


def test_a_pause_that_ends_between_two_looks_does_not_end_the_study(made, threads, monkeypatch):
    look = session.Session.next

    def look_and_go_on(at_work, busy):
        tried = look(at_work, busy)
        made.go_on()
        return tried

    made.pause()
    monkeypatch.setattr(session.Session, "next", look_and_go_on)
    end = run(made)
    assert (end.state, end.done) == ("finished", 4)


def test_a_stop_asked_before_a_study_begins_is_kept(made, threads):
    made.ask_to_stop()
    assert run(made).state == "stopped"
    made.ask_to_stop()  # of the process that has ended
    assert run(made).done == 4


def test_a_run_whose_process_died_as_it_was_made_is_lost_and_tried_again(made):
    """It is queued, and nobody has held it yet: to whoever only reads it, it looks as if it were about to begin."""
    tried = made.runs()[0]
    trial._make(made, tried, "cpu")
    assert tried.status().state == "queued" and local._state_after_death(tried) == "lost"


def test_a_stop_that_is_taken_back_between_two_looks_fails_no_run(made, monkeypatch):
    tried, asked = made.runs()[0], iter([True])
    trial._make(made, tried, "cpu")
    monkeypatch.setattr(StudyFolder, "stop_asked", lambda folder: next(asked, False))
    with tried.run.hold():
        assert trial.run_trial(made, tried, "cpu") == "stopped"


def test_a_study_that_has_just_ended_can_be_resumed(made, monkeypatch):
    made.write_state(replace(made.recorded(), state="stopped"))
    lock, read = made.hold(), StudyFolder.state
    session.check_resumable(made)
    made.write_state(replace(made.recorded(), state="running"))

    def look_and_end(folder):
        state = read(folder)
        lock.close()
        return state

    with pytest.raises(StudyFolderRefused, match="running already"):
        session.check_resumable(made)
    monkeypatch.setattr(StudyFolder, "state", look_and_end)
    session.check_resumable(made)


def test_a_study_that_is_stopped_goes_on_where_it_was(made, gates, threads):
    (gates / "t001-f2-s0.gate").touch()
    at_work = threading.Thread(target=run, args=[made], daemon=True)
    at_work.start()
    study_hands.wait_for(gates / "t001-f2-s0.waits")
    with pytest.raises(StudyFolderRefused, match="Another process"):
        run(made)
    made.ask_to_stop()
    at_work.join(HANG)
    check_stopped_and_go_on(made, gates)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_study(made, gates, number, threads):
    (gates / "t001-f2-s0.gate").touch()
    at_work = in_another_process(made)
    study_hands.wait_for(gates / "t001-f2-s0.waits")
    at_work.send_signal(number)
    assert at_work.wait(HANG) == 0
    check_stopped_and_go_on(made, gates)


def check_stopped_and_go_on(made, gates):
    state = made.state()
    assert (state.state, state.done) == ("stopped", 1) and "t001-f2-s0" in state.message
    assert [tried.status() and tried.status().state for tried in made.runs()] == ["finished", "stopped", None, None]
    (gates / "t001-f2-s0.gate").unlink()
    assert run(made).done == 4


def test_a_budget_that_is_used_up_ends_the_study(films, tmp_path, threads):
    folder = study_folders.make(tmp_path, films, study_folders.study(budget=1))
    folder.write_state(replace(folder.recorded(), seconds=2.0))  # in earlier sessions
    end = run(folder)
    assert (end.state, end.done) == ("finished", 0) and "budget" in end.message


def test_a_study_whose_budget_is_raised_goes_on(films, tmp_path, threads):
    folder = study_folders.make(tmp_path / "short", films, study_folders.study(budget=1))
    folder.write_state(replace(folder.recorded(), seconds=2.0))
    session.check_resumable(folder)
    assert run(folder).done == 0
    folder.write("study.json", folder.read("study.json") | {"budget": 10_000})
    session.check_resumable(folder)
    end = run(folder)
    assert (end.state, end.done) == ("finished", 4) and "budget" not in end.message
    assert table(folder) == undisturbed(films, tmp_path)


# What a study writes, and how often that must fail until it cannot be mended by what comes next
WRITTEN = ("progress.json", "status.json", "recipe.json", "data.json", "history.csv", "validation.json", "events.jsonl")
WRITTEN += ("lock", "trials.csv", "epochs.csv", "chosen.json", "evaluation.json")


@pytest.mark.parametrize("times", [pytest.param(1, marks=pytest.mark.slow), 1000])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_full_disk_is_told_and_once_there_is_room_the_study_ends_as_it_would(
    name, times, films, tmp_path, monkeypatch, threads
):
    expected, folder = undisturbed(films, tmp_path), study_folders.make(tmp_path / "full", films)
    left, real = [times], os.open

    def full(path, flags, *rest, **named):
        writes = flags & os.O_CREAT and Path(path).is_relative_to(folder.path)
        if left[0] and writes and (Path(path).name == name or Path(path).name.startswith(f".{name}.")):
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", full)
    try:
        told = run(folder).message
    except (OSError, StudyFolderRefused) as error:
        told = str(error)
    assert left[0] < times
    if times > 1 or not name.endswith(".csv") or name == "history.csv":
        assert "No space left" in told
    left[0] = 0
    with contextlib.suppress(StudyFolderRefused):  # it may have finished all the same
        session.check_resumable(folder, failed=True)
        assert (run(folder, failed=True).state, folder.state().done) == ("finished", 4)
    assert table(folder) == expected and not list(folder.path.rglob(".*.part"))
    saved = tables.read_csv(folder.path / "trials.csv", folder.path / "epochs.csv")
    assert saved == tables.read(folder)


def test_a_table_of_epochs_that_was_cut_anywhere_ends_as_one_that_was_not(films, tmp_path, threads):
    """As a power cut may leave history.csv: half a line, no line end, zeros in place of what was written last."""
    expected, folder = undisturbed(films, tmp_path), study_folders.make(tmp_path / "cut", films)
    run(folder)
    first = folder.runs()[0].run
    path, whole = first.path / "history.csv", (first.path / "history.csv").read_bytes()
    ends = {len(whole) - 1, *range(0, len(whole), 9), *(place + 1 for place in range(len(whole)) if whole[place] == 10)}
    for length in sorted(ends):
        for tail in (b"", bytes(len(whole) - length), bytes(4096)):
            path.write_bytes(whole[:length] + tail)
            first.update(state="stopped")
            rows = [dict(row) for row in first.history()]
            assert rows == expected[0]["t001-f1-s0"][0][: len(rows)]
            study_hands.learn(first, folder.trials()[0].recipe, dataset.read(Path(folder.recorded().data)), lambda _: 0)
            first.update(state="finished")
            assert path.read_bytes() == whole
    assert table(folder) == expected


def undisturbed(films, tmp_path):
    folder = study_folders.make(tmp_path / "undisturbed", films)
    run(folder)
    return table(folder)


def kill_everything(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "kills", [pytest.param(4, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.longest)]
)
def test_killed_at_random_moments_a_study_ends_with_the_same_table(kills, films, tmp_path, monkeypatch):
    expected, lot = undisturbed(films, tmp_path), random.Random(11)
    monkeypatch.setenv(study_hands.PACE, "0.3")
    folder = study_folders.make(tmp_path / "killed", films)
    finished: dict[str, int] = {}
    for number in range(kills):
        at_work = in_another_process(folder)
        until(folder.alive, "never began")
        time.sleep(lot.uniform(0, 1.5))
        victim = next((t.status().pid for t in folder.runs() if t.status() and t.status().state == "running"), None)
        if number % 3 == 2 and victim:  # one of three times its child alone, the study a moment later
            os.kill(victim, signal.SIGKILL)
            time.sleep(lot.uniform(0, 1.0))
        kill_everything(at_work)
        assert folder.state().state in ("lost", "finished")
        for tried in folder.runs():
            stamp = (tried.run.path / "status.json").stat().st_mtime_ns if tried.status() else 0
            if tried.name in finished:
                assert stamp == finished[tried.name], f"{tried.name} was touched"
            elif tried.status() and tried.status().state == "finished":
                finished[tried.name] = stamp
    until(lambda: not any(t.run.alive() for t in folder.runs()), "a child outlived its parent")
    end = run(folder)
    assert (end.state, end.done) == ("finished", 4)
    assert table(folder) == expected


@pytest.mark.slow
def test_a_study_of_real_trainings_in_a_process_of_its_own(films, tmp_path):
    """One process trains two networks one after the other, and reads the held-out films with the better."""
    folder = study_folders.make(tmp_path, films, study_folders.study(folds={"kind": "single"}), device="cpu")
    local.start(folder)
    with pytest.raises(StudyFolderRefused, match="already"):
        local.start(folder)
    state = until(lambda: None if (now := folder.state()).state.busy else now, "never ended")
    assert (state.state, state.done) == ("finished", 2), state.message
    assert len({tried.status().pid for tried in folder.runs()}) == 1
    assert 0 <= folder.chosen()["test_accuracy"] <= 1
    until(lambda: not folder.alive(), "the process stayed")
    called = ["study", "show", "rates", "--studies", str(tmp_path), "--json"]
    shown = json.loads(CliRunner().invoke(main, called).output)
    assert [row["runs"] for row in shown["trials"] if row["trial"] == 2] == [{"t002-f1-s0": "finished"}]
