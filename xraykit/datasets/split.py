"""Training, validation and test: how films are divided, which training films are learned from, what classes weigh.

Never reads a file. Nothing that thins or weighs the training films touches validation or test.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xraykit.datasets.dataset import Dataset, expect
from xraykit.datasets.layout import PARTS, DatasetRefused
from xraykit.films import note

HELD_OUT, LEFT_OUT = "held out", "left out"  # parts of films that no run sees, and of those that this one does not
FOLDS, LEAST_FOLDS = 20, 7  # a split is put together from so many; fewer than seven cannot hold a test of 15 %


@dataclass(frozen=True)
class SplitPlan:
    """How films are divided, and which of the training films are learned from.

    `validation` and `test` are fractions of all films; `shrink` (above 0, up to 1) is the fraction of the training
    films that is kept, in whole groups; `balance` "undersample" then keeps as many films of each class as the smallest
    has, any other value keeps all. `division` "given" takes the parts that the folder or manifest names, "drawn" draws
    them from all films.
    """

    validation: float = 0.10
    test: float = 0.15
    seed: int = 0
    shrink: float = 1.0
    balance: str = "none"
    division: str = "drawn"


DEFAULT = SplitPlan()


@dataclass(frozen=True, eq=False)
class Split:
    """Film indices of the three parts, (n,) int64 each, ascending; no group is in two of them.

    `test` may be empty, and `held_out` are films that no run of a study sees. Films in none of these are left out.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    held_out: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def parts(self) -> dict[str, np.ndarray]:
        """The parts by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split(dataset: Dataset, plan: SplitPlan = DEFAULT) -> Split:
    """Divide the films into three parts, every group whole in one part.

    Drawn parts are stratified by class; fractions are of all films and are met to the nearest twentieth, in small sets
    to the nearest fold. Given parts stay as they are, but for groups that cross them: such a group is in training
    where any of its films is, else in validation. Films without a part are in training; a part that is not given is
    drawn from training.

    Raises
    ------
    DatasetRefused
        If the films are too few for each part to hold every class, or are to be divided as given and are not.
    """
    parts = _as_given(dataset, plan) if plan.division == "given" else _drawn(dataset, plan)
    for name, indices in parts.parts().items():
        if absent := [c for c, n in dataset.counts(indices).items() if n == 0]:
            drawn = ", or draw the parts (division drawn)" if plan.division == "given" else ""
            raise DatasetRefused(f"The {name} split would have no film of {', '.join(absent)}. Add films{drawn}.")
    return parts


def _drawn(dataset: Dataset, plan: SplitPlan) -> Split:
    fold, folds = _folds(dataset, np.arange(len(dataset)), plan.seed)
    tests = max(1, round(plan.test * folds))
    validations = max(1, round(plan.validation * folds))
    return Split(
        train=np.flatnonzero(fold >= tests + validations),
        validation=np.flatnonzero((fold >= tests) & (fold < tests + validations)),
        test=np.flatnonzero(fold < tests),
    )


def _as_given(dataset: Dataset, plan: SplitPlan) -> Split:
    if not dataset.given:
        raise DatasetRefused(
            f"{dataset.root} is not divided into training, validation and test, neither by folders nor by a column "
            "split of its manifest. Draw the parts instead (division drawn).",
            code="not-divided",
        )
    part = np.array([PARTS.index(given or "train") for given in dataset.given], np.int64)
    first = np.full(dataset.groups.max() + 1, len(PARTS), np.int64)
    np.minimum.at(first, dataset.groups, part)  # of the parts of each group, the one that learns most from it
    part = first[dataset.groups]
    if not (part == 0).any():
        raise DatasetRefused(
            f"{dataset.root} is divided, but has no training part. Add one, or draw the parts (division drawn).",
            code="no-training-part",
        )
    for number, share in ((2, plan.test), (1, plan.validation)):
        if not (part == number).any():
            train = np.flatnonzero(part == 0)
            fold, folds = _folds(dataset, train, plan.seed)
            taken = round(share * folds * len(dataset) / len(train))
            part[train[fold < min(max(1, taken), folds // 2)]] = number
    return Split(*(np.flatnonzero(part == number) for number in range(len(PARTS))))


def _folds(dataset: Dataset, films: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """A fold for each of these films, (n,) int64, and how many there are; stratified by class, groups whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    counts, groups, labels = dataset.counts(films), dataset.groups[films], dataset.labels[films]
    n_groups = len(np.unique(groups))
    folds = min(FOLDS, n_groups, max(counts.values()))  # scikit-learn wants one class at least to have a film for each
    if folds < LEAST_FOLDS or min(counts.values()) < 3:
        held = ", ".join(f"{name} {n}" for name, n in counts.items())
        raise DatasetRefused(
            f"Too few films to divide: {held}, in {n_groups} groups. Add films: at least {LEAST_FOLDS} groups and "
            "3 films per class are needed."
        )
    folder = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(films), np.int64)
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        # scikit-learn warns of classes smaller than the twenty folds; parts hold several folds
        for number, (_, members) in enumerate(folder.split(films, labels, groups)):
            fold[members] = number
    return fold, folds


def describe(
    dataset: Dataset, parts: Split, used: np.ndarray | None = None, division: str = DEFAULT.division
) -> dict[str, Any]:
    """What a run records of its data: digests, counts, the rule of the groups, and each film with its part.

    A film's part is that of `parts`, "held out" or "left out"; `recorded` reads it back. `division` is that of the
    plan. `used` (n,) are the training films really learned from, where a plan shrinks or undersamples: their counts
    are `train_used`, and those left out say `used` false.
    """
    part_of = {i: name for name, indices in parts.parts().items() for i in indices.tolist()}
    part_of |= dict.fromkeys(parts.held_out.tolist(), HELD_OUT)
    left_out = set() if used is None else {*parts.train.tolist()} - {*used.tolist()}
    return {
        "name": dataset.root.name,
        "root": str(dataset.root.resolve()),
        "digest": dataset.digest,
        "classes": list(dataset.classes),
        "group_rule": dataset.group_rule.to_json(),
        "groups": len(np.unique(dataset.groups)),
        "division": division,
        **describe_given(dataset),
        "counts": {name: dataset.counts(indices) for name, indices in parts.parts().items()},
        **({} if used is None else {"train_used": dataset.counts(used)}),
        "split_digests": {name: split_digest(dataset, indices) for name, indices in parts.parts().items()},
        "refused": [vars(refusal) for refusal in dataset.refused],
        "remarks": [remark.to_json() for remark in dataset.remarks],
        "notes": [tally.to_json() for tally in note.tally(dataset.noted())],
        "films": [
            {"film": film, "sha256": sha, "label": dataset.classes[label], "part": part_of.get(i, LEFT_OUT)}
            | ({"used": False} if i in left_out else {})
            for i, (film, sha, label) in enumerate(
                zip(dataset.films, dataset.hashes, dataset.labels.tolist(), strict=True)
            )
        ],
    }


def describe_given(dataset: Dataset) -> dict[str, Any]:
    """The division that a folder or manifest gives; nothing where it gives none.

    {"given": {"counts": films per class of each part, "without_part": films, "crossing_groups": sets of film names}}
    """
    if not dataset.given:
        return {}
    given = np.array(dataset.given)
    counts = {name: dataset.counts(np.flatnonzero(given == name)) for name in PARTS if (given == name).any()}
    crossing = [list(names) for names in dataset.crossing_groups()]
    return {"given": {"counts": counts, "without_part": int((given == "").sum()), "crossing_groups": crossing}}


def recorded(films: Dataset, data: Mapping[str, Any], name: str) -> Split:
    """The parts that `describe` recorded for the run `name`, of these films.

    Raises
    ------
    DatasetRefused
        If the films are others than those recorded, one has no part, or training or validation has no film.
    """
    expect(films, dict(data), name)
    try:
        part_of = {(film["film"], film["sha256"]): film["part"] for film in data["films"]}
        part = np.array([part_of[key] for key in zip(films.films, films.hashes, strict=True)])
    except (KeyError, TypeError):
        raise DatasetRefused(f"data.json of {name} does not name every film with its part. Restore the file.") from None
    parts = Split(*(np.flatnonzero(part == each) for each in (*PARTS, HELD_OUT)))
    for each in ("train", "validation"):
        if len(parts.parts()[each]) == 0:
            raise DatasetRefused(f"data.json of {name} puts no film into {each}. Add films to it, or divide anew.")
    return parts


def recorded_part(data: Mapping[str, Any], part: str) -> dict[str, str]:
    """The films of a part and their sha256, from what `describe` recorded."""
    return {film["film"]: film["sha256"] for film in data["films"] if film["part"] == part}


def split_digest(dataset: Dataset, indices: np.ndarray) -> str:
    """sha256 over the sorted hashes of some films: two evaluations are on the same films if this agrees."""
    return hashlib.sha256("\n".join(sorted(dataset.hashes[i] for i in indices)).encode()).hexdigest()


def training(films: Dataset, train: np.ndarray, plan: SplitPlan) -> np.ndarray:
    """The films that are learned from: the training split shrunk by whole groups, then undersampled if planned.

    Parameters
    ----------
    films : Dataset
    train : (n,) int64
        Film indices of the training split.
    plan : SplitPlan
        Its shrink, balance and seed decide; the films of a smaller shrink are among those of a larger one.

    Returns
    -------
    (m,) int64, ascending

    Raises
    ------
    DatasetRefused
        If sources are to be balanced and no film has one.
    """
    if plan.balance == "cells":
        _expect_sources(films)
    chosen = np.sort(np.asarray(train, np.int64))
    if plan.shrink < 1:
        chosen = _shrink(films, chosen, plan.shrink, plan.seed)
    if plan.balance == "undersample":
        chosen = _undersample(films.labels, chosen, plan.seed)
    return chosen


def balanced_weights(films: Dataset, indices: np.ndarray) -> tuple[float, ...]:
    """n / (k * n_c) for each class c, in class order: n films of k classes, n_c of them of class c.

    As scikit-learn's "balanced". Their mean over the films is 1.

    Raises
    ------
    DatasetRefused
        If a class has no film.
    """
    counts = films.counts(indices)
    if absent := [name for name, count in counts.items() if count == 0]:
        raise DatasetRefused(f"There is no training film of {', '.join(absent)}, so classes cannot be balanced.")
    return tuple(len(indices) / (len(counts) * count) for count in counts.values())


def cell_weights(films: Dataset, indices: np.ndarray) -> np.ndarray:
    """n / (k * n_cs) for the films of each class c of each source s, (N,) float32 by film; 0 outside `indices`.

    n films in k cells that have any, n_cs of them in the cell: every class of every source weighs the same, and the
    mean weight of the films is 1.

    Raises
    ------
    DatasetRefused
        If no film has a source.
    """
    _expect_sources(films)
    sources = np.unique(np.array(films.sources, object).astype(str), return_inverse=True)[1]
    cells = (sources * len(films.classes) + films.labels)[indices]
    _, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
    weights = np.zeros(len(films), np.float32)
    weights[indices] = (len(indices) / (len(counts) * counts))[cell]
    return weights


def _expect_sources(films: Dataset) -> None:
    if not films.sources:
        raise DatasetRefused(
            f"Films of {films.root} are to be weighed by class and source, but nothing says where they come from. Add "
            "a column source to its manifest.csv, pool the datasets into one folder (python -m xraykit data pool), or "
            "choose another balance.",
            code="no-sources",
        )


def _shrink(films: Dataset, train: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Whole groups, a class at a time, up to the number of films nearest to the fraction.

    Groups are drawn in one order whatever the fraction, so that a smaller part lies in a larger one.
    """
    _, group_of = np.unique(films.groups[train], return_inverse=True)
    members = np.zeros((group_of.max(initial=-1) + 1, len(films.classes)), np.int64)
    np.add.at(members, (group_of, films.labels[train]), 1)
    sizes, owners = members.sum(axis=1), members.argmax(axis=1)
    order = np.random.default_rng((seed, 1)).permutation(len(members))
    # the first group of each class comes first, so that no class is lost, not even one that owns no group
    anchors = {int(order[members[order, label] > 0][0]) for label in np.flatnonzero(members.any(axis=0))}
    order = np.array(sorted(order.tolist(), key=lambda group: group not in anchors), np.int64)
    kept = np.zeros(len(members), bool)
    for label in range(len(films.classes)):
        own = order[owners[order] == label]
        kept[own[: _nearest(sizes[own], fraction, sum(group in anchors for group in own.tolist()))]] = True
    return train[kept[group_of]]


def _nearest(sizes: np.ndarray, fraction: float, least: int) -> int:
    """How many groups, of these sizes in this order, come nearest to the fraction of their films."""
    if len(sizes) == 0:
        return 0
    films = np.concatenate([[0], np.cumsum(sizes)])
    return max(least, int(np.abs(films - fraction * films[-1]).argmin()))


def _undersample(labels: np.ndarray, train: np.ndarray, seed: int) -> np.ndarray:
    """As many films of each class as the smallest has, drawn by lot; classes without any film are left out."""
    lot = np.random.default_rng((seed, 2)).permutation(train)
    by_class = [lot[labels[lot] == label] for label in np.unique(labels[train])]
    least = min(map(len, by_class), default=0)
    return np.sort(np.concatenate([films[:least] for films in by_class])) if by_class else train
