"""Where dropped films lie while a tab has them open: a private folder of this server, gone with it.

A server that was killed leaves its folder behind; the next one clears it away: the lock in it is nobody's any more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import threading
from pathlib import Path
from typing import IO, Any

from xraykit.refused import Refused
from xraykit.system import files, folders, text

PREFIX, LOCK = ".open-films-", "lock"
SPARE = 256 * 2**20  # bytes of the disk that are left to runs and their records


class Spool:
    """The folder of one server, beside the datasets; made with the first file."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._guard = threading.Lock()
        self._folder: Path | None = None
        self._lock: IO[Any] | None = None

    def room(self) -> Path:
        """A new folder for a tab. Raises Refused ("not-written") where none can be made."""
        with self._guard, _refusing(self.root):
            if self._folder is None:
                self._open()
            assert self._folder is not None
            room = self._folder / secrets.token_hex(8)
            room.mkdir(mode=0o700)
            return room

    @property
    def root(self) -> Path:
        return self._root or folders.datasets_folder()

    def close(self) -> None:
        """Remove the folder with everything in it."""
        with self._guard:
            folder, lock, self._folder, self._lock = self._folder, self._lock, None, None
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            if lock is not None:
                lock.close()

    def _open(self) -> None:
        folders.make_private(self.root)
        while self._folder is None:
            folder = self.root / f"{PREFIX}{secrets.token_hex(8)}"
            folder.mkdir(mode=0o700)
            with contextlib.suppress(FileNotFoundError):  # swept away before it had its lock, or as it got it
                lock = files.open_lock(folder / LOCK)
                if files.try_lock(lock) and (folder / LOCK).exists():
                    self._folder, self._lock = folder, lock


def sweep(root: Path | None = None) -> None:
    """Remove what servers left that are no more."""
    for left in (root or folders.datasets_folder()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if not (left / LOCK).exists():  # killed before it had its lock, or being made: empty then
                left.rmdir()
                continue
            with files.open_lock(left / LOCK) as lock:
                if ours := files.try_lock(lock):
                    shutil.rmtree(left, ignore_errors=True)
            if ours and os.name == "nt":  # which removes no open file
                shutil.rmtree(left, ignore_errors=True)


class Writing:
    """A file in a tab's folder as it comes in; gone again unless `end` was reached. Writes in any thread."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / secrets.token_hex(8)
        self.size = 0
        self._name = name
        self._ended = False
        with _refusing(folder, name):
            self._file = files.open_private(self.path)

    def write(self, data: bytes) -> None:
        """Add bytes; raises Refused ("no-room", "not-written")."""
        self.size += len(data)
        with _refusing(self.path.parent, self._name):
            check_room(self.path.parent, len(data))
            self._file.write(data)

    def end(self) -> Path:
        """The file is whole."""
        with _refusing(self.path.parent, self._name):
            self._file.close()
        self._ended = True
        return self.path

    def close(self) -> None:
        """Remove a file that was not ended."""
        if not self._ended:
            with contextlib.suppress(OSError):
                self._file.close()
            with contextlib.suppress(OSError):
                self.path.unlink()


def check_room(folder: Path, size: int) -> None:
    """Raises OSError where so many bytes would leave runs and their records too little room."""
    if shutil.disk_usage(folder).free < size + SPARE:
        raise OSError(errno.ENOSPC, "no room")


@contextlib.contextmanager
def _refusing(folder: Path, name: str = "The film") -> Any:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refused(
                f"There is no room for {name} on the disk of {folder.parent.parent}; {text.size(SPARE)} stay free. "
                "Make room there, or open it by its path.",
                code="no-room",
            ) from None
        words = f"{name} could not be written: {error.strerror}. Open it by its path."
        raise Refused(words, code="not-written") from None
