"""JobFolder: the folder of one long job: files replaced whole or grown by whole lines, a lock, a request to stop.

Any process may read it at any moment. Standard library only; knows neither films nor training.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import json
import math
import os
import shutil
import stat
import time
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar, NewType, TypeVar

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
    try_lock,
    whole_lines,
)

MOST_NUMBER = 2**63 - 1  # no count, size or time in these files is larger, and a table holds no larger one
MOST_JSON_BYTES = 256 * 2**20  # data.json names every film
LOCK_VARIABLE = "XRAYKIT_JOB_LOCK"  # the descriptor on which a launched process finds its folder locked already
# Between a job's first file and its lock; on Windows, which hands no lock on, until the process has begun
GRACE_SECONDS = 60.0 if os.name == "nt" else 5.0
HOLD_SECONDS = 2.0  # a probe holds the lock for microseconds


class State(enum.StrEnum):
    """Where a job stands. Files say every state but LOST, which is what a reader finds: busy, and no process at it."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"

    @property
    def busy(self) -> bool:
        return self in (State.QUEUED, State.RUNNING)

    @property
    def broken_off(self) -> bool:
        """Has it ended without a result?"""
        return self in (State.STOPPED, State.FAILED, State.LOST)


class JobRefused(Refused):
    """A job's folder that cannot be made, read or used as asked; the words say why."""

    code = "job"


class Stopped(RuntimeError):
    """A job that was asked to stop, and does."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a file of a job's folder says of its state; each kind of job adds its own fields.

    Attributes
    ----------
    state : State
    heartbeat : float
        When it was written, in seconds since 1970.
    other : mapping
        What another version of xraykit wrote beside the fields.
    """

    state: State
    heartbeat: float = 0.0
    other: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain data, `other` beside the fields."""
        fields = dataclasses.asdict(self)
        return {**fields.pop("other"), **fields}


R = TypeVar("R", bound=Record)
PathText = NewType("PathText", str)  # as `os.fsdecode` gives it; pages show it through `files.shown`


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
        for name, hint in _hints(kind).items():
            try:
                if name in data:
                    values[name] = _fitting(hint, data[name])
            except (TypeError, ValueError, OverflowError):
                raise self.refusal(
                    f"Expected {_expected(hint)} as {name} in {file} of the {self.kind} {self.name}; got "
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
        return self.alive() or (starting and (os.name == "nt" or not (self.path / "lock").exists()))

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
        """Hold the lock until the returned file is closed or the process ends; JobRefused if another holds it."""
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


@functools.cache
def _hints(kind: type[Record]) -> dict[str, Any]:
    """The type of every field."""
    return {name: hint for name, hint in typing.get_type_hints(kind).items() if name != "other"}


def _fitting(hint: Any, value: Any) -> Any:
    """The value as a type hint has it; TypeError, ValueError or OverflowError where it does not fit."""
    optional, kind = _kind(hint)
    if optional and value is None:
        return None
    if typing.get_origin(kind) is tuple:
        return tuple(_fitting(typing.get_args(kind)[0], item) for item in _of_type(list, value))
    if kind is PathText:
        return _path(value)
    if issubclass(kind, enum.Enum):
        if optional and _of_type(str, value) not in list(kind):
            return None  # a word of another version: the file keeps it
        return kind(value)
    if kind in (int, float):
        return _number(kind, value, optional)
    return _of_type(kind, value)


def _number(kind: type, value: Any, optional: bool) -> float | None:
    """Finite and not negative, as every number in these files is; a figure that is not finite is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    if optional and not math.isfinite(value):
        return None
    if not math.isfinite(value) or not 0 <= value <= MOST_NUMBER or kind(value) != value:
        raise ValueError(value)
    return kind(value)


def _path(value: Any) -> PathText:
    if not isinstance(value, str):
        raise TypeError(value)
    os.fsencode(value)  # bytes that are no UTF-8 may be in it, other halves of characters not
    return PathText(value)


def _of_type(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(value)
    if isinstance(value, str):
        value.encode()  # half a character is no text: UnicodeEncodeError is a ValueError
    return value


def _kind(hint: Any) -> tuple[bool, Any]:
    """May it be None, and what is it else?"""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return types.NoneType in kinds, next(kind for kind in kinds if kind is not types.NoneType)


def _expected(hint: Any) -> str:
    kind = _kind(hint)[1]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"one of {', '.join(str(member.value) for member in kind)}"
    names = {
        int: "a whole number from 0",
        float: "a number from 0",
        str: "text",
        PathText: "a path",
        bool: "true or false",
        dict: "an object",
    }
    return names.get(kind, "a list")


def shortened(value: Any) -> str:
    """What a file holds, in a few letters for a message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        return "something too long to show"
    return text if len(text) < 60 else f"{text[:56]} ..."
