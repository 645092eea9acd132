"""Names of any length and alphabet keep within their sheets, slides and tables: boxes are measured, no pixels."""

import io
import json
import re
import subprocess
from typing import Any

import numpy as np
import pytest

from xraykit.reports import tables as report_tables
from xraykit.reports.charts import curves, matrices
from xraykit.reports.export import slides, typeset
from xraykit.reports.export.deck import measure
from xraykit.reports.export.pages import page, tables
from xraykit.reports.report.page import Report, Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table

TITLES = tuple(
    f"Network {k}, trained on 12,345 films of three hospitals with mixup and a cosine schedule" for k in range(8)
)
TITLES += ("Модель_" + "безпробелов" * 9, "モデル とても長い名前 " * 6)
CLASSES = (
    *(f"{letter} finding with a name of sixty letters".ljust(60, "x") for letter in "ABCDEFGH"),
    "肺炎 " * 20,
    "التهاب " * 8,
)
SHEETS = ["a4", pytest.param("wide", marks=pytest.mark.slow)]


def a_report() -> Report:
    columns = (Column("Reference"), *(Column(title, "count") for title in TITLES[6:]), Column("Came in", "count"))
    rows = tuple((label, *range(len(columns) - 1)) for label in CLASSES)
    cells = report_tables.cells(np.arange(100).reshape(10, 10) * 7919, CLASSES)
    matrix = Picture("matrix", TITLES[8], lambda style: matrices.matrix(cells, CLASSES, style=style), cells)
    points = [{"model": model, "x": k / 3, "y": k / 3, "place": k} for model in TITLES for k in range(4)]
    roc = Picture("roc", "ROC", lambda style: curves.roc(points, TITLES, CLASSES[0], style=style), points)
    sections = (
        Section("cells", "Cells", (), (Table("cells", "Cell by cell", columns, rows),)),
        Section("matrices", "Matrices", (), (matrix,)),
        Section("curves", "Curves", (), (roc,)),
    )
    facts = tuple((title, "not tested elsewhere; network sha256 " + "0" * 64) for title in TITLES)
    return Report("Ten models", "Research demonstration.", facts, sections, {})


@pytest.fixture(scope="module")
def report() -> Report:
    return a_report()


@pytest.mark.parametrize("sheet", SHEETS)
def test_all_words_of_a_pdf_lie_on_their_sheet(report, sheet, tmp_path):
    file = tmp_path / "report.pdf"
    file.write_bytes(typeset.pdf(report, sheet=sheet))
    found = subprocess.run(["pdftotext", "-bbox", file, "-"], capture_output=True, check=True, text=True).stdout
    sheets = re.split(r"<page ", found)[1:]
    assert len(sheets) <= 12
    for drawn in sheets:
        width = float(re.findall(r'width="([\d.]+)"', drawn)[0])
        assert all(float(right) <= width - 15 for right in re.findall(r'<word [^>]*xMax="([\d.]+)"', drawn))


@pytest.mark.parametrize("sheet", SHEETS)
def test_the_column_that_names_the_facts_leaves_room_for_what_they_say(report, sheet):
    made = page.Page(report, sheet, "paper", page.FORMATS[sheet]).to_dict()
    assert made["named"] <= 0.34 * made["width"]
    for name, _ in made["facts"]:
        parts = re.split(rf"[\s{tables.BREAK}]+", name)
        assert max(map(tables.length, parts)) * made["type"] <= made["named"]


def test_the_head_of_a_column_of_numbers_is_no_tower(report):
    (table,) = report.sections[0].tables
    for group in tables.fit(table, 504, 8.6, 6.8):
        for place, width in zip(group.columns, group.widths, strict=True):
            room = (width / group.size - tables.GAP) / tables.SMALL
            assert len(tables.wrapped(tables._set(table.columns[place].name), room)) <= 20


def test_letters_that_the_font_lacks_are_measured_as_they_are_written():
    assert tables.length("肺炎") == pytest.approx(tables.length("[U+80BA U+708E]"))
    assert tables.breakable("肺炎", 6) == "[U+80BA U+708E]"


def test_tables_legends_and_matrices_of_a_deck_keep_to_their_boxes(report):
    from pptx import Presentation

    deck: Any = Presentation(io.BytesIO(slides.pptx(report)))
    for number, slide in enumerate(deck.slides, 1):
        for shape in slide.shapes:
            assert shape.top + shape.height <= deck.slide_height, (number, shape.name)
            assert shape.left + shape.width <= deck.slide_width + 1, (number, shape.name)
            if shape.name == "legend":
                assert lines_of(shape.text_frame, shape.width) == 1, (number, shape.text_frame.text)
            if getattr(shape, "has_table", False):
                check_rows(shape.table, (number, shape.name))


def lines_of(frame: Any, width: int) -> int:
    (paragraph,) = frame.paragraphs
    return measure.lines(paragraph.text, paragraph.runs[0].font.size.pt, width / 914400 + 0.02)


def check_rows(table: Any, place: tuple[int, str]) -> None:
    """No row has to grow: its cells' lines fit into it."""
    for row in table.rows:
        for cell, column in zip(row.cells, table.columns, strict=True):
            room = (column.width - cell.margin_left - cell.margin_right) / 914400
            high = sum(
                measure.height(p.text, p.runs[0].font.size.pt, room + 0.01, bold=bool(p.runs[0].font.bold))
                for p in cell.text_frame.paragraphs
                if p.runs
            )
            assert high <= row.height / 914400 + 0.03, (*place, cell.text_frame.text)


def test_long_names_of_a_web_page_have_a_width_below_which_they_are_not_squeezed(report):
    drawn = report.html(lambda picture: "<svg></svg>")
    assert drawn.count('class="xk-left xk-long"') == len(CLASSES)
    assert json.dumps(CLASSES[8], ensure_ascii=False)[1:10] in drawn
