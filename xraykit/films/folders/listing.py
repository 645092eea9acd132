"""What a path holds of films: a folder to any depth, a zip, a DICOM study, a file; by name, one after the other.

Opens no film. Begins to name films before the last folder is looked into.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from xraykit.films.folders import walk, zipped
from xraykit.films.folders.member import Member
from xraykit.films.folders.walk import FolderRefused
from xraykit.films.refusal import Refusal, name_of

STUDY = "DICOMDIR"  # the file that names all others of a DICOM medium (PS3.10 8.6)


class Source(NamedTuple):
    """A film by the name that is shown of it, its path below what was opened, and where it lies."""

    name: str
    film: Path | Member | Refusal


def films_in(path: Path) -> Iterator[Source]:
    """The films of a path, in the order in which people number them: 2 before 10.

    A folder is walked as `walk` does; its own films come before those of the folders in it. Of a DICOM study, a folder
    with a DICOMDIR or that file itself, what is a program or a page by its name is left out too, and so is the
    directory. A zip is known by its first bytes. A file is itself.

    Parameters
    ----------
    path : Path

    Yields
    ------
    Source
        A refusal for what cannot be read as it lies: a folder that is closed or too deep, an encrypted member of a zip.

    Raises
    ------
    FolderRefused, ArchiveRefused
        With the code "no-films" if there is none; as `walk.unfold` and `zipped.members` do, maybe after the first film.
    OSError
        If the folder or the zip itself cannot be looked into.
    """
    if os.path.isdir(path):
        films = _of_folder(path)
    elif path.name.upper() == STUDY:
        films = _of_folder(path.parent)
    elif zipped.is_a_zip(path):
        films = _of_zip(path)
    else:
        films = iter([Source(name_of(path), path)])
    first = next(films, None)
    if first is None:
        words = f"{name_of(path)} holds no film. Films are DICOM, PNG, JPEG, TIFF, BMP, WebP or JPEG 2000 files."
        raise FolderRefused(words, code="no-films")
    yield first
    yield from films


def natural(name: str) -> list[tuple[int, int | str]]:
    """The key by which numbers in names count as numbers."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(part[:50])) if part[0] in "0123456789" else (1, part) for part in parts if part]


def _of_folder(root: Path) -> Iterator[Source]:
    folders: list[walk.Folder] = []
    studies: set[Path] = set()
    for folder in walk.unfold(root, key=natural):
        folders.append(folder)
        if folder.path.parent in studies or any(name.upper() == STUDY for name in folder.films):
            studies.add(folder.path)
        films = _of_study(folder.films) if folder.path in studies else folder.films
        below = folder.path.relative_to(root).as_posix()
        for name in sorted(films, key=natural):
            yield Source(_shown(name if below == "." else f"{below}/{name}"), folder.path / name)
    words = "This folder cannot be looked into. Check its permissions, or choose the folder itself."
    for place in (folder.path / name for folder in folders for name in folder.closed):
        shown = _shown(place.relative_to(root).as_posix())
        yield Source(shown, Refusal(shown, "unreadable", words))


def _of_zip(path: Path) -> Iterator[Source]:
    films = [(_inside(member), member) for member in zipped.members(path)]
    studies = {f"{holder}/" for holder, name in map(_parted, (inside for inside, _ in films)) if name.upper() == STUDY}
    for inside, member in sorted(films, key=lambda film: _place(film[0])):
        in_study = any(f"/{inside}".startswith(study) for study in studies)
        if not in_study or [*_of_study([_parted(inside)[1]])]:
            yield Source(_shown(inside), member)


def _inside(member: Member | Refusal) -> str:
    return (member.name if isinstance(member, Member) else member.source).replace("\\", "/")


def _parted(inside: str) -> tuple[str, str]:
    """The folder of a film in a zip, "" for the zip itself and "/study" below it; and the film's own name."""
    holder, _, name = f"/{inside}".rpartition("/")
    return holder, name


def _place(path: str) -> tuple[list[list[tuple[int, int | str]]], list[tuple[int, int | str]]]:
    """By folder, then by name: the films of a folder come before those of the folders in it."""
    *folders, name = path.split("/")
    return [natural(folder) for folder in folders], natural(name)


def _of_study(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if walk.looks_like_a_film(name) and name.upper() != STUDY)


def _shown(path: str) -> str:
    return name_of((path, b""))
