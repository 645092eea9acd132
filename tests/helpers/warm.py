"""Command lines in processes that have everything loaded already: forks of one process that imported it once.

Tests that start many runs start TensorFlow once for all of them, not once for each. What is forked is the command line
as a fresh process would run it: a session, an environment, a log and locks of its own, and a SIGKILL ends it.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.helpers import ROOT, moments


class Process:
    """What `subprocess.Popen` is to a process of one's own; its exit status is not known."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = None

    def poll(self) -> int | None:
        return None if self._handle is not None and not select.select([self._handle], [], [], 0)[0] else 0

    def wait(self, timeout: float | None = None) -> int:
        if self._handle is not None and not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a warm process", timeout or 0)
        return 0

    def go_on(self) -> None:
        """After it was held up with SIGSTOP."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None and self._handle is not None:
            signal.pidfd_send_signal(self._handle, number)


class Stable:
    """The process that is forked; it ends when this object's socket is closed.

    `prepare`, "module:function", is called in it once, before it is forked.
    """

    def __init__(self, prepare: str = "tests.helpers.warm:load_backend") -> None:
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.helpers.warm", str(theirs.fileno()), prepare]
        self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()

    def spawn(
        self,
        arguments: Sequence[str],
        log: Path,
        *,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Stands in for `processes.spawn`."""
        asked = {
            "arguments": list(arguments),
            "log": str(log),
            "environment": {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            "numbers": list(pass_fds),
        }
        socket.send_fds(self._socket, [json.dumps(asked).encode()], list(pass_fds))
        return Process(int(self._socket.recv(32)))

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


def load_backend() -> None:
    """Import Keras and its backend, and run nothing on it."""
    import xraykit.training.fit.fit  # noqa: F401
    from tests.helpers import backend
    from xraykit.models.conversion import convert

    backend.quick()
    convert.convert_in_subprocess = convert_here


def convert_here(network: Path, folder: Path, seconds: float = 300, feature_layer: str = "out_relu") -> None:
    """Stands in for `convert.convert_in_subprocess` where TensorFlow is loaded already: no child loads it again."""
    from xraykit.models.conversion import convert

    convert.convert(network, folder, feature_layer)


def load_readers() -> None:
    """Import what reads films and divides them, and no backend."""
    for module in ("sklearn.model_selection", "xraykit.datasets.inspection", "xraykit.models.folder_evaluation"):
        importlib.import_module(module)


def main() -> None:
    """Prepare, then fork for every command that is asked for."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    import xraykit.__main__

    module, function = sys.argv[2].split(":")
    getattr(importlib.import_module(module), function)()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no entry in the table of processes
    while True:
        request, descriptors, *_ = socket.recv_fds(requests, 2**20, 8)
        if not request:
            return
        pid = os.fork()
        if pid == 0:
            requests.close()
            _become(json.loads(request), descriptors, xraykit.__main__.main)
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(str(pid).encode())


def _become(asked: dict, descriptors: list[int], command_line) -> None:
    """Be the process that was asked for, to its end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for descriptor, number in zip(descriptors, asked["numbers"], strict=True):
            os.dup2(descriptor, number, inheritable=True)
            if descriptor not in asked["numbers"]:
                os.close(descriptor)
        log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(asked["environment"])
        moments.arm()
        command_line(asked["arguments"])
    except SystemExit as end:
        code = int(end.code or 0) if not isinstance(end.code, str) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
