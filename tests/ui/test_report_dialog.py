"""The button Report and what it opens, and the menu of a section: on a page of its own, without a browser."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, report_page
from xraykit.refused import Refused
from xraykit.reports.export import formats
from xraykit.ui.kit.report import dialog, handout

PACKED = b"PK\x03\x04"
FIRST = {"pdf": b"%PDF-", "zip": PACKED, "pptx": PACKED, "png": b"\x89PNG", "svg": b"<svg", "html": b"<!doctype"}
TEXT = "SECRET of a library, ROE^JOHN"


@pytest.fixture(autouse=True)
def asked_for_nothing():
    report_page.MADE.clear()
    report_page.MAKE.clear()


def script() -> None:
    from tests.helpers import report_page

    report_page.show()


def open_page() -> AppTest:
    app = AppTest.from_function(script, default_timeout=120).run()
    assert not app.exception
    return app


def press(app: AppTest) -> AppTest:
    app.button(key="page-report").click().run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    said = [block.value for block in (*app.markdown, *app.warning)]
    return "\n".join([*(block.proto.body for block in app.get("html")), *said]).replace("\\", "")


def test_nothing_is_made_before_somebody_asks_and_then_every_format_is_there():
    app = open_page()
    assert app.get("download_button") == [] and report_page.MADE == []
    press(app)
    assert report_page.MADE == ["plain"] and "Page 1 of 1" in words(app)
    labels = [button.label for button in app.get("download_button")]
    assert labels == [*(formats.FORMATS[kind].name for kind in formats.kinds(report_page.report())), "Card as JSON"]
    assert not app.checkbox(key="page-names").value
    app.checkbox(key="page-names").check().run()
    assert report_page.MADE[-1] == "named" and not app.exception
    app.segmented_control(key="page-sheet").set_value("16:9").run()
    assert "of 3" in words(app), "a title, and a slide for each section"
    app.button(key="report-turn-Right").click().run()
    assert "Page 2 of 3" in words(app) and report_page.MADE.count("plain") == 2


@pytest.mark.parametrize("error", [Refused("No model was saved.", code="x"), ValueError(TEXT)])
def test_what_cannot_be_made_is_said_in_words(error, caplog):
    def refuse():
        raise error

    report_page.MAKE["make"] = refuse
    app = press(open_page())
    assert "The report could not be made." in words(app) and app.get("download_button") == []
    assert TEXT not in words(app) and TEXT not in caplog.text
    assert ("No model was saved." if isinstance(error, Refused) else "ValueError") in words(app)


def test_pages_that_cannot_be_typeset_leave_the_other_formats(monkeypatch):
    from xraykit.reports.export import typeset

    def refuse(*given, **named):
        raise RuntimeError(TEXT)

    monkeypatch.setattr(typeset, "pngs", refuse)
    app = press(open_page())
    assert "could not be typeset" in words(app) and TEXT not in words(app)
    assert len(app.get("download_button")) == 10


def test_every_file_is_what_its_name_says_and_none_names_a_film():
    report = report_page.report()
    for kind in formats.kinds(report):
        file = handout.whole(report, kind, "stage", "two", full=True)
        content = file.make()
        suffix = file.name.rpartition(".")[2]
        assert content.startswith(FIRST.get(suffix, b"")), file.name
        assert file.name.startswith("two") and report_page.FILM.encode() not in unpacked(content), file.name
        if kind.startswith("png"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                assert packed.namelist() and all(name.endswith(".png") for name in packed.namelist())
    names = [handout.whole(report, kind, "paper", "two", full=False).name for kind in formats.kinds(report)]
    single = handout.whole(pages_one(report), "png-a4", "paper", "two", full=False, alone=True)
    assert (single.name, single.mime) == ("two-png-a4.png", "image/png") and single.make().startswith(FIRST["png"])
    assert len({*names}) == len(names), "two formats never overwrite each other in a folder of downloads"
    assert report_page.FILM in json.dumps(report_page.report(names=True).to_json())


def test_a_section_is_a_slide_and_its_parts_are_files():
    report = report_page.report()
    section = report.sections[0]
    page = pages_alone(report, section)
    files = list(handout.slide_files(report, section, "paper", [page]))
    assert [file.name for file in files] == ["verdict-two-models.pptx", "verdict-two-models.png"]
    charts = list(handout.figure_files(report, section.pictures[0], "stage", 480))
    assert [file.name for file in charts] == [f"accuracy-two-models.{suffix}" for suffix in ("svg", "png", "pdf")]
    for file in (*files, *charts):
        assert file.make().startswith(FIRST[file.name.rpartition(".")[2]]), file.name
    table = handout.table_file(report, report.sections[1], report.sections[1].tables[0])
    assert (table.name, table.make()) == ("films-two-models.csv", "Film,Class\n9f6acc601,Normal\n")
    several = list(handout.slide_files(report, section, "paper", [page, page]))
    assert several[1].name == "verdict-two-models-png.zip" and several[1].make().startswith(FIRST["zip"])


def pages_one(report):
    """The same on one sheet of A4."""
    from xraykit.reports.export import typeset

    alone = replace(report, sections=report.sections[1:])
    assert typeset.is_one_sheet(alone, "a4") and not typeset.is_one_sheet(alone, "wide")
    return alone


def pages_alone(report, section) -> bytes:
    from xraykit.reports.export import typeset

    pages = typeset.pngs(handout.alone(report, section), size="1080p")
    assert len(pages) == 1, "a section alone has no slide of the title before it"
    return pages[0]


def test_a_session_keeps_a_few_previews_and_none_once_the_dialog_is_closed(monkeypatch):
    state: dict = {}
    monkeypatch.setattr(handout.st, "session_state", state)
    made = []
    for place in [*range(20), 19]:
        handout._kept((place,), lambda place=place: made.append(place) or [b"a page"])
    assert made == [*range(20)] and len(state[handout.KEPT]) == handout.MOST
    monkeypatch.setattr(dialog.st, "session_state", state)
    dialog._open("page")
    assert handout.KEPT not in state and state[dialog.OPENED].key == "page"
    dialog._close()
    assert state == {}


def test_a_page_with_the_button_imports_no_typesetter():
    seen = "import sys; import xraykit.ui.kit.report.view, xraykit.ui.kit.report.dialog; "
    seen += "print([name for name in ('typst', 'pptx', 'vl_convert', 'highdicom') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", seen], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def unpacked(content: bytes) -> bytes:
    """All that is in a file, the parts of an archive unpacked."""
    if not content.startswith(FIRST["zip"]):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return b"".join(packed.read(name) for name in packed.namelist())
