"""A folder of films, walked to any depth: links are followed once, never in a circle, and litter is left out by name.

Opens no film; what is no film by its name alone is decided here.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xraykit.refused import Refused
from xraykit.system import files

NOT_FILMS = {
    *(".csv", ".tsv", ".xlsx", ".xls", ".ods", ".doc", ".docx", ".md", ".rst", ".json", ".yaml", ".yml", ".toml"),
    *(".html", ".ini", ".db", ".py", ".ipynb"),
}
NOT_FILM_STEMS = {"readme", "license", "licence", "thumbs", "desktop", "changelog"}
DEEPEST = 100  # folders inside one another; nobody lays films out so
FILM_ENDINGS = (".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".ima", ".tif", ".tiff", ".bmp", ".webp", ".jp2", ".j2k")
MOST = 2_000_000  # files and folders; the largest public collections of chest films have some 700,000
GLANCE = 50_000  # files and folders among which at least one film must be
SYSTEM = {
    "linux": "/bin /boot /dev /etc /lib /lib32 /lib64 /proc /run /sbin /sys /usr /var/lib /var/log".split(),
    "darwin": "/bin /dev /etc /private/etc /sbin /usr /System /Library /Applications".split(),
    "win32": ["C:\\Windows", "C:\\Program Files", "C:\\Program Files (x86)", "C:\\ProgramData"],
}
NOT_SYSTEM = ("/dev/shm", "/run/media", "/run/user", "/usr/local", "/usr/src")  # people's own files lie there
LITTER = {"__macosx", "@eadir", "__pycache__", "$recycle.bin", "system volume information", "lost+found"}


class FolderRefused(Refused):
    """A folder that is not walked, or no further: it belongs to the system, or is too large for a folder of films."""

    code = "folder"


@dataclass(eq=False)
class Folder:
    """A folder and what is in it, by name and sorted; hidden files and folders are not there.

    `films` may be films by their names, `others` are tables and notes, `litter` are folders that programs leave
    behind, `circular` links and folders that lead to what the walk has read already, `closed` folders that may not be
    looked into, or lie too deep.
    """

    path: Path
    films: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    circular: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.name

    def all_folders(self) -> Iterator[Folder]:
        """This folder and every one below it, each before those inside it."""
        waiting: list[Folder] = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting.extend(reversed(folder.folders))

    def all_films(self) -> Iterator[Path]:
        """Every film, those of a folder before those of the folders in it."""
        for folder in self.all_folders():
            yield from (folder.path / name for name in folder.films)

    @property
    def holds_films(self) -> bool:
        return next(self.all_films(), None) is not None


def walk(root: Path, look: Callable[[int], None] | None = None) -> Folder:
    """Everything in a folder, as `unfold` reads it; folders are sorted by name."""
    top, *inside = unfold(root, look)
    for folder in (top, *inside):
        folder.folders.sort(key=lambda inside: inside.name)
    return top


def unfold(
    root: Path, look: Callable[[int], None] | None = None, key: Callable[[str], Any] | None = None
) -> Iterator[Folder]:
    """A folder and those in it, each as soon as it is read, before those inside it.

    A link to a folder is followed, wherever it leads, for it was put there; not to a folder that is read already, nor
    to one that holds this one. Folders that are no links are read first.

    Parameters
    ----------
    root : Path
    look : callable, optional
        Is given, folder by folder, how many files and folders were met so far; what it raises ends the walk.
    key : callable, optional
        Of a folder's name, for its place among its neighbours; the name itself where there is none.

    Yields
    ------
    Folder
        What `folders`, `circular` and `closed` hold is complete once the last is given.

    Raises
    ------
    FolderRefused
        If the folder belongs to the operating system, holds more than `MOST` files and folders, or no film among the
        first `GLANCE`.
    OSError
        If the folder itself cannot be looked into.
    """
    refuse_system_folder(root)
    above = root.resolve()
    seen = {_identity(folder) for folder in (above, *above.parents)}
    top, met = Folder(root), _Met(root, look)
    names, linked = _fill(top, met)
    yield top
    waiting, links = (
        [(top, name) for name in sorted(names, key=key, reverse=True)],
        deque((top, name) for name in linked),
    )
    while waiting or links:
        holder, name = waiting.pop() if waiting else links.popleft()
        inside = Folder(holder.path / name)
        if (read := _enter(inside, holder, seen, met)) is None:
            continue
        yield inside
        names, linked = read
        waiting += [(inside, name) for name in sorted(names, key=key, reverse=True)]
        links += [(inside, name) for name in linked]


def _enter(inside: Folder, holder: Folder, seen: set[tuple[int, int]], met: _Met) -> tuple[list[str], list[str]] | None:
    """The folders and the links to folders in a folder, which its holder has now; None where it is not read."""
    try:
        if (identity := _identity(inside.path)) in seen:
            holder.circular.append(inside.name)
            return None
        if len(inside.path.parts) - len(met.root.parts) > DEEPEST:
            raise OSError(f"{DEEPEST} folders lie inside one another.")
        read = _fill(inside, met)
    except OSError:
        holder.closed.append(inside.name)
        return None
    seen.add(identity)
    holder.folders.append(inside)
    return read


def refuse_system_folder(folder: Path) -> None:
    """Raise FolderRefused where a folder is one of the operating system's, or holds the whole computer."""
    whole = folder.resolve()
    ours = any(whole.is_relative_to(place) for place in NOT_SYSTEM)
    if whole == Path(whole.anchor):
        words = f"{files.shown(str(whole))} holds everything on this computer."
    elif not ours and any(whole.is_relative_to(place) for place in SYSTEM.get(sys.platform, ())):
        words = f"{files.shown(str(whole))} belongs to the operating system."
    else:
        return
    raise FolderRefused(f"{words} It is not searched for films. Choose a folder of films.", code="system-folder")


def may_be_a_film(name: str) -> bool:
    """By its name: hidden files, tables, notes and the litter of file managers are none; unknown endings may be."""
    path = Path(name.lower())
    known = path.suffix in NOT_FILMS or path.name.partition(".")[0] in NOT_FILM_STEMS
    return not name.startswith(".") and not known


def looks_like_a_film(name: str) -> bool:
    """By its ending: that of a picture or of DICOM, or none, as DICOM files have that are named by their UID."""
    ending = os.path.splitext(name.lower())[1]
    return ending in FILM_ENDINGS or not ending or ending[1:].isdecimal()


@dataclass
class _Met:
    """What a walk has met so far, and how much it may."""

    root: Path
    look: Callable[[int], None] | None
    entries: int = 0
    films: bool = False

    def count(self, folder: Folder, entries: int) -> None:
        self.entries += entries
        self.films = self.films or any(map(looks_like_a_film, folder.films))
        if self.look:
            self.look(self.entries)
        where = files.shown(str(self.root))
        if self.entries > MOST:
            raise FolderRefused(
                f"{where} holds more than {MOST:,} files and folders. Choose the folder whose folders are the classes.",
                code="too-large",
            )
        if self.entries > GLANCE and not self.films:
            raise FolderRefused(
                f"None of the first {GLANCE:,} files and folders in {where} looks like a film "
                f"({', '.join(ending[1:] for ending in FILM_ENDINGS)}). Choose a folder of films.",
                code="no-films",
            )


def _fill(folder: Folder, met: _Met) -> tuple[list[str], list[str]]:
    """Take in the files of a folder; returns the names of the folders in it, and of links to folders."""
    with os.scandir(folder.path) as entries:
        visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    names: list[str] = []
    linked: list[str] = []
    for entry in visible:
        if os.path.isdir(entry.path):
            litter = entry.name.lower() in LITTER
            (folder.litter if litter else linked if entry.is_symlink() else names).append(entry.name)
        else:
            (folder.films if may_be_a_film(entry.name) else folder.others).append(entry.name)
    met.count(folder, len(visible))
    return names, linked


def _identity(path: Path) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_dev, stat.st_ino
