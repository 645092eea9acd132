"""The reading room's routes over the real service: a folder is read, a service that dies is no loss."""

import os
import shutil
import signal

import pytest
from starlette.applications import Starlette

from tests.helpers import asgi, fakes, tiny_model
from tests.helpers.room_tab import Tab
from xraykit.models.service import client as service
from xraykit.reports.export.verify.places import Places
from xraykit.reports.export.verify.verify import verify
from xraykit.ui.review.server.routes import ROUTES
from xraykit.ui.server import inference

pytestmark = pytest.mark.slow


@pytest.fixture
def client(tmp_path):
    shutil.copytree(tiny_model.KEPT, tmp_path / "weights" / "tiny-model")
    started = service.start(tmp_path / "weights")
    yield started
    started.close()


def test_a_folder_is_read_and_a_service_that_dies_is_started_again_and_counted(client, open_rooms, tmp_path):
    (tmp_path / "films").mkdir()
    for number in range(24):
        (tmp_path / "films" / f"{number}.png").write_bytes(fakes.film_png(number, 64, 60))
    (tmp_path / "films" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    inference.use(client)
    with asgi.Browser(Starlette(routes=ROUTES)) as browser:
        tab = Tab(browser)
        tab.post("open", {"path": str(tmp_path / "films")})
        rows = tab.until_read()
        assert [row["name"] for row in rows] == [*(f"{number}.png" for number in range(24)), "broken.png"]
        assert [row["state"] for row in rows] == ["ready"] * 24 + ["refused"]
        assert all(set(row["models"]) == {"tiny-model"} for row in rows[:24])
        heat = "heat/7?model=tiny-model&method=Grad-CAM&label=Normal"
        before = tab.get("film/7").body, tab.get(heat).body
        os.kill(client.status()["pid"], signal.SIGKILL)
        assert (tab.get("film/7").body, tab.get(heat).body) == before
        assert tab.get("state").json()["restarted"] == 1
        shown = tab.rows["7"]["models"]["tiny-model"]["probabilities"]
        asked = {
            "film": "7",
            "view": {"models": ["tiny-model"], "label": "Normal", "colormap": "viridis"},
            "kind": "json",
        }
        for more in ({}, {"names": True}, {"view": {"models": []}}):
            held = tab.post("report/file", asked | more)
            assert [answer["probabilities"] for answer in held.json()["answers"]] in ([shown], [])
            (tmp_path / "film.json").write_bytes(held.body)
            places = Places([tmp_path / "films"], models={"tiny-model": tmp_path / "weights" / "tiny-model"})
            again = verify(tmp_path / "film.json", places)
            assert again.agrees and again.count("picture"), [difference.words for difference in again.differences]
