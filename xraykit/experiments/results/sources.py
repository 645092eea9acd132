"""Sources: what a network gives on films of a source it never saw, with leave-one-source-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure

if TYPE_CHECKING:
    from xraykit.experiments.results.records import RunRecord
    from xraykit.experiments.table import Table


@dataclass(frozen=True)
class Unseen:
    """One trial on the films of one source that its networks never saw.

    `accuracy` and each class's `sensitivity` with Wilson's interval over the films; with several seeds of the mean
    counts. A class that the source lacks has no figure. `validation` is the accuracy on held-back films of the sources
    it did see.
    """

    trial: int
    source: str
    films: int
    accuracy: Figure
    sensitivity: Mapping[str, Figure]
    validation: float | None


def unseen(table: Table) -> tuple[Unseen, ...]:
    """By trial, then source; none without leave-one-source-out, or before a run has finished."""
    return tuple(
        _unseen(row.number, source, runs)
        for row in table.rows
        for source in table.folds
        if (runs := [run for run in row.measured if run.fold_name == source and run.tested is not None])
    )


def _unseen(trial: int, source: str, runs: Sequence[RunRecord]) -> Unseen:
    tested = [run.tested for run in runs if run.tested is not None]
    counts = np.rint(np.mean([each.matrix for each in tested], axis=0)).astype(np.int64)
    hits, support = np.diagonal(counts), counts.sum(axis=1)
    known = [run.accuracy for run in runs if run.accuracy is not None]
    return Unseen(
        trial,
        source,
        int(counts.sum()),
        stats.proportion(int(hits.sum()), int(counts.sum())),
        {name: stats.proportion(int(hits[k]), int(support[k])) for k, name in enumerate(tested[0].classes)},
        float(np.mean(known)) if known else None,
    )
