"""A run killed with SIGKILL at random moments: it never lies, nothing it leaves is half written, and it arrives."""

import random
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.helpers import film_folders, warm
from xraykit.system import processes
from xraykit.training.recipe import presets, recipe
from xraykit.training.run import control, run

KILLS = 20
EPOCHS = 70  # more than twenty times MOST and one, so that it cannot arrive before the last kill
MOST = 2  # epochs between two kills, however fast the computer
FRESH = 5  # every fifth process is a fresh one, killed while it imports too; the others have the backend loaded
LIE_SECONDS = 10.0
HANG = 120


class Watcher:
    """Reads a run again and again, as a page does, and notes what it must never see."""

    def __init__(self, made: run.Run) -> None:
        self.run, self.faults, self.ended = made, [], threading.Event()
        self.process: subprocess.Popen | warm.Process | None = None
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.ended.wait(0.05):
            try:
                self._look()
            except Exception as error:
                self.faults.append(repr(error))

    def _look(self) -> None:
        process = self.process
        status, history, _ = self.run.status(), self.run.history(), self.run.events()
        late = time.time() - status.heartbeat
        if process is not None and process is self.process and process.poll() is None:
            if status.state == "lost":
                self.faults.append("lost while its process lives")
            if status.state == "running" and late > LIE_SECONDS:
                self.faults.append(f"no heartbeat for {late:.0f} s")
        epochs = [int(row["epoch"]) for row in history]
        if epochs != list(range(len(epochs))):
            self.faults.append(f"epochs {epochs}")
        if any(not row["val_loss"] or not row["seconds"] for row in history):
            self.faults.append(f"half a row: {history}")


@pytest.fixture
def spawned(monkeypatch):
    """The processes that are launched, the last at the end."""
    launched, fresh = [], processes.spawn
    stable = warm.Stable() if sys.platform == "linux" else None

    def spawn(*args, **named):
        spawn = fresh if stable is None or len(launched) % FRESH == FRESH - 1 else stable.spawn
        launched.append(spawn(*args, **named))
        return launched[-1]

    monkeypatch.setattr(processes, "spawn", spawn)
    yield launched
    for process in launched:
        process.kill()
    if stable is not None:
        stable.close()


@pytest.mark.longest
def test_a_run_killed_at_twenty_random_moments_arrives(tmp_path, monkeypatch, spawned):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    folder = film_folders.make(tmp_path / "films", films=40)
    chosen = recipe.with_settings(presets.NAMED["tiny"], [f"phases.0.epochs={EPOCHS}", "phases.0.schedule=plateau"])
    draw = random.Random(7)
    made = control.start(chosen, folder, "cpu", tmp_path / "runs", "killed")
    with Watcher(made) as watcher:
        watcher.process = spawned[-1]
        began = time.monotonic()
        _until(lambda: len(made.history()) > 1, made)
        start = time.monotonic() - began  # what this computer takes to the first epochs
        for number in range(KILLS):
            _kill(made, watcher)
            assert made.status().state == "lost"
            _check_files(made)
            control.resume(made)
            watcher.process = spawned[-1]
            # A third in the midst of learning, where checkpoints are written; the others anywhere on the way there
            _let_it_go(made, draw, draw.uniform(0, start) if number % 3 else HANG)
        status = control.wait(made, HANG)
    assert watcher.faults == []
    assert status.state == "finished", status
    assert [int(row["epoch"]) for row in made.history()] == list(range(EPOCHS))
    moments = [float(row["epoch"]) for row in made.rows("moments.csv")]
    assert moments == sorted(moments), "what was gone through again is told once"
    _check_files(made)


def _let_it_go(made: run.Run, draw: random.Random, seconds: float) -> None:
    """Wait so long, or until a few epochs and a part of one are done."""
    end, epochs = time.monotonic() + seconds, len(made.history()) + draw.randint(1, MOST)
    while time.monotonic() < end:
        rows = made.history()
        if len(rows) >= epochs:
            time.sleep(draw.uniform(0, float(rows[-1]["seconds"])))
            return
        time.sleep(0.02)


def _kill(made: run.Run, watcher: Watcher) -> None:
    process = watcher.process
    assert process is not None
    watcher.process = None
    assert made.status().state.busy, (made.path / "log.txt").read_text()[-2000:]
    process.kill()
    process.wait()
    killed = time.monotonic()
    while made.status().state.busy:
        assert time.monotonic() - killed < LIE_SECONDS, "it says that it goes on, and it is dead"


def _check_files(made: run.Run) -> None:
    state = made.path / "checkpoint" / "state.npz"
    if state.exists():
        with np.load(state, allow_pickle=False) as arrays:
            assert all(arrays[name] is not None for name in arrays.files)
    assert made.read("recipe.json")["name"] == "tiny"


def _until(condition, made: run.Run) -> None:
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end, made.status()
        time.sleep(0.02)
