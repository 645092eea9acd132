"""The dialog of reports in Chromium, its routes answered by the test: what is asked, shown and saved, and the focus."""

from __future__ import annotations

import pytest

from tests.browser.conftest import eventually
from tests.browser.test_review import serious
from tests.helpers import room_site
from tests.helpers.room_site import Room, row

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
FOCUS = """() => {
  const at = document.querySelector("main > div").shadowRoot.activeElement;
  return at?.dataset.item ?? at?.getAttribute("aria-label") ?? at?.className ?? "";
}"""
CLOSED_AND_OPENED = """() => {
  const root = document.querySelector("main > div").shadowRoot;
  const number = () => root.querySelectorAll("dialog[open]").length;
  root.querySelector("dialog[open] .icon-button[aria-label=Close]").click();
  const closed = number();
  const key = { key: "D", code: "KeyD", shiftKey: true, bubbles: true, composed: true };
  (root.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", key));
  return [closed, number()];
}"""


def asked(room: Room, path: str) -> list[dict]:
    return [body for kind, name, body in room.bodies if (kind, name) == ("report", path)]


def focus(visit) -> str:
    return visit.page.evaluate(FOCUS)


def test_a_report_is_looked_at_and_taken_away(visit):
    from axe_playwright_python.sync_playwright import Axe

    page = visit.page
    room = Room([row(number) for number in range(3)])
    room.open(page)
    page.locator(".viewer[data-ready~=f0]").wait_for()
    page.get_by_role("button", name="Heatmap", exact=True).click()  # off
    page.keyboard.press("i")
    page.locator(".tool", has_text="Report").focus()
    page.keyboard.press("Shift+D")
    dialog = page.get_by_role("dialog", name="Report")
    dialog.locator(".report-left[data-ready=true] img").wait_for()
    (first,) = asked(room, "")
    assert (first["film"], first["hidden"], first["names"], first["look"]) == ("f0", [], False, "paper")
    assert first["view"]["models"] == ["alpha", "beta"] and first["view"]["heatmaps"] is False
    assert first["view"]["grey"] == {"name": "Lung", "low": 0, "high": 2047, "inverted": True}
    assert serious(Axe().run(page)) == []
    assert "Page 1 of 2" in dialog.inner_text()
    dialog.get_by_role("button", name="Next page").click()
    eventually(lambda: (focus(visit), "Page 2 of 2" in dialog.inner_text()), ("Next page", True))
    dialog.get_by_role("button", name="Stage").click()
    dialog.get_by_label("With the file's name").check()
    dialog.get_by_label("With the appendix").check()
    wish = lambda: [asked(room, "")[-1][name] for name in ("look", "names", "full")]  # noqa: E731
    eventually(wish, ["stage", True, True])
    dialog.locator(".report-left[data-ready=true]").wait_for()
    for name, kind in (("PDF, A4", "pdf"), ("PowerPoint", "pptx")):
        with page.expect_download() as saved:
            dialog.get_by_role("button", name=name, exact=True).click()
        assert saved.value.suggested_filename == f"film-abc.{kind}"
        dialog.get_by_text(f"Saved as film-abc.{kind}").wait_for()
    assert [(body["kind"], body.get("slide", False)) for body in asked(room, "file")] == [
        ("pdf", False),
        ("pptx", True),
    ]
    room.answers["report/file"] = (400, {"code": "export-format", "words": "It has no overlay to write."})
    dialog.get_by_role("button", name="JSON, every number").click()
    dialog.get_by_role("status").get_by_text("It has no overlay to write.").wait_for()
    room.answers["report"] = (400, {"code": "nothing-read", "words": "No film was read in this session yet."})
    dialog.get_by_role("button", name="The reading session").click()
    dialog.get_by_role("alert").get_by_text("No film was read").wait_for()
    page.keyboard.press("Escape")
    eventually(dialog.count, 0)
    assert focus(visit) == "Report"
    page.keyboard.press("n")
    page.locator(".room[data-current=f1]").wait_for()


def test_a_dialog_ends_in_one_step(visit):
    """Whoever goes on typing at once loses no key: the browser's own `close` event comes a task later."""
    page = visit.page
    room = Room([row(number) for number in range(3)])
    room.open(page)
    page.locator(".viewer[data-ready~=f0]").wait_for()
    page.keyboard.press("Shift+D")
    page.locator(".report-left[data-ready=true]").wait_for()
    assert page.evaluate(CLOSED_AND_OPENED) == [0, 1]
    page.locator(".report-left[data-ready=true]").wait_for()
    page.keyboard.press("Escape")
    eventually(page.get_by_role("dialog", name="Report").count, 0)


def test_the_list_is_worked_through_with_progress_and_stopped(visit):
    reading = {"keep": False, "title": "", "name": None, "blind": True, "classes": room_site.CLASSES}
    page = visit.page
    room = Room([row(number) for number in range(30)], reading=reading)
    room.open(page)
    page.locator(".viewer[data-ready~=f0]").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("Shift+D")
    dialog = page.get_by_role("dialog", name="Report")
    dialog.get_by_role("button", name="The list (30)").click()
    dialog.get_by_label("Format").select_option("html")
    dialog.get_by_role("button", name="Make 30 reports").click()
    dialog.get_by_text("1 of 30 films done, about 40 s left").wait_for()
    (body,) = asked(room, "work")
    assert body["films"] == [f"f{number}" for number in range(30)] and body["kind"] == "html" and not body["names"]
    assert "f0" not in body["hidden"] and len(body["hidden"]) == 29, "the finding brought out one film's models"
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+D")
    dialog.get_by_role("button", name="The list (30)").click()
    dialog.get_by_role("button", name="Stop").click()
    dialog.get_by_text("Stopped: 1 of 30 films done").wait_for()
    link = dialog.get_by_role("link", name="Download film-reports.zip")
    assert link.get_attribute("href").endswith("/report/work/file")
    dialog.get_by_role("button", name="Make a contact sheet").click()
    dialog.get_by_text("1 of 30 films done, about").wait_for()
    room.work |= {"state": "done", "done": 30, "refused": 2, "eta_seconds": None}
    dialog.locator(".report-left[data-ready=true] img").wait_for()
    assert "30 of 30 films done, 2 without a picture." in dialog.inner_text()
    assert asked(room, "")[-1]["what"] == "sheet" and asked(room, "work")[-1]["what"] == "sheet"
