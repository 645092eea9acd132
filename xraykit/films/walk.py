"""A folder of films, walked to any depth: links are followed once, never in a circle, and litter is left out by name.

Opens no film; what is no film by its name alone is decided here.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

NOT_FILMS = {
    *(".csv", ".tsv", ".xlsx", ".xls", ".ods", ".doc", ".docx", ".md", ".rst", ".json", ".yaml", ".yml", ".toml"),
    *(".html", ".ini", ".db", ".py", ".ipynb"),
}
NOT_FILM_STEMS = {"readme", "license", "licence", "thumbs", "desktop", "changelog"}
DEEPEST = 100  # folders inside one another; nobody lays films out so
LITTER = {"__macosx", "@eadir", "__pycache__", "$recycle.bin", "system volume information", "lost+found"}


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


def walk(root: Path) -> Folder:
    """Everything in a folder.

    A link to a folder is followed, wherever it leads, for it was put there; not to a folder that is read already, nor
    to one that holds this one. Folders that are no links are read first.

    Raises
    ------
    OSError
        If the folder itself cannot be looked into.
    """
    above = root.resolve()
    seen = {_identity(folder) for folder in (above, *above.parents)}
    top = Folder(root)
    names, linked = _fill(top)
    waiting, links = [(top, name) for name in names], deque((top, name) for name in linked)
    while waiting or links:
        holder, name = waiting.pop() if waiting else links.popleft()
        inside = Folder(holder.path / name)
        try:
            if (identity := _identity(inside.path)) in seen:
                holder.circular.append(name)
                continue
            if len(inside.path.parts) - len(root.parts) > DEEPEST:
                raise OSError(f"{DEEPEST} folders lie inside one another.")
            names, linked = _fill(inside)
        except OSError:
            holder.closed.append(name)
            continue
        seen.add(identity)
        holder.folders.append(inside)
        waiting += [(inside, name) for name in names]
        links += [(inside, name) for name in linked]
    for folder in top.all_folders():
        folder.folders.sort(key=lambda inside: inside.name)
    return top


def may_be_a_film(name: str) -> bool:
    """By its name: hidden files, tables, notes and the litter of file managers are none; unknown endings may be."""
    path = Path(name.lower())
    known = path.suffix in NOT_FILMS or path.name.partition(".")[0] in NOT_FILM_STEMS
    return not name.startswith(".") and not known


def _fill(folder: Folder) -> tuple[list[str], list[str]]:
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
    return names, linked


def _identity(path: Path) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_dev, stat.st_ino
