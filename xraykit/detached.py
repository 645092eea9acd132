"""Detached: starts `python -m xraykit ...` in a session of its own, so that it outlives the process that asked for it.

Knows nothing of runs or works.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


def spawn(
    arguments: Sequence[str], log: Path, *, pass_fds: Sequence[int] = (), environment: Mapping[str, str] | None = None
) -> subprocess.Popen:
    """Start `python -m xraykit ARGUMENTS`; what it prints is added to the file `log`.

    `pass_fds` are descriptors that it is to hold too (none on Windows); `environment` is added to this process's own.
    """
    source = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    apart = {"creationflags": 0x208} if os.name == "nt" else {"start_new_session": True, "pass_fds": tuple(pass_fds)}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "xraykit", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            close_fds=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(environment or {})},
            **apart,
        )
    # Waited for, or it would stay in the table of processes until this one ends
    threading.Thread(target=process.wait, name=f"waits for {process.pid}", daemon=True).start()
    return process
