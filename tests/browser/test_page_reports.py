"""A page taken away in a real browser: the key, the preview, every format, and the menu of a section."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.browser.conftest import at_rest, eventually
from tests.browser.test_review import serious
from tests.helpers import ROOT
from xraykit import RESEARCH_ONLY
from xraykit.models import classifier
from xraykit.reports.export import formats

CARDS, _ = classifier.available()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CARDS, reason="no model in weights/"),
]
LARGE = ("png-2160p", "png-a4")  # made as "png" is, of more pixels
PACKED = b"PK\x03\x04"
FIRST = {".pdf": b"%PDF-", ".zip": PACKED, ".pptx": PACKED, ".png": b"\x89PNG", ".svg": b"<svg", ".html": b"<!doctype"}


def download(visit, key: str) -> bytes:
    """The file behind a button; it is what its name says, and holds no path of this computer."""
    with visit.page.expect_download() as waiting:
        visit.page.locator(f".st-key-{key} button").first.click()
    content = Path(waiting.value.path()).read_bytes()
    name = waiting.value.suggested_filename
    assert content.startswith(FIRST.get(Path(name).suffix, b"")), name
    assert str(ROOT).encode() not in unpacked(content), name
    return content


def unpacked(content: bytes) -> bytes:
    if not content.startswith(PACKED):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return b"".join(packed.read(name) for name in packed.namelist())


def test_a_page_is_looked_at_and_taken_away_in_every_format(visit, server, screenshots):
    from axe_playwright_python.sync_playwright import Axe

    card, page = CARDS[-1], visit.page
    page.goto(f"{server.url}/models?model={card.name}")
    page.get_by_role("heading", name=card.title, exact=True).wait_for()
    at_rest(visit)
    page.keyboard.press("Shift+D")
    dialog = page.get_by_role("dialog")
    dialog.get_by_alt_text("Page 1 of ").wait_for()
    at_rest(visit)
    page.screenshot(path=screenshots / "report-dialog.png")
    faults = serious(Axe().run(page))
    dialog.get_by_text("16:9", exact=True).click()
    page.locator(".st-key-report-page-wide img").wait_for()
    at_rest(visit)
    dialog.get_by_role("button", name="Next page").click()
    dialog.get_by_alt_text("Page 2 of ").wait_for()
    kinds = [kind for kind, form in formats.FORMATS.items() if not form.films]
    assert [kind for kind in kinds if not page.locator(f".st-key-model-as-{kind} button").count()] == []
    made = {kind: download(visit, f"model-as-{kind}") for kind in kinds if kind not in LARGE}
    assert RESEARCH_ONLY in made["html"].decode() and card.title in made["markdown"].decode().replace("\\", "")
    assert json.loads(made["json"])["title"] == card.title
    assert json.loads(download(visit, "model-beside-0"))["name"] == card.name
    dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="detached")
    menu = page.locator("[class*=st-key-slide-model-]").first
    menu.get_by_role("button").first.click()
    page.get_by_alt_text("The slide of ").wait_for()
    at_rest(visit)
    page.screenshot(path=screenshots / "slide-menu.png")
    faults += serious(Axe().run(page))
    section = menu.evaluate("element => [...element.classList].find(name => name.startsWith('st-key-'))").removeprefix(
        "st-key-"
    )
    for place in range(2):
        download(visit, f"{section}-as-{place}")
    for kind in ("SVG", "PNG", "PDF", "CSV"):
        body = page.get_by_test_id("stPopoverBody")
        with page.expect_download() as waiting:
            body.get_by_role("button", name=kind, exact=True).first.click()
        suffix = Path(waiting.value.suggested_filename).suffix
        assert suffix == f".{kind.lower()}"
        assert Path(waiting.value.path()).read_bytes().startswith(FIRST.get(suffix, b""))
    assert faults == [] and visit.stopped == []
    eventually(lambda: page.locator("[data-testid=stException]").count() == 0)
