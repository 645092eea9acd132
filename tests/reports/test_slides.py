"""Slides as python-pptx reads them: the report's numbers, nothing beyond the edge, the same bytes every time."""

import dataclasses
import io
import re
import zipfile
from typing import Any

import numpy as np
import pytest

from tests.helpers import ROOT
from tests.helpers.film_reports import LONG, subject
from xraykit import RESEARCH_ONLY
from xraykit.evaluation.stats import Figure
from xraykit.models.cards import card
from xraykit.reports import tables
from xraykit.reports.charts import curves, learning, matrices
from xraykit.reports.charts.decisions import people
from xraykit.reports.export import slides
from xraykit.reports.export.deck import marks, measure
from xraykit.reports.film import report as film_report
from xraykit.reports.report.page import Report, Section, Tile
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table
from xraykit.reports.truth import card as card_report

MODELS = ("mobilenetv2-imagenet", "densenet121-with-a-rather-long-name", "efficientnet-b0", "resnet50-fine-tuned")
CLASSES = ("COVID-19", "Normal", "Viral Pneumonia")


def picture_of_matrix(classes):
    counts = np.arange(len(classes) ** 2).reshape(len(classes), -1) * 7 % 41
    cells = tables.cells(counts, classes)
    return Picture("matrix", "A matrix", lambda style: matrices.matrix(cells, classes, style=style), cells, "a note")


def picture_of_curves():
    points = [
        {"model": model, "x": k / (9 + n), "y": (k / (9 + n)) ** 0.5, "place": k}
        for n, model in enumerate(MODELS)
        for k in range(10 + n)
    ]
    marked = [{"model": MODELS[1], "x": 0.25, "y": 0.5, "threshold": 0.3}]
    return Picture(
        "roc", "ROC", lambda style: curves.roc(points, MODELS, "a", marks=marked, style=style), [*points, *marked]
    )


def picture_of_dots():
    rows = [{"model": name, "value": 0.8 + k / 50, "low": 0.7 + k / 50, "high": 0.93} for k, name in enumerate(MODELS)]
    return Picture("dots", "Dots", lambda style: matrices.intervals(rows, MODELS, "Accuracy", style=style), rows)


def picture_of_people():
    row = {"place": "home", "label": "a", "sensitivity": 0.9, "specificity": 0.8, "ill": 50, "well": 50}
    rows = [row | {"model": model} for model in MODELS]
    return Picture("people", "People", lambda style: people.people(rows, MODELS, ["home"], ["a"], style=style), rows)


def table(count=3, **options):
    columns = (
        Column("Model"),
        Column("Share", "percent", interval=True),
        Column("Change", "points"),
        Column("n", "count"),
    )
    rows = tuple((f"model {k}", Figure(0.9 - k / 100, 0.8, 0.95, 60), -0.03, 1234 + k) for k in range(count))
    return Table("table", "A table", columns, rows, "a note below", **options)


def a_report(*sections, **options):
    facts = (("Test films", "300, digest 12ab"), ("Classes", ", ".join(LONG)))
    data = {"options": {"label": "Normal", "models": list(MODELS), "saved": "x" * 300}}
    return Report(f"Compare: {', '.join(MODELS)}", RESEARCH_ONLY, facts, sections, data, **options)


def opened(content) -> Any:
    from pptx import Presentation

    return Presentation(io.BytesIO(content))


def shapes(deck, key) -> list[Any]:
    return [shape for slide in deck.slides for shape in slide.shapes if shape.name == key]


def words(deck):
    return [
        [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame and shape.text_frame.text]
        for slide in deck.slides
    ]


def plain(text):
    """A cell's text as reports write it: breaks and minus signs are of slides alone."""
    return text.replace("\u00a0", " ").replace("\u2212", "-")


def inside(deck):
    """Every shape lies on its slide, and every text in its shape."""
    for number, slide in enumerate(deck.slides, 1):
        for shape in slide.shapes:
            place = (number, shape.name)
            assert shape.left >= 0 and shape.left + shape.width <= deck.slide_width, place
            assert shape.top >= 0 and shape.top + shape.height <= deck.slide_height, place
            if shape.has_text_frame and shape.text_frame.text:
                paragraphs = shape.text_frame.paragraphs
                high = sum(
                    measure.height(p.text, p.runs[0].font.size.pt, shape.width / 914400 + 0.02)
                    for p in paragraphs
                    if p.runs
                )
                assert high <= shape.height / 914400 + 0.05, (*place, shape.text_frame.text)


WHOLE = a_report(
    Section("words", "Words", ("one sentence", "another `code`", "a third"), listed=True),
    Section("verdict", "Verdict", ("It is better.",), (picture_of_dots(), table())),
    Section(
        "matrices", "Matrices", (), (picture_of_matrix(CLASSES), picture_of_matrix(CLASSES), picture_of_matrix(LONG))
    ),
    Section("curves", "Curves", (), (picture_of_curves(),)),
    Section("many", "Many rows", (), (table(60),)),
    lead="four models on the same films",
    headline=(Tile("Accuracy", "98.8%", "of 81"), Tile("A long one", f"{LONG[-1]} 0.455", "of a film")),
)


@pytest.fixture(scope="module")
def deck():
    return opened(slides.pptx(WHOLE))


def test_every_section_has_its_slides_and_every_slide_its_title_and_the_notice(deck):
    assert deck.slide_width * 9 == pytest.approx(deck.slide_height * 16, rel=1e-3)
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert titles[0].startswith("Compare: ") and titles[-1] == "What this rests on"
    assert list(dict.fromkeys(re.sub(r" \(\d+ of \d+\)", "", title) for title in titles[1:-1])) == [
        section.title for section in WHOLE.sections
    ]
    assert all(RESEARCH_ONLY in texts for texts in words(deck))


@pytest.mark.parametrize("look", ["paper", "stage"])
def test_twice_the_same_report_gives_the_same_bytes_without_a_date(look):
    page = a_report(WHOLE.sections[1], WHOLE.sections[3])
    content = slides.pptx(page, look=look)
    assert content == slides.pptx(page, look=look)
    with zipfile.ZipFile(io.BytesIO(content)) as held:
        assert {entry.date_time for entry in held.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"dcterms:" not in re.sub(rb"xmlns:\w+=\S+", b"", held.read("docProps/core.xml"))
        theme = next(name for name in held.namelist() if "theme1" in name)
        assert b'typeface="Liberation Sans" panose="020B0604020202020204"' in held.read(theme)


def test_a_table_is_native_and_says_what_the_report_says(deck):
    drawn = next(shape.table for shape in shapes(deck, "table"))
    cells = [[plain(cell.text_frame.text) for cell in row.cells] for row in drawn.rows]
    given = WHOLE.sections[1].tables[0]
    assert cells == [[column.name for column in given.columns], *map(list, given.written)]


def test_a_long_table_goes_on_on_the_next_slide_and_says_where_the_rest_is(deck):
    held = [
        plain(row.cells[0].text_frame.text)
        for slide in deck.slides
        if slide.shapes.title.text_frame.text.startswith("Many rows")
        for shape in slide.shapes
        if shape.has_table
        for row in list(shape.table.rows)[1:]
    ]
    assert held == [f"model {k}" for k in range(24)]
    assert any("The first 24 of 60 rows" in text for texts in words(deck) for text in texts)


def test_a_matrix_is_a_native_table_with_shaded_cells(deck):
    small, _, large = (shape.table for shape in shapes(deck, "matrix"))
    rows = WHOLE.sections[2].pictures[0].rows
    texts = [cell.text_frame.text.split("\n")[0] for row in list(small.rows)[1:] for cell in list(row.cells)[1:]]
    assert texts == [str(row["films"]) for row in rows]
    assert [cell.text_frame.text for cell in small.rows[0].cells][1:] == list(CLASSES)
    assert [cell.text_frame.text for cell in large.rows[0].cells][1:] == [str(k + 1) for k in range(10)]
    assert plain(large.rows[3].cells[0].text_frame.text).startswith(f"3  {LONG[2][:8]}")
    fills = {str(cell.fill.fore_color.rgb) for row in list(small.rows)[1:] for cell in list(row.cells)[1:]}
    assert len(fills) > 4


def test_curves_are_a_native_chart_with_their_points_in_it(deck):
    drawn = next(shape.chart for shape in shapes(deck, "roc"))
    given = WHOLE.sections[3].pictures[0].rows
    for series in list(drawn.plots[0].series)[1:5]:
        own = [row["y"] for row in given if row["model"] == series.name and "place" in row]
        assert list(series.values)[: len(own)] == pytest.approx(own)
        assert set(list(series.values)[len(own) :]) <= {own[-1]}  # LibreOffice wants them all as long
    assert list(list(drawn.plots[0].series)[5].values) == [0.5]
    legend = [shape.text_frame.text for shape in shapes(deck, "legend")]
    assert list(MODELS) == [text for text in legend if text in MODELS]


def test_dots_are_a_native_chart_beside_their_numbers(deck):
    drawn = next(shape.chart for shape in shapes(deck, "dots"))
    values = {series.name: series for series in drawn.plots[0].series}
    for row in WHOLE.sections[1].pictures[0].rows:
        assert [float(x) for x in values[row["model"]].iter_values()] and row["model"] in values
        written = Figure(row["value"], row["low"], row["high"]).text()
        assert written in [shape.text_frame.text for shape in shapes(deck, row["model"])]
    across = drawn._chartSpace.xpath(".//c:ser/c:xVal//c:v/text()")
    ends = {round(float(x), 4) for x in across}
    assert {
        round(row[key], 4) for row in WHOLE.sections[1].pictures[0].rows for key in ("value", "low", "high")
    } <= ends


def test_notes_hold_words_settings_and_facts(deck):
    notes = [slide.notes_slide.notes_text_frame.text for slide in deck.slides]
    assert all("Test films: 300, digest 12ab" in text and "Label: Normal" in text for text in notes)
    assert "It is better." in next(text for text in notes if "\nVerdict\n" in text)
    assert not any("xxx" in text for text in notes)  # what is too long to be read


def test_nothing_lies_beyond_the_edge_with_long_names_ten_classes_and_four_models(deck):
    inside(deck)


def test_the_title_slide_shows_the_headline_whole(deck):
    texts = words(deck)[0]
    assert "98.8%" in texts and f"{LONG[-1]} 0.455" in texts and WHOLE.lead in texts


def test_what_powerpoint_has_no_chart_for_becomes_a_sharp_picture_that_is_read_out():
    page = a_report(Section("people", "People", (), (picture_of_people(),)))
    made = opened(slides.pptx(page))
    inside(made)
    drawn = shapes(made, "people")
    assert len(drawn) == 2  # four models stand in two columns
    for shape in drawn:
        assert round(shape.image.size[0] / (shape.width / 914400)) >= 2 * 96
        assert "prevalence" in shape._element.xpath(".//p:cNvPr")[0].get("descr")


def test_letters_that_no_xml_may_hold_end_no_deck():
    odd = "a\x01b\ufffe\x0b"
    names = (odd, "Normal")
    cells = tables.cells(np.array([[7, 3], [0, 4]]), names)
    matrix = Picture("m", odd, lambda style: matrices.matrix(cells, names, style=style), cells, odd)
    table = Table("t", odd, (Column(odd), Column("Value")), ((odd, odd),), odd)
    page = a_report(Section("s", odd, (odd,), (matrix, table)), headline=(Tile(odd, odd, odd),))
    made = opened(slides.pptx(dataclasses.replace(page, title=odd)))
    assert len(made.slides) >= 2 and made.core_properties.title.startswith("a\N{REPLACEMENT CHARACTER}b")


def test_one_section_alone_makes_a_deck():
    made = opened(slides.slide(WHOLE, WHOLE.sections[3], look="stage"))
    assert [slide.shapes.title.text_frame.text for slide in made.slides] == ["Curves"]
    assert RESEARCH_ONLY in words(made)[0]


def test_a_shipped_card_and_a_film_with_four_models_fit():
    inside(opened(slides.pptx(card_report.report(card.read(ROOT / "weights" / "mobilenetv2-imagenet")))))
    made = opened(slides.pptx(film_report.report(subject(models=4, classes=LONG))))
    inside(made)
    assert sum(shape.shape_type == 13 for slide in made.slides for shape in slide.shapes) == 5  # film and overlays


def test_a_table_whose_numbers_a_matrix_shows_is_not_said_again():
    picture = picture_of_matrix(CLASSES)
    columns = (Column("Reference"), Column("Films", "count"))
    cells = Table("again", "Again", columns, tuple((row["reference"], row["films"]) for row in picture.rows))
    other = dataclasses.replace(cells, key="other", rows=(*cells.rows, ("all", 12345)))
    made = opened(slides.pptx(a_report(Section("m", "M", (), (picture, cells, other)))))
    assert not shapes(made, "again") and shapes(made, "other")


@pytest.mark.parametrize("classes", [6, 13, 20])
def test_what_fills_a_slide_has_no_slide_of_words_before_it(classes):
    said = "What these cells say in a sentence or two, so that nobody has to read them all. " * 4
    names = tuple(f"Class with a long name, number {k}" for k in range(classes))
    made = opened(slides.slide(WHOLE, Section("m", "M", (said,), (picture_of_matrix(names),))))
    inside(made)
    assert len(made.slides) == 1 and said.strip() in made.slides[0].notes_slide.notes_text_frame.text


def test_a_very_long_text_is_divided():
    made = opened(slides.pptx(a_report(Section("long", "Long", ("A sentence that goes on. " * 300,)))))
    inside(made)
    text = " ".join(shape.text_frame.text for shape in shapes(made, "words"))
    assert text.count("A sentence that goes on.") == 300


@pytest.mark.parametrize(
    ("words", "row", "holds"),
    [
        ("datum.front", {"front": True}, True),
        ("!datum.front", {"front": True}, False),
        ("isValid(datum.low)", {"low": None}, False),
        ("datum.low != null", {"low": 0.0}, True),
        ("datum.split === 'validation' && datum.high > datum.low", {"split": "validation", "high": 2, "low": 1}, True),
        ("datum.split === 'validation' && datum.high > datum.low", {"split": "training", "high": 2, "low": 1}, False),
    ],
)
def test_the_filters_of_charts_are_understood(words, row, holds):
    spec = {"data": {"values": [row]}, "transform": [{"filter": words}], "mark": "point", "encoding": {}}
    assert bool(marks.layers(spec)) == holds


@pytest.mark.parametrize("step", [{"filter": "datum.a > 3"}, {"calculate": "1", "as": "b"}])
def test_what_is_not_understood_is_never_drawn_wrong(step):
    with pytest.raises(marks.NotNative):
        marks.layers({"data": {"values": [{"a": 1}]}, "transform": [step], "mark": "point", "encoding": {}})


def test_training_is_told_apart_from_validation_and_rates_are_logarithmic():
    points = [
        {"model": model, "split": split, "epoch": k, "value": 10.0**-k}
        for model in MODELS[:2]
        for split in ("training", "validation")
        for k in range(1, 5)
    ]

    def draw(style):
        return learning.learning(points, MODELS[:2], "Rate", logarithmic=True, style=style)

    made = opened(slides.pptx(a_report(Section("t", "T", (), (Picture("rate", "Rate", draw, points),)))))
    chart = shapes(made, "rate")[0].chart
    assert {series.name for series in chart.plots[0].series} == {
        *MODELS[:2],
        *(f"{name}, training" for name in MODELS[:2]),
    }
    assert chart._chartSpace.xpath(".//c:logBase")


def test_text_is_measured_as_the_font_draws_it():
    from PIL import ImageFont

    place = ROOT / "xraykit" / "reports" / "export" / "fonts" / "LiberationSans-Regular.ttf"
    font = ImageFont.truetype(str(place), 1000)
    for text in ("Balanced accuracy 95.0% [90.1, 97.6]", "Lung opacity (non-COVID lung infection)"):
        assert measure.width(text, 72) == pytest.approx(font.getlength(text) / 1000, rel=0.02)
