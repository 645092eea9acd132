"""Which films belong together because they show one patient or are the same image, and how that was found.

Looks at pixels and names only; never divides a dataset, that is `split`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xraykit.films import radiograph

# Of 256 bits. On 3,000 chest films the three pairs that are one picture were 5, 8 and 13 apart, the nearest merely
# alike ones 12: joining a few alike films costs nothing, a missed copy would leak into the test split.
NEAR_DUPLICATE = 16


class GroupKind(enum.StrEnum):
    """What is known of films that belong together; near-duplicates are always joined."""

    PATIENTS = "patient ids"
    NEAR_DUPLICATES = "near-duplicates"


@dataclass(frozen=True)
class GroupRule:
    """How the groups of a dataset were found.

    `column` is the manifest's column of patient ids, "" where there is none or its name was not recorded; `distance`
    the largest number of bits, of 256, in which near-duplicates' difference hashes differ.
    """

    kind: GroupKind
    column: str = ""
    distance: int = NEAR_DUPLICATE

    @property
    def words(self) -> str:
        """The rule for people, as cards and pages show it."""
        near = f"near-duplicates (difference hash of 256 bits, at most {self.distance} apart)"
        if self.kind is GroupKind.NEAR_DUPLICATES:
            return f"{near}; no patient ids are known"
        return f"patient ids of the manifest{f' (column {self.column})' if self.column else ''} and {near}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for data.json and films.json; `read_rule` gives an equal rule."""
        return asdict(self)


def read_rule(recorded: Mapping[str, Any] | str) -> GroupRule:
    """The rule that data.json or films.json recorded.

    Files written before xraykit recorded the kind hold the rule's words: "patient ids of the manifest and ..." or
    "near-duplicates (...); no patient ids are known". This is the one place that reads those words.
    """
    if isinstance(recorded, str):
        return GroupRule(GroupKind.PATIENTS if recorded.startswith("patient ids of") else GroupKind.NEAR_DUPLICATES)
    return GroupRule(GroupKind(recorded["kind"]), recorded["column"], recorded["distance"])


def fingerprint(film: radiograph.Radiograph) -> np.ndarray:
    """256-bit difference hash, (4,) uint64: is each cell of a 16 x 17 grid brighter than its left neighbour?

    After N. Krawetz's dHash, with a finer grid because all chest films are alike.
    """
    square = film.square(272)[..., 0].astype(np.float32)
    cells = square.reshape(16, 17, 17, 16).mean(axis=(1, 3))
    return np.packbits(cells[:, 1:] > cells[:, :-1]).view(np.uint64)


def whole_fingerprint(film: radiograph.Radiograph) -> np.ndarray:
    """`fingerprint` of the whole film squeezed into a square, (4,) uint64: many published copies were made so.

    Of a square film it is the fingerprint itself. It tells copies of a film in other datasets; splits do not use it.
    """
    if film.height == film.width:
        return fingerprint(film)
    pixels = film.display(544).astype(np.float32)
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    if min(grey.shape) < 17:
        return fingerprint(film)
    cells = grey
    for axis, parts in ((0, 16), (1, 17)):
        edges = np.linspace(0, grey.shape[axis], parts + 1).round().astype(int)
        sums = np.add.reduceat(cells, edges[:-1], axis=axis)
        cells = sums / np.expand_dims(np.diff(edges), 1 - axis)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).view(np.uint64)


def group(patients: Sequence[str], fingerprints: np.ndarray, column: str = "") -> tuple[np.ndarray, GroupRule]:
    """Join one patient's films and near-duplicates.

    Parameters
    ----------
    patients : one per film, empty where unknown
    fingerprints : (N, 4) uint64
    column : the manifest's column that the patients come from

    Returns
    -------
    Group numbers (N,) int64, and the rule.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = list(_near_duplicates(fingerprints))
    first: dict[str, int] = {}
    for i, patient in enumerate(patients):
        if patient and first.setdefault(patient, i) != i:
            edges.append((first[patient], i))
    n = len(patients)
    rows, columns = np.array(edges, np.int64).reshape(-1, 2).T
    _, groups = connected_components(coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n)), directed=False)
    rule = GroupRule(GroupKind.PATIENTS, column) if first else GroupRule(GroupKind.NEAR_DUPLICATES)
    return groups.astype(np.int64), rule


def _near_duplicates(fingerprints: np.ndarray) -> Iterator[tuple[int, int]]:
    for i in range(len(fingerprints) - 1):
        distance = np.bitwise_count(fingerprints[i + 1 :] ^ fingerprints[i]).sum(axis=1)
        for j in np.flatnonzero(distance <= NEAR_DUPLICATE):
            yield i, i + 1 + int(j)
