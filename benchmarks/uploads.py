"""The web process while a zip of 300 MB is dropped in Chromium and unpacked: how far its memory grows at its highest.

`python -m benchmarks.uploads [MEGABYTES [ROUNDS]]` does it with another size. Needs Linux, Chromium and playwright, and
$TMPDIR on a disk.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import claims
from tests.browser import conftest
from tests.helpers import large_zip

MEGABYTES, ROUNDS = 300, 3
BUDGET = 100  # MB


def main() -> None:
    megabytes, rounds = (*map(int, sys.argv[1:3]), *(MEGABYTES, ROUNDS)[len(sys.argv) - 1 :])
    for _ in range(rounds):
        unpacked, shown, seconds = measure(megabytes)
        claims.report(f"upload-{megabytes}-mb-memory-growth", shown / BUDGET, 1.0)
        words = f"# {seconds:.0f} s; the web process grew by {unpacked:.0f} MB until the zip was unpacked, "
        print(f"{words}by {shown:.0f} MB until the page had drawn its films", file=sys.stderr)


def measure(megabytes: int) -> tuple[float, float, float]:
    """Growth in MB of the web process until a zip of so many MB is unpacked, and until it is shown; seconds in all."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        folder = Path(work)
        dataset = folder / "datasets" / "large"
        films = large_zip.write(folder / "large.zip", megabytes)
        os.environ |= {"XRAYKIT_DATASETS": str(dataset.parent), "XRAYKIT_RUNS": str(folder / "runs")}
        server = conftest.start_server(folder / "server.log")
        browser = playwright.chromium.launch(executable_path=conftest.chromium(), args=["--no-sandbox"])
        try:
            page = browser.new_page()
            large_zip.open_drop_zone(page, server.url)
            growth = large_zip.growth_of(server.process.pid)
            began = time.monotonic()
            large_zip.drop(page, folder / "large.zip")
            while not dataset.exists():
                time.sleep(0.01)
            unpacked = growth()
            large_zip.wait_until_shown(page)
            seconds = time.monotonic() - began
            if (count := len(list(dataset.rglob("*.png")))) != films:
                raise RuntimeError(f"Expected {films} films unpacked; there are {count}.")
            return unpacked, growth(), seconds
        finally:
            browser.close()
            conftest.end(server)


if __name__ == "__main__":
    main()
