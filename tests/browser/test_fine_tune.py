"""Fine-tune in a real browser on a real server: a run outlives page and server, is kept, reviews films, is compared."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.browser.conftest import Server, Visit, at_rest, start_server
from tests.browser.test_review import serious
from tests.helpers import ROOT, fakes, film_folders
from xraykit.training.run import run as runs
from xraykit.training.run.run import Run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
HANG = 120_000  # ms; a limit on hangs, never a measure of speed
SHIPPED, SHIPPED_TITLE = "mobilenetv2-imagenet", "MobileNetV2, pretrained on ImageNet"
CLASSES = fakes.CLASSES


@pytest.fixture
def folders(tmp_path, monkeypatch) -> Path:
    """Runs, models, caches and films in a folder of the test's own; nothing is written into the repository."""
    shutil.copytree(ROOT / "weights", tmp_path / "weights")
    for variable, name in {
        "XRAYKIT_RUNS": "runs",
        "XRAYKIT_WEIGHTS": "weights",
        "XRAYKIT_CACHE": "cache",
        "XRAYKIT_DATASETS": "datasets",
        "XRAYKIT_DATA": "data",
    }.items():
        monkeypatch.setenv(variable, str(tmp_path / name))
    film_folders.make(tmp_path / "data" / "synthetic", classes=CLASSES, films=80)
    return tmp_path


@pytest.fixture
def serving(folders, request):
    running = start_server(folders / "server.log")
    yield running
    for process in psutil.process_iter(["cmdline"]):
        if str(folders) in " ".join(process.info["cmdline"] or ()):
            process.kill()  # a run that a failed test left behind
    if running.process.poll() is None:
        running.kill()


def wait_until(happens, what: str, seconds: float = HANG / 1000):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := happens():
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


def button(visit: Visit, key: str):
    return visit.page.locator(f".st-key-{key} button:visible").first


def text_of(visit: Visit) -> str:
    return visit.page.inner_text("body")


def faults_of(visit: Visit) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    at_rest(visit)
    return serious(Axe().run(visit.page))


def wait_for_text(visit: Visit, words: str) -> None:
    visit.page.get_by_text(words).first.wait_for(timeout=HANG)


def set_number(visit: Visit, path: str, value: object) -> None:
    box = visit.page.locator(f"[class*='st-key-recipe-'][class*='-{path}'] input").first
    box.fill(str(value))
    box.press("Enter")


def open_form(visit: Visit, server: Server) -> None:
    visit.page.goto(f"{server.url}/fine-tune")
    wait_for_text(visit, "New run")


def set_up(visit: Visit, server: Server, epochs: int) -> None:
    """The recipe tiny on the synthetic films, with so many epochs."""
    open_form(visit, server)
    button(visit, "try-tiny").click()
    wait_for_text(visit, "Readable films")
    visit.page.get_by_text("2 epochs of all layers").click()
    set_number(visit, "phases-0-epochs", epochs)
    wait_for_text(visit, f"epochs 2 → {epochs}")
    accept_leaks(visit)
    visit.page.wait_for_function("() => !document.querySelector('.st-key-start button').disabled", timeout=HANG)


def accept_leaks(visit: Visit) -> None:
    """The data audit finds that the synthetic films are told apart by their borders: Start waits for a box."""
    visit.page.wait_for_function(
        "() => !document.querySelector('.st-key-start button').disabled"
        " || document.querySelector('[class*=st-key-accept-leaks]')",
        timeout=HANG,
    )
    box = visit.page.locator("[class*='st-key-accept-leaks'] label")
    if box.count():
        box.first.click()


class Hold:
    """A run's process, standing still but while it is let on: so many epochs, however slow the browser is."""

    def __init__(self, run: Run) -> None:
        self.run, self.pid = run, 0

    def learn(self, epochs: int) -> None:
        """Let the run go on until it says that so many epochs are done."""
        self.release()
        wait_until(lambda: self.run.status().epoch >= epochs, f"{epochs} epochs")
        os.kill(self.pid, signal.SIGSTOP)

    def release(self) -> None:
        self.pid = wait_until(lambda: self.run.status().pid, "the run's process")
        os.kill(self.pid, signal.SIGCONT)


@pytest.mark.slow
def test_a_run_outlives_browser_and_server_and_becomes_a_model(visit, serving, folders):
    set_up(visit, serving, EPOCHS)
    button(visit, "start").dblclick()
    run = wait_until(the_only_run, "the run")
    hold = Hold(run)
    hold.learn(3)
    visit.page.wait_for_function(f"() => {EPOCH} >= 3", timeout=HANG)
    (run,) = runs.list_runs()
    assert run.name in visit.page.url, "two clicks start one run"
    outlive_browser_and_server(visit, serving, folders, hold)
    stop_and_resume(visit, hold)
    keep_as(visit, run, "mine")
    assert (folders / "weights" / "mine" / "card.json").is_file()
    compare_with_shipped(visit, run)
    review_with_it(visit)
    assert visit.stopped == [] and "Traceback" not in text_of(visit)


def the_only_run() -> Run | None:
    return next(iter(runs.list_runs()), None)


def outlive_browser_and_server(visit: Visit, serving: Server, folders: Path, hold: Hold) -> None:
    pid = hold.pid
    visit.page.reload()
    wait_for_text(visit, hold.run.name)
    seen = epoch_shown(visit)
    hold.learn(6)
    visit.page.wait_for_function(f"() => {EPOCH} > {seen}", timeout=HANG)
    serving.kill()
    hold.learn(9)
    serving.process = start_server(folders / "server.log", serving.port).process
    visit.page.reload()
    visit.page.wait_for_function(f"() => {EPOCH} >= 9", timeout=HANG)
    assert hold.run.status().pid == pid and hold.run.status().state == "running"


def stop_and_resume(visit: Visit, hold: Hold) -> None:
    run, pid = hold.run, hold.pid
    button(visit, "run-stop").click()
    wait_until(lambda: (run.path / "stop").exists(), "the click to arrive")
    hold.release()
    wait_until(lambda: run.status().state == "stopped", "the stop")
    wait_until(lambda: not alive(pid), "its process to be gone")
    assert 0 < run.status().epoch < EPOCHS and (run.path / "checkpoint" / "state.npz").is_file()
    wait_for_text(visit, "Resume to continue exactly where it stopped.")
    button(visit, "run-resume").click()
    button(visit, "keep").wait_for(timeout=HANG)
    assert run.status().state == "finished"
    assert [int(row["epoch"]) for row in run.history()] == list(range(EPOCHS)), "one history without a gap"
    assert faults_of(visit) == []


def keep_as(visit: Visit, run: Run, name: str) -> None:
    box = visit.page.locator(".st-key-keep-row input").first
    box.fill(name)
    box.press("Enter")
    at_rest(visit)
    button(visit, "keep").click()
    wait_for_text(visit, "Saved as")


def compare_with_shipped(visit: Visit, run: Run) -> None:
    visit.page.locator("[class*='st-key-compare-with'] input").first.click()
    visit.page.get_by_role("option", name=SHIPPED_TITLE).click()
    button(visit, "compare-start").click()
    visit.page.get_by_role("link", name="Open Compare").click(timeout=HANG)
    visit.page.locator(".xk-verdict").first.wait_for(timeout=HANG)
    verdict = visit.page.locator(".xk-verdict").first.inner_text()
    n = sum(film["part"] == "test" for film in run.read("data.json")["films"])
    for words in ("learned from synthetic", SHIPPED_TITLE, f"n = {n}"):
        assert words in verdict, "on the run's test films alone"


def review_with_it(visit: Visit) -> None:
    visit.page.locator("#xk-frame").get_by_role("link", name="Review").click()
    visit.page.locator(".room[data-state=open]").wait_for(timeout=HANG)
    film = {"name": "film.png", "mimeType": "image/png", "buffer": fakes.film_png()}
    visit.page.locator(".room > input[type=file]").first.set_input_files([film])
    pill = visit.page.locator(".pill[title$='recipe tiny, learned from synthetic']")
    pill.wait_for(timeout=HANG)
    if pill.get_attribute("aria-pressed") == "false":  # two models are on at the start
        pill.click()
    visit.page.locator(".findings", has_text="recipe tiny").wait_for(timeout=HANG)
    visit.page.locator(".room:not([data-laid='0'])[data-laid]").wait_for(timeout=HANG)


EPOCHS = 40  # more than it is let learn before it is stopped
# Of the tiles, which are there at every stage: the bar names the epoch only while the run learns
EPOCH = "Number((document.body.innerText.match(/Epochs learned\\s+(\\d+) of/i) || [0, 0])[1])"


def epoch_shown(visit: Visit) -> int:
    visit.page.wait_for_function(f"() => {EPOCH} > 0", timeout=HANG)
    return int(visit.page.evaluate(EPOCH))


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
