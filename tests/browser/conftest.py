"""A real server and a real Chromium, which finds no other computer; every request for one is counted."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.helpers import ROOT, film_folders, films_at_hand, run_folders, study_results
from xraykit.experiments.published import presets

SCREENSHOTS = ROOT / "screenshots"
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
ELSEWHERE = "elsewhere.example"  # a name that the browser looks up as this computer, as one whose owner rebinds it
FURNISHED = ("alpha-scratch", "beta-imagenet")  # models of the server `furnished`
HANG = 120  # seconds; a limit on hangs, never a measure of speed
FORBIDDEN = """addEventListener("securitypolicyviolation", event =>
  xkForbidden([event.effectiveDirective, event.blockedURI, event.sourceFile, event.sample].join(" ")))"""
# No run of the script goes on, every image is there, and nothing has changed on the page for 30 drawn frames.
# Asked once a frame, and by nobody once it is so: a page that asks for every frame takes a twentieth of a core.
AT_REST = """() => {
  const frames = window.xkFrames ??= { still: 0 };
  frames.seen ??= new MutationObserver(() => { frames.still = 0 });
  frames.seen.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  frames.still += 1;
  const rests = frames.still > 30
    && !document.querySelector('[data-stale=true], [data-testid=stStatusWidget]')
    && [...document.images].every(image => image.complete);
  if (rests) { frames.seen.disconnect(); window.xkFrames = null }
  return rests;
}"""


def chromium() -> str | None:
    return os.environ.get("XRAYKIT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@dataclass
class Server:
    """A running `streamlit run app.py` of its own."""

    process: subprocess.Popen
    port: int
    folder: Path | None = None  # what it writes into, where that is its own

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def family(self) -> list[psutil.Process]:
        """The processes the server started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(HANG)


@dataclass
class Visit:
    """A browser page with the requests it tried to make elsewhere, and what its content security policy forbade."""

    page: object
    stopped: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)


def eventually(read: Callable[[], Any], expected: Any = True) -> Any:
    """Wait until `read()` gives what is expected, anything true if it is not said; a failure shows it."""
    end = time.monotonic() + HANG
    while (seen := read()) != expected and not (expected is True and seen):
        if time.monotonic() > end:
            assert seen == expected
        time.sleep(0.05)
    return seen


def at_rest(visit: Visit) -> None:
    """Wait until the page stands still from now on."""
    visit.page.evaluate("() => { window.xkFrames?.seen.disconnect(); window.xkFrames = null }")
    visit.page.wait_for_function(AT_REST, polling="raf")


def start_server(log: Path, port: int | None = None) -> Server:
    """Serve app.py on this port, or on a free one; returns once it answers."""
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    with log.open("a") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    server = Server(process, port)
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{log.read_text()}")
        try:
            urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=1)
            return server
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not answer within {HANG} s:\n{log.read_text()}")


def end(server: Server) -> None:
    """Ask a server to end, and wait for it."""
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@contextmanager
def serving_from(folder: Path, *names: str) -> Iterator[Server]:
    """A server whose folders of these names lie in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            (folder / name).mkdir(exist_ok=True)
            patch.setenv(f"XRAYKIT_{name.upper()}", str(folder / name))
        running = start_server(folder / "server.log")
    running.folder = folder
    yield running
    end(running)


@pytest.fixture
def fresh_server(tmp_path):
    """A server nobody has opened yet, which a test may kill."""
    running = start_server(tmp_path / "server.log")
    yield running
    end(running)


# A server and the first visit to it take five seconds of processor time. The files that share one of the next two are
# listed in `TOGETHER` of tests/conftest.py: one process tests them all, and starts it once.
@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server of every test that leaves it as it is, with the models that ship and nothing else."""
    with serving_from(tmp_path_factory.mktemp("server"), "runs", "datasets", "data", "cache") as running:
        yield running


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """The server of tests that leave it as it is, where every page has something to draw: two made-up models, the
    films they were tested on, a run, a study and a dataset."""
    folder = tmp_path_factory.mktemp("furnished")
    films_at_hand.keep(folder / "weights", folder / "films", FURNISHED, n=90)
    run_folders.write(folder / "runs", "finished", state="finished", eta=0)
    heads = presets.NAMED["mobilenet-heads"]
    study_results.write(folder / "runs" / "studies", heads, fold_names=["1"], films=300, epochs=4)
    film_folders.make(folder / "data" / "ward", films=2)
    with serving_from(folder, "runs", "weights", "cache", "datasets", "data") as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """With XRAYKIT_REQUIRE_BROWSER a skipped browser test has failed, unless it needs films that are not here."""
    report = yield
    if report.skipped and os.environ.get("XRAYKIT_REQUIRE_BROWSER") and item.get_closest_marker("browser"):
        if os.environ.get("XRAYKIT_DATA") or "real_films" not in item.fixturenames:
            report.outcome = "failed"
    return report


@pytest.fixture(scope="package")
def browser():
    """A Chromium that ends with the browser tests: while it is there, the main thread has an event loop at work."""
    if chromium() is None:
        if os.environ.get("XRAYKIT_REQUIRE_BROWSER"):
            pytest.fail("XRAYKIT_REQUIRE_BROWSER is set and there is no Chromium: apt-get install chromium")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        names = f"MAP {ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
        arguments = ["--no-sandbox", "--disable-gpu", f"--host-resolver-rules={names}"]
        launched = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def window(browser):
    """What all visits share: Streamlit's scripts are compiled once, not for three seconds of each page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def visit(window):
    """A fresh browser page of 1440 x 900; nothing that the test does on it may break the content security policy."""
    visit = Visit(window.new_page())

    def count(asked):
        if not asked.url.startswith(LOCAL):
            visit.stopped.append(asked.url)

    visit.page.on("request", count)
    visit.page.on("websocket", count)
    visit.page.expose_binding("xkForbidden", lambda _, words: visit.forbidden.append(words))
    visit.page.add_init_script(FORBIDDEN)
    visit.page.set_default_timeout(1000 * HANG)
    if not os.environ.get("XRAYKIT_SCREENSHOTS"):  # pictures for people: no test compares one
        visit.page.screenshot = lambda **_: b""
    yield visit
    for page in window.pages:
        page.close()
    window.clear_cookies()
    assert visit.forbidden == []


@pytest.fixture(scope="session")
def screenshots() -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS
