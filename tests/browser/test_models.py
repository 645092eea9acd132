"""The Models page, and a folder evaluated from a page to the end, in a real browser on a real server."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.browser.conftest import at_rest, eventually
from tests.browser.test_review import body, serious
from tests.helpers import film_folders
from xraykit import RESEARCH_ONLY
from xraykit.models import classifier

CARDS, _ = classifier.available()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CARDS, reason="no model in weights/"),
]
SIZES = {"1440": (1440, 900), "1920": (1920, 1080)}


@pytest.fixture
def folder(tmp_path):
    made = film_folders.make(tmp_path / "ward", films=8)
    (made / "Normal" / "broken.png").write_bytes(b"no film")
    (made / "Normal" / "copy.png").write_bytes((made / "Normal" / "film-000.png").read_bytes())
    Image.fromarray(film_folders.draw(0, 99)).save(made / "loose.png")
    return made


def screenshot(visit, screenshots, name: str, full: bool = False) -> None:
    for size, (width, height) in SIZES.items():
        visit.page.set_viewport_size({"width": width, "height": height})
        at_rest(visit)
        visit.page.screenshot(path=screenshots / f"{name}-{size}.png", full_page=full)


@pytest.mark.slow
def test_a_card_is_read_and_linked(visit, server, screenshots):
    from axe_playwright_python.sync_playwright import Axe

    card = CARDS[-1]
    visit.page.goto(f"{server.url}/models?model={card.name}")
    visit.page.get_by_role("heading", name=card.title, exact=True).wait_for()
    text = body(visit)
    assert RESEARCH_ONLY in text and "Intended use" in text and card.files["model.keras"] in text
    screenshot(visit, screenshots, "models-card")
    assert serious(Axe().run(visit.page)) == []
    assert visit.stopped == []


@pytest.mark.slow
def test_a_folder_is_evaluated_from_the_page_to_the_end(visit, server, screenshots, folder):
    from axe_playwright_python.sync_playwright import Axe

    page = visit.page
    page.goto(f"{server.url}/compare")
    page.get_by_text("Evaluate a folder").first.click()
    panel = page.locator(".st-key-evaluating")
    panel.get_by_label("Folder of labelled films").fill(str(folder))
    panel.get_by_role("button", name="Check folder").click()
    start = panel.get_by_role("button", name="Evaluate ")
    start.wait_for()
    expected = ("Refused films, excluded from all figures: 1", "Normal/broken.png", "loose.png")
    eventually(lambda: [words for words in expected if words not in panel.inner_text()], [])
    panel.scroll_into_view_if_needed()
    screenshot(visit, screenshots, "evaluate-before")
    faults = serious(Axe().run(page))
    start.click()
    panel.get_by_text("95% interval").wait_for()
    expected = ("Normal/broken.png", "Normal/copy.png", "loose.png")
    eventually(lambda: [words for words in expected if words not in panel.inner_text()], [])
    screenshot(visit, screenshots, "evaluate-after")
    faults += serious(Axe().run(page))
    if len(CARDS) > 1:
        page.get_by_text("Evaluate a folder").first.click()
        page.locator("button", has_text="wrong in both").first.click()
        page.locator(".xk-case img").first.wait_for()
        wrong = int(page.locator("button", has_text="wrong in both").first.inner_text().split()[0])
        eventually(page.locator(".xk-case").count, min(wrong, 12))
        eventually(page.locator(".xk-case img").count, min(wrong, 12) * 3)  # the film and two heatmaps
        page.locator(".st-key-listed").evaluate("element => element.scrollIntoView()")
        screenshot(visit, screenshots, "cases")
        faults += serious(Axe().run(page))
    assert faults == []
    page.reload()
    panel.get_by_text("Evaluations saved on this computer").wait_for(state="attached")
    assert "Traceback" not in body(visit) and visit.stopped == []
