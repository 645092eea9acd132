"""What the model saw, in Chromium: the panel with two models, its keys, and the badges."""

from __future__ import annotations

import pytest

from tests.browser.conftest import eventually
from tests.browser.test_review import serious
from tests.helpers import room_site
from tests.helpers.room_site import Room, refused, row

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
# Opened, and closed, with a comment begun in the same task: where is the focus two frames later?
TOGGLED = """async () => {
  const root = document.querySelector("main > div").shadowRoot;
  const kept = [];
  for (let time = 0; time < 2; time += 1) {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "M", shiftKey: true, bubbles: true }));
    const search = root.querySelector("input[type=search]");
    search.focus();
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    kept.push(root.activeElement === search);
    search.blur();
  }
  return kept;
}"""
KNOWN = room_site.SEEN["known"]


def of_alpha(number: int, **changes) -> dict:
    """A film that alpha knows."""
    made = row(number, **changes)
    made["models"]["alpha"]["known"] = KNOWN
    return made


def test_the_panel_shows_the_input_its_way_and_the_nearest_films(visit):
    from axe_playwright_python.sync_playwright import Axe

    room = Room([of_alpha(0), row(1), refused(2)])
    room.open(visit.page)
    page = visit.page
    panel, findings = page.locator(".saw"), page.locator(".findings")
    eventually(lambda: page.locator(".row .saw-known").all_inner_texts(), ["Twin\nin training set"])
    eventually(lambda: findings.locator(".saw-known").all_inner_texts(), ["Near twin in this model's training set"])
    assert panel.is_hidden()

    page.keyboard.press("Shift+M")
    page.locator(".saw-picture img").nth(1).wait_for()
    assert findings.is_hidden() and page.locator(".saw-body").evaluate("e => e.getRootNode().activeElement === e")
    assert page.locator(".saw-picture img").first.evaluate("e => [e.naturalWidth, e.naturalHeight]") == [32, 32]
    assert page.locator(".saw-column").first.locator(".saw-way dt").all_inner_texts() == ["File", "Crop"]
    assert "8 of the 10 nearest training films are Normal." in panel.inner_text()
    assert page.locator(".saw-far").count() == 1 and page.locator(".saw-strip i").count() == 10
    assert (
        page.locator(".saw-strips").get_attribute("aria-label").startswith("Distances of the nearest training films: N")
    )
    assert serious(Axe().run(page)) == []

    columns = page.locator(".saw-column")
    assert columns.locator("h4.saw-model").all_inner_texts() == ["Model alpha", "Model beta"]
    eventually(lambda: page.locator(".saw code").all_inner_texts(), [room_site.NOT_REMEMBERED["command"]])
    left, right = (columns.nth(place).bounding_box() for place in (0, 1))
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"] + 1, "side by side"
    pictures = page.locator(".saw-picture img")
    assert pictures.nth(0).bounding_box()["y"] == pictures.nth(1).bounding_box()["y"], "in one row"
    page.set_viewport_size({"width": 700, "height": 700})
    eventually(lambda: page.locator(".saw-body").evaluate("e => e.scrollWidth > e.clientWidth"), True)
    page.set_viewport_size({"width": 1440, "height": 900})
    eventually(lambda: page.locator(".saw-body").evaluate("e => e.scrollWidth > e.clientWidth"), False)

    room.answers["seen/f1"] = (400, {"code": "service", "words": "The model saw nothing of this film. It is gone."})
    page.keyboard.press("n")
    gone = "The model saw nothing of this film. It is gone."
    eventually(lambda: page.locator(".saw-error").all_inner_texts(), [gone] * 2)
    page.locator("#film-f2").click()
    eventually(lambda: "no model saw it" in panel.inner_text())

    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("What the model saw").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+M")
    findings.wait_for()
    assert panel.is_hidden() and visit.forbidden == []
    assert page.evaluate(TOGGLED) == [True, True], "the focus moves at once, and never away from what was begun"
    page.keyboard.press("Home")
    findings.get_by_role("button", name="What it saw").nth(1).click()
    columns.nth(1).wait_for()
    assert ("GET", "seen/f0") in room.asked and ("GET", "input/f0") in room.asked


def test_the_nearest_films_wait_for_a_blind_readers_impression(visit):
    room = Room([of_alpha(0)], reading={"keep": False, "title": "", "name": None, "blind": True, "classes": ["Normal"]})
    room.open(visit.page)
    visit.page.keyboard.press("Shift+M")
    visit.page.locator(".saw-picture img").first.wait_for()
    assert "Hidden until you record an impression" in visit.page.locator(".saw").inner_text()
    assert visit.page.locator(".saw-strips").count() == 0
