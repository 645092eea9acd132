"""Tiny runs killed while they write a checkpoint, then resumed: the end is that of a run that was never disturbed.

Every run is a real training in a fork of one process that has loaded the backend; most are killed at one file-system
call after the other of writing a checkpoint or lose their disk there, some are killed from outside.
"""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.attack import Outcome, tally
from tests.helpers import DATA, moments, warm
from tests.helpers.moments import Moment
from xraykit.evaluation import evaluation
from xraykit.system.job_folder.record import State
from xraykit.training.run.run import CHECKPOINT, STATUS, Failure, Run

FILMS = DATA / "fc00794" / "films"
# Counters that count, dropout and augmentation: what a resumed run could get wrong
SETTINGS = ("phases.0.epochs=4", "phases.0.schedule=plateau", "plateau_patience=1", "batch_size=8", "keep=best")
OUTSIDE = 4  # one in so many is killed from outside
HANG = 300.0  # seconds that no attempt takes


def attack(count: int, seed: int) -> Outcome:
    """`count` runs, each disturbed once and resumed."""
    with tempfile.TemporaryDirectory(prefix="checkpoints-") as place:
        bench = Bench(Path(place))
        try:
            bench.run_undisturbed()
            return tally(_attempts(bench, count, random.Random(seed)), bench)
        finally:
            bench.stable.close()


class Bench:
    """A run that nothing disturbed, and the process that others are forked from."""

    def __init__(self, place: Path) -> None:
        self.place, self.runs = place, place / "runs"
        self.stable = warm.Stable()
        self.number = 0

    def begin(self, moment: Moment | None = None) -> tuple[warm.Process, Run]:
        """A fork that trains a new run."""
        self.number += 1
        run = Run(self.runs / f"run-{self.number}")
        settings = [word for setting in SETTINGS for word in ("--set", setting)]
        command = ["train", "--recipe", "tiny", "--data", str(FILMS), "--device", "cpu", "--name", run.name, *settings]
        command.append("--accept-leaks")  # drawn films have one secret, their border
        return self._spawn(command, run, moment), run

    def resume(self, run: Run) -> None:
        self._spawn(["runs", "resume", run.name], run).wait(HANG)

    def log(self, run: Run) -> Path:
        return self.place / f"{run.name}.log"

    def _spawn(self, command: list[str], run: Run, moment: Moment | None = None) -> warm.Process:
        told = {"XRAYKIT_RUNS": str(self.runs), "XRAYKIT_CACHE": str(self.place / "cache")}
        told |= moment.environment() if moment else {}
        return self.stable.spawn(command, self.log(run), environment=told)

    def run_undisturbed(self) -> None:
        counted = self.place / "counted"
        process, self.undisturbed = self.begin(_moment(self, counted=str(counted)))
        process.wait(HANG)
        assert self.undisturbed.status().state is State.FINISHED, self.log(self.undisturbed).read_text()
        calls = [line.split()[1] for line in moments.lines(counted)]
        ends = [at for at, call in enumerate(calls, 1) if call == "os.remove"]
        # Every run writes two, after its first step and at its end; how many between them follows from the computer
        self.calls = calls[: ends[1]]

    def compare(self, run: Run) -> None:
        """Figures of every epoch, readings of validation and test, and every weight, bit for bit."""
        said = self.log(run).read_text()[-500:]
        assert run.status().state is State.FINISHED, f"{run.status().message}: {said}"
        assert _figures(run) == _figures(self.undisturbed), "other figures in history.csv"
        ours, theirs = evaluation.load_parts(run.path), evaluation.load_parts(self.undisturbed.path)
        for part in theirs:
            assert ours[part].films == theirs[part].films, "other films"
            assert (ours[part].logits == theirs[part].logits).all(), f"other logits on {part} films"
        for name, weights in _weights(self.undisturbed).items():
            assert (weights == _weights(run)[name]).all(), f"other weights: {name}"
        left = [path.name for path in run.path.glob("**/.*part*")]
        assert not left, f"left behind: {left}"


@dataclass(frozen=True)
class Inside:
    """Something happens at the n-th file-system call that writes a checkpoint."""

    act: str
    at: int

    def make(self, bench: Bench) -> str:
        process, run = bench.begin(_moment(bench, self.act, self.at))
        process.wait(HANG)
        status = run.status()
        if status.state is State.FINISHED:  # a faster computer writes fewer checkpoints
            bench.compare(run)
            return "not reached"
        if self.act == moments.KILL:
            assert status.state is State.LOST, f"killed, and {status.state}"
        else:
            words = bench.log(run).read_text()
            assert "Traceback" not in words, words
            expected = Failure.DISK if self.act == moments.FULL else status.failure
            assert (status.state, status.failure) == (State.FAILED, expected), f"{status.state}: {status.message}"
        _resume(bench, run)
        return self.act


@dataclass(frozen=True)
class Outside:
    """Killed by another process as soon as the checkpoint's unfinished file is seen, from its n-th epoch on."""

    epoch: int
    seconds: float

    def make(self, bench: Bench) -> str:
        process, run = bench.begin()
        part = (run.path / CHECKPOINT).with_name(f".{CHECKPOINT.name}.part")
        while process.poll() is None and (not (run.path / STATUS).exists() or len(run.history()) < self.epoch):
            time.sleep(0.005)
        end = time.monotonic() + self.seconds  # the file is there for milliseconds: it may not be seen
        while process.poll() is None and not part.exists() and time.monotonic() < end:
            pass
        process.kill()
        process.wait(HANG)
        state = run.status().state
        if state is State.FINISHED:
            bench.compare(run)
            return "not reached"
        assert state is State.LOST, f"killed, and {state}"
        _resume(bench, run)
        return "kill from outside"


def _resume(bench: Bench, run: Run) -> None:
    before = _figures(run)
    assert before == _figures(bench.undisturbed)[: len(before)], "other figures before it was disturbed"
    bench.resume(run)
    bench.compare(run)


def _attempts(bench: Bench, count: int, draw: random.Random) -> list[Inside | Outside]:
    """Kills at each kind of call first: there are a few of them for hundreds of writes."""
    outside = max(1, count // OUTSIDE)
    attempts: list = [Outside(i % 4, draw.uniform(0, 0.2)) for i in range(outside)]
    kinds = {kind: [at for at, call in enumerate(bench.calls, 1) if call == kind] for kind in sorted(set(bench.calls))}
    acts = (moments.KILL, moments.KILL, moments.FULL, moments.KILL, moments.FAULT)
    for k in range(count - outside):
        numbers = list(kinds.values())[k % len(kinds)]
        attempts.append(Inside(acts[k // len(kinds) % len(acts)], draw.choice(numbers)))
    return attempts


def _moment(bench: Bench, act: str = moments.KILL, at: int = 0, counted: str = "") -> Moment:
    return Moment(str(bench.runs), act, at, only=f"/{CHECKPOINT.parent}/", counted=counted)


def _figures(run: Run) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.history()]


def _weights(run: Run) -> dict[str, np.ndarray]:
    with np.load(run.path / CHECKPOINT, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name != "meta"}
