"""Parts of a report on a page - sections, pictures, tables and their downloads - and charts whose rows change."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from xraykit import RESEARCH_ONLY
from xraykit.reports import report
from xraykit.reports.charts import style as chart_style
from xraykit.ui.kit.text import escape_markdown


def before_charts() -> None:
    """Import what Streamlit imports at its first chart anyway; call it before a chart is made.

    Altair looks into a pandas that another session's thread has only half imported, and fails.
    """
    import pandas  # noqa: F401


TEXTS = ("kind", "label", "part", "run")  # columns of a live chart that are no numbers
PAPER, SCREEN = "Paper", "Screen"
STYLES = {PAPER: chart_style.PAPER, SCREEN: chart_style.SCREEN}
MIMES = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv"}
DOWNLOAD = ":material/download:"


def live_chart(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], spec: dict[str, Any], key: str, alt: str
) -> None:
    """Draw a chart whose rows travel beside its layout: new rows change the lines and nothing else.

    `alt` tells its figures to those who do not see it.
    """
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    kinds = {name: pyarrow.string() if name in TEXTS else pyarrow.float64() for name in columns}
    table = pyarrow.Table.from_pylist([dict(row) for row in rows], schema=pyarrow.schema(list(kinds.items())))
    layout = {name: part for name, part in spec.items() if name != "description"}  # one of the two is read out: `alt`
    st.vega_lite_chart(table, layout, theme=None, width="stretch", key=key, alt=alt)


def heading(section: report.Section) -> None:
    """A section's title and what it says."""
    words = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in section.words)
    st.html(f"<section class='xk-section' id='{section.key}'><h2>{html.escape(section.title)}</h2>{words}</section>")


def pictures(parts: Sequence[report.Picture], style: chart_style.Style, across: int | None = None) -> None:
    """Pictures side by side."""
    for column, part in zip(st.columns(across or max(1, len(parts)), gap="medium"), parts, strict=False):
        with column:
            picture(part, style)


def picture(part: report.Picture, style: chart_style.Style, **selection: Any) -> None:
    """A chart under its title, with its downloads beside it; `selection` makes it answer to clicks."""
    with _head(part):
        for kind in ("svg", "png"):
            download(part, kind, style)
    key = selection.pop("key", f"figure-{part.key}")
    width = "content" if report.has_own_width(part.screen) else "stretch"
    st.vega_lite_chart(part.screen, theme=None, width=width, key=key, **selection)


def table(part: report.Table) -> None:
    """A table under its title, with its CSV."""
    with _head(part):
        download(part, "csv")
    st.html(report.part_html("table", part))


def section(shown: report.Section | None, style: chart_style.Style, across: int | None = None) -> None:
    """A whole section: title, words, pictures in a row, then tables one below the other."""
    if shown is None:
        return
    heading(shown)
    if shown.pictures:
        pictures(shown.pictures, style, across)
    for part in shown.tables:
        table(part)


def show_columns(shown: report.Report, style: chart_style.Style = chart_style.PAPER) -> None:
    """A report's top, its sections that go across, then the others in two columns, the wide ones on the right.

    Only sections that go across have pictures; `style` is that of the downloaded ones.
    """
    st.html(f"<article class='xk-report'>{report.part_html('top', shown, 2)}</article>")
    for part in shown.sections:
        if part.across:
            show_across(part, style)
    rest = [part for part in shown.sections if not part.across]
    sides = ("".join(report.part_html("section", part) for part in rest if part.wide == wide) for wide in (0, 1))
    columns = "".join(f"<div>{side}</div>" for side in sides)
    st.html(f"<article class='xk-report'><div class='xk-sides'>{columns}</div></article>")


def show_across(shown: report.Section | None, style: chart_style.Style) -> None:
    """Pictures on the left, tables on the right; tables too wide for a half, below, a click away.

    What the section says stands above, or on the right where nothing else does.
    """
    if shown is None:
        return
    before_charts()
    wide = [part for part in shown.tables if _is_wide(part)]
    narrow = [part for part in shown.tables if part not in wide]
    beside = bool(shown.pictures) and not narrow
    heading(replace(shown, words=()) if beside else shown)
    left, right = st.columns(2, gap="large") if shown.pictures else (st.container(), st.container())
    with left:
        for part in shown.pictures:
            picture(part, style)
    with right:
        for part in narrow:
            table(part)
        if beside:
            st.html("".join(f"<p class='xk-beside'>{html.escape(words)}</p>" for words in shown.words))
    for part in wide:
        with st.expander(escape_markdown(part.title)):
            table(part)


def _is_wide(part: report.Table) -> bool:
    """Intervals in the line of their figures take room."""
    return sum(column.interval and column.look != "bar" for column in part.columns) > 3


def download(part: report.Picture | report.Table, kind: str, style: chart_style.Style = chart_style.PAPER) -> None:
    """A button that makes the file when it is clicked, without a rerun."""

    def make() -> str | bytes:
        if isinstance(part, report.Table):
            return part.csv()
        drawn = part.svg if kind == "svg" else part.png
        return drawn(RESEARCH_ONLY, style=style)

    st.download_button(
        kind.upper(),
        make,
        f"{part.key}.{kind}",
        MIMES[kind],
        key=f"{kind}-{part.key}",
        on_click="ignore",
        type="tertiary",
        icon=DOWNLOAD,
        help=f"Download “{escape_markdown(part.title)}” as {kind.upper()}",
    )


def download_page(page: Callable[[], report.Report], name: str) -> None:
    """Downloads of the whole page."""
    for kind, mime, make in (
        ("html", "text/html", lambda: page().html()),
        ("json", "application/json", lambda: page().to_json()),
    ):
        st.download_button(
            f"Page as {kind.upper()}",
            make,
            f"{name}.{kind}",
            mime,
            key=f"page-{kind}",
            on_click="ignore",
            icon=DOWNLOAD,
            width="stretch",
        )


def choose_style() -> chart_style.Style:
    """Whether downloaded charts are coloured for white paper or for a dark screen."""
    chosen = st.segmented_control(
        "Colours of downloaded charts",
        [PAPER, SCREEN],
        default=PAPER,
        key="colours",
        required=True,
        bind="query-params",
    )
    return STYLES.get(chosen or PAPER, chart_style.PAPER)


def _head(part: report.Picture | report.Table) -> Any:
    row = st.container(horizontal=True, key=f"head-{part.key}", gap="small", vertical_alignment="center")
    with row:
        note = f" <span>{html.escape(part.note)}</span>" if part.note and isinstance(part, report.Picture) else ""
        title = html.escape(part.title, quote=True)
        named = f"<h3 title='{title}'>{title}</h3>" if title else ""
        st.html(f"<div class='xk-part'>{named}{note}</div>")
    return row
