"""The reading room's routes without a browser or a service: what comes in, what is answered, and to whom."""

import hashlib
import io
import json
import os
import struct
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette

from tests.helpers import ROOT, asgi, bad_films, fakes
from tests.helpers.room_tab import Tab
from xraykit.films import radiograph
from xraykit.films.folders import check
from xraykit.reading.worklist.room import Room
from xraykit.ui.review.server import looking
from xraykit.ui.review.server.films import spool
from xraykit.ui.review.server.routes import ROUTES
from xraykit.ui.server.door import Door
from xraykit.ui.server.headers import SecureHeaders


@pytest.fixture
def browser(open_rooms):
    with asgi.Browser(SecureHeaders(Door(Starlette(routes=ROUTES)))) as browser:
        yield browser


@pytest.fixture
def tab(browser) -> Tab:
    return Tab(browser)


def message(body: bytes) -> tuple[dict, bytes]:
    """The header of a binary message, and what follows."""
    (length,) = struct.unpack("<I", body[:4])
    assert (4 + length) % 4 == 0
    return json.loads(body[4 : 4 + length]), body[4 + length :]


def test_an_empty_room_says_what_there_is(tab):
    state = tab.get("state").json()
    assert state["films"] == {
        "total": 0, "done": 0, "refused": 0, "waiting": 0, "eta_seconds": None, "listing": False, "more": False,
    }  # fmt: skip
    assert [(model["name"], model["on"]) for model in state["models"]] == [
        ("mobilenetv2-scratch", True),
        ("mobilenetv2-imagenet", True),
    ]
    assert {name: len(table) for name, table in state["colormaps"].items()}["inferno"] == 256
    assert "Grad-CAM" in state["methods"] and state["restarted"] == 0


def test_samples_are_read_by_every_model_and_drawn_at_full_depth(tab):
    assert tab.post("samples", {"name": "dicom"}).json()["ids"] == ["1"]
    tab.post("look", {"id": "1", "ahead": ["2"]})
    (row,) = tab.until_read()
    assert (row["state"], row["width"], row["height"], row["bits"], row["view"]) == ("ready", 896, 1024, 12, "PA")
    assert set(row["models"]) == {card.name for card in fakes.CARDS}
    for reading in row["models"].values():
        assert reading["probabilities"][reading["top"]] == max(reading["probabilities"].values())
    pair = "mobilenetv2-scratch|mobilenetv2-imagenet"
    assert -1 <= row["compared"][pair]["correlation"] <= 1 and 0 <= row["compared"][pair]["overlap"] <= 1
    thumb = tab.get("thumb/1")
    assert thumb.headers["content-type"] == "image/jpeg" and thumb.body[:2] == b"\xff\xd8" and len(thumb.body) <= 2048
    header, pixels = message(tab.get("film/1").body)
    assert (header["id"], header["name"], header["dtype"], header["bits"]) == ("1", "synthetic-film.dcm", "uint16", 12)
    assert len(pixels) == 896 * 1024 * 2 and header["windows"][0]["function"] == "linear"


def test_what_is_drawn_is_what_the_file_holds(tab):
    values = bad_films.film_values((40, 30)).astype(np.uint16) * 200
    data = bad_films.dicom(values)
    (name,) = tab.post("films?name=film.dcm", data).json()["ids"]
    header, pixels = message(tab.get(f"film/{name}").body)
    softcopy = radiograph.read(data, "film").softcopy
    drawn = np.frombuffer(pixels[: softcopy.values.nbytes], "<u2").reshape(40, 30)
    assert np.array_equal(drawn, softcopy.values)
    assert (header["slope"], header["intercept"]) == (softcopy.slope, softcopy.intercept)


def test_heatmaps_are_grids_and_a_model_without_one_says_so(tab, fake):
    tab.post("samples", {"name": "png"})
    tab.until_read()
    header, data = message(tab.get("heat/1?model=mobilenetv2-scratch&method=Grad-CAM&label=Normal").body)
    grid = np.frombuffer(data, "<f4").reshape(header["rows"], header["columns"])
    assert grid.max() == 1 and header["maximum"] > 0 and header["label"] == "Normal" and header["words"] is None
    fake.broken = True
    header, data = message(tab.get("heat/1?model=mobilenetv2-scratch&method=Grad-CAM&label=Normal").body)
    assert (header["rows"], data) == (0, b"") and "cannot be reached" in header["words"]


def test_a_slow_heatmap_is_polled_and_cancelled(tab, fake):
    gate = threading.Event()
    fake.explain_with = fakes.explanation_in_steps(gate)
    tab.post("samples", {"name": "png"})
    tab.until_read()
    asked = "heat/1?model=mobilenetv2-scratch&method=Score-CAM&label=Normal"
    while (answer := tab.get(asked)).json()["done"] == 0:
        assert answer.status == 202
    assert answer.json() == {"done": 0.25, "remaining": 3.0}
    assert tab.delete(asked).status == 200
    gate.set()
    while (answer := tab.get(asked)).status == 202:
        pass
    assert message(answer.body)[0]["method"] == "Score-CAM"


def test_a_refused_film_stands_in_the_list_and_spoils_no_other(tab):
    names = {
        "good.png": fakes.film_png(1, 64, 60),
        "bad.png": b"hello",
        "empty.png": b"",
        "again.png": fakes.film_png(1, 64, 60),
    }
    for name, data in names.items():
        assert tab.post(f"films?name={name}", data).status == 200
    rows = {row["name"]: row for row in tab.until_read()}
    assert [rows[name]["state"] for name in names] == ["ready", "refused", "refused", "ready"]
    assert rows["bad.png"]["refused"]["code"] == "not-an-image" and rows["empty.png"]["refused"]["code"] == "empty"
    assert {rows["good.png"]["same_as"], rows["again.png"]["same_as"]} <= {
        None,
        rows["good.png"]["id"],
        rows["again.png"]["id"],
    }
    assert [rows[name]["same_as"] is None for name in ("good.png", "again.png")].count(True) == 1
    refused = tab.get(f"film/{rows['bad.png']['id']}")
    assert refused.status == 422 and refused.json()["code"] == "not-an-image"


def test_a_film_that_is_too_large_is_named_and_leaves_nothing(tab, spooled, monkeypatch):
    monkeypatch.setattr(check, "MAX_MEMBER", 3000)
    answer = tab.post("films?name=..%2Fhuge.dcm", [b"x" * 1000] * 9)
    assert answer.status == 413 and answer.json()["code"] == "file-too-large" and "huge.dcm" in answer.json()["words"]
    assert files_of(spooled) == []


def test_a_full_disk_is_a_refusal(tab, spooled, monkeypatch):
    monkeypatch.setattr(spool.shutil, "disk_usage", lambda place: type("Usage", (), {"free": spool.SPARE})())
    answer = tab.post("films?name=film.png", fakes.film_png())
    assert answer.status == 413 and answer.json()["code"] == "no-room" and "film.png" in answer.json()["words"]
    assert files_of(spooled) == []


def test_a_browser_that_breaks_off_leaves_nothing(tab, spooled):
    assert tab.post("films?name=film.png", [b"\x89PNG", ConnectionError()]).status == 400
    assert files_of(spooled) == [] and tab.get("state").json()["films"]["total"] == 0


def test_a_zip_that_is_dropped_is_listed_and_goes_with_the_last_of_its_films(tab, spooled):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in (1, 2):
            archive.writestr(f"study/{number}.png", fakes.film_png(number, 64, 60))
    assert tab.post("films?name=study.zip", packed.getvalue()).json() == {"ids": [], "listing": True}
    rows = tab.until_read()
    assert [(row["name"], row["state"]) for row in rows] == [("study/1.png", "ready"), ("study/2.png", "ready")]
    tab.delete(f"film/{rows[0]['id']}")
    assert len(files_of(spooled)) == 1
    tab.delete(f"film/{rows[1]['id']}")
    assert files_of(spooled) == []
    damaged = tab.post("films?name=damaged.zip", packed.getvalue()[:-40])
    assert damaged.status == 413 and "damaged.zip" in damaged.json()["words"] and files_of(spooled) == []


def test_what_was_opened_by_its_path_stays_and_what_was_dropped_goes(tab, tmp_path, spooled):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes(fakes.film_png(1, 64, 60))
    assert tab.post("open", {"path": str(tmp_path / "films")}).json() == {"listing": True}
    tab.post("films?name=b.png", fakes.film_png(2, 64, 60))
    assert sorted(row["name"] for row in tab.until_read()) == ["a.png", "b.png"]
    (dropped,) = files_of(spooled)
    assert dropped.stat().st_mode & 0o777 == 0o600
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in dropped.parents if spooled in folder.parents)
    assert tab.delete("films").status == 200
    tab.follow()
    assert tab.order == [] and files_of(spooled) == [] and (tmp_path / "films" / "a.png").exists()


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != spool.LOCK]


@pytest.mark.parametrize("path", ["", "/nowhere", 7, None])
def test_a_path_that_cannot_be_opened_is_refused(tab, path):
    answer = tab.post("open", {"path": path})
    assert answer.status == 400 and answer.json()["code"] == "no-path" and answer.json()["words"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b'{"id": 3}', b"x" * 2_000_000], ids=len)
def test_what_is_no_request_is_refused_in_words(tab, body):
    for rest in ("look", "samples", "models", "open"):
        answer = tab.post(rest, body)
        assert answer.status == 400 and answer.json()["words"], rest


def test_other_models_are_chosen(tab):
    tab.post("samples", {"name": "png"})
    tab.until_read()
    assert tab.post("models", {"names": ["mobilenetv2-imagenet"]}).status == 200
    while set(tab.rows["1"]["models"]) != {"mobilenetv2-imagenet"}:
        tab.follow()
    assert [model["on"] for model in tab.get("state").json()["models"]] == [False, True]


def test_a_question_for_changes_is_held_until_there_is_one(tab):
    tab.get("state")
    tab.follow()
    held = threading.Thread(target=tab.follow, daemon=True)
    held.start()
    tab.post("samples", {"name": "png"})
    held.join(60)
    assert tab.order == ["1"]


def test_nothing_is_told_without_the_key_of_the_room(tab, browser):
    tab.post("samples", {"name": "png"})
    tab.until_read()
    other = Tab(browser, "another")
    nothing = browser.get("/reading-room/" + "A" * 32 + "/state")
    assert nothing.status == 404
    for key in (
        "x",
        "",
        tab.key[:-1],
        tab.key + "A",
        tab.key.lower(),
        "..",
        "%2e%2e",
        "é",
        hashlib.sha256(tab.key.encode()).hexdigest(),
    ):
        for rest in ("state", "rows?since=0", "film/1", "thumb/1", "reading.csv", "no-such-thing"):
            answer = browser.get(f"/reading-room/{key}/{rest}")
            assert (answer.status, answer.body) == (404, nothing.body), (key, rest)
    assert other.get("film/1").status == other.get("thumb/1").status == 404
    assert other.get("rows?since=0").json()["rows"] == []
    assert browser.get("/reading-room/").status == 404


def test_every_answer_is_kept_by_nobody_and_has_the_headers_of_a_page(tab, browser):
    tab.post("samples", {"name": "png"})
    tab.until_read()
    heat = "heat/1?model=mobilenetv2-scratch&label=Normal"
    for rest in (
        "state",
        "rows?since=0",
        "film/1",
        "thumb/1",
        heat,
        "film/9",
        "reading",
        "reading.csv",
        "nothing/at/all",
    ):
        answer = tab.get(rest)
        assert answer.headers["cache-control"] == "no-store", rest
        assert answer.headers["x-content-type-options"] == "nosniff" and "content-security-policy" in answer.headers
        assert sum(len(name) + len(value) for name, value in answer.headers.items()) < 4000


def test_the_door_guards_the_routes(tab, browser):
    address = tab.address("state")
    assert browser.get(address, headers={"host": "evil.example"}).status == 421
    assert browser.get(address, headers={"sec-fetch-site": "cross-site"}).status == 403
    strange = browser.ask("POST", tab.address("samples"), {"name": "png"}, headers={"origin": "http://evil.example"})
    assert strange.status == 403
    assert tab.get("state").json()["films"]["total"] == 0


def test_the_app_has_the_routes_behind_its_door():
    import app

    assert [route.path for route in app.app._user_routes] == ["/reading-room"]
    assert [entry.cls for entry in app.app._user_middleware][:2] == [SecureHeaders, Door]


def test_after_a_reload_the_films_are_the_new_tabs_and_the_old_key_is_dead(tab, browser, open_rooms):
    tab.post("films?name=a.png", fakes.film_png(1, 64, 60))
    tab.until_read()
    reloaded = Tab(browser, "after the reload")
    assert reloaded.post("adopt", {"from": tab.key}).status == 200
    assert [row["name"] for row in reloaded.get("rows?since=0").json()["rows"]] == ["a.png"]
    assert tab.get("state").status == 404
    assert open_rooms.keep_only({"after the reload"}) == []
    for old in (tab.key, "x", reloaded.key, None):
        assert reloaded.post("adopt", {"from": old}).status == 404


def test_films_that_another_page_handed_over_after_a_reload_stay_beside_those_of_before(
    tab, browser, open_rooms, tmp_path
):
    tab.post("films?name=a.png", fakes.film_png(1, 64, 60))
    tab.until_read()
    reloaded = Tab(browser, "after the reload")
    (tmp_path / "handed.png").write_bytes(fakes.film_png(2, 64, 60))
    open_rooms.get(reloaded.key).room.add([("handed.png", tmp_path / "handed.png")])
    assert reloaded.post("adopt", {"from": tab.key}).status == 200
    reloaded.until_read()
    assert [row["name"] for row in reloaded.get("rows?since=0").json()["rows"]] == ["a.png", "handed.png"]


def test_what_a_page_said_as_it_went_is_there_before_the_next_one_begins(tab, browser, open_rooms, monkeypatch):
    monkeypatch.setattr(looking, "LATE", 60)  # a limit on hangs here
    tab.post("films?name=a.png", fakes.film_png(1, 64, 60))
    tab.until_read()
    reloaded = Tab(browser, "after the reload")
    with ThreadPoolExecutor() as threads:
        adopting = threads.submit(reloaded.post, "adopt", {"from": tab.key, "unsaved": {"1": 7, "none": 9}})
        while open_rooms.get(tab.key) is not None:
            time.sleep(0.01)
        late = tab.address("impression/1?said=7")
        assert browser.ask("PUT", late, {"text": "left base"}).status == 200 and adopting.result().status == 200
    (row,) = reloaded.get("rows?since=0").json()["rows"]
    assert row["impression"]["text"] == "left base"
    assert browser.ask("PUT", reloaded.address("impression/1?said=8"), {"text": "right base"}).status == 200
    assert browser.ask("PUT", late, {"text": "left"}).json()["impression"]["text"] == "right base"
    assert [tab.get("rows?since=0").status, tab.post("stop").status] == [404, 404], "it brings nothing but that"
    open_rooms.keep_only({"another"})
    assert browser.ask("PUT", late, {"text": "left base"}).status == 404


def test_a_room_ends_with_its_session(tab, browser, open_rooms, spooled):
    stays = Tab(browser, "stays")
    tab.post("films?name=a.png", fakes.film_png(1, 64, 60))
    tab.until_read()
    for seat in open_rooms.keep_only({"stays"}):
        seat.end()
    assert tab.get("state").status == 404 and stays.get("state").status == 200
    assert files_of(spooled) == []


def test_a_question_that_is_held_ends_with_the_room(tab, open_rooms, monkeypatch):
    tab.get("state")
    tab.follow()
    began = threading.Event()

    def hold() -> None:
        while tab.get(f"rows?since={tab.version}&wait=1").status == 200:
            began.set()

    monkeypatch.setattr(looking, "HELD", 0.05)
    held = threading.Thread(target=hold, daemon=True)
    held.start()
    assert began.wait(60)
    monkeypatch.setattr(looking, "HELD", 3600)
    for seat in open_rooms.keep_only(()):
        seat.end()
    held.join(60)
    assert not held.is_alive()


def test_rooms_hear_of_models_that_appear(tab, fake, open_rooms):
    tab.post("samples", {"name": "png"})
    tab.until_read()
    fake.cards = [fakes.card("only")]
    open_rooms.refresh_models()
    while set(tab.rows["1"]["models"]) != {"only"}:
        tab.follow()


def test_a_zip_whose_only_film_so_far_is_closed_stays_while_it_is_listed(tab, spooled, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", fakes.film_png(number))
    listing, go_on = Room._list, threading.Event()
    monkeypatch.setattr(Room, "_list", lambda *given: (go_on.wait(60), listing(*given)))
    tab.post("films?name=study.zip", packed.getvalue())
    tab.follow()
    tab.delete("film/1")
    go_on.set()
    tab.until_read()
    assert {row["state"] for row in tab.rows.values()} == {"ready"} and len(tab.rows) == 2


def test_what_a_killed_server_left_is_removed_at_the_next_start(spooled):
    ours, left = spool.Spool(), spooled / f"{spool.PREFIX}dead"
    room = ours.room()
    (left / "tab").mkdir(parents=True)
    (left / "tab" / "film").write_bytes(b"film")
    (left / spool.LOCK).touch()
    (spooled / "a-dataset").mkdir()
    spool.sweep()
    assert not left.exists() and room.is_dir() and (spooled / "a-dataset").is_dir()
    ours.close()
    assert [path.name for path in spooled.iterdir()] == ["a-dataset"]


@pytest.mark.parametrize("moment", ["before its lock is made", "as it gets its lock"])
def test_a_server_that_starts_takes_no_folder_away_that_another_is_making(spooled, monkeypatch, moment):
    opened = spool.files.open_lock

    def open_while_another_starts(path):
        monkeypatch.setattr(spool.files, "open_lock", opened)
        if moment.startswith("before"):
            spool.sweep()
            return opened(path)
        lock = opened(path)
        spool.sweep()
        return lock

    monkeypatch.setattr(spool.files, "open_lock", open_while_another_starts)
    ours = spool.Spool()
    assert ours.room().is_dir()
    spool.sweep()
    assert ours.room().is_dir()
    ours.close()


def test_an_error_that_nobody_foresaw_is_logged_without_its_text(tab, fake, monkeypatch, caplog):
    def broken(*arguments):
        raise KeyError("Doe^Jane")

    tab.post("samples", {"name": "png"})
    tab.until_read()
    monkeypatch.setattr(fake, "softcopy", broken)
    answer = tab.get("film/1")
    assert answer.status == 500 and "KeyError" in answer.json()["words"]
    assert "Doe" not in caplog.text + answer.body.decode() and "broken" in caplog.text


def test_the_web_process_starts_without_numpy():
    """The routes are part of the server's start; what reads films is imported with the first film."""
    import subprocess
    import sys

    code = "import sys, xraykit.ui.review.server; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert done.stdout.strip() == "False", done.stderr
