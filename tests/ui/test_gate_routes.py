"""What the gate refuses in the reading room: shown, not read, turned or read on one click, and stamped."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from tests.helpers import asgi
from tests.helpers.room_tab import Tab
from xraykit.films import radiograph
from xraykit.films.samples import draw
from xraykit.ui.review.server.routes import ROUTES


@pytest.fixture
def tab(open_rooms, monkeypatch) -> Tab:
    monkeypatch.setenv("XRAYKIT_GATE", "on")
    with asgi.Browser(Starlette(routes=ROUTES)) as browser:
        yield Tab(browser)


def png(pixels: np.ndarray) -> bytes:
    Image.fromarray(pixels).save(coded := io.BytesIO(), "PNG")
    return coded.getvalue()


def film() -> np.ndarray:
    return radiograph.read(draw.PNG.read_bytes(), "film.png").display(256)


def take(tab: Tab, way: str) -> dict:
    assert tab.post("gate/1", {"take": way}).status == 200
    return tab.until_read()[0]


def columns(tab: Tab) -> dict:
    (row,) = csv.DictReader(io.StringIO(tab.get("reading.csv").body.decode()))
    return row


def record(tab: Tab) -> None:
    body = b'{"finding": "Normal", "seconds": 2.0, "blind": false}'
    assert tab.browser.ask("PUT", tab.address("impression/1"), body).status == 200


def test_a_film_on_its_side_is_shown_and_turned_on_one_click(tab):
    tab.post("films?name=side.png", png(np.rot90(film(), -1)))
    (row,) = tab.until_read()
    assert row["state"] == "ready" and (row["width"], row["height"]) == (256, 224)
    assert (row["gate"]["state"], row["gate"]["code"], row["gate"]["turn"]) == ("refused", "film-turned", 270)
    assert row["gate"]["title"] == "Lies on its side (turned 90° clockwise)"
    assert all("top" not in reading for reading in row["models"].values())
    assert tab.get("film/1").status == 200
    record(tab)
    assert columns(tab)["gate"] == "refused"
    turned = take(tab, "turn")
    assert turned["gate"]["state"] == "passed" and turned["gate"]["laid"] == {"turn": 270, "inverted": False}
    assert (turned["width"], turned["height"]) == (224, 256)
    assert all("top" in reading for reading in turned["models"].values())
    assert any("turned by 90° counter-clockwise" in note for note in turned["notes"])
    record(tab)
    assert (columns(tab)["gate"], columns(tab)["laid"]) == ("passed", "turned 270")
    assert take(tab, "as-it-is")["gate"]["state"] == "refused"


def test_anything_else_is_read_on_the_readers_word_and_stamped(tab):
    tab.post("films?name=noise.png", png(np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)))
    (row,) = tab.until_read()
    assert row["gate"]["code"] == "not-a-chest-film" and row["gate"]["title"] == "Not a chest film"
    read = take(tab, "read")
    assert read["gate"]["state"] == "overridden" and all("top" in reading for reading in read["models"].values())
    record(tab)
    assert columns(tab)["gate"] == "overridden"
    words = tab.get("reading").json()["words"]
    assert "1 of 1 films were read by the models although the gate refused them." in words
    assert tab.post("gate/1", {"take": "away"}).status == 400
