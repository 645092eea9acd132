"""Films that are the same picture as another one: in the same dataset, or in another one on this computer.

Compares hashes and fingerprints of films that were read; opens none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from xraykit.datasets.catalog.known import Known
from xraykit.datasets.layout import DatasetRefused, Row
from xraykit.datasets.listing import folder as listing
from xraykit.datasets.reading import groups, index
from xraykit.datasets.reading.index import Entry
from xraykit.system import files

NAMED = 200  # pairs that are named


class Twins(msgspec.Struct, frozen=True):
    """Films of a folder that another dataset has too.

    Attributes
    ----------
    name, path : str
        Of the other dataset.
    compared, films : int
        Films of it that could be compared, because they were read before, and all of its films.
    identical, near : int
        Films of the folder whose file, or whose picture within a few bits of the fingerprint, is there too.
    other_class : int
        Of these, those that the other dataset gives a class with another name.
    pairs : list of (film, class, other film, other class)
        The first of them.
    """

    name: str
    path: str
    compared: int
    films: int
    identical: int = 0
    near: int = 0
    other_class: int = 0
    pairs: list[tuple[str, str, str, str]] = []


def near_sets(films: Sequence[str], entries: Sequence[Entry]) -> list[list[str]]:
    """Sets of films of one folder that are nearly the same picture; files that are the same to the byte count once."""
    first: dict[str, int] = {}
    for place, entry in enumerate(entries):
        first.setdefault(entry.sha256, place)
    places = sorted(first.values())
    if len(places) < 2:
        return []
    fingerprints = np.array([entries[place].fingerprint for place in places])
    numbers, _ = groups.group([""] * len(places), fingerprints)
    sets: dict[int, list[str]] = {}
    for place, number in zip(places, numbers, strict=True):
        sets.setdefault(int(number), []).append(films[place])
    return [names for names in sets.values() if len(names) > 1]


def elsewhere(
    root: Path, labels: Mapping[str, str], entries: Mapping[str, Entry], others: Sequence[Known], cache: Path
) -> list[Twins]:
    """What each other dataset shares with the films of `root`; `labels` and `entries` are by film.

    Only films that are remembered from an earlier reading are compared. A folder that holds this one, or lies in it,
    is left out.
    """
    seen = []
    for other, rows, remembered in others_read(root, others, cache):
        theirs = {row.film: row.label for row in rows if row.film in remembered}
        shared = pairs(entries, {film: remembered[film] for film in theirs})
        seen.append(_described(other, len(rows), labels, theirs, shared))
    return seen


def others_read(
    root: Path, others: Sequence[Known], cache: Path
) -> Iterator[tuple[Known, Sequence[Row], dict[str, Entry]]]:
    """Each other dataset with its rows and what is remembered of its films; those inside each other are left out."""
    here = root.resolve()
    for other in others:
        there = other.path.resolve()
        if there == here or here in there.parents or there in here.parents:
            continue
        try:
            rows = listing.read(other.path).rows
        except (DatasetRefused, OSError, ValueError):
            continue
        yield other, rows, index.recall(other.path, [row.film for row in rows], cache)


def pairs(ours: Mapping[str, Entry], theirs: Mapping[str, Entry]) -> list[tuple[str, str, bool]]:
    """Each film with the nearest one of the others, and whether their files are the same."""
    if not ours or not theirs:
        return []
    by_hash = {entry.sha256: film for film, entry in theirs.items()}
    names = list(theirs)
    prints = np.array([entry.fingerprint for entry in theirs.values()])
    wholes = np.array([entry.whole for entry in theirs.values()])
    pairs = []
    for film, entry in ours.items():
        if same := by_hash.get(entry.sha256):
            pairs.append((film, same, True))
            continue
        squares = np.bitwise_count(prints ^ entry.fingerprint).sum(axis=1)
        distances = np.minimum(squares, np.bitwise_count(wholes ^ entry.whole).sum(axis=1))
        nearest = int(distances.argmin())
        if distances[nearest] <= groups.NEAR_DUPLICATE:
            pairs.append((film, names[nearest], False))
    return pairs


def _described(
    other: Known, films: int, labels: Mapping[str, str], theirs: Mapping[str, str], shared: list[tuple[str, str, bool]]
) -> Twins:
    named = [(film, labels[film], twin, theirs[twin]) for film, twin, _ in shared]
    contrary = [pair for pair in named if _essence(pair[1]) != _essence(pair[3])]
    identical = sum(same for _, _, same in shared)
    return Twins(
        name=other.name,
        path=files.shown(other.path),
        compared=len(theirs),
        films=films,
        identical=identical,
        near=len(shared) - identical,
        other_class=len(contrary),
        pairs=[*contrary, *(pair for pair in named if pair not in set(contrary))][:NAMED],
    )


def _essence(label: str) -> str:
    return re.sub(r"[\W_]+", "", label.casefold())
