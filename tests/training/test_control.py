"""Runs in processes of their own: launched, queued, stopped, failed, resumed. No backend is started here."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers import ROOT, film_folders
from xraykit.datasets import dataset, layout, split
from xraykit.refused import Refused
from xraykit.system import device_queue, devices
from xraykit.training import worker
from xraykit.training.recipe import presets, recipe
from xraykit.training.run import control, failures, heartbeat, run
from xraykit.training.run.run import CheckpointDamaged, Failure

TINY = presets.NAMED["tiny"]
HANG = 60  # seconds after which a test is stuck


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return film_folders.make(tmp_path_factory.mktemp("films"), films=20)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    before = dict(os.environ)  # a run sets its device's variables for good
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def made(folder, tmp_path):
    return run.create(json.loads(TINY.to_json()), folder, tmp_path / "runs", "first", asked_device="cpu")


def learn(found, chosen, films, report=None):
    """Stands in for a training: three epochs, no network."""
    for epoch in range(3):
        found.append_history({"epoch": epoch, "loss": 1.0})
        found.update(epoch=epoch + 1, stage="learning")


def raising(error):
    def fail(found, chosen, films, report=None):
        raise error

    return fail


def launch(found, body="time.sleep(600)"):
    """A run in a process of its own, whose training is these lines."""
    code = f"""
import sys, time; from pathlib import Path; from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training import worker; from xraykit.training.run import run
def fit(found, chosen, films, report=None):
    while not found.stop_asked():
        time.sleep(0.05)
    raise Stopped("as asked")
def stuck(found, chosen, films, report=None):
    {body}
worker.train(run.Run(Path(sys.argv[1])), fit=fit if {body!r} == "fit" else stuck)
"""
    return subprocess.Popen([sys.executable, "-c", code, str(found.path)], cwd=ROOT)


def until(condition, what):
    end = time.monotonic() + HANG
    while not (value := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return value


def test_a_run_goes_from_queued_to_finished(made):
    assert worker.train(made, fit=learn) == "finished"
    status = made.status()
    assert (status.state, status.device, status.epoch) == ("finished", "cpu", 3)
    assert status.queued_seconds < HANG and status.device_name and status.ended
    assert [event["event"] for event in made.events()] == ["created", "started", "finished"]
    assert not made.alive() and device_queue.line("cpu") == []


def test_a_granted_device_is_not_queued_for(made):
    with device_queue.turn("cpu", "another"):
        assert worker.train(made, fit=learn, granted="cpu") == "finished"
    assert made.status().device == "cpu"


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (MemoryError("no room"), "out of memory"),
        (type("XlaRuntimeError", (RuntimeError,), {})("RESOURCE_EXHAUSTED: Out of memory"), "out of memory"),
        (type("XlaRuntimeError", (RuntimeError,), {})("INTERNAL: the name is out of memory"), "crashed"),
        (RuntimeError("layer out of memory: OOM when allocating, cannot allocate memory"), "crashed"),
        (RuntimeError("No space left on device"), "crashed"),
        (type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"), "out of memory"),
        (type("ResourceExhaustedError", (Exception,), {"error_code": 8})("the backend's own words"), "out of memory"),
        (type("ResourceExhaustedError", (Exception,), {})("failed to allocate memory [Op:Mul]"), "out of memory"),
        (
            type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2 GiB."),
            "out of memory",
        ),
        (OSError(12, "Cannot allocate memory"), "out of memory"),
        (ValueError("Expected films; there are none in the folder out of memory."), "crashed"),
        (type("ResourceExhaustedError", (Exception,), {})("save.h5: No space left on device"), "disk"),
        (OSError(28, "No space left on device"), "disk"),
        (run.Diverged("The loss is no longer a number at step 3."), "diverged"),
        (layout.DatasetRefused("Expected films; there are none."), "data"),
        (FileNotFoundError(2, "no such film"), "data"),
        (failures.WeightsMissing("Expected a weight file; there is none at x.h5."), "weights"),
        (recipe.RecipeRefused("Expected the recipe that the run began with."), "recipe"),
        (devices.DeviceRefused("This computer has no device gpu 17."), "device"),
        (ZeroDivisionError("a defect"), "crashed"),
    ],
)
def test_every_failure_has_its_type_and_a_sentence_of_advice(made, error, failure):
    assert worker.train(made, fit=raising(error)) == "failed"
    status = made.status()
    assert (status.state, status.failure) == ("failed", failure)
    assert status.advice.endswith(".") and status.message.endswith(".")
    ours = isinstance(error, Refused | run.Diverged)
    assert status.message == str(error) if ours else str(error) not in status.message, "a library's text is no message"
    assert type(error).__name__ in (made.path / "log.txt").read_text()


def test_every_failure_has_advice():
    assert set(failures.ADVICE) == set(Failure)


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x"}', '{"name": "x", "phases": [{"epochs": -1}]}'])
def test_a_recipe_edited_to_nonsense_is_named(made, text):
    (made.path / "recipe.json").write_text(text)
    assert worker.train(made, fit=learn) == "failed"
    assert made.status().failure == "recipe"


def test_a_device_that_is_not_here_is_named(made):
    made.update(asked_device="gpu 17")
    assert worker.train(made, fit=learn) == "failed"
    assert "gpu 17" in made.status().message and made.status().failure is Failure.DEVICE
    assert made.status().advice == failures.ADVICE[Failure.DEVICE]
    assert worker.train(made, device="cpu", fit=learn) == "finished", "a run that came from a computer with such a GPU"


def test_films_that_vanished_are_named(made, folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "moved")
    films = dataset.read(moved)
    made.write("data.json", split.describe(films, split.split(films)))
    next(moved.glob("*/film-003.png")).unlink()
    assert worker.train(made, data=moved, fit=learn) == "failed"
    status = made.status()
    assert status.failure == "data" and "film-003.png" in status.message
    assert worker.train(made, data=folder, fit=learn) == "finished", "the same films elsewhere will do"
    assert made.status().data == str(folder)


def test_no_folder_of_films_is_a_failure_of_the_data(made, tmp_path):
    assert worker.train(made, data=tmp_path / "nowhere", fit=learn) == "failed"
    assert made.status().failure == "data"


def test_a_run_whose_folder_is_deleted_ends_quietly(made):
    def fit(found, chosen, films, report=None):
        while found.path.exists():  # the heartbeat may write while it is being deleted
            shutil.rmtree(found.path, ignore_errors=True)
        found.update(epoch=1)

    assert worker.train(made, fit=fit) == "lost"
    assert not made.path.exists()


def test_a_full_disk_is_told_even_when_nothing_can_be_written(made, monkeypatch):
    write = run.Run.write

    def full(self, file, data):
        raise OSError(28, "No space left on device")

    def fit(found, chosen, films, report=None):
        monkeypatch.setattr(run.Run, "write", full)
        found.update(epoch=1)

    assert worker.train(made, fit=fit) == "failed"
    monkeypatch.setattr(run.Run, "write", write)
    assert (made.status().state, made.status().failure) == ("failed", "disk")


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
def test_a_really_full_disk_is_told(folder, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this container may not mount")
    try:
        made = run.create(json.loads(TINY.to_json()), folder, disk, "first", asked_device="cpu")

        def fit(found, chosen, films, report=None):
            (found.path / "model.keras").write_bytes(b"x" * 2**20)

        assert worker.train(made, fit=fit) == "failed"
        assert made.status().failure == "disk"
        (made.path / "model.keras").unlink()
        assert worker.train(made, fit=learn) == "finished", "with room again it goes on"
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_stop_is_kept_while_films_are_read(made):
    seen = []

    def told(stage, done, total):
        seen.append(stage)
        made.ask_to_stop()

    assert worker.train(made, on_stage=told, fit=learn) == "stopped"
    assert set(seen) == {"reading films"} and made.history() == []
    assert not made.stop_asked(), "nothing is left that would stop it at once when it is resumed"
    assert worker.train(made, fit=learn) == "finished"


def test_a_queued_run_tells_its_place_and_can_be_stopped(made, tmp_path, folder):
    second = run.create(json.loads(TINY.to_json()), folder, tmp_path / "runs", "second", asked_device="cpu")
    with device_queue.turn("cpu", "before"):
        process = launch(made, "fit")
        until(lambda: made.status().place == 1, "the first is next")
        other = launch(second, "fit")
        until(lambda: second.status().place == 2, "the second waits behind it")
        assert device_queue.line("cpu") == ["before", "first", "second"]
        assert made.status().state == "queued" and made.status().stage == run.Stage.WAITING
        control.stop(made)
        assert process.wait(HANG) == 0 and made.status().state == "stopped"
        until(lambda: second.status().place == 1, "the second moved up")
    until(lambda: second.status().state == "running", "the device is free")
    control.stop(second)
    assert other.wait(HANG) == 0
    assert second.status().state == "stopped" and second.status().queued_seconds > 0


@pytest.mark.parametrize("how", ["stop file", signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_training_that_cannot_be_interrupted_is_ended_all_the_same(made, how):
    process = launch(made)
    until(lambda: made.status().state == "running" and made.status().stage == "building the network", "it trains")
    if how == "stop file":
        control.stop(made)
    else:
        process.send_signal(how)
    assert process.wait(HANG) == 0
    assert heartbeat.PATIENCE_SECONDS + 2 * heartbeat.TICK_SECONDS < 10, "ten seconds are promised"
    assert made.status().state == "stopped" and made.status().message
    assert device_queue.line("cpu") == []


def test_a_killed_run_is_lost_and_can_be_resumed(made):
    process = launch(made)
    until(lambda: made.status().state == "running", "it runs")
    process.kill()
    process.wait()
    until(lambda: made.status().state == "lost", "what it started lets go of it")
    assert "Resume" in made.status().advice
    assert device_queue.line("cpu") == [], "a dead process holds no place in line"
    # The number of its process is used again by a living one, which changes nothing
    made.update(pid=os.getpid())
    assert made.status().state == "lost"
    assert worker.train(made, fit=learn) == "finished"


def test_two_starts_at_once_are_one_run(made):
    process = launch(made, "fit")
    until(lambda: made.status().state == "running", "it runs")
    with pytest.raises(run.RunRefused, match="Another process"):
        worker.train(made, fit=learn)
    with pytest.raises(run.RunRefused, match="already"):
        control.resume(made)
    with pytest.raises(run.RunRefused, match="Stop it first"):
        control.delete(made)
    control.stop(made)
    assert process.wait(HANG) == 0 and made.status().state == "stopped"


def test_a_finished_run_is_not_resumed_or_stopped(made):
    worker.train(made, fit=learn)
    with pytest.raises(run.RunRefused, match="finished"):
        control.resume(made)
    with pytest.raises(run.RunRefused, match="finished"):
        worker.train(made, fit=learn)
    with pytest.raises(run.RunRefused, match="finished"):
        control.stop(made)
    assert made.status().state == "finished"


def test_a_run_of_another_version_is_not_touched(made):
    made.update(format=99)
    before = (made.path / "status.json").read_bytes()
    for refused in (control.resume, control.stop, worker.train):
        with pytest.raises(run.RunRefused, match="another version"):
            refused(made)
    assert (made.path / "status.json").read_bytes() == before


def test_a_launched_run_never_looks_lost(folder, tmp_path):
    """The recipe is spoilt after the start is asked for, so that the real process ends before any backend starts."""
    with device_queue.turn("cpu", "before"):
        made = control.start(TINY, folder, "cpu", tmp_path / "runs")
        (made.path / "recipe.json").write_text("{")
        states = set()
        until(lambda: states.add(made.status().state) or made.status().pid, "the process breathes")
        assert states <= {"queued", "failed"}
    status = control.wait(made, HANG)
    assert (status.state, status.failure) == ("failed", "recipe")
    assert "failed" in (made.path / "log.txt").read_text() or "recipe" in (made.path / "log.txt").read_text()


def test_a_stop_asked_before_the_first_breath_is_kept(folder, tmp_path):
    with device_queue.turn("cpu", "before"):
        made = control.start(TINY, folder, "cpu", tmp_path / "runs", "quick")
        made.ask_to_stop()
        assert control.wait(made, HANG).state == "stopped"


def test_a_stop_asked_between_the_making_of_a_run_and_its_launch_is_kept(folder, tmp_path, monkeypatch):
    make = run.create

    def make_and_stop(*given, **named):
        made = make(*given, **named)
        control.stop(made)
        return made

    monkeypatch.setattr(run, "create", make_and_stop)
    with device_queue.turn("cpu", "before"):
        made = control.start(TINY, folder, "cpu", tmp_path / "runs", "quick")
        assert control.wait(made, HANG).state == "stopped"


def test_a_stop_asked_before_a_run_begins_in_the_process_that_made_it_is_kept(made):
    control.stop(made)
    assert worker.train(made, fit=learn) == "stopped"
    assert worker.train(made, fit=learn) == "finished"


def test_a_stop_of_a_process_that_was_killed_is_none_of_the_next(made):
    made.hold().close()
    made.ask_to_stop()
    assert worker.train(made, fit=learn) == "finished"


def test_a_deleted_run_is_gone_at_once(made, tmp_path):
    worker.train(made, fit=learn)
    control.delete(made)
    assert not made.path.exists() and run.list_runs(tmp_path / "runs") == []
    with pytest.raises(run.RunRefused, match="no run"):
        control.delete(made)


def test_heartbeat_and_readings_are_written_beside_the_training(made, monkeypatch):
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(heartbeat, "TICK_SECONDS", 0.05)

    def fit(found, chosen, films, report=None):
        until(lambda: len(found.rows("device.csv")) > 2, "readings come")

    worker.train(made, fit=fit)
    rows = made.rows("device.csv")
    assert list(rows[0]) == ["time", "load", "memory"] and int(rows[-1]["memory"]) > 1e6
    assert made.status().memory is None, "an ended run holds none"


def test_a_run_that_learned_nothing_is_not_finished(made):
    made.update(state="stopped")
    with pytest.raises(run.RunRefused, match="nothing was learned"):
        control.resume(made, finish=True)


def test_a_damaged_checkpoint_is_a_failure_of_its_own_and_resuming_is_not_advised():
    damaged = CheckpointDamaged("The checkpoint state.npz of the run x is damaged.")
    assert failures.kind_of(damaged) is Failure.CHECKPOINT
    assert failures.advice(damaged).startswith("The run cannot be resumed") and set(failures.ADVICE) == set(Failure)
