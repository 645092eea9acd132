"""Run: the folder of one training, the only truth about it.

Any process may read it at any moment: every file but the log is replaced whole. Standard library only.
"""

from __future__ import annotations

import csv
import datetime
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
STATES = ("queued", "running", "finished", "stopped", "failed", "lost")


class RunRefused(ValueError):
    """A run folder that cannot be made or read; the message says why."""


@dataclass(frozen=True)
class Run:
    """One run folder.

    recipe.json  the recipe, complete        history.csv   one row an epoch
    data.json    films, labels, split        events.jsonl  what happened, with times
    status.json  state, epoch, ETA           model.keras   the network at the end
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

    def update(self, **fields: Any) -> None:
        """Change fields of status.json; the heartbeat is set with every change."""
        status = self.read("status.json") if (self.path / "status.json").exists() else {}
        self.write("status.json", {**status, **fields, "heartbeat": time.time()})

    def event(self, what: str, **fields: Any) -> None:
        """Append a line to events.jsonl."""
        line = json.dumps({"time": _now(), "event": what, **fields})
        with (self.path / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def status(self) -> dict[str, Any]:
        """status.json, its state corrected to "lost" where it says running but no process holds the lock."""
        status = self.read("status.json")
        if status.get("state") == "running" and not self.alive():
            status["state"] = "lost"
        return status

    def append_history(self, row: dict[str, float | int | str]) -> None:
        """Add an epoch; the columns are those of the first row."""
        rows = [*self.history(), {key: str(value) for key, value in row.items()}]
        columns = list(rows[0])
        text = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
        replace_text(self.path / "history.csv", "\n".join(text) + "\n")

    def history(self) -> list[dict[str, str]]:
        """The epochs so far, in order."""
        path = self.path / "history.csv"
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def ask_to_stop(self) -> None:
        (self.path / "stop").touch()

    def stop_asked(self) -> bool:
        return (self.path / "stop").exists()

    def hold(self):
        """Hold the lock until the returned file is closed or the process ends; RunRefused if another holds it."""
        file = (self.path / "lock").open("a")
        if not _try_lock(file):
            file.close()
            raise RunRefused(f"The run {self.name} is being trained by another process.")
        return file

    def alive(self) -> bool:
        """Does a process hold the lock? Never judged by process number, which is used again."""
        path = self.path / "lock"
        if not path.exists():
            return False
        with path.open("a") as file:
            return not _try_lock(file)


def create(recipe: dict[str, Any], data: str | Path, runs: str | Path = "runs", name: str | None = None) -> Run:
    """Make the folder of a new run, queued.

    Raises
    ------
    RunRefused
        If the name is not plain or already taken.
    """
    name = name or f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{recipe['name']}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise RunRefused(f"Expected a run name of letters, digits, '.', '_' and '-'; got {name!r}.")
    path = Path(runs) / name
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise RunRefused(f"There is a run named {name} in {runs} already. Choose another name.") from None
    run = Run(path)
    run.write("recipe.json", recipe)
    run.write("status.json", {"format": FORMAT, "state": "queued", "data": str(data), "created": _now()})
    run.event("created")
    return run


def list_runs(runs: str | Path = "runs") -> list[Run]:
    """Runs in a folder, newest first."""
    found = [Run(path.parent) for path in Path(runs).glob("*/status.json")]
    return sorted(found, key=lambda run: (run.path / "recipe.json").stat().st_mtime, reverse=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, "utf-8")
    os.replace(part, path)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _try_lock(file) -> bool:
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
