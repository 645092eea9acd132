"""Run: the folder of one training, the only truth about it, and its Status.

Any process may read it at any moment: what is read again and again is replaced whole, what grows grows by whole
lines. Standard library only.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xraykit.system import folders, text
from xraykit.system.files import csv_line, csv_rows, now, replace_text, whole_lines
from xraykit.system.job_folder.job_folder import JobFolder, JobRefused
from xraykit.system.job_folder.record import PathText, Record, State, shortened

FORMAT = 1
STATUS = "status.json"
CHECKPOINT = Path("checkpoint") / "state.npz"
LOST = {
    "message": "The process ended unexpectedly (killed, or the computer restarted).",
    "advice": "Resume the run: it continues from its last checkpoint.",
    "eta": None,
}
_updating = threading.Lock()  # status.json is read, changed and written by the training and by the heartbeat beside it


class Stage(enum.StrEnum):
    """What a run is doing while it is queued or running, as status.json names it."""

    WAITING = "waiting for the device"
    READING = "reading films"
    DECODING = "decoding films"
    MEASURING = "measuring the fastest way"
    BUILDING = "building the network"
    PASSING = "passing films through the frozen backbone"
    COMPILING = "compiling"
    LEARNING = "learning"
    EVALUATING = "evaluating"
    SAVING = "saving"

    @property
    def words(self) -> str:
        """For people."""
        return _STAGE_WORDS[self]


_STAGE_WORDS = {
    Stage.WAITING: "waiting for the device",
    Stage.READING: "reading films",
    Stage.DECODING: "decoding films",
    Stage.MEASURING: "measuring the fastest way to train",
    Stage.BUILDING: "building the network",
    Stage.PASSING: "passing films through the frozen backbone",
    Stage.COMPILING: "compiling (the first step takes longer; not counted as training time)",
    Stage.LEARNING: "training",
    Stage.EVALUATING: "evaluating",
    Stage.SAVING: "saving",
}


class Failure(enum.StrEnum):
    """Why a run failed, as status.json names it."""

    OUT_OF_MEMORY = "out of memory"
    DATA = "data"
    WEIGHTS = "weights"
    DIVERGED = "diverged"
    DISK = "disk"
    RECIPE = "recipe"
    DEVICE = "device"
    CHECKPOINT = "checkpoint"
    CRASHED = "crashed"


class RunRefused(JobRefused):
    """A run folder that cannot be made, read or used as asked; the words say why."""

    code = "run"


class CheckpointDamaged(RunRefused):
    """A checkpoint that cannot be read: its training cannot go on."""

    code = "checkpoint"


class Diverged(ArithmeticError):
    """The loss is no longer a number."""


@dataclass(frozen=True, kw_only=True)
class Status(Record):
    """status.json: where a run stands. Epochs and steps count what is complete; times are in seconds or ISO 8601, UTC.

    What is not known yet, or no longer true, is None.
    """

    format: int = FORMAT
    data: PathText = PathText("")  # the folder of films
    stage: Stage | None = None
    stage_done: int | None = None
    stage_of: int | None = None
    failure: Failure | None = None
    message: str | None = None
    advice: str | None = None
    created: str | None = None
    started: str | None = None
    ended: str | None = None
    progressed: float | None = None  # seconds since 1970
    pid: int | None = None
    place: int | None = None  # in the queue for the device: 1 is next
    asked_device: str | None = None
    device: str | None = None  # its key: "cpu", "gpu 0"
    device_name: str | None = None
    backend: str | None = None
    precision: str | None = None
    split: int | None = None  # parts that each batch is passed in
    finish: bool | None = None  # asked to train no more, but to evaluate and save
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    phase: int | None = None
    eta: float | None = None
    loss: float | None = None
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    learning_rate: float | None = None
    images_per_second: float | None = None
    best_epoch: int | None = None  # from 0
    best_loss: float | None = None
    best_accuracy: float | None = None
    learning_seconds: float | None = None
    queued_seconds: float | None = None
    class_biases: tuple[float, ...] | None = None  # added to the logits at the end, the smallest taken as 0
    parameters: int | None = None
    trainable: int | None = None  # of them, those that learn in the phase at work
    load: float | None = None  # of the device, 0 to 1
    memory: float | None = None  # bytes

    @property
    def share(self) -> float:
        """How much of all epochs is complete, 0 to 1; of the stage before the first epoch while there is none."""
        if self.epochs and (self.epoch or self.step):
            share = ((self.epoch or 0) + (self.step or 0) / (self.steps or 1)) / self.epochs
        else:
            share = (self.stage_done or 0) / (self.stage_of or 1)
        return min(share, 1.0)


FIELDS = frozenset(part.name for part in dataclasses.fields(Status)) - {"other"}


class Run(JobFolder):
    """One run folder, a JobFolder with these files.

    recipe.json  the recipe, complete        history.csv   one row an epoch
    data.json    films, labels, split        moments.csv   where the training stood, every few seconds
    status.json  a Status                    device.csv    load and memory of the device, every few seconds
    events.jsonl what happened, when         log.txt       what the process printed
    checkpoint/  to resume from              model.keras   the network at the end
    lock, stop   see JobFolder               evaluation.json  truth and logits of validation and test
    """

    kind = "run"
    refusal = RunRefused

    def status(self) -> Status:
        """status.json; LOST with a message and advice where it is busy and no process is at it.

        Raises
        ------
        RunRefused
            If it cannot be read, has a field of a wrong type, or was written by a version with another format.
        """
        return self.settled(self.recorded, LOST)

    def update(self, **fields: Any) -> None:
        """Change fields of status.json, the heartbeat among them. Safe to call from several threads.

        Raises
        ------
        TypeError
            If a name is no field of Status.
        """
        if unknown := fields.keys() - FIELDS:
            raise TypeError(f"Expected fields of Status; got {', '.join(sorted(unknown))}.")
        with _updating:
            self.write(STATUS, {**self.read(STATUS), **fields, "heartbeat": time.time()})

    def append_history(self, row: Mapping[str, float | int | str]) -> None:
        """Add an epoch; the file is replaced whole, its columns are those of the first row."""
        lines = whole_lines(self.path / "history.csv")
        columns = next(csv_rows(lines[:1]), list(row))
        lines = lines or [csv_line(columns).rstrip("\n")]
        replace_text(
            self.path / "history.csv",
            "\n".join(lines) + "\n" + csv_line([row.get(column, "") for column in columns]),
        )

    def history(self) -> list[dict[str, str]]:
        """The epochs so far, in order."""
        return self.rows("history.csv")

    def restore_history(self, epochs: int, known: Sequence[Mapping[str, float | int | str]]) -> None:
        """Leave the first epochs only, those before `epochs`: as the checkpoint knows them, else as the file has them.

        Raises
        ------
        RunRefused
            If neither has all of them: a table that began anew would lose what was learned before.
        """
        written = {row.get("epoch"): row for row in self.history()}
        rows: dict[str | None, Mapping[str, Any]] = {**written, **{str(row["epoch"]): row for row in known}}
        missing = [epoch + 1 for epoch in range(epochs) if str(epoch) not in rows]
        if missing:
            raise RunRefused(
                f"history.csv of the run {self.name} has no row of epoch {missing[0]} that can be read; expected the "
                f"{epochs} epochs that its checkpoint has learned. Restore the file from a copy, then resume the run."
            )
        kept = [rows[str(epoch)] for epoch in range(epochs)]
        path = self.path / "history.csv"
        if path.is_dir():
            raise RunRefused(f"history.csv of the run {self.name} is a folder. Remove it, then resume the run.")
        if kept:
            replace_text(path, "".join([csv_line(list(kept[0])), *(csv_line(list(row.values())) for row in kept)]))
        else:
            path.unlink(missing_ok=True)

    def recorded(self) -> Status:
        data = self.read(STATUS)
        version = data.get("format") if isinstance(data, dict) else None
        if version != FORMAT:
            raise RunRefused(
                f"Expected format {FORMAT} in {STATUS} of the run {self.name}; got {shortened(version)}. "
                "It was written by another version of xraykit: use that version."
            )
        return self.record(STATUS, data, Status)


def create(
    recipe: dict[str, Any], data: str | Path, runs: str | Path | None = None, name: str | None = None, **fields: Any
) -> Run:
    """Make the folder of a new run, queued; `runs` is `folders.runs_folder()` if not given, `fields` go into Status.

    Raises
    ------
    RunRefused
        If the name is not plain or already taken.
    """
    root = folders.runs_folder() if runs is None else Path(runs)
    check_name(name, root)
    path = folders.make_first_free(root, [name] if name else folders.dated_names(recipe["name"], "run"))
    if path is None:
        raise _taken(name, root)
    run = Run(path)
    run.write("recipe.json", recipe)
    run.event("created")
    status = Status(state=State.QUEUED, data=PathText(str(data)), created=now(), heartbeat=time.time(), **fields)
    known = {field: value for field, value in status.to_json().items() if value is not None}
    run.write(STATUS, known)  # last: a folder is a run once this is there
    return run


def check_name(name: str | None, runs: str | Path | None = None) -> None:
    """RunRefused where no new run can have this name in `runs`; asked before films are read for it."""
    if not name:
        return
    if not folders.is_plain_name(name):
        raise RunRefused(
            "Expected a run name of at most 100 letters, digits, '.', '_' and '-', no mark first; got "
            f"{text.quoted(name)}."
        )
    root = folders.runs_folder() if runs is None else Path(runs)
    if os.path.lexists(root / name):
        raise _taken(name, root)


def _taken(name: str | None, root: Path) -> RunRefused:
    return RunRefused(f"There is a run named {name} in {root} already. Choose another name.")


def list_runs(runs: str | Path | None = None) -> list[Run]:
    """Runs in a folder (`folders.runs_folder()` if not given), newest first; broken ones too: `status` refuses them."""
    folder = folders.runs_folder() if runs is None else Path(runs)
    listed = [Run(path.parent) for path in folder.glob(f"[!.]*/{STATUS}")]  # a dot: on its way out
    return sorted(listed, key=lambda run: (_changed(run.path / "recipe.json"), run.name), reverse=True)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
