"""A module of this folder run in a process of its own, where a network library may crash, hang or be killed.

The child ends with its parent, takes a bounded amount of memory, and hands a refusal back as a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from xraykit.models.cards.card import ModelRefused
from xraykit.system import processes

REFUSAL, LOG = "refusal.json", "child.log"
POLL_SECONDS = 0.2
MEMORY_CODE = "memory"
NO_MEMORY = "needs more memory than there is to be converted. Close other programs, or convert it on a larger computer"
SPARE_MEMORY = 8 * 2**30  # bytes of address space for what is computed, beside what the libraries took on arrival


class ChildFailed(Exception):
    """The child crashed or ran over its time; the words say how it ended, as they stand after "expected"."""


def run(
    module: str, arguments: Sequence[str], work: Path, seconds: float, while_waiting: Callable[[], None] = lambda: None
) -> None:
    """Run `python -m MODULE ARGUMENTS WORK` and wait for its end; whatever `while_waiting` raises kills it.

    Raises
    ------
    ModelRefused
        What the child refused.
    ChildFailed
        If it crashed or took longer than `seconds`.
    """
    log = work / LOG
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, str(work)],
            env=_environment(),
            stdin=subprocess.PIPE,  # closed by the system when this process is gone, however it ended
            stdout=subprocess.DEVNULL,
            stderr=output,
        )
        try:
            _wait(process, seconds, while_waiting)
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None  # a pipe, asked for above
            process.stdin.close()
    if (work / REFUSAL).exists():
        raise ModelRefused(**json.loads((work / REFUSAL).read_text("utf-8")))
    if process.returncode != 0:
        raise ChildFailed(f"a conversion without a crash; {_end(process.returncode)}")


def _end(code: int) -> str:
    """How a process ended, by its exit code: what it printed is a library's."""
    if code >= 0:
        return f"its process ended with the exit code {code}"
    try:
        return f"its process was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"its process was ended by the signal {-code}"


def answer(work: Path, convert: Callable[[], None]) -> None:
    """The child's side: convert, and leave a refusal as a file. Ends the process once the parent is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        convert()
    except ModelRefused as refused:
        (work / REFUSAL).write_text(json.dumps({"words": refused.words, "code": refused.code}), "utf-8")


def is_out_of_memory(error: BaseException) -> bool:
    """Does Python or TensorFlow say by the type of the error that memory ran out?"""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def limit_memory() -> None:
    """From now on this process may take SPARE_MEMORY more: a few bytes of config can ask for terabytes."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limit on Windows
        import resource

        import psutil

        taken = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (taken + SPARE_MEMORY, resource.RLIM_INFINITY))


def _wait(process: subprocess.Popen, seconds: float, while_waiting: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            process.wait(POLL_SECONDS)
            return
        except subprocess.TimeoutExpired:
            while_waiting()
        if time.monotonic() > end:
            raise ChildFailed(f"a conversion within {seconds:g} s; it was ended")


def _end_with_parent() -> None:
    if os.read(0, 1) == b"":
        os._exit(1)


def _environment() -> dict[str, str]:
    return processes.our_environment() | {
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
