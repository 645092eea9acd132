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

FEWEST, MOST = 2, 10


class ComparisonRefused(Refused):
    """Evaluations that cannot be compared; the message names what differs."""

    code = "comparison"


class ClassesDiffer(ComparisonRefused):
    """Models with other sets of classes."""

    code = "comparison-classes"


class FilmsDiffer(ComparisonRefused):
    """Models tested on other films; `shared` is how many all of them were tested on."""

    code = "comparison-films"

    def __init__(self, words: str, shared: int) -> None:
        super().__init__(words)
        self.shared = shared


def align(evaluations: Sequence[Evaluation]) -> tuple[tuple[Evaluation, ...], tuple[str, ...]]:
    """The evaluations with films and classes in the first one's order, and notes on what was reordered.

    Films are matched by their sha256 where every evaluation knows them, else by name.

    Raises
    ------
    ComparisonRefused
        If there are fewer than two or more than ten, a model is there twice, or films, classes (`ClassesDiffer`,
        `FilmsDiffer`) or the reference standard differ.
    """
    _check_models([evaluation.model for evaluation in evaluations])
    first, *others = evaluations
    aligned, notes = [first], []
    by_hash = all(evaluation.hashes for evaluation in evaluations)
    for other in others:
        _check_classes(first, other)
    for other in others:
        reordered = _reorder_classes(other, first.classes)
        try:
            rows = _matching_rows(first, reordered, by_hash)
        except FilmsDiffer as differ:
            raise FilmsDiffer(differ.words, len(_shared_keys(evaluations))) from None
        notes += _notes(first, other, rows, by_hash)
        aligned.append(reordered.choose(rows.tolist()))
    named = next((evaluation.films for evaluation in aligned if evaluation.named), aligned[0].films)
    if by_hash:  # one film has one name, a file's where any evaluation tells it
        aligned = [each if each.films == named else replace(each, films=named) for each in aligned]
    return tuple(aligned), tuple(notes)


def choose_shared(evaluations: Sequence[Evaluation]) -> tuple[Evaluation, ...]:
    """The evaluations on the films that all of them were tested on, matched as `align` does.

    Raises
    ------
    ComparisonRefused
        If there is no such film.
    """
    shared = _shared_keys(evaluations)
    if not shared:
        raise ComparisonRefused("The models were tested on no film in common. Evaluate them on one folder.")
    keys = _keys(evaluations)
    chosen = []
    for evaluation, key in zip(evaluations, keys, strict=True):
        left = Counter(shared)
        rows = []
        for row, film in enumerate(key):  # of a file that is there twice, as many copies as all have
            if left[film] > 0:
                left[film] -= 1
                rows.append(row)
        chosen.append(evaluation.choose(rows))
    return tuple(chosen)


def _keys(evaluations: Sequence[Evaluation]) -> list[Sequence[str]]:
    """What films are matched by: their sha256 where every evaluation knows them, else their names."""
    by_hash = all(evaluation.hashes for evaluation in evaluations)
    return [evaluation.hashes if by_hash else evaluation.films for evaluation in evaluations]


def _shared_keys(evaluations: Sequence[Evaluation]) -> list[str]:
    """The films that all evaluations have, each as often as all of them have it."""
    first, *others = (Counter(key) for key in _keys(evaluations))
    for other in others:
        first &= other
    return list(first.elements())


def join_groups(evaluations: Sequence[Evaluation]) -> np.ndarray:
    """Group numbers (N,) int64 from 0: films are together that any evaluation puts together, or with one sha256."""
    partitions = [evaluation.groups for evaluation in evaluations if evaluation.groups]
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
            f"Expected different models; {', '.join(twice)} is given more than once. Save one under another name."
        )


def _check_classes(first: Evaluation, other: Evaluation) -> None:
    if set(first.classes) != set(other.classes):
        raise ClassesDiffer(
            f"Expected the same classes; {first.model} has {', '.join(first.classes)} and {other.model} has "
            f"{', '.join(other.classes)}."
        )


def _reorder_classes(evaluation: Evaluation, classes: tuple[str, ...]) -> Evaluation:
    if evaluation.classes == classes:
        return evaluation
    columns = [evaluation.classes.index(name) for name in classes]
    place = np.array([classes.index(name) for name in evaluation.classes], np.int64)
    return replace(evaluation, classes=classes, truth=place[evaluation.truth], logits=evaluation.logits[:, columns])


def _matching_rows(first: Evaluation, other: Evaluation, by_hash: bool) -> np.ndarray:
    """Rows of `other` (N,) in the order of `first`'s films."""
    keys = [evaluation.hashes if by_hash else evaluation.films for evaluation in (first, other)]
    if not by_hash:
        for evaluation in (first, other):
            _check_names(evaluation)
    if Counter(keys[0]) != Counter(keys[1]):
        shared = (Counter(keys[0]) & Counter(keys[1])).total()
        raise FilmsDiffer(_difference(first, other, keys[0], keys[1], by_hash), shared)
    if keys[0] == keys[1] and (first.truth == other.truth).all():
        return np.arange(len(first.films))
    # A file that is there twice: its copies are matched by class, then by name
    orders = [
        sorted(range(len(key)), key=lambda i, key=key, e=evaluation: (key[i], e.truth[i], e.films[i]))
        for key, evaluation in zip(keys, (first, other), strict=True)
    ]
    rows = np.empty(len(first.films), np.int64)
    rows[orders[0]] = orders[1]
    if len(wrong := np.flatnonzero(other.truth[rows] != first.truth)):
        i = int(wrong[0])
        raise ComparisonRefused(
            f"The two models have different reference standards on {len(wrong)} of {len(rows)} films: {first.films[i]} "
            f"is {first.classes[first.truth[i]]} for {first.model} and {first.classes[other.truth[rows[i]]]} for "
            f"{other.model}."
        )
    return rows


def _check_names(evaluation: Evaluation) -> None:
    if twice := [name for name, times in Counter(evaluation.films).items() if times > 1]:
        raise ComparisonRefused(
            f"Films are matched by name here, and {evaluation.model} has {len(twice)} names more than once "
            f"({_some(twice)}). Evaluate it again to record each film's sha256."
        )


def _difference(first: Evaluation, other: Evaluation, ours: Sequence[str], theirs: Sequence[str], by_hash: bool) -> str:
    only_first, only_other = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
    name_first, name_other = (dict(zip(*pair, strict=True)) for pair in ((ours, first.films), (theirs, other.films)))
    sides = [
        f"{only.total()} of {len(keys)} only for {model} ({_some([names[key] for key in only])})"
        for only, keys, model, names in (
            (only_first, ours, first.model, name_first),
            (only_other, theirs, other.model, name_other),
        )
        if only
    ]
    words = f"{first.model} and {other.model} were tested on different films: {', '.join(sides)}."
    same_names = {name_first[key] for key in only_first} & {name_other[key] for key in only_other}
    if by_hash and same_names:
        words += f" {len(same_names)} have the same name but different content ({_some(sorted(same_names))})."
    return words + " Evaluate both on the same folder."


def _notes(first: Evaluation, other: Evaluation, rows: np.ndarray, by_hash: bool) -> list[str]:
    notes = []
    if other.classes != first.classes:
        notes.append(f"{other.model} lists its classes in a different order; they were matched by name.")
    if (np.diff(rows) < 0).any():
        key = "sha256" if by_hash else "name"
        notes.append(f"{other.model} lists its films in a different order; they were matched by {key}.")
    if not (first.named and other.named):
        return notes
    if renamed := sum(other.films[row] != name for row, name in zip(rows.tolist(), first.films, strict=True)):
        notes.append(f"{renamed} films have a different name for {other.model}; the names of {first.model} are shown.")
    return notes


def _some(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return (f"{shown} and {len(names) - most} more" if len(names) > most else shown) or "none"
