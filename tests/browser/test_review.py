"""Review in a real browser on a real server with the real inference service and the models in weights/.

What needs no service is tried in test_reading_room.py.
"""

from __future__ import annotations

import json
import struct
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.browser.conftest import HANG, at_rest, eventually
from tests.helpers import bad_films, processes
from xraykit import RESEARCH_ONLY
from xraykit.films.samples import draw
from xraykit.models import classifier
from xraykit.ui.kit.frame import RESTARTED

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CARDS, _ = classifier.available()
SHOWN = CARDS[:2]  # two models are on at the start, more by choice
QUIET = 300  # ms in which a stray request would have been sent; none is expected, so nothing is waited for


def open_page(visit, server, path: str = "/") -> None:
    visit.page.goto(server.url + path)
    visit.page.locator(".room[data-state=open]").wait_for()
    at_rest(visit)


def drop(visit, *files: Path | dict) -> None:
    visit.page.locator(".room > input[type=file]").first.set_input_files(
        [str(f) if isinstance(f, Path) else f for f in files]
    )


def settle(visit, films: int, heatmaps: int = len(SHOWN)) -> None:
    """Wait until so many files are listed and read, and the one looked at is drawn with its heatmaps."""
    room = visit.page.locator(".room")

    def seen():
        ids = set((visit.page.locator(".viewer").get_attribute("data-ready") or "").split())
        listed = room.get_attribute("data-films"), visit.page.locator(".row.waiting").count()
        return (*listed, ids == {room.get_attribute("data-current")}, room.get_attribute("data-laid"))

    eventually(seen, (str(films), 0, True, str(heatmaps)))


def in_memory(name: str, data: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def body(visit) -> str:
    """All text of the page, once it stands still."""
    at_rest(visit)
    return visit.page.inner_text("body")


def key_of(visit) -> str:
    """What names the films of this tab; nobody else knows it."""
    return visit.page.evaluate("sessionStorage.getItem('xk-room')")


def film_address(visit, server) -> str:
    current = visit.page.locator(".room").get_attribute("data-current")
    return f"{server.url}/reading-room/{key_of(visit)}/film/{current}"


def names(visit) -> list[str]:
    return [name.replace("\n", "") for name in visit.page.locator(".row .name").all_inner_texts()]


def status_of(address: str) -> int:
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_film_is_read_by_every_model_and_drawn_pixel_for_pixel(visit, server, screenshots):
    """One visit: the start, a film with every model's result, its pixels, its privacy, and axe on both."""
    from axe_playwright_python.sync_playwright import Axe

    open_page(visit, server)
    assert RESEARCH_ONLY in visit.page.inner_text("body")
    faults = serious(Axe().run(visit.page))
    visit.page.screenshot(path=screenshots / "review-empty.png")
    drop(visit, draw.PNG)
    settle(visit, 1)
    findings = visit.page.locator(".findings").inner_text()
    assert names(visit) == [draw.PNG.name]
    assert {"mobilenetv2-imagenet", "mobilenetv2-scratch"} <= {card.name for card in CARDS}, "both models that ship"
    assert all(card.title in findings for card in SHOWN)
    assert visit.page.locator(".bars").count() == len(SHOWN) and "Sensitivity" in findings
    faults += serious(Axe().run(visit.page))
    assert faults == []
    for width, height in ((1440, 900), (1920, 1080), (1024, 768)):
        visit.page.set_viewport_size({"width": width, "height": height})
        visit.page.screenshot(path=screenshots / f"review-synthetic-{width}.png")
    header, values = film_of(film_address(visit, server))
    assert pixels_of(draw.PNG) == (header["width"], header["height"], values)
    made = take_report(visit, screenshots)
    for answer in made["answers"]:
        assert f"{answer['probabilities'][answer['predicted']]:.3f}" in findings, "the numbers are those on the screen"
    assert made["answers"] and draw.PNG.name not in json.dumps(made)
    nobody = f"{server.url}/reading-room/{'A' * len(key_of(visit))}/film/1"
    assert status_of(nobody) == 404, "without the key of this tab there is no film"
    assert no_training_library(server), "web, inference, decoders"
    assert visit.stopped == []


def take_report(visit, screenshots: Path) -> dict:
    """The film's report, looked at and taken away as JSON."""
    visit.page.set_viewport_size({"width": 1440, "height": 900})
    visit.page.keyboard.press("Shift+D")
    visit.page.locator(".report-left[data-ready=true] img").wait_for()
    visit.page.screenshot(path=screenshots / "review-report.png")
    with visit.page.expect_download() as saved:
        visit.page.get_by_role("button", name="JSON, every number").click()
    visit.page.keyboard.press("Escape")
    return json.loads(saved.value.path().read_text())


def test_another_session_sees_no_film_and_the_address_ends_with_the_tab(visit, server, window):
    open_page(visit, server)
    drop(visit, draw.PNG)
    settle(visit, 1)
    address = film_address(visit, server)
    assert status_of(address) == 200
    other = window.new_page()
    other.goto(server.url)
    other.locator(".room[data-state=open]").wait_for()
    assert other.locator(".room").get_attribute("data-films") == "0"
    key = other.evaluate("sessionStorage.getItem('xk-room')")
    assert status_of(address.replace(key_of(visit), key)) == 404
    visit.page.get_by_role("button", name="Remove films").click()
    visit.page.get_by_role("menuitem", name="All 1 film").click()
    visit.page.locator(".welcome").wait_for()
    eventually(lambda: status_of(address), 404)


def test_nothing_travels_while_the_view_is_moved_and_the_reload_brings_all_back(visit, server):
    frames, asked = [], []
    visit.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(frame)))
    open_page(visit, server)
    visit.page.locator("button[data-sample=dicom]").first.click()
    settle(visit, 1)
    at_rest(visit)
    visit.page.wait_for_timeout(QUIET)
    held = "/rows?since="  # the question for changes of the list is asked again every 20 s, whatever is moved
    visit.page.on("request", lambda request: held in request.url or asked.append(request.url))
    frames.clear()
    box = visit.page.locator(".viewer canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = json.loads(visit.page.locator(".viewer").get_attribute("data-view"))
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    for step in range(60):
        visit.page.mouse.move(x + step, y + step / 2)
    visit.page.mouse.up()
    for _ in range(10):
        visit.page.mouse.wheel(0, -120)
    for key in ("i", ".", ".", "b", "b", "o", "o"):
        visit.page.keyboard.press(key)
    view = lambda: json.loads(visit.page.locator(".viewer").get_attribute("data-view"))  # noqa: E731
    eventually(lambda: (view()["invert"], view()["zoom"] > 1, view()["window"] != before["window"]), (True,) * 3)
    visit.page.wait_for_timeout(QUIET)
    moved = view()
    assert asked == [] and frames == [], "what the reader moves is nobody's business but the browser's"
    key = key_of(visit)
    laid = int(visit.page.locator(".room").get_attribute("data-laid"))  # blinking lays a second one over a pane
    visit.page.reload()
    visit.page.locator(".room[data-state=open]").wait_for()
    settle(visit, 1, laid)
    eventually(lambda: (view()["zoom"], view()["invert"]), (moved["zoom"], True))
    assert key_of(visit) != key
    assert status_of(f"{server.url}/reading-room/{key}/state") == 404, "the address of before is nobody's"


def test_another_class_brings_its_heatmaps_and_a_link_its_model(visit, server):
    model = SHOWN[-1]
    open_page(visit, server, f"/review?model={model.name}")
    assert visit.page.locator(f'.pill[aria-label="{model.title}"]').get_attribute("aria-pressed") == "true"
    drop(visit, draw.PNG)
    settle(visit, 1)
    for label in CARDS[0].classes:
        with visit.page.expect_response(lambda answer, label=label: f"label={label.split()[0]}" in answer.url):
            visit.page.locator(".labels").get_by_role("button", name=label, exact=True).click()
        settle(visit, 1, sum(label in card.classes for card in SHOWN))


@pytest.mark.slow
def test_bad_files_beside_good_ones_are_listed_and_the_good_ones_work(visit, server, screenshots):
    open_page(visit, server)
    bad = {
        "empty.png": bad_films.empty(),
        "text.png": bad_films.text(),
        "half.jpg": bad_films.truncated_jpeg(),
        "huge.png": bad_films.huge_png(),
        "animated.png": bad_films.animated_png(),
        "bomb.dcm": bad_films.deflated_bomb(),
        "network.keras": b"a network that is none",
    }
    good = {path.name: path.read_bytes() for path in (draw.PNG, draw.DICOM)}
    good["photograph.png"] = bad_films.colour_photograph()
    drop(visit, *(in_memory(name, data) for name, data in (bad | good).items()))
    settle(visit, len(bad) + len(good))
    assert sorted(names(visit)) == sorted(bad | good)
    visit.page.get_by_role("button", name=f"{len(bad)} refused").click()
    table = visit.page.locator("dialog table").inner_text()
    assert all(name in table for name in bad) and not any(name in table for name in good)
    visit.page.screenshot(path=screenshots / "review-refused.png")
    visit.page.get_by_role("button", name="Close").click()
    visit.page.locator(".row", has_text="photograph.png").click()
    visit.page.locator(".findings .warnings").get_by_text("colour").first.wait_for()
    assert "Traceback" not in body(visit)


def test_a_study_opens_by_its_path(visit, server, tmp_path, screenshots):
    bad_films.write_study(tmp_path)
    open_page(visit, server)
    visit.page.get_by_label("Path of a film").first.fill(str(tmp_path))
    visit.page.get_by_role("button", name="Open", exact=True).first.click()
    listed = visit.page.locator(".list")
    for name in ("SERIES0/IM0", "SERIES0/IM1", "SERIES1/IM0", "SERIES1/IM1"):
        listed.get_by_title(name).first.wait_for()
    visit.page.locator(".row", has_text="SERIES1/IM1").click()
    visit.page.locator(".findings .warnings").get_by_text("lateral").first.wait_for()
    visit.page.screenshot(path=screenshots / "review-study.png")


@pytest.mark.slow
def test_the_service_comes_back_and_a_killed_server_leaves_nothing(visit, fresh_server):
    """A cold deep link, a service that dies, and the server that dies: one server for all three."""
    open_page(visit, fresh_server, "/review")
    cold, address = body(visit), visit.page.url
    open_page(visit, fresh_server, "/")
    eventually(lambda: (visit.page.inner_text("body"), visit.page.url), (cold, address))
    assert visit.page.get_by_test_id("stSidebarNavLink").count() == 0, "Streamlit's own pages/ menu is not there"
    drop(visit, draw.PNG)
    settle(visit, 1)
    service_of(fresh_server).kill()
    drop(visit, draw.DICOM)
    visit.page.get_by_text(RESTARTED).wait_for()
    settle(visit, 2)
    assert draw.DICOM.name in names(visit)
    family = fresh_server.family()
    assert len(family) >= 2, "the service and at least one decoder"
    fresh_server.kill()
    _, alive = psutil.wait_procs(family, timeout=HANG)
    assert not alive and visit.stopped == []
    visit.page.get_by_text("does not answer").wait_for()


@pytest.mark.slow
def test_a_tf_keras_vis_method_comes_from_its_own_process_with_progress(visit, server):
    open_page(visit, server)
    drop(visit, draw.PNG)
    settle(visit, 1)
    visit.page.get_by_role("button", name="Overlay", exact=True).click()
    visit.page.get_by_label("Method").select_option("LayerCAM")
    visit.page.keyboard.press("Escape")
    visit.page.locator(".pane-head").get_by_role("button", name="Cancel").first.wait_for()
    settle(visit, 1)
    assert any("xraykit.models.tf_keras_vis" in processes.command(process) for process in server.family())
    assert "tensorflow" not in Path(f"/proc/{server.process.pid}/maps").read_text()


@pytest.mark.slow
def test_real_films_are_read_and_drawn(visit, server, screenshots, real_films):
    folders = [real_films / "radiography" / name for name in ("COVID-19", "Normal", "Viral Pneumonia")]
    films = [path for folder in folders for path in sorted(folder.iterdir())[:2]]
    films += sorted((real_films / "darkcovid" / "COVID-19").glob("*-PA.jpg"))[:2]
    open_page(visit, server)
    drop(visit, *films)
    settle(visit, len(films))
    assert sorted(names(visit)) == sorted(film.name for film in films)
    for name, (width, height) in {"1440": (1440, 900), "1920": (1920, 1080)}.items():
        visit.page.set_viewport_size({"width": width, "height": height})
        visit.page.screenshot(path=screenshots / f"review-real-{name}.png")
    visit.page.keyboard.press("End")
    settle(visit, len(films))
    assert visit.stopped == [] and "Traceback" not in body(visit)


def film_of(address: str) -> tuple[dict, bytes]:
    """The header of a film's message, and its values."""
    with urllib.request.urlopen(address) as answer:
        assert "no-store" in answer.headers["cache-control"]
        data = answer.read()
    (length,) = struct.unpack("<I", data[:4])
    header = json.loads(data[4 : 4 + length])
    size = header["width"] * header["height"] * header["channels"] * (2 if header["dtype"] == "uint16" else 1)
    return header, data[4 + length :][:size]


def pixels_of(path: Path) -> tuple[int, int, bytes]:
    from PIL import Image

    with Image.open(path) as film:
        return (*film.size, film.tobytes())


def no_training_library(server) -> bool:
    """Is there none in any process of the app? Where processes cannot be looked into: true."""
    if not Path("/proc/self/maps").exists():
        return True
    processes = [psutil.Process(server.process.pid), *server.family()]
    maps = [Path(f"/proc/{process.pid}/maps").read_text() for process in processes]
    libraries = ("tensorflow", "jaxlib", "libtorch")
    return len(processes) >= 3 and not any(name in mapped for mapped in maps for name in libraries)


def serious(results) -> list[str]:
    faults = results.response["violations"]
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:160]}"
        for fault in faults
        if fault["impact"] in ("serious", "critical")
    ]


def service_of(server) -> psutil.Process:
    (process,) = eventually(
        lambda: [process for process in server.family() if "xraykit.models.service" in processes.command(process)]
    )
    return process
