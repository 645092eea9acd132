"""What the page knows of run folders, read again only where a file has changed. Never raises, never writes."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xraykit.evaluation import learning_curve
from xraykit.evaluation.stats import Figure
from xraykit.system import files
from xraykit.system.files import Stamp, stamp_of
from xraykit.system.job_folder.record import State
from xraykit.training.run.run import STATUS, Failure, Run, RunRefused, Status, list_runs

MOMENTS = 600  # of these rows as many as a chart can show
TAIL = 16_000  # bytes of the log
SETTLES = 10 * 10**9  # nanoseconds that an ended run's process has for its last words
UNREADABLE = "unreadable"
DATA = "data.json"
SPLITS = ("training", "validation")
# TensorFlow's and XLA's own notes, and that a processor is no GPU, told as an error
CHATTER = re.compile(
    r"[IW]\d{4} \d\d:\d\d|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IW] |WARNING: All log messages before absl|"
    r"To enable the following instructions|.*failed call to cuInit.*UNKNOWN ERROR \(303\)"
)
Row = dict[str, str]


@dataclass(frozen=True, eq=False)
class RunSnapshot:
    """A run as the page shows it.

    Attributes
    ----------
    folder : Run
    status : Status or None
        None where it cannot be read; `words` then say why.
    recipe : dict
        As recipe.json has it; empty where it cannot be read.
    words : str
    """

    folder: Run
    status: Status | None
    recipe: dict[str, Any]
    words: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def state(self) -> State | None:
        return self.status.state if self.status else None

    @property
    def busy(self) -> bool:
        return self.state is not None and self.state.busy

    @property
    def broken_off(self) -> bool:
        """Has it ended without a result?"""
        return self.state is not None and self.state.broken_off

    @property
    def resumable(self) -> bool:
        """Can it go on? A damaged checkpoint cannot be gone on from."""
        damaged = self.status is not None and self.status.failure is Failure.CHECKPOINT
        return self.broken_off and not damaged

    @property
    def state_words(self) -> str:
        """The state in a word or two: a failed run tells what failed."""
        if self.status is None:
            return UNREADABLE
        failed = self.state is State.FAILED and self.status.failure
        return f"{self.state}: {self.status.failure}" if failed else str(self.state)

    @property
    def recipe_name(self) -> str:
        return str(self.recipe.get("name", "")) or "not reported"

    @property
    def data(self) -> str:
        """The path of the folder of films; empty where it is not known."""
        return self.status.data if self.status else ""

    @property
    def films(self) -> str:
        """The last name of that folder, as it is shown."""
        return files.shown(Path(self.data).name)


def take(run: Run) -> RunSnapshot:
    """A run as it is now."""
    words, status = _status(run, stamp_of(run.path / STATUS))
    if status is not None and status.state.busy:  # whether a process holds the lock is no matter of the file
        words, status = _read_status(run)
    return RunSnapshot(run, status, _recipe(run, stamp_of(run.path / "recipe.json")), words)


def take_all() -> list[RunSnapshot]:
    """All runs, newest first; an unreadable one too."""
    return [take(run) for run in list_runs()]


def find(name: str) -> RunSnapshot | None:
    """The run of that name; None where there is none. A name comes from an address: only listed runs are opened."""
    return next((take(run) for run in list_runs() if run.name == name), None)


def training_curve(run: Run) -> learning_curve.TrainingCurve:
    """The training's curve, read in words."""
    return _training_curve(run, stamp_of(run.path / "history.csv"), _validated(run, stamp_of(run.path / DATA)))


def best_accuracy(run: RunSnapshot) -> Figure:
    """Validation accuracy of the best epoch with its interval, where it is known on how many films."""
    accuracy = run.status.best_accuracy if run.status else None
    return learning_curve.share(accuracy, _validated(run.folder, stamp_of(run.folder.path / DATA)))


def curve_points(run: Run) -> list[dict[str, Any]]:
    """Loss, accuracy and learning rate as chart rows {"run", "kind", "epoch", "loss", "accuracy", "rate"}."""
    return _curve_points(run, stamp_of(run.path / "history.csv"), stamp_of(run.path / "moments.csv"))


def points_of_other(run: Run) -> list[dict[str, Any]]:
    """The same of a second run, to be drawn behind the first: its training and validation alone."""
    points = curve_points(run)
    return [point | {"kind": f"other {point['kind']}"} for point in points if point["kind"] in SPLITS]


def learned(run: Run) -> bool:
    """Has it curves to show?"""
    return len(_rows(run, "history.csv", None, stamp_of(run.path / "history.csv"))) > 0


def device_points(run: Run) -> list[dict[str, float | None]]:
    """Load and memory of the device during the run: {"time" ms since 1970, "load" 0 to 1, "memory" GiB}."""
    points = []
    for row in _rows(run, "device.csv", MOMENTS, stamp_of(run.path / "device.csv")):
        time, load, memory = (_number(row.get(key)) for key in ("time", "load", "memory"))
        if time is not None and math.isfinite(1000 * time):
            points.append({"time": 1000 * time, "load": load, "memory": None if memory is None else memory / 2**30})
    return points


def log_tail(run: Run, lines: int = 200) -> str:
    """The last lines of the log without the backend's chatter about itself, which log.txt has.

    A line that was written over again and again counts once, as it ended.
    """
    try:
        if not (run.path / "log.txt").is_file():  # a pipe is never waited for
            return ""
        with (run.path / "log.txt").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    whole = [line.rstrip("\r").rpartition("\r")[2].replace("\x1b[K", "").rstrip() for line in text.split("\n")]
    return "\n".join([line for line in whole if line and not CHATTER.match(line)][-lines:])


def just_ended(run: Run) -> bool:
    """Was its state written a moment ago? Its process may print a last line after that."""
    return time.time_ns() - stamp_of(run.path / STATUS)[0] < SETTLES


def test_hashes(run: Run) -> tuple[str, ...]:
    """SHA-256 of the films of the run's test split."""
    return _test_hashes(run, stamp_of(run.path / DATA))


def _read_status(run: Run) -> tuple[str, Status | None]:
    """Why it cannot be read, and the status."""
    try:
        return "", run.status()
    except RunRefused as error:
        return error.words, None


@lru_cache(maxsize=512)
def _status(run: Run, stamp: Stamp) -> tuple[str, Status | None]:
    return _read_status(run)


@lru_cache(maxsize=512)
def _recipe(run: Run, stamp: Stamp) -> dict[str, Any]:
    try:
        recipe = run.read("recipe.json")
    except RunRefused:
        return {}
    return recipe if isinstance(recipe, dict) else {}


@lru_cache(maxsize=64)
def _rows(run: Run, file: str, most: int | None, stamp: Stamp) -> list[Row]:
    return run.rows(file, most)


@lru_cache(maxsize=64)
def _training_curve(run: Run, stamp: Stamp, films: int | None) -> learning_curve.TrainingCurve:
    return learning_curve.read_curve(_rows(run, "history.csv", None, stamp), films)


@lru_cache(maxsize=512)
def _validated(run: Run, stamp: Stamp) -> int | None:
    """How many films it validates on; None where data.json does not say, or there is none yet."""
    try:
        return sum(run.read(DATA)["counts"]["validation"].values()) or None
    except (RunRefused, LookupError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=16)
def _curve_points(run: Run, history: Stamp, moments: Stamp) -> list[dict[str, Any]]:
    points = _within_epochs(_rows(run, "moments.csv", MOMENTS, moments))
    curve = _training_curve(run, history, None)
    for k, row in enumerate(_rows(run, "history.csv", None, history), 1):
        validation = {"loss": row.get("val_loss"), "accuracy": row.get("val_accuracy")}
        points += [_point("training", k, row), _point("validation", k, validation)]
        if k == curve.best_epoch:
            points.append(_point("best", k, validation))
        if k in curve.phases:
            points.append(_point("phase", k - 1, {}))
    return [{"run": run.name} | point for point in points if point["epoch"] is not None]


def _within_epochs(moments: Sequence[Row]) -> list[dict[str, Any]]:
    """How an epoch went between its ends; one too short for three moments has no course to show."""
    parts: dict[int, list[dict[str, Any]]] = {}
    for row in moments:
        if (epoch := _number(row.get("epoch"))) is not None:
            parts.setdefault(math.ceil(epoch), []).append(_point("moment", epoch, row))
    return [point for part in parts.values() if len(part) >= 3 for point in part]


@lru_cache(maxsize=32)
def _test_hashes(run: Run, stamp: Stamp) -> tuple[str, ...]:
    try:
        films = run.read(DATA)["films"]
        return tuple(film["sha256"] for film in films if film["part"] == "test")
    except (RunRefused, KeyError, TypeError):
        return ()


def _point(kind: str, epoch: float | None, row: Mapping[str, Any]) -> dict[str, Any]:
    values = {"loss": row.get("loss"), "accuracy": row.get("accuracy"), "rate": row.get("learning_rate")}
    return {"kind": kind, "epoch": epoch, **{key: _number(value) for key, value in values.items()}}


def _number(text: str | None) -> float | None:
    """A finite number, or None."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
