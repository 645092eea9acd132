"""What a path on this computer holds: a film, or a folder of films. Opens none of them."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xraykit.films import ingest
from xraykit.films.refusal import Refusal, name_of
from xraykit.refused import Refused

MOST_FILMS = 50_000  # of a folder; the rest is left, and said


@dataclass
class Source:
    """Films that lie together; `more` once some were left."""

    path: Path
    folder: bool
    more: bool = False

    def films(self) -> Iterator[tuple[str, Path | Refusal]]:
        """Name and place of each film, in order, as far as they are taken. Walks the folder meanwhile."""
        if not self.folder:
            yield name_of(self.path), self.path
            return
        listed = ingest.find_films([self.path])
        for film in itertools.islice(listed, MOST_FILMS):
            yield name_of((film.relative_to(self.path).as_posix(), b"")), film
        self.more = next(listed, None) is not None


def look_at(given: str) -> Source:
    """What lies at a path that a user gave.

    Raises
    ------
    Refused
        If nothing is there ("no-path"), it may not be read, or it is neither file nor folder ("unreadable").
    """
    shown = given.strip().strip("\"'")
    if not shown:
        raise Refused("Enter the path of a film or a folder.", code="no-path")
    path = Path(os.path.expanduser(shown))
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise Refused(f"{shown} is a device or pipe. Enter the path of a film or a folder.", code="unreadable")
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
    except Refused:  # is a ValueError itself
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "no file can have this name"
        words = f"{shown} cannot be opened: {reason}. Check the path and its permissions."
        raise Refused(words, code="no-path") from None
    return Source(path.absolute(), stat.S_ISDIR(mode))
