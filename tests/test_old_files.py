"""Files that the version before wrote (tests/data/fc00794, see README.md there) are read, gone on with and compared."""

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.helpers import DATA, ROOT
from xraykit.__main__ import main
from xraykit.evaluation import evaluation
from xraykit.models import classifier, kept
from xraykit.system import jobs
from xraykit.training.run.run import Run, list_runs
from xraykit.ui.fine_tune import snapshot

OLD = DATA / "fc00794"
STATES = {"finished": "finished", "stopped": "stopped", "queued": "lost"}


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A copy of all of it, which tests may go on with."""
    return Path(shutil.copytree(OLD, tmp_path_factory.mktemp("old") / "fc00794"))


@pytest.fixture
def call(old, tmp_path, monkeypatch, converts_here):
    """The command line on the old folders; what it prints."""
    for variable, folder in {"RUNS": old / "runs", "WEIGHTS": old / "kept", "CACHE": tmp_path / "cache"}.items():
        monkeypatch.setenv(f"XRAYKIT_{variable}", str(folder))
    before = dict(os.environ)  # a run sets its device's variables for good

    def call(*words):
        done = CliRunner().invoke(main, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.stdout

    yield call
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(("name", "state"), STATES.items())
def test_a_run_is_listed_and_shown(call, name, state):
    assert name in call("runs", "list")
    status = json.loads(call("runs", "show", name, "--json"))
    assert status["state"] == state
    assert call("runs", "show", name).strip()


def test_a_waiting_run_is_queued_while_a_process_holds_its_lock(old):
    run = Run(old / "runs" / "queued")
    lock = run.hold()
    try:
        assert run.status().state == "queued" and run.status().place == 1
    finally:
        lock.close()
    assert run.status().state == "lost"


@pytest.mark.parametrize(("name", "epochs"), [("finished", 12), ("stopped", None), ("queued", 0)])
def test_the_page_takes_it_as_it_is(call, name, epochs):
    taken = {one.name: one for one in snapshot.take_all()}[name]
    assert not taken.words and taken.state == STATES[name] and taken.recipe["name"] == "tiny"
    if epochs is not None:
        assert len(taken.folder.history()) == epochs


def test_all_of_them_are_found(call):
    assert {run.name for run in list_runs()} == set(STATES)


def test_the_finished_run_is_kept_and_gives_what_it_gave(call, old):
    call("runs", "keep", "finished", "--as", "again", "--data", old / "films")
    assert (
        kept.load_evaluation("again").metrics()["confusion"] == kept.load_evaluation("tiny-kept").metrics()["confusion"]
    )
    assert call("compare", "tiny-kept", "again").strip()


def test_the_stopped_run_goes_on_and_is_finished_with_one_history(call, old):
    """Its 400 epochs are more than a test needs: it is stopped again after a few, and finished with what it has."""
    run = Run(old / "runs" / "stopped")
    before = run.history()
    stopping = threading.Thread(target=stop_after, args=(run, len(before) + 3))
    stopping.start()
    call("runs", "resume", "stopped", "--data", old / "films", "--device", "cpu")
    stopping.join()
    assert json.loads(call("runs", "show", "stopped", "--json"))["state"] == "stopped"
    call("runs", "resume", "stopped", "--finish")
    history = run.history()
    assert json.loads(call("runs", "show", "stopped", "--json"))["state"] == "finished"
    assert len(history) >= len(before) + 3 and history[: len(before)] == before
    assert [int(row["epoch"]) for row in history] == list(range(len(history)))


def stop_after(run: Run, epochs: int) -> None:
    while len(run.history()) < epochs:
        time.sleep(0.02)
    run.ask_to_stop()


def test_its_evaluation_and_inspection_are_results_of_jobs(old):
    for folder in ("evaluation", "inspection"):
        assert jobs.state_of(jobs.Job(old / folder)).state == "finished"
        assert jobs.Job(old / folder).films()
    assert len(evaluation.load(old / "evaluation" / "evaluation.json").films) == 36


def test_its_model_is_listed_and_reads_as_before(call, old):
    assert "tiny-kept" in call("models")
    cards, refusals = classifier.available(old / "kept")
    assert "tiny-kept" in {card.name for card in cards} and not refusals
    out = old / "again"
    call("evaluate", "--model", "tiny-kept", "--data", old / "films", "--out", out)
    again, before = (evaluation.load(folder / "evaluation.json") for folder in (out, old / "evaluation"))
    assert again.films == before.films and abs(again.logits - before.logits).max() < 1e-4


@pytest.mark.parametrize("name", ["mobilenetv2-imagenet", "mobilenetv2-scratch"])
def test_a_model_that_ships_is_read(name):
    records = kept.load_kept(ROOT / "weights" / name)
    assert records.card.name == name and records.validation is not None and records.history
