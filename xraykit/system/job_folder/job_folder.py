"""JobFolder: the folder of one long job: files replaced whole or grown by whole lines, a lock, a request to stop.

Any process may read it at any moment. Standard library only; knows neither films nor training.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from xraykit.refused import Refused
from xraykit.system import processes
from xraykit.system.files import (
    FileRefused,
    append_line,
    csv_columns,
    csv_line,
    csv_rows,
    now,
    open_lock,
    read_plain,
    replace_text,
    stamp_of,
    try_lock,
    whole_lines,
)
from xraykit.system.job_folder.record import R, Record, State, expected, fitting, hints, shortened

MOST_JSON_BYTES = 256 * 2**20  # data.json names every film
LOCK_VARIABLE = "XRAYKIT_JOB_LOCK"  # the descriptor on which a launched process finds its folder locked already
# Between a job's first file and its lock; on Windows, which hands no lock on, until the process has begun
GRACE_SECONDS = 60.0 if os.name == "nt" else 5.0
HOLD_SECONDS = 2.0  # a probe holds the lock for microseconds


class JobRefused(Refused):
    """A job's folder that cannot be made, read or used as asked; the words say why."""

    code = "job"


class Stopped(RuntimeError):
    """A job that was asked to stop, and does."""


@dataclass(frozen=True)
class JobFolder:
    """A job's folder. `lock` is held while a process works in it; a file named `stop` asks that process to end."""

    path: Path
    kind: ClassVar[str] = "job"  # in messages
    refusal: ClassVar[type[JobRefused]] = JobRefused  # what every method raises

    @property
    def name(self) -> str:
        return self.path.name

    def write(self, file: str, data: Any) -> None:
        """Replace a JSON file of the folder in one step."""
        replace_text(self.path / file, json.dumps(data, indent=1) + "\n")

    def read(self, file: str) -> Any:
        """A JSON file of the folder; JobRefused where it is missing or broken."""
        try:
            return json.loads(read_plain(self.path / file, MOST_JSON_BYTES).decode())
        except FileRefused as refused:
            raise self.refusal(f"{self._of(file)} cannot be read: {refused.words}") from None
        except (ValueError, RecursionError):
            raise self.refusal(
                f"{self._of(file)} cannot be read: it is not valid JSON. Restore it, or delete the {self.kind}."
            ) from None

    def _of(self, file: str) -> str:
        return f"{file} of the {self.kind} {self.name}"

    def record(self, file: str, data: Any, kind: type[R]) -> R:
        """What `read(file)` gave as a frozen dataclass; what another version of xraykit wrote goes into `other`.

        Raises
        ------
        JobRefused
            If it is no object, or a field has a wrong type: the words name the field.
        """
        if not isinstance(data, dict):
            raise self.refusal(f"{file} of the {self.kind} {self.name} holds no object. Restore it, or delete it.")
        values = {}
        for name, hint in hints(kind).items():
            try:
                if name in data:
                    values[name] = fitting(hint, data[name])
            except (TypeError, ValueError, OverflowError):
                raise self.refusal(
                    f"Expected {expected(hint)} as {name} in {file} of the {self.kind} {self.name}; got "
                    f"{shortened(data[name])}. Restore the file, or delete the {self.kind}."
                ) from None
        try:
            return kind(**values, other={name: value for name, value in data.items() if name not in values})
        except TypeError:
            raise self.refusal(
                f"{file} of the {self.kind} {self.name} names no state. Restore it, or delete it."
            ) from None

    def recorded(self) -> Record | None:
        """What the folder's own file says, whoever holds the lock; each kind of job has its own file."""
        return None

    def _has_ended(self) -> bool:
        try:
            record = self.recorded()
        except JobRefused:
            return False
        return record is not None and not record.state.busy

    def settled(self, read: Callable[[], R], lost: Mapping[str, Any]) -> R:
        """What `read` gives; with the state LOST and the fields `lost` where it is busy and no process is at it."""
        record = read()
        while record.state.busy and not self._attended(record):
            # Asked again once the lock was free: it may have ended, or begun again, between the two questions
            again = read()
            if again == record:
                return dataclasses.replace(record, state=State.LOST, **lost)
            record = again
        return record

    def _attended(self, record: Record) -> bool:
        """Is a process at it, or just about to be?"""
        age = time.time() - record.heartbeat  # below zero where the clock was set back: that is not recent
        starting = record.state is State.QUEUED and 0 <= age < GRACE_SECONDS
        unheld = os.name == "nt" or not self._was_held()  # asked first: it may be held for the first time just now
        return (starting and unheld) or self.alive()

    def _was_held(self) -> bool:
        """Was its lock ever held? Whoever holds it leaves a byte in the file."""
        return stamp_of(self.path / "lock")[1] > 0

    def event(self, what: str, **fields: Any) -> None:
        """Append a line to events.jsonl."""
        line = json.dumps({"time": now(), "event": what, **fields}) + "\n"
        append_line(self.path / "events.jsonl", lambda: line, line)

    def events(self) -> list[dict[str, Any]]:
        """What happened, in order; a line that a killed process left half written is left out."""
        events = []
        for line in whole_lines(self.path / "events.jsonl"):
            with contextlib.suppress(ValueError, RecursionError):
                events.append(json.loads(line))
        return [event for event in events if isinstance(event, dict)]

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
        columns = next(csv_rows([header]), [])
        return [dict(zip(columns, values, strict=True)) for values in csv_rows(body) if len(values) == len(columns)]

    def truncate(self, file: str, epochs: float) -> None:
        """Drop the rows of a CSV file from epoch `epochs` on, and damaged ones: a resumed job adds them again."""
        rows = self.rows(file)
        kept = [row for row in rows if _epoch(row) < epochs]
        if len(kept) < len(rows):
            lines = [csv_line(list(rows[0])), *(csv_line(list(row.values())) for row in kept)]
            replace_text(self.path / file, "".join(lines))

    def ask_to_stop(self) -> None:
        """Ask the process at work to end; JobRefused where the folder is gone."""
        try:
            (self.path / "stop").touch()
        except FileNotFoundError:
            raise self.refusal(f"The folder of the {self.kind} {self.name} is gone.") from None

    def stop_asked(self) -> bool:
        return (self.path / "stop").exists()

    def forget_stop(self) -> None:
        """Take a request to stop back."""
        (self.path / "stop").unlink(missing_ok=True)

    def hold(self) -> IO[Any]:
        """Hold the lock until the returned file is closed or the process ends; JobRefused if another holds it.

        A request to stop whoever held it before is taken back; one that was made before anybody did is kept.
        """
        try:
            file = open_lock(self.path / "lock")
        except OSError as error:
            raise self.refusal(f"{self._of('lock')} cannot be locked: {error.strerror}. Delete it.") from None
        end = time.monotonic() + HOLD_SECONDS
        while not try_lock(file):
            # Where a shared lock is refused too, the holder is no mere probe; it lets go once it has written its end
            if time.monotonic() > end or (self.alive() and not self._has_ended()):
                file.close()
                raise self.refusal(f"Another process is at work on the {self.kind} {self.name}. Wait for it to end.")
            time.sleep(0.01)
        if os.fstat(file.fileno()).st_size:
            self.forget_stop()
        else:
            with contextlib.suppress(OSError):  # a full disk
                os.write(file.fileno(), b"\n")
        return file

    def alive(self) -> bool:
        """Does a process hold the lock? Never judged by process number, which is used again.

        Probes share the lock, so that they never see each other.
        """
        try:
            if not stat.S_ISREG((self.path / "lock").stat().st_mode):
                return False  # nobody can hold a pipe, and opening one waits
            with (self.path / "lock").open() as file:
                return not try_lock(file, shared=True)
        except OSError:
            return False

    def launch(self, arguments: Sequence[str], prepare: Callable[[], None] = lambda: None) -> None:
        """Start `python -m xraykit ARGUMENTS` for this folder, in a session of its own, and return at once.

        The folder's lock is held while `prepare` runs and handed on: at no moment does the job look lost. What the
        process prints goes to log.txt.

        Raises
        ------
        JobRefused
            If another process is at work in the folder.
        """
        log = self.path / "log.txt"
        with self.hold() as lock:
            prepare()
            if os.name == "nt":  # no descriptor can be handed on; GRACE_SECONDS covers the gap
                lock.close()
                processes.spawn(arguments, log)
                return
            number = lock.fileno()
            processes.spawn(arguments, log, pass_fds=[number], environment={LOCK_VARIABLE: str(number)})

    def handed_lock(self) -> IO[Any] | None:
        """The lock of this folder where the launching process has handed it to this one; None elsewhere."""
        number = os.environ.pop(LOCK_VARIABLE, "")
        if not number.isdecimal() or not _is_file(int(number), self.path / "lock"):
            return None
        os.set_inheritable(int(number), False)  # what this process starts must not keep the job alive
        return os.fdopen(int(number), "a")

    def remove(self) -> None:
        """Delete the folder; JobRefused while a process is at work in it."""
        end = time.monotonic() + HOLD_SECONDS
        while self.alive():
            if time.monotonic() > end or not self._has_ended():
                raise self.refusal(f"The {self.kind} {self.name} has not ended. Stop it first.")
            time.sleep(0.01)
        away = self.path.with_name(f".{self.name}.{uuid.uuid4().hex[:8]}.deleted")
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.path, away)  # gone from every list at once, however long the rest takes
            shutil.rmtree(away, ignore_errors=True)


def lock_was_handed() -> bool:
    """Is this the process that was launched for a job, with its lock in hand?"""
    return LOCK_VARIABLE in os.environ


def _epoch(row: Mapping[str, str]) -> float:
    try:
        return float(row["epoch"])
    except (KeyError, ValueError):
        return math.inf


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
