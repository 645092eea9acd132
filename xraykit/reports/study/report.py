"""What the Experiments page says of a study, section by section; a report writes the same sections.

Computes no figure: those are the table's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from xraykit.experiments.results import overfitting as overfittings
from xraykit.experiments.results import sources
from xraykit.experiments.table import Table, TrialRow
from xraykit.reports.charts import studies as charts
from xraykit.reports.charts.style import Style
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Measured
from xraykit.reports.report.table import Table as ReportTable
from xraykit.reports.study import words
from xraykit.reports.study.settings import MOST_ROWS
from xraykit.system import text

FIRST_SHOWN = 4  # trials whose histories are overlaid before any is chosen
SHRINK = "shrink"
SPLITS = (("validation", "val_"), ("training", ""))
MEANS = (
    "Means over folds and seeds, at the epoch of lowest validation loss; the gap is training minus validation accuracy "
    "at the last epoch, in points."
)
FEATURES = "“With features” adds a run's share of the one pass of films through the frozen backbone."
MEASURES = (("accuracy", "Accuracy", True), ("loss", "Loss", False))


def results(table: Table) -> Section:
    """A row a trial, best first: figures over folds and seeds, time, size, states, and which cannot be told apart."""
    by_number = words.names(table)
    factors = [Column(words.label(path)) for path in table.factors]
    columns = (
        Column("Trial"),
        *factors,
        Column("Validation accuracy", "percent", interval=True, look="bar"),
        Column("sd, points", "points"),
        Column("Validation loss", "number"),
        Column("sd of loss", "number"),
        Column("Best epoch", "plain"),
        Column("Train − validation", "points"),
        Column("Training time", "text"),
        Column("With features", "text"),
        Column("Parameters", "count"),
        Column("Trainable", "count"),
        Column("Runs"),
        Column("Beside the best"),
    )
    rows = tuple(_row(table, row) for row in table.ranked)
    note = f"{MEANS} {FEATURES}"
    sentences = tuple(words.verdict(table, by_number))
    return Section("results", "Results", sentences, (ReportTable("trials", "Trials", columns, rows, note),))


def _row(table: Table, row: TrialRow) -> tuple[Any, ...]:
    mark = f" ({words.RANDOM_START})" if row.random_start else ""
    epoch = row.best_epoch.mean
    return (
        f"{row.number}{mark}",
        *(words.setting(path, row.settings[path]) if path in row.settings else "" for path in table.factors),
        row.accuracy.figure,
        row.accuracy.sd,
        row.loss.mean,
        row.loss.sd,
        None if epoch is None else round(epoch, 1) if epoch % 1 else int(epoch),
        row.gap.mean,
        _time(row.seconds.mean),
        _time(row.whole_seconds.mean),
        row.parameters,
        row.trainable,
        words.states(row),
        words.beside_best(table.ties, row.number),
    )


def _time(seconds: float | None) -> Measured | None:
    return None if seconds is None else Measured(seconds, text.duration(seconds))


def comparisons(table: Table, most: int | None = None) -> Section | None:
    """The best trial minus each other one, with the test behind "cannot be told apart"; the first `most` if given."""
    if not table.ties.others:
        return None
    others = table.ties.others[:most]
    by_number = words.names(table)
    columns = (
        Column("Best trial minus"),
        Column("Accuracy, points", "points", interval=True),
        Column("p", "p"),
        Column("Holm-adjusted p", "p"),
        Column("Pairs", "count"),
        Column("Verdict"),
    )
    rows = tuple(
        (
            by_number[other.trial],
            other.difference,
            other.p,
            other.adjusted_p,
            other.pairs,
            words.beside_best(table.ties, other.trial),
        )
        for other in others
    )
    note = "Pairs are runs of the same fold and seed, or validation films."
    if len(others) < len(table.ties.others):
        note += f" The {len(others)} nearest of {len(table.ties.others)}; the trials' CSV and the full report have all."
    return Section("comparisons", "Beside the best", (), (ReportTable("differences", "", columns, rows, note),))


def histories(table: Table, chosen: Sequence[int] = ()) -> Section | None:
    """Accuracy and loss over the epochs of these trials, the best ones if none is chosen; each the mean of its runs."""
    by_number = words.names(table)
    rows = [row for row in table.ranked if any(run.epochs for run in row.runs)]
    if chosen:
        rows = [row for row in rows if row.number in chosen]
    rows = rows[: charts.MOST_LINES if chosen else FIRST_SHOWN]
    if not rows:
        return None
    shown = [by_number[row.number] for row in rows]
    pictures = []
    for key, title, percent in MEASURES:
        points = [point for row in rows for point in _history(row, key, by_number[row.number])]
        points = _limited(points)
        pictures.append(_lines(f"history-{key}", title, points, shown, percent))
    sentence = "Validation thick, training thin; the band spans the runs of a trial."
    return Section("histories", "Histories", (sentence,), tuple(pictures))


def _lines(key: str, title: str, points: list[dict[str, Any]], shown: list[str], percent: bool) -> Picture:
    def draw(style: Style) -> Any:
        return charts.lines(points, shown, title, percent=percent, style=style)

    return Picture(key, title, draw, points)


def _history(row: TrialRow, key: str, name: str) -> Iterator[dict[str, Any]]:
    runs = row.measured or row.runs
    for split, prefix in SPLITS:
        by_epoch: dict[int, list[float]] = {}
        for run in runs:
            for epoch in run.epochs:
                value = getattr(epoch, prefix + key)
                if value is not None:
                    by_epoch.setdefault(epoch.number, []).append(value)
        for number, values in sorted(by_epoch.items()):
            mean = math.fsum(values) / len(values)
            ends = {"low": min(values), "high": max(values)}
            yield {"trial": name, "split": split, "epoch": number, "value": mean, **ends}


def _limited(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most MOST_ROWS: of long histories every second epoch, every third, ..."""
    every = -(-len(points) // MOST_ROWS)
    return points if every <= 1 else [point for point in points if (point["epoch"] - 1) % every == 0]


def cost(table: Table) -> Section | None:
    """Accuracy against training time, and which trials none beats in both."""
    by_number, front = words.names(table), table.fastest_for_accuracy
    rows = [
        {
            "trial": by_number[row.number],
            "number": str(row.number),
            "seconds": row.whole_seconds.mean,
            "time": text.duration(row.whole_seconds.mean),
            "accuracy": row.accuracy.mean,
            "low": row.accuracy.low,
            "high": row.accuracy.high,
            "front": row.number in front,
        }
        for row in table.ranked
        if row.number in front or row.whole_seconds.mean is not None and row.accuracy.mean is not None
    ][:MOST_ROWS]
    if len(rows) < 2:
        return None
    listed = "; ".join(by_number[number] for number in front[:6]) + ("; …" if len(front) > 6 else "")
    best = "trial" if len(front) == 1 else "these"
    sentence = (
        f"No trial is both more accurate and faster than {best} {listed}. Times are of one run, "
        "with its share of the cached features."
    )
    note = "diamonds: no trial is more accurate and faster"
    picture = Picture("cost", "Accuracy against time", lambda style: charts.cost(rows, style=style), rows, note)
    return Section("cost", "Accuracy against time", (sentence,), (picture,))


def over_shrink(table: Table) -> Section | None:
    """Accuracy over the share of the training films; None where that was no factor."""
    if SHRINK not in table.factors:
        return None
    others = [path for path in table.factors if path != SHRINK]
    rows = []
    for row in sorted(table.rows, key=lambda row: float(row.settings.get(SHRINK, 1))):
        if row.accuracy.mean is not None:
            line = ", ".join(words.setting(path, row.settings[path]) for path in others) or "all trials"
            line += f" ({words.RANDOM_START})" if row.random_start else ""
            ends = {"low": row.accuracy.low, "high": row.accuracy.high}
            share = float(row.settings[SHRINK])
            rows.append({"trial": line, "share": share, "accuracy": row.accuracy.mean, **ends})
    several = Counter(row["trial"] for row in rows)  # a line has two ends
    lines = [line for line, count in several.items() if count > 1][: charts.MOST_LINES]
    rows = [row for row in rows if row["trial"] in lines]
    if len(rows) < 2:
        return None
    picture = Picture(
        "shrink", "Learning curve over films", lambda style: charts.over_shrink(rows, lines, style=style), rows
    )
    return Section("shrink", "Accuracy over the number of films", (), (picture,))


def overfitting(table: Table) -> Section | None:
    """The gap between training and validation per freeze depth and epoch, and whether the published reading holds."""
    groups = overfittings.overfitting(table)
    if not groups:
        return None
    path = overfittings.depth_path(table) or ""
    by_number = {row.number: row for row in table.rows}
    pictures, cells = [], []
    for place, group in enumerate(groups):
        same = ", ".join(words.setting(name, value) for name, value in group.same.items())
        points, shown = [], []
        for depth in group.depths:
            mark = f" ({words.RANDOM_START})" if by_number[depth.trial].random_start else ""
            name = f"{words.setting(path, depth.value)}{mark}"
            shown.append(name)
            points += [
                {"trial": name, "split": "validation", "epoch": k, "value": gap, "low": gap, "high": gap}
                for k, gap in enumerate(depth.gaps, 1)
            ]
            last = depth.last
            cells.append((depth.trial, *([same] if same else []), name, last.figure, last.sd, last.n))
        pictures.append(_gap_picture(place, same, _limited(points), shown))
    named = any(group.same for group in groups)
    columns = (
        Column("Trial", "plain"),
        *([Column("With")] if named else []),
        Column("Trained"),
        Column("Gap at the last epoch, points", "points", interval=True),
        Column("sd", "points"),
        Column("Runs", "count"),
    )
    table_part = ReportTable("gaps", "Training minus validation accuracy", columns, tuple(cells))
    sentences = tuple(words.overfitting(group) for group in groups)
    return Section("overfitting", "Overfitting by freeze depth", sentences, (*pictures, table_part))


def _gap_picture(place: int, same: str, points: list[dict[str, Any]], shown: list[str]) -> Picture:
    measure = "Training minus validation accuracy"

    def draw(style: Style) -> Any:
        return charts.lines(points, shown, measure, percent=True, zero=True, style=style)

    title = f"Gap per epoch, {same}" if same else "Gap per epoch"
    return Picture(f"gap-{place}", title, draw, points, "above the dashed line: better on films it learned from")


def by_source(table: Table) -> Section | None:
    """What a network gives on films of a source it never saw; None without leave-one-source-out."""
    read = sources.unseen(table)
    if not read:
        return None
    by_number = words.names(table)
    classes = tuple(dict.fromkeys(name for each in read for name in each.sensitivity))
    columns = (
        Column("Trial"),
        Column("Source never seen"),
        Column("Films", "count"),
        Column("Accuracy", "percent", interval=True, look="bar"),
        *(Column(f"Sensitivity, {name}", "percent", interval=True) for name in classes),
        Column("Validation accuracy on the other sources", "percent"),
    )
    rows = tuple(
        (
            by_number[each.trial],
            each.source,
            each.films,
            each.accuracy,
            *(each.sensitivity.get(name) for name in classes),
            each.validation,
        )
        for each in read
    )
    points = [
        {
            "name": each.source,
            "trial": by_number[each.trial],
            "value": each.accuracy.value,
            "low": each.accuracy.low,
            "high": each.accuracy.high,
        }
        for each in read
    ][:MOST_ROWS]
    trials, order = list(dict.fromkeys(p["trial"] for p in points)), list(dict.fromkeys(p["name"] for p in points))

    def draw(style: Style) -> Any:
        return charts.shares(points, order, trials, "Accuracy on the source left out", style=style)

    sentences = tuple(_source_words(table, read))
    picture = Picture("sources", "Accuracy on a source never seen", draw, points)
    return Section(
        "sources", "Sources never seen", sentences, (picture, ReportTable("by-source", "By source", columns, rows))
    )


def _source_words(table: Table, read: Sequence[sources.Unseen]) -> Iterator[str]:
    best = table.ties.best
    mine = [each for each in read if each.trial == best] or [each for each in read if each.trial == read[0].trial]
    drops = [(each.validation - each.accuracy.value, each) for each in mine if each.validation and each.accuracy.value]
    for drop, each in sorted(drops, key=lambda pair: -pair[0]):
        change = f"{abs(100 * drop):.1f} points {'below' if drop > 0 else 'above'}"
        yield (
            f"{each.source}: {each.accuracy.text()} on {each.films:,} films of a source that trial {each.trial} never "
            f"saw, {change} its validation accuracy on the other sources."
        )


OF_THE_TABLE = (cost, over_shrink, overfitting, by_source)  # sections made of the table alone, as they are read
