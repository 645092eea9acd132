"""Runs on a GPU: they train there, in half precision too, stop, leave its memory free, and go on."""

import json
import math
import os
import subprocess
import sys
import time

import pytest

from xraykit.system import devices
from xraykit.training.run import control, run

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]
MIB = 2**20
FREED = 50 * MIB  # what the driver may hold on to


def ended(made: run.Run, seconds: float = 600) -> run.Status:
    """Status of the run when its process has ended."""
    deadline = time.monotonic() + seconds
    while made.status().state.busy or made.alive():
        assert time.monotonic() < deadline, made.status()
        time.sleep(0.2)
    return made.status()


def used(device: str) -> int:
    """Bytes taken on a GPU by all processes; 0 for the processor."""
    found = next(listed for listed in devices.available() if listed.key == device)
    return 0 if device == devices.CPU else found.memory_total - found.memory_free


def learning(made: run.Run) -> None:
    """Wait until the run has made an epoch."""
    deadline = time.monotonic() + 300
    while not made.history():
        assert made.status().state.busy, log(made)
        assert time.monotonic() < deadline, made.status()
        time.sleep(0.1)


def log(made: run.Run) -> str:
    return (made.path / "log.txt").read_text()[-3000:]


def test_the_tiny_recipe_trains_on_the_device(start, device):
    made = start("tiny")
    status = ended(made)
    assert status.state == "finished", log(made)
    assert status.device == device and len(made.history()) == 2
    assert device == devices.CPU or float(status.memory or 0) > 0


def test_the_strong_recipe_trains_on_the_device(start, device):
    small = ["alpha=0.35", "image_size=64"] if device == devices.CPU else []
    epochs = ["phases.0.epochs=1", "phases.1.epochs=1", "phases.1.warmup_epochs=0"]
    made = start("strong-imagenet", "weights=null", "batch_size=8", *epochs, *small)
    status = ended(made)
    assert status.state == "finished", log(made)
    assert [row["phase"] for row in made.history()] == ["0", "1"]
    assert all(math.isfinite(float(row["val_loss"])) for row in made.history())


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_leaves_a_network_in_single_precision(precision, start):
    made = start("tiny", f"precision={precision}")
    status = ended(made)
    assert status.state == "finished", log(made)
    assert status.precision == precision
    code = (
        "import sys, keras; m = keras.saving.load_model(sys.argv[1]);"
        "print({str(v.dtype) for v in m.weights} | {layer.compute_dtype for layer in m.layers if layer.weights})"
    )
    environment = devices.environment(devices.CPU, status.backend)
    found = subprocess.run(
        [sys.executable, "-c", code, made.path / "model.keras"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    assert found.stdout.strip().splitlines()[-1] == "{'float32'}"


def test_the_fastest_way_is_measured_on_a_gpu_alone(start, device):
    made = start("tiny", "precision=auto")
    assert ended(made).state == "finished", log(made)
    measured = [event for event in made.events() if event["event"] == "speed"]
    if device == devices.CPU:
        assert not measured and made.status().precision == "float32"
    else:
        trials = measured[0]["trials"]
        assert any(trial["images_per_second"] for trial in trials), trials
        assert made.status().precision in {trial["precision"] for trial in trials}


def test_a_stopped_run_leaves_no_memory_taken_and_goes_on(start, device):
    before = used(device)
    made = start("tiny", "phases.0.epochs=3000")
    learning(made)
    assert device == devices.CPU or used(device) - before > FREED, "the run takes memory while it learns"
    control.stop(made)
    asked = time.monotonic()
    assert ended(made).state == "stopped", log(made)
    assert time.monotonic() - asked < 30, "a hang limit: ten seconds are promised"
    time.sleep(1)  # the driver frees what a process held a moment after it has ended
    assert used(device) - before < FREED
    epochs = len(made.history())
    control.resume(made)
    deadline = time.monotonic() + 300
    while len(made.history()) <= epochs:
        assert made.status().state.busy and time.monotonic() < deadline, log(made)
        time.sleep(0.1)
    rows = [int(row["epoch"]) for row in made.history()]
    assert rows == list(range(len(rows))), "one history, no epoch twice"


@pytest.mark.usefixtures("device")
def test_the_benchmark_of_a_fine_tune_runs(backend, tmp_path):
    """All of it but its size: on the processor, with a tiny network."""
    out = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks.gpu_finetune", "--cpu", "--rounds", "1", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": backend})
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(out.read_text())
    contenders = {way["name"]: way for way in found["batches"][0]["contenders"]}
    assert found["backend"].startswith(backend) and contenders["tutorial"]["images_per_second"] > 0
    assert not [way for way in contenders.values() if way["note"]]
