"""Charts on the page whose rows travel beside their layout: new rows change the lines and nothing else."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from xraykit.models.card import RESEARCH_ONLY
from xraykit.reports import report
from xraykit.reports.charts import style as chart_style


def before_charts() -> None:
    """Import what Streamlit imports at its first chart anyway; call it before a chart is made.

    Altair looks into a pandas that another session's thread has only half imported, and fails.
    """
    import pandas  # noqa: F401


TEXTS = ("kind", "label", "part")


def live_chart(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], spec: dict[str, Any], key: str, alt: str
) -> None:
    """Draw a chart; `alt` tells its figures to who does not see it."""
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    kinds = {name: pyarrow.string() if name in TEXTS else pyarrow.float64() for name in columns}
    table = pyarrow.Table.from_pylist([dict(row) for row in rows], schema=pyarrow.schema(list(kinds.items())))
    layout = {name: part for name, part in spec.items() if name != "description"}  # one of the two is read out: `alt`
    st.vega_lite_chart(table, layout, theme=None, width="stretch", key=key, alt=alt)


PAPER, SCREEN = "Paper", "Screen"


MIMES = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv"}


STYLES = {PAPER: chart_style.PAPER, SCREEN: chart_style.SCREEN}


def heading(section: report.Section, *, words: bool = True) -> None:
    """A section's title and what it says."""
    said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in section.words) if words else ""
    st.html(f"<section class='xk-section' id='{section.key}'><h2>{html.escape(section.title)}</h2>{said}</section>")


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
    st.vega_lite_chart(part.screen, theme=None, width="stretch", key=key, **selection)


def table(part: report.Table) -> None:
    """A table under its title, with its CSV."""
    with _head(part):
        download(part, "csv")
    texts = [column.kind == "text" for column in part.columns]
    head = "".join(
        f"<th scope='col'{_left(text)}>{html.escape(column.name)}</th>"
        for column, text in zip(part.columns, texts, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{_left(text)}>{html.escape(cell)}</td>" for cell, text in zip(row, texts, strict=True))
        + "</tr>"
        for row in part.written
    )
    note = f"<p class='xk-said'>{html.escape(part.note)}</p>" if part.note else ""
    st.html(
        f"<div class='xk-table' tabindex='0' role='region' aria-label='{html.escape(part.title, quote=True)}' "
        f"data-table='{part.key}'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def section(of: report.Section | None, style: chart_style.Style, across: int | None = None) -> None:
    """A whole section: title, words, pictures in a row, then tables one below the other."""
    if of is None:
        return
    heading(of)
    if of.pictures:
        pictures(of.pictures, style, across)
    for part in of.tables:
        table(part)


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
        help=f"{part.title}, as {kind.upper()}",
    )


def handing_out(page: Callable[[], report.Report], name: str) -> None:
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
            width="stretch",
        )


def choose_style() -> chart_style.Style:
    """For which ground downloaded charts are coloured."""
    chosen = st.segmented_control(
        "Downloaded charts are coloured for",
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
        st.html(
            f"<div class='xk-part'><h3 title='{html.escape(part.title, quote=True)}'>{html.escape(part.title)}"
            f"</h3>{note}</div>"
        )
    return row


def _left(text: bool) -> str:
    return " class='xk-left'" if text else ""
