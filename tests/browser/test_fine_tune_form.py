"""The form of Fine-tune in a real browser: what is refused is said beside the field it was entered in."""

from __future__ import annotations

import json
import zipfile

import pytest

from tests.browser.conftest import at_rest
from tests.browser.test_fine_tune import HANG, button, faults_of, open_form, set_number, text_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.mark.slow
def test_a_bomb_is_refused_and_three_faults_stand_beside_their_fields(visit, server, tmp_path):
    open_form(visit, server)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Normal/a.png", b"\0" * (60 * 2**20))
    visit.page.get_by_test_id("stMain").get_by_text("Zip file", exact=True).click()
    visit.page.locator(".st-key-step-1 input[type=file]").set_input_files(str(bomb))
    visit.page.locator(".st-key-step-1 [data-testid=stAlert]").wait_for(timeout=HANG)
    words = visit.page.locator(".st-key-step-1 [data-testid=stAlert]").inner_text()
    assert "was not unpacked" in words and "Normal/a.png" in words
    assert not any((server.folder / "datasets").rglob("a.png"))

    wrong = {
        "name": "tiny",
        "backbone": "Tiny",
        "image_size": 5,
        "batch_size": -1,
        "phases": [{"epochs": 2, "learning_rate": 7}],
    }
    visit.page.get_by_text("Import, export").click()
    visit.page.locator("[class*='st-key-recipe-import'] input[type=file]").set_input_files(
        {"name": "wrong.json", "mimeType": "application/json", "buffer": json.dumps(wrong).encode()}
    )
    visit.page.wait_for_function("() => document.querySelectorAll('.xk-fault').length === 3", timeout=HANG)
    at_rest(visit)
    for path in ("image_size", "batch_size", "phases-0-learning_rate"):
        box = visit.page.locator(f"[class*='st-key-recipe-'][class*='-{path}-field-box']")
        assert box.locator(".xk-fault").is_visible() and box.locator("input").is_visible(), path
    assert button(visit, "start").is_disabled() and "3" in visit.page.locator(".xk-reasons").inner_text()
    visit.page.keyboard.press("Escape")
    set_number(visit, "batch_size", 16)
    visit.page.wait_for_function("() => document.querySelectorAll('.xk-fault').length === 2", timeout=HANG)
    assert faults_of(visit) == [] and "Traceback" not in text_of(visit)
