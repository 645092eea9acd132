"""Compare in a real browser on a real server: cells, operating points, downloads, links, looks."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import FURNISHED, at_rest, eventually
from tests.helpers import kept_models
from xraykit import RESEARCH_ONLY
from xraykit.evaluation import evaluation
from xraykit.evaluation.decisions import operating_point

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
NAMES = FURNISHED
TITLES = tuple(f"The model {name}" for name in NAMES)
SVG = "http://www.w3.org/2000/svg"


@pytest.fixture(scope="module")
def models(furnished):
    """What the two models made of the films."""
    return [evaluation.load(furnished.folder / "weights" / name / "evaluation.json") for name in NAMES]


def open_page(visit, server, address: str = "") -> None:
    visit.page.goto(f"{server.url}/compare{address}")
    visit.page.locator(".xk-verdict").first.wait_for()
    settle(visit)


def settle(visit) -> None:
    visit.page.locator(".st-key-matrix-box-0 svg text").first.wait_for()
    at_rest(visit)


def drawn(visit, place: int) -> list[int]:
    """The counts a matrix shows, row by row."""
    texts = visit.page.locator(f".st-key-matrix-box-{place} svg text").all_text_contents()
    return [int(text) for text in texts if text.isdigit()]


def click_cell(visit, place: int, row: int, column: int) -> None:
    """Click into the upper left of a cell, beside its text; again where the chart was just being drawn anew."""
    tiles = visit.page.locator(f".st-key-matrix-box-{place} svg g.mark-rect path")

    def shown() -> bool:
        if f"films=cell-{place}-{row}-{column}" not in visit.page.url:
            tiles.nth(3 * row + column).click(position={"x": 24, "y": 14})
            at_rest(visit)
        return f"films=cell-{place}-{row}-{column}" in visit.page.url

    eventually(shown)
    settle(visit)


def download(visit, key: str) -> bytes:
    with visit.page.expect_download() as waiting:
        visit.page.locator(f".st-key-{key} button").first.click()
    return Path(waiting.value.path()).read_bytes()


def listed(visit) -> list[str]:
    return [row["Film"] for row in csv.DictReader(io.StringIO(download(visit, "cases-csv-compare").decode()))]


def cells(visit, table: str) -> list[str]:
    return visit.page.locator(f"[data-table='{table}'] td").all_inner_texts()


@pytest.mark.slow
def test_a_click_on_a_cell_lists_exactly_its_films(visit, furnished, models):
    for place, row, column in ((0, 0, 1), (1, 2, 2)):
        open_page(visit, furnished)
        of = models[place]
        expected = [of.films[i] for i in of.cell(row, column)]
        eventually(lambda: drawn(visit, place), of.confusion.ravel().tolist())  # noqa: B023
        click_cell(visit, place, row, column)
        heading = f"{len(expected)} film{'s' * (len(expected) != 1)} {TITLES[place]}: reference {of.classes[row]}"
        visit.page.locator(".xk-listed", has_text=heading).wait_for()
        eventually(lambda: listed(visit), expected)
        assert f"films=cell-{place}-{row}-{column}" in visit.page.url
        visit.page.get_by_role("dialog").get_by_label("Close", exact=True).click()
        visit.page.locator(".xk-listed").wait_for(state="detached")
    assert visit.stopped == []


@pytest.mark.slow
def test_the_listed_films_open_in_review_with_one_click(visit, furnished, models):
    open_page(visit, furnished, "?films=wrong-0-1")
    wrong = [
        models[0].films[i]
        for i in np.flatnonzero([all(each.predicted[i] != each.truth[i] for each in models) for i in range(90)])
    ]
    field = visit.page.get_by_label("Folder of these films")
    field.fill(str(furnished.folder / "films"))
    field.press("Enter")
    count = f"{len(wrong)} film{'s' * (len(wrong) != 1)}"
    visit.page.get_by_role("button", name=f"Open {count} in Review").click()
    visit.page.wait_for_url("**/review")
    shown = visit.page.get_by_text(Path(wrong[0]).name)
    shown.first.wait_for()
    visit.page.get_by_text(f"1 of {count}").wait_for()


@pytest.mark.slow
def test_both_matrices_follow_the_operating_point(visit, furnished, models):
    open_page(visit, furnished)
    visit.page.locator(".st-key-point input").click()
    visit.page.get_by_role("option", name="Sensitivity").click()
    eventually(lambda: "point=Sensitivity" in visit.page.url)
    settle(visit)
    for place, of in enumerate(models):
        validation = kept_models.readings(of.model, 45, seed=place + 100, skill=(1.2, 2.5)[place], data="validation")
        point = operating_point.choose(validation, "COVID-19", sensitivity=0.95)
        expected = operating_point.apply(point, of)
        eventually(lambda: drawn(visit, place), expected.confusion.ravel().tolist())  # noqa: B023
        assert expected.confusion.ravel().tolist() != of.confusion.ravel().tolist()
        visit.page.get_by_text(f"COVID-19 at probability ≥ {point.threshold:.3f}").first.wait_for()


@pytest.mark.slow
def test_a_cold_link_opens_the_same_page(visit, furnished):
    address = (
        f"?models={NAMES[1]}&models={NAMES[0]}&point=Manual+threshold&threshold=0.3&films=fixes-0-1&shares=Predicted"
    )
    open_page(visit, furnished, address)
    assert visit.page.locator(".st-key-matrix-box-0 h3").inner_text() == TITLES[1]
    text = visit.page.inner_text("body")
    assert (
        "COVID-19 at probability ≥ 0.300" in text
        and f"correct only with {TITLES[0]}" in text
        and "predicted class" in text
    )
    assert all(part in visit.page.url for part in ("threshold=0.3", "films=fixes-0-1", "shares=Predicted"))


@pytest.mark.slow
def test_every_format_holds_the_numbers_of_the_page(visit, furnished, models):
    open_page(visit, furnished)
    counts = models[0].confusion.ravel().tolist()
    menu = "slide-compare-matrices"
    visit.page.locator(f".st-key-{menu} button").first.click()
    visit.page.get_by_alt_text("The slide of ").wait_for()
    svg = download(visit, f"{menu}-matrix-0-SVG").decode()
    texts = ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter(f"{{{SVG}}}text")]
    assert [int(text) for text in texts if text.isdigit()] == counts == drawn(visit, 0)
    assert any(RESEARCH_ONLY in text for text in texts)
    shown = cells(visit, "report-0")
    visit.page.keyboard.press("Escape")
    visit.page.get_by_alt_text("The slide of ").wait_for(state="detached")
    visit.page.keyboard.press("Shift+D")
    visit.page.get_by_alt_text("Page 1 of ").wait_for()
    visit.page.get_by_text("With the appendix", exact=True).click()
    at_rest(visit)
    page, data = download(visit, "compare-as-html").decode(), json.loads(download(visit, "compare-as-json"))
    assert models[0].films[0] not in page and models[0].films[0] not in json.dumps(data), "no name unless asked"
    figure = re.search(r"<figure id=\"report-0\">.*?</figure>", page, re.S)[0]
    assert [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", figure)] == shown
    assert [
        int(text) for text in re.findall(r">(\d+)</text>", page.split('id="matrix-0"')[1].split("</figure>")[0])
    ] == counts
    tables = {table["key"]: table for section in data["sections"] for table in section["tables"]}
    assert [written(cell) for row in tables["report-0"]["rows"] for cell in row] == [written(cell) for cell in shown]
    assert data["comparison"]["models"][0]["metrics"]["confusion"] == models[0].confusion.tolist()
    assert "<script" not in page and RESEARCH_ONLY in page and visit.stopped == []


def written(cell: object) -> str:
    """A cell as four decimals, so that files in full precision and pages can be held against each other."""
    try:
        return f"{float(str(cell).replace(',', '')):.4f}"
    except ValueError:
        return {"n/a": "", "None": ""}.get(str(cell), str(cell))
