"""Table: the results of a study, a row a trial, a row a run, a row an epoch. Reads its folder, trains nothing.

Computed from what is new since it was last read: a finished run never changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from xraykit.experiments.results import csv_files, records
from xraykit.experiments.results.csv_cells import TableRefused
from xraykit.experiments.results.records import RunRecord, Standing
from xraykit.experiments.results.spread import Spread, share, spread
from xraykit.experiments.results.ties import Ties, ties
from xraykit.experiments.study.design import FoldKind
from xraykit.experiments.study_folder import StudyFolder
from xraykit.system.files import FileRefused, read_plain, replace_text, shown
from xraykit.training.run import passes

__all__ = ["Table", "TableRefused", "TrialRow", "csv_epochs", "csv_trials", "read", "read_csv", "save"]
TRIALS, EPOCHS = "trials.csv", "epochs.csv"  # in the study's folder
MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class TrialRow:
    """A trial and its runs, one a fold and seed.

    Figures are of the finished runs, on validation films; of the runs cut early where none has finished.
    """

    number: int
    settings: Mapping[str, Any]
    runs: tuple[RunRecord, ...]
    random_start: bool = False
    folds: int = 1

    @cached_property
    def counts(self) -> Counter[Standing]:
        """How many runs stand where."""
        return Counter(run.standing for run in self.runs)

    @cached_property
    def measured(self) -> tuple[RunRecord, ...]:
        """The runs that the figures rest on."""
        finished = tuple(run for run in self.runs if run.standing is Standing.FINISHED)
        return finished or tuple(run for run in self.runs if run.standing is Standing.CUT)

    @property
    def done(self) -> bool:
        """Have all its runs finished?"""
        return bool(self.runs) and self.counts[Standing.FINISHED] == len(self.runs)

    @cached_property
    def accuracy(self) -> Spread:
        """Of the epoch of lowest validation loss."""
        return share([run.accuracy for run in self.measured], self.films, self.folds)

    @cached_property
    def loss(self) -> Spread:
        return spread([run.loss for run in self.measured], self.folds)

    @cached_property
    def gap(self) -> Spread:
        """Training minus validation accuracy at the last epoch."""
        return spread([run.gap for run in self.measured], self.folds)

    @cached_property
    def best_epoch(self) -> Spread:
        return spread([run.best_epoch for run in self.measured], self.folds)

    @cached_property
    def seconds(self) -> Spread:
        """Of training a run, without the cached features' pass."""
        return spread([run.seconds for run in self.measured], self.folds)

    @cached_property
    def whole_seconds(self) -> Spread:
        """The same with the run's share of that pass."""
        return spread([run.whole_seconds for run in self.measured], self.folds)

    @property
    def films(self) -> int:
        """Validation films of a run; 0 where not known."""
        return next((run.films for run in self.measured if run.films), 0)

    @property
    def parameters(self) -> int | None:
        return next((run.parameters for run in self.runs if run.parameters), None)

    @property
    def trainable(self) -> int | None:
        return next((run.trainable for run in self.runs if run.trainable is not None), None)


@dataclass(frozen=True)
class Table:
    """The results of a study.

    `factors` are the paths of what the trials differ in, `folds` the names of the folds, `seeds` those of each trial.
    """

    study: str
    factors: tuple[str, ...]
    folds: tuple[str, ...]
    seeds: tuple[int, ...]
    rows: tuple[TrialRow, ...]
    ties: Ties = field(default_factory=Ties)

    @cached_property
    def counts(self) -> Counter[Standing]:
        """How many runs stand where."""
        total: Counter[Standing] = Counter()
        for row in self.rows:
            total.update(row.counts)
        return total

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        return tuple(run for row in self.rows for run in row.runs)

    @cached_property
    def ranked(self) -> tuple[TrialRow, ...]:
        """Best first; trials without a figure last, in their order."""
        order = {self.ties.best: 0} | {other.trial: k for k, other in enumerate(self.ties.others, 1)}
        return tuple(sorted(self.rows, key=lambda row: (order.get(row.number, len(self.rows)), row.number)))

    @property
    def best(self) -> TrialRow | None:
        return None if self.ties.best is None else self.row(self.ties.best)

    def row(self, number: int) -> TrialRow:
        """The trial of that number; KeyError where there is none."""
        return {row.number: row for row in self.rows}[number]

    @cached_property
    def fastest_for_accuracy(self) -> tuple[int, ...]:
        """The trials that none beats in accuracy and time together (Pareto), fastest first."""
        known = [
            (row.whole_seconds.mean, -row.accuracy.mean, row.number)
            for row in self.rows
            if row.counts[Standing.FINISHED] and row.accuracy.mean is not None and row.whole_seconds.mean is not None
        ]
        front, best = [], float("inf")
        for _, miss, number in sorted(known):
            if miss < best:
                front.append(number)
                best = miss
        return tuple(front)

    @property
    def random_start(self) -> bool:
        """Did any trial begin from random weights where ImageNet's were asked for?"""
        return any(row.random_start for row in self.rows)


def read(folder: StudyFolder) -> Table:
    """The results of a study as they are now.

    Raises
    ------
    StudyFolderRefused
        If the study or its trials cannot be read. A run that cannot be read has failed.
    """
    study, names = folder.study(), folder.fold_names()
    left_out = study.folds.kind is FoldKind.LEAVE_ONE_SOURCE_OUT
    runs: dict[int, list[RunRecord]] = {}
    for each in folder.runs():
        place = (each.trial.number, each.fold + 1, each.seed, names[each.fold])
        runs.setdefault(each.trial.number, []).append(records.read(each.run, *place, tested=left_out))
    runs = _with_shares(runs)
    rows = tuple(
        TrialRow(
            trial.number, trial.settings, tuple(runs.get(trial.number, ())), trial.random_start, max(1, len(names))
        )
        for trial in folder.trials()
    )
    factors = _factors(tuple(study.factors), rows)
    return _table(folder.path, Table(study.name, factors, names, study.seeds, rows))


def _with_shares(runs: dict[int, list[RunRecord]]) -> dict[int, list[RunRecord]]:
    """The runs, each with its share of the passes of films through frozen layers that it has in common with others."""
    seconds = passes.shares({run.folder: run.passes for own in runs.values() for run in own if run.passes})
    if not seconds:
        return runs
    return {
        trial: [replace(run, pass_seconds=seconds[run.folder]) if run.passes else run for run in own]
        for trial, own in runs.items()
    }


def save(folder: StudyFolder) -> Table:
    """Write both CSV files into the study's folder, each replaced whole, and give the table they hold."""
    table = read(folder)
    replace_text(folder.path / EPOCHS, csv_epochs(table))
    replace_text(folder.path / TRIALS, csv_trials(table))
    return table


def csv_trials(table: Table) -> str:
    """A row a trial."""
    return csv_files.trials_text(table.study, table.factors, table.rows, table.ties)


def csv_epochs(table: Table) -> str:
    """A row a trial, fold, seed and epoch."""
    rows = [(row.number, row.settings, row.random_start, row.runs) for row in table.rows]
    return csv_files.epochs_text(table.study, table.factors, rows)


def read_csv(trials: str | Path, epochs: str | Path) -> Table:
    """The table of which `csv_trials` and `csv_epochs` are the text; a Path is read.

    Raises
    ------
    TableRefused
        If either is something else.
    """
    texts = [_text(source) if isinstance(source, Path) else source for source in (trials, epochs)]
    study, factors, by_trial = csv_files.read_epochs(texts[1])
    runs = [run for _, _, listed in by_trial.values() for run in listed]
    names = tuple({run.fold: run.fold_name for run in sorted(runs, key=lambda run: run.fold)}.values())
    seeds = tuple(dict.fromkeys(run.seed for run in runs))
    rows = tuple(
        TrialRow(number, settings, tuple(listed), random_start, len(names))
        for number, (settings, random_start, listed) in by_trial.items()
    )
    return Table(study, factors, names, seeds, rows, csv_files.read_ties(texts[0], study, by_trial))


def _text(path: Path) -> str:
    try:
        return read_plain(path, MOST_BYTES).decode("utf-8-sig")
    except FileRefused as refused:
        raise TableRefused(f"Expected a study's results as CSV in {shown(path)}. {refused.words}") from None
    except UnicodeDecodeError:
        raise TableRefused(f"Expected a study's results as CSV in {shown(path)}; it is no text in UTF-8.") from None


def _factors(asked: tuple[str, ...], rows: Sequence[TrialRow]) -> tuple[str, ...]:
    """Those of the study, then what trials were given beside them."""
    return tuple(dict.fromkeys((*asked, *(path for row in rows for path in row.settings))))


_kept: dict[Path, Table] = {}
KEPT = 16  # tables


def _table(path: Path, fresh: Table) -> Table:
    """The table as it was given before, as long as nothing has changed: what is drawn from it is then drawn once."""
    known = _kept.pop(path, None)
    same = known is not None and _head(known) == _head(fresh) and _same(known.runs, fresh.runs)
    table = known if known is not None and same else replace(fresh, ties=_ties(fresh))
    _kept[path] = table  # last in line
    while len(_kept) > KEPT:
        _kept.pop(next(iter(_kept)), None)
    return table


def _ties(table: Table) -> Ties:
    return ties({row.number: row.runs for row in table.rows}, max(1, len(table.folds)))


def _head(table: Table) -> tuple[Any, ...]:
    heads = tuple((row.number, row.settings, row.random_start) for row in table.rows)
    return table.study, table.factors, table.folds, table.seeds, heads


def _same(known: Sequence[RunRecord], fresh: Sequence[RunRecord]) -> bool:
    return len(known) == len(fresh) and all(a is b or a == b for a, b in zip(known, fresh, strict=True))
