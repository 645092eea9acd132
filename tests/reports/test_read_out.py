"""What is read out to those who do not see a report: every picture, chart and table says what it shows."""

import io
import re
from typing import Any

import pytest
from pptx.enum.shapes import PP_PLACEHOLDER_TYPE

from tests.helpers import every_report
from xraykit.reports.export import figure, slides, typeset
from xraykit.reports.film.photograph import Photograph
from xraykit.reports.report import read_out, table
from xraykit.reports.report.page import Report
from xraykit.reports.report.picture import Picture

BARE = re.compile(r"(picture|image|chart|table|shape|text ?box|rectangle|connector)\s*\d*", re.IGNORECASE)
SLIDE_IMAGE = PP_PLACEHOLDER_TYPE.SLIDE_IMAGE
LONGEST = 700  # signs that a screen reader says without a stop: a minute


LARGE = "comparison of many"  # made of what the comparison of two is made of
PARAMS = [pytest.param(kind, marks=pytest.mark.slow if kind == LARGE else ()) for kind in every_report.KINDS]


@pytest.fixture(scope="module", params=PARAMS)
def report(request, tmp_path_factory) -> Report:
    return every_report.of_kind(request.param, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def deck(report) -> Any:
    from pptx import Presentation

    return Presentation(io.BytesIO(slides.pptx(report)))


def described(shape) -> str:
    return shape._element.xpath(".//p:cNvPr")[0].get("descr", "")


def is_decorative(shape) -> bool:
    return bool(shape._element.xpath('.//p:cNvPr//*[local-name()="decorative"][@val="1"]'))


def says_something(words: str) -> bool:
    """A sentence of its own, not a name that a program gave, nor a word alone."""
    return (
        len(words.split()) >= 4 and not BARE.fullmatch(words) and words[0].strip() == words[0] and words.endswith(".")
    )


def test_every_shape_of_a_deck_is_read_out_or_passed_over(deck):
    for number, slide in enumerate(deck.slides, 1):
        for shape in slide.shapes:
            place = (number, shape.name, described(shape))
            if shape.has_text_frame and shape.text_frame.text.strip():
                continue
            if getattr(shape, "has_chart", False) or getattr(shape, "has_table", False) or shape.shape_type == 13:
                assert says_something(described(shape)) and re.search(r"\d", described(shape)), place
                assert len(described(shape)) <= LONGEST, place
            else:
                assert is_decorative(shape), place


def test_no_placeholder_is_left_empty(deck):
    for number, slide in enumerate(deck.slides, 1):
        notes = [holder for holder in slide.notes_slide.placeholders if holder.placeholder_format.type != SLIDE_IMAGE]
        holders = [*slide.placeholders, *notes]  # the program draws the slide's own small picture
        for holder in holders:
            fields = holder._element.xpath(".//a:fld")
            assert holder.text_frame.text.strip() or fields, (number, holder.name)
        assert slide.shapes.title.text_frame.text


def test_parts_of_a_table_and_of_a_chart_are_told_apart(deck):
    for slide in deck.slides:
        told = [described(shape) for shape in slide.shapes if described(shape)]
        assert len(told) == len(set(told))


def test_a_web_page_reads_out_its_pictures_and_names_its_tables(report):
    page = report.html(lambda picture: figure.svg(picture, width=500, look="paper").svg)
    assert page.count("<table") == page.count("<caption>")
    assert all(words.strip() for words in re.findall(r"<caption>([^<]*)</caption>", page))
    for drawn in (page, report.html()):
        labels = re.findall(r'<svg role="graphics-document"[^>]*aria-label="([^"]*)"', drawn)
        assert len(labels) == sum(len(section.pictures) for section in report.sections)
        assert all(says_something(label) for label in labels)
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', page)
    assert len(alts) == sum(len(section.photographs) for section in report.sections)
    assert all(says_something(alt) for alt in alts)


def test_a_pdf_reads_out_its_pictures(report):
    inputs = typeset._inputs(report, "a4", "paper")["data"]
    parts = [part for section in report.sections for part in section.parts]
    for part in parts:
        if isinstance(part, Picture | Photograph):
            assert said_of(part)[:60] in inputs.replace('\\"', '"')


def said_of(part: Any) -> str:
    return part.read_out if isinstance(part, Photograph) else part.spec(figure.style("paper"))["description"]


def test_of_many_figures_the_ends_are_told():
    few = [read_out.Named("A", 0.9, 0.8, 0.95), read_out.Named("B", 0.7)]
    assert read_out.figures(few, of="Accuracy") == "Accuracy: A 90.0% [80.0, 95.0]; B 70.0%"
    many = [read_out.Named(name, k / 10) for k, name in enumerate("ABCDE")]
    assert read_out.figures(many, "number") == "Highest 0.4000 (E), lowest 0.0000 (A), of 5"
    assert read_out.figures([], of="Accuracy") == ""
    assert read_out.sentences("A chart", "", "Its end") == "A chart. Its end."


def test_a_matrix_tells_its_diagonal_and_its_largest_error():
    cells = [
        {"reference": first, "predicted": second, "films": films}
        for first, second, films in (("a", "a", 8), ("a", "b", 1), ("b", "a", 3), ("b", "b", 1200))
    ]
    assert read_out.matrix(cells) == (
        "1,208 of 1,212 films lie on the diagonal; the most frequent error is b taken for a, 3 films"
    )
    assert read_out.matrix([cells[0], cells[3]]) == "1,208 of 1,208 films lie on the diagonal, none beside it"


def test_a_line_tells_where_it_begins_and_ends_whatever_the_order_of_its_points():
    points = [{"model": "a", "epoch": epoch, "value": epoch / 10} for epoch in (3, 1, 2)]
    assert read_out.courses(points, "epoch", "model", percent=True) == "a from 10.0% to 30.0%"
    assert read_out.courses([], "epoch", "model") == ""


def test_a_table_tells_its_size_and_its_first_row():
    told = table.read_out("Ranks", ("Model", "Rank"), (("A", "1"), ("B", "2")))
    assert told == "Ranks, a table of 2 rows and 2 columns. First row: Model A: Rank 1."
    assert table.read_out("Facts", (), (("Films", "81"),)) == "Facts, 1 row. Films: 81."
