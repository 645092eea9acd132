"""Typeset: a Report as PDF and as PNG pages, on A4 or on 16:9, for paper or for a stage.

Computes no figure: sizes, colours and order are settled here, `page.typ` sets the page. What a user wrote reaches it as
data, never as its source. No clock, no network and no font of the system: the same report gives the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from xraykit.reports.export import figure
from xraykit.reports.export.figure import Look
from xraykit.reports.export.pages import single
from xraykit.reports.export.pages.page import CLOSER, FORMATS, Page, Sheet
from xraykit.reports.report import Report

Size = Literal["1080p", "2160p", "a4-300", "a4-screen"]
PAGES = Path(__file__).parent / "pages"
PDF_STANDARD = "a-2b"
SIZES: dict[Size, tuple[Sheet, float]] = {
    "1080p": ("wide", 144),
    "2160p": ("wide", 288),
    "a4-300": ("a4", 300),
    "a4-screen": ("a4", 150),  # to look at on a screen
}
FEW_CHARTS = 2  # of a report that is set a second time to save a sheet: to draw charts takes the most time


def pdf(report: Report, *, sheet: Sheet = "a4", look: Look = "paper") -> bytes:
    """One PDF/A-2b with text that can be selected, vector charts and the fonts in it.

    A report that does not say when it was written, or with letters that no font here has, is a plain PDF: PDF/A refuses
    those.
    """
    import typst

    compiler, inputs = figure.compiler(), _inputs(report, sheet, look)
    try:
        if report.written is None:
            return compiler.compile(_source(report), format="pdf", sys_inputs=inputs)
        return compiler.compile(_source(report), format="pdf", sys_inputs=inputs, pdf_standards=[PDF_STANDARD])
    except typst.TypstError:
        return compiler.compile(_source(report), format="pdf", sys_inputs=inputs)


def pngs(report: Report, *, size: Size = "1080p", look: Look = "paper") -> list[bytes]:
    """A PNG each page: 1920 x 1080, 3840 x 2160, or A4 at 300 dots an inch (2480 x 3508)."""
    sheet, ppi = SIZES[size]
    inputs = _inputs(report, sheet, look)
    pages = figure.compiler().compile(_source(report), format="png", ppi=ppi, sys_inputs=inputs)
    return [figure.with_density(page, ppi) for page in (pages if isinstance(pages, list) else [pages])]


def _source(report: Report) -> bytes:
    """The templates as one source: those of a single sheet, or of sheets that follow each other."""
    names = ("page", "single" if _is_single(report) else "flow")
    return b"\n".join((PAGES / f"{name}.typ").read_bytes() for name in names)


def _is_single(report: Report) -> bool:
    """Whether it is meant for one sheet, without charts: those of a full report take sheets of their own."""
    return report.single and not any(section.pictures for section in report.sections)


def _inputs(report: Report, sheet: Sheet, look: Look) -> dict[str, str]:
    """The page as data. A report with few charts is set closer on A4 where that saves a sheet."""
    if _is_single(report):
        return _data(single.page(report, sheet, look))
    normal = _data(Page(report, sheet, look, FORMATS[sheet]))
    if sheet == "wide" or sum(len(section.pictures) for section in report.sections) > FEW_CHARTS:
        return normal
    pages = _pages(report, normal)
    if pages == 1:
        return normal
    closer = _data(Page(report, sheet, look, CLOSER))
    return closer if _pages(report, closer) < pages else normal


def _data(page: Page) -> dict[str, str]:
    return {"data": json.dumps(page.to_dict(), ensure_ascii=False, allow_nan=False)}


def _pages(report: Report, inputs: dict[str, str]) -> int:
    compiler = figure.compiler(_source(report), inputs)
    return json.loads(compiler.query("<pages>", field="value", one=True))
