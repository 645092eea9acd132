"""The results of a study as two CSV files, and back: a row a trial, and a row a trial, fold, seed and epoch.

Numbers are written in full with a point, whatever the computer's language; a setting is JSON, or plain text where that
is no JSON. docs/studies.md names every column.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any

import msgspec

from xraykit.evaluation.stats import Figure
from xraykit.experiments.results import csv_cells as cells
from xraykit.experiments.results.records import Confusion, Epoch, RunRecord, Standing
from xraykit.experiments.results.ties import Difference, Method, Ties
from xraykit.system.files import csv_cells

SETTING = "setting "  # before the path of a factor, so that no factor takes the name of a column
RUN_COLUMNS = (
    ("run", "folder", str),
    ("state", "standing", Standing),
    ("best_epoch", "best_epoch", cells.whole),
    ("best_val_loss", "loss", cells.positive),
    ("best_val_accuracy", "accuracy", cells.share),
    ("gap", "gap", cells.change),
    ("learning_seconds", "seconds", cells.positive),
    ("pass_seconds", "pass_seconds", cells.positive),
    ("parameters", "parameters", cells.whole),
    ("trainable", "trainable", cells.whole),
    ("validation_films", "films", cells.whole),
)
EPOCH_KINDS = {"phase": cells.number_from_1, "accuracy": cells.share, "val_accuracy": cells.share}  # others: positive
EPOCH_COLUMNS = tuple(field.name for field in fields(Epoch) if field.name != "number")
TIE_COLUMNS = ("rank", "tied_with_best", "behind_best", "behind_low", "behind_high", "p", "adjusted_p", "pairs", "test")
HEAD = ("study", "trial", "random_start")
PLACE = ("fold", "fold_name", "seed")
RUN_NAMES = tuple(name for name, _, _ in RUN_COLUMNS)


def epochs_text(study: str, factors: Sequence[str], rows: Sequence[tuple[int, Mapping[str, Any], bool, Any]]) -> str:
    """A row an epoch of every run; one without a number where a run has no epoch yet.

    Parameters
    ----------
    rows : sequence of (trial, settings, random start, runs)
    """
    columns = (
        *HEAD,
        *(SETTING + path for path in factors),
        *PLACE,
        *RUN_NAMES,
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
    columns, rows = cells.rows(text, (*HEAD, *PLACE, *RUN_NAMES, "tested", "epoch", *EPOCH_COLUMNS))
    factors = tuple(name.removeprefix(SETTING) for name in columns if name.startswith(SETTING))
    trials: dict[int, tuple[dict[str, Any], bool, list[RunRecord]]] = {}
    runs: dict[tuple[int, int, int], tuple[int, dict[str, str], list[Epoch]]] = {}
    for line, row in rows:
        with cells.naming(line):
            trial, fold = cells.number_from_1(row["trial"]), cells.number_from_1(row["fold"])
            settings = {path: _value(row[SETTING + path]) for path in factors if row[SETTING + path] != ""}
            trials.setdefault(trial, (settings, row["random_start"] == "yes", []))
            first, whole, epochs = runs.setdefault((trial, fold, cells.whole(row["seed"])), (line, row, []))
            epochs += [_epoch(row)] if row["epoch"] else []
        _check_alike(
            line,
            row,
            first,
            whole,
            ("study", "random_start", *map(SETTING.__add__, factors), *PLACE, *RUN_NAMES, "tested"),
        )
    _check_study(rows)
    for place, (line, row, epochs) in sorted(runs.items(), key=lambda run: run[0][:2]):  # seeds stay in their order
        with cells.naming(line):
            trials[place[0]][2].append(_record(place, row, epochs))
        if len({epoch.number for epoch in epochs}) < len(epochs):
            raise cells.TableRefused(f"Expected each epoch of a run once; {row['run']} has one twice. {cells.AGAIN}")
    return rows[0][1]["study"] if rows else "", factors, dict(sorted(trials.items()))


def _record(place: tuple[int, int, int], row: Mapping[str, str], epochs: Sequence[Epoch]) -> RunRecord:
    known = {name: cells.parsed(row[column], kind) for column, name, kind in RUN_COLUMNS}
    known |= {"folder": row["run"], "films": known["films"] or 0}
    if known["standing"] is None:
        raise ValueError("a run has a state")
    ordered = tuple(sorted(epochs, key=lambda epoch: epoch.number))
    return RunRecord(*place, row["fold_name"], epochs=ordered, tested=_read_tested(row["tested"]), **known)


def _check_alike(line: int, row: Mapping[str, str], first: int, whole: Mapping[str, str], names: Sequence[str]) -> None:
    """What is said of a run stands in each of its rows."""
    if differing := [name for name in names if row[name] != whole[name]]:
        raise cells.TableRefused(
            f"Expected the same {', '.join(differing)} in lines {first} and {line} of the CSV, which are of one run. "
            f"{cells.AGAIN}"
        )


def _check_study(rows: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    for line, row in rows:
        if row["study"] != rows[0][1]["study"]:
            raise cells.TableRefused(
                f"Expected one study in the CSV; line {line} is of another. Choose the two files of one study."
            )


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


def read_ties(text: str, study: str, trials: Collection[int]) -> Ties:
    """The ties that `trials_text` wrote of these trials; they rest on films, which no CSV has."""
    _, rows = cells.rows(text, ("study", "trial", *TIE_COLUMNS))
    _check_study(rows)
    listed = []
    best, others = None, []
    for line, row in rows:
        with cells.naming(line):
            trial = cells.number_from_1(row["trial"])
            listed.append(trial)
            if row["tied_with_best"] == "best" and cells.number_from_1(row["rank"]) == 1:
                best = trial
            elif any(row[name] for name in TIE_COLUMNS):
                others.append((cells.number_from_1(row["rank"]), _difference(trial, row)))
    if sorted(listed) != sorted(trials) or (rows and rows[0][1]["study"] != study):
        raise cells.TableRefused(
            "Expected the same study and trials in both CSV files, each trial once in trials.csv; they differ. Choose "
            "the two files of one study."
        )
    ranks = sorted(rank for rank, _ in others)
    if ranks and (best is None or ranks != list(range(2, len(ranks) + 2))):
        raise cells.TableRefused(
            f"Expected each rank from 1 on once in trials.csv; one is missing or there twice. {cells.AGAIN}"
        )
    return Ties(best, tuple(other for _, other in sorted(others, key=lambda pair: pair[0])))


def _difference(trial: int, row: Mapping[str, str]) -> Difference:
    value, low, high = (cells.parsed(row[name], cells.change) for name in ("behind_best", "behind_low", "behind_high"))
    p, adjusted = (cells.parsed(row[name], cells.share) for name in ("p", "adjusted_p"))
    pairs = cells.whole(row["pairs"])
    if value is None or row["tied_with_best"] not in ("yes", "no"):
        raise ValueError("a trial is behind the best one by some figure")
    return Difference(trial, Figure(value, low, high, pairs), p, adjusted, pairs, Method[row["test"].upper()])


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


def _epoch(row: Mapping[str, str]) -> Epoch:
    figures = {name: cells.parsed(row[name], EPOCH_KINDS.get(name, cells.positive)) for name in EPOCH_COLUMNS}
    return Epoch(cells.number_from_1(row["epoch"]), **figures)


def _tested(tested: Confusion | None) -> str:
    return "" if tested is None else json.dumps([tested.classes, tested.counts], ensure_ascii=False)


def _read_tested(text: str) -> Confusion | None:
    if not text:
        return None
    classes, counts = msgspec.json.decode(text, type=tuple[tuple[str, ...], tuple[tuple[_Count, ...], ...]])
    if {len(classes)} != {len(counts), *map(len, counts)}:
        raise ValueError("a confusion matrix is a square")
    return Confusion(classes, counts)


_Count = Annotated[int, msgspec.Meta(ge=0)]
