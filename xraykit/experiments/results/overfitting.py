"""Overfitting: how training and validation accuracy part with how much of the backbone learns. Figures, no words."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xraykit.evaluation.stats import Figure
from xraykit.experiments.results.records import RunRecord
from xraykit.experiments.results.spread import Spread, corrected_interval, spread

if TYPE_CHECKING:
    from xraykit.experiments.table import Table, TrialRow

DEPTH = "trainable"  # the field of a phase that says how much learns
HEAD, ALL = "head", "all"
Z = 1.959964  # 95% of a normal distribution


class Reading(enum.StrEnum):
    """Does a network overfit less with everything unfrozen than with its head alone?"""

    HOLDS = "holds"
    CONTRARY = "contrary"  # it overfits more
    NOT_TOLD_APART = "not told apart"
    UNKNOWN = "unknown"  # a run of either is missing


@dataclass(frozen=True)
class Depth:
    """A trial at one freeze depth.

    `value` is the recipe's; `gaps` are mean training minus validation accuracy, one an epoch from the first; `last`
    that of the last epoch over runs.
    """

    trial: int
    value: str | int
    gaps: tuple[float, ...]
    last: Spread


@dataclass(frozen=True)
class Overfitting:
    """Trials that differ in freeze depth alone, from the head to everything.

    `same` are their other settings; `difference` is the gap with the head alone minus the gap with everything unfrozen,
    at the last epoch: above 0 where the published reading holds.
    """

    same: Mapping[str, Any]
    depths: tuple[Depth, ...]
    reading: Reading
    difference: Figure


def depth_path(table: Table) -> str | None:
    """The factor that says how much of the backbone learns: in the last phase, if there are several."""
    paths = [path for path in table.factors if path.startswith("phases.") and path.endswith(f".{DEPTH}")]
    return max(paths, default=None)


def overfitting(table: Table) -> tuple[Overfitting, ...]:
    """One for each set of other settings that was tried at several freeze depths; none where depth was no factor."""
    path = depth_path(table)
    if path is None:
        return ()
    groups: dict[str, list[TrialRow]] = {}
    for row in table.rows:
        if path in row.settings:
            others = {name: value for name, value in row.settings.items() if name != path}
            groups.setdefault(repr(sorted(others.items(), key=lambda item: item[0])), []).append(row)
    return tuple(_overfitting(rows, path) for rows in groups.values() if len(rows) > 1)


def _overfitting(rows: Sequence[TrialRow], path: str) -> Overfitting:
    ordered = sorted(rows, key=lambda row: _order(row.settings[path]))
    depths = tuple(Depth(row.number, row.settings[path], _gaps(row), row.gap) for row in ordered)
    by_value = {row.settings[path]: row for row in ordered}
    reading, difference = _read(by_value.get(HEAD), by_value.get(ALL))
    same = {name: value for name, value in ordered[0].settings.items() if name != path}
    return Overfitting(same, depths, reading, difference)


def _order(value: str | int) -> float:
    return {HEAD: -1.0, ALL: math.inf}.get(str(value), float(value) if isinstance(value, int) else 0.0)


def _gaps(row: TrialRow) -> tuple[float, ...]:
    """Mean over the runs that have the epoch."""
    by_epoch: dict[int, list[float]] = {}
    for run in row.measured:
        for epoch in run.epochs:
            if epoch.gap is not None:
                by_epoch.setdefault(epoch.number, []).append(epoch.gap)
    return tuple(math.fsum(gaps) / len(gaps) for _, gaps in sorted(by_epoch.items()))


def _read(head: TrialRow | None, everything: TrialRow | None) -> tuple[Reading, Figure]:
    if head is None or everything is None:
        return Reading.UNKNOWN, Figure(None)
    first, second = ({run.key: run for run in row.measured} for row in (head, everything))
    pairs = [(first[key], second[key]) for key in sorted(first.keys() & second.keys())]
    pairs = [pair for pair in pairs if all(run.gap is not None for run in pair)]
    if not pairs:
        return Reading.UNKNOWN, Figure(None)
    changes = [(first_run.gap or 0.0) - (second_run.gap or 0.0) for first_run, second_run in pairs]
    mean = spread(changes).mean
    low, high = corrected_interval(changes, head.folds) if len(changes) > 1 else (None, None)
    if low is None or high is None:  # one pair, or pairs that are all alike
        low, high = _ends_by_films(*pairs[0], changes[0])
    if low is None or high is None:
        return Reading.UNKNOWN, Figure(mean, n=len(pairs))
    reading = Reading.HOLDS if low > 0 else Reading.CONTRARY if high < 0 else Reading.NOT_TOLD_APART
    return reading, Figure(mean, low, high, len(pairs))


def _ends_by_films(first: RunRecord, second: RunRecord, change: float) -> tuple[float, float] | tuple[None, None]:
    """Of a single pair of runs: what another sample of validation films would change, as if they were not the same
    ones for both, which is on the safe side. None where their number is not known."""
    if not first.films or not second.films:
        return None, None
    variance = 0.0
    for run in (first, second):
        share = run.epochs[-1].val_accuracy or 0.0
        share = (share * run.films + 2) / (run.films + 4)  # Agresti and Coull (1998): never 0
        variance += share * (1 - share) / (run.films + 4)
    half = Z * variance**0.5
    return change - half, change + half
