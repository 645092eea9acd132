"""The small menu beside a section's heading: the section as a slide, its charts and tables as files of their own.

It is empty until it is opened; opening it draws the menu alone, not the page.
"""

from __future__ import annotations

import html
from typing import Any

import streamlit as st

from xraykit.refused import Refused
from xraykit.reports.export.figure import Look
from xraykit.reports.report.page import Report, Section
from xraykit.ui.kit.report import handout
from xraykit.ui.kit.report.dialog import choose_look, offer
from xraykit.ui.kit.report.handout import Handout
from xraykit.ui.kit.text import escape_markdown, say

WIDTHS = (480, 720, 960, 1440)  # px of a chart alone


@st.fragment
def menu(section: Section, given: Handout) -> None:
    """A button beside the heading of a section that opens what the section can be taken away as."""
    key = f"slide-{given.key}-{section.key}"
    opened = st.popover(
        "Make a slide",
        key=key,
        icon=":material/slideshow:",
        type="tertiary",
        on_change="rerun",
        help=f"“{escape_markdown(section.title)}” as a slide, its charts and tables as files",
    )
    if opened.open:
        with opened, st.container(key=f"menu-{key}", gap="small", width=420):
            _draw(section, given, key)


def _draw(section: Section, given: Handout, key: str) -> None:
    try:
        report = given.report()
    except Refused as refused:
        say(refused.words)
        return
    whole = next((each for each in report.sections if each.key == section.key), section)
    look = choose_look(f"{key}-look")
    _offer_slide(report, whole, look, key)
    if whole.pictures:
        _offer_charts(report, whole, look, key)
    if whole.tables:
        _subtitle("Tables")
    for table in whole.tables:
        with _row(f"{key}-{table.key}"):
            _name(table.title or whole.title)
            offer(handout.table_file(report, whole, table), f"{key}-{table.key}-csv", quiet=True)


def _offer_slide(report: Report, section: Section, look: Look, key: str) -> None:
    shown: list[bytes] = []
    try:
        with st.spinner("Setting the slide", show_time=True):
            shown = handout.slide_pages(report, section, look)
        more = f", 1 of {len(shown)}" if len(shown) > 1 else ""
        st.image(shown[0], alt=f"The slide of {section.title}{more}")
    except Refused as refused:
        say(refused.words)
    with st.container(horizontal=True, gap="small"):
        for place, file in enumerate(handout.slide_files(report, section, look, shown)):
            offer(file, f"{key}-as-{place}")


def _offer_charts(report: Report, section: Section, look: Look, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _subtitle("Charts")
        width = st.selectbox(
            "Width of a chart in pixels",
            WIDTHS,
            index=1,
            key=f"{key}-width",
            label_visibility="collapsed",
            format_func=lambda pixels: f"{pixels} px wide",
            width=140,
        )
    for picture in section.pictures:
        with _row(f"{key}-{picture.key}"):
            _name(picture.title or section.title)
            for file in handout.figure_files(report, picture, look, width or WIDTHS[1]):
                offer(file, f"{key}-{picture.key}-{file.label}", quiet=True)


def _row(key: str) -> Any:
    return st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"menu-row-{key}")


def _subtitle(words: str) -> None:
    st.html(f"<p class='xk-said'>{html.escape(words)}</p>", width="content")


def _name(words: str) -> None:
    st.html(f"<p class='xk-said' title='{html.escape(words, quote=True)}'>{html.escape(words)}</p>")
