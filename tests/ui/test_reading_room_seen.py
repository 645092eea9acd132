"""The reading room's routes to what a model saw, without a browser or a service."""

import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from tests.helpers import asgi, fakes, film_folders, remembered
from tests.helpers.room_tab import Tab
from xraykit.films import radiograph
from xraykit.ui.review.server.routes import ROUTES
from xraykit.ui.server.door import Door
from xraykit.ui.server.headers import SecureHeaders


@pytest.fixture
def tab(open_rooms, tmp_path, monkeypatch):
    """A tab with a folder of three films open: one of the first model's training films, its twin, a stranger."""
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    first, second = (card.name for card in fakes.CARDS)
    _, read = remembered.remembering(tmp_path / "weights", tmp_path / "films", first)
    remembered.keep(tmp_path / "weights", tmp_path / "films", second)
    shown = tmp_path / "shown"
    shown.mkdir()
    own = read.path(read.films[0])
    (shown / "1-own.png").write_bytes(own.read_bytes())
    Image.open(own).save(shown / "2-twin.bmp")
    Image.fromarray(film_folders.draw(2, 50)).save(shown / "3-stranger.png")
    (shown / "4-notes.txt").write_text("no film")
    with asgi.Browser(SecureHeaders(Door(Starlette(routes=ROUTES)))) as browser:
        opened = Tab(browser)
        opened.post("open", {"path": str(shown)})
        yield opened


def test_a_film_that_a_model_was_made_with_has_its_badge_and_its_input(tab):
    rows = {row["name"][0]: row for row in tab.until_read()}
    first, second = (card.name for card in fakes.CARDS)
    known = {number: rows[number]["models"][first]["known"] for number in "123"}
    assert (known["1"]["split"], known["1"]["exact"]) == ("train", True)
    assert (known["2"]["split"], known["2"]["exact"]) == ("train", False) and known["3"] is None
    assert rows["1"]["models"][second]["known"] is None, "that model remembers none"

    said = tab.get(f"seen/{rows['3']['id']}?model={first}").json()
    assert (said["size"], said["channels"]) == (32, 1) and said["remembered"]["train"] == 12
    assert len(said["near"]["labels"]) == len(said["near"]["distances"]) == 10
    assert said["near"]["further"]["n"] == 6 and said["known"] is None
    assert {"file", "crop", "resampling", "range"} <= {step["kind"] for step in said["steps"]}
    own = tab.get(f"seen/{rows['1']['id']}?model={first}").json()
    assert own["known"]["exact"] and min(own["near"]["distances"]) > 0, "the film itself is no neighbour"

    picture = tab.get(f"input/{rows['3']['id']}?model={first}")
    assert picture.headers["content-type"] == "image/png" and picture.headers["cache-control"] == "no-store"
    drawn = io.BytesIO()
    Image.fromarray(film_folders.draw(2, 50)).save(drawn, "PNG")
    square = radiograph.read(drawn.getvalue(), "film").square(32)[..., 0]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.body))), square)

    without = tab.get(f"seen/{rows['1']['id']}?model={second}").json()
    assert without["near"] is None and without["remembered"] is None
    assert without["words"] == "The films this model learned from are not remembered."
    assert tab.get(f"seen/{rows['1']['id']}?model=nobody").status == 404
    assert tab.get(f"input/99?model={first}").status == 404
    refused = tab.get(f"seen/{rows['4']['id']}?model={first}")
    assert refused.status == 400 and refused.json()["words"].startswith("The model saw nothing of this film. ")
