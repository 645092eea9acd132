"""Alignment: brings evaluations of the same films into one order, or says why they are not of the same films.

Decides what may be compared; computes no figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xraykit.evaluation.evaluation import Evaluation
from xraykit.refused import Refused

FEWEST, MOST = 2, 4


class ComparisonRefused(Refused):
    """Evaluations that cannot be compared; the message names what differs."""

    code = "comparison"


def align(evaluations: Sequence[Evaluation]) -> tuple[tuple[Evaluation, ...], tuple[str, ...]]:
    """The evaluations with films and classes in the first one's order, and what was turned for it, in words.

    Films are matched by their sha256 where every evaluation knows them, else by name.

    Raises
    ------
    ComparisonRefused
        If there are fewer than two or more than four, a model is there twice, or films, classes or the reference
        standard differ.
    """
    _check_models([found.model for found in evaluations])
    first, *others = evaluations
    aligned, notes = [first], []
    by_hash = all(found.hashes for found in evaluations)
    for other in others:
        _check_classes(first, other)
        turned = _turn_classes(other, first.classes)
        rows = _matching_rows(first, turned, by_hash)
        notes += _notes(first, other, rows, by_hash)
        aligned.append(_take(turned, rows))
    return tuple(aligned), tuple(notes)


def join_groups(evaluations: Sequence[Evaluation]) -> np.ndarray:
    """Group numbers (N,) int64 from 0: films are together that any evaluation puts together, or with one sha256."""
    partitions = [found.groups for found in evaluations if found.groups]
    partitions += [evaluations[0].hashes] if evaluations[0].hashes else []
    n = len(evaluations[0].films)
    firsts = []
    for partition in partitions:
        _, place, inverse = np.unique(np.array(partition), return_index=True, return_inverse=True)
        firsts.append(place[inverse])
    if all(len(np.unique(first)) == n for first in firsts):
        return np.arange(n)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = np.tile(np.arange(n), len(firsts)), np.concatenate(firsts)
    links = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return connected_components(links, directed=False)[1].astype(np.int64)


def _check_models(models: Sequence[str]) -> None:
    if not FEWEST <= len(models) <= MOST:
        raise ComparisonRefused(
            f"Expected {FEWEST} to {MOST} evaluations; got {len(models)} ({', '.join(models) or 'none'})."
        )
    if twice := sorted(name for name, times in Counter(models).items() if times > 1):
        raise ComparisonRefused(
            f"Expected different models; {', '.join(twice)} is given more than once. Keep one under another name."
        )


def _check_classes(first: Evaluation, other: Evaluation) -> None:
    if set(first.classes) != set(other.classes):
        raise ComparisonRefused(
            f"Expected the same classes; {first.model} has {', '.join(first.classes)} and {other.model} has "
            f"{', '.join(other.classes)}."
        )


def _turn_classes(found: Evaluation, classes: tuple[str, ...]) -> Evaluation:
    if found.classes == classes:
        return found
    column = [found.classes.index(name) for name in classes]
    place = np.array([classes.index(name) for name in found.classes], np.int64)
    return replace(found, classes=classes, truth=place[found.truth], logits=found.logits[:, column])


def _matching_rows(first: Evaluation, other: Evaluation, by_hash: bool) -> np.ndarray:
    """Rows of `other` (N,) in the order of `first`'s films."""
    keys = [found.hashes if by_hash else found.films for found in (first, other)]
    if not by_hash:
        for found in (first, other):
            _check_names(found)
    if Counter(keys[0]) != Counter(keys[1]):
        raise ComparisonRefused(_difference(first, other, keys[0], keys[1], by_hash))
    if keys[0] == keys[1] and (first.truth == other.truth).all():
        return np.arange(len(first.films))
    # A file that is there twice: its copies are matched by class, then by name
    orders = [
        sorted(range(len(key)), key=lambda i, key=key, found=found: (key[i], found.truth[i], found.films[i]))
        for key, found in zip(keys, (first, other), strict=True)
    ]
    rows = np.empty(len(first.films), np.int64)
    rows[orders[0]] = orders[1]
    if len(wrong := np.flatnonzero(other.truth[rows] != first.truth)):
        i = int(wrong[0])
        raise ComparisonRefused(
            f"Expected one reference standard; {first.model} and {other.model} differ in it on {len(wrong)} of "
            f"{len(rows)} films: {first.films[i]} is {first.classes[first.truth[i]]} for the one and "
            f"{first.classes[other.truth[rows[i]]]} for the other."
        )
    return rows


def _check_names(found: Evaluation) -> None:
    if twice := [name for name, times in Counter(found.films).items() if times > 1]:
        raise ComparisonRefused(
            f"Expected films with a sha256 or a name of their own each; {found.model} names {len(twice)} more than "
            f"once ({_some(twice)}). Evaluate it again to have the sha256."
        )


def _difference(first: Evaluation, other: Evaluation, ours: Sequence[str], theirs: Sequence[str], by_hash: bool) -> str:
    only_first, only_other = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
    name_first, name_other = (dict(zip(*pair, strict=True)) for pair in ((ours, first.films), (theirs, other.films)))
    words = (
        f"Expected the same test films; {first.model} has {only_first.total()} of {len(ours)} that {other.model} has "
        f"not ({_some([name_first[key] for key in only_first])}), and {other.model} has {only_other.total()} of "
        f"{len(theirs)} that {first.model} has not ({_some([name_other[key] for key in only_other])})."
    )
    same_names = {name_first[key] for key in only_first} & {name_other[key] for key in only_other}
    if by_hash and same_names:
        words += f" {len(same_names)} have the same name and are other files ({_some(sorted(same_names))})."
    return words + " Evaluate both on one folder."


def _notes(first: Evaluation, other: Evaluation, rows: np.ndarray, by_hash: bool) -> list[str]:
    notes = []
    if other.classes != first.classes:
        notes.append(f"{other.model} lists its classes in another order; they were matched by name.")
    if (np.diff(rows) < 0).any():
        key = "sha256" if by_hash else "name"
        notes.append(f"{other.model} lists its films in another order; they were matched by {key}.")
    if renamed := sum(other.films[row] != name for row, name in zip(rows.tolist(), first.films, strict=True)):
        notes.append(f"{renamed} films have another name for {other.model}; {first.model}'s are shown.")
    return notes


def _take(found: Evaluation, rows: np.ndarray) -> Evaluation:
    chosen = rows.tolist()
    return replace(
        found,
        films=tuple(found.films[i] for i in chosen),
        truth=found.truth[rows],
        logits=found.logits[rows],
        hashes=tuple(found.hashes[i] for i in chosen) if found.hashes else (),
        groups=tuple(found.groups[i] for i in chosen) if found.groups else (),
    )


def _some(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return (f"{shown} and {len(names) - most} more" if len(names) > most else shown) or "none"
