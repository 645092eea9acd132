"""A film on a page: the same in all formats, of any shape, with many models or none, and nothing of the patient."""

import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.helpers import film_reports
from tests.helpers.film_reports import CREATED, LONG, subject
from tests.reports.test_export_pages import together, words_of
from xraykit import RESEARCH_ONLY
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import Asked, Outcome, Verdict
from xraykit.reading.impressions import Agreement, Impression
from xraykit.reading.kept import Answer, Options, ReadFilm, Record
from xraykit.reports.export import typeset
from xraykit.reports.film import pictures, report, session, sheet
from xraykit.reports.film.subject import Settings

SHORT = ("COVID-19", "Normal", "Pneumonia")


def section(page, key):
    return {each.key: each for each in page.sections}[key]


def table(page, key):
    return {part.key: part for each in page.sections for part in each.tables}[key]


def pixels(photograph):
    with Image.open(io.BytesIO(photograph.png)) as picture:
        assert picture.info.keys() <= {"srgb", "gamma"}  # no text, no EXIF
        return np.asarray(picture)


def test_the_page_says_what_it_must():
    said = Impression(
        finding="Normal", text="Clear lungs.", agrees={"model-0": Agreement.AGREE}, blind=True, at=CREATED
    )
    shown = subject(impression=said)
    page = report.report(shown)
    text = page.markdown()
    top = shown.answers[0].prediction.top
    for words in (
        RESEARCH_ONLY,
        shown.film.sha256,
        f"Network model-0: **{top} {shown.answers[0].probabilities[top]:.3f}**",
        "operating point 0.300",
        "calibrated, temperature 1.000",
        "passed; taken for an upright frontal chest film",
        "at home",
        "other hospital",
        "Clear lungs.",
        "before the models were shown",
        "303 films of made-up",
        "2026-11-29 19:30 UTC",
        "NumPy",
    ):
        assert words in text.replace("\\", ""), words
    assert "DOE^JANE" not in text + page.html() + page.to_json()


def called(shown, *titles):
    """The same subject with its models under these titles."""
    answers = (
        dataclasses.replace(answer, card=dataclasses.replace(answer.card, title=title))
        for answer, title in zip(shown.answers, titles, strict=True)
    )
    return dataclasses.replace(shown, answers=tuple(answers))


def test_models_are_called_by_their_titles():
    page = report.report(called(subject(models=2), "MobileNetV2, from scratch", "DenseNet121"))
    text = page.markdown()
    assert text.count("model-0") == 6 and "model-0, 2026-01-01" in text, "in its limits, and where it is kept"
    assert [part.title for part in section(page, "film").photographs[1:]] == [
        "MobileNetV2, from scratch",
        "DenseNet121",
    ]
    held = json.loads(page.to_json())
    assert [(each["model"], each["title"]) for each in held["answers"]] == [
        ("model-0", "MobileNetV2, from scratch"),
        ("model-1", "DenseNet121"),
    ]
    same = report.report(called(subject(models=2), "A net", "A net"))
    assert [tile.name for tile in same.headline] == ["A net (model-0)", "A net (model-1)"]


def test_long_titles_are_lettered_where_they_stand_above_columns():
    long = "MobileNetV2, pretrained on ImageNet, then trained on the films of three hospitals, seed"
    shown = called(subject(3, SHORT, film_reports.film(80, 80)), *(f"{long} {k}" for k in range(3)))
    page = report.report(dataclasses.replace(shown, settings=Settings(longest=96))).short
    assert [tile.name for tile in page.headline] == [f"{letter}: {long} {k}" for k, letter in enumerate("ABC")]
    assert [column.name for column in table(page, "models").columns[1:]] == [
        f"{letter}: MobileNetV2, pretrained…" for letter in "ABC"
    ]
    assert "1 of 1" in words_of(typeset.pdf(page, sheet="wide"))


def test_numbers_are_the_same_in_all_formats():
    shown = subject(models=2)
    page = report.report(shown)
    held, markdown, html = json.loads(page.to_json()), page.markdown(), page.html()
    for answer in shown.answers:
        kept = next(each for each in held["answers"] if each["model"] == answer.card.name)
        assert kept["probabilities"] == answer.probabilities
        for value in answer.probabilities.values():
            assert f"{value:.4f}" in markdown and f"{value:.4f}" in html


def test_twice_the_same_film_gives_the_same_bytes():
    first, second = (report.report(subject(models=2)) for _ in range(2))
    assert first.to_json() == second.to_json() and first.markdown() == second.markdown()
    for one, other in zip(first.sections[0].photographs, second.sections[0].photographs, strict=True):
        assert one.png == other.png


@pytest.mark.parametrize(("height", "width"), [(400, 360), (200, 900), (900, 200), (90, 70)])
def test_film_and_overlays_stand_side_by_side_on_one_scale(height, width):
    shown = subject(models=3, shown=film_reports.film(height, width))
    drawn = [pixels(part) for part in pictures.photographs(shown)]
    assert len(drawn) == 4 and len({picture.shape for picture in drawn}) == 1
    film, first = drawn[0], drawn[1]
    assert max(film.shape[:2]) >= pictures.SMALLEST
    # Where the heatmap is zero the film shows through: outside the square that a model sees
    if width > 2 * height:
        assert (film[100, :20] == first[100, :20]).all()


def test_the_film_keeps_its_shape_and_a_narrow_one_stands_on_a_ground():
    film = pixels(pictures.photographs(subject(models=0, shown=film_reports.film(900, 200)))[0])
    assert film.shape[1] == pytest.approx(pictures.NARROWEST * 640, abs=2)
    assert (film[300, :20] == pictures.GROUND).all() and (film[300, film.shape[1] // 2] != pictures.GROUND).any()


def test_ten_classes_and_four_models_have_their_rows():
    page = report.report(subject(models=4, classes=LONG))
    numbers = table(page, "numbers")
    assert len(numbers.rows) == 10 and len(numbers.columns) == 9
    assert numbers.columns[7].name == "Network model-3" and numbers.cells[0][7].level.mark == 30
    assert len(table(page, "models").columns) == 5 and len(section(page, "film").photographs) == 5
    assert len(section(page, "limits").words) == report.MOST_LIMITS + 1
    assert "14 more on the cards" in section(page, "limits").words[-1]
    assert page.html().count("<img ") == 5


def test_what_the_gate_refused_is_said_and_has_no_probability():
    refused = Outcome("refused", Asked(), Verdict("other", score=0.0))
    shown = subject(gate=refused)
    unread = dataclasses.replace(
        shown.answers[0], prediction=None, explanation=None, words=f"Not read. {refused.words}"
    )
    page = report.report(dataclasses.replace(shown, answers=(unread,)))
    text = page.markdown()
    assert "Not a chest film" in text and "not read" in text and page.lead == "Not read by any model."
    assert [each.key for each in page.sections][:3] == ["film", "models", "impression"]
    assert all(any(row[1:]) for row in table(page, "models").rows), "no row without a word"
    json.loads(page.to_json())
    overridden = report.report(subject(gate=dataclasses.replace(refused, state="overridden")))
    assert dict(overridden.facts)["Gate"].startswith("refused, read all the same; Not a chest film")


@pytest.mark.parametrize(
    ("models", "height", "width", "classes"),
    [
        (1, 90, 80, LONG),
        pytest.param(3, 70, 240, SHORT, marks=pytest.mark.slow),
        (3, 240, 70, SHORT),
        pytest.param(2, 80, 80, LONG[:3], marks=pytest.mark.slow),
        (0, 80, 80, SHORT),
    ],
)
def test_it_is_one_sheet_of_either_shape(models, height, width, classes):
    shown = subject(models, classes, film_reports.film(height, width))
    page = report.report(dataclasses.replace(shown, settings=Settings(longest=96))).short
    for shape in ("a4", "wide"):
        text = words_of(typeset.pdf(page, sheet=shape))
        assert "1 of 1" in text, shape
        for words in (RESEARCH_ONLY, shown.film.sha256, "Reader, date, signature", "NumPy"):
            assert together(words) in together(text), words
        for answer in shown.answers:
            assert all(f"{value:.4f}" in text for value in answer.probabilities.values())
            assert "Grad-CAM at out_relu" in text.replace("\n", " ")


def test_a_full_report_has_its_charts_and_takes_the_sheets_that_it_needs():
    page = report.report(subject())
    assert page.single and not page.short.sections[1].pictures and page.sections[1].pictures
    assert "the tick is the operating point" in words_of(typeset.pdf(page))


def test_a_film_without_a_model_and_a_file_that_is_no_film():
    page = report.report(subject(models=0))
    assert page.lead == "Shown without a model." and len(section(page, "film").photographs) == 1
    no_film = report.refused(Refusal("DOE.png", "not-an-image", "Not a film."), "d" * 64, CREATED)
    assert "Not a film." in no_film.markdown() and "DOE" not in no_film.html() + no_film.to_json()


def test_a_name_stands_where_it_was_asked_for():
    page = report.report(subject(name="chest-7.png"))
    assert page.title == "Film chest-7.png" and "chest-7.png" in page.to_json()


def test_a_sheet_shows_twenty_films_a_picture_and_lists_all():
    shown = [subject(models=2, shown=film_reports.film(60 + n, 80)) for n in range(23)]
    page = sheet.of_subjects(shown)
    assert [part.title for part in page.sections[0].photographs] == ["Films 1 to 20", "Films 21 to 23"]
    rows = table(page, "films").rows
    assert len(rows) == 23 and rows[22][:2] == (23, shown[22].id)
    assert rows[0][4] == max(shown[0].answers[0].probabilities.values())
    assert page.sections[0].photographs[1].size[0] == 3 * (sheet.SIDE + sheet.GAP) + sheet.GAP
    assert "DOE^JANE" not in page.html() + page.to_json()


def test_a_line_below_a_film_keeps_its_number():
    from PIL import ImageFont

    cut = sheet._cut(f"{LONG[0]} 0.913", ImageFont.load_default(sheet.SIZE))
    assert cut.startswith("Enlarged") and cut.endswith("… 0.913") and len(cut) < 45


def test_a_session_on_paper_has_the_figures_of_its_summary():
    films = tuple(
        ReadFilm(
            sha256=f"{number:064x}",
            order=number + 1,
            last=Impression(finding=finding, seconds=20.0 + number, at=CREATED),
            before=Impression(finding="Normal", seconds=10.0, blind=True),
            name=f"DOE-{number}.png",
            label="Pneumonia",
            answers={"alpha": Answer("Pneumonia", {"Normal": 0.2, "Pneumonia": 0.8})},
        )
        for number, finding in enumerate(["Pneumonia", "Normal"])
    )
    record = Record(Options(title="Morning", classes=("Normal", "Pneumonia")), CREATED, CREATED, films)
    page = session.report(record, CREATED)
    text = page.markdown().replace("\\", "")
    assert "1 changed" in text and "alpha" in text and "Only 2 films read" in text
    accuracy = {row[0]: row[1].value for row in table(page, "accuracy").rows}
    assert accuracy == {"reader": 0.5, "before": 0.0, "alpha": 1.0}
    assert table(page, "films").rows[0][1] == f"{0:064x}"[:12] and "DOE" not in page.html() + page.to_json()
    named = dataclasses.replace(record, options=dataclasses.replace(record.options, names=True))
    assert table(session.report(named, CREATED), "films").rows[0][1] == "DOE-0.png"


@pytest.mark.slow
def test_what_was_typeset_is_forgotten():
    """Typst keeps what it set: of a dozen pages of large pictures more than 200 MiB, as it comes."""
    import psutil

    shown = subject(models=2, shown=film_reports.film(1000, 900))
    pages = report.report(dataclasses.replace(shown, settings=Settings(longest=1200))).short
    typeset.pdf(pages)
    before = psutil.Process().memory_info().rss
    for place in range(12):
        typeset.pdf(dataclasses.replace(pages, title=f"Film {place}"))
    assert psutil.Process().memory_info().rss - before < 60 * 2**20
