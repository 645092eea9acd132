import json
import subprocess
import sys
import threading

import pytest

from xraykit import run


@pytest.fixture
def made(tmp_path):
    return run.create({"name": "tiny"}, "films", tmp_path, "first")


def test_a_new_run_is_queued_with_its_recipe(made):
    assert made.status()["state"] == "queued"
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
            made.update(epoch=number, padding="x" * 5000)
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
        "import sys, os; from xraykit import run; from pathlib import Path; r = run.Run(Path(sys.argv[1]));"
        "lock = r.hold(); r.update(state='running'); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(made.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    assert made.status()["state"] == "running"
    with pytest.raises(run.RunRefused, match="another process"):
        made.hold()
    holder.kill()
    holder.wait()
    assert made.status()["state"] == "lost"


def test_history_grows_row_by_row(made):
    made.append_history({"epoch": 0, "loss": 1.5})
    made.append_history({"epoch": 1, "loss": 1.25})
    assert [row["loss"] for row in made.history()] == ["1.5", "1.25"]


def test_runs_are_listed_newest_first(made, tmp_path):
    import os

    second = run.create({"name": "tiny"}, "films", tmp_path, "second")
    os.utime(made.path / "recipe.json", (1, 1))
    assert [found.name for found in run.list_runs(tmp_path)] == [second.name, made.name]


def test_a_broken_status_is_refused_in_words(made):
    (made.path / "status.json").write_text("{")
    with pytest.raises(run.RunRefused, match="status.json"):
        made.status()


def test_events_are_one_line_each(made):
    made.event("noted", message="a\nb")
    lines = (made.path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["created", "noted"]
