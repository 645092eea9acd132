"""The reading room in Chromium while its server is slow: no late answer undoes what was done since it was asked for."""

from __future__ import annotations

import pytest

from tests.browser.conftest import eventually
from tests.helpers import fakes, room_site
from tests.helpers.room_site import Room, row

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
SESSION = {"keep": True, "title": "Ward 3", "name": "ward-3", "blind": False, "classes": room_site.CLASSES}
TYPED = """([words, id]) => {
  const root = document.querySelector("main > div").shadowRoot;
  root.getElementById(`film-${id}`).click();
  const comment = root.querySelector(".reader-comment");
  comment.value = words;
  comment.dispatchEvent(new Event("input", { bubbles: true }));
}"""


class SlowRoom(Room):
    """A room whose answers to some questions wait until they are let go."""

    def __init__(self, rows, **state):
        super().__init__(rows, **state)
        self.slow: set[tuple[str, str]] = set()  # method and path
        self.waiting: list = []

    def answer(self, route, address):
        path = address.path.split("/", 3)[3]
        if (route.request.method, path) in self.slow:  # in `asked` once it is answered
            self.waiting.append((route, address))
        else:
            super().answer(route, address)

    def come(self, number: int) -> None:
        """Wait until so many questions are waiting."""
        eventually(lambda: len(self._until_now(self.waiting)), number)

    def let_go(self, **answer) -> None:
        """Answer what waits longest, as now or with what is given; the page has taken it then."""
        route, address = self.waiting.pop(0)
        if answer:
            route.fulfill(**answer)
        else:
            Room.answer(self, route, address)
        self.page.evaluate(DRAWN)


@pytest.fixture
def enter(visit):
    def enter(*rows, slow=(), **state) -> SlowRoom:
        room = SlowRoom(list(rows) or [row(place) for place in range(3)], **state)
        room.slow = set(slow)
        room.open(visit.page)
        return room

    return enter


def asked(room, method: str, path: str) -> int:
    return room.asked.count((method, path))


def of_gate(**changes):
    gate = {"state": "refused", "code": "film-turned", "title": "Upside down", "words": "Upside down.", "turn": 180}
    return gate | {"inverted": False, "laid": {"turn": 0, "inverted": False}} | changes


def test_a_film_that_was_turned_while_it_came_is_asked_for_again(visit, enter):
    room = enter(row(0, gate=of_gate()), slow=[("GET", "film/f0")])
    room.come(1)
    visit.page.get_by_role("button", name="Turn it by 180°").click()
    room.come(2)
    before = room.film("f0")
    room.let_go(body=before, content_type="application/octet-stream")  # in vain: nobody waits for it any more
    assert visit.page.locator(".viewer[data-ready=f0]").count() == 0
    room.let_go()
    visit.page.locator(".viewer[data-ready~=f0]").wait_for()


def test_a_small_picture_of_before_a_turn_does_not_stay(visit, enter):
    pictures = [fakes.film_png(height=8, width=8), fakes.film_png(height=9, width=8)]
    room = enter(row(0, thumb=True, gate=of_gate()), slow=[("GET", "thumb/f0")])
    room.come(1)
    room.change(row(0, thumb=True, gate=of_gate(state="passed", laid={"turn": 180, "inverted": False})))
    room.come(2)
    room.waiting.reverse()
    size = "() => document.querySelector('main > div').shadowRoot.querySelector('.row img').naturalHeight"
    for picture in reversed(pictures):
        room.let_go(body=picture, content_type="image/png")
        eventually(lambda: visit.page.evaluate(size), 9)


@pytest.mark.slow
def test_a_small_picture_reaches_all_who_asked_for_it(visit, enter):
    rows = [row(place, thumb=True) for place in range(3)]
    room = enter(*rows, slow=[("GET", f"thumb/f{place}") for place in range(3)])
    room.come(2)  # the third waits for one of them
    visit.page.keyboard.press("Shift+D")
    visit.page.get_by_role("button", name="The list (3)").click()
    visit.page.locator(".report-films").wait_for()
    room.slow.clear()
    while room.waiting:
        room.let_go(body=fakes.film_png(height=8, width=8), content_type="image/png")
    room.answers = {f"thumb/f{place}": (404, {}) for place in range(3)}
    eventually(lambda: visit.page.locator(".report-films img[src]").count(), 3)
    eventually(lambda: visit.page.locator(".row img[src]").count(), 3)


def test_the_last_choice_of_two_holds_whatever_is_answered_last(visit, enter):
    room = enter(slow=[("POST", "reading")])
    blind = visit.page.get_by_role("button", name="Blind first")
    blind.click()
    blind.click()
    room.come(1)
    room.let_go()
    room.come(1)  # the answer to the first choice was heard by then
    assert blind.get_attribute("aria-pressed") == "false", "the answer to the first choice is not the second"
    room.let_go()
    assert [body["blind"] for kind, _, body in room.bodies if kind == "reading"] == [True, False]
    assert blind.get_attribute("aria-pressed") == "false"


@pytest.mark.slow
def test_models_are_chosen_one_after_the_other(visit, enter):
    room = enter(slow=[("POST", "models")])
    alpha = visit.page.locator(".pill").first
    alpha.click()
    alpha.click()
    room.come(1)
    room.let_go()
    room.come(1)
    room.let_go()
    assert [body["names"] for kind, _, body in room.bodies if kind == "models"] == [["beta"], ["beta", "alpha"]]


@pytest.mark.slow
def test_what_happens_during_a_look_is_looked_at_again(visit, enter):
    room = enter()
    room.slow = {("GET", "state")}
    room.change(row(1))
    room.come(1)
    old = room.whole_state()
    room.state["broken"] = [{"name": "gamma", "words": "No weights.", "code": "no-weights"}]
    room.change(row(2))
    visit.page.evaluate(DRAWN)
    room.slow.clear()
    room.let_go(json=old)
    visit.page.get_by_text("gamma could not be loaded").wait_for()


def test_a_name_that_is_typed_stays_when_the_kept_sessions_come(visit, enter):
    room = enter(slow=[("GET", "reading")])
    visit.page.get_by_role("button", name="Session", exact=True).click()
    name, findings = visit.page.get_by_label("Name of the session"), visit.page.get_by_label("Findings, one a line")
    room.come(1)
    name.fill("Ward 3")
    findings.fill("Nodule")
    kept = {"name": "old", "title": "Older", "films": 2, "changed": "2026-01-01T10:00", "blind": False, "refused": ""}
    room.let_go(json={"session": room.state["reading"], "kept": [kept | {"open": False}]})
    visit.page.get_by_text("Older", exact=True).wait_for()
    assert (name.input_value(), findings.input_value()) == ("Ward 3", "Nodule")
    visit.page.keyboard.press("Escape")
    visit.page.get_by_role("dialog", name="Reading session").wait_for(state="hidden")
    visit.page.get_by_role("button", name="Session", exact=True).click()
    assert name.input_value() == "", "what was given up is gone"


@pytest.mark.slow
def test_a_path_that_is_typed_while_another_is_opened_stays(visit, enter):
    room = enter(slow=[("POST", "open")])
    visit.page.get_by_role("button", name="Open films").click()
    path = visit.page.get_by_role("dialog", name="Open films").get_by_label("Path of a film")
    path.fill("/data/first")
    path.press("Enter")
    room.come(1)
    path.fill("/data/second")
    room.let_go()
    assert path.input_value() == "/data/second"
    path.press("Enter")
    room.come(1)
    room.let_go()
    eventually(path.input_value, "")


@pytest.mark.slow
def test_a_film_that_arrives_does_not_change_the_report_that_is_open(visit, enter):
    room = enter()
    visit.page.locator(".viewer[data-ready~=f0]").wait_for()
    visit.page.get_by_role("button", name="Open films").click()
    visit.page.get_by_role("button", name="Synthetic PNG").click()  # what arrives next is gone to
    eventually(lambda: asked(room, "POST", "samples"), 1)
    visit.page.keyboard.press("Escape")
    visit.page.get_by_role("dialog", name="Open films").wait_for(state="hidden")
    visit.page.keyboard.press("Shift+D")
    report = visit.page.get_by_role("dialog", name="Report")
    report.locator(".report-left[data-ready=true] img").wait_for()
    room.change(row(3))
    visit.page.locator(".room[data-current=f3]").wait_for()
    report.get_by_role("button", name="Stage").click()
    reports = lambda: [body["film"] for kind, name, body in room.bodies if (kind, name) == ("report", "")]  # noqa: E731
    eventually(lambda: len(reports()), 2)
    assert reports() == ["f0", "f0"]


def test_a_film_that_arrives_is_no_choice_of_a_prior(visit, enter):
    room = enter()
    visit.page.locator(".viewer[data-ready~=f0]").wait_for()
    visit.page.get_by_role("button", name="Open films").click()
    visit.page.get_by_role("button", name="Synthetic PNG").click()
    eventually(lambda: asked(room, "POST", "samples"), 1)
    visit.page.keyboard.press("Escape")
    visit.page.get_by_role("dialog", name="Open films").wait_for(state="hidden")
    visit.page.get_by_role("button", name="panes").click()
    visit.page.get_by_role("button", name="Choose a prior from the list").click()
    visit.page.get_by_text("Choose the prior in the list.").wait_for()
    room.change(row(3))
    visit.page.locator(".room[data-films='4']").wait_for()
    assert visit.page.get_by_text("Choose the prior in the list.").is_visible()
    visit.page.locator("#film-f2").click()
    visit.page.locator(".pane-head", has_text="Prior").wait_for()
    assert visit.page.locator(".room[data-current=f0]").count() == 1


def test_what_waits_in_a_session_that_ends_is_not_said_in_the_next(visit, enter):
    room = enter(slow=[("PUT", "impression/f0")])
    room.answers["impression/f1"] = (500, {"code": "failed", "words": "The server failed on this."})
    visit.page.locator(".reader[data-film=f0]").wait_for()
    visit.page.keyboard.press("k")
    room.come(1)
    for key in ("1", "n", "2"):
        visit.page.keyboard.press(key)
    visit.page.get_by_text("Not saved. The server failed on this.").wait_for()
    visit.page.get_by_role("button", name="Session", exact=True).click()
    visit.page.get_by_role("button", name="End session").click()
    eventually(lambda: asked(room, "POST", "reading"), 1)
    eventually(lambda: visit.page.locator(".reader").get_attribute("data-finding"), "")
    room.slow.clear()
    room.let_go()
    visit.page.evaluate(DRAWN)
    assert asked(room, "PUT", "impression/f0") == 1


def test_an_older_answer_on_the_work_does_not_end_what_was_begun_since(visit, enter):
    room = enter(slow=[("GET", "report/work")])
    done = room_site.WORK | {"state": "done", "total": 3, "done": 3, "eta_seconds": None, "name": "old.zip"}
    visit.page.keyboard.press("Shift+D")
    dialog = visit.page.get_by_role("dialog", name="Report")
    dialog.get_by_role("button", name="The list (3)").click()
    room.come(1)
    dialog.get_by_role("button", name="Make 3 reports").click()
    dialog.get_by_text("1 of 3 films done").wait_for()
    room.slow.clear()
    room.let_go(json=done)
    assert dialog.get_by_role("link", name="Download old.zip").count() == 0
    room.work |= {"state": "done", "done": 3, "eta_seconds": None, "name": "film-reports.zip"}
    dialog.get_by_role("link", name="Download film-reports.zip").wait_for()


def test_what_is_typed_before_the_next_film_is_drawn_is_said_of_the_film_in_sight(visit, enter):
    room = enter()
    visit.page.locator(".reader[data-film=f0]").wait_for()
    visit.page.evaluate(TYPED, ["left base", "f1"])
    said = lambda: {name: body["text"] for kind, name, body in room.bodies if kind == "impression"}  # noqa: E731
    eventually(lambda: said().get("f0"), "left base")
    visit.page.locator(".reader[data-film=f1]").wait_for()
    assert "f1" not in said() and visit.page.get_by_label("Comment").input_value() == ""


@pytest.mark.slow
def test_the_focus_stays_in_the_findings_when_something_else_changes(visit, enter):
    room = enter()
    visit.page.locator(".findings .model").first.wait_for()
    second = visit.page.get_by_role("button", name="What it saw").nth(1)
    second.focus()
    looks = asked(room, "GET", "state")
    room.change(row(2), row(0, warnings=[]))
    eventually(lambda: asked(room, "GET", "state") > looks)
    visit.page.evaluate(DRAWN)
    assert second.evaluate("button => button.getRootNode().activeElement === button")
