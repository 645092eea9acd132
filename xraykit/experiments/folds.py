"""Folds: which films each run of a study learns from, is validated on, and never sees. Reads no file.

The same for every trial, so that trials are compared in pairs; groups are whole in one part.
"""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xraykit.datasets import dataset, split
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.layout import DatasetRefused
from xraykit.datasets.split import Split, SplitPlan
from xraykit.experiments.study.design import FoldKind
from xraykit.experiments.study.study import FoldPlan

PARTS = ("train", "validation", "test", split.HELD_OUT)


class FoldsRefused(DatasetRefused):
    """Films that cannot be divided as a study wants them; its words name every reason, a line each."""

    code = "folds"


@dataclass(frozen=True, eq=False)
class Folds:
    """The divisions of a study's films.

    Attributes
    ----------
    parts : one Split a fold
        Its `test` is empty but with leave-one-source-out, where it is the source left out; its `held_out` are the films
        of `test` below.
    names : one a fold
        "1", "2", ..., or the source left out.
    test : (n,) int64
        Films that no run sees; read once, by the networks of the chosen trial. Empty with leave-one-source-out.
    left_out : one count a fold
        Films in no part: those of training that are the same picture, or show the same patient, as one of the source
        left out.
    """

    parts: tuple[Split, ...]
    names: tuple[str, ...]
    test: np.ndarray
    left_out: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.parts)


def make(films: Dataset, plan: FoldPlan, split_plan: SplitPlan) -> Folds:
    """Divide a dataset for a study; the seed is that of the fold plan.

    One fold and cross-validation hold out the same test split, that of `split.split`. Leave-one-source-out has none:
    there each source in turn is the test, and a part of the other sources' films, as large as the plan says, validates.

    Raises
    ------
    FoldsRefused
        If the films cannot be divided so; the words name every reason.
    """
    split_plan = dataclasses.replace(split_plan, seed=plan.seed)
    if wrong := [*_too_few(films, plan), *(_no_sources(films) if _by_source(plan) else ())]:
        raise FoldsRefused("\n".join(wrong))
    if _by_source(plan):
        folds = _leave_one_source_out(films, plan, split_plan.validation)
    else:
        folds = _hold_out(films, plan, split_plan)
    if wrong := list(_absent(films, folds)):
        raise FoldsRefused("\n".join(wrong))
    return folds


def digest(films: Dataset, folds: Folds) -> str:
    """sha256 over the part of each film in each fold: the same division of the same films gives the same digest."""
    rows = sorted(" ".join((sha, *parts)) for sha, parts in zip(films.hashes, _parts(films, folds), strict=True))
    return hashlib.sha256("\n".join([*folds.names, *rows]).encode()).hexdigest()


def to_json(films: Dataset, folds: Folds) -> dict[str, Any]:
    """Plain data for folds.json: the hash, films per class in each part, and each film with its part in each fold."""
    return {
        "digest": films.digest,
        "hash": digest(films, folds),
        "classes": list(films.classes),
        "names": list(folds.names),
        "left_out": list(folds.left_out),
        "counts": [
            {name: films.counts(indices) for name, indices in parts.parts().items() if len(indices)}
            for parts in folds.parts
        ],
        "held_out": films.counts(folds.test),
        "films": [
            {"film": film, "sha256": sha, "parts": list(parts)}
            for film, sha, parts in zip(films.films, films.hashes, _parts(films, folds), strict=True)
        ],
    }


def from_json(data: Any, films: Dataset, name: str) -> Folds:
    """The folds that folds.json of the study `name` recorded, of these films.

    Raises
    ------
    DatasetRefused
        If the films are others than those recorded.
    FoldsRefused
        If the data is not what `to_json` gives, or its parts are not those of its hash.
    """
    damaged = FoldsRefused(f"folds.json of {name} is damaged: it was cut short or changed. Start the study anew.")
    try:
        known = {film["sha256"]: film for film in data["films"]}
        if data["digest"] != films.digest:
            dataset.expect(films, {"digest": data["digest"], "films": list(known.values())}, name)
        parts_of = [tuple(known[sha]["parts"]) for sha in films.hashes]
        names, left_out = tuple(data["names"]), tuple(data["left_out"])
        number_of = np.array([[(*PARTS, split.LEFT_OUT).index(part) for part in parts] for parts in parts_of])
        columns = number_of.reshape(len(films), len(names)).T
        parts = tuple(Split(*(np.flatnonzero(column == k) for k in range(len(PARTS)))) for column in columns)
        folds = Folds(parts, names, parts[0].held_out, left_out)
        if data["hash"] != digest(films, folds) or len(left_out) not in (0, len(names)):
            raise damaged
    except DatasetRefused:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise damaged from None
    return folds


def recorded(films: Dataset, folds: Folds, number: int, plan: SplitPlan) -> dict[str, Any]:
    """What a run of fold `number` (from 0) finds as its data.json, as `split.describe` writes it.

    Films that no run sees are "held out"; those that this fold leaves out, "left out".
    """
    parts = folds.parts[number]
    return split.describe(films, parts, split.training(films, parts.train, plan), plan.division)


def _by_source(plan: FoldPlan) -> bool:
    return plan.kind is FoldKind.LEAVE_ONE_SOURCE_OUT


def _hold_out(films: Dataset, plan: FoldPlan, split_plan: SplitPlan) -> Folds:
    first = split.split(films, split_plan)
    if plan.kind is FoldKind.SINGLE:
        return Folds((_split(first.train, first.validation, held_out=first.test),), ("1",), first.test)
    rest = np.sort(np.concatenate([first.train, first.validation]))
    fold = _stratified(films, rest, plan.count, plan.seed)
    parts = tuple(_split(rest[fold != k], rest[fold == k], held_out=first.test) for k in range(plan.count))
    return Folds(parts, tuple(str(k + 1) for k in range(plan.count)), first.test)


def _leave_one_source_out(films: Dataset, plan: FoldPlan, validation: float) -> Folds:
    sources, names = np.array(films.sources), sorted(set(films.sources))
    parts: list[Split] = []
    left_out, wrong = [], []
    for name in names:
        test = np.flatnonzero(sources == name)
        rest = np.flatnonzero((sources != name) & ~np.isin(films.groups, films.groups[test]))
        folds = min(split.FOLDS, len(np.unique(films.groups[rest])), max(films.counts(rest).values()))
        if absent := [label for label, n in films.counts(rest).items() if n == 0]:
            wrong.append(
                f"Without {name} there is no film of {', '.join(absent)} to learn from. Leave the class out, or add a "
                "source that has it."
            )
        elif folds < 2:
            wrong.append(f"Without {name} there are too few films to learn from and to validate on. Add films.")
        else:
            fold = _stratified(films, rest, folds, plan.seed)
            validates = fold < min(max(1, round(validation * folds)), folds - 1)
            parts.append(_split(rest[~validates], rest[validates], test))
            left_out.append(len(films) - len(test) - len(rest))
    if wrong:
        raise FoldsRefused("\n".join(wrong))
    return Folds(tuple(parts), tuple(names), np.empty(0, np.int64), tuple(left_out))


def _split(
    train: np.ndarray, validation: np.ndarray, test: np.ndarray | None = None, *, held_out: np.ndarray | None = None
) -> Split:
    nothing = np.empty(0, np.int64)
    return Split(train, validation, nothing if test is None else test, nothing if held_out is None else held_out)


def _stratified(films: Dataset, indices: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A fold from 0 for each of these films, (n,) int64; stratified by class, groups whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    folder, fold = StratifiedGroupKFold(count, shuffle=True, random_state=seed), np.empty(len(indices), np.int64)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # of classes smaller than the folds
        members = folder.split(indices, films.labels[indices], films.groups[indices])
        for number, (_, validates) in enumerate(members):
            fold[validates] = number
    return fold


def _too_few(films: Dataset, plan: FoldPlan) -> Iterator[str]:
    """Classes with too few films, or too few groups, for the folds."""
    for label, name in enumerate(films.classes):
        own = films.labels == label
        groups = len(np.unique(films.groups[own]))
        if own.sum() < 2:
            yield (
                f"{name} has {int(own.sum())} film: a class needs films to learn from and others to validate on. Add "
                "films, merge it with another class, or leave it out."
            )
        elif plan.kind is FoldKind.CROSS_VALIDATION and groups <= plan.count:
            yield (
                f"{name} has {groups} groups of films: too few for {plan.count} folds and a test split, which need at "
                f"least {plan.count + 1}. Add films, or take fewer folds."
            )


def _no_sources(films: Dataset) -> Iterator[str]:
    named = sorted(set(films.sources) - {""})
    if not named:
        yield (
            f"{films.root} does not say which source each film comes from, which leave-one-source-out needs. Give its "
            "manifest a column source, or pool several datasets."
        )
    elif len(named) == 1:
        yield f"All films of {films.root} come from one source, {named[0]}: leave-one-source-out needs at least two."
    if named and (without := films.sources.count("")):
        yield f"{without:,} films of {films.root} have no source. Fill in the column source of its manifest."


def _absent(films: Dataset, folds: Folds) -> Iterator[str]:
    """Folds whose training or validation films lack a class."""
    for name, parts in zip(folds.names, folds.parts, strict=True):
        for part in ("train", "validation"):
            if absent := [label for label, n in films.counts(parts.parts()[part]).items() if n == 0]:
                yield (
                    f"The {part} films of fold {name} have none of {', '.join(absent)}. Add films, or take another "
                    "seed or fewer folds."
                )


def _parts(films: Dataset, folds: Folds) -> Sequence[tuple[str, ...]]:
    """The part of each film in each fold."""
    columns = np.full((len(folds), len(films)), split.LEFT_OUT, dtype=object)
    for column, parts in zip(columns, folds.parts, strict=True):
        for name, indices in zip(PARTS, (parts.train, parts.validation, parts.test, parts.held_out), strict=True):
            column[indices] = name
    return [tuple(row) for row in columns.T]
