"""Pictures that several datasets have: their films show one patient, or all but those of one dataset are left out.

A copy may have been squeezed into a square: the fingerprint of the whole film finds it, which the grouping of a dataset
does not look at. Functions take, for n films, `owners` (the dataset of each), `patients` (empty where unknown) and
`wholes` (n, 4) uint64, as `groups.whole_fingerprint` gives them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xraykit.datasets.reading import groups


def patients_of(owners: Sequence[str], places: Sequence[str], patients: Sequence[str], wholes: np.ndarray) -> list[str]:
    """The patient of each film; that of a copy is known from the others, or named after the place of the first."""
    joined = list(patients)
    for films in _shared(owners, patients, wholes):
        known = sorted({patients[i] for i in films} - {""})
        patient = known[0] if known else f"picture:{places[films[0]]}"
        for i in films:
            joined[i] = patient
    return joined


def extra(owners: Sequence[str], patients: Sequence[str], wholes: np.ndarray) -> set[int]:
    """The films left out so that each picture is in one dataset: the first that knows its patient, else the first."""
    copies: set[int] = set()
    for films in _shared(owners, [""] * len(owners), wholes):
        owner = owners[next((i for i in films if patients[i]), films[0])]
        copies |= {i for i in films if owners[i] != owner}
    return copies


def _shared(owners: Sequence[str], patients: Sequence[str], wholes: np.ndarray) -> list[list[int]]:
    """Groups of films, as indices, that lie in several datasets."""
    members: dict[int, list[int]] = {}
    for i, number in enumerate(groups.group(patients, wholes)[0].tolist()):
        members.setdefault(number, []).append(i)
    return [films for films in members.values() if len({owners[i] for i in films}) > 1]
