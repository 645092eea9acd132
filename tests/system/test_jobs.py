"""A job's folder: its lock and the end that a process has written but not yet left."""

import os

import pytest

from xraykit.system import job_folder, jobs
from xraykit.system.job_folder import State
from xraykit.system.jobs import Job, JobState
from xraykit.training.run import run


@pytest.mark.parametrize("act", [Job.remove, Job.hold], ids=["remove", "hold"])
def test_a_job_that_has_just_written_its_end_is_waited_for(tmp_path, monkeypatch, act):
    job = Job(tmp_path / "job")
    job.queue(verb="inspect")
    lock = job.hold()
    with pytest.raises(job_folder.JobRefused):
        act(job)
    job.write_state(JobState(state=State.FINISHED))
    monkeypatch.setattr(job_folder.time, "sleep", lambda seconds: lock.close())
    act(job)
    assert lock.closed


def test_a_queued_job_whose_heartbeat_is_in_the_future_is_lost(tmp_path, monkeypatch):
    job = Job(tmp_path / "job")
    job.queue(verb="evaluate")
    written = job.recorded().heartbeat
    monkeypatch.setattr(job_folder.time, "time", lambda: written + 1)
    assert job.state().state is State.QUEUED
    monkeypatch.setattr(job_folder.time, "time", lambda: written - 3600)  # the clock was set back
    assert job.state().state is State.LOST


@pytest.mark.skipif(os.name == "nt", reason="folders of Windows have no such bits")
def test_what_films_lie_in_is_opened_by_nobody_else(tmp_path):
    before = os.umask(0o022)
    try:
        jobs.create("films", tmp_path / "runs" / "evaluations")
        run.create({"name": "tiny"}, "films", tmp_path / "others")
        Job(tmp_path / "jobs" / "one").queue()
    finally:
        os.umask(before)
    for name in ("runs", "runs/evaluations", "others", "jobs"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700, name


def test_a_folder_whose_name_is_no_utf_8_stays_the_same_folder_and_other_text_is_whole_characters(tmp_path):
    job, folder = Job(tmp_path / "job"), os.fsdecode(b"/f\xf6lms")
    job.queue(verb="inspect", data=folder)
    assert job.recorded().data == folder
    for facts in ({"data": "/\ud800"}, {"verb": "\udcf6"}):
        job.queue(**facts)
        with pytest.raises(job_folder.JobRefused, match=next(iter(facts))):
            job.recorded()
