"""Review in Chromium: from a film's drop, and from a folder of 1,000, to the first film drawn; the first paint.

Seconds as a reader waits for them, medians. On a machine with other work they say little: beside them stand the
processor time of all that is between drop and film (the browser, the server, its service, its decoders), which is the
most that an idle machine takes, the decoding of the same film here, and the first paint of the server's word "ok".
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import claims, web
from benchmarks.reading_room_memory import make_films
from benchmarks.reading_room_page import browser, film

LARGE, DROPS = (3000, 3000), 7
FOLDER = 1_000
DROPPED, FIRST, PAINT = 1.5, 2.0, 0.1  # seconds
PLAIN = "_stcore/health"  # a word of the same server
STREAMLITS = "**/static/js/index.*.js"  # the first script of its page
# From the choice of a file, which is handled as a drop is, to the first frames that show it, and its heatmaps on it
TIME_DROP = """heats => new Promise(done => {
  const input = xkRoom().querySelector(":scope > input[type=file]");
  input.addEventListener("change", () => {
    const began = performance.now(), times = [];
    const look = () => {
      if (!times.length && xkReady()) times.push((performance.now() - began) / 1000);
      if (xkDrawn(heats)) done([...times, (performance.now() - began) / 1000]);
      else requestAnimationFrame(look);
    };
    look();
  }, { once: true, capture: true });
})"""
READY = """window.xkReady = () => {
  const { current } = xkRoom().dataset;
  return current && new Set((xkRoom().querySelector(".viewer").dataset.ready ?? "").split(" ")).has(current);
};"""
TIME_OPEN = """() => new Promise(done => {
  const began = performance.now();
  const look = () => xkReady() ? done((performance.now() - began) / 1000) : requestAnimationFrame(look);
  xkRoom().querySelector("form.open-form").requestSubmit();
  look();
})"""
# Until the skeleton is painted: from the first byte of the page, which no server's work is part of
PAINTED = """() => (performance.getEntriesByName("first-contentful-paint")[0].startTime
  - performance.getEntriesByType("navigation")[0].responseStart) / 1000"""


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        os.environ["XRAYKIT_DATASETS"] = str(Path(work) / "datasets")
        drops = [Path(work) / f"large-{number}.dcm" for number in range(DROPS)]
        for number, path in enumerate(drops):
            path.write_bytes(film(LARGE, number))
        folder = make_films(Path(work) / "folder", FOLDER, 0)
        with web.serve(["run", "app.py"]) as (process, url), browser() as page:
            page.add_init_script(READY)
            web.wait_until_healthy(url, process)
            page.goto(f"{url}/review")
            page.locator(".room[data-state=open]").wait_for()
            page.wait_for_timeout(3000)  # the service is made ready for the first film meanwhile
            rounds = [drop(page, path) for path in drops]
            paints, plain = [], []
            for _ in range(5):
                page.goto(f"{url}/{PLAIN}")
                plain.append(painted(page))
                with page.expect_request(STREAMLITS):  # asked for after the paint: no script of this file runs before
                    page.goto(f"{url}/review", wait_until="commit")
                paints.append(painted(page))
                page.locator(".room[data-state=open]").wait_for()
            page.get_by_label("Path of a film").first.fill(str(folder))
            first = page.evaluate(TIME_OPEN)
    drawn, explained, decoded, used = (statistics.median(column) for column in zip(*rounds, strict=True))
    words = (
        f"drawn {drawn:.2f} s, with heatmaps {explained:.2f} s; decoded here {decoded:.2f} s; processor time of the "
    )
    words += f"all {used:.2f} s; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    print(f"# a film of {LARGE[0]} x {LARGE[1]}: {words}", file=sys.stderr)
    print(f"# first paint {_ms(paints)} ms, of a page of one word {_ms(plain)} ms", file=sys.stderr)
    claims.report("review-drop-to-drawn-seconds", drawn, DROPPED)
    claims.report("review-drop-to-drawn-processor-seconds", used, DROPPED)
    claims.report("review-first-film-of-1000-seconds", first, FIRST)
    claims.report("review-first-paint-seconds", statistics.median(paints), PAINT)


def painted(page: Any) -> float:
    """Seconds from a page's first byte to its first paint."""
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
    return page.evaluate(PAINTED)


def drop(page: Any, path: Path) -> tuple[float, float, float, float]:
    """Seconds until a film is drawn, and until its heatmaps are; of its decoding here; of processor time."""
    from xraykit.films import radiograph

    data = path.read_bytes()
    began = time.perf_counter()
    assert radiograph.read(data, path.name).softcopy.values.shape == LARGE
    decoded = time.perf_counter() - began
    page.evaluate(f"() => {{ window.dropped = ({TIME_DROP})(2) }}")
    before = _processor_seconds()
    page.locator(".room > input[type=file]").first.set_input_files(path)
    drawn, explained = page.evaluate("window.dropped")
    used = _processor_seconds() - before
    page.keyboard.press("Shift+X")
    page.locator(".room[data-films='0']").wait_for()
    return drawn, explained, decoded, used


def _processor_seconds() -> float:
    """Of everything that this process started: the server with its processes, the browser with its own."""
    seconds = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f}"


if __name__ == "__main__":
    main()
