"""What the page knows of run folders, read again only where a file has changed. Never raises, never writes."""

from __future__ import annotations

import datetime
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xraykit.evaluation import learning_curve
from xraykit.training.run import run
from xraykit.training.run.run import Run

MOMENTS = 600  # of these rows as many as a chart can show
TAIL = 16_000  # bytes of the log
UNREADABLE = "unreadable"
# TensorFlow's and XLA's own notes, and that a processor is no GPU, told as an error
CHATTER = re.compile(
    r"[IW]\d{4} \d\d:\d\d|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IW] |WARNING: All log messages before absl|"
    r"To enable the following instructions|.*failed call to cuInit.*UNKNOWN ERROR \(303\)"
)
Row = dict[str, str]


@dataclass(frozen=True, eq=False)
class Seen:
    """A run as the page shows it; `status` is empty and `words` say why where it cannot be read."""

    run: Run
    status: dict[str, Any]
    recipe: dict[str, Any]
    words: str = ""

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def state(self) -> str:
        return self.status.get("state", UNREADABLE)

    @property
    def busy(self) -> bool:
        return self.state in run.BUSY

    @property
    def recipe_name(self) -> str:
        return str(self.recipe.get("name", "")) or "not reported"

    @property
    def films(self) -> str:
        """The folder's last name; where it was moved, the path says more."""
        return Path(str(self.status.get("data", ""))).name


def look(one: Run) -> Seen:
    """A run as it is now."""
    stamp = _stamp(one.path / "status.json")
    words, status = _status(one, stamp)
    if status.get("state") in run.BUSY:  # whether a process holds the lock is no matter of the file
        try:
            status = one.status()
        except run.RunRefused as error:
            words, status = str(error), {}
    return Seen(one, status, _recipe(one, _stamp(one.path / "recipe.json")), words)


def runs() -> list[Seen]:
    """All runs, newest first; an unreadable one too."""
    return [look(one) for one in run.list_runs()]


def find(name: str) -> Seen | None:
    """The run of that name; None where there is none. A name comes from an address: only listed runs are opened."""
    return next((look(one) for one in run.list_runs() if one.name == name), None)


def rows(one: Run, file: str, most: int | None = None) -> list[Row]:
    """Rows of a CSV file of the folder, thinned to `most`."""
    return _rows(one, file, most, _stamp(one.path / file))


def curve(one: Run) -> learning_curve.TrainingCurve:
    """The training's curve, read in words."""
    return _curve(one, _stamp(one.path / "history.csv"))


def progress(one: Run) -> list[dict[str, Any]]:
    """Loss, accuracy and learning rate as chart rows {"kind", "epoch", "loss", "accuracy", "rate"}."""
    return _progress(one, _stamp(one.path / "history.csv"), _stamp(one.path / "moments.csv"))


def device(one: Run) -> list[dict[str, float]]:
    """Load and memory of the device while the run went on: {"time" ms, "load", "memory" GiB}."""
    found = []
    for row in rows(one, "device.csv", MOMENTS):
        time, load, memory = (number(row.get(key)) for key in ("time", "load", "memory"))
        if time is not None:
            gib = None if memory is None else memory / 2**30
            found.append({"time": 1000 * time, "load": load, "memory": gib})
    return found


def log(one: Run, lines: int = 200) -> str:
    """The last lines of the log without the backend's chatter about itself, which log.txt has.

    A line that was written over again and again counts once, as it ended.
    """
    try:
        with (one.path / "log.txt").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    whole = [line.rstrip("\r").rpartition("\r")[2].replace("\x1b[K", "").rstrip() for line in text.split("\n")]
    return "\n".join([line for line in whole if line and not CHATTER.match(line)][-lines:])


def test_films(one: Run) -> tuple[str, ...]:
    """SHA-256 of the films of the run's test split."""
    return _test_films(one, _stamp(one.path / "data.json"))


def number(text: object) -> float | None:
    """A finite number, or None."""
    try:
        found = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if abs(found) < float("inf") else None


def when(text: object) -> datetime.datetime | None:
    """A time of status.json on this computer's clock; seconds since 1970 and ISO text are both understood."""
    try:
        if isinstance(text, int | float):
            return datetime.datetime.fromtimestamp(text)
        return datetime.datetime.fromisoformat(str(text)).astimezone().replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=512)
def _status(one: Run, stamp: tuple[int, int]) -> tuple[str, dict[str, Any]]:
    try:
        return "", one.status()
    except run.RunRefused as error:
        return str(error), {}


@lru_cache(maxsize=512)
def _recipe(one: Run, stamp: tuple[int, int]) -> dict[str, Any]:
    try:
        found = one.read("recipe.json")
    except run.RunRefused:
        return {}
    return found if isinstance(found, dict) else {}


@lru_cache(maxsize=64)
def _rows(one: Run, file: str, most: int | None, stamp: tuple[int, int]) -> list[Row]:
    return one.rows(file, most)


@lru_cache(maxsize=64)
def _curve(one: Run, stamp: tuple[int, int]) -> learning_curve.TrainingCurve:
    return learning_curve.read_curve(_rows(one, "history.csv", None, stamp))


@lru_cache(maxsize=16)
def _progress(one: Run, of_history: tuple[int, int], of_moments: tuple[int, int]) -> list[dict[str, Any]]:
    epochs = _rows(one, "history.csv", None, of_history)
    found = _within_epochs(_rows(one, "moments.csv", MOMENTS, of_moments))
    read = _curve(one, of_history)
    for k, row in enumerate(epochs, 1):
        theirs = {"loss": row.get("val_loss"), "accuracy": row.get("val_accuracy")}
        found += [_point("training", k, row), _point("validation", k, theirs)]
        if k == read.best_epoch:
            found.append(_point("best", k, theirs))
        if k in read.phases:
            found.append(_point("phase", k - 1, {}))
    return [point for point in found if point["epoch"] is not None]


def _within_epochs(moments: Sequence[Row]) -> list[dict[str, Any]]:
    """How an epoch went between its ends; one too short for three moments has no course to show."""
    parts: dict[int, list[dict[str, Any]]] = {}
    for row in moments:
        if (epoch := number(row.get("epoch"))) is not None:
            parts.setdefault(math.ceil(epoch), []).append(_point("moment", epoch, row))
    return [point for part in parts.values() if len(part) >= 3 for point in part]


@lru_cache(maxsize=32)
def _test_films(one: Run, stamp: tuple[int, int]) -> tuple[str, ...]:
    try:
        films = one.read("data.json")["films"]
        return tuple(film["sha256"] for film in films if film["part"] == "test")
    except (run.RunRefused, KeyError, TypeError):
        return ()


def _point(kind: str, epoch: float | None, row: dict[str, Any]) -> dict[str, Any]:
    values = {"loss": row.get("loss"), "accuracy": row.get("accuracy"), "rate": row.get("learning_rate")}
    return {"kind": kind, "epoch": epoch, **{key: number(value) for key, value in values.items()}}


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size
