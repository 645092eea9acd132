"""A page presented and a page printed, in a real browser: read from the last row, and whole on A4."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.browser.conftest import at_rest, eventually
from xraykit import RESEARCH_ONLY
from xraykit.ui.server.shell import shell

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SMALLEST = 20  # px of what is read, at 1280 x 720
# What is seen of a presented page: type as it is enlarged, what can be pressed, what sticks out, what is where
SEEN = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  const isSeen = part => part.getClientRects().length > 0 && part.getBoundingClientRect().width > 1;
  const all = names => [...main.querySelectorAll(names)].filter(isSeen);
  const words = all("h2, h3, p, li, td, th, dt, dd").filter(part => part.textContent.trim());
  const size = part => parseFloat(getComputedStyle(part).fontSize) * part.currentCSSZoom;
  return {
    small: words.filter(part => !part.closest("[data-fitted]") && size(part) < SMALLEST).map(part => part.textContent),
    shrunk: all("[data-fitted]").filter(table => table.currentCSSZoom < 1).length,
    pressed: all("button, input, select, textarea, summary, a[href]").map(part => part.outerHTML.slice(0, 90)),
    wide: all("svg, table, img").filter(part => part.getBoundingClientRect().right > innerWidth + 1).length,
    header: getComputedStyle(document.querySelector("#xk-frame")).opacity,
    notice: document.querySelector("#xk-stage [role=note]").getBoundingClientRect().height > 0,
  };
}""".replace("SMALLEST", str(SMALLEST))
GROUNDS = "charts => charts.map(chart => getComputedStyle(chart).backgroundColor)"
NOTHING = {"small": [], "shrunk": 0, "pressed": [], "wide": 0, "header": "0", "notice": True}


def drawn(visit, look: str | None = None) -> None:
    visit.page.locator("html[data-drawn=yes]").wait_for(state="attached")
    if look:
        visit.page.locator(f".xk-title[data-look={look}]").wait_for(state="attached")
    at_rest(visit)


def count(visit) -> tuple[int, int]:
    """Which screen of how many is shown."""
    here, total = visit.page.locator(".xk-stage-count").inner_text().split(" / ")
    return int(here), int(total)


def presented(page) -> str | None:
    return page.evaluate("document.documentElement.dataset.present ?? null")


def test_a_page_is_presented_by_key_and_stays_so(visit, furnished):
    page = visit.page
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{furnished.url}/compare")
    drawn(visit)
    page.keyboard.press("Shift+U")
    drawn(visit, "dark")
    assert presented(page) == "dark" and "present=dark" in page.url
    assert page.evaluate(SEEN) == NOTHING
    assert page.locator("#xk-stage").inner_text().startswith(RESEARCH_ONLY)
    first, total = count(visit)
    assert first == 1 and total > 5
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    assert count(visit) == (3, total)
    title = page.locator(".xk-stage-title").inner_text()

    page.keyboard.press("Shift+V")  # the server draws the charts anew: light ones, and the same screen of the page
    drawn(visit, "light")
    assert presented(page) == "light" and "present=light" in page.url
    assert set(page.eval_on_selector_all("[data-testid=stVegaLiteChart] svg", GROUNDS)) == {"rgb(255, 255, 255)"}
    assert (count(visit)[0], page.locator(".xk-stage-title").inner_text()) == (3, title)

    page.locator("#xk-frame").hover(position={"x": 900, "y": 10})
    page.locator("#xk-frame").get_by_role("link", name="Models").click()
    page.wait_for_url("**/models*")
    drawn(visit, "light")
    assert presented(page) == "light" and "present=light" in page.url and count(visit)[0] == 1
    page.keyboard.press("Escape")
    drawn(visit, "dark")
    assert presented(page) is None and "present" not in page.url
    assert page.locator("#xk-frame .xk-banner").is_visible() and page.locator("#xk-stage").is_hidden()
    assert visit.stopped == []


@pytest.mark.slow
def test_a_bookmark_opens_a_page_presented_and_its_button_ends_it(visit, furnished):
    page = visit.page
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{furnished.url}/fine-tune?run=finished&present=light")
    drawn(visit, "light")
    assert presented(page) == "light" and "run=finished" in page.url
    assert {name: seen for name, seen in page.evaluate(SEEN).items() if name != "pressed"} == {
        name: seen for name, seen in NOTHING.items() if name != "pressed"
    }
    page.locator("#xk-present").focus()
    page.keyboard.press("Enter")
    drawn(visit, "dark")
    assert presented(page) is None and "present" not in page.url


def test_the_reading_room_is_presented_and_lists_its_key(visit, furnished):
    page = visit.page
    page.goto(f"{furnished.url}/review")
    page.locator(".room[data-state=open]").wait_for()
    page.keyboard.press("?")
    assert "Present this page, or end it" in page.locator(".room .help").inner_text()
    page.keyboard.press("Escape")
    page.locator(".room .help").wait_for(state="hidden")
    page.keyboard.press("Shift+U")
    page.locator(".room[data-present=dark]").wait_for()
    assert not any(
        page.locator(f".room {part}").is_visible() for part in (".films", ".middle > .bar", ".line", ".reader")
    )
    assert page.locator(".room .findings").is_visible() and page.locator("#xk-stage [role=note]").is_visible()
    page.keyboard.press("Escape")
    page.locator(".room:not([data-present])").wait_for()
    eventually(page.locator(".room .films").is_visible)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "title", "most"),
    [("/compare", "Compare", 9), ("/fine-tune?run=finished", "Fine-tune", 3), ("/review", "Review", 2)],
)
def test_a_page_is_whole_on_paper(address, title, most, visit, furnished, tmp_path):
    from PIL import Image, ImageStat

    page = visit.page
    page.goto(f"{furnished.url}{address}")
    drawn(visit)
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    text = subprocess.run(["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, check=True).stdout
    sheets = text.decode().split("\f")[:-1]
    assert len(sheets) <= most and title in sheets[0], f"{len(sheets)} sheets"
    assert all(RESEARCH_ONLY in sheet for sheet in sheets)
    subprocess.run(["pdftoppm", "-r", "40", "-gray", tmp_path / "page.pdf", tmp_path / "sheet"], check=True)
    for place in sorted(tmp_path.glob("sheet*.pgm")):
        with Image.open(place) as sheet:
            assert sheet.crop((sheet.width - 14, 0, sheet.width, sheet.height)).getextrema() == (255, 255), "cut off"
            assert ImageStat.Stat(sheet).mean[0] > 200, "dark"


@pytest.mark.slow
def test_compare_is_drawn_for_paper_before_it_is_printed_by_key(visit, furnished, tmp_path):
    page = visit.page
    page.goto(f"{furnished.url}/compare")
    drawn(visit)
    widths = "[...document.querySelectorAll('[data-testid=stColumn] svg')].map(svg => +svg.getAttribute('width'))"
    across = f"() => Math.max(...{widths})"
    assert page.evaluate(across) > 600
    page.evaluate("() => { window.print = () => { document.documentElement.dataset.printed = '' } }")
    page.keyboard.press("Control+p")
    page.locator("html[data-printed]:not([data-paper])").wait_for(state="attached")
    page.evaluate("() => { document.documentElement.dataset.paper = '' }")  # as it is while the dialog is open
    page.wait_for_function(f"() => ({across})() < 470")
    at_rest(visit)
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    text = subprocess.run(["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, check=True).stdout
    sheets = text.decode().split("\f")[:-1]
    assert len(sheets) <= 6, f"{len(sheets)} sheets"
    assert "Click a cell" not in text.decode()


def test_the_notice_at_the_foot_of_a_sheet_is_the_apps():
    style = shell.FILES["print.css"][0].read_text("utf-8")
    assert re.findall(r'@bottom-left \{ content: "([^"]+)"', style) == [RESEARCH_ONLY]
