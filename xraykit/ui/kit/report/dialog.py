"""The button Report of a page and what it opens: the pages as they will be, and every format a click away.

Nothing is made or typeset before the dialog is open, and what it looked at goes when it is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from xraykit.refused import Refused
from xraykit.reports.export import formats
from xraykit.reports.export.figure import Look
from xraykit.reports.export.pages.page import Sheet
from xraykit.reports.report.page import Report
from xraykit.ui.kit.report import handout
from xraykit.ui.kit.report.handout import Attachment, Handout
from xraykit.ui.kit.text import escape_markdown, say

SHORTCUT = "Shift+D"  # a document; free on Review too. Streamlit keeps C and R for itself
OPENED = "report-opened"
LOOKS: dict[str, Look] = {"Paper": "paper", "Stage": "stage"}
SHEETS: dict[str, Sheet] = {"A4": "a4", "16:9": "wide"}
DOWNLOAD = ":material/download:"
FULL = "Every section and table. Without it: what fits a few pages."
NAMES = "Films are called by their files' names, which may say who the patients are."


@dataclass
class Opened:
    """The dialog while it is open: the reports it has made, without and with names of films."""

    key: str
    page: int = 0
    reports: dict[bool, Report] = field(default_factory=dict)

    def report(self, given: Handout, names: bool) -> Report:
        if names not in self.reports:
            self.reports[names] = given.report(names=names)
        return self.reports[names]


def report_button(
    make: Callable[[], Report],
    *,
    key: str,
    name: str = "",
    named: Callable[[], Report] | None = None,
    attachments: Sequence[Attachment] = (),
) -> Handout:
    """A button with a shortcut that opens a preview of the page's report, with every format a click away.

    Parameters
    ----------
    make : callable
        Gives the report of the page as it is, without the name of any film's file. Called when somebody opens the
        dialog; where it refuses, its words are shown.
    key : str
        Unique in the app, and steady.
    name : str
        What the files are called, without a suffix; the report's title if it is not given.
    named : callable
        The same report with the names of films' files, where it can hold any: offered, never taken by itself.
    attachments : sequence of Attachment
        Files beside the report.

    Returns
    -------
    Handout
        For the sections of the page, so that each can be made a slide.
    """
    given = Handout(make, key, name, named, tuple(attachments))
    show_button(given)
    return given


@st.fragment
def show_button(given: Handout) -> None:
    """The same for what a page has at hand. Never where a part draws itself again: that would close the dialog.

    A fragment: to open and to close the dialog draws nothing else of the page.
    """
    with st.container(key="hand-out", width="content"):
        st.button(
            "Report",
            key=f"{given.key}-report",
            icon=":material/description:",
            shortcut=SHORTCUT,
            on_click=_open,
            args=(given.key,),
            help="This page as PDF, PowerPoint, pictures, a web page or numbers: look first, then download.",
        )
    opened = st.session_state.get(OPENED)
    if isinstance(opened, Opened) and opened.key == given.key:
        _dialog(given, opened)


def offer(file: Attachment, key: str, *, label: str = "", quiet: bool = False) -> None:
    """A button that makes a file when it is clicked, without a rerun."""
    st.download_button(
        label or file.label,
        file.make,
        file.name,
        file.mime,
        key=key,
        on_click="ignore",
        icon=DOWNLOAD,
        type="tertiary" if quiet else "secondary",
        width="content" if quiet else "stretch",
        help=None if quiet else escape_markdown(file.name),
    )


def choose_look(key: str) -> Look:
    """Dark on white, or bright on dark."""
    chosen = st.segmented_control(
        "Look",
        list(LOOKS),
        default="Paper",
        required=True,
        key=key,
        help="Paper: dark on white, to print or hand in. Stage: bright on dark, to project.",
    )
    return LOOKS[chosen or "Paper"]


def _open(key: str) -> None:
    handout.forget()
    st.session_state[OPENED] = Opened(key)


def _close() -> None:
    handout.forget()
    st.session_state.pop(OPENED, None)


@st.dialog("Report", width="large", on_dismiss=_close)
def _dialog(given: Handout, opened: Opened) -> None:
    key = given.key
    left, right = st.columns([8, 3], gap="medium")
    with right, st.container(key="report-choices", gap="small"):
        with st.container(horizontal=True, gap="medium"):
            chosen = st.segmented_control("Preview", list(SHEETS), default="A4", required=True, key=f"{key}-sheet")
            look = choose_look(f"{key}-look")
        full = st.checkbox("With the appendix", key=f"{key}-full", help=FULL)
        names = given.named is not None and st.checkbox("With file names", key=f"{key}-names", help=NAMES)
        files = st.container(key="report-files", gap="xsmall")
    try:
        report = opened.report(given, bool(names))
    except Refused as refused:
        with left:
            say(refused.words)
        return
    shown = report if full else report.short
    with files:
        later = _offer_all(given, report, look, full)
    with left, st.container(key="report-preview", gap="xsmall"):
        _preview(opened, shown, SHEETS[chosen or "A4"], look)
    for kind, place in later.items():
        file = handout.whole(report, kind, look, given.stem(report), full=full, alone=handout.is_one_sheet(shown, kind))
        with place:
            offer(file, f"{key}-as-{kind}")


def _offer_all(given: Handout, report: Report, look: Look, full: bool) -> dict[str, Any]:
    """Offer every format; gives places for pictures of pages, whose files are named for how many pages there are."""
    stem, later = given.stem(report), {}
    for kind in formats.kinds(report):
        if kind in handout.PICTURES:
            later[kind] = st.container()
            continue
        offer(handout.whole(report, kind, look, stem, full=full), f"{given.key}-as-{kind}")
    if given.attachments:
        st.html("<p class='xk-said'>Beside the report</p>")
    for place, attachment in enumerate(given.attachments):
        offer(attachment, f"{given.key}-beside-{place}")
    return later


def _preview(opened: Opened, report: Report, sheet: Sheet, look: Look) -> None:
    try:
        with st.spinner("Setting the pages", show_time=True):
            pages = handout.pages(report, sheet, look)
    except Refused as refused:
        say(refused.words)
        return
    opened.page = min(opened.page, len(pages) - 1)
    with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center", gap="small"):
        _turn(opened, -1, ":material/chevron_left:", "Left", "Page before", opened.page > 0)
        st.html(f"<p class='xk-said' role='status'>Page {opened.page + 1} of {len(pages)}</p>", width="content")
        _turn(opened, 1, ":material/chevron_right:", "Right", "Next page", opened.page < len(pages) - 1)
    with st.container(key=f"report-page-{sheet}"):
        st.image(pages[opened.page], alt=f"Page {opened.page + 1} of {len(pages)} of the report")


def _turn(opened: Opened, step: int, icon: str, shortcut: str, label: str, there: bool) -> None:
    def turn() -> None:
        opened.page += step

    st.button(
        label,
        key=f"report-turn-{shortcut}",
        icon=icon,
        shortcut=shortcut,
        on_click=turn,
        disabled=not there,
        type="tertiary",
    )
