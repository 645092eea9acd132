import json
import os
import subprocess
import sys
import threading
import time

import pytest

from xraykit.system import folders
from xraykit.system.job_folder import job_folder
from xraykit.system.job_folder.record import State
from xraykit.training import worker
from xraykit.training.run import control, run


@pytest.fixture
def made(tmp_path):
    return run.create({"name": "tiny"}, "films", tmp_path, "first")


def test_a_new_run_is_queued_with_its_recipe(made):
    assert made.status().state == "queued"
    assert made.read("recipe.json") == {"name": "tiny"}


def test_a_name_is_used_once(made, tmp_path):
    with pytest.raises(run.RunRefused, match="first"):
        run.create({"name": "tiny"}, "films", tmp_path, "first")


@pytest.mark.parametrize("name", ["../out", "a/b", ".hidden", "x" * 200, "with space"])
def test_names_that_are_not_plain_are_refused(name, tmp_path):
    with pytest.raises(run.RunRefused):
        run.create({"name": "tiny"}, "films", tmp_path, name)


def test_a_reader_never_sees_half_a_status(made):
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            made.update(epoch=number, message="x" * 5000)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            assert made.read("status.json")["state"] == "queued"
    finally:
        stop.set()
        writer.join()


def test_a_run_whose_process_is_gone_is_lost(made):
    code = (
        "import sys; from pathlib import Path; from xraykit.training.run.run import Run; r = Run(Path(sys.argv[1]));"
        "lock = r.hold(); r.update(state='running'); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(made.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    assert made.status().state == "running"
    with pytest.raises(run.RunRefused, match="Another process"):
        made.hold()
    holder.kill()
    holder.wait()
    assert made.status().state == "lost"


def test_history_grows_row_by_row(made):
    made.append_history({"epoch": 0, "loss": 1.5})
    made.append_history({"epoch": 1, "loss": 1.25})
    assert [row["loss"] for row in made.history()] == ["1.5", "1.25"]


def test_runs_are_listed_newest_first(made, tmp_path):
    second = run.create({"name": "tiny"}, "films", tmp_path, "second")
    os.utime(made.path / "recipe.json", (1, 1))
    assert [listed.name for listed in run.list_runs(tmp_path)] == [second.name, made.name]


def test_a_broken_status_is_refused_in_words(made):
    (made.path / "status.json").write_text("{")
    with pytest.raises(run.RunRefused, match="status.json"):
        made.status()


def test_events_are_one_line_each(made):
    made.event("noted", message="a\nb")
    lines = (made.path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["created", "noted"]


def test_a_broken_line_of_events_is_left_out(made):
    with (made.path / "events.jsonl").open("a") as file:
        file.write('{"event": "hal')
    assert [event["event"] for event in made.events()] == ["created"]
    made.event("after")
    assert [event["event"] for event in made.events()] == ["created", "after"]


def test_tables_grow_by_whole_lines_and_outlive_a_kill(made):
    for epoch in range(3):
        made.append("moments.csv", {"epoch": epoch / 2, "loss": 1.5, "extra": "a, b"})
    with (made.path / "moments.csv").open("a") as file:
        file.write("1.5,0.")  # killed while it wrote
    assert [row["epoch"] for row in made.rows("moments.csv")] == ["0.0", "0.5", "1.0"]
    made.append("moments.csv", {"loss": 0.25, "epoch": 2.0})
    assert made.rows("moments.csv")[-1] == {"epoch": "2.0", "loss": "0.25", "extra": ""}
    assert made.rows("moments.csv")[0]["extra"] == "a, b"
    assert made.rows("nothing.csv") == []


def test_a_killed_header_is_written_again(made):
    (made.path / "device.csv").write_text("time,lo")
    assert made.rows("device.csv") == []
    made.append("device.csv", {"time": 1.0, "load": 0.5})
    assert made.rows("device.csv") == [{"time": "1.0", "load": "0.5"}]


def test_long_tables_are_thinned_evenly(made):
    for number in range(100):
        made.append("moments.csv", {"epoch": number})
    numbers = [int(row["epoch"]) for row in made.rows("moments.csv", most=10)]
    assert len(numbers) == 10 and (numbers[0], numbers[-1]) == (0, 99)
    assert {b - a for a, b in zip(numbers, numbers[1:], strict=False)} == {11}
    assert len(made.rows("moments.csv", most=1)) == 1 and len(made.rows("moments.csv", most=1000)) == 100


def test_history_is_cut_back_to_what_a_checkpoint_holds(made):
    for epoch in range(5):
        made.append_history({"epoch": epoch, "loss": 1.0})
        made.append("moments.csv", {"epoch": epoch + 0.5})
    made.restore_history(3, [])
    made.truncate("moments.csv", 3)
    made.append_history({"epoch": 3, "loss": 0.5})
    assert [row["epoch"] for row in made.history()] == ["0", "1", "2", "3"]
    assert [row["epoch"] for row in made.rows("moments.csv")] == ["0.5", "1.5", "2.5"]


ROWS = [{"epoch": epoch, "loss": f"{epoch + 1}.5"} for epoch in range(4)]
DAMAGES = [None, b"", b"\xff\xfe\0", b"epoch,loss\n0,1.5\n", b"epoch,loss\nzero,1.5\n1,2.5\n2,3.5\n", "pipe"]


def _damage(path, damage):
    path.unlink()
    if damage == "pipe":
        os.mkfifo(path)
    elif damage is not None:
        path.write_bytes(damage)


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_lost_history_is_written_again_from_the_checkpoint(made, damage):
    for row in ROWS:
        made.append_history(row)
    before = (made.path / "history.csv").read_text()
    _damage(made.path / "history.csv", damage)
    made.restore_history(4, ROWS)
    assert (made.path / "history.csv").read_text() == before


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_lost_history_that_no_checkpoint_knows_is_refused(made, damage):
    for row in ROWS:
        made.append_history(row)
    _damage(made.path / "history.csv", damage)
    with pytest.raises(run.RunRefused, match=r"no row of epoch [12] .* expected the 4 epochs"):
        made.restore_history(4, ROWS[3:])


def test_damaged_rows_of_the_other_tables_are_dropped(made):
    (made.path / "moments.csv").write_text("epoch,loss\n0.5,1\nfive,1\n1.5,1\n")
    made.truncate("moments.csv", 1)
    assert made.rows("moments.csv") == [{"epoch": "0.5", "loss": "1"}]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_what_lies_in_a_run_only_its_user_may_read(made):
    made.append_history({"epoch": 0})
    made.append("moments.csv", {"epoch": 0})
    made.path.chmod(0o755)  # as versions before made it
    control.take(made).close()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (made.path, *made.path.iterdir())}
    assert modes == {name: 0o700 if name == made.name else 0o600 for name in modes} and len(modes) == 7


def test_threads_do_not_lose_each_others_fields(made):
    def write(name):
        for number in range(50):
            made.update(**{name: number})

    names = ("epoch", "step", "place", "pid")
    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = made.read("status.json")
    assert [status[name] for name in names] == [49] * 4
    assert not list(made.path.glob(".*")), "no half-written file is left"


def test_a_queued_run_that_nobody_holds_is_lost_once_it_had_time_to_begin(made):
    assert made.status().state == "queued"
    made.write("status.json", {**made.read("status.json"), "heartbeat": time.time() - 60})
    status = made.status()
    assert status.state is State.LOST and status.advice and status.message


def test_a_queued_run_whose_lock_was_let_go_is_lost_at_once(made):
    with made.hold():
        assert made.status().state == "queued"
    assert made.status().state == "lost"


def test_a_run_that_is_held_for_the_first_time_between_two_looks_is_not_lost(made, monkeypatch):
    look, locks = run.Run.alive, []

    def look_and_begin(self):
        alive = look(self)
        locks.append(self.hold())
        return alive

    with monkeypatch.context() as patched:
        patched.setattr(run.Run, "alive", look_and_begin)
        assert made.status().state == "queued"
    for lock in locks:
        lock.close()


def test_a_run_whose_first_lock_is_open_and_not_held_yet_is_not_lost(made, monkeypatch):
    lock, states = job_folder.try_lock, []

    def look_and_lock(file, shared=False):
        if not shared:
            states.append(made.status().state)
        return lock(file, shared)

    monkeypatch.setattr(job_folder, "try_lock", look_and_lock)
    with made.hold():
        assert states == ["queued"]


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_a_run_that_ended_stays_as_it_is_without_a_lock(made, state):
    made.update(state=state)
    assert made.status().state == state


def test_probes_do_not_see_each_other_nor_hinder_the_holder(made):
    made.hold().close()
    ended = threading.Event()
    seen = []

    def probe():
        while not ended.is_set():
            seen.append(made.alive())

    threads = [threading.Thread(target=probe) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        while len(seen) < 200:
            time.sleep(0.01)
        assert not any(seen), "nobody holds it, four look"
        with made.hold():
            assert made.alive()
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("broken", ['{"format": 2, "state": "finished"}', '{"state": "finished"}', "[1]"])
def test_a_run_of_another_version_is_refused_in_words(made, broken):
    (made.path / "status.json").write_text(broken)
    with pytest.raises(run.RunRefused, match="another version"):
        made.status()


def test_a_state_that_is_none_is_refused_in_words(made):
    made.update(state="asleep")
    with pytest.raises(run.RunRefused, match="asleep"):
        made.status()


def test_broken_folders_are_listed_and_harm_no_other(made, tmp_path):
    for name in ("broken", "empty", "strange"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken" / "status.json").write_text("{")
    (tmp_path / "strange" / "status.json").mkdir()
    (tmp_path / "a file").write_text("")
    assert {listed.name for listed in run.list_runs(tmp_path)} == {"first", "broken", "strange"}
    assert run.list_runs(tmp_path / "none") == []


def test_a_stop_of_a_deleted_run_is_refused_in_words(tmp_path):
    with pytest.raises(run.RunRefused, match="gone"):
        run.Run(tmp_path / "deleted").ask_to_stop()


def test_names_given_by_time_are_never_taken_twice(tmp_path):
    names = {run.create({"name": "tiny / α"}, "films", tmp_path).name for _ in range(3)}
    assert len(names) == 3 and all("tiny" in name for name in names)


def test_the_root_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path))
    assert folders.runs_folder() == tmp_path
    assert run.create({"name": "tiny"}, "films").path.parent == tmp_path
    monkeypatch.delenv("XRAYKIT_RUNS")
    assert folders.runs_folder().name == "runs"


def test_a_hundred_long_runs_are_listed_without_reading_their_histories(tmp_path, monkeypatch):
    """What costs time is what is read: a list opens the small status of each run once and nothing that grows."""
    rows = "epoch,loss\n" + "".join(f"{epoch},1.0\n" for epoch in range(200))
    for number in range(100):
        made = run.create({"name": "tiny"}, "films", tmp_path, f"run-{number}")
        made.update(state="finished")
        (made.path / "history.csv").write_text(rows)
    opened = []
    read = run.Run.read
    monkeypatch.setattr(run.Run, "read", lambda self, file: opened.append(file) or read(self, file))
    monkeypatch.setattr(run.Run, "rows", lambda self, file, most=None: pytest.fail(f"{file} was read"))
    assert {listed.status().state for listed in run.list_runs(tmp_path)} == {State.FINISHED}
    assert opened == [run.STATUS] * 100


OLD = {  # as the version before types wrote it
    "format": 1,
    "state": "failed",
    "data": "/films",
    "created": "2026-11-20T09:30:00+00:00",
    "heartbeat": 1795000000.25,
    "asked_device": "auto",
    "stage": None,
    "epoch": 3,
    "best_loss": float("nan"),
    "failure": "data",
    "message": "The ImageNet weights of MobileNetV2 (alpha 1.0) could not be loaded from imagenet: no network.",
    "memory": None,
    "shoe_size": 43,
}


def test_the_status_of_an_earlier_version_is_read_and_keeps_what_is_not_known(made):
    made.write("status.json", OLD)
    status = made.status()
    assert (status.state, status.failure, status.stage, status.epoch) == (State.FAILED, run.Failure.DATA, None, 3)
    assert status.best_loss is None and status.parameters is None and status.other == {"shoe_size": 43}
    made.update(epoch=4)
    assert made.read("status.json")["shoe_size"] == 43 and made.status().epoch == 4
    assert made.status().to_json()["shoe_size"] == 43


def test_a_stage_or_failure_of_a_later_version_is_none_we_know(made):
    made.update(state="failed", failure="eaten by a dog", stage="dreaming")
    assert made.status().failure is None and made.status().stage is None
    assert made.read("status.json")["failure"] == "eaten by a dog"


def test_only_fields_of_the_status_can_be_written(made):
    before = made.read("status.json")
    for name in ("shoe_size", "other", "stat"):
        with pytest.raises(TypeError, match=name):
            made.update(**{name: 1})
    assert made.read("status.json") == before


NO_NUMBERS = ("7", [7], {"a": 7}, True, -1, 10**400)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize(
    "name", ["epoch", "epochs", "steps", "place", "eta", "best_loss", "memory", "learning_seconds"]
)
def test_a_field_of_a_wrong_type_is_refused_by_name(made, name, value):
    made.update(**{name: value})
    with pytest.raises(run.RunRefused, match=f"as {name} in status.json of the run first"):
        made.status()


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in ("data", "message", "device", "created", "stage", "failure") for value in (3, ["x"], {})]
    + [("finish", 1), ("state", 3), ("state", None), ("state", ["running"]), ("epoch", 2.5)],
)
def test_words_and_switches_of_a_wrong_type_are_refused_by_name(made, name, value):
    made.update(**{name: value})
    with pytest.raises(run.RunRefused, match=name):
        made.status()


def test_a_status_without_a_state_is_refused(made):
    made.write("status.json", {"format": 1})
    with pytest.raises(run.RunRefused, match="state"):
        made.status()


@pytest.mark.parametrize(
    ("fields", "share"),
    [
        ({}, 0),
        ({"epochs": 4, "epoch": 1, "step": 5, "steps": 10}, 0.375),
        ({"epochs": 4, "epoch": 0, "stage_done": 30, "stage_of": 40}, 0.75),
        ({"epochs": 4, "epoch": 9, "stage_of": 0}, 1),
        ({"epochs": 0, "epoch": 3, "stage_done": 3, "stage_of": 0}, 1),
    ],
)
def test_how_much_is_done(fields, share):
    assert run.Status(state=State.RUNNING, **fields).share == share


@pytest.mark.parametrize("text", ["[]", "null", '{"phases": 3}', '{"phases": [{"seconds_per_epoch": "x"}]}', "{", ""])
def test_a_damaged_estimate_is_none(made, text):
    (made.path / "estimate.json").write_text(text)
    assert worker._estimated(made) == ()
    made.write("estimate.json", {"phases": [{"seconds_per_epoch": 2.5}], "seconds": 3})
    assert worker._estimated(made) == (2.5,)
