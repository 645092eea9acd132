"""Films in a zip, read where they lie: the zip is never unpacked as a whole, and nothing of it reaches the disk."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from xraykit.films.folders import check, walk
from xraykit.films.folders.check import ArchiveRefused
from xraykit.films.refusal import NotARadiograph, Refusal, name_of

Place: TypeAlias = "Path | Member"  # where a film lies
LOCAL_HEADER = "<4s22xHH"  # its mark; how long the name and the extra field are, which the data follow (APPNOTE 4.3.7)


@dataclass(frozen=True)
class Member(os.PathLike[str]):
    """A film in a zip.

    As a path it is the zip, so that whoever asks whether a film has changed is told whether the zip has; as text it is
    both names.

    Attributes
    ----------
    archive : Path
    name : str
        Its path in the zip.
    begin : int
        Where its header lies in the zip.
    packed, size : int
        Bytes, packed and unpacked.
    checksum : int
        CRC-32 of the unpacked bytes.
    stored : bool
        Whether it is not packed at all.
    """

    archive: Path
    name: str
    begin: int
    packed: int
    size: int
    checksum: int
    stored: bool

    def __fspath__(self) -> str:
        return os.fspath(self.archive)

    def __str__(self) -> str:
        return f"{self.archive}{os.sep}{self.name}"

    def read(self) -> bytes:
        """Unpack it: never more bytes than the zip says it has, which are no more than a film may have.

        Raises
        ------
        NotARadiograph
            With the code "corrupt", where it does not unpack to these bytes.
        OSError
            If the zip cannot be read.
        """
        with self.archive.open("rb") as file:
            file.seek(self.begin)
            head = file.read(struct.calcsize(LOCAL_HEADER))
            if len(head) < struct.calcsize(LOCAL_HEADER) or head[:4] != b"PK\3\4":
                raise _damaged()
            file.seek(sum(struct.unpack(LOCAL_HEADER, head)[1:]), os.SEEK_CUR)
            data = file.read(min(self.packed, 2 * self.size + 1024))  # packing makes nothing twice as large
        try:
            data = data if self.stored else zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, self.size + 1)
        except zlib.error as error:
            raise _damaged() from error
        if len(data) != self.size or zlib.crc32(data) != self.checksum:
            raise _damaged()
        return data


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


def _damaged() -> NotARadiograph:
    words = "The zip is damaged here: the film does not unpack, or fails its checksum. Zip it again."
    return NotARadiograph(words, code="corrupt")
