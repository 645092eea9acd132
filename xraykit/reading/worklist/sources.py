"""What a path on this computer holds: a film, a folder of films, a zip, a DICOM study. Opens no film."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xraykit.films.folders import listing
from xraykit.films.folders.zipped import Place
from xraykit.films.refusal import Refusal
from xraykit.refused import Refused

MOST_FILMS = 50_000  # of a folder; the rest is left, and said


@dataclass
class Source:
    """Films that lie together, called `name`; `more` once some were left."""

    path: Path
    name: str
    folder: bool = False
    more: bool = False

    def films(self) -> Iterator[tuple[str, Place | Refusal]]:
        """Name and place of each film, in order, as far as they are taken. Walks the folder meanwhile."""
        try:
            listed = listing.films_in(self.path)
            yield from itertools.islice(listed, MOST_FILMS)
            self.more = next(listed, None) is not None
        except Refused as refused:  # what was dropped lies under another name than its own
            raise Refused(refused.words.replace(self.path.name, self.name), code=refused.code) from None


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
    path = path.absolute()
    return Source(path, path.name, stat.S_ISDIR(mode))
