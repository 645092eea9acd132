"""The pictures of the readme and the guides, taken of the real app on synthetic films: `make pictures`.

Nothing is staged but the films: runs, studies, audits and reports are made by the commands that the guides name, in a
folder that is kept from one time to the next (`--fresh` makes it anew). `python -m tests.helpers.pictures review` takes
those whose names begin so.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.browser import conftest as browser
from tests.helpers import ROOT, picture_world

PICTURES = Path(os.environ.get("XRAYKIT_PICTURES", ROOT / "docs" / "pictures"))
WORLD = Path(tempfile.gettempdir()) / "xraykit-pictures"
SIZE = {"width": 1440, "height": 900}
MOST_BYTES = 250_000
MOST_OFTEN = 1500  # pixels of a colour that the page is drawn in
PATIENCE = 120_000  # ms; a limit on hangs


class Camera:
    """A browser before a server of its own."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.held = ExitStack()  # what has to last until the picture is taken

    def open(self, address: str) -> None:
        self.page.goto(f"{self.url}/{address}")
        self.rest()

    def rest(self) -> None:
        """Wait until the page stands still."""
        browser.at_rest(browser.Visit(self.page))

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()
        self.rest()

    def films(self, count: int) -> None:
        """Drop films of the ward in their order, and wait until each is read and one is drawn with its overlays."""
        room = self.page.locator(".room[data-state=open]")
        room.wait_for()
        for place, path in enumerate(sorted(picture_world.ward(WORLD).iterdir())[:count], 1):
            self.page.locator(".room > input[type=file]").first.set_input_files(str(path))
            browser.eventually(lambda: room.get_attribute("data-films"), str(place))
        browser.eventually(lambda: (self.page.locator(".row.waiting").count(), self.is_drawn()), (0, True))
        self.rest()

    def is_drawn(self) -> bool:
        """Is the film that is looked at drawn, with the overlays of all its models?"""
        room, viewer = self.page.locator(".room"), self.page.locator(".viewer")
        ready = set((viewer.get_attribute("data-ready") or "").split())
        return ready == {room.get_attribute("data-current")} and room.get_attribute("data-laid") == "2"

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.rest()

    def top(self, selector: str) -> None:
        """Scroll until this stands below the header."""
        place = self.page.locator(selector).first
        place.wait_for()
        place.evaluate("element => { element.style.scrollMarginTop = '64px'; element.scrollIntoView() }")
        self.rest()


def review(camera: Camera) -> None:
    """A worklist, two models, one overlay."""
    camera.open("review")
    camera.films(8)
    camera.keys("G", "G")


def compare(camera: Camera) -> None:
    """Three shipped models at home and elsewhere, and the verdict on two."""
    camera.open("compare")
    camera.page.get_by_text("Verdict").first.wait_for()
    camera.rest()


def models(camera: Camera) -> None:
    """At home and elsewhere, of every shipped model."""
    camera.open("models?model=mobilenetv2-imagenet")
    camera.page.get_by_text("At home and elsewhere").first.wait_for()
    camera.rest()


def fine_tune(camera: Camera) -> None:
    """A run that learns."""
    run = camera.held.enter_context(picture_world.learning(WORLD, picture_world.environment(WORLD)))
    camera.open(f"fine-tune?run={run}")
    camera.page.get_by_text(re.compile(r"Epoch [1-9]\d+ of")).first.wait_for(timeout=3 * PATIENCE)


def experiments(camera: Camera) -> None:
    """What the example study says."""
    camera.open(f"experiments?study={picture_world.study(WORLD, picture_world.environment(WORLD))}")
    camera.page.get_by_text("Parallel coordinates").first.wait_for()


def datasets(camera: Camera) -> None:
    """What a folder of films gives away."""
    camera.open("datasets")
    camera.page.get_by_label("Path of a folder, a manifest.csv or a zip file").fill(
        str(picture_world.two_machines(WORLD))
    )
    camera.press("Look inside")
    camera.page.get_by_text("Samples, drawn from each class").wait_for()
    camera.press("Data audit")
    camera.page.get_by_role("heading", name="Findings", exact=True).wait_for()
    camera.rest()


def report_dialog(camera: Camera) -> None:
    """The report of Compare before it is taken."""
    compare(camera)
    camera.page.locator(".st-key-compare-report button").first.click()
    camera.page.get_by_alt_text(re.compile("Page 1 of")).wait_for()
    camera.rest()


def stage(camera: Camera) -> None:
    """The verdict of Compare as a room full of people sees it."""
    camera.open("compare?present=dark")
    camera.page.get_by_text("Verdict").first.wait_for()
    while "Verdict" not in camera.page.locator(".xk-stage-title").inner_text():
        camera.keys("PageDown")


SHOTS: Mapping[str, Callable[[Camera], None]] = {
    "review": review,
    "compare": compare,
    "models": models,
    "fine-tune": fine_tune,
    "experiments": experiments,
    "datasets": datasets,
    "report-dialog": report_dialog,
    "stage": stage,
}


def save(name: str, taken: bytes) -> None:
    """Write a picture as small as it can be without looking worse; refused where it is too large for the repository."""
    with Image.open(io.BytesIO(taken)) as opened:
        picture = opened.convert("RGB")
    ways = (lambda: picture, lambda: _coarser(picture), lambda: picture.quantize(256))
    coded = next((coded for way in ways if len(coded := _coded(way())) <= MOST_BYTES), b"")
    if not coded:
        raise SystemExit(f"{name}.png has more than {MOST_BYTES:,} bytes. Show less on it.")
    (PICTURES / f"{name}.png").write_bytes(coded)
    print(f"{name}.png  {len(coded):,} bytes")


def _coarser(picture: Image.Image) -> Image.Image:
    """With 26 levels of each colour: a film and its grain pack to half. The page's own colours stay as they are."""
    pixels = np.asarray(picture).astype(np.uint32)
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    colours, counts = np.unique(packed, return_counts=True)
    tinted = pixels.max(-1) - pixels.min(-1) >= 3
    own = np.isin(packed, colours[counts > MOST_OFTEN]) & tinted
    coarse = np.minimum(np.round(pixels / 10) * 10, 255)
    return Image.fromarray(np.where(own[..., None], pixels, coarse).astype(np.uint8))


def _coded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


@contextmanager
def standing() -> Iterator[Camera]:
    """A server with runs and films of the world alone, and a browser before it."""
    from playwright.sync_api import sync_playwright

    before = dict(os.environ)
    os.environ.update(picture_world.environment(WORLD))
    server = browser.start_server(WORLD / "server.log")
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=browser.chromium(), args=["--no-sandbox", "--disable-gpu"]
            )
            page = chromium.new_page(viewport=SIZE, device_scale_factor=1, reduced_motion="reduce")
            page.set_default_timeout(PATIENCE)
            yield Camera(page, server.url)
            chromium.close()
    finally:
        browser.end(server)
        os.environ.clear()
        os.environ.update(before)


def main(*asked: str) -> None:
    """Take every picture, or those whose names begin as one that is asked for."""
    if "--fresh" in asked:
        shutil.rmtree(WORLD, ignore_errors=True)
    beginnings = tuple(word for word in asked if not word.startswith("-")) or ("",)
    picture_world.make(WORLD)
    with standing() as camera:
        for name, take in SHOTS.items():
            if name.startswith(beginnings):
                with camera.held:
                    take(camera)
                    camera.page.mouse.move(4, SIZE["height"] - 4)  # no word of a button that the mouse lies on
                    if name != "fine-tune":  # a run that learns never stands still
                        camera.rest()
                    taken = camera.page.screenshot()
                save(name, taken)
    if "film-report".startswith(beginnings):
        save("film-report", picture_world.film_report(WORLD))


if __name__ == "__main__":
    main(*sys.argv[1:])
