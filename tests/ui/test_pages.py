"""Review as a page, without a browser: it mounts the reading room once and has nothing else to run.

What happens in the room is tried in tests/browser/test_reading_room.py, its routes in test_review_routes.
"""

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, fakes
from xraykit.ui.review.room import component
from xraykit.ui.server import inference

APP = str(ROOT / "app.py")


@pytest.fixture(autouse=True)
def client():
    inference.use(fakes.Client())


def visit(model: str | None = None) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    if model is None:
        return app.run()
    app.query_params["model"] = model
    return app.switch_page("pages/review.py").run()


def given(app: AppTest) -> dict:
    """What the page hands to its room."""
    (room,) = app.get("bidi_component")
    assert room.proto.component_name == "xraykit.room"
    return json.loads(room.proto.json)


def test_the_page_mounts_the_room_with_a_key_of_its_own_that_lasts():
    first, second = visit(), visit()
    assert not first.exception and not first.file_uploader
    assert {button.key for button in first.button} == {"xk-look-dark", "xk-look-light"}, "those of the frame alone"
    keys = [given(app)["key"] for app in (first, second)]
    assert keys[0] != keys[1] and all(len(key) >= 32 for key in keys), "192 bits, known to one session"
    assert given(first.run())["key"] == keys[0]
    first.switch_page("pages/models.py").run()
    first.switch_page("pages/review.py").run()
    assert given(first)["key"] == keys[0], "the films are still there after a visit to another page"


def test_a_link_to_review_names_the_model_to_show():
    assert given(visit("alpha"))["model"] == "alpha" and given(visit())["model"] is None


def test_an_unreachable_service_does_not_keep_the_room_from_opening():
    client = fakes.Client()
    client.broken = True
    inference.use(client)
    app = visit()
    assert not app.exception and given(app)["key"]


def test_the_skeleton_has_the_rooms_own_parts_and_no_script():
    skeleton = (component.FOLDER / "skeleton.html").read_text("utf-8")
    for part in ("films", "list", "bar", "line", "heads", "viewport", "viewer", "findings", "reader"):
        assert f'class="{part}"' in skeleton
    assert "<script" not in skeleton and "style=" not in skeleton


def test_names_reach_the_page_as_text_alone():
    """No module of the room writes HTML: a file's name may be anything."""
    for path in (component.FOLDER / "js").rglob("*.js"):
        text = path.read_text("utf-8")
        assert not [word for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write") if word in text]
