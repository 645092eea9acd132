"""A report's parts say the same in every format, with made-up numbers."""

import csv
import io
import json

import numpy as np
import pytest

from xraykit.evaluation import published
from xraykit.reports import report, tables
from xraykit.reports.charts import matrices
from xraykit.reports.report import Column, Picture, Report, Section, Table

NOTICE = "Research demonstration."
FIGURE = {"value": 0.98765, "low": 0.9, "high": 0.999, "n": 81}


@pytest.fixture
def table():
    columns = (Column("Name"), Column("Share", "percent figure"), Column("p", "p"), Column("Films", "count"))
    return Table("t", "A table", columns, (("a, <b>", FIGURE, 0.0001, 12345), ("c", None, None, None)))


@pytest.fixture
def picture():
    cells = tables.cells(np.array([[7, 3], [0, 0]]), ("yes", "no"))
    return Picture("m", "A <matrix>", lambda style: matrices.matrix(cells, ("yes", "no"), style=style), cells)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (FIGURE, "percent figure", "98.8% [90.0, 99.9]"),
        (FIGURE, "figure", "0.9877 [0.9000, 0.9990]"),
        ({"value": 1.0, "low": None, "high": None}, "figure", "1.0000 (no interval)"),
        ({"value": None, "low": None, "high": None}, "figure", "n/a"),
        (None, "number", "n/a"),
        (0.0004, "p", "< 0.001"),
        (0.0123, "p", "0.012"),
        (1234567, "count", "1,234,567"),
        ("as it is", "number", "as it is"),
        (-0.0, "points", "0.0"),
    ],
)
def test_cells_are_written_for_readers(value, kind, expected):
    assert report.write(value, kind) == expected


def test_csv_keeps_full_precision_and_gives_an_interval_three_columns(table):
    rows = list(csv.reader(io.StringIO(table.csv())))
    assert rows[0] == ["Name", "Share", "Share low", "Share high", "p", "Films"]
    assert rows[1] == ["a, <b>", "0.98765", "0.9", "0.999", "0.0001", "12345"]
    assert rows[2] == ["c", "", "", "", "", ""]


def test_html_is_one_file_that_escapes_what_it_is_given(table, picture):
    page = Report("A & B", NOTICE, (("Films", "<10>"),), (Section("s", "S", ("w < v",), (table, picture)),), {})
    text = page.html()
    assert "A &amp; B" in text and "a, &lt;b&gt;" in text and "w &lt; v" in text and "&lt;10&gt;" in text
    assert "<b>" not in text and "<script" not in text and "<link" not in text
    assert "98.8% [90.0, 99.9]" in text and text.count("<svg") == 1 and NOTICE in text


def test_ids_of_several_charts_in_one_file_differ(picture):
    other = Picture("n", picture.title, picture.draw, picture.rows)
    text = Report("A", NOTICE, (), (Section("s", "S", (), (picture, other)),), {}).html()
    ids = [part.split('"')[0] for part in text.split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_json_holds_words_tables_and_charts(table, picture):
    data = json.loads(Report("A", NOTICE, (), (Section("s", "S", ("w",), (table, picture)),), {"n": 10}).to_json())
    assert data["n"] == 10 and data["sections"][0]["words"] == ["w"]
    assert data["sections"][0]["tables"][0]["rows"][0] == ["a, <b>", FIGURE, 0.0001, 12345]
    assert [row["films"] for row in data["sections"][0]["charts"][0]["rows"]] == [7, 3, 0, 0]


def test_svg_and_png_carry_title_notice_and_their_numbers(picture):
    from PIL import Image

    svg, png = picture.svg(NOTICE), picture.png(NOTICE)
    assert NOTICE in svg and "A &lt;matrix&gt;" in svg and ">7</text>" in svg
    with Image.open(io.BytesIO(png)) as image:
        held = json.loads(image.text["xraykit"])
    assert held["notice"] == NOTICE and [row["films"] for row in held["rows"]] == [7, 3, 0, 0]


def test_an_empty_row_of_a_matrix_has_no_share(picture):
    assert [row["row_share"] for row in picture.rows] == [0.7, 0.3, None, None]
    assert "no films" in picture.svg(NOTICE)


def test_published_figures_are_shown_only_beside_like_classes():
    assert published.fitting(("COVID-19", "Normal", "Viral Pneumonia"))
    assert published.fitting(("normal", "pneumonia", "covid"))
    assert not published.fitting(("forest", "sea", "street"))
    assert not published.fitting(("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"))
    assert published.label_for(published.FIGURES[0], ("normal", "covid", "pneumonia")) == "covid"
