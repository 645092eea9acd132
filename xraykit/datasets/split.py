"""Sampling: which films of the training split a recipe learns from, and how much each class weighs.

Never touches validation or test films, never reads a file.
"""

from __future__ import annotations

import numpy as np
import hashlib
import os
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.layout import DatasetRefused
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.recipe.recipe import RecipeRefused


FOLDS, LEAST_FOLDS = 20, 7  # a split is put together from so many; fewer than seven cannot hold a test of 15 %


@dataclass(frozen=True, eq=False)
class Split:
    """Film indices of the three parts, (n,) int64 each, ascending; no group is in two of them."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def parts(self) -> dict[str, np.ndarray]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def _said(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def split(dataset: Dataset, validation: float = 0.10, test: float = 0.15, seed: int = 0) -> Split:
    """Divide the films into three parts, stratified by class, every group whole in one part.

    Fractions are of films and are met to the nearest twentieth, in small sets to the nearest fold.

    Raises
    ------
    DatasetRefused
        If the films are too few for each part to hold every class.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    groups, counts = len(np.unique(dataset.groups)), dataset.counts().values()
    folds = min(FOLDS, groups, max(counts))  # scikit-learn wants one class at least to have a film for each
    if folds < LEAST_FOLDS or min(counts) < 3:
        raise DatasetRefused(
            f"Expected at least {LEAST_FOLDS} groups and 3 films a class to divide; got {_said(dataset.counts())} in "
            f"{groups} groups. Add films."
        )
    folder = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(dataset), np.int64)
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        # scikit-learn warns of classes smaller than the twenty folds; parts hold several folds
        for number, (_, members) in enumerate(folder.split(dataset.films, dataset.labels, dataset.groups)):
            fold[members] = number
    tests = max(1, round(test * folds))
    validations = max(1, round(validation * folds))
    parts = Split(
        train=np.flatnonzero(fold >= tests + validations),
        validation=np.flatnonzero((fold >= tests) & (fold < tests + validations)),
        test=np.flatnonzero(fold < tests),
    )
    for name, indices in parts.parts().items():
        if absent := [c for c, n in dataset.counts(indices).items() if n == 0]:
            raise DatasetRefused(f"The {name} split would have no film of {', '.join(absent)}. Add films.")
    return parts


def describe(dataset: Dataset, parts: Split, used: np.ndarray | None = None) -> dict:
    """What a run records of its data: digests, counts, the rule of the groups, and each film with its part.

    `used` (n,) are the training films really learned from, where a recipe shrinks or undersamples: their counts are
    `train_used`, and those left out say `used` false.
    """
    part_of = {i: name for name, indices in parts.parts().items() for i in indices.tolist()}
    left_out = set() if used is None else {*parts.train.tolist()} - {*used.tolist()}
    return {
        "name": dataset.root.name,
        "root": str(dataset.root.resolve()),
        "digest": dataset.digest,
        "classes": list(dataset.classes),
        "group_rule": dataset.group_rule,
        "groups": len(np.unique(dataset.groups)),
        "counts": {name: dataset.counts(indices) for name, indices in parts.parts().items()},
        **({} if used is None else {"train_used": dataset.counts(used)}),
        "split_digests": {name: split_digest(dataset, indices) for name, indices in parts.parts().items()},
        "refused": [vars(refusal) for refusal in dataset.refused],
        "films": [
            {"film": film, "sha256": sha, "label": dataset.classes[label], "part": part_of[i]}
            | ({"used": False} if i in left_out else {})
            for i, (film, sha, label) in enumerate(
                zip(dataset.films, dataset.hashes, dataset.labels.tolist(), strict=True)
            )
        ],
    }


def split_digest(dataset: Dataset, indices: np.ndarray) -> str:
    """sha256 over the sorted hashes of some films: two evaluations are on the same films if this agrees."""
    return hashlib.sha256("\n".join(sorted(dataset.hashes[i] for i in indices)).encode()).hexdigest()


def training(films: Dataset, train: np.ndarray, recipe: Recipe) -> np.ndarray:
    """The films a recipe learns from: the training split shrunk by whole groups, then undersampled if it says so.

    Parameters
    ----------
    films : Dataset
    train : (n,) int64
        Film indices of the training split.
    recipe : Recipe
        Its shrink, balance and seed decide; the films of a smaller shrink are among those of a larger one.

    Returns
    -------
    (m,) int64, ascending
    """
    chosen = np.sort(np.asarray(train, np.int64))
    if recipe.shrink < 1:
        chosen = _shrink(films, chosen, recipe.shrink, recipe.seed)
    if recipe.balance == "undersample":
        chosen = _undersample(films.labels, chosen, recipe.seed)
    return chosen


def class_weights(films: Dataset, indices: np.ndarray, recipe: Recipe) -> tuple[float, ...] | None:
    """One weight a class, in class order: the recipe's own, or n / (k * n_c) where it balances by weights, or None.

    n films of k classes, n_c of them of class c; as scikit-learn's "balanced". Their mean over the films is 1.

    Raises
    ------
    RecipeRefused
        If the recipe's own weights are not one a class.
    DatasetRefused
        If a class to be balanced has no film.
    """
    if recipe.class_weights is not None:
        if len(recipe.class_weights) != len(films.classes):
            words = (
                f"Expected {len(films.classes)} class weights, one each for {', '.join(films.classes)}; got "
                f"{len(recipe.class_weights)}."
            )
            raise RecipeRefused(words, {"class_weights": words})
        return recipe.class_weights
    if recipe.balance != "weights":
        return None
    counts = films.counts(indices)
    if absent := [name for name, count in counts.items() if count == 0]:
        raise DatasetRefused(f"Expected films of every class to weigh them; got none of {', '.join(absent)}.")
    return tuple(len(indices) / (len(counts) * count) for count in counts.values())


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
    of_class = [lot[labels[lot] == label] for label in np.unique(labels[train])]
    least = min(map(len, of_class), default=0)
    return np.sort(np.concatenate([own[:least] for own in of_class])) if of_class else train
