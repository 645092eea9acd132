"""Run: the folder of one training, the only truth about it.

Any process may read it at any moment: what is read again and again is replaced whole, what grows grows by whole
lines. Standard library only.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import enum
import json
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from xraykit.refused import Refused
from xraykit.system.files import append_line, csv_columns, csv_line, now, replace_text, try_lock, whole_lines
from xraykit.system.folders import is_plain_name, runs_folder

FORMAT = 1
STATES = ("queued", "running", "finished", "stopped", "failed", "lost")
BUSY = ("queued", "running")
RESUMABLE = ("stopped", "failed", "lost")
CHECKPOINT = Path("checkpoint") / "state.npz"
# Between the folder's first file and its lock; on Windows, which hands no lock on, until the process has begun.
GRACE_SECONDS = 60.0 if os.name == "nt" else 5.0
HOLD_SECONDS = 2.0  # a probe holds the lock for microseconds
LOST = {
    "message": "Its process ended without a word: killed, or the computer restarted.",
    "advice": "Resume it: it goes on from its last checkpoint.",
    "eta": None,
}
_updating = threading.Lock()  # status.json is read, changed and written by the training and by the pulse beside it


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


class RunRefused(Refused):
    """A run folder that cannot be made, read or used as asked; the message says why."""

    code = "run"


class Stopped(RuntimeError):
    """A run that was asked to end, and does."""


class Diverged(ArithmeticError):
    """The loss is no longer a number."""


@dataclass(frozen=True)
class Run:
    """One run folder.

    recipe.json  the recipe, complete        history.csv   one row an epoch
    data.json    films, labels, split        moments.csv   where the training stood, every few seconds
    status.json  state, epoch, ETA           device.csv    load and memory of the device, every few seconds
    events.jsonl what happened, when         log.txt       what the process printed
    checkpoint/  to go on from               model.keras   the network at the end
    lock         held while the run lives    evaluation.json  truth and logits of validation and test
    stop         its presence asks the run to end
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def write(self, file: str, data: Any) -> None:
        """Replace a JSON file of the folder in one step."""
        replace_text(self.path / file, json.dumps(data, indent=1) + "\n")

    def read(self, file: str) -> Any:
        """A JSON file of the folder; RunRefused where it is missing or broken."""
        path = self.path / file
        try:
            return json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunRefused(f"Expected {file} in the run {self.name}; it cannot be read: {error}.") from None

    def status(self) -> dict[str, Any]:
        """status.json; "lost" with a message and advice where it says queued or running and nobody holds the lock.

        Raises
        ------
        RunRefused
            If it cannot be read, or was written by a version with another format.
        """
        found = self._recorded()
        while found["state"] in BUSY and not self._attended(found):
            # Asked again once the lock was free: it may have ended, or been resumed, between the two questions
            again = self._recorded()
            if again == found:
                return {**found, "state": "lost", **LOST}
            found = again
        return found

    def update(self, **fields: Any) -> None:
        """Change fields of status.json; the heartbeat is set with every change. Safe to call from several threads."""
        with _updating:
            self.write("status.json", {**self.read("status.json"), **fields, "heartbeat": time.time()})

    def event(self, what: str, **fields: Any) -> None:
        """Append a line to events.jsonl."""
        line = json.dumps({"time": now(), "event": what, **fields}) + "\n"
        append_line(self.path / "events.jsonl", lambda: line, line)

    def events(self) -> list[dict[str, Any]]:
        """What happened, in order; a line that a killed process left half written is left out."""
        found = []
        for line in whole_lines(self.path / "events.jsonl"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [event for event in found if isinstance(event, dict)]

    def append(self, file: str, row: Mapping[str, Any]) -> None:
        """Add a line to a CSV file of the folder; its columns are those of the first row."""
        path = self.path / file
        columns = csv_columns(path) or list(row)
        line = csv_line([row.get(column, "") for column in columns])
        append_line(path, lambda: csv_line(columns) + line, line)

    def rows(self, file: str, most: int | None = None) -> list[dict[str, str]]:
        """The rows of a CSV file, thinned evenly to `most`, the first and the last among them."""
        lines = whole_lines(self.path / file)
        if not lines:
            return []
        header, body = lines[0], lines[1:]
        if most is not None and len(body) > most:
            last = len(body) - 1
            body = [body[round(i * last / max(1, most - 1))] for i in range(most)] if most > 1 else body[-most:]
        columns = next(csv.reader([header]))
        return [dict(zip(columns, values, strict=True)) for values in csv.reader(body) if len(values) == len(columns)]

    def append_history(self, row: Mapping[str, float | int | str]) -> None:
        """Add an epoch; the file is replaced whole, its columns are those of the first row."""
        lines = whole_lines(self.path / "history.csv")
        columns = next(csv.reader(lines[:1]), list(row))
        lines = lines or [csv_line(columns).rstrip("\n")]
        replace_text(
            self.path / "history.csv",
            "\n".join(lines) + "\n" + csv_line([row.get(column, "") for column in columns]),
        )

    def history(self) -> list[dict[str, str]]:
        """The epochs so far, in order."""
        return self.rows("history.csv")

    def truncate(self, file: str, epochs: float) -> None:
        """Drop the rows of a CSV file from epoch `epochs` on: those that a resumed run goes through again."""
        rows = self.rows(file)
        kept = [row for row in rows if float(row["epoch"]) < epochs]
        if len(kept) < len(rows):
            lines = [csv_line(list(rows[0])), *(csv_line(list(row.values())) for row in kept)]
            replace_text(self.path / file, "".join(lines))

    def truncate_history(self, epochs: int) -> None:
        """Leave the first epochs only, those before `epochs`."""
        self.truncate("history.csv", epochs)

    def ask_to_stop(self) -> None:
        """Ask the run to end in order; RunRefused where its folder is gone."""
        try:
            (self.path / "stop").touch()
        except FileNotFoundError:
            raise RunRefused(f"Expected the folder of the run {self.name}; it is gone.") from None

    def stop_asked(self) -> bool:
        return (self.path / "stop").exists()

    def hold(self) -> IO[Any]:
        """Hold the lock until the returned file is closed or the process ends; RunRefused if another holds it."""
        file = (self.path / "lock").open("a")
        end = time.monotonic() + HOLD_SECONDS
        while not try_lock(file):
            # Where a shared lock is refused too, the holder is no mere probe and will not let go
            if time.monotonic() > end or self.alive():
                file.close()
                raise RunRefused(f"The run {self.name} is being trained by another process.")
            time.sleep(0.01)
        return file

    def alive(self) -> bool:
        """Does a process hold the lock? Never judged by process number, which is used again.

        Probes share the lock, so that they never see each other.
        """
        try:
            with (self.path / "lock").open() as file:
                return not try_lock(file, shared=True)
        except FileNotFoundError:
            return False

    def _recorded(self) -> dict[str, Any]:
        found = self.read("status.json")
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            version = found.get("format") if isinstance(found, dict) else None
            raise RunRefused(
                f"Expected format {FORMAT} in status.json of the run {self.name}; got {version}. "
                "It was written by another version of xraykit: use that version."
            )
        if found.get("state") not in STATES:
            raise RunRefused(
                f"Expected one of {', '.join(STATES)} as state in status.json of the run {self.name}; "
                f"got {found.get('state')!r}. Restore the file, or delete the run."
            )
        return found

    def _attended(self, found: dict[str, Any]) -> bool:
        """Is a process at it, or just about to be?"""
        new = found["state"] == "queued" and time.time() - found.get("heartbeat", 0) < GRACE_SECONDS
        return self.alive() or (new and (os.name == "nt" or not (self.path / "lock").exists()))


def create(
    recipe: dict[str, Any], data: str | Path, runs: str | Path | None = None, name: str | None = None, **fields: Any
) -> Run:
    """Make the folder of a new run, queued; `runs` is `root_folder()` if not given, `fields` go into status.json.

    Raises
    ------
    RunRefused
        If the name is not plain or already taken.
    """
    runs = runs_folder() if runs is None else Path(runs)
    name = name or _free_name(runs, recipe["name"])
    if not is_plain_name(name):
        raise RunRefused(f"Expected a run name of letters, digits, '.', '_' and '-'; got {name!r}.")
    try:
        (runs / name).mkdir(parents=True)
    except FileExistsError:
        raise RunRefused(f"There is a run named {name} in {runs} already. Choose another name.") from None
    run = Run(runs / name)
    run.write("recipe.json", recipe)
    run.event("created")
    status = {"format": FORMAT, "state": "queued", "data": str(data), "created": now(), "heartbeat": time.time()}
    run.write("status.json", {**status, **fields})  # last: a folder is a run once this is there
    return run


def _free_name(runs: Path, about: str) -> str:
    """The time and what it is about, in letters that a folder's name may have; numbered where it is taken."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", about).strip("-.")[:60] or "run"
    stem = f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{plain}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next((name for name in names if not (runs / name).exists()), stem)


def list_runs(runs: str | Path | None = None) -> list[Run]:
    """Runs in a folder (`root_folder()` if not given), newest first; broken ones too, whose `status` says so."""
    folder = runs_folder() if runs is None else Path(runs)
    found = [Run(path.parent) for path in folder.glob("[!.]*/status.json")]  # a dot: on its way out
    return sorted(found, key=lambda run: (_changed(run.path / "recipe.json"), run.name), reverse=True)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
