"""Beside a training, in a thread: that the run is alive, how its device is, a stop that is kept whatever happens."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from typing import Any, Self

from xraykit.system import devices
from xraykit.system.job_folder.record import State
from xraykit.training.run import ending
from xraykit.training.run.run import STATUS, Run, RunRefused

TICK_SECONDS = 0.5  # between two looks for a stop, and between two writings of how far a stage is
HEARTBEAT_SECONDS = 2.0
PATIENCE_SECONDS = 6.0  # of a stop: a compilation or a long step cannot be interrupted, and ten seconds are promised


class Heartbeat:
    """A thread beside the training: heartbeat, readings of the device, and a stop that is kept whatever happens.

    Signals reach it through a socket, for Python tells its main thread of them only between two of its own steps.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.device = ""
        self.stop_seen: float | None = None  # when a stop was seen first
        self.missed: float | None = None  # when the folder was missed first
        self.ours, self.theirs = socket.socketpair()
        self.thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.handlers: dict[int, Any] = {}  # of signals, as they were before
        self.wakeup = -1  # the descriptor that signals were written to before

    def watch(self, device: str) -> None:
        """Read this device from now on."""
        self.device = device

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may mind signals; the stop file remains
            self.theirs.setblocking(False)
            self.wakeup = signal.set_wakeup_fd(self.theirs.fileno(), warn_on_full_buffer=False)
            for number in (signal.SIGTERM, signal.SIGINT):
                self.handlers[number] = signal.signal(number, lambda *_: None)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        if self.handlers:
            signal.set_wakeup_fd(self.wakeup)
        self.theirs.send(b"\0")
        self.thread.join()
        self.ours.close()
        self.theirs.close()

    def _beat(self) -> None:
        last = 0.0
        while True:
            heard = self.ours.recv(64) if select.select([self.ours], [], [], TICK_SECONDS)[0] else b""
            if b"\0" in heard:
                return
            if set(heard) & {signal.SIGTERM, signal.SIGINT}:
                self._ask_to_stop()
            self._lose_patience()
            if time.monotonic() - last >= HEARTBEAT_SECONDS:
                last = time.monotonic()
                self._write()

    def _ask_to_stop(self) -> None:
        self.stop_seen = self.stop_seen or time.monotonic()
        with contextlib.suppress(RunRefused, OSError):  # no room for the file: the patience below still counts
            self.run.ask_to_stop()

    def _lose_patience(self) -> None:
        """End the process where the training has not heard of a stop, or of its folder's end, for too long."""
        now = time.monotonic()
        if self.stop_seen is None and self.run.stop_asked():
            self.stop_seen = now
        if self.stop_seen is not None and now - self.stop_seen > PATIENCE_SECONDS:
            words = "Stopped during a compilation or a long step, which cannot be interrupted. It can be resumed."
            ending.leave(self.run, {"state": State.STOPPED, "message": words})
            os._exit(0)  # which frees the device, the lock and the place in the queue
        if self.missed is not None and now - self.missed > PATIENCE_SECONDS:
            os._exit(1)

    def _write(self) -> None:
        """Heartbeat and readings; a full disk or a deleted folder is for the training to meet, and to say."""
        try:
            readings = devices.readings(self.device, os.getpid()) if self.device else {}
            self.run.update(**readings)
            if readings:
                self.run.append("device.csv", {"time": round(time.time(), 1), **readings})
            self.missed = None
        except (RunRefused, OSError):
            if not (self.run.path / STATUS).exists():
                self.missed = self.missed or time.monotonic()
