"""A film takes its place in a folder of ours: a hard link where the file system makes one, else a copy."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from xraykit.system import files

# What a file system says that makes no hard links, or not here
NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def place(film: Path, target: Path) -> bool:
    """Put a film at `target`, whose folders are made; True where it is a hard link. A copy is this user's alone.

    Raises
    ------
    OSError
        If the film cannot be read, or the disk is full or must not be written.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    film = film.resolve()  # a link to a film becomes a film
    try:
        os.link(film, target)
        return True
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
    with film.open("rb") as source, files.open_private(target) as copy:
        shutil.copyfileobj(source, copy)
    stat = film.stat()
    os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # so that what is remembered of it holds for the copy
    return False
