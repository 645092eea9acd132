"""The parts of the Compare page that answer to clicks: the verdict's buttons, the matrices and the films listed."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import streamlit as st

from xraykit.evaluation import comparison, evaluation
from xraykit.films.refusal import Refusal
from xraykit.models.cards import card
from xraykit.reports import report
from xraykit.reports.comparison import figures
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material
from xraykit.ui.compare import folder_evaluation, inputs
from xraykit.ui.kit import film_list
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.handout import Handout
from xraykit.ui.kit.text import escape_markdown, say

FEWER = (
    "Choose two to four models above to compare them. To add one: python -m xraykit train --recipe NAME --data FOLDER, "
    "then python -m xraykit runs keep RUN --as NAME. Saved models are in weights/."
)
LONG_NAME = 30  # letters; a longer name is in the tooltip, not on the button
AT_POINT = "The cell is at the operating point; the table shows each model's most probable class."
ONE = "There is only one model; a comparison needs two. "
NONE = "No model with a test evaluation yet. "


def show_fewer(models: int) -> None:
    """Without two models, what to do."""
    words = NONE if models == 0 else ONE if models == 1 else ""
    st.html(f"<p class='xk-word xk-wide' role='status'>{html.escape(words + FEWER)}</p>")


def show_refused(refusals: Sequence[Refusal]) -> None:
    """Models that cannot be compared, each with its reason."""
    if refusals:
        with st.expander(f"Models that cannot be compared: {len(refusals)}"):
            for refusal in refusals:
                st.html(f"<p class='xk-word'>{html.escape(refusal.source)}: {html.escape(refusal.words)}</p>")


def show_point_refusals(applied: Applied) -> None:
    """Why models have no operating point, close to the control that asks for one."""
    refusals = [html.escape(result) for result in applied.values() if isinstance(result, str)]
    if refusals:
        lines = "<br>".join(f"{refusal} Its matrix is shown at the highest probability." for refusal in refusals)
        st.html(f"<p class='xk-word' role='status'>{lines}</p>")


def show_places(section: report.Section, given: Handout) -> None:
    """Each model at home and elsewhere, side by side; the figures a click away."""
    report_view.heading(section, given)
    report_view.pictures(section.pictures)
    with st.expander("At home and elsewhere, in figures"):
        for table in section.tables:
            report_view.table(table)


def show_verdict(material: Material, section: report.Section, given: Handout) -> None:
    """The verdicts in words, the films behind them a click away, accuracies with intervals beside."""
    report_view.heading(report.Section(section.key, section.title), given)
    warnings = [test.warning for test in material.comparison.evaluations if test.warning]
    for warning in warnings:
        say(warning)
    pairs, notes = material.comparison.pairs, [note for note in material.comparison.notes if note not in warnings]
    several = len(pairs) > 1
    *places, right = st.columns([3, 3, 4] if several else [3, 2], gap="large")
    for number, pair in enumerate(pairs):
        with places[number % len(places)]:
            _show_pair(material, pair, several)
    for note in notes:
        with places[0]:
            st.html(f"<p class='xk-said'>{html.escape(note)}</p>")
    with right:
        report_view.picture(section.pictures[0])


def show_matrices(section: report.Section, given: Handout, classes: int) -> None:
    """The matrices side by side on one scale; a click on a cell lists its films."""
    bar = ", ".join(report_view.on_screen().sequential)
    report_view.heading(report.Section(section.key, section.title), given)
    st.html(
        f"<div class='xk-scale'><p>{html.escape(section.words[0])}</p><span>0%</span>"
        f"<i style='background:linear-gradient(90deg,{bar})'></i><span>100%</span>"
        "<em>Click a cell to list its films.</em></div>"
    )
    across = len(section.pictures) if len(section.pictures) * classes <= 12 else 2
    pictures = section.pictures
    for start in range(0, len(pictures), across):
        columns = st.columns(across, gap="medium")
        for place, column in zip(range(start, min(start + across, len(pictures))), columns, strict=False):
            with column:
                _show_matrix(pictures[place], place)


def show_difference(section: report.Section, given: Handout, material: Material, choice: Choice) -> None:
    """The difference matrix beside what it says; a click on a cell lists the films that came in or left."""
    report_view.heading(report.Section(section.key, section.title), given)
    left, right = st.columns([2, 3], gap="large")
    picture = section.pictures[0]
    key = inputs.matrix_key(inputs.DIFFERENCE)

    def click() -> None:
        points = st.session_state[key].selection.get("cell", [])
        if points:
            cell = (material.classes.index(points[0][name]) for name in ("reference", "predicted"))
            inputs.list_films("changed", *choice.pair, *cell)

    with left, st.container(key="difference-box"):
        report_view.picture(picture, key=key, on_select=click, selection_mode="cell")
    with right:
        words = (*section.words, "Click a cell to list the films behind it.")
        st.html("".join(f"<p class='xk-said'>{html.escape(sentence)}</p>" for sentence in words))
        report_view.table(section.tables[0])


def evaluate_folder(cards: Sequence[card.Card]) -> list[evaluation.Evaluation]:
    """Evaluate the chosen models on a folder of one's own, out of the way; what the user picked to compare."""
    at_work = bool(cards) and folder_evaluation.current() is not None  # a job must not be hidden by a reload
    with st.expander("Evaluate a folder", key="evaluate-folder", expanded=at_work):
        return list(folder_evaluation.show(cards)) if cards else []


def show_published(section: report.Section | None, given: Handout) -> None:
    """Ours beside the published figures: words and table on the left, the figures drawn on the right."""
    if section is None:
        return
    report_view.heading(section, given)
    left, right = st.columns([3, 2], gap="large")
    with left:
        report_view.table(section.tables[0])
    with right:
        for picture in section.pictures:
            report_view.picture(picture)


def show_tests(section: report.Section) -> None:
    """The figures over all classes and the paired tests behind the verdict."""
    st.html("<section class='xk-section'><h2>Figures and paired tests</h2></section>")
    for table in section.tables:
        report_view.table(table)


def show_reports(section: report.Section, given: Handout) -> None:
    """Classification reports side by side, then each class against the rest."""
    report_view.heading(section, given)
    *reports, rest = section.tables
    for start in range(0, len(reports), 2):
        for table, column in zip(reports[start : start + 2], st.columns(2, gap="large"), strict=False):
            with column:
                report_view.table(table)
    report_view.table(rest)


def show_films(material: Material, applied: Applied, chosen: Chosen | None, listed: np.ndarray) -> None:
    """The films of the cell or change that was clicked."""
    if chosen is None:
        return
    with st.container(key="listed"):
        with st.container(horizontal=True, vertical_alignment="center"):
            count = f"{len(listed):,} film{'' if len(listed) == 1 else 's'}"
            words = html.escape(figures.describe(material, chosen))
            st.html(f"<h2 class='xk-listed'>{count} <span>{words}</span></h2>")
            st.button("Close", key="close-films", type="tertiary", on_click=inputs.list_none)
        if applied and chosen.kind == "cell":
            st.html(f"<p class='xk-said'>{AT_POINT}</p>")
        evaluations = material.comparison.evaluations
        names = [material.comparison.films[i] for i in listed.tolist()]
        film_list.show(names, evaluations, folder_evaluation.folder_of(evaluations[0]), key="compare")


def _show_pair(material: Material, pair: comparison.Pair, several: bool) -> None:
    verdict, *rest = (html.escape(sentence) for sentence in pair.words if sentence != pair.changes)
    size = "xk-verdict xk-several" if several else "xk-verdict"
    more = "".join(f"<p class='xk-said'>{sentence}</p>" for sentence in rest)
    st.html(f"<div class='{size}'><p>{verdict}</p>{more}</div>")
    places = (material.models.index(pair.first), material.models.index(pair.second))
    name = "" if several or len(pair.second) > LONG_NAME else f"{escape_markdown(pair.second)}: "
    buttons = (
        (Chosen("fixes", places), f"{name}{len(pair.fixes):,} corrected", pair.fixes),
        (Chosen("breaks", places), f"{name}{len(pair.breaks):,} newly wrong", pair.breaks),
        (Chosen("wrong", places), f"{len(pair.both_wrong):,} wrong in both", pair.both_wrong),
    )
    with st.container(horizontal=True, gap="small"):
        for chosen, label, films in buttons:
            st.button(
                label,
                key=f"{chosen.kind}-{places[0]}-{places[1]}",
                disabled=not films,
                on_click=inputs.list_films,
                args=(chosen.kind, *places),
                help=f"List the films {escape_markdown(figures.describe(material, chosen))}",
            )


def _show_matrix(picture: report.Picture, place: int) -> None:
    key = inputs.matrix_key(place)

    def click() -> None:
        points = st.session_state[key].selection.get("cell", [])
        if points:
            order = list(dict.fromkeys(cell["reference"] for cell in picture.rows))
            inputs.list_films("cell", place, order.index(points[0]["reference"]), order.index(points[0]["predicted"]))

    with st.container(key=f"matrix-box-{place}"):
        report_view.picture(picture, key=key, on_select=click, selection_mode="cell")
