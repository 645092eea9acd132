"""Several datasets become one folder: each film with its source, classes renamed or left out. Changes no source.

The folder is an ordinary dataset with a manifest.csv; pool.json says what it was made of. The same request finds the
same folder again.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from xraykit.datasets.archive.place import place
from xraykit.datasets.layout import DatasetRefused, counted
from xraykit.datasets.listing import folder as listing
from xraykit.datasets.listing import pool_request
from xraykit.datasets.listing.pool_record import POOL_RECORD, PoolRecord, read_record
from xraykit.datasets.listing.pool_request import Film, PoolRequest, Source, new_label
from xraykit.datasets.reading import copies, index
from xraykit.datasets.reading.index import Entry, Progress
from xraykit.films.refusal import Refusal
from xraykit.system import files
from xraykit.system.folders import (
    BEFORE,
    UNFINISHED,
    cache_folder,
    claimed,
    datasets_folder,
    make_private,
    put,
    restore,
)

RECORDED = ("digest", "sources", "classes", "left_out")  # in data.json of a run
MANIFEST = "manifest.csv"
COLUMNS = ("path", "label", "patient_id", "source", "source_detail", "split")
WAIT = 0.2  # seconds between two looks at a pool that another process is making


def pool(
    folders: Mapping[str, Path],
    classes: Mapping[str, str | None] | None = None,
    name: str | None = None,
    root: Path | None = None,
    progress: Progress | None = None,
    *,
    distinct: bool = False,
    without: Mapping[str, Collection[str]] | None = None,
) -> Path:
    """One folder with the films of several datasets, or of one with other classes; made unless it is there already.

    Films are hard links where the file system makes them, else copies. Patients of two sources never meet; films that
    are the same picture are found when the folder is read, across sources too. With several datasets the manifest's
    `source` is the dataset, with one it is that dataset's own source where it has any. A division is kept where every
    source makes one.

    Parameters
    ----------
    folders : mapping of str to Path
        Name of each source to its folder.
    classes : mapping of str to str or None, optional
        A class, or "source/class", to its new name; None leaves its films out. Those not named stay.
    name : str, optional
        Of the new folder, made plain; "-2" is added where another one has it.
    root : Path, optional
        Where it is made; default `folders.datasets_folder()`.
    progress : callable, optional
        Told films done and films in all; what it raises ends the making, and nothing is left.
    distinct : bool
        Leave out copies: a picture that several datasets have is taken from the first of them that knows its patient,
        else from the first.
    without : mapping of str to films, optional
        Films of a source that are left out, by their paths there: what the gate refuses, for instance.

    Raises
    ------
    DatasetRefused
        If a source is no dataset, fewer than two classes remain, or names cannot be told apart.
    OSError
        If the disk is full or must not be written.
    """
    root = root or datasets_folder()
    request = pool_request.request(folders, classes, distinct, without)
    make_private(root)
    restore(root)
    plain = pool_request.plain_name(name or "-".join(folders))
    return _once(
        request.digest,
        root,
        make=lambda: _make(request, root, plain, progress),
        wait=lambda: progress and progress(0, len(request.films)),
    )


def _once(digest: str, root: Path, make: Callable[[], Path], wait: Callable[[], object]) -> Path:
    """The pool of this digest: that which is there, or which another process is making, else what `make` makes."""
    while True:
        with claimed(root, f"pool-{digest[:16]}") as ours:
            if made := find(digest, root):
                return made
            if ours:
                return make()
        wait()
        time.sleep(WAIT)


def describe(folder: Path) -> dict[str, Any]:
    """What a run records of a pooled folder: of which folders it was made, which classes were renamed or left out.

    {"pool": {"digest", "sources": name to folder, "classes": class to its new name or None, "left_out": class to
    films}}; nothing where it is no pool.
    """
    record = read_record(folder)
    return {} if record is None else {"pool": {key: getattr(record, key) for key in RECORDED}}


def find(digest: str, root: Path) -> Path | None:
    """The whole pool of this digest in `root`, if there is one."""
    for folder in sorted(path.parent for path in root.glob(f"[!.]*/{POOL_RECORD}")):
        record = read_record(folder)
        if record and record.digest == digest and _is_whole(folder, record):
            return folder
    return None


def _is_whole(folder: Path, record: PoolRecord) -> bool:
    listed = (folder / files.named(film) for film in record.films)
    return (folder / MANIFEST).is_file() and all(map(os.path.isfile, listed))


def _make(request: PoolRequest, root: Path, name: str, progress: Progress | None) -> Path:
    entries = _read(request, progress)
    all_readable = [(film, e) for film, e in zip(request.films, entries, strict=True) if not isinstance(e, Refusal)]
    readable = _without_copies(all_readable) if request.distinct else all_readable
    refused = [e for e in entries if isinstance(e, Refusal)]
    part = root / f".pool-{request.digest[:16]}.{uuid.uuid4().hex[:8]}.{UNFINISHED}"
    part.mkdir(mode=0o700)
    try:
        linked = sum(place(film.path, part / files.named(film.place)) for film, _ in readable)
        pooled = _with_patients(readable)
        _write_manifest(part / MANIFEST, pooled, request.sources)
        _check(part, pooled)
        record = _record(request, pooled, refused, linked)
        record = msgspec.structs.replace(record, copies=len(all_readable) - len(readable), without=request.without)
        files.replace_text(part / POOL_RECORD, msgspec.json.format(msgspec.json.encode(record)).decode())
        target = _give_name(part, root, name, request.digest)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    index.carry(target, {film.place: entry for film, entry in readable}, cache_folder())
    return target


def _read(request: PoolRequest, progress: Progress | None) -> list[Entry | Refusal]:
    """Each film as it was read, or its refusal with its place in the pool; a film that is remembered is not opened."""
    entries: list[Entry | Refusal] = []
    for source in request.sources:
        own = [film for film in request.films if film.source is source]
        before = len(entries)

        def count(done: int, total: int, before: int = before) -> None:
            if progress:
                progress(before + done, len(request.films))

        read = index.read(source.path, [film.row.film for film in own], cache_folder(), count)
        entries += [
            Refusal(film.place, entry.code, entry.words) if isinstance(entry, Refusal) else entry
            for film, entry in zip(own, read, strict=True)
        ]
    return entries


def _without_copies(readable: Sequence[tuple[Film, Entry]]) -> list[tuple[Film, Entry]]:
    extra = copies.extra([f.source.prefix for f, _ in readable], [f.patient for f, _ in readable], _wholes(readable))
    return [pair for i, pair in enumerate(readable) if i not in extra]


def _with_patients(readable: Sequence[tuple[Film, Entry]]) -> list[Film]:
    """The films; those that are the same picture in several sources have one patient, as they show one."""
    films = [film for film, _ in readable]
    owners, places = [film.source.prefix for film in films], [film.place for film in films]
    patients = copies.patients_of(owners, places, [film.patient for film in films], _wholes(readable))
    return [film._replace(patient=patient) for film, patient in zip(films, patients, strict=True)]


def _wholes(readable: Sequence[tuple[Film, Entry]]) -> np.ndarray:
    return np.array([entry.whole for _, entry in readable])


def _write_manifest(path: Path, films: Sequence[Film], sources: Sequence[Source]) -> None:
    several, divided = len(sources) > 1, all(source.divided for source in sources)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS if divided else COLUMNS[:-1])
    for film in sorted(films, key=lambda film: film.place):
        row = film.row
        source, detail = (film.source.name, row.source) if several else (row.source or film.source.name, "")
        cells = [film.place, film.label, film.patient, source, detail, row.part]
        writer.writerow(files.csv_cells(cells if divided else cells[:-1]))
    files.replace_text(path, table.getvalue())


def _check(folder: Path, films: Sequence[Film]) -> None:
    """Read the folder as everybody will: a name that would be taken for something else is told now."""
    expected = {film.place: film.label for film in films}
    listed = {row.film: row.label for row in listing.read(folder).rows}
    if wrong := sorted(place for place, label in expected.items() if listed.get(place) != label):
        raise DatasetRefused(
            f"{counted(len(wrong), 'film')} would not be read as part of the pool, such as {wrong[0]}: a folder in "
            "that path has a name that means something else (masks, for instance). Give the dataset another name.",
            code="pool-names",
        )


def _record(request: PoolRequest, films: Sequence[Film], refused: Sequence[Refusal], linked: int) -> PoolRecord:
    numbers = Counter((film.label, film.source.name) for film in films)
    counts: dict[str, dict[str, int]] = {}
    for (label, source), n in sorted(numbers.items()):
        counts.setdefault(label, {})[source] = n
    missing = [
        Refusal(f"{source.prefix}/{refusal.source}", refusal.code, refusal.words)
        for source in request.sources
        for refusal in source.layout.refused
    ]
    left_out = Counter(
        row.label
        for source in request.sources
        for row in source.layout.rows
        if new_label(row.label, source.name, request.classes) is None
    )
    return PoolRecord(
        digest=request.digest,
        sources={source.name: files.shown(source.path.resolve()) for source in request.sources},
        classes=dict(request.classes),
        counts=counts,
        films=sorted(film.place for film in films),
        left_out=dict(left_out),
        refused=[vars(refusal) for refusal in (*refused, *missing)],
        linked=linked,
        copied=len(films) - linked,
    )


def _give_name(part: Path, root: Path, name: str, digest: str) -> Path:
    """Give the finished folder its name; a damaged pool of the same request is replaced, anything else is let be."""
    for number in itertools.count(1):
        target = root / (name if number == 1 else f"{name}-{number}")
        record = read_record(target)
        if record and record.digest == digest:
            put(part, target, root / f".{target.name}.{uuid.uuid4().hex[:8]}.{BEFORE}")
            return target
        if os.path.lexists(target):
            continue
        try:
            os.rename(part, target)
            return target
        except OSError:
            if not os.path.lexists(target):  # else another pool took the name just now
                raise
    raise AssertionError("numbers do not end")
