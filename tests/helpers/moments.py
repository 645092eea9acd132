"""What a process does to the files below a folder, counted, so that the n-th thing is where something happens to it.

For a process that was forked for this: Python's audit hooks cannot be taken away again. Counted are opening for
writing, every write, fsync, mkdir, rename, remove, chmod and truncate, of Python's own code; not what C++ writes.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

VARIABLE = "XRAYKIT_TESTS_MOMENT"
KILL, PAUSE, FULL, READ_ONLY, FAULT = "kill", "pause", "full disk", "read-only", "fault"
ACTS = (KILL, PAUSE, FULL, READ_ONLY, FAULT)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NEEDS_ROOM = ("open", "write", "fsync", "os.mkdir")  # what a full disk refuses: it renames and removes still


@dataclass(frozen=True)
class Moment:
    """What happens, at which of the things done below `root` (1 is the first; 0: none of them).

    "kill" by SIGKILL, in the middle of the write where it is one; "pause" by SIGSTOP; from then on the disk is a "full
    disk" or "read-only"; "fault" is an error of this one thing. `only` counts those alone whose path holds it.
    `counted`, where given, is a file that gets a line for each thing.
    """

    root: str
    act: str = KILL
    at: int = 0
    only: str = ""
    counted: str = ""

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}


def arm() -> None:
    """Let happen to this process what its environment says."""
    if given := os.environ.pop(VARIABLE, ""):
        _Armed(Moment(**json.loads(given))).begin()


class _Armed:
    def __init__(self, moment: Moment) -> None:
        self.moment, self.numbers = moment, itertools.count(1)
        self.root = os.path.realpath(moment.root)
        self.counted = os.open(moment.counted, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if moment.counted else None

    def begin(self) -> None:
        self._replace_functions()
        sys.addaudithook(self._audit)

    def _audit(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(given[2], int) and given[2] & _WRITING:
            self.touch("open", given[0])
        elif event == "os.rename":
            self.touch(event, given[1], given[3])
        elif event in ("os.remove", "os.rmdir"):
            self.touch(event, given[0], given[1])
        elif event in ("os.mkdir", "os.chmod"):
            self.touch(event, given[0], given[2])
        elif event == "os.truncate":
            self.touch(event, given[0])

    def touch(self, what: str, path: Any, folder: int = -1, half: Callable[[], Any] = lambda: None) -> None:
        """Something is about to be done; `half` does a half of it."""
        place = self._place(path, folder)
        if place is None or self.moment.only not in place:
            return
        number = next(self.numbers)
        if self.counted is not None:
            _WRITE(self.counted, f"{number} {what} {place}\n".encode())
        moment = self.moment
        if not moment.at or number < moment.at:
            return
        if moment.act == FULL and what in _NEEDS_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place)
        if moment.act == READ_ONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), place)
        if number > moment.at:
            return
        if moment.act == FAULT:
            raise OSError(errno.EIO, os.strerror(errno.EIO), place)
        if moment.act == KILL:
            half()
        if moment.act in (KILL, PAUSE):
            os.kill(os.getpid(), signal.SIGKILL if moment.act == KILL else signal.SIGSTOP)

    def _place(self, path: Any, folder: int) -> str | None:
        """The path that is meant, where it lies below the root."""
        with contextlib.suppress(OSError, TypeError, ValueError):
            if isinstance(path, int):
                path, folder = os.readlink(f"/proc/self/fd/{path}"), -1
            above = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else ""
            full = os.path.abspath(os.path.join(above, os.fsdecode(path)))
            place = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
            return place if place.startswith(self.root + os.sep) else None
        return None

    def _replace_functions(self) -> None:
        armed = self

        class Written(io.FileIO):
            def write(self, data: Any) -> int:
                view = memoryview(data).cast("B")
                armed.touch("write", self.name, half=lambda: io.FileIO.write(self, view[: len(view) // 2]))
                return super().write(data)

        def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
            if not set(mode) & set("wax+") or buffering == 0:
                return _OPEN(file, mode, buffering, encoding, errors, newline, closefd, opener)
            raw = Written(file, mode.replace("b", "").replace("t", ""), closefd, opener)
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else _text(buffered, mode, encoding, errors, newline)

        def fsync(number: Any) -> None:
            armed.touch("fsync", number if isinstance(number, int) else number.fileno())
            _FSYNC(number)

        def sendfile(out: int, source: int, *rest: Any, **named: Any) -> int:
            armed.touch("write", out, half=lambda: _SENDFILE(out, source, 0, 100))
            return _SENDFILE(out, source, *rest, **named)

        def write(number: int, data: Any) -> int:
            armed.touch("write", number, half=lambda: _WRITE(number, data[: len(data) // 2]))
            return _WRITE(number, data)

        builtins.open = io.open = opened  # type: ignore[assignment]
        os.fsync, os.sendfile, os.write = fsync, sendfile, write  # type: ignore[assignment]


def _text(buffered: Any, mode: str, encoding: str | None, errors: str | None, newline: str | None) -> io.TextIOWrapper:
    text = io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)
    text.mode = mode  # type: ignore[misc]
    return text


def lines(counted: Path) -> list[str]:
    """What was done, one line a thing."""
    return counted.read_text("utf-8").splitlines()


_OPEN, _FSYNC, _SENDFILE, _WRITE = io.open, os.fsync, os.sendfile, os.write
