"""A page that hands out a report of one table and one chart, and counts what it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from xraykit import RESEARCH_ONLY
from xraykit.reports.charts import matrices
from xraykit.reports.report.page import Report, Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table
from xraykit.ui.kit.report import view
from xraykit.ui.kit.report.dialog import report_button
from xraykit.ui.kit.report.handout import Attachment

FILM = "ROE_JOHN_4711.png"
MADE: list[str] = []  # "plain" and "named", each time one is made
MAKE: dict[str, Callable[[], Report]] = {}  # what makes it in place of `report`
ROWS = [{"model": name, "value": value, "low": 0.7, "high": 0.95} for name, value in (("alpha", 0.9), ("beta", 0.8))]


def report(*, names: bool = False) -> Report:
    MADE.append("named" if names else "plain")
    films = Table("films", "Films", (Column("Film"), Column("Class")), ((FILM if names else "9f6acc601", "Normal"),))
    picture = Picture("accuracy", "Accuracy", _draw, ROWS, "n = 90")
    sections = (
        Section("verdict", "Verdict", ("Alpha is better.",), (picture,)),
        Section("films", "Films", (), (films,)),
    )
    return Report("Two models", RESEARCH_ONLY, (("Test films", "90"),), sections, {"options": {"label": "Normal"}})


def show() -> None:
    make = MAKE.get("make", report)
    extra = Attachment("Card as JSON", "two.json", "application/json", lambda: "{}")
    given = report_button(make, key="page", name="two", named=lambda: report(names=True), attachments=[extra])
    for section in report_of_page().sections:
        view.section(section, given)
    st.html("<p>drawn</p>")


def report_of_page() -> Report:
    shown = report()
    MADE.pop()
    return shown


def _draw(style):  # noqa: ANN001, ANN202 - Altair is slow to import
    return matrices.intervals(ROWS, ("alpha", "beta"), "Accuracy", style=style, alt_text="Accuracy of both")
