"""Processes: `python -m xraykit ...` in a session of its own, which outlives the process that started it.

And bare processes of multiprocessing, which end with their parent; memory handed back. Knows nothing of jobs.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from xraykit.system import folders

THREAD_CAPS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class _BareProcess(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _bare_parent():
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]


class _BareContext(SpawnContext):
    Process = _BareProcess


CONTEXT = _BareContext()
_spawning = threading.Lock()


def give_memory_back() -> None:
    """Hand what was freed back to the system, where the C library keeps it: glibc does, for what it may need again."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def end_with_parent() -> None:
    """Wait for the parent's end and end with it: for a thread of a process started through `CONTEXT`."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _bare_parent() -> Iterator[None]:
    """For the instant of a spawn: thread caps in the environment and an empty `__main__`.

    The caps must be there before the child imports NumPy, which it does on arrival. The child would also import
    the parent's `__main__` again, a Streamlit page or a script without a guard among them.
    """
    with _spawning:
        main = sys.modules["__main__"]
        before = {name: os.environ.get(name) for name in THREAD_CAPS}
        os.environ.update(dict.fromkeys(THREAD_CAPS, "1"))
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def our_environment() -> dict[str, str]:
    """What to start a process of ours with: this one's environment, with xraykit on its path.

    Other threads set thread caps in it for the instant of a spawn: those are no matter of this one.
    """
    with _spawning:
        ours = dict(os.environ)
    return ours | {"PYTHONPATH": os.pathsep.join(filter(None, (str(folders.REPOSITORY), ours.get("PYTHONPATH"))))}


def spawn(
    arguments: Sequence[str], log: Path, *, pass_fds: Sequence[int] = (), environment: Mapping[str, str] | None = None
) -> subprocess.Popen:
    """Start `python -m xraykit ARGUMENTS`; what it prints is added to the file `log`.

    `pass_fds` are descriptors that it is to hold too (none on Windows); `environment` is added to this process's own.
    """
    apart = {"creationflags": 0x208} if os.name == "nt" else {"start_new_session": True, "pass_fds": tuple(pass_fds)}
    with open(log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "xraykit", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            close_fds=True,
            env={**our_environment(), "PYTHONUNBUFFERED": "1", **(environment or {})},
            **apart,
        )
    # Waited for, or it would stay in the table of processes until this one ends
    threading.Thread(target=process.wait, name=f"waits for {process.pid}", daemon=True).start()
    return process
