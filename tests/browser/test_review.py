"""Review in a real browser on a real server with the real inference service and the models in weights/."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import psutil
import pytest

from tests.browser.conftest import HANG, at_rest, eventually
from tests.helpers import bad_films
from xraykit import RESEARCH_ONLY
from xraykit.films.samples import draw
from xraykit.models import classifier
from xraykit.ui.kit.frame import RESTARTED

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PANES = "[class*='st-key-pane-'] img"
CARDS, _ = classifier.available()


def open_page(visit, server, path: str = "/") -> None:
    visit.page.goto(server.url + path)
    visit.page.locator("input[type=file]").wait_for(state="attached")
    at_rest(visit)


def drop(visit, *files: Path | dict) -> None:
    zone = visit.page.locator("[data-testid=stFileUploaderDropzone]:visible")
    zone.locator("input[type=file]").set_input_files([str(f) if isinstance(f, Path) else f for f in files])


def wait_for_panes(visit, count: int = 1 + len(CARDS)) -> None:
    visit.page.wait_for_function(
        "([query, count]) => { const all = [...document.querySelectorAll(query)];"
        " return all.length >= count && all.every(image => image.complete && image.naturalWidth > 0) }",
        arg=[PANES, count],
    )
    at_rest(visit)


def settle(visit) -> None:
    wait_for_panes(visit)


def in_memory(name: str, data: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def body(visit) -> str:
    """All text of the page, once it stands still."""
    at_rest(visit)
    return visit.page.inner_text("body")


def test_a_synthetic_film_gets_every_models_result_and_an_overlay(visit, server, screenshots):
    open_page(visit, server)
    visit.page.screenshot(path=screenshots / "review-empty.png")
    drop(visit, draw.PNG)
    settle(visit)
    text = body(visit)
    assert RESEARCH_ONLY in text and draw.PNG.name in text
    assert {"mobilenetv2-imagenet", "mobilenetv2-scratch"} <= {card.name for card in CARDS}, "both models that ship"
    for card in CARDS:
        assert card.title in text
        assert visit.page.get_by_alt_text(f", {card.title}").count() == 1, "an overlay of this model"
    assert visit.page.get_by_test_id("stVegaLiteChart").count() == len(CARDS)
    visit.page.screenshot(path=screenshots / "review-synthetic-1440.png")
    visit.page.set_viewport_size({"width": 1920, "height": 1080})
    settle(visit)
    visit.page.screenshot(path=screenshots / "review-synthetic-1920.png")
    assert visit.stopped == []


def test_a_film_reaches_the_browser_pixel_for_pixel(visit, server):
    from PIL import Image

    open_page(visit, server)
    drop(visit, draw.PNG)
    settle(visit)
    shown = visit.page.eval_on_selector(PANES, "image => [image.naturalWidth, image.naturalHeight, image.src]")
    with Image.open(draw.PNG) as film:
        assert tuple(shown[:2]) == film.size
    assert shown[2].endswith(".png"), "JPEG would lose detail"


def test_the_dicom_sample_opens_by_its_button(visit, server):
    open_page(visit, server)
    visit.page.locator(".st-key-try-dcm button").click()
    settle(visit)
    assert draw.DICOM.name in body(visit) and "16 bit" in body(visit)


def test_a_cold_deep_link_is_the_same_page_as_the_way_through_the_door(visit, fresh_server):
    open_page(visit, fresh_server, "/review")
    cold, address = body(visit), visit.page.url
    open_page(visit, fresh_server, "/")
    eventually(lambda: (visit.page.inner_text("body"), visit.page.url), (cold, address))
    assert visit.page.get_by_test_id("stSidebarNavLink").count() == 0, "Streamlit's own pages/ menu is not there"
    assert visit.stopped == []


@pytest.mark.slow
def test_bad_files_beside_good_ones_are_listed_and_the_good_ones_work(visit, server, screenshots):
    open_page(visit, server)
    bad = {
        "empty.png": bad_films.empty(),
        "text.png": bad_films.text(),
        "half.jpg": bad_films.truncated_jpeg(),
        "huge.png": bad_films.huge_png(),
        "animated.png": bad_films.animated_png(),
        "hang.jpg": bad_films.hanging_jpeg(),
        "bomb.dcm": bad_films.deflated_bomb(),
        "network.keras": b"a network that is none",
    }
    good = {path.name: path.read_bytes() for path in (draw.PNG, draw.DICOM)}
    good["photograph.png"] = bad_films.colour_photograph()
    drop(visit, *(in_memory(name, data) for name, data in (bad | good).items()))
    visit.page.locator(".xk-refused").wait_for()
    settle(visit)
    table = visit.page.locator(".xk-refused").inner_text()
    assert all(name in table for name in bad) and not any(name in table for name in good)
    names = visit.page.locator(".st-key-worklist").inner_text()
    assert all(name in names for name in good)
    visit.page.screenshot(path=screenshots / "review-refused.png", full_page=True)
    assert "Traceback" not in body(visit)


def test_another_class_map_and_opacity_redraw_the_overlay(visit, server):
    open_page(visit, server)
    drop(visit, draw.PNG)
    settle(visit)
    seen = set()
    for label in CARDS[0].classes:
        visit.page.get_by_role("radio", name=label, exact=True).click()
        overlay = visit.page.get_by_alt_text(f"Grad-CAM overlay of {label}, {CARDS[0].title}", exact=True)
        overlay.wait_for()
        seen.add(overlay.get_attribute("src"))
    assert len(seen) == len(CARDS[0].classes)


@pytest.mark.slow
def test_a_killed_service_is_started_again_and_the_user_is_told(visit, fresh_server):
    open_page(visit, fresh_server)
    drop(visit, draw.PNG)
    settle(visit)
    service_of(fresh_server).kill()
    drop(visit, draw.DICOM)
    visit.page.get_by_text(RESTARTED).wait_for()
    settle(visit)
    assert draw.DICOM.name in visit.page.locator(".st-key-worklist").inner_text()


def test_a_killed_server_leaves_no_process_behind(visit, fresh_server):
    open_page(visit, fresh_server)
    drop(visit, draw.PNG)
    settle(visit)
    family = fresh_server.family()
    assert len(family) >= 2, "the service and at least one decoder"
    fresh_server.kill()
    gone, alive = psutil.wait_procs(family, timeout=HANG)
    assert not alive


@pytest.mark.slow
def test_a_tf_keras_vis_method_comes_from_its_own_process_with_progress(visit, fresh_server):
    open_page(visit, fresh_server)
    drop(visit, draw.PNG)
    settle(visit)
    visit.page.get_by_test_id("stSelectbox").first.click()
    visit.page.get_by_role("option", name="LayerCAM").click()
    visit.page.get_by_role("button", name="Cancel").wait_for()
    for card in CARDS:
        overlay = visit.page.get_by_alt_text(re.compile(rf"LayerCAM overlay of .*, {re.escape(card.title)}"))
        overlay.wait_for(timeout=150_000)
    assert any("xraykit.models.tf_keras_vis" in process.cmdline() for process in fresh_server.family())
    assert "tensorflow" not in Path(f"/proc/{fresh_server.process.pid}/maps").read_text()


def test_no_training_library_is_in_any_process_of_the_app(visit, server):
    if not Path("/proc/self/maps").exists():
        pytest.skip("needs Linux to look into a process")
    open_page(visit, server)
    drop(visit, draw.PNG)
    settle(visit)
    processes = [psutil.Process(server.process.pid), *server.family()]
    assert len(processes) >= 3, "web, inference, decoders"
    for process in processes:
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
        assert not [name for name in ("tensorflow", "jaxlib", "libtorch") if name in mapped], process.cmdline()


def test_axe_finds_no_serious_fault(visit, server):
    from axe_playwright_python.sync_playwright import Axe

    open_page(visit, server)
    faults = serious(Axe().run(visit.page))
    drop(visit, draw.PNG, draw.DICOM)
    settle(visit)
    faults += serious(Axe().run(visit.page))
    assert faults == []


@pytest.mark.slow
def test_real_films_are_read_and_drawn(visit, server, screenshots, real_films):
    folders = [real_films / "radiography" / name for name in ("COVID-19", "Normal", "Viral Pneumonia")]
    films = [path for folder in folders for path in sorted(folder.iterdir())[:2]]
    films += sorted((real_films / "darkcovid" / "COVID-19").glob("*-PA.jpg"))[:2]
    open_page(visit, server)
    drop(visit, *films)
    visit.page.get_by_text(films[-1].name).first.wait_for()
    settle(visit)
    text = visit.page.locator(".st-key-worklist").inner_text()
    assert all(film.name in text for film in films)
    for name, (width, height) in {"1440": (1440, 900), "1920": (1920, 1080)}.items():
        visit.page.set_viewport_size({"width": width, "height": height})
        settle(visit)
        visit.page.screenshot(path=screenshots / f"review-real-{name}.png")
    visit.page.get_by_role("button", name="Previous").click()
    settle(visit)
    visit.page.screenshot(path=screenshots / "review-real-last.png")
    assert visit.stopped == [] and "Traceback" not in body(visit)


def test_a_study_opens_by_its_path(visit, server, tmp_path, screenshots):
    bad_films.write_study(tmp_path)
    open_page(visit, server)
    visit.page.get_by_label("Open by path").fill(str(tmp_path))
    visit.page.locator(".st-key-path-open-main button").click()
    listed = visit.page.locator(".st-key-worklist")
    for name in ("SERIES0/IM0", "SERIES0/IM1", "SERIES1/IM0", "SERIES1/IM1"):
        listed.get_by_text(name).wait_for()
    settle(visit)
    assert all(name in visit.page.locator(".xk-refused").inner_text() for name in ("DICOMDIR", "IMAGES/SR0"))
    visit.page.get_by_role("button", name="Next").click()
    visit.page.locator(".xk-warnings").wait_for()
    settle(visit)
    visit.page.screenshot(path=screenshots / "review-study.png")


DROP_TWICE = """([zones, files, pause]) => {
  const drop = (zone, [name, data]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const moved = new DataTransfer();
    moved.items.add(new File([bytes], name));
    zone().dispatchEvent(new DragEvent('drop', { dataTransfer: moved, bubbles: true, cancelable: true }));
  };
  const zone = () => document.querySelector(zones);
  drop(zone, files[0]);
  setTimeout(() => drop(zone, files[1]), pause);
}"""


@pytest.mark.parametrize("pause", [0, 50, 150, 400])
@pytest.mark.parametrize("opened", [False, True], ids=["empty page", "beside a film"])
def test_none_of_two_drops_is_lost(visit, server, pause, opened):
    """The second comes while the first is read and its drop zone emptied: one of them was once lost."""
    open_page(visit, server)
    if opened:
        drop(visit, draw.DICOM)
        settle(visit)
    names = [f"{name}.png" for name in "ab"]
    films = [base64.b64encode(bad_films.png(bad_films.film_values((96, 96), seed))).decode() for seed in (1, 2)]
    zone = "[data-testid=stFileUploaderDropzone]"
    visit.page.evaluate(DROP_TWICE, [zone, list(zip(names, films, strict=True)), pause])
    listed = visit.page.locator(".st-key-worklist")
    for name in names:
        listed.get_by_text(name).wait_for()
    settle(visit)
    zones = visit.page.locator("[data-testid=stFileUploaderDropzone]:visible")
    assert eventually(lambda: zones.count() == 1), "what is dropped next has one place to go"


def serious(results) -> list[str]:
    faults = results.response["violations"]
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:160]}"
        for fault in faults
        if fault["impact"] in ("serious", "critical")
    ]


def service_of(server) -> psutil.Process:
    (process,) = eventually(
        lambda: [process for process in server.family() if "xraykit.models.service" in process.cmdline()]
    )
    return process
