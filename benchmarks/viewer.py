"""Frames a second of the film viewer while a reader works: a 3000 x 3000 film of 16 bits with a heatmap over it.

In headless Chromium, whose WebGL runs on the processor: drawn by the canvas, as on any computer without graphics
hardware, and by WebGL for comparison. A pane is as large as at 1440 x 900. Processor milliseconds a frame tell what a
busy machine hides.
"""

from __future__ import annotations

import sys

import numpy as np
import psutil

from benchmarks import claims
from tests.browser.conftest import chromium
from tests.helpers import viewer_site
from xraykit.reports.film.heatmap import colormaps

WIDTH, HEIGHT, BUDGET = 820, 850, 50
# Acts of a reader by name: how often, and what is done in each frame
WORK = """async ({ times, act }) => {
  const acts = {
    window: () => viewer.moveWindow(0, 0.002, 0.001),
    zoom: (i) => viewer.zoom(0, i % 20 < 10 ? 1.05 : 1 / 1.05, 400, 400),
    pan: (i) => viewer.pan(0, i % 20 < 10 ? 3 : -3, 1),
    opacity: (i) => viewer.set({ overlay: { opacity: 0.2 + (i % 10) / 20 } }),
    invert: () => viewer.set({ invert: !viewer.view.invert }),
  };
  const frames = viewer.frames;
  const began = performance.now();
  for (let i = 0; i < times; i += 1) {
    acts[act](i);
    await new Promise(requestAnimationFrame);
  }
  return (1000 * (viewer.frames - frames)) / (performance.now() - began);
}"""
ACTS = {"window": 60, "zoom": 20, "pan": 20, "opacity": 20, "invert": 20}


def main() -> None:
    from playwright.sync_api import sync_playwright

    rows, columns = np.mgrid[:3000, :3000]
    noise = np.random.default_rng(0).integers(0, 500, (3000, 3000))
    values = ((np.sin(columns / 300) + np.cos(rows / 200) + 2) * 15_000 + noise).astype(np.uint16)
    heat = np.random.default_rng(1).random((7, 7)).astype(np.float32)
    films = {
        "film": viewer_site.film_message("film", values),
        "heat": viewer_site.heat_message("heat", heat, (0, 0, 3000, 3000)),
    }
    with viewer_site.serve(films) as url, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for renderer in ("canvas", "webgl2"):
            rates = measure(page, url, renderer)
            if renderer == "canvas":
                claims.report("viewer-frames-per-second", float(np.median(rates)), BUDGET, at_least=True)
        browser.close()


def measure(page, url: str, renderer: str) -> list[float]:
    """Frames a second of every drawing that a reader's acts cause, one number for each frame."""
    panes = [{"film": "film", "heats": ["heat"]}]
    maps = {"inferno": colormaps.table("inferno").tolist()}
    viewer_site.open_viewer(page, url, panes, width=WIDTH, height=HEIGHT, renderer=renderer, colormaps=maps)
    rates = []
    for act, times in ACTS.items():
        page.evaluate(WORK, {"act": act, "times": 5})
        before = processor_seconds()
        rate = page.evaluate(WORK, {"act": act, "times": times})
        spent = (processor_seconds() - before) / times * 1000
        print(f"# {renderer} {act}: {rate:.0f} frames/s, {spent:.0f} processor ms a frame", file=sys.stderr)
        rates += [rate] * times
    return rates


def processor_seconds() -> float:
    """What the browser's processes have used so far."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True) if process.is_running()]
    return sum(time.user + time.system for time in times)


if __name__ == "__main__":
    main()
