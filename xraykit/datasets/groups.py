"""Grouping: which films belong together because they show one patient or are the same picture.

Looks at pixels and names only; never divides a dataset, that is `dataset.split`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import numpy as np
from xraykit.films import radiograph


# Of 256 bits. On 3,000 chest films the three pairs that are one picture were 5, 8 and 13 apart, the nearest merely
# alike ones 12: joining a few alike films costs nothing, a missed copy would leak into the test split.
NEAR_DUPLICATE = 16


def fingerprint(film: radiograph.Radiograph) -> np.ndarray:
    """256-bit difference hash, (4,) uint64: is each cell of a 16 x 17 grid brighter than its left neighbour?

    After N. Krawetz's dHash, with a finer grid because all chest films are alike.
    """
    square = film.square(272)[..., 0].astype(np.float32)
    cells = square.reshape(16, 17, 17, 16).mean(axis=(1, 3))
    return np.packbits(cells[:, 1:] > cells[:, :-1]).view(np.uint64)


def group(patients: Sequence[str], fingerprints: np.ndarray) -> tuple[np.ndarray, str]:
    """Join one patient's films and near-duplicates.

    Parameters
    ----------
    patients : one a film, empty where unknown
    fingerprints : (N, 4) uint64

    Returns
    -------
    Group numbers (N,) int64, and the rule in words.
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
    near = f"near-duplicates (difference hash of 256 bits, at most {NEAR_DUPLICATE} apart)"
    rule = f"patient ids of the manifest and {near}" if first else f"{near}; no patient ids are known"
    return groups.astype(np.int64), rule


def _near_duplicates(fingerprints: np.ndarray) -> Iterator[tuple[int, int]]:
    for i in range(len(fingerprints) - 1):
        distance = np.bitwise_count(fingerprints[i + 1 :] ^ fingerprints[i]).sum(axis=1)
        for j in np.flatnonzero(distance <= NEAR_DUPLICATE):
            yield i, i + 1 + int(j)
