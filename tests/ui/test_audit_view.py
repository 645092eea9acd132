"""The part of the page Models about shortcuts, without a browser and without a process of its own."""

from dataclasses import replace

import pytest

from tests.helpers import audits, fakes
from tests.ui.test_models_page import SHIPPED, open_page, words
from xraykit.refused import Refused
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState
from xraykit.truth import model_audit

CHECKED = audits.checked(SHIPPED)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_what_an_audit_found_is_shown_and_what_was_not_checked_is_said():
    text = words(open_page(fakes.Client(cards=[CHECKED])))
    for expected in (
        "Without the centre of the film it still answers",
        "chance is 33.3%",
        "Without its borders it answers",
        "it goes by what is there",
        "better than a random map by 0.12 [0.08, 0.16], 40 films",
        "Shuffled weights and shuffled labels give other maps",
        "Lungs only and lungs out were not checked",
    ):
        assert expected in text
    fresh = words(open_page(fakes.Client(cards=[replace(SHIPPED, checks={})])))
    assert f"python -m xraykit audit --model {SHIPPED.name} --data DIR" in fresh


def test_an_audit_is_started_watched_and_its_end_is_said(runs, tmp_path, monkeypatch):
    started = []

    def start(job: Job, models, folder, wish) -> None:
        started.append((list(models), folder, wish))
        job.write_state(JobState(state=State.FINISHED, message="Checked it on 90 films.", models=tuple(models)))

    monkeypatch.setattr(model_audit, "start", start)
    page = open_page(fakes.Client(cards=[CHECKED]))
    page.text_input(key="audit-path").input(str(tmp_path))
    page.number_input(key="audit-films").set_value(90)
    page.button(key="audit-start").click().run()
    assert started == [([SHIPPED.name], tmp_path.resolve(), model_audit.Wish(films=90))]
    assert "Checked it on 90 films. The result is above, and in the card." in words(page)
    page.button(key="audit-again").click().run()
    assert not list((runs / "audits").iterdir()) and page.text_input(key="audit-path")


def test_what_refuses_is_said(runs, tmp_path, monkeypatch):
    def refuse(*_):
        raise Refused("Another process works there.", code="job")

    monkeypatch.setattr(model_audit, "start", refuse)
    page = open_page(fakes.Client(cards=[CHECKED]))
    page.button(key="audit-start").click().run()
    assert "Enter the path of a folder." in words(page)
    page.text_input(key="audit-path").input(str(tmp_path))
    page.button(key="audit-start").click().run()
    assert "Another process works there." in words(page)
    assert not list(runs.glob("audits/*")), "what was not started leaves no folder"
