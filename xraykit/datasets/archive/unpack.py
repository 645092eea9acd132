"""A stranger's zip of films becomes a folder, or is refused with every reason at once.

Never trusts what the zip says of itself, never writes outside a folder of its own, never decodes a film.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import struct
import uuid
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from xraykit.datasets.layout import is_manifest
from xraykit.datasets.listing.folder import RECORD
from xraykit.films import radiograph
from xraykit.films.folders import check, walk
from xraykit.films.folders.check import MAX_MEMBER, ArchiveRefused, quoted
from xraykit.films.folders.walk import FILM_ENDINGS
from xraykit.system.folders import datasets_folder, make_private

CHUNK = 2**18
Progress = Callable[[int, int], None]  # bytes unpacked, bytes in all


class _FalseSize(zipfile.BadZipFile):
    """A member that does not have the bytes that it says, in words fit to be shown."""


def unpack(zipped: Path | BinaryIO, name: str, root: Path | None = None, progress: Progress | None = None) -> Path:
    """Unpack a zip of films into a new folder of `root` and return it; nothing is left of one that is refused.

    Films and a manifest.csv are kept, the rest is named (`left_out`). A single folder around all others is taken
    off. What `progress` raises ends it.

    Parameters
    ----------
    zipped : Path or binary file
        An open file stays open.
    name : str
        Of the folder, made plain; "-2" is added where it is taken.

    Raises
    ------
    ArchiveRefused
        With every problem found.
    OSError
        If the disk is full or must not be written.
    """
    root = root or datasets_folder()
    make_private(root)
    part = root / f".{uuid.uuid4().hex}.part"
    try:
        file = zipped.open("rb") if isinstance(zipped, Path) else contextlib.nullcontext(zipped)
        with file as data, check.open_archive(data, name) as archive:
            members = [member for member in archive.infolist() if not check.is_a_folder(member)]
            members = [member for member in members if not check.is_junk(member)]
            wanted = [member for member in members if _may_be_wanted(member)]
            if problems := [*check.find_problems(archive, wanted, shutil.disk_usage(root).free)]:
                raise ArchiveRefused(name, problems)
            rest = [member.orig_filename for member in members if not _may_be_wanted(member)]
            rest += _write(archive, wanted, name, part, progress)
        kept = _without_wrapper(part)
        rest += _drop_other_manifests(part, kept)
        (kept / RECORD).write_text(json.dumps({"archive": name, "left_out": sorted(rest)}, indent=1), "utf-8")
        return _place(kept, root / _plain(name))
    finally:
        shutil.rmtree(part, ignore_errors=True)


def left_out(path: Path) -> list[str]:
    """Members of the zip behind an unpacked folder that are neither film nor manifest."""
    record = path / RECORD
    return json.loads(record.read_text("utf-8"))["left_out"] if record.is_file() else []


def _may_be_wanted(member: zipfile.ZipInfo) -> bool:
    """By its name: a film, or a manifest; what has another unknown name is opened and looked at."""
    *folders, name = Path(member.orig_filename).parts or ("",)
    hidden = any(folder.startswith(".") for folder in folders)
    return is_manifest(name) or (not hidden and walk.may_be_a_film(name))


def _is_film(name: str, head: bytes) -> bool:
    """By its ending, so that a broken one is refused by name later, or by its first bytes."""
    return name.lower().endswith(FILM_ENDINGS) or radiograph.format_of(head) is not None


def _write(
    archive: zipfile.ZipFile, wanted: Sequence[zipfile.ZipInfo], name: str, part: Path, progress: Progress | None
) -> list[str]:
    """Unpack the films below `part`; the names of what is none. Reads to the end, so that all damage is named."""
    rest, damaged, done, films = [], [], 0, 0
    total = sum(member.file_size for member in wanted)
    report = progress or (lambda done, total: None)
    part.mkdir(mode=0o700)
    for member in wanted:
        path = part / member.orig_filename
        try:
            written = _write_member(archive, member, path, lambda bytes, done=done: report(done + bytes, total))
        except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError) as error:
            reason = str(error) if isinstance(error, _FalseSize) else "its bytes do not unpack, or fail their checksum"
            damaged.append(f"{quoted(member)}: damaged ({reason}). Zip it again.")
            continue
        if not written:
            rest.append(member.orig_filename)
        films += written and not is_manifest(path.name)
        done += member.file_size
        report(done, total)
    if not films and not damaged:
        damaged.append("There is no film in it. Zip films in a folder for each class, or films and a manifest.csv.")
    if damaged:
        raise ArchiveRefused(name, damaged)
    return rest


def _write_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, report: Callable[[int], None]) -> bool:
    """Whether it is a film or a manifest and was written; never more bytes than it said it has."""
    with archive.open(member) as source:
        chunk = source.read(CHUNK)
        if not is_manifest(path.name) and not _is_film(path.name, chunk):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with path.open("xb") as target:
            while chunk:
                written += len(chunk)
                if written > min(member.file_size, MAX_MEMBER):
                    raise _FalseSize("it is longer than it says")
                target.write(chunk)
                report(written)
                chunk = source.read(CHUNK)
        if written != member.file_size:
            raise _FalseSize("it is shorter than it says")
    return True


def _without_wrapper(part: Path) -> Path:
    """The folder itself, or the only one in it where that holds the class folders or the manifest."""
    inside = [*part.iterdir()]
    if len(inside) != 1 or not inside[0].is_dir():
        return part
    wraps = any(child.is_dir() or is_manifest(child.name) for child in inside[0].iterdir())
    return inside[0] if wraps else part


def _drop_other_manifests(part: Path, kept: Path) -> list[str]:
    """Only one at the top says anything; the names of the others."""
    others = [path for path in part.rglob("*") if is_manifest(path.name) and path.parent != kept]
    for path in others:
        path.unlink()
    return [path.relative_to(part).as_posix() for path in others]


def _plain(name: str) -> str:
    """A folder's name from that of an upload: no way to other folders, nothing a shell minds."""
    stem = re.sub(r"\.zip$", "", re.split(r"[/\\]", name)[-1], flags=re.IGNORECASE)
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:60] or "films"


def _place(kept: Path, wanted: Path) -> Path:
    """Move the finished folder to its name, or to the next one that is free."""
    for number in itertools.count(1):
        target = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if os.path.lexists(target):
            continue
        try:
            os.rename(kept, target)
            return target
        except OSError:
            if not os.path.lexists(target):  # else another upload took the name just now
                raise
    raise AssertionError("numbers do not end")
