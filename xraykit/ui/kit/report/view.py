"""Parts of a report on a page - sections, each with its menu, pictures, tables - and charts whose rows change."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from xraykit.reports.charts import style as chart_style
from xraykit.reports.report.page import Report, Section, part_html
from xraykit.reports.report.picture import Picture, has_own_width
from xraykit.reports.report.table import Table
from xraykit.ui.kit import frame
from xraykit.ui.kit.report import slide
from xraykit.ui.kit.report.handout import Handout, before_charts
from xraykit.ui.kit.text import escape_markdown


def on_screen() -> chart_style.Style:
    """The style of the charts of this page: the dark screen's, or while it is presented in light the light one's."""
    return chart_style.LIGHT if frame.look() == "light" else chart_style.SCREEN


TEXTS = ("kind", "label", "part", "run")  # columns of a live chart that are no numbers


def live_chart(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], spec: dict[str, Any], key: str, alt: str
) -> None:
    """Draw a chart whose rows travel beside its layout: new rows change the lines and nothing else.

    `alt` tells its figures to those who do not see it.
    """
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    kinds = {name: pyarrow.string() if name in TEXTS else pyarrow.float64() for name in columns}
    table = pyarrow.Table.from_pylist([dict(row) for row in rows], schema=pyarrow.schema(list(kinds.items())))
    drawn = chart_style.repaint(spec, on_screen())
    layout = {name: part for name, part in drawn.items() if name != "description"}  # one of the two is read out: `alt`
    st.vega_lite_chart(table, layout, theme=None, width="stretch", key=key, alt=alt)


def heading(section: Section, given: Handout | None) -> None:
    """A section's title with its menu, and what it says."""
    with st.container(horizontal=True, key=f"section-{section.key}", vertical_alignment="bottom", gap="small"):
        st.html(f"<section class='xk-section' id='{section.key}'><h2>{html.escape(section.title)}</h2></section>")
        if given is not None:
            slide.menu(section, given)
    if section.words:
        words = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in section.words)
        st.html(f"<section class='xk-section'>{words}</section>")


def pictures(parts: Sequence[Picture], across: int | None = None) -> None:
    """Pictures side by side."""
    for column, part in zip(st.columns(across or max(1, len(parts)), gap="medium"), parts, strict=False):
        with column:
            picture(part)


def picture(part: Picture, **selection: Any) -> None:
    """A chart under its title; `selection` makes it answer to clicks."""
    note = f" <span>{html.escape(part.note)}</span>" if part.note else ""
    _title(part.title, note)
    key = selection.pop("key", f"figure-{part.key}")
    spec = part.spec(on_screen())
    width = "content" if has_own_width(spec) else "stretch"
    st.vega_lite_chart(spec, theme=None, width=width, key=key, **selection)


def table(part: Table) -> None:
    """A table under its title."""
    if part.title:
        _title(part.title)
    st.html(part_html("table", part))


def section(shown: Section | None, given: Handout, across: int | None = None) -> None:
    """A whole section: title, words, pictures in a row, then tables one below the other."""
    if shown is None:
        return
    heading(shown, given)
    if shown.pictures:
        pictures(shown.pictures, across)
    for part in shown.tables:
        table(part)


def show_columns(shown: Report, given: Handout) -> None:
    """A report's top, its sections that go across, then the others in two columns, the wide ones on the right.

    Only sections that go across have pictures.
    """
    st.html(f"<article class='xk-report'>{part_html('top', shown, 2)}</article>")
    for part in shown.sections:
        if part.across:
            show_across(part, given)
    for column, wide in zip(st.columns([5, 7], gap="small"), (False, True), strict=True):
        with column:
            for part in shown.sections:
                if not part.across and part.wide == wide:
                    _box(part, given)


def _box(part: Section, given: Handout) -> None:
    with st.container(key=f"box-{part.key}"):
        drawn = part_html("section", part)
        st.html(f"<article class='xk-report'><div class='xk-sides xk-box-alone'>{drawn}</div></article>")
        slide.menu(part, given)


def show_across(shown: Section | None, given: Handout) -> None:
    """Pictures on the left, tables on the right; tables too wide for a half, below, a click away.

    What the section says stands above, or on the right where nothing else does.
    """
    if shown is None:
        return
    before_charts()
    wide = [part for part in shown.tables if _is_wide(part)]
    narrow = [part for part in shown.tables if part not in wide]
    beside = bool(shown.pictures) and not narrow
    heading(replace(shown, words=()) if beside else shown, given)
    left, right = st.columns(2, gap="large") if shown.pictures else (st.container(), st.container())
    with left:
        for part in shown.pictures:
            picture(part)
    with right:
        for part in narrow:
            table(part)
        if beside:
            st.html("".join(f"<p class='xk-beside'>{html.escape(words)}</p>" for words in shown.words))
    for part in wide:
        with st.expander(escape_markdown(part.title)):
            table(part)


def _is_wide(part: Table) -> bool:
    """Intervals in the line of their figures take room."""
    return sum(column.interval and column.look != "bar" for column in part.columns) > 3


def _title(title: str, note: str = "") -> None:
    shown = html.escape(title, quote=True)
    named = f"<h3 title='{shown}'>{shown}</h3>" if shown else ""
    st.html(f"<div class='xk-part'>{named}{note}</div>")
