"""The reader's panel in Chromium, its routes answered by the test: what is sent, in which order, and when it is not."""

from __future__ import annotations

import pytest

from tests.browser.conftest import eventually
from tests.browser.test_review import serious
from tests.helpers import room_site
from tests.helpers.room_site import Room, row

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
# A clock that the test moves on, and a tab that it hides
CLOCK = """
  const real = performance.now.bind(performance);
  window.xkAhead = 0;
  performance.now = () => real() + window.xkAhead;
  window.xkHidden = false;
  Object.defineProperty(document, "hidden", { get: () => window.xkHidden });
"""
HIDE = "hidden => { window.xkHidden = hidden; document.dispatchEvent(new Event('visibilitychange')) }"
AHEAD = "seconds => { window.xkAhead += 1000 * seconds }"


@pytest.fixture
def enter(visit):
    def enter(number=3, **state) -> Room:
        room = Room([row(place) for place in range(number)], **state)
        room.open(visit.page)
        visit.page.locator(".reader[data-film=f0]").wait_for()
        return room

    return enter


def press(visit, *keys: str) -> None:
    for key in keys:
        visit.page.keyboard.press(key)


def sent(room, name: str) -> list[dict]:
    """The impressions of a film that arrived."""
    return [body for kind, film, body in room.bodies if (kind, film) == ("impression", name)]


def last(room, name: str) -> dict:
    return eventually(lambda: sent(room, name))[-1]


def test_nothing_is_lost_at_a_fast_next_film(visit, enter):
    room = enter()
    press(visit, "2", "v", "d", "k", "Shift+N")
    visit.page.keyboard.type("left base? 1 v n")
    press(visit, "Escape", "n", "3", "n", "1", "s")
    eventually(lambda: visit.page.locator(".reader").get_attribute("data-saved"), "true")
    body = last(room, "f0")
    assert (body["finding"], body["text"], body["flagged"]) == ("Normal", "left base? 1 v n", True)
    assert body["agrees"] == {"alpha": "agree", "beta": "disagree"} and body["blind"] is False
    assert last(room, "f1")["finding"] == "Viral Pneumonia"
    eventually(lambda: last(room, "f2")["agrees"], {"alpha": "unsure"})
    press(visit, "p", "p")
    visit.page.locator(".reader[data-film=f0][data-finding=Normal]").wait_for()
    assert visit.page.get_by_label("Comment").input_value() == "left base? 1 v n"
    press(visit, "0")
    eventually(lambda: last(room, "f0")["finding"], None)


def test_the_blind_finding_goes_by_itself_before_what_follows(visit, enter):
    room = enter(reading={"keep": False, "title": "", "name": "", "blind": True, "classes": room_site.CLASSES})
    press(visit, "v", "1", "v", "2", "v", "n")
    eventually(lambda: sent(room, "f0")[-1:] and sent(room, "f0")[-1]["agrees"], {"alpha": "agree", "beta": "agree"})
    bodies = sent(room, "f0")
    assert (bodies[0]["finding"], bodies[0]["blind"], bodies[0]["agrees"]) == ("COVID-19", True, {})
    assert bodies[-1]["finding"] == "Normal" and not any(body["blind"] for body in bodies[1:])
    press(visit, "Shift+J", "3")
    eventually(lambda: last(room, "f1")["finding"], "Viral Pneumonia")
    assert not any(body["blind"] for body in sent(room, "f1")), "its models were shown first"
    press(visit, "n", "p")
    visit.page.locator(".reader", has_text="it is not read blind").wait_for()


def test_what_was_measured_comes_back_with_its_film(visit, enter):
    room = enter()
    measured = visit.page.locator(".xv-pane[data-measured*=px]")
    press(visit, "m", "Shift+Space")
    measured.first.wait_for()
    (ruler,) = last(room, "f0")["measurements"]
    assert ruler["kind"] == "ruler" and len(ruler["points"]) == 2
    assert visit.page.locator(".row .state.read").count() == 0, "a film that was only measured is not read"
    press(visit, "n")
    visit.page.locator(".reader[data-film=f1]").wait_for()
    eventually(lambda: measured.count(), 0)
    room.open(visit.page, key="n" * 32)
    visit.page.locator(".reader[data-film=f1]").wait_for()
    press(visit, "p")
    measured.first.wait_for()
    lines = visit.page.locator(".xk-corners p").all_inner_texts()
    assert lines.count("Alpha") == 1, "a model is named once, by what its title does not share with the others"
    names = [f"MobileNetV2 of the same long name, {end}" for end in ("from ImageNet", "from scratch")]
    models = [model | {"title": name} for model, name in zip(room.state["models"], names, strict=True)]
    room.state["models"] = models
    room.open(visit.page, key="o" * 32)
    shown = visit.page.locator(".reader-name")
    assert [shown.nth(place).get_attribute("title") for place in (0, 1)] == names
    ends = shown.locator("span + span")
    for place, name in enumerate(names):
        inside, around = ends.nth(place).bounding_box(), shown.nth(place).bounding_box()
        assert name.endswith(ends.nth(place).inner_text().strip())
        assert inside["x"] + inside["width"] <= around["x"] + around["width"] + 1, "its end is in sight"


def test_a_server_that_fails_is_asked_again_and_a_refusal_is_said(visit, enter):
    room = enter()
    words = {"code": "failed", "words": "The server failed on this."}
    room.answers["impression/f0"] = (500, words)
    press(visit, "1")
    visit.page.locator(".reader-status", has_text="Not saved. The server failed on this.").wait_for()
    del room.answers["impression/f0"]
    assert last(room, "f0")["finding"] == "COVID-19"
    eventually(lambda: visit.page.locator(".reader-status").inner_text(), "")
    room.answers["impression/f0"] = (400, {"code": "impression", "words": "Expected one of the findings."})
    press(visit, "2")
    visit.page.locator(".reader-status", has_text="Expected one of the findings.").wait_for()
    tries = [path for _, path in room.asked].count("impression/f0")
    press(visit, "n", "1")
    last(room, "f1")
    assert [path for _, path in room.asked].count("impression/f0") <= tries + 1, "a refusal is not asked for again"


def test_a_page_that_goes_tells_the_next_what_is_still_on_its_way(visit, enter):
    room = enter()
    room.answers["impression/f0"] = (500, {"code": "failed", "words": "The server failed on this."})
    press(visit, "2")
    visit.page.locator(".reader-status", has_text="Not saved.").wait_for()
    room.open(visit.page, key="n" * 32)
    (adopted,) = [body for kind, _, body in room.bodies if kind == "adopt"]
    assert adopted["from"] == "k" * 32 and list(adopted["unsaved"]) == ["f0"] and adopted["unsaved"]["f0"] > 0
    del room.answers["impression/f0"]
    press(visit, "1")
    last(room, "f0")


class HeldRoom(Room):
    """A room whose answers to what is chosen of the session wait until they are let go."""

    def __init__(self, rows, **state):
        super().__init__(rows, **state)
        self.waiting = []

    def write(self, route, kind, name):
        if kind != "reading":
            return super().write(route, kind, name)
        self.waiting.append(route)

    def chosen(self) -> list:
        """The choices that arrived and have no answer yet."""
        return self._until_now(self.waiting)

    def looks(self) -> int:
        return self.asked.count(("GET", "state"))

    def look(self) -> None:
        """The page asks for the state, as before the choice, and has taken the answer."""
        before = self.looks()
        self.change(row(2))
        eventually(lambda: self.looks() > before)
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def test_an_older_answer_brings_no_finding_into_the_session_that_follows(visit):
    said = {"finding": "Normal", "agrees": {}, "text": "", "flagged": False, "blind": False, "seconds": 1}
    said |= {"marks": [], "measurements": [], "before": None, "session": "first"}
    reading = {"keep": True, "title": "Ward 3", "name": "ward-3", "blind": False, "classes": room_site.CLASSES}
    reading |= {"session": "first"}
    room = HeldRoom([row(place, impression=said) for place in range(3)], reading=reading)
    room.open(visit.page)
    visit.page.locator(".reader[data-finding=Normal]").wait_for()
    visit.page.get_by_role("button", name="Ward 3", exact=True).click()
    visit.page.get_by_role("button", name="End session").click()
    eventually(lambda: len(room.chosen()), 1)
    room.look()
    room.waiting.pop().fulfill(json=reading | {"keep": False, "session": "second"})
    visit.page.locator(".reader[data-finding='']").wait_for()


def test_an_older_answer_shows_no_model_to_a_blind_reader(visit):
    room = HeldRoom([row(place) for place in range(3)])
    room.open(visit.page)
    visit.page.locator(".reader[data-film=f0]").wait_for()
    press(visit, "j", "n")
    visit.page.get_by_text("The models are hidden until").wait_for()
    eventually(lambda: len(room.chosen()), 1)
    room.look()
    assert visit.page.locator(".reader-model").count() == 0
    room.waiting.pop().fulfill(json=room.state["reading"] | {"blind": True})
    room.state["reading"] |= {"blind": True}
    room.look()
    assert visit.page.locator(".reader-model").count() == 0


def test_seconds_stop_while_the_tab_is_hidden(visit, enter):
    visit.page.add_init_script(CLOCK)
    room = enter()
    visit.page.evaluate(AHEAD, 10)
    press(visit, "1")
    assert 10 <= last(room, "f0")["seconds"] < 60
    visit.page.evaluate(HIDE, True)
    visit.page.evaluate(AHEAD, 1000)
    visit.page.evaluate(HIDE, False)
    visit.page.evaluate(AHEAD, 5)
    before = len(sent(room, "f0"))
    press(visit, "n")
    eventually(lambda: len(sent(room, "f0")) > before)
    assert 15 <= last(room, "f0")["seconds"] < 120
    press(visit, "p", "2")
    eventually(lambda: last(room, "f0")["finding"], "Normal")
    assert 15 <= last(room, "f0")["seconds"] < 120, "it goes on from what it was"


def test_axe_finds_no_serious_fault_in_panel_and_menu(visit, enter, screenshots):
    from axe_playwright_python.sync_playwright import Axe

    enter()
    press(visit, "1", "v")
    visit.page.get_by_role("button", name="Session", exact=True).click()
    visit.page.get_by_label("Name of the session").wait_for()
    visit.page.screenshot(path=screenshots / "reader-session.png")
    assert serious(Axe().run(visit.page)) == []
