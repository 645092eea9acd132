"""Devices of this computer, of computers it is not, and the lines before them. No backend is started here."""

import contextlib
import importlib.metadata
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from xraykit import doctor
from xraykit.system import device_queue, devices, files
from xraykit.system.job_folder.job_folder import Stopped

HANG = 60
GIB = 2**30


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def two_gpus(monkeypatch):
    """NVIDIA's library of a computer with two GPUs, the second with more free memory."""
    nvml = types.ModuleType("pynvml")
    memory = {0: (4, 16), 1: (10, 16)}
    nvml.nvmlDeviceGetCount = lambda: 2
    nvml.nvmlDeviceGetHandleByIndex = lambda number: number
    nvml.nvmlDeviceGetName = lambda number: f"GPU of test {number}"
    nvml.nvmlDeviceGetMemoryInfo = lambda number: types.SimpleNamespace(
        free=memory[number][0] * GIB, total=memory[number][1] * GIB, used=GIB
    )
    nvml.nvmlDeviceGetUtilizationRates = lambda number: types.SimpleNamespace(gpu=50)
    nvml.nvmlDeviceGetComputeRunningProcesses = lambda number: [types.SimpleNamespace(pid=7, usedGpuMemory=3 * GIB)]
    monkeypatch.setattr(devices, "nvml_library", lambda: nvml)
    monkeypatch.setattr(devices, "reaches_gpu", lambda backend: True)
    return nvml


def test_the_processor_is_always_there():
    processor = devices.available()[-1]
    assert processor.key == "cpu" and "cores" in processor.name
    assert processor.memory_total > processor.memory_free > 0


def test_gpus_come_first_with_name_memory_and_load(two_gpus):
    first, second, processor = devices.available()
    assert (first.key, first.name, first.load) == ("gpu 0", "GPU of test 0", 0.5)
    assert (second.memory_free, second.memory_total) == (10 * GIB, 16 * GIB)
    assert processor.key == "cpu" and devices.why_no_gpu() == ""


def test_what_a_card_does_not_tell_is_left_out(two_gpus):
    def refuse(number):
        raise RuntimeError("Not Supported")

    two_gpus.nvmlDeviceGetMemoryInfo = two_gpus.nvmlDeviceGetUtilizationRates = refuse
    first = devices.available()[0]
    assert first.name == "GPU of test 0" and first.memory_free is None and first.load is None
    assert "memory not reported" in doctor.gpus()[0].found


def test_gpus_hidden_by_the_environment_are_not_offered(two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [device.key for device in devices.available()] == ["gpu 1", "cpu"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert [device.key for device in devices.available()] == ["cpu"]
    assert "CUDA_VISIBLE_DEVICES" in devices.why_no_gpu()


def test_a_broken_driver_is_a_sentence(monkeypatch):
    def broken():
        raise RuntimeError("Driver/library version mismatch")

    monkeypatch.setattr(devices, "nvml_library", broken)
    assert [device.key for device in devices.available()] == ["cpu"]
    assert "mismatch" in devices.why_no_gpu() and "driver" in devices.why_no_gpu()
    assert devices.readings("gpu 0", 1) == {"load": None, "memory": None}
    assert doctor.gpus()[0].state == "optional"


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    devices.nvml_library.cache_clear()
    assert "pip install nvidia-ml-py" in devices.why_no_gpu()
    assert doctor.gpus()[0].found == devices.NOT_LOOKED


def test_windows_is_sent_to_wsl2(monkeypatch):
    monkeypatch.setattr(devices, "gpus", lambda: ([], "NVML Shared Library Not Found"))
    monkeypatch.setattr(devices.platform, "system", lambda: "Windows")
    assert "WSL2" in devices.why_no_gpu("tensorflow")


def test_a_backend_without_cuda_is_told_what_to_install(two_gpus, monkeypatch):
    monkeypatch.setattr(devices, "reaches_gpu", lambda backend: False)
    assert "pip install 'tensorflow[and-cuda]'" in devices.why_no_gpu("tensorflow")
    assert "jax[cuda" in devices.why_no_gpu("jax")
    assert device_queue.choose("auto", "tensorflow") == "cpu"


@pytest.mark.parametrize(
    ("backend", "installed", "reaches"),
    [
        ("tensorflow", ["tensorflow", "nvidia-cudnn-cu12"], True),
        ("tensorflow", ["tensorflow-cpu"], False),
        ("jax", ["jax", "jaxlib"], False),
        ("jax", ["jax", "jax-cuda12-plugin"], True),
        ("torch", [], False),
    ],
)
def test_a_backends_cuda_is_seen_by_its_packages(backend, installed, reaches, monkeypatch):
    packages = [types.SimpleNamespace(metadata={"Name": name}) for name in installed]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: packages)
    devices.reaches_gpu.cache_clear()
    try:
        assert devices.reaches_gpu(backend) is reaches
    finally:
        devices.reaches_gpu.cache_clear()


def test_the_environment_leaves_a_backend_one_device():
    chosen = devices.environment("gpu 1", "jax")
    assert (chosen["KERAS_BACKEND"], chosen["CUDA_VISIBLE_DEVICES"]) == ("jax", "1")
    assert chosen["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false" and chosen["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    chosen = devices.environment("cpu", "tensorflow")
    assert chosen["CUDA_VISIBLE_DEVICES"] == "-1" and chosen["JAX_PLATFORMS"] == "cpu"


def test_readings_are_of_the_process_that_is_asked_about(two_gpus):
    assert devices.readings("gpu 0", 7) == {"load": 0.5, "memory": 3 * GIB}
    assert devices.readings("gpu 0", 8)["memory"] == GIB, "in a container the number is another: all that is used"


def test_an_unknown_device_is_refused_with_those_there_are(two_gpus):
    with pytest.raises(devices.DeviceRefused, match="gpu 0, gpu 1, cpu"), device_queue.turn("gpu 5", "x"):
        pass


def test_auto_takes_a_free_gpu_with_the_most_memory_then_the_shortest_line(two_gpus):
    with device_queue.turn("auto", "a") as first, device_queue.turn("auto", "b") as second:
        assert (first, second) == ("gpu 1", "gpu 0")
        with pytest.raises(Stopped), device_queue.turn("auto", "c", stopped=lambda: True):
            pass
    with device_queue.turn("gpu 0", "a"), device_queue.turn("auto", "b") as key:
        assert key == "gpu 1"


def test_whoever_waits_for_any_gpu_takes_the_first_that_is_free(two_gpus):
    seen, free = [], threading.Event()

    def hold_the_first():
        with device_queue.turn("gpu 0", "b"):
            free.wait(HANG)

    with device_queue.turn("gpu 1", "a"):
        other = threading.Thread(target=hold_the_first)
        other.start()
        while not device_queue.line("gpu 0"):
            time.sleep(0.01)
        with device_queue.turn("auto", "c", waiting=lambda *told: (seen.append(told), free.set())) as key:
            assert seen[0] == ("gpu 1", 1) and key == "gpu 0"
        other.join()


def test_the_line_is_first_come_first_served(monkeypatch):
    monkeypatch.setattr(device_queue, "POLL_SECONDS", 0.01)
    order, places, threads = [], {}, []

    def wait(name):
        with device_queue.turn("cpu", name, waiting=lambda key, place: places.setdefault(name, []).append(place)):
            order.append(name)

    with device_queue.turn("cpu", "first"):
        for name in ("second", "third", "fourth"):
            threads.append(threading.Thread(target=wait, args=(name,)))
            threads[-1].start()
            _until(lambda name=name: name in places)
        assert device_queue.line("cpu") == ["first", "second", "third", "fourth"]
    for thread in threads:
        thread.join(HANG)
    assert order == ["second", "third", "fourth"]
    assert places["fourth"][0] == 3 and places["second"] == [1]
    assert device_queue.line("cpu") == []


def test_the_place_of_a_killed_process_is_free():
    code = (
        "import sys; from xraykit.system import device_queue\n"
        "with device_queue.turn('cpu', 'killed'): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert device_queue.line("cpu") == ["killed"]
    holder.kill()
    holder.wait()
    assert device_queue.line("cpu") == []
    with device_queue.turn("cpu", "next") as key:
        assert key == "cpu"


@pytest.fixture
def beside(monkeypatch):
    """Do something in a thread, as another process would at this moment: until it is done, or waits for the line."""
    change, asked, held, threads = device_queue._line_changing, set(), [], []

    @contextlib.contextmanager
    def line_changing():
        asked.add(threading.current_thread())
        with change():
            held.append(threading.current_thread())
            try:
                yield
            finally:
                held.clear()

    def do(act):
        thread = threading.Thread(target=act)
        thread.start()
        threads.append(thread)
        _until(lambda: not thread.is_alive() or (thread in asked and held == [threading.current_thread()]))

    monkeypatch.setattr(device_queue, "_line_changing", line_changing)
    yield do
    for thread in threads:
        thread.join(HANG)


def test_a_ticket_that_goes_while_another_looks_at_the_line_ends_no_run(monkeypatch, beside):
    lock, leaving = files.try_lock, contextlib.ExitStack()

    def look(file, shared=False):
        if shared and file.name.endswith("stays"):
            beside(leaving.close)
        return lock(file, shared)

    monkeypatch.setattr(device_queue, "_place", lambda path: 0)
    with device_queue.turn("cpu", "stays"):
        leaving.enter_context(device_queue.turn("cpu", "leaves"))
        monkeypatch.setattr(files, "try_lock", look)
        assert device_queue.line("cpu")[0] == "stays"


def test_a_run_that_leaves_takes_no_ticket_of_the_same_name_with_it(monkeypatch, beside):
    """Runs of two studies have the same names."""
    unlink, turns = Path.unlink, contextlib.ExitStack()

    def leave(path, missing_ok=False):
        monkeypatch.setattr(Path, "unlink", unlink)
        beside(lambda: turns.enter_context(device_queue.turn("cpu", "t001-f1-s0")))
        path.unlink(missing_ok)

    with device_queue.turn("cpu", "t001-f1-s0"):
        monkeypatch.setattr(Path, "unlink", leave)
    _until(lambda: device_queue.line("cpu") == ["t001-f1-s0"])
    turns.close()


def test_a_look_at_the_devices_clears_no_ticket_away_that_is_being_taken(monkeypatch, beside):
    lock = files.try_lock

    def take(file, shared=False):
        if not shared and file.name.endswith("run"):
            beside(lambda: device_queue.choose("auto"))
        return lock(file, shared)

    monkeypatch.setattr(files, "try_lock", take)
    with device_queue.turn("cpu", "run"):
        assert device_queue.line("cpu") == ["run"]


def _until(condition):
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_all_gpus_are_held_as_one(two_gpus):
    with device_queue.turn(devices.ALL, "wide", backend="jax") as key:
        assert key == devices.ALL
        assert device_queue.line("gpu 0") == device_queue.line("gpu 1") == ["wide"]
    assert device_queue.line("gpu 0") == device_queue.line("gpu 1") == []
    assert devices.environment(devices.ALL, "jax")["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert devices.name_of(devices.ALL) == "GPU of test 0 and GPU of test 1"
    assert devices.readings(devices.ALL, 7) == {"load": 0.5, "memory": 6 * GIB}


def test_all_gpus_are_refused_where_they_cannot_be_one(two_gpus, monkeypatch):
    with pytest.raises(devices.DeviceRefused, match="backend jax; the recipe's is torch"):
        device_queue.choose(devices.ALL, "torch")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(devices.DeviceRefused, match="two or more; this computer has 1"):
        device_queue.choose(devices.ALL, "jax")
