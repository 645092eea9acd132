"""Typeset pages of a made-up report: what stands on them, what they are made of, and that they are always the same."""

import dataclasses
import io
import re
import shutil
import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from xraykit.evaluation.stats import Figure
from xraykit.reports import tables as report_tables
from xraykit.reports.charts import matrices
from xraykit.reports.export import figure, typeset
from xraykit.reports.export.pages import letters, page, tables
from xraykit.reports.film.photograph import Photograph, png_of
from xraykit.reports.report.page import Report, Section, Tile
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table

NOTICE = "Research demonstration. Not a medical device."
CLASSES = ("Community-acquired pneumonia, left lower lobe", "Pulmonary_tuberculosis_active_or_healed", "Normal")
SOURCE = '#panic("no") $x$ *b* _i_ @key <label> \\ // = [x] `raw` ~ "q" \'s'  # would be read, were it Typst's
WRITTEN = datetime(2026, 11, 29, 19, 40, tzinfo=UTC)
FIGURE = Figure(0.98765, 0.9, 0.999, 81)


def a_picture() -> Picture:
    cells = report_tables.cells(np.array([[7, 3, 0], [0, 4, 1], [1, 1, 9]]), CLASSES)
    return Picture("m", "Confusion matrix", lambda style: matrices.matrix(cells, CLASSES, style=style), cells, "n = 26")


def a_table(rows: int = 3, columns: int = 4, **fields) -> Table:
    heads = (Column("Class"), *[Column(f"Share {k}", "percent", interval=True, look="bar") for k in range(columns)])
    body = tuple((CLASSES[k % 3], *[FIGURE] * columns) for k in range(rows))
    return Table("t", "Figures by class", heads, body, "Wilson intervals.", **fields)


def a_report(*sections: Section, **fields) -> Report:
    given = {
        "title": "A report",
        "written": WRITTEN,
        "lead": "A lead.",
        "headline": (Tile("Accuracy", "98.8%", "n = 81"),),
    } | fields
    given = {"facts": (("Films", "81"),)} | given
    return Report(notice=NOTICE, sections=sections, data={}, **given)


@pytest.fixture(scope="module")
def report() -> Report:
    shaded = (Column("Reference"), Column("yes", "count", look="shade"), Column("no", "count", look="shade"))
    grid = Table("g", "", shaded, (("yes", 8, 2), ("no", 1, 9)), even=True)
    facts = Table("f", "", (Column("Name"), Column("Value")), (("SHA-256", "5b2f" * 16),), head=False)
    return a_report(
        Section("pictures", "Pictures", ("Words of it.",), (a_picture(), a_table())),
        Section("points", "Points", ("First.", "Second."), listed=True),
        Section("source", SOURCE, (SOURCE,), (grid, facts)),
    )


@pytest.fixture(scope="module")
def pdf(report) -> bytes:
    return typeset.pdf(report)


def words_of(pdf: bytes, *options: str) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    given = ("pdftotext", *options, "-", "-")
    return subprocess.run(given, input=pdf, capture_output=True, check=True).stdout.decode()


def together(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_text_can_be_selected_and_says_what_the_report_says(report, pdf):
    text = together(words_of(pdf))
    for said in (report.title, report.lead, "98.8%", "81", "Wordsofit.", "First.", "Second.", "n=26", "5b2f" * 16):
        assert together(said) in text, said
    for table in (table for section in report.sections for table in section.tables):
        for row in table.cells:
            for cell in row:
                assert together(cell.text) in text and together(cell.interval) in text, cell
    assert CLASSES[1] in text and tables.BREAK not in text  # a hash that was copied is that hash


def test_the_notice_stands_on_every_page(report):
    long = dataclasses.replace(report, sections=(*report.sections, Section("t", "Long", (), (a_table(50),))))
    for sheet in ("a4", "wide"):
        pages = words_of(typeset.pdf(long, sheet=sheet)).split("\f")[:-1]
        assert len(pages) > 2 and all(NOTICE in page for page in pages)


def test_what_a_user_wrote_is_never_read_as_source(pdf):
    assert together(words_of(pdf)).count(together(SOURCE)) == 2


def test_it_is_pdf_a_with_its_fonts_and_vector_charts(pdf):
    assert b"pdfaid:part>2" in pdf and b"/Lang" in pdf and b"/FontFile2" in pdf
    assert b"LiberationSans" in pdf and b"/Subtype/Image" not in pdf and b"/Subtype /Image" not in pdf


def test_the_same_report_gives_the_same_bytes(report, pdf):
    assert typeset.pdf(report) == pdf
    first, second = (typeset.pngs(report, look="stage") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("size,pixels", [("1080p", (1920, 1080)), ("2160p", (3840, 2160)), ("a4-300", (2480, 3508))])
def test_pages_have_the_pixels_that_were_asked_for(size, pixels):
    pages = typeset.pngs(a_report(), size=size)
    (page,) = (Image.open(io.BytesIO(page)) for page in pages)
    assert page.size == pixels and page.info["dpi"][0] == pytest.approx(typeset.SIZES[size][1], abs=0.02)
    assert page.getpixel((5, 5))[:3] == (255, 255, 255)


def test_a_stage_is_dark():
    (page,) = typeset.pngs(a_report(), look="stage")
    assert max(Image.open(io.BytesIO(page)).getpixel((5, 5))[:3]) < 32


def test_photographs_stand_side_by_side_and_are_the_pixels_themselves():
    pixels = np.arange(64 * 48, dtype=np.uint32).astype(np.uint8).reshape(64, 48)
    films = tuple(Photograph(f"f{k}", f"Film {k}", png_of(pixels), "A film") for k in range(2))
    made = typeset.pdf(a_report(Section("films", "Films", (), films)))
    assert b"/Subtype/Image" in made or b"/Subtype /Image" in made
    line = next(line for line in words_of(made, "-layout").splitlines() if "Film 0" in line)
    assert "Film 1" in line


def test_what_has_no_date_is_a_plain_pdf():
    made = typeset.pdf(a_report(written=None))
    assert made.startswith(b"%PDF") and b"pdfaid" not in made


def test_letters_that_the_font_lacks_are_written_as_their_code_points():
    assert letters.drawable("Größe ≥ 5 µm, κ − ● Привет") == "Größe ≥ 5 µm, κ − ● Привет"
    assert letters.drawable("肺炎 (viral) 🫁\u200d🩻") == "[U+80BA U+708E] (viral) [U+1FAC1 U+1FA7B]"
    cells = report_tables.cells(np.array([[7, 3], [0, 4]]), ("肺炎", "Normal"))
    picture = Picture("m", "M", lambda style: matrices.matrix(cells, ("肺炎", "Normal"), style=style), cells)
    table = Table("t", "", (Column("Class"), Column("رئة")), (("肺炎", "🫁"),))
    made = typeset.pdf(a_report(Section("s", "肺炎", ("Of 肺炎.",), (picture, table))))
    text = words_of(made)
    assert b"pdfaid:part>2" in made and text.count("U+80BA") >= 4 and "U+1FAC1" in text and "U+0631" in text


def test_what_ends_a_drawing_turns_figures_or_draws_a_box_is_written_as_its_code_point():
    assert letters.drawable("a\x01b\x9f \ud800\ufffe") == "a[U+0001]b[U+009F] [U+D800 U+FFFE]"
    assert letters.drawable("\u202e0.95") == "[U+202E]0.95" and letters.drawable("肺\u202e") == "[U+80BA U+202E]"
    assert letters.drawable("e\u0301 x\u20dd \u05d0\u05b0") == "e\u0301 x[U+20DD] \u05d0\u05b0"
    assert letters.drawable("肺\u3000炎\u2028a") == "[U+80BA] [U+708E] a"
    assert letters.drawable("a\nb\tc") == "a\nb\tc"


def test_lines_of_their_own_stand_in_any_part():
    words = "First line\nand its second"
    table = Table("t", words, (Column("Fact"), Column(words)), ((words, words), ("b", "c")), words)
    made = typeset.pdf(a_report(Section("s", words, (words,), (table,)), lead=words, facts=((words, words),)))
    assert words_of(made).count("and its second") >= 7


def test_long_tables_are_divided_and_repeat_their_head(monkeypatch):
    table = Table("t", "Films", (Column("Film"), Column("Seen", "count")), tuple((f"film-{k}", k) for k in range(150)))
    for sheet in ("a4", "wide"):
        pages = words_of(typeset.pdf(a_report(Section("s", "S", (), (table,))), sheet=sheet)).split("\f")[:-1]
        assert all(f"film-{k}" in "".join(pages) for k in range(150))
        assert all("Seen" in text for text in pages if "film-" in text) and len(pages) > 2
    monkeypatch.setitem(page.FORMATS, "a4", dataclasses.replace(page.FORMATS["a4"], rows=20))
    text = words_of(typeset.pdf(a_report(Section("s", "S", (), (table,)))))
    assert "The first 20 of 150 rows." in text and page.ELSEWHERE in text


def test_a_report_is_set_closer_where_that_saves_a_sheet():
    report = a_report(Section("s", "S", (), (a_table(44, 1),)))
    normal = typeset._data(page.Page(report, "a4", "paper", page.FORMATS["a4"]))
    assert typeset._sheets(report, typeset._inputs(report, "a4", "paper")) < typeset._sheets(report, normal)


def test_a_name_of_a_row_without_a_value_is_no_table():
    bare = Table("t", "Nothing", (Column("Measure"),), (("Accuracy",),))
    assert "Nothing" not in words_of(typeset.pdf(a_report(Section("s", "S", (), (bare,)))))


@pytest.mark.parametrize("columns", [1, 4, 9, 21])
def test_columns_of_a_table_never_leave_the_page(columns):
    table = a_table(3, columns)
    groups = tables.fit(table, 500, 9, 7)
    assert [place for group in groups for place in group.columns if place] == list(range(1, columns + 1))
    for group in groups:
        assert group.columns[0] == 0 and sum(group.widths) <= 500.1 and 7 <= group.size <= 9
        for place, width in zip(group.columns[1:], group.widths[1:], strict=True):
            interval = tables.SMALL * tables.length(tables.cells(table, group.stacked)[0][place].interval)
            assert interval <= width / group.size
    assert (len(groups) > 1) == (columns > 9)


def test_groups_repeat_the_columns_that_name_the_rows():
    heads = (Column("First"), Column("Second"), *[Column(f"n {k}", "count") for k in range(60)])
    table = Table("t", "", heads, (("a", "b", *range(60)),))
    groups = tables.fit(table, 400, 9, 7)
    assert len(groups) > 1 and all(group.columns[:2] == (0, 1) for group in groups)


def test_words_that_are_too_long_may_break():
    assert tables.breakable("short words stay", 20) == "short words stay"
    broken = tables.breakable("Pulmonary_tuberculosis_active a1b2c3d4", 8)
    assert broken.split(tables.BREAK)[0] == "Pulmonary_" and broken.replace(tables.BREAK, "").endswith(
        "active a1b2c3d4"
    )
    assert tables.BREAK in tables.breakable("f" * 64, 10)
    assert [len(line) for line in tables.breakable("0" * 64, 35, evenly=True).split(tables.BREAK)] == [32, 32]
    assert max(map(tables.length, tables.breakable("iiiiWWWW" * 4, 9, evenly=True).split(tables.BREAK))) <= 9


def test_shades_are_those_of_the_charts():
    style = figure.style("paper")
    ends = [page.shade(share, style) for share in (0, 0.2, 1, 2)]
    assert ends == [style.sequential[0], style.sequential[1], style.sequential[-1], style.sequential[-1]]
