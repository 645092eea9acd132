"""The results of a study on the page: its table, its charts, what it hands out. Made once a state of its runs."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import streamlit as st

from xraykit.experiments import table as tables
from xraykit.experiments.study.study import Study
from xraykit.experiments.table import Table
from xraykit.reports.charts.studies import MOST_LINES
from xraykit.reports.report.page import Report, Section
from xraykit.reports.study import page as study_page
from xraykit.reports.study import published as study_published
from xraykit.reports.study import report as study_report
from xraykit.reports.study import settings as study_settings
from xraykit.reports.study import words as study_words
from xraykit.system import text
from xraykit.ui.experiments import selection, snapshot
from xraykit.ui.experiments.snapshot import StudySnapshot
from xraykit.ui.kit import jobs
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.handout import Attachment, Handout
from xraykit.ui.kit.text import say

MOST_HEIGHT = 480  # px
MOST_COMPARED = 30  # trials in the table of differences
BRUSH = "experiments-brush"  # the study and the trials inside the rectangle drawn over the settings


def show_table(study: StudySnapshot, table: Table, given: Handout | None) -> None:
    """What the figures say in words, and a row a trial: a click opens the trial."""
    section = _once(study_report.results, table)
    report_view.heading(section, given)
    shown = brushed(study, table)
    if shown is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="brush-word"):
            words = f"{len(shown)} of {len(table.rows)} trials: those inside the rectangle drawn over the settings."
            st.html(f"<p class='xk-said' role='status'>{words}</p>", width="content")
            st.button("Show all", key="brush-clear", type="tertiary", on_click=_clear_brush)
    _show_rows(study, table, section, shown)


def show_charts(study: StudySnapshot, table: Table, given: Handout) -> None:
    """Every section that the study has, below its table."""
    if table.best is None or study.study is None:
        return
    report_view.before_charts()
    test = snapshot.test_figures(study)
    if isinstance(test, str):
        say(test)
        test = None
    report_view.section(_once(study_published.chosen, table, test), given)
    report_view.section(_once(study_published.beside_published, table, study.study, test), given, across=1)
    picked = _choose_trials(study, table)
    report_view.section(_once(study_report.histories, table, picked), given)
    _show_settings(study, table, given)
    for make in (*study_report.OF_THE_TABLE, _comparisons):
        report_view.section(_once(make, table), given)


def handout(study: StudySnapshot, table: Table, asked: Study) -> Handout:
    """What the page hands out: itself, the study and its trials in full."""
    files = (
        ("Trials as CSV", "-trials.csv", "text/csv", lambda: tables.csv_trials(table)),
        ("Epochs as CSV", "-epochs.csv", "text/csv", lambda: tables.csv_epochs(table)),
        ("Study as JSON", "-study.json", "application/json", asked.to_json),
    )
    attachments = tuple(Attachment(label, f"{study.name}{ending}", mime, make) for label, ending, mime, make in files)
    return Handout(lambda: report(study, table, asked), "study", study.name, attachments=attachments)


def report(study: StudySnapshot, table: Table, asked: Study) -> Report:
    """The whole page to hand out."""
    test = snapshot.test_figures(study)
    test = None if isinstance(test, str) else test
    overlaid = st.session_state.get(_trials_key(study), ())
    return study_page.report(table, asked, test, overlaid, name=study.name, course=study_page.read_course(study.folder))


def brushed(study: StudySnapshot, table: Table) -> list[int] | None:
    """The trials inside the rectangle drawn over the settings of this study; None where there is none."""
    name, trials = st.session_state.get(BRUSH, ("", None))
    if name != study.name or not trials:
        return None
    known = {row.number for row in table.rows}
    return [number for number in trials if number in known]


def _show_rows(study: StudySnapshot, table: Table, section: Section, shown: Sequence[int] | None) -> None:
    part = section.tables[0]
    order = [row.number for row in table.ranked]
    places = [k for k, number in enumerate(order) if shown is None or number in shown]
    if study.busy:
        places.sort(key=lambda k: order[k])  # a row must not move away from under the pointer
    columns = _once(_columns, table)
    jobs.table(
        "trials",
        {name: [values[k] for k in places] for name, values in columns.items()},
        [order[k] for k in places],
        _open,
        alt="All trials with their settings, figures and states; click a row to open the trial",
        config=_config(table),
        owner=study.name,
        most_height=MOST_HEIGHT,
    )
    st.html(f"<p class='xk-said'>{html.escape(part.note)}</p>")


def _config(table: Table) -> dict[str, Any]:
    number, words = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "Trial": words(width=140 if table.random_start else 70, pinned=True),
        **{study_words.label(path): words() for path in table.factors},
        "Accuracy": number(format="%.1f%%", width=85, help="Validation accuracy, mean over folds and seeds"),
        "95% interval": words(width=100),
        "sd": number(format="%.1f", width=55, help="Of the accuracy over runs, in points"),
        "Loss": number(format="%.4f", width=75, help="Validation loss, mean over folds and seeds"),
        "Best epoch": number(width=85),
        "Gap": number(format="%.1f", width=55, help="Training minus validation accuracy at the last epoch, in points"),
        "Training time": words(width=100, help="Of a run, without queue and compilation"),
        "With features": words(width=100, help="With its share of the pass through the frozen backbone"),
        "Parameters": number(format="localized", width=100),
        "Trainable": number(format="localized", width=95),
        "Runs": words(width=130),
        "Beside the best": words(width=150),
    }


def _open(trial: int) -> None:
    st.query_params[selection.TRIAL] = str(trial)
    jobs.redraw_page()


def _trials_key(study: StudySnapshot) -> str:
    return f"experiments-trials-{study.name}"


def _choose_trials(study: StudySnapshot, table: Table) -> tuple[int, ...]:
    """The trials whose histories are drawn; the best ones while none is chosen."""
    by_number = _once(study_words.names, table)
    numbers = [row.number for row in table.ranked if any(run.epochs for run in row.runs)]
    key = _trials_key(study)
    st.session_state[key] = [number for number in st.session_state.get(key, []) if number in numbers]
    with st.container(key="choose-trials"):
        chosen = st.multiselect(
            "Trials in the histories",
            numbers,
            key=key,
            max_selections=MOST_LINES,
            format_func=lambda number: by_number[number],
            placeholder=f"The best {min(study_report.FIRST_SHOWN, len(numbers))}; choose others",
        )
    return tuple(chosen)


def _show_settings(study: StudySnapshot, table: Table, given: Handout) -> None:
    shown = brushed(study, table)
    section = _once(_settings, table, None if shown is None else tuple(shown))
    if section is None:
        return
    report_view.heading(section, given)
    turn = st.session_state.setdefault("brush-turn", 0)
    key = f"settings-brush-{study.name}-{turn}"
    report_view.picture(section.pictures[0], key=key, on_select=_take_brush(study.name, key))
    st.html("<p class='xk-said'>Drag a rectangle over an axis to keep the trials that run through it.</p>")


def _take_brush(name: str, key: str) -> Any:
    def take() -> None:
        chosen = st.session_state.get(key)
        brush = chosen.selection.get("brush", {}) if chosen else {}
        study = snapshot.find(name)
        table = snapshot.results(study) if study else ""
        trials = None if isinstance(table, str) else study_settings.in_brush(table, brush)
        st.session_state[BRUSH] = (name, trials or None)

    return take


def _clear_brush() -> None:
    st.session_state.pop(BRUSH, None)
    st.session_state["brush-turn"] = st.session_state.get("brush-turn", 0) + 1
    jobs.redraw_page()


class _Same:
    """Something as a key that is equal to itself alone: a table is the same object as long as no run has changed."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _once(make: Callable[..., Any], *given: Any) -> Any:
    """What `make` gives, made once for the same tables and studies."""
    return _made(make, *(value if isinstance(value, tuple | bool | None) else _Same(value) for value in given))


@lru_cache(maxsize=256)
def _made(make: Callable[..., Any], *given: Any) -> Any:
    return make(*(value.value if isinstance(value, _Same) else value for value in given))


def _settings(table: Table, shown: tuple[int, ...] | None) -> Section | None:
    return study_settings.settings(table, shown, brushed=True)


def _comparisons(table: Table) -> Section | None:
    return study_report.comparisons(table, MOST_COMPARED)


def _columns(table: Table) -> dict[str, list[Any]]:
    """The columns of the table on the page, best trial first."""
    rows, factors = table.ranked, table.factors
    marks = [f"{row.number}{f' ({study_words.RANDOM_START})' if row.random_start else ''}" for row in rows]
    columns: dict[str, list[Any]] = {"Trial": marks}
    columns |= {
        study_words.label(path): [
            study_words.setting(path, row.settings[path]) if path in row.settings else "" for row in rows
        ]
        for path in factors
    }
    return columns | {
        "Accuracy": [_times(row.accuracy.mean) for row in rows],
        "95% interval": [row.accuracy.figure.interval_text() for row in rows],
        "sd": [_times(row.accuracy.sd) for row in rows],
        "Loss": [row.loss.mean for row in rows],
        "Best epoch": [None if row.best_epoch.mean is None else round(row.best_epoch.mean, 1) for row in rows],
        "Gap": [_times(row.gap.mean) for row in rows],
        "Training time": [text.duration(row.seconds.mean) for row in rows],
        "With features": [text.duration(row.whole_seconds.mean) for row in rows],
        "Parameters": [row.parameters for row in rows],
        "Trainable": [row.trainable for row in rows],
        "Runs": [study_words.states(row) for row in rows],
        "Beside the best": [study_words.beside_best(table.ties, row.number) for row in rows],
    }


def _times(share: float | None) -> float | None:
    return None if share is None else 100 * share
