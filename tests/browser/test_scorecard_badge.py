"""The badge of a heatmap in Chromium: better than random maps or greyed, and the caution beside the overlay."""

from __future__ import annotations

import pytest

from tests.browser.conftest import eventually
from tests.helpers.room_site import Room, row

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def scorecard(verdict: str, *advantage: float) -> dict:
    return {"method": "Grad-CAM", "verdict": verdict, "sanity": "passed", "advantage": advantage, "n": 60}


def test_what_a_heatmap_is_worth_stands_beside_it(visit):
    room = Room([row(0)])
    alpha, beta = room.state["models"]
    alpha["scorecard"] = scorecard("better", 0.12, 0.08, 0.16)
    beta["scorecard"] = scorecard("no-better", 0.01, -0.03, 0.05)
    room.open(visit.page)
    badges = visit.page.locator(".findings .scorecard")
    expected = (
        "better than a random map by 0.12 [0.08, 0.16], 60 films",
        "no better than a random map for this model: 0.01 [-0.03, 0.05], 60 films",
    )
    eventually(badges.count, 2)
    assert badges.all_inner_texts() == [f"Grad-CAM: {words}" for words in expected]
    assert [badges.nth(place).get_attribute("class") for place in (0, 1)] == ["scorecard good", "scorecard"]
    colours = [badges.nth(place).evaluate("badge => getComputedStyle(badge).color") for place in (0, 1)]
    assert colours[0] != colours[1], "greyed"
