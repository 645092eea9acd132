"""Published figures beside ours, and what the chosen trial gave on films that nobody chose by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xraykit.evaluation.stats import Figure, number_text
from xraykit.experiments.grid import Trial
from xraykit.experiments.published import figures as published
from xraykit.experiments.published.figures import PublishedStudy, TrialFigures
from xraykit.experiments.results.chosen import Chosen
from xraykit.experiments.study.study import Study
from xraykit.experiments.table import Table, TrialRow
from xraykit.reports.charts import studies as charts
from xraykit.reports.charts.style import Style
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Measured
from xraykit.reports.report.table import Table as ReportTable
from xraykit.reports.study import words
from xraykit.system import text

PUBLISHED, HERE = "published", "here"
CHOSEN_LOOKS_BETTER = (
    " The best of many trials looks better on the films it was chosen by than on others: report the test figure."
)


def chosen(table: Table, read: Chosen | None) -> Section | None:
    """The chosen trial's test figures beside those it was chosen by; None before a trial is chosen."""
    if read is None:
        return None
    name = words.names(table).get(read.trial, str(read.trial))
    films = f"{read.films:,} test films that no run saw" if read.held_out else f"{read.films:,} films of sources unseen"
    tied = len(table.ties.tied) > 1 and read.trial in table.ties.tied
    how = "of those tied with the most accurate, it has the lowest validation log loss" if tied else "the most accurate"
    begin = f"Trial {name} was chosen from {read.candidates} trials: {how}. " if read.candidates > 1 else ""
    networks = f", the mean of {read.runs} networks" if read.runs > 1 else ""
    sentences = [f"{begin}On {films} its accuracy is {read.accuracy.text()}{networks}."]
    if read.drop is not None:
        points = number_text(abs(read.drop), "points")
        side = "higher" if read.drop > 0 else "lower"
        where = "" if read.held_out else " on sources it knows"
        sentences.append(
            f"Its validation accuracy{where}, {text.percent(read.validation)}, is {points} points {side}."
            + (CHOSEN_LOOKS_BETTER if read.held_out and read.candidates > 1 else "")
        )
    columns = (
        Column("Figure"),
        Column("On validation films", "percent"),
        Column("On test films" if read.held_out else "On unseen sources", "percent", interval=True, look="bar"),
        Column("Films", "count"),
    )
    rows = [("Accuracy", read.validation, read.accuracy, read.films)]
    rows += [(f"Sensitivity, {label}", None, figure, figure.n) for label, figure in read.sensitivity.items()]
    return Section(
        "chosen", "The chosen trial", tuple(sentences), (ReportTable("chosen-figures", "", columns, tuple(rows)),)
    )


def beside_published(table: Table, study: Study, read: Chosen | None = None) -> Section | None:
    """The published study's trials beside ours of the same settings; None where nothing is published of it."""
    theirs = published.STUDIES.get(study.published)
    if theirs is None:
        return None
    matched = [(row, _of_row(study, row)) for row in table.rows]
    parts: list[Any] = []
    if pictures := _pictures(table, theirs, matched):
        parts += pictures
    if theirs.trials:
        parts.append(_trials(table, theirs, matched, read))
    elif theirs.best:
        parts.append(_best(table, theirs))
    return Section("published", "Beside the published figures", tuple(_sentences(table, theirs, matched)), tuple(parts))


def _of_row(study: Study, row: TrialRow) -> TrialFigures | None:
    return published.of_trial(study.published, Trial(row.number, row.settings, study.recipe))


def _sentences(
    table: Table, theirs: PublishedStudy, matched: list[tuple[TrialRow, TrialFigures | None]]
) -> Iterator[str]:
    yield f"Published on {theirs.films}. Its reading: {theirs.reading}"
    yield from _order(table, matched)
    yield from (f"Slip in the source: {slip}" for slip in theirs.slips)
    if theirs.unsaid:
        yield f"Not said there: {'; '.join(theirs.unsaid)}."
    yield "Films, division and number of epochs differ from theirs: this is a side-by-side view, not a test."


def _order(table: Table, matched: list[tuple[TrialRow, TrialFigures | None]]) -> Iterator[str]:
    """Do our trials fall in the published order, by validation accuracy, as far as they can be told apart?"""
    pairs = [
        (row, figures)
        for row, figures in matched
        if figures and figures.validation_accuracy is not None and row.accuracy.mean is not None
    ]
    if len(pairs) < 3:
        return
    ours = [row.number for row, _ in sorted(pairs, key=lambda pair: -(pair[0].accuracy.mean or 0))]
    order = [row.number for row, _ in sorted(pairs, key=lambda pair: -(pair[1].validation_accuracy or 0))]
    yield (
        f"By validation accuracy, best first: published {', '.join(map(str, order))}; here "
        f"{', '.join(map(str, ours))} (our numbers)."
    )
    against = [
        (first, second)
        for first in pairs
        for second in pairs
        if (first[1].validation_accuracy or 0) > (second[1].validation_accuracy or 0) and _apart(second[0], first[0])
    ]
    if not against:
        yield "No two trials stand in the other order with intervals that do not overlap."
    else:
        listed = "; ".join(f"{second[0].number} above {first[0].number}" for first, second in against[:5])
        more = f" and {len(against) - 5} more" if len(against) > 5 else ""
        yield f"In the other order here, with intervals that do not overlap: {listed}{more}."


def _apart(higher: TrialRow, lower: TrialRow) -> bool:
    low, high = higher.accuracy.low, lower.accuracy.high
    return low is not None and high is not None and low > high


def _trials(
    table: Table,
    theirs: PublishedStudy,
    matched: list[tuple[TrialRow, TrialFigures | None]],
    read: Chosen | None,
) -> ReportTable:
    labels = tuple(dict.fromkeys(label for figures in theirs.trials for label in figures.sensitivity))
    columns = (
        Column("Trial"),
        Column("Number there", "plain"),
        Column("Validation, published", "percent"),
        Column("Validation, here", "percent", interval=True, look="bar"),
        Column("Validation loss, published", "number"),
        Column("Validation loss, here", "number"),
        Column("Test, published run", "percent"),
        Column("Test, published table", "percent"),
        Column("Test, here", "percent", interval=True),
        *(Column(f"Sensitivity {label}, published", "percent") for label in labels),
        Column("Time, published", "text"),
        Column("Time, here", "text"),
        Column("Note"),
    )
    by_number = words.names(table)
    rows = []
    for row, figures in matched:
        printed = figures or TrialFigures(0, {})
        rows.append(
            (
                by_number[row.number],
                printed.number or None,
                printed.validation_accuracy,
                row.accuracy.figure,
                printed.validation_loss,
                row.loss.mean,
                printed.test_accuracy,
                printed.table_accuracy,
                read.accuracy if read and read.trial == row.number else None,
                *(printed.sensitivity.get(label) for label in labels),
                _time(printed.seconds),
                _time(row.whole_seconds.mean),
                printed.note or ("" if figures else "not in the source"),
            )
        )
    note = (
        "The test films are read once, by the chosen trial; times here are of one run with its share of the features."
    )
    return ReportTable("published-trials", "Published and here", columns, tuple(rows), note)


def _best(table: Table, theirs: PublishedStudy) -> ReportTable:
    columns = (Column("Figure"), Column("Published", "percent"), Column("Best here", "percent", interval=True))
    best = table.best
    rows = tuple(
        (
            measure.replace("_", " ").capitalize(),
            value,
            best.accuracy.figure if best and measure == "validation_accuracy" else None,
        )
        for measure, value in theirs.best.items()
    )
    return ReportTable("published-best", "Published and here", columns, rows)


def _pictures(
    table: Table, theirs: PublishedStudy, matched: list[tuple[TrialRow, TrialFigures | None]]
) -> list[Picture]:
    by_number = words.names(table)
    rows, order = [], []
    for row, figures in matched:
        if row.accuracy.mean is None or figures is None or figures.validation_accuracy is None:
            continue
        name = by_number[row.number]
        order.append(name)
        rows.append(_point(name, HERE, row.accuracy.figure))
        rows.append(_point(name, PUBLISHED, Figure(figures.validation_accuracy)))
    best = table.best
    if not rows and best is not None and "validation_accuracy" in theirs.best:
        name = "Best trial"
        order = [name]
        rows = [
            _point(name, HERE, best.accuracy.figure),
            _point(name, PUBLISHED, Figure(theirs.best["validation_accuracy"])),
        ]
    if not rows:
        return []

    def draw(style: Style) -> Any:
        words_of_it = "Validation accuracy of each trial, published and here"
        title = "Validation accuracy"
        return charts.shares(rows, order, (HERE, PUBLISHED), title, style=style, alt_text=words_of_it)

    return [Picture("published-here", "Validation accuracy, published and here", draw, rows)]


def _point(name: str, side: str, figure: Figure) -> dict[str, Any]:
    return {"name": name, "trial": side, "value": figure.value, "low": figure.low, "high": figure.high}


def _time(seconds: float | None) -> Measured | None:
    return None if seconds is None else Measured(seconds, text.duration(seconds))
