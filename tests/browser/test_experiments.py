"""The Experiments page in a real browser: a study's charts are drawn, a rectangle over the settings keeps trials."""

import pytest

from tests.browser.conftest import at_rest, eventually
from tests.browser.test_review import body, serious
from tests.helpers import study_results
from xraykit.experiments.published import presets

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def study(server):
    return study_results.write(
        server.folder / "runs" / "studies", presets.NAMED["mobilenet-heads"], fold_names=["1"], films=300, epochs=4
    )


@pytest.mark.slow
def test_a_study_is_read_and_brushed(server, study, visit, screenshots):
    from axe_playwright_python.sync_playwright import Axe

    visit.page.goto(f"{server.url}/experiments?study={study.name}")
    visit.page.get_by_text("Parallel coordinates").wait_for()
    at_rest(visit)
    text = body(visit)
    assert "cannot be told apart" in text and "microsecond part of the clock" in text
    charts = visit.page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg")
    eventually(lambda: charts.count() >= 4)
    # Vega draws the rectangle of a brush itself, empty and without a name until it is drawn by hand
    assert [fault for fault in serious(Axe().run(visit.page)) if "brush_brush" not in fault] == []
    visit.page.screenshot(path=screenshots / "experiments-1440.png", full_page=True)
    chart = visit.page.locator("[class*=st-key-settings-brush] svg.marks").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    visit.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 5 + 0.1 * box["height"])
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.55 * box["height"], steps=8)
    visit.page.mouse.up()
    visit.page.get_by_role("button", name="Show all").wait_for()
    assert "inside the rectangle" in body(visit)
