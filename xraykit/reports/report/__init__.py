"""Report: a page as data - words, tables, pictures - and the same content as HTML, Markdown, JSON, CSV, SVG and PNG.

Computes no figure and knows no page. What a page shows and what it hands out come from the same objects.
table: rows of figures; picture: charts; page: sections of both, and the whole.
"""

from __future__ import annotations

from xraykit.reports.film.photograph import Photograph
from xraykit.reports.report.page import Report, Section, Tile, part_html
from xraykit.reports.report.picture import Picture, has_own_width
from xraykit.reports.report.table import Cell, Column, Measured, Table, escape_markdown, write

__all__ = [
    "Cell",
    "Column",
    "Measured",
    "Photograph",
    "Picture",
    "Report",
    "Section",
    "Table",
    "Tile",
    "escape_markdown",
    "has_own_width",
    "part_html",
    "write",
]
