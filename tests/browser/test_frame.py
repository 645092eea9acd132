"""The frame of every page in a real browser: there at once, nothing jumps, one page a step back, every width."""

from __future__ import annotations

import os
import re

import pytest

from tests.browser.conftest import at_rest, eventually
from tests.browser.test_review import serious
from xraykit.ui.navigation import TITLES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PAGES = {
    "review": "/review",
    "compare": "/compare",
    "films": "/compare?films=cell-0-0-1",
    "fine-tune": "/fine-tune",
    "run": "/fine-tune?run=finished",
    "experiments": "/experiments",
    "study": "/experiments?study=mobilenet-heads",
    "datasets": "/datasets",
    "models": "/models",
}
LARGE, SMALL = (1440, 900), (1024, 768)
# Quick is a page of one column; Compare, which takes longest to draw, has quick tests of its own
MARKS = {("models", LARGE): (), ("compare", SMALL): pytest.mark.slow}
VISITS = [
    pytest.param(name, size, marks=MARKS.get((name, size), rest), id=f"{name}-{size[0]}")
    for size, rest in ((LARGE, pytest.mark.slow), (SMALL, pytest.mark.longest))
    for name in PAGES
]
# The size they open at, the narrowest (1024 at 150 %), where the frame folds, a projector, and a large screen
WIDTHS = (1440, 683, 1000, 1024, 1920)
if os.environ.get("XRAYKIT_TESTS") == "all":
    WIDTHS += (720, 960, 3840)  # 1440 at 200 % and 150 %
GOOD = 0.1  # layout shift, https://web.dev/articles/cls
SHIFT = """
window.xkShift = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => {
  if (!entry.hadRecentInput) window.xkShift += entry.value;
})).observe({ type: "layout-shift", buffered: true })"""
# What was fetched before the frame was on screen
BEFORE = """() => {
  const painted = performance.getEntriesByName("first-contentful-paint")[0].startTime;
  return performance.getEntriesByType("resource").filter(entry => entry.startTime < painted)
    .map(entry => new URL(entry.name).pathname.split("/").at(-1)).sort();
}"""
FOR_THE_FRAME = re.compile(r"SourceSans.*\.woff2|favicon\.png|shell\.js|stage\.js")
LAYOUT = """() => {
  const box = part => document.querySelector(part).getBoundingClientRect();
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const links = [...document.querySelectorAll("#xk-frame nav a")].map(link => link.getBoundingClientRect());
  const [frame, banner, main] = ["#xk-frame", "#xk-frame .xk-banner", "[data-testid=stMain]"].map(box);
  const wide = [document.documentElement, document.querySelector("[data-testid=stMain]")];
  return {
    covered: links.filter(link => meet(link, banner)).length,
    outside: [...links, banner].filter(part => part.left < 0 || part.right > innerWidth || part.bottom > frame.bottom)
      .length,
    below: Math.round(main.top - frame.bottom),
    sideways: wide.filter(part => part.scrollWidth > part.clientWidth).length,
  };
}"""


@pytest.fixture
def page(visit):
    visit.page.add_init_script(SHIFT)
    return visit.page


def drawn(visit) -> None:
    visit.page.locator("html[data-drawn=yes]").wait_for(state="attached")
    at_rest(visit)


def open_slowly(visit, address: str) -> None:
    """Open a page whose first script is held back until the skeleton has been seen."""
    held, released = [], []

    def hold(route) -> None:
        if released:
            route.continue_()
        else:
            held.append(route)

    visit.page.route("**/static/js/index.*.js", hold)
    visit.page.goto(address, wait_until="commit")
    frame = visit.page.locator("#xk-frame")
    frame.get_by_role("link", name="Datasets").wait_for()
    assert frame.get_by_role("link").count() == len(TITLES) and frame.get_by_role("note").is_visible()
    visit.page.locator("#xk-skeletons > div:visible").wait_for()
    # A question to the page at every look: requests are told only while one is answered
    eventually(lambda: visit.page.locator("#xk-later").count() == 0 and bool(held))
    released.append(True)
    for script in held:  # more than one of Streamlit's is called so, and all are asked for at once
        script.continue_()
    drawn(visit)
    visit.page.unroute("**/static/js/index.*.js")


def is_sound(visit, name: str) -> None:
    """No serious fault of access, at every width nothing over something else, nothing to be scrolled to sideways."""
    from axe_playwright_python.sync_playwright import Axe

    # Vega draws a brush's rectangle, empty and without a name, until it is drawn by hand
    assert [fault for fault in serious(Axe().run(visit.page)) if 'role="graphics-symbol"' not in fault] == []
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": max(480, width * 9 // 16)})
        at_rest(visit)
        seen = visit.page.evaluate(LAYOUT)
        assert seen == {"covered": 0, "outside": 0, "below": 0, "sideways": 0}, (name, width)


@pytest.mark.parametrize(("name", "size"), VISITS)
def test_a_page_is_there_at_once_and_nothing_jumps(name, size, visit, page, furnished, screenshots):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_slowly(visit, furnished.url + PAGES[name])
    assert page.evaluate("window.xkShift") < GOOD
    assert [file for file in page.evaluate(BEFORE) if not FOR_THE_FRAME.fullmatch(file)] == []
    page.screenshot(path=screenshots / f"frame-{name}-{size[0]}.png")
    if size == LARGE:
        is_sound(visit, name)
    assert visit.stopped == []


@pytest.mark.slow
def test_back_goes_to_the_page_before_whatever_was_set_on_this_one(visit, page, furnished):
    page.goto(f"{furnished.url}/")
    page.wait_for_url("**/review")
    drawn(visit)
    shown = page.evaluate("history.length")
    page.locator("#xk-frame").get_by_role("link", name="Compare").click()
    page.wait_for_url("**/compare*")
    drawn(visit)
    page.get_by_role("radio", name="Predicted").or_(page.get_by_role("button", name="Predicted")).first.click()
    page.wait_for_url("**shares=Predicted*")
    page.locator(".st-key-point input").click()
    page.get_by_role("option", name="Sensitivity").click()
    page.wait_for_url("**point=Sensitivity*")
    page.get_by_role("button", name="wrong in both").click()
    page.wait_for_url("**films=wrong*")
    drawn(visit)
    assert page.evaluate("history.length") == shown + 1
    page.go_back()
    page.wait_for_url("**/review")
    drawn(visit)
    assert page.locator("h1").inner_text() == "Review"
    assert page.locator("#xk-frame [aria-current]").inner_text() == "Review"
    page.go_forward()
    page.wait_for_url("**/compare?*films=wrong*")
    drawn(visit)
    assert page.locator("h1").inner_text() == "Compare"


def test_the_pages_are_walked_by_keyboard(visit, page, furnished):
    page.goto(f"{furnished.url}/models")
    drawn(visit)
    for title in ("Review", "Compare", "Fine-tune", "Experiments", "Datasets"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == title
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.evaluate("window.xkShift = 0")
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets")
    drawn(visit)
    assert page.locator("h1").inner_text() == "Datasets" and page.title() == "Datasets · xraykit"
    assert page.evaluate("window.xkShift") < GOOD
