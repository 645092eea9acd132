"""Sampling: which films of the training split a recipe learns from, and how much each class weighs.

Never touches validation or test films, never reads a file.
"""

from __future__ import annotations

import numpy as np

from xraykit.dataset import Dataset
from xraykit.labelling import DatasetRefused
from xraykit.recipe import Recipe, RecipeRefused


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
