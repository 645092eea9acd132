"""Everything that is wrong with a stranger's zip, from its list of members; unpacks nothing."""

from __future__ import annotations

import os
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from xraykit.refused import Refused

MAX_ARCHIVE = 8 * 2**30  # bytes of the zip itself
MAX_MEMBERS = 100_000
MAX_DIRECTORY = 32 * 2**20  # bytes of its list of members, read as a whole
MAX_MEMBER = 50 * 2**20  # unpacked, each; a film outside a zip may have as many bytes
MAX_TOTAL = 20 * 2**30  # unpacked, all
MAX_RATIO, RATIO_FROM = 200, 2**20  # times smaller than unpacked, of members and wholes above a mebibyte
MAX_DEPTH, MAX_PART, MAX_PATH = 10, 200, 800  # folders; bytes of a name, of a path
NAMED = 20  # problems named in the message; all are in `problems`
JUNK = ("__macosx", ".ds_store", "thumbs.db", "desktop.ini")


class ArchiveRefused(Refused):
    """A zip that is not unpacked.

    Attributes
    ----------
    problems : tuple of str
        All of them, a sentence each; the message has the first few.
    """

    code = "archive"

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        more = f"\nand {len(problems) - NAMED} more." if len(problems) > NAMED else ""
        super().__init__(f"{name} was not unpacked.\n" + "\n".join(problems[:NAMED]) + more)


def open_archive(file: BinaryIO, name: str) -> zipfile.ZipFile:
    """The archive, its list of members read only after a look at how long that is."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_ARCHIVE:
        raise ArchiveRefused(
            name, [f"The zip file has {size / 2**30:.1f} GiB; at most {MAX_ARCHIVE / 2**30:g} GiB can be read."]
        )
    try:
        start, length = _directory(file, size)
        file.seek(start)
        many = length > MAX_DIRECTORY or file.read(length).count(b"PK\1\2") > MAX_MEMBERS
        archive = None if many else zipfile.ZipFile(file)
        if archive and any(member.header_offset < 0 for member in archive.infolist()):
            raise zipfile.BadZipFile("its beginning is missing")
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error):
        words = "The zip file cannot be read: its list of members is damaged or missing. Was the upload cut short? "
        words += "Zip it again."
        raise ArchiveRefused(name, [words]) from None
    if archive is None:
        raise ArchiveRefused(name, [f"The zip file has more than {MAX_MEMBERS:,} members. Divide it."])
    return archive


def _directory(file: BinaryIO, size: int) -> tuple[int, int]:
    """Where the list of members lies and how long it says it is; looked for as `zipfile` does."""
    file.seek(max(0, size - 2**16 - 22))
    tail = file.read()
    plain = tail[-22:-18] == b"PK\5\6" and tail[-2:] == b"\0\0"
    place = len(tail) - 22 if plain else tail.rfind(b"PK\5\6")
    if place < 0:
        raise zipfile.BadZipFile("it has no end record")
    (length,) = struct.unpack_from("<L", tail, place + 12)
    end = size - len(tail) + place
    if end >= 76:
        file.seek(end - 76)
        record = file.read(76)
        if record[:4] == b"PK\6\6" and record[56:60] == b"PK\6\7":  # zip64: the true length stands before
            (length,) = struct.unpack_from("<Q", record, 40)
            end -= 76
    return max(0, end - length), length


def find_problems(archive: zipfile.ZipFile, wanted: Sequence[zipfile.ZipInfo], free: int) -> Iterator[str]:
    """What is wrong with its members, those that nobody wants included; `free` bytes of disk are left."""
    for member in archive.infolist():
        yield from (f"{quoted(member)}: {words}" for words in _name_problems(member.orig_filename))
        yield from (f"{quoted(member)}: {words}" for words in kind_problems(member))
    for member in wanted:
        yield from (f"{quoted(member)}: {words}" for words in size_problems(member))
    yield from _clashes(archive.infolist())
    yield from overlaps(archive)
    size, packed = sum(member.file_size for member in wanted), sum(member.compress_size for member in wanted)
    if size > MAX_TOTAL:
        yield f"It has {size / 2**30:.1f} GiB unpacked; the limit is {MAX_TOTAL / 2**30:g} GiB unpacked."
    elif size > free:
        yield f"It needs {size / 2**30:.2f} GiB of free disk space; {free / 2**30:.2f} GiB are free. Make room."
    if size > max(RATIO_FROM, MAX_RATIO * packed):
        yield (f"It unpacks to {size / max(packed, 1):,.0f} times its size; films unpack to {MAX_RATIO} times at most.")


def _name_problems(name: str) -> Iterator[str]:
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        yield "the path is absolute; it must lie below the archive."
    elif "" in parts or "." in parts or ".." in parts:
        yield "the path has '..', '.' or an empty part; it must be plain."
    if "\\" in name:
        yield "the path has a backslash between folders. Zip it with another program."
    if ":" in name or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        yield "the name has colons or control characters."
    if _length(name) > MAX_PATH or any(_length(part) > MAX_PART for part in parts):
        yield f"the name is too long; names have at most {MAX_PART} bytes, paths {MAX_PATH}."
    if len(parts) > MAX_DEPTH:
        yield f"{len(parts)} folders are nested; the limit is {MAX_DEPTH}."


def _length(name: str) -> int:
    return len(name.encode("utf-8", "surrogatepass"))


def kind_problems(member: zipfile.ZipInfo) -> Iterator[str]:
    """Why a member is no plain file that can be unpacked."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield "a link or a special file, not a plain file."
    if member.flag_bits & 0x2041:
        yield "encrypted. Zip it without a password."
    elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield "its compression is not deflate. Zip it with another program."


def size_problems(member: zipfile.ZipInfo) -> Iterator[str]:
    """Why a member is larger, or packed more tightly, than a film."""
    if member.file_size > MAX_MEMBER:
        yield f"{member.file_size / 2**20:.0f} MiB; the limit is {MAX_MEMBER / 2**20:g} MiB."
    if member.file_size > max(RATIO_FROM, MAX_RATIO * member.compress_size):
        yield f"it packs to less than a {MAX_RATIO}th of its size, as no film does."


def _clashes(members: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """Members of one name, also where only upper and lower case tells them apart, and files that are folders too."""
    seen: dict[str, tuple[str, bool]] = {}
    named: set[str] = set()
    for member in members:
        parts = member.orig_filename.removesuffix("/").split("/")
        for depth in range(1, min(len(parts), MAX_DEPTH) + 1):
            path, is_folder = "/".join(parts[:depth]), depth < len(parts) or is_a_folder(member)
            key = unicodedata.normalize("NFC", path).casefold()
            before = seen.get(key)
            if before is None:
                seen[key] = (path, is_folder)
            elif key not in named and (before[0] != path or not (before[1] and is_folder)):
                named.add(key)
                yield f"{path!r} and {before[0]!r} would be one file: upper and lower case do not tell names apart."


def overlaps(archive: zipfile.ZipFile) -> Iterator[str]:
    """Members that share bytes: how a small zip unpacks to terabytes without any member being odd."""
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    ends = [m.header_offset + 30 + len(m.orig_filename) + m.compress_size for m in members]
    starts = [*(member.header_offset for member in members), archive.start_dir]
    if any(end > start for end, start in zip(ends, starts[1:], strict=True)):
        yield "Some members share the same bytes, as in zip bombs."


def quoted(member: zipfile.ZipInfo) -> str:
    """Its name, quoted for messages."""
    name = member.orig_filename
    return repr(name if len(name) <= 120 else f"{name[:100]}...")


def is_a_folder(member: zipfile.ZipInfo) -> bool:
    """As `is_dir`, which fails on a member without a name."""
    return member.filename.endswith("/")


def is_junk(member: zipfile.ZipInfo) -> bool:
    """What file managers add to a zip; not worth a word."""
    parts = member.orig_filename.lower().split("/")
    return parts[-1].startswith("._") or any(part in JUNK for part in parts)
