"""The web process against `streamlit hello`: start to healthy, and memory before and after a page was run.

Interleaved medians, so that a busy machine slows both alike.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks import claims

ROOT = Path(__file__).parent.parent
ROUNDS = 5
START_BUDGET, MEMORY_BUDGET = 1.5, 2.0
COMMANDS = {"app": ["run", "app.py"], "hello": ["hello"]}


def main() -> None:
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            measured[name].append(measure(command))
    app, hello = ([statistics.median(column) for column in zip(*measured[name], strict=True)] for name in COMMANDS)
    claims.report("server-start-to-healthy", app[0] / hello[0], START_BUDGET)
    claims.report("web-memory-rss", app[1] / hello[1], MEMORY_BUDGET)
    claims.report("web-memory-uss", app[2] / hello[2], MEMORY_BUDGET)
    for name, values in (("app", app), ("hello", hello)):
        print(f"# {name}: start {values[0]:.2f} s, RSS {values[1]:.0f} MB, USS {values[2]:.0f} MB", file=sys.stderr)


def measure(command: list[str]) -> tuple[float, float, float]:
    """Seconds from process start to healthy; RSS and USS of the web process in MB once it is."""
    begin = time.perf_counter()
    with serve(command) as (process, url):
        wait_until_healthy(url, process)
        seconds = time.perf_counter() - begin
        time.sleep(1.0)
        memory = psutil.Process(process.pid).memory_full_info()
        return seconds, memory.rss / 2**20, memory.uss / 2**20


@contextlib.contextmanager
def serve(command: list[str]) -> Iterator[tuple[subprocess.Popen, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--server.port",
        str(port),
        "--server.headless",
        "true",
        "--server.address",
        "127.0.0.1",
        "--browser.gatherUsageStats",
        "false",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", *command, *options],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def wait_until_healthy(url: str, process: subprocess.Popen, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"Expected a server at {url}; it ended with {process.returncode}.")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"Expected {url} to be healthy within {seconds} s; it is not.")


if __name__ == "__main__":
    main()
