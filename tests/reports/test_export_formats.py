"""The registry of formats: each gives a file, the same numbers, and nothing of the machine."""

import ast
import dataclasses
import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.helpers import ROOT, film_reports
from tests.reports.test_export_pages import a_report, a_table, words_of
from xraykit.refused import Refused
from xraykit.reports.export import formats
from xraykit.reports.film import report as film_report
from xraykit.reports.film.subject import Settings
from xraykit.reports.report.page import Section

BEGINS = {"pdf": b"%PDF", "png": b"\x89PNG", "pptx": b"PK", "html": b"<!doctype", "md": b"# ", "json": b"{"}
SLOW = {"altair", "typst", "pptx", "vl_convert", "highdicom", "pydicom", "PIL"}


@pytest.mark.parametrize("kind", [kind for kind in formats.FORMATS if kind != "dicom"])  # it needs an overlay
def test_every_format_gives_a_file_with_a_name(kind):
    form = formats.FORMATS[kind]
    report = a_report() if kind.startswith("png") else a_report(Section("s", "S", (), (a_table(),)))
    made = formats.export(report, kind)
    assert made.name == f"a-report.{form.suffix}" and made.mime == form.mime
    assert made.content.lstrip().startswith(BEGINS[form.suffix])
    assert str(ROOT).encode() not in made.content and str(Path.home()).encode() + b"/" not in made.content


def test_several_pages_are_one_archive_that_is_always_the_same():
    report = a_report(Section("s", "S", ("Words.",)))
    first, second = (formats.export(report, "png", look="stage", name="talk") for _ in range(2))
    assert first == second and first.name == "talk-png.zip" and first.mime == "application/zip"
    with zipfile.ZipFile(io.BytesIO(first.content)) as packed:
        assert packed.namelist() == ["talk-1.png", "talk-2.png"]
        assert all(packed.read(name).startswith(BEGINS["png"]) for name in packed.namelist())


def test_what_is_no_format_is_refused():
    with pytest.raises(Refused, match="pdf, pdf-wide") as refused:
        formats.export(a_report(), "docx")
    assert refused.value.code == "export-format"


def test_the_sidecar_holds_what_makes_the_report_again():
    assert "typst" not in json.loads(formats.sidecar(a_report()))["redo"]["versions"]
    assert json.loads(formats.sidecar(a_report()))["redo"]["versions"]["xraykit"]
    given = {"verb": "report film", "versions": {"xraykit": "0"}}
    kept = dataclasses.replace(a_report(), data={"redo": given, "n": 10})
    assert json.loads(formats.sidecar(kept))["redo"] == given and json.loads(formats.sidecar(kept))["n"] == 10


def test_every_format_has_the_same_numbers():
    report = a_report(Section("s", "S", (), (a_table(),)))
    texts = [formats.export(report, kind).content.decode() for kind in ("html", "markdown")]
    texts += [words_of(formats.export(report, kind).content) for kind in ("pdf", "pdf-wide")]
    for text in texts:
        said = text.replace("\\", "")
        assert said.count("98.8%") == 13 and said.count("[90.0, 99.9]") == 12
    row = json.loads(formats.export(report, "json").content)["sections"][0]["tables"][0]["rows"][0]
    assert row[1]["value"] == 0.98765


def test_a_film_report_says_the_same_numbers_in_every_format():
    subject = film_reports.subject(2)
    page = film_report.report(dataclasses.replace(subject, settings=Settings(longest=96)))
    said = {f"{value:.4f}" for answer in subject.answers for value in answer.probabilities.values()}
    said |= {"0.3000", "90.0%", "[80.0, 95.0]", subject.film.sha256[:12]}
    texts = {kind: formats.export(page, kind).content.decode() for kind in ("html", "markdown")}
    texts |= {kind: words_of(formats.export(page, kind).content) for kind in ("pdf", "pdf-wide")}
    texts["pptx"] = words_on_slides(formats.export(page, "pptx").content)
    for kind, text in texts.items():
        assert {number for number in said if number not in text.replace("\\", "").replace("\xa0", " ")} == set(), kind
    held = json.loads(formats.export(page, "json").content)
    numbers = next(part for part in held["sections"] if part["key"] == "answers")["tables"][0]["rows"]
    for place, answer in enumerate(subject.answers):
        assert [row[1 + 2 * place] for row in numbers] == list(answer.probabilities.values())


def words_on_slides(deck: bytes) -> str:
    from pptx import Presentation

    shapes = [shape for slide in Presentation(io.BytesIO(deck)).slides for shape in slide.shapes]
    texts = [shape.text_frame.text for shape in shapes if shape.has_text_frame]
    tables = [shape.table for shape in shapes if shape.has_table]
    return "\n".join([*texts, *(cell.text for table in tables for row in table.rows for cell in row.cells)])


def test_nothing_slow_is_imported_before_a_file_is_made():
    for path in (ROOT / "xraykit/reports/export").glob("*.py"):
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name for node in top for alias in node.names} | {getattr(node, "module", "") for node in top}
        assert not {str(name).split(".")[0] for name in names} & SLOW or path.stem == "dicom", path
