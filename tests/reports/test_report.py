"""A report's parts say the same in every format, with made-up numbers."""

import csv
import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from xraykit.evaluation.stats import Figure
from xraykit.models.kept import Difference
from xraykit.reports import tables
from xraykit.reports.charts import matrices
from xraykit.reports.film.photograph import Photograph, png_of
from xraykit.reports.report.page import Report, Section, Tile, part_html
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Measured, Table, escape_markdown, write

NOTICE = "Research demonstration."
FIGURE = Figure(0.98765, 0.9, 0.999, 81)


@pytest.fixture
def table():
    columns = (Column("Name"), Column("Share", "percent", interval=True), Column("p", "p"), Column("Films", "count"))
    return Table("t", "A table", columns, (("a, <b>", FIGURE, 0.0001, 12345), ("c", None, None, None)))


@pytest.fixture
def picture():
    cells = tables.cells(np.array([[7, 3], [0, 0]]), ("yes", "no"))
    return Picture("m", "A <matrix>", lambda style: matrices.matrix(cells, ("yes", "no"), style=style), cells)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (FIGURE, "percent", "98.8% [90.0, 99.9]"),
        (FIGURE, "number", "0.9877 [0.9000, 0.9990]"),
        (Figure(1.0), "number", "1.0000 (no interval)"),
        (Figure(None), "percent", "n/a"),
        (None, "number", "n/a"),
        (0.0004, "p", "< 0.001"),
        (0.0123, "p", "0.012"),
        (1234567, "count", "1,234,567"),
        ("as it is", "number", "as it is"),
        (-0.0, "points", "0.0"),
        (Measured(15924470, "15.2 MiB"), "plain", "15.2 MiB"),
    ],
)
def test_cells_are_written_for_readers(value, kind, expected):
    assert write(value, kind) == expected


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
    assert '98.8% <span class="xk-whole">[90.0, 99.9]</span>' in text and text.count("<svg") == 1 and NOTICE in text


def test_ids_of_several_charts_in_one_file_differ(picture):
    other = Picture("n", picture.title, picture.draw, picture.rows)
    text = Report("A", NOTICE, (), (Section("s", "S", (), (picture, other)),), {}).html()
    ids = [part.split('"')[0] for part in text.split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_json_holds_words_tables_and_charts(table, picture):
    data = json.loads(Report("A", NOTICE, (), (Section("s", "S", ("w",), (table, picture)),), {"n": 10}).to_json())
    assert data["n"] == 10 and data["sections"][0]["words"] == ["w"]
    assert data["sections"][0]["tables"][0]["rows"][0] == ["a, <b>", FIGURE.to_dict(), 0.0001, 12345]
    assert [row["films"] for row in data["sections"][0]["charts"][0]["rows"]] == [7, 3, 0, 0]


def test_svg_and_png_carry_title_notice_and_their_numbers(picture):
    from PIL import Image

    svg, png = picture.svg(NOTICE), picture.png(NOTICE)
    assert NOTICE in svg and "A &lt;matrix&gt;" in svg and ">7</text>" in svg
    with Image.open(io.BytesIO(png)) as image:
        held = json.loads(image.text["xraykit"])
    assert held["notice"] == NOTICE and [row["films"] for row in held["rows"]] == [7, 3, 0, 0]


def test_a_letter_that_no_svg_may_hold_does_not_end_the_process(picture):
    odd = replace(picture, title="A\x01B", rows=[dict(row) | {"reference": "a\x0b\ud800"} for row in picture.rows])
    drawn = replace(odd, draw=lambda style: matrices.matrix(odd.rows, ("a\x0b\ud800", "c"), style=style))
    for text in (drawn.svg(NOTICE), drawn.svg(NOTICE, framed=False)):
        ElementTree.fromstring(text)
        assert "a\N{REPLACEMENT CHARACTER}" in text


def test_an_empty_row_of_a_matrix_has_no_share(picture):
    assert [row["row_share"] for row in picture.rows] == [0.7, 0.3, None, None]
    assert "no films" in picture.svg(NOTICE)


def test_markdown_holds_words_and_tables(table, picture):
    facts = Table("f", "", (Column("Fact"), Column("Value")), (("Name", "x|y"),), head=False)
    sections = (Section("s", "S", ("one", "two"), (table, facts), listed=True), Section("p", "P", (), (picture,)))
    page = Report("A & B", NOTICE, (), sections, {}, lead="what it is", headline=(Tile("Accuracy", "98.8%", "of 81"),))
    lines = page.markdown().splitlines()
    assert lines[0] == "# A & B" and f"**{NOTICE}**" in lines and "what it is" in lines
    assert "- Accuracy: **98.8%** (of 81)" in lines and {"- one", "- two", "## S", "### A table"} <= set(lines)
    assert r"| a, \<b\> | 98.8% \[90.0, 99.9\] | \< 0.001 | 12,345 |" in lines
    assert r"- Name: x\|y" in lines and r"Chart: A \<matrix\>" in lines


def test_markdown_shows_what_looks_like_an_entity_or_ends_a_line():
    assert escape_markdown("R&D &amp; &lt;b&gt; &#60;") == r"R&D \&amp; \&lt;b\&gt; \&\#60;"
    assert escape_markdown("a\rb\r\nc\u2028d") == "a b c d"


def test_a_page_and_a_file_draw_a_table_alike(table):
    page = Report("A", NOTICE, (), (Section("s", "S", (), (table,)),), {}).html()
    drawn = part_html("table", table).strip()
    assert drawn.splitlines()[0] in page and "a, &lt;b&gt;" in drawn


def test_a_bar_shows_the_interval_and_a_shade_the_share_of_the_row():
    columns = (Column("Class"), Column("Share", "percent", interval=True, look="bar"))
    table = Table("t", "", columns, (("a", Figure(0.95, 0.92, 0.97, 80)), ("b", Figure(None))))
    (_, first), (_, second) = table.cells
    assert (first.text, first.interval) == ("95.0%", "[92.0, 97.0]") and first.bar == pytest.approx((20, 50, 50))
    assert second.bar is None and table.scale_note.startswith("Bars run from 90% to 100%")
    counts = Table(
        "t", "", (Column("Class"), *(Column(c, "count", look="shade") for c in "ab")), (("a", 3, 1), ("b", 0, 0))
    )
    assert [[cell.shade for cell in row] for row in counts.cells] == [[None, 0.75, 0.25], [None, None, None]]
    assert "--share:0.750" in part_html("table", counts) and not counts.scale_note


def test_what_differs_has_words_and_units():
    rows = [
        Difference("recipe.phases.0.optimizer", ("adamw", "adam")),
        Difference("recipe.phases.1.warmup_epochs", ("not reported", 1)),
        Difference("recipe.image_size", (160, 224)),
        Difference("image_size", (160, 224)),
    ]
    cells = tables.differences(rows, ("a", "b")).written
    assert cells[0] == ("Phase 1, optimizer", "AdamW", "Adam")
    assert cells[1][1:] == ("no phase 2", "1 epoch")
    assert [row[0] for row in cells].count("Image size") == 1 and cells[2][1:] == ("160 pixels", "224 pixels")
    costs = tables.costs([Difference("network bytes", (15924470, "not reported"))], ("a", "b"))
    assert costs.written == (("Network file", "15.2 MiB", "not reported"),)
    assert "15924470" in costs.csv()


def test_a_photograph_stands_in_html_and_is_named_elsewhere():
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    film = Photograph("film", "Film <1>", png_of(pixels), "A film, 8 x 6", note="left is left")
    page = Report("A", NOTICE, (), (Section("s", "S", (), (film,)),), {})
    assert f'<img src="{film.url}" alt="A film, 8 x 6" width="8" height="6">' in page.html()
    assert "Film &lt;1&gt;" in page.html() and "left is left" in page.html()
    assert r"Picture: Film \<1\>" in page.markdown()
    (held,) = json.loads(page.to_json())["sections"][0]["photographs"]
    assert (held["width"], held["height"], held["sha256_of_pixels"]) == (8, 6, film.sha256)
    assert "png" not in held and png_of(pixels) == film.png
    other = Photograph("film", "", png_of(pixels[::-1].copy()), "")
    assert other.sha256 != film.sha256
