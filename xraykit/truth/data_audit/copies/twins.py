"""Films that are one picture: the same file, nearly the same picture, or one mirrored, turned, inverted or moved.

Compares hashes, fingerprints and pictures of 64 x 64 pixels; opens no film.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from xraykit.datasets.catalog.known import Known
from xraykit.datasets.layout import Row
from xraykit.datasets.reading import groups, twins
from xraykit.datasets.reading.index import Entry, Progress
from xraykit.system import files
from xraykit.system.folders import cache_folder
from xraykit.truth.data_audit.collect import Collection
from xraykit.truth.data_audit.copies import moved

BLOCK = 256  # films compared with all others at once
# A turned copy was resampled: its bits differ in more places, so its edges are compared too. Of 898 x 3,000 pairs of
# chest films of two sets those of one picture agreed by 0.85 and more, nearly all by 0.95, all others by less than 0.8
TURNED_BITS, TURNED_AGREEMENT = 32, 0.9
FLAT = 4.0  # levels of spread below which a picture has no edges to compare


class How(enum.StrEnum):
    """In which way two films are one picture."""

    FILE = "same file"
    PICTURE = "nearly the same picture"
    MIRRORED = "mirrored"
    TURNED = "turned"
    INVERTED = "inverted"
    MOVED = "cropped, moved or turned a little, or of one person"


TURNS: tuple[tuple[How, Callable[[np.ndarray], np.ndarray]], ...] = (
    (How.MIRRORED, lambda a: a[:, :, ::-1]),
    (How.MIRRORED, lambda a: a[:, ::-1]),
    (How.TURNED, lambda a: a[:, ::-1, ::-1]),
    (How.TURNED, lambda a: np.rot90(a, 1, (1, 2))),
    (How.TURNED, lambda a: np.rot90(a, -1, (1, 2))),
    (How.MIRRORED, lambda a: a.swapaxes(1, 2)),
    (How.MIRRORED, lambda a: np.rot90(a, 2, (1, 2)).swapaxes(1, 2)),
)


class Pair(NamedTuple):
    """Two films, by their places in the collection, that are one picture."""

    first: int
    second: int
    how: How


class Elsewhere(NamedTuple):
    """What another dataset shares: pairs (film, its twin there, whether the files are the same), and patients there."""

    name: str
    films: int
    compared: int
    pairs: tuple[tuple[str, str, bool], ...]
    labels: Mapping[str, str]
    patients: Mapping[str, str]
    path: str = ""


def inside(
    collection: Collection,
    progress: Progress = lambda done, total: None,
    closely: Progress = lambda done, total: None,
) -> list[Pair]:
    """Pairs of films of one folder; of files that are the same each is paired with the first alone.

    `progress` follows the comparison of films as they are and turned, `closely` that of moved ones; what either raises
    ends it.
    """
    first: dict[str, int] = {}
    pairs = []
    for place, sha in enumerate(collection.films.hashes):
        if first.setdefault(sha, place) != place:
            pairs.append(Pair(first[sha], place, How.FILE))
    places = np.array(sorted(first.values()))
    prints, wholes = collection.films.fingerprints[places], collection.whole[places]
    alike = {*_near(prints, prints, groups.NEAR_DUPLICATE), *_near(wholes, wholes, groups.NEAR_DUPLICATE)}
    pairs += [Pair(int(places[i]), int(places[j]), How.PICTURE) for i, j in sorted(alike) if i < j]
    small = collection.small[places]
    known = {(pair.first, pair.second) for pair in pairs}
    moved_pairs = ((i, j, How.MOVED) for i, j in moved.pairs(small, closely))
    for i, j, how in (*_turned(small, progress), *moved_pairs):
        pair = Pair(int(places[i]), int(places[j]), how)
        if (pair.first, pair.second) not in known:
            known.add((pair.first, pair.second))
            pairs.append(pair)
    return pairs


def components(n: int, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """A number for each of n films, (n,) int64; films that pairs lead to have the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def remembered(collection: Collection, others: Sequence[Known]) -> list[Elsewhere]:
    """What other datasets on this computer share, as far as their films were read before; none is opened.

    A folder that holds this one, or lies in it, is left out.
    """
    root = collection.films.root
    return [
        _elsewhere(collection, other.name, rows, entries)._replace(path=files.shown(other.path))
        for other, rows, entries in twins.others_read(root, others, cache_folder())
    ]


def against(collection: Collection, other: Collection, name: str) -> Elsewhere:
    """What a dataset that was read just now shares."""
    return _elsewhere(collection, name, other.rows, _entries(other))


def _elsewhere(collection: Collection, name: str, rows: Sequence[Row], entries: Mapping[str, Entry]) -> Elsewhere:
    pairs = tuple(twins.pairs(_entries(collection), entries))
    labels = {row.film: row.label for row in rows}
    patients = {row.film: row.patient for row in rows if row.patient}
    return Elsewhere(name, len(rows), len(entries), pairs, labels, patients)


def _entries(collection: Collection) -> dict[str, Entry]:
    films = collection.films
    each = zip(films.films, films.hashes, films.fingerprints, collection.whole, strict=True)
    return {film: Entry(sha, fingerprint, whole) for film, sha, fingerprint, whole in each}


def _near(ours: np.ndarray, theirs: np.ndarray, limit: int) -> Iterator[tuple[int, int]]:
    """Pairs of fingerprints (N, 4) uint64 that differ in at most `limit` bits, the first place below the second."""
    for start in range(0, len(ours), BLOCK):
        distance = _distances(ours[start : start + BLOCK], theirs[start:])
        for i, j in zip(*np.nonzero(distance <= limit), strict=True):
            if i < j:
                yield start + int(i), start + int(j)


def _distances(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """In how many bits fingerprints (N, 4) and (M, 4) uint64 differ: (N, M) uint16."""
    distances = np.zeros((len(ours), len(theirs)), np.uint16)
    for word in range(ours.shape[1]):
        distances += np.bitwise_count(ours[:, word, None] ^ theirs[None, :, word])
    return distances


def _turned(small: np.ndarray, progress: Progress) -> Iterator[tuple[int, int, How]]:
    """Pairs of pictures (N, 64, 64) uint8 of which one is the other, as it is or mirrored, turned or inverted."""
    lively = np.flatnonzero(small.std(axis=(1, 2)) > FLAT)
    small = small[lively].astype(np.float32)
    if len(small) < 2:
        return
    plain, edges = _prints(small), _edges(small)
    ways = [(How.INVERTED, lambda a: 255 - a)]
    ways += [(how, turn) for how, turn in TURNS]
    ways += [(how, lambda a, turn=turn: 255 - turn(a)) for how, turn in TURNS]
    for start in range(0, len(small), BLOCK):  # what other bits hide: a mark, a frame, another brightness in parts
        for i, j in zip(*np.nonzero(edges[start : start + BLOCK] @ edges.T >= TURNED_AGREEMENT), strict=True):
            if start + i < j:
                yield int(lively[start + i]), int(lively[j]), How.PICTURE
    for number, (how, turn) in enumerate(ways):
        for start in range(0, len(small), BLOCK):
            progress(number * len(small) + start, len(ways) * len(small))
            other = turn(small[start : start + BLOCK])
            prints, sides = _prints(other), _edges(other)
            distance = _distances(prints, plain)
            for i, j in zip(*np.nonzero(distance <= TURNED_BITS), strict=True):
                place = start + int(i)
                if place < j and float(sides[i] @ edges[j]) >= TURNED_AGREEMENT:
                    yield int(lively[place]), int(lively[j]), how


def _prints(small: np.ndarray) -> np.ndarray:
    """Difference hashes, as `groups.fingerprint`, of pictures (N, 64, 64): (N, 4) uint64."""
    edges = np.linspace(0, 64, 18)
    place = np.arange(64)
    overlap = np.minimum(place[:, None] + 1, edges[None, 1:]) - np.maximum(place[:, None], edges[None, :-1])
    cells = small.reshape(len(small), 16, 4, 64).mean(axis=2) @ np.clip(overlap, 0, 1)
    bits = cells[:, :, 1:] > cells[:, :, :-1]
    return np.packbits(bits.reshape(len(small), -1), axis=1).view(np.uint64)


def _edges(small: np.ndarray) -> np.ndarray:
    """Brightness differences between neighbours in 32 x 32, of length 1: (N, 1984)."""
    half = small.reshape(len(small), 32, 2, 32, 2).mean(axis=(2, 4))
    across, down = np.diff(half, axis=2).reshape(len(small), -1), np.diff(half, axis=1).reshape(len(small), -1)
    both = np.concatenate([across, down], axis=1)
    return both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-6)
