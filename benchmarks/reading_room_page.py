"""Review in Chromium: the next film by key until it is drawn with its heatmaps.

Seconds, median, as a reader waits for them; beside them the same page without any model, which neither classifies nor
explains. Needs Chromium, as the browser tests do.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import claims, web
from tests.browser.conftest import chromium
from tests.helpers import bad_films, dicom_films

FILMS, SIDE = 128, (2500, 2048)  # more than the keys below pass by
ROUNDS = 12
PREFETCHED, FRESH = 0.15, 0.5  # seconds
FIND = """window.xkRoom = () => {
  const find = root => [...root.querySelectorAll("*")].reduce((seen, one) =>
    seen ?? (one.classList.contains("room") ? one : one.shadowRoot && find(one.shadowRoot)), null);
  return find(document);
};
window.xkDrawn = heats => {
  const room = xkRoom(), ready = new Set((room.querySelector(".viewer").dataset.ready ?? "").split(" "));
  return ready.size === 1 && ready.has(room.dataset.current) && Number(room.dataset.laid) === heats;
};"""
# From the press of a key to the first drawn frame that shows another film with its heatmaps
TIME_KEY = """([key, heats]) => new Promise(done => {
  const before = xkRoom().dataset.current, began = performance.now();
  const look = () => xkRoom().dataset.current !== before && xkDrawn(heats)
    ? done((performance.now() - began) / 1000) : requestAnimationFrame(look);
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, code: key, bubbles: true, cancelable: true }));
  look();
})"""


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "films"
        folder.mkdir()
        for number in range(FILMS):
            (folder / f"{number:04d}.dcm").write_bytes(film(SIDE, number))
        ours = measure(Path(work), folder, heats=2)
        os.environ["XRAYKIT_WEIGHTS"] = str(Path(work) / "none")
        bare = measure(Path(work), folder, heats=0)
    for name, budget in (("prefetched", PREFETCHED), ("fresh", FRESH)):
        print(f"# s {name}: {ours[name]:.3f}, without models {bare[name]:.3f}", file=sys.stderr)
        claims.report(f"review-next-film-{name}-seconds", ours[name], budget)


def film(size: tuple[int, int], seed: int) -> bytes:
    """A DICOM film of 16 bits allocated, 12 stored; no two seeds give the same."""
    values = _values(size).copy()
    values[0, :16] = seed
    return bad_films.dicom(values, bits=12, PatientID=str(seed))  # no priors of one patient


@cache
def _values(size: tuple[int, int]) -> Any:
    """The drawn chest in that shape: what is no chest film, the gate refuses, and nothing is laid over it."""
    import numpy as np

    rows, columns = (np.linspace(0, max(size) - 1, side).astype(int) for side in size)
    return dicom_films.chest(max(size))[rows[:, None], columns]


def measure(work: Path, folder: Path, heats: int) -> dict[str, float]:
    with web.serve(["run", "app.py"]) as (process, url), browser() as page:
        web.wait_until_healthy(url, process)
        page.goto(f"{url}/review")
        page.locator(".room[data-state=open]").wait_for()
        page.get_by_label("Path of a film").first.fill(str(folder))
        page.get_by_role("button", name="Open", exact=True).first.click()
        page.locator(f".room[data-films='{FILMS}']").wait_for()
        page.locator(".side-foot .progress").wait_for(state="hidden")
        times: dict[str, list[float]] = {"prefetched": [], "fresh": []}
        for number in range(ROUNDS):
            page.wait_for_function("heats => xkDrawn(heats)", arg=heats)
            page.wait_for_timeout(1500)  # a reader looks at a film for longer: what comes next is fetched meanwhile
            key = "PageDown" if number % 2 else "n"
            times["fresh" if number % 2 else "prefetched"].append(page.evaluate(TIME_KEY, [key, heats]))
        return {name: statistics.median(seconds) for name, seconds in times.items()}


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = launched.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(600_000)
        page.add_init_script(FIND)
        yield page
        launched.close()


if __name__ == "__main__":
    main()
