"""LocalService: a process of ours beside this one, started by module name, spoken to over a private socket.

It is gone when its parent is, however the parent ended. Knows nothing of films or networks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import AuthenticationError, connection
from pathlib import Path

from xraykit.system import processes

CONNECT_SECONDS = 15.0
log = logging.getLogger(__name__)


class LocalService:
    """A running `python -m module` whose `main` calls `serve`; starting one returns at once."""

    def __init__(self, module: str, environment: dict[str, str] | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="xraykit-"))  # 0700
        self._key = secrets.token_bytes(32)
        # A session of its own: Ctrl-C in a terminal ends the parent, whose end ends this one in order.
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", module, _address(self._folder)],
            stdin=subprocess.PIPE,
            env=processes.our_environment() | (environment or {}),
            start_new_session=True,
        )
        assert process.stdin is not None  # a pipe, asked for above
        self._stdin = process.stdin
        with contextlib.suppress(BrokenPipeError):  # already dead: connect() says so
            self._stdin.write(self._key.hex().encode() + b"\n")
            self._stdin.flush()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def connect(self, seconds: float = CONNECT_SECONDS) -> connection.Connection:
        """A connection for one call; waits until the process listens. Raises ConnectionError."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return connection.Client(_address(self._folder), authkey=self._key)
            except (OSError, EOFError) as error:
                if not self.alive or time.monotonic() > deadline:
                    raise ConnectionError(f"Expected process {self.pid} to listen; it does not.") from error
                time.sleep(0.01)

    def end(self, seconds: float = 2.0) -> None:
        """End the process and what it started; kill it when it does not go within `seconds`."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def serve(handle: Callable[[connection.Connection], None]) -> None:
    """Run the service's side for ever: listen, hand each connection to `handle` in a thread of its own.

    Ends the process, and every process it started, when the parent is gone: stdin ends, or the parent's id
    changes. Not PR_SET_PDEATHSIG: it fires when the *thread* that started us ends, as a server's do.
    """
    address = sys.argv[1]
    key = bytes.fromhex(_read_line().decode())
    threading.Thread(target=_leave_with_parent, args=(Path(address).parent, os.getppid()), daemon=True).start()
    with connection.Listener(address, backlog=64, authkey=key) as listener:
        while True:
            try:
                caller = listener.accept()
            except (AuthenticationError, EOFError, OSError) as error:
                log.warning("a caller was turned away (%s)", type(error).__name__)
                continue
            threading.Thread(target=_answer, args=(handle, caller), daemon=True).start()


def leave(folder: Path | None = None) -> None:
    """End this process and its children at once, whatever other threads are doing."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    shutil.rmtree(folder or Path(sys.argv[1]).parent, ignore_errors=True)
    os._exit(0)


def _answer(handle: Callable[[connection.Connection], None], caller: connection.Connection) -> None:
    with caller:
        try:
            handle(caller)
        except (EOFError, ConnectionError) as error:
            log.info("a caller left before its answer (%s)", type(error).__name__)


def _leave_with_parent(folder: Path, parent: int) -> None:
    if os.name == "posix":
        while not select.select([0], [], [], 1.0)[0] and os.getppid() == parent:
            pass
    else:
        os.read(0, 1)
    leave(folder)


def _read_line() -> bytes:
    """A line of stdin, unbuffered: a thread waiting in a buffered read would hold up the process's end."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(0)  # the parent died before it said anything
        line += byte
    return line.strip()


def _address(folder: Path) -> str:
    return rf"\\.\pipe\{folder.name}" if os.name == "nt" else str(folder / "socket")
