"""Films in a zip, read where they lie: the zip is never unpacked as a whole, and nothing of it reaches the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from xraykit.films.folders import check, walk
from xraykit.films.folders.check import ArchiveRefused
from xraykit.films.folders.member import Member
from xraykit.films.refusal import Refusal, name_of

Place = Path | Member  # where a film lies


def is_a_zip(path: Path) -> bool:
    """By its first bytes: those of a zip with members, or of one without."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"PK\3\4", b"PK\5\6")
    except (OSError, ValueError):
        return False


def members(path: Path) -> Iterator[Member | Refusal]:
    """The films of a zip by their names, in the order of its list; what file managers add is left out.

    Parameters
    ----------
    path : Path

    Yields
    ------
    Member or Refusal
        A refusal, named by its path in the zip, for a member that is encrypted, a link, packed otherwise than zips are,
        too large, or packed too tightly to be a film.

    Raises
    ------
    ArchiveRefused
        If the list of members is damaged or too long, or members share bytes, as in zip bombs.
    """
    name = name_of(path)
    with path.open("rb") as file, check.open_archive(file, name) as archive:
        if problems := [*check.overlaps(archive)]:
            raise ArchiveRefused(name, problems)
        listed = archive.infolist()
    for member in listed:
        if not check.is_a_folder(member) and not check.is_junk(member) and _may_be_a_film(member.orig_filename):
            yield _guarded(path, member)


def _may_be_a_film(name: str) -> bool:
    *folders, film = name.replace("\\", "/").split("/")
    return walk.may_be_a_film(film) and not any(folder.startswith(".") for folder in folders)


def _guarded(path: Path, member: zipfile.ZipInfo) -> Member | Refusal:
    if problem := next(iter((*check.kind_problems(member), *check.size_problems(member))), None):
        return Refusal(name_of((member.orig_filename, b"")), "archive-member", f"In the zip, {problem}")
    stored = member.compress_type == zipfile.ZIP_STORED
    return Member(
        path,
        member.orig_filename,
        member.header_offset,
        member.compress_size,
        member.file_size,
        member.CRC,
        stored,
    )
