"""The web process while a zip of 300 MB is dropped in Chromium and unpacked: how far its memory grows at its highest.

`python -m benchmarks.uploads [MEGABYTES [ROUNDS]]` does it with another size. Needs Chromium, playwright and Linux.
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
    megabytes, rounds = [*map(int, sys.argv[1:]), MEGABYTES, ROUNDS][:2] if len(sys.argv) != 2 else (int(sys.argv[1]), 1)
    for _ in range(rounds):
        growth, films, seconds = measure(megabytes)
        claims.report(f"upload-{megabytes}-mb-memory-growth", growth / BUDGET, 1.0)
        print(f"# {films} films, {seconds:.0f} s, the web process grew by {growth:.0f} MB", file=sys.stderr)


def measure(megabytes: int) -> tuple[float, int, float]:
    """Drop a zip of so many MB: growth of the web process in MB, films unpacked, seconds from drop to dataset."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(dir=os.environ.get("XRAYKIT_DATASETS")) as work, sync_playwright() as playwright:
        folder = Path(work)
        films = large_zip.write(folder / "large.zip", megabytes)
        os.environ |= {"XRAYKIT_DATASETS": str(folder / "datasets"), "XRAYKIT_RUNS": str(folder / "runs")}
        server = conftest.start_server(folder / "server.log")
        browser = playwright.chromium.launch(executable_path=conftest.chromium(), args=["--no-sandbox"])
        try:
            page = browser.new_page()
            large_zip.open_drop_zone(page, server.url)
            with large_zip.highest_memory(server.process.pid) as growth:
                began = time.monotonic()
                large_zip.drop(page, folder / "large.zip")
                seconds = time.monotonic() - began
            unpacked = len(list((folder / "datasets" / "large").rglob("*.png")))
        finally:
            browser.close()
            conftest.end(server)
    if unpacked != films:
        raise RuntimeError(f"Expected {films} films unpacked; there are {unpacked}.")
    return growth[0] / 2**20, films, seconds


if __name__ == "__main__":
    main()
