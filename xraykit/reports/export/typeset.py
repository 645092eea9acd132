"""Typeset: a Report as PDF and as PNG pages, on A4 or on 16:9, for paper or for a stage.

Computes no figure: sizes, colours and order are settled here, `page.typ` sets the page. What a user wrote reaches it as
data, never as its source. No clock, no network and no font of the system: the same report gives the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

from xraykit.reports.export import figure
from xraykit.reports.export.figure import Look
from xraykit.reports.export.pages import letters, single
from xraykit.reports.export.pages.page import CLOSER, FORMATS, Page, Sheet
from xraykit.reports.report.page import Report

Size = Literal["1080p", "2160p", "a4-300", "a4-screen"]
PAGES = Path(__file__).parent / "pages"
PDF_STANDARD = "a-2b"
SIZES: dict[Size, tuple[Sheet, float]] = {
    "1080p": ("wide", 144),
    "2160p": ("wide", 288),
    "a4-300": ("a4", 300),
    "a4-screen": ("a4", 150),  # to look at on a screen
}
MOST_SHEETS = 8  # of a report that is set a second time to save one


def pdf(report: Report, *, sheet: Sheet = "a4", look: Look = "paper") -> bytes:
    """One PDF/A-2b with text that can be selected, vector charts and the fonts in it.

    A report that does not say when it was written is a plain PDF: PDF/A asks for a date.
    """
    import typst

    source, inputs = _source(report), _inputs(report, sheet, look)
    try:
        if report.written is None:
            return figure.compiled(source, inputs, format="pdf")
        return figure.compiled(source, inputs, format="pdf", pdf_standards=[PDF_STANDARD])
    except typst.TypstError:
        return figure.compiled(source, inputs, format="pdf")


def pngs(report: Report, *, size: Size = "1080p", look: Look = "paper") -> list[bytes]:
    """A PNG each page: 1920 x 1080, 3840 x 2160, or A4 at 300 dots an inch (2480 x 3508)."""
    sheet, ppi = SIZES[size]
    inputs = _inputs(report, sheet, look)
    pages = figure.compiled(_source(report), inputs, format="png", ppi=ppi)
    return [figure.with_density(page, ppi) for page in (pages if isinstance(pages, list) else [pages])]


def is_one_sheet(report: Report, sheet: Sheet) -> bool:
    """Whether all of the report stands on one sheet; no page is drawn."""
    if sheet == "wide" and not _is_single(report):
        return False  # the title has a slide of its own
    return _sheets(report, _inputs(report, sheet, "paper")) == 1


def _source(report: Report) -> bytes:
    """The templates as one source: those of a single sheet, or of sheets that follow each other."""
    names = ("page", "single" if _is_single(report) else "flow")
    return b"\n".join((PAGES / f"{name}.typ").read_bytes() for name in names)


def _is_single(report: Report) -> bool:
    """Whether it is meant for one sheet, without charts: those of a full report take sheets of their own."""
    return report.single and not any(section.pictures for section in report.sections)


def _inputs(report: Report, sheet: Sheet, look: Look) -> dict[str, str]:
    """The page as data. On A4 a report is set closer where that saves a sheet."""
    if _is_single(report):
        return _data(single.page(report, sheet, look))
    page = Page(report, sheet, look, FORMATS[sheet])
    best = _data(page)
    if sheet == "wide" or not 1 < (sheets := _sheets(report, best)) <= MOST_SHEETS:
        return best
    for form in CLOSER:
        closer = _data(replace(page, format=form))
        if (fewer := _sheets(report, closer)) < sheets:
            best, sheets = closer, fewer
    return best


def _data(page: Page) -> dict[str, str]:
    return {"data": json.dumps(letters.all_drawable(page.to_dict()), ensure_ascii=False, allow_nan=False)}


def _sheets(report: Report, inputs: dict[str, str]) -> int:
    compiler = figure.compiler(_source(report), inputs)
    return json.loads(compiler.query("<pages>", field="value", one=True))
