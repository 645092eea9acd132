"""The data audit before a start, where its job ends between two looks of the page."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from xraykit.datasets.split import SplitPlan
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState
from xraykit.truth.data_audit import record
from xraykit.ui.datasets import leaks


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """An audit at work, which ends once what it found has been looked for."""
    asked, job = leaks.asked_of("digest", SplitPlan()), Job(tmp_path / "audit")
    monkeypatch.setattr(leaks.st, "session_state", {leaks.BEGUN: (asked, str(job.path))})
    job.queue(verb="audit")

    def look_and_end(job):
        job.write_state(JobState(state=State.FINISHED, verb="audit"))

    monkeypatch.setattr(record, "kept", lambda *question: None)
    monkeypatch.setattr(record, "of_job", look_and_end)
    return asked


def test_an_audit_that_ends_between_two_looks_is_not_said_to_be_missing(asked):
    assert leaks.reasons(asked) == [leaks.WAIT]


def test_an_audit_that_ends_between_two_looks_is_watched_to_its_end(asked, monkeypatch):
    drawn = []
    monkeypatch.setattr(leaks.st, "html", lambda text: None)
    monkeypatch.setattr(leaks, "_show_without", lambda *given: drawn.append("did not end well"))
    monkeypatch.setattr(leaks, "jobs", SimpleNamespace(**vars(leaks.jobs)))
    monkeypatch.setattr(leaks.jobs, "watch_job", lambda *given: drawn.append("watched"))
    leaks.show(asked, Path, print, "the report")
    assert drawn == ["watched"]
