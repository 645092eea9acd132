"""Single figures: each kind of file, its size, its name, and what stands in it."""

import dataclasses
import io
import re
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.reports.test_export_pages import NOTICE, a_picture, a_report
from xraykit.reports import tables
from xraykit.reports.charts import matrices
from xraykit.reports.export import figure
from xraykit.reports.report.picture import Picture


def lines(models: int) -> Picture:
    names = [f"a-model-with-a-rather-long-name-{k}" for k in range(models)]
    rows = [{"model": name, "value": 0.9, "low": 0.85, "high": 0.95} for name in names]
    return Picture("a", "Accuracy", lambda style: matrices.intervals(rows, names, "Accuracy", style=style), rows)


def test_a_figure_holds_title_note_and_notice_in_every_kind():
    picture = a_picture()
    svg = figure.figure(picture, "svg", NOTICE).decode()
    assert all(words in svg for words in ("Confusion matrix", "n = 26", NOTICE)) and "Liberation Sans" in svg
    png = Image.open(io.BytesIO(figure.figure(picture, "png", NOTICE)))
    assert png.width == pytest.approx(2 * figure.WIDTH, rel=0.1) and png.info["dpi"][0] == pytest.approx(192, abs=0.02)
    assert figure.figure(picture, "pdf", NOTICE).startswith(b"%PDF")


def test_letters_that_the_font_lacks_stand_as_code_points_in_title_and_note_too():
    picture = dataclasses.replace(a_picture(), title="ROC curve of 肺炎", note="n\x01 = 26")
    svg = figure.figure(picture, "svg", NOTICE).decode()
    assert "ROC curve of [U+80BA U+708E]" in svg and "n[U+0001] = 26" in svg


def test_cells_of_a_class_that_the_font_lacks_stand_where_they_belong():
    places = []
    for name in ("Other", "肺炎"):
        cells = tables.cells(np.array([[71, 3], [5, 42]]), ("Normal", name))
        picture = Picture("m", "M", partial(_matrix, cells, ("Normal", name)), cells)
        svg = figure.svg(picture, width=400, look="paper").svg
        places.append(re.findall(r"translate\(([\d.,-]+)\)[^>]*>(\d+)</text", svg))
    assert len(places[0]) == 4 and places[0] == places[1]
    assert svg.count(">[U+80BA U+708E]</text") == 2


def _matrix(cells, classes, style):
    return matrices.matrix(cells, classes, style=style)


def test_a_chart_is_read_out():
    rows = [{"model": "a", "value": 0.9, "low": 0.85, "high": 0.95}]
    said = 'Accuracy of "a" <b> width="7"'
    picture = Picture("a", "A", lambda s: matrices.intervals(rows, ["a"], "A", style=s, alt_text=said), rows)
    drawn = figure.svg(picture, width=400, look="paper")
    top = ElementTree.fromstring(drawn.svg)
    assert (
        top.get("aria-label") == f"{said}. a 90.0% [85.0, 95.0]."
        and top.get("role") == "graphics-document"
        and drawn.width > 300
    )


def test_figures_are_the_same_bytes_twice():
    for suffix in ("svg", "png", "pdf"):
        first, second = (figure.figure(a_picture(), suffix, NOTICE, look="stage") for _ in range(2))
        assert first == second, suffix


@pytest.mark.parametrize("width", [340, 720, 1200])
def test_a_figure_is_as_wide_as_asked(width):
    assert figure.svg(lines(4), width=width, look="paper").width == pytest.approx(width, rel=0.08)


def test_rows_come_nearer_before_all_is_made_smaller():
    free = figure.svg(lines(6), width=600, look="paper")
    low = figure.svg(lines(6), width=600, look="paper", highest=0.8 * free.height)
    assert low.height < free.height and low.width == pytest.approx(600, rel=0.08)


def test_names_say_what_is_shown():
    report = a_report(title="Compare: a, b/c")
    assert figure.file_name(report, None, "pdf") == "compare-a-b-c.pdf"
    assert figure.file_name(report, a_picture(), "svg") == "confusion-matrix-compare-a-b-c.svg"
    assert figure.file_name(dataclasses.replace(report, title="肺炎"), None, "pdf") == "report.pdf"
    assert len(figure.file_name(dataclasses.replace(report, title="x" * 500), None, "pdf")) < 100
