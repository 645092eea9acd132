"""Films read through the firewall once and remembered while their files stay as they are.

Keeps hashes, fingerprints, notes and refusals, never pixels. A lost or damaged index costs time, never a wrong answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xraykit.datasets.reading import groups
from xraykit.films import ingest, radiograph
from xraykit.films.note import Note
from xraykit.films.refusal import Refusal
from xraykit.refused import words_of
from xraykit.system import files
from xraykit.system.folders import close_private

FORMAT = 4
# Some file systems keep times to two seconds: a younger file could change again without showing it
SETTLED = 2.0
# What another try may answer otherwise: a busy machine, a permission given since
FLEETING = ("timeout", "memory", "unreadable", "decoder-died")
Progress = Callable[[int, int], None]  # films done, films in all
Look = Callable[[str, radiograph.Radiograph | Refusal], None]  # path below the folder, what was read


class Entry(NamedTuple):
    """What is remembered of a readable film: sha256 of its file, fingerprints (4,) uint64, what was noticed.

    `whole` is the fingerprint of the whole film squeezed into a square.
    """

    sha256: str
    fingerprint: np.ndarray
    whole: np.ndarray
    notes: tuple[Note, ...] = ()


Stamp = tuple[int, int]  # bytes, time of last change in nanoseconds


def read(
    root: Path, names: Sequence[str], cache: Path, progress: Progress | None = None, look: Look | None = None
) -> list[Entry | Refusal]:
    """Each film's hash and fingerprint, or its Refusal with the path below `root` as source.

    Files that are as they were (path, size, time of change) are not opened again, unless `look` wants to see them.
    What was read until an exception of `progress` or `look` is remembered too.
    """
    path = _path(root, cache)
    known = _load(path)
    before = dict(known)
    paths = [root / files.named(name) for name in names]
    stamps = [_stamp(path) for path in paths]
    recalled = [None if look else _recall(known, name, stamp) for name, stamp in zip(names, stamps, strict=True)]
    entries: list[Entry | Refusal] = []
    try:
        with ingest.Ingest() as firewall:
            fresh = firewall.read_many(p for p, entry in zip(paths, recalled, strict=True) if entry is None)
            for number, (name, stamp, entry) in enumerate(zip(names, stamps, recalled, strict=True), 1):
                if entry is None:
                    film = next(fresh)
                    if isinstance(film, Refusal):
                        film = entry = Refusal(name, film.code, film.words)
                    else:
                        entry = Entry(film.sha256, groups.fingerprint(film), groups.whole_fingerprint(film), film.notes)
                    _remember(known, name, stamp, entry)
                    if look:
                        look(name, film)
                entries.append(entry)
                if progress:
                    progress(number, len(names))
    finally:
        known = {name: known[name] for name in names if name in known}  # films that are gone are forgotten
        if known != before:
            _save(path, known)
    return entries


def recall(root: Path, names: Sequence[str], cache: Path) -> dict[str, Entry]:
    """Those of the films that are remembered and as they were; none is opened."""
    known = _load(_path(root, cache))
    recalled = ((name, _recall(known, name, _stamp(root / files.named(name)))) for name in names if name in known)
    return {name: entry for name, entry in recalled if isinstance(entry, Entry)}


def carry(root: Path, entries: Mapping[str, Entry], cache: Path) -> None:
    """Remember films of a folder that were read elsewhere, as the same files: they are not opened again."""
    known: dict[str, list] = {}
    for name, entry in entries.items():
        _remember(known, name, _stamp(root / files.named(name)), entry)
    _save(_path(root, cache), known)


def _stamp(path: Path) -> Stamp | None:
    """Size and time of change; None where there is none, or the file is so young that it may be being written."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return None
    return (stat.st_size, stat.st_mtime_ns) if abs(time.time() - stat.st_mtime) > SETTLED else None


def _recall(known: dict[str, list], name: str, stamp: Stamp | None) -> Entry | Refusal | None:
    size, changed, first, second, *notes = known.get(name) or (None, None, "", "")
    if stamp is None or stamp != (size, changed):
        return None
    if second is None:
        sha, bits, whole = first.split()
        return Entry(sha, _from_hex(bits), _from_hex(whole), tuple(Note(*note) for note in notes))
    return Refusal(name, first, second)


def _remember(known: dict[str, list], name: str, stamp: Stamp | None, entry: Entry | Refusal) -> None:
    known.pop(name, None)
    if stamp is None or (isinstance(entry, Refusal) and entry.code in FLEETING):
        return
    if isinstance(entry, Refusal):
        known[name] = [*stamp, entry.code, entry.words]
    else:
        prints = f"{_to_hex(entry.fingerprint)} {_to_hex(entry.whole)}"
        known[name] = [*stamp, f"{entry.sha256} {prints}", None, *(astuple(note) for note in entry.notes)]


def _to_hex(fingerprint: np.ndarray) -> str:
    return "".join(f"{int(word):016x}" for word in fingerprint)


def _from_hex(bits: str) -> np.ndarray:
    return np.array([int(bits[place : place + 16], 16) for place in range(0, 64, 16)], np.uint64)


def _path(root: Path, cache: Path) -> Path:
    return cache / "index" / f"{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:24]}.json"


def _head(body: bytes) -> bytes:
    """First line of an index: where films are read in another way than when it was written, it starts anew."""
    return f"{radiograph.READING} index {FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode()


def _load(path: Path) -> dict[str, list]:
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return {}
    return json.loads(body) if head + b"\n" == _head(body) else {}


def _save(path: Path, known: dict[str, list]) -> None:
    body = json.dumps(known, separators=(",", ":")).encode()
    part = path.with_name(f"{path.stem}.{uuid.uuid4().hex[:8]}.part")
    try:
        close_private(path.parent)
        with files.open_private(part) as file:
            file.write(_head(body) + body)
        os.replace(part, path)
    except OSError as error:  # a full or read-only cache folder: films are read again next time
        logging.getLogger(__name__).warning("The index of films could not be saved. %s", words_of(error))
        with contextlib.suppress(OSError):
            part.unlink()
