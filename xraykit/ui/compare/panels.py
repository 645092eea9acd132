"""The parts of the Compare page that answer to clicks: the verdict's buttons, the matrices and the films listed."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import streamlit as st

from xraykit.evaluation import evaluation
from xraykit.films.refusal import Refusal
from xraykit.models.cards import card
from xraykit.reports.comparison import figures
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.ui.compare import folder_evaluation, inputs, ranking
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.handout import Handout
from xraykit.ui.kit.text import escape_markdown, say

FEWER = (
    "Choose two to ten models above to compare them. To add one: python -m xraykit train --recipe NAME --data FOLDER, "
    "then python -m xraykit runs keep RUN --as NAME. Saved models are in weights/."
)
LONG_NAME = 30  # letters; a longer name is in the tooltip, not on the button
FEW = 6  # classes of a matrix that has its table beside it
MANY = 24  # rows of a table that is a click away
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


def show_places(section: Section, given: Handout) -> None:
    """Each model at home and elsewhere, side by side; the figures a click away."""
    report_view.heading(section, given)
    report_view.pictures(section.pictures)
    with st.expander("At home and elsewhere, in figures"):
        for table in section.tables:
            report_view.table(table)


def show_verdict(material: Material, sections: Mapping[str, Section], given: Handout, choice: Choice) -> None:
    """Warnings, then the verdict in words, the films behind it a click away, accuracies with intervals beside."""
    section = sections["verdict"]
    report_view.heading(Section(section.key, section.title), given)
    for warning in material.comparison.warnings:
        say(warning)
    (pair, *others), notes = material.comparison.pairs, material.comparison.notes
    if others:
        said = [words for words in section.words if words not in (*material.comparison.warnings, *notes)]
        st.html(_verdict(said))
        ranking.show(material, section, sections["pairs"])
        _say_notes(notes)
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.html(_verdict([sentence for sentence in pair.words if sentence != pair.changes]))
        _show_changes(material, choice)
        _say_notes(notes)
    with right:
        report_view.picture(section.pictures[0])


def show_pair(material: Material, choice: Choice) -> None:
    """The chosen two of more than two models: what the test says of them, and the films behind it."""
    if len(material.models) == 2:
        return
    pair = material.comparison.pair(*(material.models[place] for place in choice.pair))
    st.html(f"<section class='xk-section'><h2>{html.escape(' and '.join((pair.first, pair.second)))}</h2></section>")
    st.html(_verdict([sentence for sentence in pair.words if sentence != pair.changes], "xk-several"))
    _show_changes(material, choice)


def show_matrices(section: Section, given: Handout, places: Sequence[int]) -> None:
    """The matrices side by side on one scale, as many as fit; a click on a cell lists its films.

    `places` are those of their models among all that are compared.
    """
    bar = ", ".join(report_view.on_screen().sequential)
    report_view.heading(Section(section.key, section.title), given)
    st.html(
        f"<div class='xk-scale'><p>{html.escape(section.words[0])}</p><span>0%</span>"
        f"<i style='background:linear-gradient(90deg,{bar})'></i><span>100%</span>"
        "<em>Click a cell to list its films.</em></div>"
    )
    with st.container(horizontal=True, gap="large", key="matrices"):
        for picture, place in zip(section.pictures, sorted(places), strict=True):
            _show_matrix(picture, place)


def show_difference(section: Section, given: Handout, material: Material, choice: Choice) -> None:
    """The difference matrix beside what it says; a click on a cell lists the films that came in or left."""
    report_view.heading(Section(section.key, section.title), given)
    few = len(material.classes) <= FEW
    left, right = st.columns([2, 3] if few else [8, 5], gap="large")
    picture = section.pictures[0]
    key = inputs.matrix_key(inputs.DIFFERENCE)

    def click() -> None:
        points = st.session_state[key].selection.get("cell", [])
        if points:
            cell = (material.classes.index(points[0][name]) for name in ("reference", "predicted"))
            inputs.list_films("changed", *choice.pair, *cell)

    with left, st.container(key="difference-box", width="content"):
        report_view.picture(picture, key=key, on_select=click, selection_mode="cell")
    with right:
        said = "".join(f"<p class='xk-said'>{html.escape(sentence)}</p>" for sentence in section.words)
        st.html(f"{said}<p class='xk-said xk-click'>Click a cell to list the films behind it.</p>")
        if few:
            report_view.table(section.tables[0])
    if not few:
        report_view.table(section.tables[0])


def evaluate_folder(cards: Sequence[card.Card]) -> list[evaluation.Evaluation]:
    """Evaluate the chosen models on a folder of one's own, out of the way; what the user picked to compare."""
    at_work = bool(cards) and folder_evaluation.current() is not None  # a job must not be hidden by a reload
    with st.expander("Evaluate a folder", key="evaluate-folder", expanded=at_work):
        return list(folder_evaluation.show(cards)) if cards else []


def show_published(section: Section | None, given: Handout) -> None:
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


def show_tests(section: Section) -> None:
    """The figures over all classes and the paired tests behind the verdict."""
    st.html("<section class='xk-section'><h2>Figures and paired tests</h2></section>")
    for table in section.tables:
        with st.expander(f"{table.title}: {len(table.rows)}") if len(table.rows) > MANY else st.container():
            report_view.table(table)


def show_reports(section: Section, given: Handout) -> None:
    """Classification reports side by side, then each class against the rest."""
    report_view.heading(section, given)
    *reports, rest = section.tables
    for start in range(0, len(reports), 2):
        for table, column in zip(reports[start : start + 2], st.columns(2, gap="large"), strict=False):
            with column:
                report_view.table(table)
    report_view.table(rest)


def _verdict(sentences: Sequence[str], size: str = "") -> str:
    verdict, *rest = map(html.escape, sentences)
    more = "".join(f"<p class='xk-said'>{sentence}</p>" for sentence in rest)
    return f"<div class='xk-verdict {size}'><p>{verdict}</p>{more}</div>"


def _say_notes(notes: Sequence[str]) -> None:
    if notes:
        st.html("".join(f"<p class='xk-said'>{html.escape(note)}</p>" for note in notes))


def _show_changes(material: Material, choice: Choice) -> None:
    """Buttons that list the films on which two models differ, or are both wrong."""
    places = choice.pair
    pair = material.comparison.pair(*(material.models[place] for place in places))
    name = "" if len(pair.second) > LONG_NAME else f"{escape_markdown(pair.second)}: "
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


def _show_matrix(picture: Picture, place: int) -> None:
    key = inputs.matrix_key(place)

    def click() -> None:
        points = st.session_state[key].selection.get("cell", [])
        if points:
            order = list(dict.fromkeys(cell["reference"] for cell in picture.rows))
            inputs.list_films("cell", place, order.index(points[0]["reference"]), order.index(points[0]["predicted"]))

    with st.container(key=f"matrix-box-{place}", width="content"):
        report_view.picture(picture, key=key, on_select=click, selection_mode="cell")
