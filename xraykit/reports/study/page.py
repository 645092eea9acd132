"""The whole page of a study to hand out: its sections, what was planned and asked, and what makes it again.

No path leaves in it: a weight file is called by its name. Computes no figure.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

import xraykit
from xraykit.experiments import table as tables
from xraykit.experiments.published import presets
from xraykit.experiments.results import chosen as chosen_trial
from xraykit.experiments.results.chosen import Chosen
from xraykit.experiments.study.study import Study
from xraykit.experiments.study_folder import PLAN, StudyFolder
from xraykit.experiments.table import Table
from xraykit.refused import Refused
from xraykit.reports.film import software
from xraykit.reports.report.page import Report, Section, Tile
from xraykit.reports.report.table import Column
from xraykit.reports.report.table import Table as ReportTable
from xraykit.reports.study import published, settings, words
from xraykit.reports.study import report as sections_of
from xraykit.system import text
from xraykit.training.recipe import sentences

KIND, VERB = "study report", "report study"
MOST_TRIALS, MOST_BARS, MOST_COMPARED, MOST_VALUES = 24, 12, 15, 12  # on a page that is kept short
SECOND = ("sd of loss", "With features", "Parameters", "Trainable")  # columns of trials that do not rank them
DESIGNS = {
    "one at a time": "one factor at a time, the others as in the base",
    "grid": "every combination",
    "random": "combinations drawn by lot",
    "tpe": "each combination chosen by the results before it (TPE)",
}
FOLDS = {
    "single": "one division into training, validation and test",
    "cross-validation": "cross-validation: each film outside the test split validates once",
    "leave-one-source-out": "each source in turn is the test of networks that never saw it",
}


class _Plan(msgspec.Struct, frozen=True):
    """What of plan.json is told: its remarks may name files."""

    runs: int
    low: float
    high: float
    films: int
    device: str = ""
    at_most: bool = False


@dataclass(frozen=True)
class Course:
    """What the study was said to take, None where it was not planned, and the seconds it has taken."""

    plan: _Plan | None = None
    seconds: float | None = None


def of_folder(folder: StudyFolder, overlaid: Sequence[int] = (), written: datetime | None = None) -> Report:
    """The page of a study as its folder has it now.

    Raises
    ------
    StudyFolderRefused
        If the study, its trials or the reading of its test films cannot be read.
    """
    read, course = chosen_trial.read(folder), read_course(folder)
    return report(tables.read(folder), folder.study(), read, overlaid, name=folder.name, course=course, written=written)


def read_course(folder: StudyFolder) -> Course:
    """What the study was said to take and has taken; empty where its folder does not say."""
    plan = seconds = None
    with contextlib.suppress(Refused, msgspec.ValidationError):
        plan = msgspec.convert(folder.read(PLAN), _Plan)
    with contextlib.suppress(Refused):
        seconds = folder.recorded().seconds or None
    return Course(plan, seconds)


def report(
    table: Table,
    study: Study,
    read: Chosen | None,
    overlaid: Sequence[int] = (),
    *,
    name: str = "",
    course: Course | None = None,
    written: datetime | None = None,
) -> Report:
    """Everything there is to say of a study.

    `overlaid` are the trials whose histories are drawn, else the best; `name` is that of its folder, the study's own
    where it is not given; `written` is now where it is not given.
    """
    sections = (
        *_results(table),
        published.chosen(table, read),
        published.beside_published(table, study, read),
        sections_of.histories(table, overlaid),
        settings.settings(table),
        *(make(table) for make in sections_of.OF_THE_TABLE),
        *_comparisons(table),
        _asked(study, table, course or Course()),
        _base(study),
    )
    written = written or datetime.now(UTC).replace(microsecond=0)
    return Report(
        title=f"Study {study.name}",
        notice=xraykit.RESEARCH_ONLY,
        facts=tuple(_facts(table, study, written)),
        sections=tuple(section for section in sections if section is not None),
        data={
            "kind": KIND,
            "study": portable(study),
            "trials": _trials(table),
            "redo": _redo(table, study, name or study.name, overlaid, written),
        },
        lead=study.words,
        headline=tuple(_tiles(table, read)),
        written=written,
    )


def _results(table: Table) -> Iterator[Section]:
    """The trials on paper: what ranks them; the rest of their figures, and all of many trials, are the appendix."""
    section = sections_of.results(table)
    (whole,) = section.tables
    filled = [place for place, _ in enumerate(whole.columns) if any(row[place] is not None for row in whole.rows)]
    names = [column.name for column in whole.columns]
    alike = len({row[names.index("Runs")] for row in whole.rows}) == 1  # then the facts say it
    later = {*SECOND, *(["Runs"] if alike else [])}
    first = _columns(whole, [place for place in filled if names[place] not in later])
    first = replace(_without_bars(first) if len(whole.rows) > MOST_BARS else first, note=sections_of.MEANS)
    if len(whole.rows) > MOST_TRIALS:
        note = (
            f"The best {MOST_TRIALS} of {len(whole.rows):,} trials; the full report and the JSON have all. {first.note}"
        )
        yield replace(section, parts=(replace(first, rows=first.rows[:MOST_TRIALS], note=note),))
        yield Section("all-trials", "All trials", parts=(replace(first, key="all-trials"),), rank="appendix")
    else:
        yield replace(section, parts=(first,))
    rest = _columns(whole, [0, *(place for place in filled if names[place] in later)])
    parts = (replace(rest, key="trials-more", title="", note=sections_of.FEATURES),)
    yield Section("trials-more", "Trials: time, size and runs", parts=parts, rank="appendix")


def _columns(whole: ReportTable, places: Sequence[int]) -> ReportTable:
    columns = tuple(whole.columns[place] for place in places)
    return replace(whole, columns=columns, rows=tuple(tuple(row[place] for place in places) for row in whole.rows))


def _without_bars(table: ReportTable) -> ReportTable:
    """Its rows lower: bars make each half as high again."""
    return replace(table, columns=tuple(replace(column, look="") for column in table.columns))


def _comparisons(table: Table) -> Iterator[Section]:
    """The nearest trials beside the best; of many all in the appendix."""
    nearest, every = sections_of.comparisons(table, MOST_COMPARED), sections_of.comparisons(table)
    if nearest is None or every is None:
        return
    yield nearest
    if len(table.ties.others) > MOST_COMPARED:
        (part,) = every.tables
        parts = (replace(part, key="all-differences"),)
        yield replace(every, key="all-comparisons", title="All trials beside the best", parts=parts, rank="appendix")


def portable(study: Study) -> dict[str, Any]:
    """A study's plain data as it may leave this computer."""
    data = json.loads(study.to_json())
    factors = {path: [_portable({path: value})[path] for value in values] for path, values in data["factors"].items()}
    return data | {"recipe": _portable(data["recipe"]), "factors": factors}


def _portable(plain: Mapping[str, Any]) -> dict[str, Any]:
    return sentences.portable(plain) if "weights" in plain else dict(plain)


def _asked(study: Study, table: Table, course: Course) -> Section:
    """What was asked, and what it was said to take."""
    rows = [
        ("Trials", f"{len(table.rows):,}: {DESIGNS[study.design]}" if len(table.rows) > 1 else "1"),
        ("Folds", f"{len(table.folds)}: {FOLDS[study.folds.kind]}"),
        ("Seeds", ", ".join(map(str, study.seeds))),
        ("Ends trials early that are behind", "yes" if study.cut else "no"),
        *((("Training films used", f"{study.shrink:.1%}"),) if study.shrink is not None else ()),
        *((("Time allowed", text.duration(study.budget)),) if study.budget is not None else ()),
        *_classes(study),
        *_changed(study),
    ]
    if course.plan is not None:
        most = "at most " if course.plan.at_most else ""
        span = text.duration_range(course.plan.low, course.plan.high)
        device = f" on {course.plan.device}" if course.plan.device else ""
        rows += [("Planned", f"{course.plan.runs:,} runs, {most}{span}{device}; {course.plan.films:,} films")]
    if course.seconds is not None:
        rows += [("Time taken", text.duration(course.seconds))]
    facts = ReportTable("plan", "", (Column("Fact"), Column("Value")), tuple(rows), head=False)
    return Section("plan", "Plan and settings", parts=(*_factors(study), facts))


def _classes(study: Study) -> Iterator[tuple[str, str]]:
    for theirs, ours in study.classes.items():
        yield f"Class {theirs}", f"called {ours}" if ours else "left out"


def _changed(study: Study) -> Iterator[tuple[str, str]]:
    """What the recipe has otherwise than that of the preset of the study's name."""
    preset = presets.NAMED.get(study.name)
    if preset is None:
        return
    for label, before, after in sentences.changed(portable(preset)["recipe"], portable(study)["recipe"]):
        yield f"{label[:1].upper()}{label[1:]}", f"{after} (the preset has {before})"


def _factors(study: Study) -> Iterator[ReportTable]:
    if not study.factors:
        return
    rows = tuple((words.label(path), _values(path, values)) for path, values in study.factors.items())
    yield ReportTable("factors", "", (Column("Factor"), Column("Values tried")), rows)


def _values(path: str, values: Sequence[Any]) -> str:
    """Those that were tried; of many numbers how many, and their ends."""
    if len(values) > MOST_VALUES and all(isinstance(value, int | float) for value in values):
        ends = " to ".join(words.setting(path, end(values)) for end in (min, max))
        return f"{len(values)} values, {ends}"
    return "; ".join(words.setting(path, value) for value in values)


def _base(study: Study) -> Section:
    recipe = json.loads(study.recipe.to_json())
    said = tuple(sentences.sentences(recipe))
    return Section(
        "base", "The recipe that every trial begins with", said[:-1], listed=True
    )  # last: how it was learned


def _trials(table: Table) -> list[dict[str, Any]]:
    """Every trial's settings and figures in full precision, in the order of their numbers."""
    return [
        {
            "number": row.number,
            "settings": _portable(row.settings),
            "random_start": row.random_start,
            "accuracy": row.accuracy.figure.to_dict(),
            "loss": row.loss.mean,
            "gap": row.gap.mean,
            "best_epoch": row.best_epoch.mean,
            "seconds": row.whole_seconds.mean,
            "runs": {str(standing): count for standing, count in row.counts.items() if count},
        }
        for row in table.rows
    ]


def _tiles(table: Table, read: Chosen | None) -> Iterator[Tile]:
    """The figures above all others: of the chosen trial on films that no run saw, and of the best on validation."""
    if read is not None:
        films = f"{read.films:,} {'test films' if read.held_out else 'films of unseen sources'}"
        note = f"trial {read.trial}, {films}; 95% interval {read.accuracy.interval_text()}"
        yield Tile("Accuracy of the chosen trial", read.accuracy.value_text(), note)
    best = table.best
    if best is None:
        return
    figure = best.accuracy.figure
    ends = f"; 95% interval {figure.interval_text()}" if figure.ends else ""
    yield Tile("Best validation accuracy", figure.value_text(), f"trial {best.number}{ends}")
    if table.ties.compared > 1:
        count = f"{len(table.ties.tied)} of {table.ties.compared}"
        yield Tile("Cannot be told apart from the best", count, "trials, the best among them")


def _facts(table: Table, study: Study, written: datetime) -> Iterator[tuple[str, str]]:
    yield "Data", ", ".join(study.data) or "not named"
    yield "Trials", f"{len(table.rows):,}"
    yield "Folds", f"{len(table.folds)} ({study.folds.kind})"
    yield "Seeds", ", ".join(map(str, table.seeds))
    yield (
        "Runs",
        ", ".join(f"{count:,} {words.STATE_WORDS[state]}" for state, count in table.counts.items() if count) or "none",
    )
    if study.shrink is not None:
        yield "Training films used", f"{study.shrink:.1%}"
    yield "Written", f"{written:%Y-%m-%d %H:%M} UTC by xraykit {xraykit.__version__}"


def _redo(table: Table, study: Study, name: str, overlaid: Sequence[int], written: datetime) -> dict[str, Any]:
    """What makes the page again; the hashes are those of what the study asks, and of its results as CSV."""
    held = {
        "study.json": study.to_json(),
        tables.TRIALS: tables.csv_trials(table),
        tables.EPOCHS: tables.csv_epochs(table),
    }
    return {
        "verb": VERB,
        "arguments": {"study": name, "created": written.isoformat()},
        "settings": {"overlaid": list(overlaid)},
        "hashes": {"files": {name: hashlib.sha256(content.encode()).hexdigest() for name, content in held.items()}},
        "versions": software.versions(),
    }
