"""What goes into a pool: films of which datasets, under which class. Opens no film and writes nothing."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from xraykit.datasets.layout import DatasetRefused, Layout, Row
from xraykit.datasets.listing import folder as listing
from xraykit.datasets.listing import names, pool_record
from xraykit.system import files


@dataclass(frozen=True)
class Source:
    """A dataset that goes into a pool: `prefix` is its folder there, plain and no other's."""

    name: str
    prefix: str
    path: Path
    layout: Layout

    @property
    def divided(self) -> bool:
        return any(row.part for row in self.layout.rows)


class Film(NamedTuple):
    """A film of a pool: the source and row it comes from, and its class there."""

    source: Source
    row: Row
    label: str
    patient: str = ""  # of the pool: no source has another's

    @property
    def place(self) -> str:
        return f"{self.source.prefix}/{self.row.film}"

    @property
    def path(self) -> Path:
        """Where it lies in its source."""
        return self.source.path / files.named(self.row.film)


@dataclass(frozen=True)
class PoolRequest:
    """Which datasets are pooled, with the films that go in and the classes as asked; `distinct` leaves out copies.

    `without` is the number of films that were left out by name.
    """

    sources: Sequence[Source]
    films: Sequence[Film]
    classes: Mapping[str, str | None]
    distinct: bool = False
    without: int = 0

    @functools.cached_property
    def digest(self) -> str:
        """The same request for the same files gives the same."""
        wanted = [[source.name, source.prefix] for source in self.sources]
        rows = [[film.place, film.label, *film.row[2:5], *_size_and_time(film.path)] for film in self.films]
        asked = [pool_record.FORMAT, wanted, sorted(self.classes.items()), sorted(rows)]
        return hashlib.sha256(json.dumps([*asked, *["distinct"] * self.distinct]).encode()).hexdigest()


def request(
    folders: Mapping[str, Path],
    classes: Mapping[str, str | None] | None = None,
    distinct: bool = False,
    without: Mapping[str, Collection[str]] | None = None,
) -> PoolRequest:
    """A request as people make it, which `pool.pool` explains; DatasetRefused where no dataset can come of it."""
    renamed = {label: None if new is None else names.label_of(new) for label, new in (classes or {}).items()}
    sources = _sources(folders)
    listed = _films(sources, renamed)
    unwanted = {names.label_of(source): {*films} for source, films in (without or {}).items()}
    films = [film for film in listed if film.row.film not in unwanted.get(film.source.name, ())]
    return PoolRequest(sources, films, renamed, distinct, len(listed) - len(films))


def unknown_classes(folders: Mapping[str, Path], classes: Mapping[str, str | None]) -> list[str]:
    """The classes of a request that no source has: most often a slip of the pen. Raises DatasetRefused."""
    known: set[str] = set()
    for source in _sources(folders):
        labels = {row.label for row in source.layout.rows}
        known |= labels | {f"{source.name}/{label}" for label in labels}
    return sorted(set(classes) - known)


def new_label(label: str, source: str, classes: Mapping[str, str | None]) -> str | None:
    """What a class of a source is called in the pool; None where its films are left out."""
    return classes.get(f"{source}/{label}", classes.get(label, label))


def _sources(folders: Mapping[str, Path]) -> list[Source]:
    if not folders:
        raise DatasetRefused("Name at least one dataset to pool.", code="pool-empty")
    sources: list[Source] = []
    for name, path in folders.items():
        plain = base = plain_name(name)
        taken = {source.prefix.casefold() for source in sources}
        number = 1
        while plain.casefold() in taken:
            number += 1
            plain = f"{base}-{number}"
        sources.append(Source(names.label_of(name) or plain, plain, path, listing.read(path)))
    if alike := names.alike([source.name for source in sources]):
        raise DatasetRefused(
            f"Sources need names that differ in more than spaces and punctuation: {', '.join(alike[0])}.",
            code="pool-names",
        )
    return sources


def _films(sources: Sequence[Source], classes: Mapping[str, str | None]) -> list[Film]:
    """The films that go in, with their new classes."""
    films = []
    for source in sources:
        for row in source.layout.rows:
            label = new_label(row.label, source.name, classes)
            if label is not None:
                films.append(Film(source, row, label, f"{source.prefix}:{row.patient}" if row.patient else ""))
    labels = sorted({film.label for film in films})
    if "" in labels:
        raise DatasetRefused("A class needs a name of at least one letter or digit.", code="pool-classes")
    if len(labels) < 2:
        raise DatasetRefused(
            f"A dataset needs two classes or more; with this choice of classes {' and '.join(labels) or 'none'} "
            "remains. Leave fewer out, or give them different names.",
            code="too-few-classes",
        )
    if alike := names.alike(labels):
        raise DatasetRefused(
            f"Classes of the sources have nearly the same name: {'; '.join(', '.join(each) for each in alike)}. "
            "Give them one name if they are one class, names that differ in more than case, spaces and punctuation if "
            "not.",
            code="classes-alike",
        )
    return films


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return -1, -1  # refused later, by name
    return stat.st_size, stat.st_mtime_ns


def plain_name(name: str) -> str:
    """A folder's name that no shell minds and that leads nowhere else."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "films"
