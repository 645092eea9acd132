"""The page Datasets in a real browser: a folder is looked into in a process of its own, then taken to Fine-tune."""

from __future__ import annotations

import pytest

from tests.browser.conftest import at_rest
from tests.browser.test_review import serious
from tests.helpers import film_folders

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SIZES = {"1440": (1440, 900), "1920": (1920, 1080)}
LONG = "A class whose name goes on and on, longer than any column is wide, and then a little further"
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_a_folder_is_looked_into_and_taken_to_fine_tune(visit, server, screenshots, tmp_path):
    from axe_playwright_python.sync_playwright import Axe

    folder = film_folders.make(tmp_path / "ward", ("<b>COVID-19", "Normal", LONG), films=7)
    (folder / "Normal" / "broken.png").write_bytes(b"no film")
    page = visit.page
    page.goto(f"{server.url}/datasets")
    page.get_by_text("Datasets of the published studies").wait_for()
    faults = serious(Axe().run(page))
    page.get_by_label("Path of a folder, a manifest.csv or a zip file").fill(str(folder))
    page.get_by_role("button", name="Look inside", exact=True).first.click()
    page.get_by_text("Samples, drawn from each class").wait_for()
    panel = page.locator(".st-key-datasets-work")
    assert panel.locator(".xk-sample-row").count() == 3 and panel.locator(".xk-sample-row img[alt]").count() == 18
    for name in ("<b>COVID-19", "Normal/broken.png"):
        panel.get_by_text(name).first.wait_for()
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        at_rest(visit)
        assert not page.evaluate(TOO_WIDE)
        page.screenshot(path=screenshots / f"datasets-{size}.png")
    faults += serious(Axe().run(page))
    assert faults == []
    page.reload()
    panel.get_by_role("button", name="Fine-tune on it").click()
    page.get_by_label("Path of the folder").wait_for()
    assert page.get_by_label("Path of the folder").input_value() == str(folder)
    assert visit.stopped == []
