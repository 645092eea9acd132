"""Devices: the GPUs and the CPU of this computer, and what they are doing.

Never imports a backend; a driver that is missing or broken is a sentence, never an error.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xraykit.refused import Refused

CPU, AUTO = "cpu", "auto"
ALL = "all gpus"  # as one: each batch is divided among them
NOT_LOOKED = "nvidia-ml-py is not installed"


class DeviceRefused(Refused):
    """A device that this computer does not have; the message says which it has."""

    code = "device"


@dataclass(frozen=True)
class Device:
    """`key` "gpu 0" (NVIDIA's number) or "cpu"; memory in bytes, load 0..1; None where it cannot be read."""

    key: str
    name: str
    memory_total: int | None
    memory_free: int | None
    load: float | None


def available() -> list[Device]:
    """The GPUs that a run may use, then the processor. Never raises."""
    return [*gpus()[0], _processor()]


def name_of(key: str) -> str:
    """The name of a device in words; the key itself where it is not seen any more."""
    if key == ALL:
        return " and ".join(gpu.name for gpu in gpus()[0]) or key
    return next((device.name for device in available() if device.key == key), key)


def gpus() -> tuple[list[Device], str]:
    """The NVIDIA GPUs that a run may use, and why there are none, as the driver says it."""
    try:
        nvml = nvml_library()
        visible = [_gpu(nvml, number) for number in range(nvml.nvmlDeviceGetCount()) if _visible(number)]
        return visible, "" if visible else "the driver lists none"
    except ImportError:
        return [], NOT_LOOKED
    except Exception as error:  # the NVIDIA library raises its own classes, some only at import
        return [], str(error)


def can_look() -> bool:
    """Is the library here that tells of NVIDIA GPUs?"""
    return importlib.util.find_spec("pynvml") is not None


def why_no_gpu(backend: str = "tensorflow") -> str:
    """Why no run can use a GPU here and what to do, in plain words; empty where one can."""
    available_gpus, reason = gpus()
    if not available_gpus and platform.system() == "Windows" and backend == "tensorflow":
        return (
            "TensorFlow cannot use a GPU on Windows itself. Run xraykit inside WSL2, with NVIDIA's driver on Windows."
        )
    if not can_look():
        return f"GPUs cannot be found: {NOT_LOOKED}. Run: pip install nvidia-ml-py"
    if not available_gpus and os.environ.get("CUDA_VISIBLE_DEVICES") is not None and _nvml_opens():
        return "CUDA_VISIBLE_DEVICES hides every GPU from xraykit. Unset it, or set it to the number of a GPU."
    if not available_gpus:
        return (
            f"No NVIDIA GPU found ({reason.rstrip('.')}). If this computer has one, install its driver and check with "
            "`nvidia-smi`."
        )
    if reaches_gpu(backend):
        return ""
    return f"There is a GPU, but {backend} cannot use it: it has no CUDA libraries. Run: {_CUDA[backend]}"


_CUDA = {
    "tensorflow": "pip install 'tensorflow[and-cuda]'",
    "jax": "pip install 'jax[cuda12]'",
    "torch": "pip install torch (a build with CUDA)",
}


@functools.lru_cache
def reaches_gpu(backend: str) -> bool:
    """Does the installed backend come with what it needs to compute on a GPU? Looked up, the backend is not imported.

    Looks for the pip packages, then for a CUDA of the system itself (containers).
    """
    installed = (package.metadata["Name"] or "" for package in importlib.metadata.distributions())
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in installed}
    if backend == "torch":
        return "torch" in names and "+cpu" not in importlib.metadata.version("torch")
    if backend == "jax":
        return any(re.fullmatch(r"jax-cuda\d+-(plugin|pjrt)", name) for name in names)
    if not names & {"tensorflow", "tf-nightly"}:
        return False  # tensorflow-cpu, or none
    return any(name.startswith("nvidia-cudnn") for name in names) or _system_has("cudnn")


def environment(key: str, backend: str) -> dict[str, str]:
    """What must stand in the environment before the backend is imported, so that it computes on that device alone.

    GPU memory is taken as it is needed, so that what is shown is what is used.
    """
    asked = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2")}
    if key == CPU:
        return {**asked, "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    keys = [gpu.key for gpu in gpus()[0]] if key == ALL else [key]
    return {
        **asked,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # NVML's numbers; CUDA's own order is by speed
        "CUDA_VISIBLE_DEVICES": ",".join(each.removeprefix("gpu ") for each in keys),
        "JAX_PLATFORMS": "",  # its own choice, a GPU first
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


def readings(key: str, pid: int) -> dict[str, float | int | None]:
    """`load` (0..1) of the device and `memory` (bytes) that the process holds on it; None where it cannot be read."""
    if key == CPU:
        return _process_readings(pid)
    if key == ALL:
        each = [readings(gpu.key, pid) for gpu in gpus()[0]]
        loads = [reading["load"] for reading in each if reading["load"] is not None]
        memories = [reading["memory"] for reading in each if reading["memory"] is not None]
        return {"load": sum(loads) / len(loads) if loads else None, "memory": sum(memories) if memories else None}
    try:
        nvml = nvml_library()
        handle = nvml.nvmlDeviceGetHandleByIndex(int(key.removeprefix("gpu ")))
        own = {process.pid: process.usedGpuMemory for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle)}
        memory = own.get(pid) or _read(lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used)  # containers hide numbers
        return {"load": _read(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100), "memory": memory}
    except Exception:  # readings are for the eye: a driver that fails must not end a training
        return {"load": None, "memory": None}


@functools.lru_cache
def nvml_library() -> Any:
    """NVIDIA's library, opened once; what it raises is not remembered."""
    import pynvml

    pynvml.nvmlInit()
    return pynvml


def _nvml_opens() -> bool:
    return _read(lambda: nvml_library().nvmlDeviceGetCount()) not in (None, 0)


def _gpu(nvml: Any, number: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    memory = _read(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    name = nvml.nvmlDeviceGetName(handle)
    return Device(
        key=f"gpu {number}",
        name=name.decode() if isinstance(name, bytes) else name,
        memory_total=memory and int(memory.total),
        memory_free=memory and int(memory.free),
        load=_read(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
    )


def _visible(number: int) -> bool:
    """Has whoever started this process left it this GPU? Names of other kinds than numbers are left to CUDA."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or re.search("[A-Za-z]", chosen):
        return True
    return str(number) in re.findall(r"-?\d+", chosen)


def _processor() -> Device:
    import psutil

    memory = _read(psutil.virtual_memory)
    load = _read(lambda: psutil.cpu_percent() / 100)
    total, free = (int(memory.total), int(memory.available)) if memory else (None, None)
    return Device(CPU, f"{_processor_name()}, {os.cpu_count()} cores", total, free, load)


@functools.lru_cache
def _processor_name() -> str:
    with contextlib.suppress(OSError):
        if name := re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE):
            return name[1]
    return platform.processor() or platform.machine() or "processor"


@functools.lru_cache(maxsize=4)
def _process(pid: int) -> Any:
    import psutil

    return psutil.Process(pid)  # kept: it tells the load since it was last asked


def _process_readings(pid: int) -> dict[str, float | int | None]:
    return {
        "load": _read(lambda: min(1.0, _process(pid).cpu_percent() / 100 / (os.cpu_count() or 1))),
        "memory": _read(lambda: _process(pid).memory_info().rss),
    }


def _system_has(library: str) -> bool:
    import ctypes.util

    return ctypes.util.find_library(library) is not None


def _read(reading: Callable[[], Any]) -> Any:
    """A reading, or None: some are not given to every user, on every card or inside a container."""
    try:
        return reading()
    except Exception:  # NVML and psutil each raise their own classes
        return None
