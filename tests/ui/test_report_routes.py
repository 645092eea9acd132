"""Reports from the reading room without a browser or a service: what is made, under which names, and for whom."""

from __future__ import annotations

import csv
import io
import json
import threading
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from tests.helpers import asgi, bad_films, fakes
from tests.helpers.room_tab import Tab
from xraykit.films import radiograph
from xraykit.films.samples import draw
from xraykit.reports.export import typeset
from xraykit.reports.export.formats import FORMATS
from xraykit.ui.review.server.routes import ROUTES

MODELS = [card.name for card in fakes.CARDS]
VIEW = {"models": MODELS}
PNG = fakes.film_png(height=8, width=8)
NOISE = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)


@pytest.fixture
def browser(open_rooms):
    with asgi.Browser(Starlette(routes=ROUTES)) as browser:
        yield browser


@pytest.fixture
def tab(browser) -> Tab:
    return Tab(browser)


@pytest.fixture
def set_at_once(monkeypatch):
    """Every report has two pages of eight pixels: how they are set is tried elsewhere."""
    monkeypatch.setattr(typeset, "pdf", lambda report, **more: b"%PDF")
    monkeypatch.setattr(typeset, "pngs", lambda report, **more: [PNG, PNG])


def film(seed: int = 1, **changes: Any) -> bytes:
    return fakes.film_png(seed, **({"height": 96, "width": 80} | changes))


def png(pixels: np.ndarray) -> bytes:
    Image.fromarray(pixels).save(coded := io.BytesIO(), "PNG")
    return coded.getvalue()


def put(tab: Tab, **films: bytes) -> dict[str, dict]:
    for name, data in films.items():
        tab.post(f"films?name={name.replace('_', '.')}", data)
    return {row["name"]: row for row in tab.until_read()}


def report(tab: Tab, **asked: Any) -> dict:
    """A film report as JSON: every number of it."""
    answer = tab.post("report/file", {"film": "1", "view": VIEW, "kind": "json", **asked})
    assert answer.status == 200, answer.body
    return answer.json()


def named(answer: asgi.Answer) -> str:
    return answer.headers["content-disposition"].partition('filename="')[2].rstrip('"')


def finish(tab: Tab) -> dict:
    while (state := tab.get("report/work").json())["state"] == "running":
        pass
    return state


def packed(tab: Tab) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(tab.get("report/work/file").body))


def index(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read("index.csv").decode())))


def test_a_report_says_what_the_room_shows(tab):
    row = put(tab, a_png=film())["a.png"]
    made = report(tab)
    for answer in made["answers"]:
        assert answer["probabilities"] == row["models"][answer["model"]]["probabilities"]
    assert [answer["model"] for answer in made["answers"]] == MODELS
    assert made["film"]["sha256"].startswith(row["sha"]) and made["gate"]["state"] == row["gate"]["state"]
    sections = {section["key"]: section for section in made["sections"]}
    assert [picture["key"] for picture in sections["film"]["photographs"]] == [
        "film", *(f"overlay-{name}" for name in MODELS)
    ]  # fmt: skip
    assert report(tab) == made, "the preview and every file of a report are of one moment"
    tab.browser.ask("PUT", tab.address("impression/1"), {"finding": "Normal", "text": "clear bases"})
    said = report(tab)
    assert "clear bases" in json.dumps(said) and said["redo"]["arguments"]["impression"]["finding"] == "Normal"


def test_models_and_overlays_are_those_in_sight(tab):
    put(tab, a_png=film())
    another = {"label": "Normal", "method": "LayerCAM", "colormap": "viridis", "opacity": 0.7}
    for view, overlays in (
        ({"models": []}, 0),
        ({"models": MODELS[:1]}, 1),
        ({"models": MODELS, "heatmaps": False}, 0),
        ({"models": [*MODELS, "gone"], **another}, 2),
    ):
        made = report(tab, view=view)
        shown = made["sections"][0]["photographs"]
        assert len(shown) == 1 + overlays, view
        assert len(made["answers"]) == len([name for name in view["models"] if name in MODELS])
        assert "has no map" not in json.dumps(made)
        capture = tab.post("report/file", {"film": "1", "view": view, "kind": "dicom"})
        assert capture.status == (200 if overlays else 400), "no overlay, no Secondary Capture"
    assert all("LayerCAM" in picture["alt"] and "Normal" in picture["alt"] for picture in shown[1:])


def test_the_window_is_the_readers_and_the_probabilities_are_the_films_own(tab):
    put(tab, a_dcm=bad_films.dicom(bad_films.film_values((80, 72)), WindowCenter=100, WindowWidth=180))
    plain = report(tab)
    moved = report(tab, view=VIEW | {"grey": {"name": "Auto", "low": 20, "high": 90, "inverted": True}})
    pixels = [made["sections"][0]["photographs"][0]["sha256_of_pixels"] for made in (plain, moved)]
    assert pixels[0] != pixels[1] and plain["answers"][0]["probabilities"] == moved["answers"][0]["probabilities"]
    strange = report(tab, view=VIEW | {"grey": {"name": "Doe", "low": 20, "high": 90}})
    assert strange["redo"]["settings"]["grey"]["name"] == "chosen", "only the film and the room name windows"


def test_a_hidden_film_says_nothing_of_the_models(tab):
    put(tab, a_png=film())
    tab.post("reading", {"blind": True})
    body = {"film": "1", "view": VIEW, "hidden": ["1"]}
    for kind in ("json", "html", "markdown"):
        answer = tab.post("report/file", body | {"kind": kind})
        assert answer.status == 200 and not any(name.encode() in answer.body for name in MODELS), kind
    assert b"Read blind" in tab.post("report/file", body | {"kind": "html"}).body
    tab.browser.ask("PUT", tab.address("impression/1"), {"text": "not sure", "blind": True})
    session = tab.post("report/file", {"what": "session", "kind": "json"})
    assert session.status == 200 and not any(name.encode() in session.body for name in MODELS)
    tab.browser.ask("PUT", tab.address("impression/1"), {"finding": "Normal", "blind": True})
    assert MODELS[0].encode() in tab.post("report/file", {"what": "session", "kind": "json"}).body


def test_what_the_gate_refused_is_not_read_and_what_was_turned_or_read_anyway_is_stamped(tab, monkeypatch):
    monkeypatch.setenv("XRAYKIT_GATE", "on")
    upright = radiograph.read(draw.PNG.read_bytes(), "film.png").display(256)
    put(tab, side_png=png(np.rot90(upright, -1)), noise_png=png(NOISE))
    asked = {"view": {"models": MODELS[:1]}}
    refused = report(tab, **asked)
    assert refused["gate"]["state"] == "refused" and refused["answers"][0]["probabilities"] == {}
    assert "refused" in refused["facts"]["Gate"] and len(refused["sections"][0]["photographs"]) == 1
    tab.post("gate/1", {"take": "turn"})
    tab.post("gate/2", {"take": "read"})
    tab.until_read()
    turned, read = report(tab, **asked), report(tab, film="2", **asked)
    assert (turned["film"]["width"], turned["film"]["height"]) == (224, 256)
    assert "turned by 270°" in turned["facts"]["Gate"] and turned["redo"]["arguments"]["gate"]["turn"] == 270
    assert "read all the same" in read["facts"]["Gate"] and read["redo"]["arguments"]["gate"]["gate"] == "overridden"
    assert all(len(made["sections"][0]["photographs"]) == 2 for made in (turned, read))


def test_a_file_that_is_no_film_has_a_page_that_says_why(tab, set_at_once):
    put(tab, notes_png=b"hello")
    answer = tab.post("report", {"film": "1", "view": VIEW})
    assert answer.status == 200 and len(answer.json()["pages"]) == 2
    kinds = [kind["kind"] for kind in answer.json()["kinds"]]
    assert "pdf" in kinds and not [kind for kind in kinds if kind.startswith("dicom")]
    assert report(tab)["film"]["refused"] == "not-an-image"


def test_every_format_comes_under_a_name_that_says_what_it_is(tab, set_at_once):
    row = put(tab, Doe_png=film())["Doe.png"]
    preview = tab.post("report", {"film": "1", "view": VIEW}).json()
    kinds = [kind["kind"] for kind in preview["kinds"]]
    assert kinds == [*FORMATS, "dicom-state"] and len(preview["pages"]) == 2
    names = set()
    for kind in kinds:
        answer = tab.post("report/file", {"film": "1", "view": VIEW, "kind": kind})
        assert answer.status == 200 and answer.headers["cache-control"] == "no-store", kind
        name = named(answer)
        assert name.startswith(f"film-{row['sha']}") and "Doe" not in name and name not in names, kind
        if kind == "png-a4":
            pages = zipfile.ZipFile(io.BytesIO(answer.body)).namelist()
            assert pages == [f"film-{row['sha']}-a4-{page}.png" for page in (1, 2)]
        names.add(name)
    for kind in ("pptx", "png"):
        answer = tab.post("report/file", {"film": "1", "view": VIEW, "kind": kind, "slide": True, "look": "stage"})
        assert named(answer) == f"film-{row['sha']}-slide-dark.{kind}" and answer.body
    asked = tab.post("report/file", {"film": "1", "view": VIEW, "kind": "json", "names": True})
    assert named(asked) == f"film-Doe-{row['sha']}.json" and "Doe.png" in asked.json()["title"]


def test_a_batch_has_a_report_of_every_film_and_names_those_it_refused(tab):
    rows = put(tab, a_png=film(1), Doe_png=b"hello", b_png=film(2), Doe2_png=film(1))
    assert tab.get("report/work").json() is None and tab.get("report/work/file").status == 404
    begun = tab.post("report/work", {"films": ["1", "2", "3", "4", "99"], "view": VIEW, "kind": "json"})
    assert begun.json()["total"] == 5
    state = finish(tab)
    assert (state["state"], state["done"], state["refused"], state["eta_seconds"]) == ("done", 5, 1, None)
    answer = tab.get("report/work/file")
    assert named(answer) == state["name"] == "film-reports-5-json.zip"
    archive = packed(tab)
    lines = index(archive)
    assert [line["state"] for line in lines] == ["written", "refused", "written", "written", "not written"]
    assert lines[1]["code"] == "not-an-image" and "DICOM" in lines[1]["reason"] and len(lines[1]["film"]) == 12
    assert sorted(archive.namelist()) == sorted(["index.csv", *(line["files"] for line in lines if line["files"])])
    whole = json.loads(archive.read(f"1-film-{rows['a.png']['sha']}.json"))
    assert whole["answers"][0]["probabilities"] == rows["a.png"]["models"][MODELS[0]]["probabilities"]
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Doe" not in everything and b".png" not in everything


def test_work_that_is_stopped_leaves_what_is_finished(tab, fake):
    rows = put(tab, a_png=film(1), b_png=film(2), c_png=film(3))
    began, gate = threading.Event(), threading.Event()
    second = rows["b.png"]["sha"]

    def explain(shown, model, method, label, progress):
        if shown.sha256.startswith(second):
            began.set()
            while not gate.wait(0.01):
                progress(0.5, 1.0)
        return fakes.heatmap_of(shown, label, model, method)

    fake.explain_with = explain
    asked = {"films": ["1", "2", "3"], "view": VIEW, "kind": "markdown"}
    tab.post("report/work", asked)
    assert began.wait(60)
    assert tab.post("report/work", asked).json()["code"] == "busy"
    assert tab.get("report/work").json()["done"] == 1 and tab.get("report/work/file").status == 404
    tab.delete("report/work")
    state = finish(tab)
    assert (state["state"], state["done"], state["name"]) == ("stopped", 1, "film-reports-1-of-3-markdown.zip")
    assert [line["state"] for line in index(packed(tab))] == ["written", "not reached", "not reached"]
    gate.set()
    assert tab.post("report/work", asked).status == 200
    assert finish(tab)["state"] == "done"


def test_a_contact_sheet_shows_the_list_and_hides_what_is_hidden(tab, set_at_once):
    put(tab, a_png=film(1), notes_png=b"hello", b_png=film(2))
    nothing = tab.post("report/file", {"what": "sheet", "kind": "json"})
    assert nothing.status == 400 and nothing.json()["code"] == "no-sheet"
    tab.post("report/work", {"what": "sheet", "films": ["3", "2", "1"], "hidden": ["1"], "view": VIEW})
    assert finish(tab)["state"] == "done"
    made = tab.post("report/file", {"what": "sheet", "kind": "json"}).json()
    rows = made["sections"][1]["tables"][0]["rows"]
    assert len(rows) == 2 and rows[0][4] is not None and rows[1][3:5] == ["not shown yet", None]
    assert "is not shown" in made["sections"][0]["words"][0]
    assert len(tab.post("report", {"what": "sheet"}).json()["pages"]) == 2


def test_no_other_tab_sees_the_work_and_all_of_it_goes_with_the_tab(tab, browser, open_rooms, spooled):
    put(tab, a_png=film())
    tab.post("report/work", {"films": ["1"], "view": VIEW, "kind": "json"})
    finish(tab)
    other = Tab(browser, "another")
    assert other.get("report/work").json() is None and other.get("report/work/file").status == 404
    assert browser.get("/reading-room/" + "A" * 32 + "/report/work/file").status == 404
    assert other.post("report/file", {"film": "1", "view": VIEW, "kind": "json"}).json()["code"] == "closed"
    for seat in open_rooms.keep_only({"another"}):
        seat.end()
    assert [path for path in spooled.rglob("*") if path.is_file() and path.name != "lock"] == []


def test_what_cannot_be_is_refused_in_words(tab):
    put(tab, a_png=film())
    of_film = (
        {"view": {"opacity": 2}},
        {"view": {"colormap": "none"}},
        {"view": {"grey": {"name": "", "low": 2, "high": 1}}},
        {"look": "pink", "kind": "pdf"},
        {"kind": "exe"},
    )
    for body in (b"", b"[]", b'{"film": 3}', b'{"what": "all"}', *({"film": "1", **more} for more in of_film)):
        for path in ("report/file", "report/work"):
            if isinstance(body, dict):
                body = body | {"films": ["1"]}
            answer = tab.post(path, body)
            assert answer.status == 400 and answer.json()["words"].endswith("."), (body, path)


def test_a_disk_without_room_ends_the_work_and_keeps_what_is_there(tab, monkeypatch):
    from xraykit.ui.review.server.films import spool

    put(tab, a_png=film())
    monkeypatch.setattr(spool.shutil, "disk_usage", lambda place: type("Usage", (), {"free": spool.SPARE})())
    tab.post("report/work", {"films": ["1"], "view": VIEW, "kind": "json"})
    state = finish(tab)
    assert (
        state["state"] == "failed" and "no room" in state["words"] and index(packed(tab))[0]["state"] == "not reached"
    )
