"""The results of a study as two CSV files, and back: a row a trial, and a row a trial, fold, seed and epoch.

Numbers are written in full with a point, whatever the computer's language; a setting is JSON, or plain text where that
is no JSON. docs/studies.md names every column.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from xraykit.evaluation.stats import Figure
from xraykit.experiments.results.records import Confusion, Epoch, RunRecord, Standing
from xraykit.experiments.results.ties import Difference, Method, Ties
from xraykit.refused import Refused
from xraykit.system.files import csv_cells, csv_text

SETTING = "setting "  # before the path of a factor, so that no factor takes the name of a column
RUN_COLUMNS = (
    ("run", "folder", str),
    ("state", "standing", Standing),
    ("best_epoch", "best_epoch", int),
    ("best_val_loss", "loss", float),
    ("best_val_accuracy", "accuracy", float),
    ("gap", "gap", float),
    ("learning_seconds", "seconds", float),
    ("pass_seconds", "pass_seconds", float),
    ("parameters", "parameters", int),
    ("trainable", "trainable", int),
    ("validation_films", "films", int),
)
EPOCH_COLUMNS = tuple(field.name for field in fields(Epoch) if field.name != "number")
TIE_COLUMNS = ("rank", "tied_with_best", "behind_best", "behind_low", "behind_high", "p", "adjusted_p", "pairs", "test")
HEAD = ("study", "trial", "random_start")


class TableRefused(Refused):
    """A CSV file that is no table of a study; the words say what was expected."""

    code = "study-table"


def epochs_text(study: str, factors: Sequence[str], rows: Sequence[tuple[int, Mapping[str, Any], bool, Any]]) -> str:
    """A row an epoch of every run; one without a number where a run has no epoch yet.

    Parameters
    ----------
    rows : sequence of (trial, settings, random start, runs)
    """
    columns = (
        *HEAD,
        *(SETTING + path for path in factors),
        *("fold", "fold_name", "seed"),
        *(name for name, _, _ in RUN_COLUMNS),
        "tested",
        "epoch",
        *EPOCH_COLUMNS,
    )
    return _text(columns, _epoch_rows(study, factors, rows))


def _epoch_rows(study: str, factors: Sequence[str], rows: Iterable[Any]) -> Iterator[list[Any]]:
    for trial, settings, random_start, runs in rows:
        head = [study, trial, _switch(random_start), *(_setting(settings, path) for path in factors)]
        for run in runs:
            of_run = [run.fold, run.fold_name, run.seed, *(getattr(run, name) for _, name, _ in RUN_COLUMNS)]
            of_run.append(_tested(run.tested))
            for epoch in run.epochs or (None,):
                figures = [getattr(epoch, name) for name in EPOCH_COLUMNS] if epoch else [None] * len(EPOCH_COLUMNS)
                yield [*head, *of_run, epoch.number if epoch else None, *figures]


def read_epochs(text: str) -> tuple[str, tuple[str, ...], dict[int, tuple[dict[str, Any], bool, list[RunRecord]]]]:
    """What `epochs_text` wrote: the study's name, its factors, and by trial its settings, mark and runs."""
    columns, rows = _rows(text, ("study", "trial", "fold", "seed", "state", "epoch"))
    factors = tuple(name.removeprefix(SETTING) for name in columns if name.startswith(SETTING))
    trials: dict[int, tuple[dict[str, Any], bool, list[RunRecord]]] = {}
    runs: dict[tuple[int, int, int], tuple[dict[str, str], list[Epoch]]] = {}
    study = ""
    for line, row in rows:
        with _naming(line):
            study = row["study"]
            trial = int(row["trial"])
            settings = {path: _value(row[SETTING + path]) for path in factors if row[SETTING + path] != ""}
            trials.setdefault(trial, (settings, row["random_start"] == "yes", []))
            _, epochs = runs.setdefault((trial, int(row["fold"]), int(row["seed"])), (row, []))
            if row["epoch"]:
                epochs.append(_epoch(row))
    for (trial, fold, seed), (row, epochs) in runs.items():
        known = {name: _parsed(row[column], kind) for column, name, kind in RUN_COLUMNS}
        known |= {"folder": row["run"], "films": known["films"] or 0}
        tested = _read_tested(row["tested"])
        record = RunRecord(trial, fold, seed, row["fold_name"], epochs=tuple(epochs), tested=tested, **known)
        trials[trial][2].append(record)
    return study, factors, trials


def trials_text(study: str, factors: Sequence[str], rows: Sequence[Any], ties: Ties) -> str:
    """A row a trial: figures over folds and seeds, states, and how it stands beside the best one.

    Parameters
    ----------
    rows : sequence of table.TrialRow
    """
    columns = [*HEAD, *(SETTING + path for path in factors), *_figure_names(), *(s.value for s in Standing)]
    order = [] if ties.best is None else [ties.best, *(other.trial for other in ties.others)]
    lines = []
    for row in rows:
        line = [study, row.number, _switch(row.random_start), *(_setting(row.settings, path) for path in factors)]
        line += _figures(row)
        line += [row.counts[standing] for standing in Standing]
        line += [order.index(row.number) + 1 if row.number in order else None, *_tie(ties, row.number)]
        lines.append(line)
    return _text((*columns, *TIE_COLUMNS), lines)


def _figure_names() -> Iterator[str]:
    yield "runs"
    for name in ("val_accuracy", "val_loss", "gap", "best_epoch"):
        yield from (f"{name}_mean", f"{name}_sd")
    yield from ("val_accuracy_low", "val_accuracy_high", "learning_seconds_mean", "with_pass_seconds_mean")
    yield from ("parameters", "trainable")


def _figures(row: Any) -> list[Any]:
    cells: list[Any] = [row.accuracy.n]
    for figure in (row.accuracy, row.loss, row.gap, row.best_epoch):
        cells += [figure.mean, figure.sd]
    cells += [row.accuracy.low, row.accuracy.high, row.seconds.mean, row.whole_seconds.mean]
    return [*cells, row.parameters, row.trainable]


def _tie(ties: Ties, trial: int) -> list[Any]:
    if trial == ties.best:
        return ["best", *[None] * (len(TIE_COLUMNS) - 2)]
    other = ties.difference(trial)
    if other is None:
        return [None] * (len(TIE_COLUMNS) - 1)
    change = other.difference
    ends = (change.value, change.low, change.high)
    return [_switch(other.tied), *ends, other.p, other.adjusted_p, other.pairs, other.method.name.lower()]


def read_ties(text: str) -> Ties:
    """The ties that `trials_text` wrote; they rest on films, which no CSV has."""
    _, rows = _rows(text, ("trial", *TIE_COLUMNS))
    best, others = None, []
    for line, row in rows:
        if not row["rank"]:
            continue
        with _naming(line):
            if row["tied_with_best"] == "best":
                best = int(row["trial"])
                continue
            value, low, high, p, adjusted = (
                _parsed(row[name], float) for name in ("behind_best", "behind_low", "behind_high", "p", "adjusted_p")
            )
            pairs = int(row["pairs"])
            change = Figure(value, low, high, pairs)
            other = Difference(int(row["trial"]), change, p, adjusted, pairs, Method[row["test"].upper()])
            others.append((int(row["rank"]), other))
    return Ties(best, tuple(other for _, other in sorted(others, key=lambda pair: pair[0])))


def _text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(csv_cells(columns))
    for row in rows:
        writer.writerow(csv_cells(_written(value) for value in row))
    return out.getvalue()


def _written(value: Any) -> Any:
    """None as an empty cell; a float as Python reads it again; text in one line."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    return value.replace("\r", " ").replace("\n", " ") if isinstance(value, str) else value


def _rows(text: str, needed: Sequence[str]) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    lines = list(csv.reader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), newline="")))
    columns = [csv_text(cell) for cell in lines[0]] if lines else []
    if missing := [name for name in needed if name not in columns]:
        raise TableRefused(
            f"Expected a study's results as CSV with the columns {', '.join(needed)}; {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Choose a file that was downloaded from Experiments."
        )
    rows = []
    for line, cells in enumerate(lines[1:], 2):
        if len(cells) != len(columns):
            raise TableRefused(
                f"Expected {len(columns)} cells in line {line} of the CSV; got {len(cells)}. Download it again."
            )
        rows.append((line, dict(zip(columns, map(csv_text, cells), strict=True))))
    return columns, rows


class _naming:
    """Says in which line a value does not fit."""

    def __init__(self, line: int) -> None:
        self.line = line

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, (ValueError, KeyError)):
            raise TableRefused(
                f"Expected numbers as xraykit writes them in line {self.line} of the CSV; a cell holds something else. "
                "Download it again: a spreadsheet may have rewritten its numbers."
            ) from None


def _setting(settings: Mapping[str, Any], path: str) -> str:
    """JSON; text as it is where it cannot be taken for JSON. Empty where the trial has no such setting."""
    if path not in settings:
        return ""
    value = settings[path]
    if isinstance(value, str) and value and _value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _switch(value: bool) -> str:
    return "yes" if value else "no"


def _parsed(text: str, kind: Any) -> Any:
    return None if text == "" else kind(text)


def _epoch(row: Mapping[str, str]) -> Epoch:
    phase = _parsed(row["phase"], int)
    figures = {name: _parsed(row[name], float) for name in EPOCH_COLUMNS if name != "phase"}
    return Epoch(int(row["epoch"]), phase, **figures)


def _tested(tested: Confusion | None) -> str:
    return "" if tested is None else json.dumps([tested.classes, tested.counts], ensure_ascii=False)


def _read_tested(text: str) -> Confusion | None:
    if not text:
        return None
    classes, counts = json.loads(text)
    return Confusion(tuple(classes), tuple(tuple(row) for row in counts))
