"""More than two models on the Compare page: ranks and every difference; and models that cannot be compared."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from xraykit.evaluation.alignment import ClassesDiffer, ComparisonRefused, FilmsDiffer
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure
from xraykit.models.kept import Kept
from xraykit.reports.comparison import overview
from xraykit.reports.comparison.chosen import Material, titles
from xraykit.reports.report.page import Section
from xraykit.reports.report.table import Table
from xraykit.ui.compare import inputs
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.text import escape_markdown

GRID = "difference-grid"  # of the session: turns with each click that no longer counts


def show(material: Material, section: Section, pairs: Section) -> None:
    """The ranked table, then the intervals beside the grid of differences; a click on a pair chooses it."""
    ranked, (accuracy,), (grid,) = section.tables[0], section.pictures, pairs.pictures
    show_ranking(ranked)
    left, right = st.columns([3, 5], gap="medium")
    with left:
        report_view.picture(accuracy)
    key = f"{GRID}-{st.session_state.get(GRID, 0)}"

    def click() -> None:
        points = st.session_state[key].selection.get("cell", [])
        if points:
            st.session_state[GRID] = st.session_state.get(GRID, 0) + 1
            inputs.set_pair(material, points[0]["row"], points[0]["column"])

    with right, st.container(key="grid-box"):
        report_view.picture(grid, key=key, on_select=click, selection_mode="cell")
        st.html("<p class='xk-said'>Click a cell to set these two models against each other below.</p>")


def show_ranking(table: Table) -> None:
    """The ranks as a table that can be sorted, with what the ranks mean."""
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    st.html(f"<div class='xk-part'><h3>{html.escape(table.title)}</h3></div>")
    columns, shown = _columns(table)
    st.dataframe(
        pyarrow.table(columns),
        hide_index=True,
        width="stretch",
        height="content",
        column_config=shown,
        key="ranking",
        alt="Models by rank, with their figures",
    )
    if table.note:
        st.html(f"<p class='xk-said'>{html.escape(table.note)}</p>")


def _columns(table: Table) -> tuple[dict[str, list], dict]:
    """The table's cells by column, a Figure as its value and its interval; and how each column is drawn."""
    columns: dict[str, list] = {}
    shown: dict = {}
    for column, values in zip(table.columns, zip(*table.rows, strict=True), strict=True):
        if column.interval:
            figures = [value if isinstance(value, Figure) else Figure(None) for value in values]
            columns[column.name] = [None if figure.value is None else 100 * figure.value for figure in figures]
            shown[column.name] = st.column_config.ProgressColumn(
                column.name, format="%.1f%%", min_value=0, max_value=100, width=150
            )
            columns["95% interval"] = [figure.interval_text() for figure in figures]
            shown["95% interval"] = st.column_config.TextColumn(width=100)
        else:
            share = column.kind == "percent"
            columns[column.name] = [100 * value if share and value is not None else value for value in values]
            if column.kind in ("percent", "number", "count"):
                form = {"percent": "%.1f%%", "number": "%.4f", "count": "localized"}[column.kind]
                shown[column.name] = st.column_config.NumberColumn(format=form, width=84)
    shown["No."] = st.column_config.NumberColumn(pinned=True, width=44)
    shown["Model"] = st.column_config.TextColumn(width=350)
    shown["Tied sets"] = st.column_config.TextColumn(width=72)
    return columns, shown


def show_refused(refused: ComparisonRefused, kept: Sequence[Kept], evaluations: Sequence[Evaluation]) -> None:
    """Why the models cannot be compared, the ways on, and what each was tested on."""
    named = titles(kept)
    section = overview.apart(named, evaluations, refused.words)
    report_view.heading(section, None)
    if isinstance(refused, FilmsDiffer) and refused.shared:
        films = "film" if refused.shared == 1 else f"{refused.shared:,} films"
        who = "both were" if len(kept) == 2 else "all were"
        st.button(
            f"Compare on the {films} {who} tested on",
            key="compare-shared",
            type="primary",
            on_click=inputs.set_shared,
            args=(True,),
        )
    if isinstance(refused, ClassesDiffer):
        _offer_groups(kept, evaluations)
    for table in section.tables:
        report_view.table(table)


def _offer_groups(kept: Sequence[Kept], evaluations: Sequence[Evaluation]) -> None:
    """A button for each group of models that know the same classes."""
    groups: dict[frozenset[str], list[Kept]] = {}
    for model, evaluation in zip(kept, evaluations, strict=True):
        groups.setdefault(frozenset(evaluation.classes), []).append(model)
    with st.container(horizontal=True, gap="small"):
        for place, (classes, models) in enumerate(groups.items()):
            if len(models) < 2:
                continue
            words = f"Compare the {len(models)} models of {len(classes)} classes with {models[0].card.title}"
            names = [model.card.name for model in models]
            st.button(escape_markdown(words), key=f"compare-group-{place}", on_click=inputs.set_models, args=(names,))


def show_shared(kept: Sequence[Kept], evaluations: Sequence[Evaluation], films: int) -> None:
    """That only the films in common are compared, and the way back."""
    counts = "; ".join(f"{title} {len(each.films):,}" for title, each in zip(titles(kept), evaluations, strict=True))
    words = f"On the {films:,} films that all of these models were tested on. Test films of each: {counts}."
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="shared-words"):
        st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")
        st.button("Undo", key="compare-all", type="tertiary", on_click=inputs.set_shared, args=(False,))
