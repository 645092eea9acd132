"""A reader study in small: 60 films read by keys alone, blind first, and the export equals what is counted by hand."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import eventually, serving_from
from tests.helpers import film_folders, reader_study, study_check, tiny_model
from tests.helpers.reader_study import CLASSES, MODELS
from xraykit.films import radiograph
from xraykit.models import classifier

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), pytest.mark.slow]
SAYS = {"agree": "v", "disagree": "d", "unsure": "s"}
# What is said is on its way for longer than a reload takes: the test brings it
HOLD_BACK = """() => {
  const send = window.fetch, late = [];
  window.fetch = (address, options) => {
    if (options?.method !== "PUT") return send(address, options);
    late.push([address, options.body]);
    sessionStorage.setItem("late", JSON.stringify(late));
    return new Promise(() => {});
  };
}"""
STATE = "async () => (await fetch(`/reading-room/${sessionStorage['xk-room']}/state`)).json()"


def make_model(root: Path, name: str, seed: int, films: list[radiograph.Radiograph]) -> None:
    """A tiny network of random weights whose answers to these films differ."""
    shutil.copytree(tiny_model.KEPT, root / name)
    place = root / name / "head.npz"
    head = dict(np.load(place))
    head["kernel_1"] = np.random.default_rng(seed).normal(0, 2, head["kernel_1"].shape).astype("float32")
    for bias in (0, None):
        if bias is None:  # around their mean the logits of the classes lie alike
            logits = [prediction.logits for prediction in classifier.load(root / name).predict(films)]
            head["bias_1"] = head["bias_1"] - np.mean(logits, axis=0).astype("float32")
        np.savez(place, **head)
        tiny_model.write_card(root / name, title=f"The {name} network", classes=CLASSES)


def films_of(folder: Path) -> list[radiograph.Radiograph]:
    return [radiograph.read(path.read_bytes(), path.name) for path in sorted((folder / "films").rglob("*.png"))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    film_folders.make(folder / "films", CLASSES, 20)
    for seed, name in enumerate(MODELS):
        make_model(folder / "weights", name, seed, films_of(folder))
    return folder


@pytest.fixture(scope="module")
def planned(folder):
    """What the reader is to say of each film in the order of the list; the models' answers are asked of the models."""
    models = {name: classifier.load(folder / "weights" / name) for name in MODELS}
    tops = {name: [given.top for given in model.predict(films_of(folder))] for name, model in models.items()}
    films = []
    for place, film in enumerate(reader_study.plan()):
        answers = {name: given[place] for name, given in tops.items()}
        films.append(reader_study.settle(replace(film, answers=answers), place))
    assert all(len({film.answers[name] for film in films}) > 1 for name in MODELS)
    return films


@pytest.fixture(scope="module")
def serving(folder):
    with serving_from(folder, "weights", "runs") as running:
        yield running


def open_films(visit, serving, folder, blind=True):
    page = visit.page
    page.goto(f"{serving.url}/review")
    page.locator(".room[data-state=open]").wait_for()
    if blind:
        page.keyboard.press("j")
        eventually(lambda: page.evaluate(STATE)["reading"]["blind"])
    page.get_by_label("path", exact=False).first.fill(str(folder / "films"))
    page.keyboard.press("Enter")
    eventually(lambda: page.evaluate(STATE)["films"]["done"], 60)
    page.locator(".reader[data-film]").wait_for()


def read(page, film, order) -> None:
    """The keys of one film."""
    page.keyboard.press(str(CLASSES.index(film.before) + 1))
    for model in order:
        page.keyboard.press(SAYS[film.says[model]])
    if film.last != film.before:
        page.keyboard.press(str(CLASSES.index(film.last) + 1))
    page.keyboard.press("n")


def download(page, name: str) -> str:
    with page.expect_download() as got:
        page.locator(f".session-summary a[download='{name}']").click()
    return Path(got.value.path()).read_text("utf-8")


def test_sixty_films_by_keys_alone_are_counted_as_by_hand(visit, serving, folder, planned, screenshots):
    page, before = visit.page, kept_in(folder)
    open_films(visit, serving, folder)
    order = [model["name"] for model in page.evaluate(STATE)["models"]]
    assert "hidden" in page.locator(".findings").inner_text() and page.locator(".reader-model").count() == 0
    page.screenshot(path=screenshots / "reader-blind.png")
    for film in planned:
        shown = page.locator(".reader").get_attribute("data-film")
        read(page, film, order)
        if film is not planned[-1]:  # a reader reads the next film once it is there
            page.locator(f".reader[data-film]:not([data-film='{shown}'])").wait_for()
    page.keyboard.press("Shift+S")
    page.locator(".session-summary[data-ready]").wait_for()
    page.screenshot(path=screenshots / "reader-summary.png")
    rows = list(csv.DictReader(io.StringIO(download(page, "reading.csv"))))
    study_check.check_table(rows, planned)
    whole = json.loads(download(page, "reading.json"))
    seconds = [(film["before"]["seconds"], film["last"]["seconds"]) for film in whole["session"]["films"]]
    assert [(float(row["seconds_before_models"]), float(row["seconds"])) for row in rows] == seconds
    assert all(0 <= first <= last for first, last in seconds)
    study_check.check_summary(whole["summary"], planned, seconds)
    assert sum(film.before != film.last for film in planned) > 9
    assert kept_in(folder) == before, "nobody asked to keep it"


def kept_in(folder) -> set[Path]:
    return set((folder / "runs").rglob("session.json"))


def comment(page) -> str:
    return page.get_by_label("Comment").input_value()


def test_a_session_survives_a_reload_and_a_kept_one_its_tab(visit, serving, folder):
    page = visit.page
    open_films(visit, serving, folder, blind=False)
    page.evaluate(HOLD_BACK)
    page.keyboard.press("2")
    page.keyboard.press("Shift+N")
    page.keyboard.type("left base")
    with page.expect_request("**/adopt"):
        page.reload()
    assert page.locator(".room[data-state=open]").count() == 0, "it waits for what is still on its way"
    late = json.loads(page.evaluate("sessionStorage.late"))
    for address, body in reversed(late):  # after the reload, and the last first
        answer = page.request.put(address, data=body, headers={"origin": serving.url})
        assert answer.ok, answer.text()
    page.locator(".reader[data-finding=Normal]").wait_for()
    assert comment(page) == "left base"
    page.get_by_role("button", name="Session", exact=True).click()
    page.get_by_label("Name of the session").fill("Ward 3")
    page.get_by_role("button", name="Keep on disk").click()
    page.get_by_text("Kept on this computer as").wait_for()
    (kept,) = kept_in(folder)
    text = kept.read_text()
    assert "left base" in text and "film-000" not in text
    page.get_by_role("button", name="End session").click()
    page.get_by_text("Kept nowhere").wait_for()
    page.keyboard.press("Escape")
    page.locator(".reader[data-finding='']").wait_for()
    page.get_by_role("button", name="Session", exact=True).click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("Kept on this computer as").wait_for()
    page.keyboard.press("Escape")
    page.locator(".reader[data-finding=Normal]").wait_for()
    assert comment(page) == "left base"
