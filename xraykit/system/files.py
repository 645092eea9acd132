"""Files: their names as text, read without waiting, replaced whole or grown by whole lines, locks, check sums."""

from __future__ import annotations

import csv
import datetime
import errno
import hashlib
import io
import os
import re
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from xraykit.refused import Refused

SHORTENED = 40  # letters of a file's name, each of up to 4 bytes, in that of the part that is written first
MOST_LINES_BYTES = 256 * 2**20  # of a file that grows by lines
Stamp = tuple[int, int]  # of a version of a file: its last change in nanoseconds, its bytes


class FileRefused(Refused):
    """A file that cannot be read.

    `code`: "missing", "unreadable" (permissions, a name that no file can have), "no-plain-file" (a folder, pipe or
    device) or "too-large"; `words` name the file.
    """

    code = "file"


def read_plain(path: Path, most_bytes: int) -> bytes:
    """The bytes of a plain file. A pipe or device is never waited for, and no more than `most_bytes` are held.

    Raises
    ------
    FileRefused
        If there is none, it may not be read, it is no plain file, or it is larger.
    """
    name = shown(path.name)[:200]
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileRefused(f"{name} is a pipe or device; expected a plain file.", code="no-plain-file")
            data = file.read(most_bytes + 1)
    except FileRefused:  # is a ValueError itself
        raise
    except FileNotFoundError:
        raise FileRefused(f"{name} is missing.", code="missing") from None
    except IsADirectoryError:
        raise FileRefused(f"{name} is a folder; expected a plain file.", code="no-plain-file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise FileRefused(f"{name} cannot be read: {reason}.", code="unreadable") from None
    if len(data) > most_bytes:
        raise FileRefused(f"Expected at most {most_bytes >> 20} MB in {name}; it is larger.", code="too-large")
    return data


def shown(name: str | os.PathLike[str]) -> str:
    """A file's name or path as text that any file, page and terminal can hold; `named` turns it back.

    A byte that is no UTF-8 is written as Python's "backslashreplace" writes it: \\udcff for the byte ff. Where a name
    itself looks like that, its backslash is written so too: \\udc5c.
    """
    return _ESCAPED.sub(r"\\udc5c\1", os.fspath(name)).encode("utf-8", "backslashreplace").decode()


def named(text: str) -> str:
    """The name that `shown` gave as `text`, fit to open the file."""
    return _ESCAPED.sub(lambda match: "\\" if match[1] == "udc5c" else chr(int(match[1][1:], 16)), text)


_ESCAPED = re.compile(r"\\(udc(?:5c|[89a-f][0-9a-f]))")


def stamp_of(path: Path) -> Stamp:
    """Which version of a file this is; zeros where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return stat.st_mtime_ns, stat.st_size


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file, computed once for each version of it."""
    stat = path.stat()
    return _hash_version(path.resolve(), stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=256)
def _hash_version(path: Path, size: int, modified: int, inode: int) -> str:
    """Hashing 30 MB costs more than reading a film: a file is hashed once per version of it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_text(path: Path, text: str, *, shared: bool = False) -> None:
    """Write a text file whole, as `replace_bytes` does."""
    replace_bytes(path, text.encode("utf-8"), shared=shared)


def replace_bytes(path: Path, content: bytes, *, shared: bool = False) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part, not even after a power cut.

    Only this user may read it; where it is `shared`, whoever may read other new files.
    """
    beginning = path.name[:SHORTENED]  # the whole name may be as long as the file system allows
    part = path.with_name(f".{beginning}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        descriptor = os.open(part, flags, 0o666 if shared else 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a restart may find the new name on an empty file
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # what was to be written, not its part
        raise


def open_private(path: Path) -> IO[bytes]:
    """A new file to write, which only this user may read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def append_line(path: Path, first: Callable[[], str], line: str) -> None:
    """Add a line to a growing file in one write; `first` makes what begins an empty one. Only this user may read it."""
    with _open_private(path, "a+b", os.O_APPEND) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a killed process left half a line
                file.seek(0)
                size = file.read().rfind(b"\n") + 1
                file.truncate(size)
        file.write((line if size else first()).encode())


def whole_lines(path: Path) -> list[str]:
    """The lines of a growing file that are complete; none where it is missing, too large or no plain file."""
    try:
        text = read_plain(path, MOST_LINES_BYTES).decode("utf-8", "replace")
    except FileRefused:
        return []
    return text.split("\n")[:-1]  # what follows the last line end is half a line


def csv_columns(path: Path) -> list[str]:
    """The header of a CSV file; none where it is missing, empty or half written."""
    lines = whole_lines(path)
    return next(csv_rows(lines[:1]), [])


def csv_rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """The cells of each line, which is a row by itself; a line that is no CSV is left out."""
    for line in lines:
        try:
            yield from csv.reader([line])
        except csv.Error:  # a field of over 128 KiB
            continue


def csv_cells(values: Iterable[Any]) -> list[Any]:
    """A row of a table for people: text that a spreadsheet would take for a formula begins with an apostrophe.

    Numbers stay, those in text too; `csv_text` turns a cell back.
    """
    return [f"'{value}" if isinstance(value, str) and _is_formula(value) else value for value in values]


def csv_text(cell: str) -> str:
    """What `csv_cells` was given for this cell."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    """Also of text that looks like one with its apostrophe, which `csv_text` would take away."""
    if not _FORMULA.match(text):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def csv_line(values: list) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([str(value).replace("\n", " ") for value in values])
    return line.getvalue()


def now() -> str:
    """This moment, as events and status tell it: ISO 8601, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def open_lock(path: Path) -> IO[Any]:
    """A file to lock, made where there is none; OSError where something else has its name: a pipe is not waited for."""
    return _open_private(path, "r+")


def _open_private(path: Path, mode: str, flags: int = 0) -> IO[Any]:
    flags |= os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "expected a plain file", str(path))
    return os.fdopen(descriptor, mode)


def try_lock(file: IO[Any], shared: bool = False) -> bool:
    """Lock a file without waiting, until it is closed or the process ends; False where another holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
