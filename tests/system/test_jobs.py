"""A job's folder: its lock and the end that a process has written but not yet left."""

import os
import shutil

import pytest

from tests.helpers import DATA
from xraykit.system import jobs
from xraykit.system.job_folder import job_folder
from xraykit.system.job_folder.job_folder import JobRefused
from xraykit.system.job_folder.record import State
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


def test_a_stop_that_came_as_a_job_ended_is_none_of_the_next(tmp_path):
    job = Job(tmp_path / "job")
    with jobs.running(job, verb="inspect"):
        pass
    job.ask_to_stop()
    with jobs.running(job, verb="inspect") as progress:
        progress.stop_if_asked()


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


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("duplicates", 1e18, "duplicates"),
        ("refused", "finished", "refused"),
        ("refused", ["a film"], r"refused\[0\]"),
        ("films", -1, "films"),
        ("groups", "\ud800", "text that is none"),
        ("group_rule", {"kind": "guessed", "column": "", "distance": 1}, "kind"),
        ("unlabelled", ["\ud800"], "text that is none"),
        ("given", {"counts": 3}, "given"),
        ("classes", None, "classes"),
    ],
)
def test_what_a_folder_holds_is_read_value_by_value(tmp_path, field, value, words):
    job = jobs.Job(tmp_path / "job")
    shutil.copytree(DATA / "fc00794" / "inspection", job.path)
    assert job.films()["films"] == 36
    job.write("films.json", {**job.films(), field: value})
    with pytest.raises(JobRefused, match=words):
        job.films()


@pytest.mark.parametrize("text", ["[]", '{"films": 3}', "null"])
def test_what_is_no_list_of_a_folder_is_refused(tmp_path, text):
    (tmp_path / "films.json").write_text(text)
    with pytest.raises(JobRefused, match=r"films\.json of the job"):
        jobs.Job(tmp_path).films()
