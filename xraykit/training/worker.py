"""Runner: a run from its place in line to its end, in the process that trains it.

Every end has a state that says why, with a sentence of advice. The backend is imported only once the device is free.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import select
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from xraykit.datasets import dataset, index
from xraykit.system import device_queue, devices, files
from xraykit.system.job_folder import Stopped
from xraykit.training.recipe import recipe
from xraykit.training.run import control, failures, run
from xraykit.training.run.run import Run, RunRefused

Told = Callable[[str, int, int], None]  # a stage before the training, films done, films in all
Fit = Callable[..., None]
SAY_SECONDS = 0.5
PULSE_SECONDS = 2.0
PATIENCE_SECONDS = 6.0  # of a stop: a compilation or a long step cannot be interrupted, and ten seconds are promised


def go(
    found: Run,
    report: Callable[[Any], None] | None = None,
    *,
    told: Told | None = None,
    seen: Callable[[dataset.Dataset], None] | None = None,
    fit: Fit | None = None,
    **changes: Any,
) -> str:
    """Train a run in this process, from its place in line to its end; returns the state it ends in.

    `changes` are those of `engine.changes`; `report` is told each moment of the training, `told` what goes before it,
    `seen` the films once they are read; `fit` stands in for `training.fit`. SIGTERM and SIGINT ask the run to end in
    order. A run whose folder is deleted ends without a word: "lost".

    Raises
    ------
    RunRefused
        If another process holds the run, or it has finished.
    """
    with control.take(found, pid=os.getpid(), **control.changes(**changes)):
        with Pulse(found) as pulse:
            try:
                _train(found, report, (told or _nobody, seen or _nobody), fit, pulse)
                fields: dict[str, Any] = {"state": "finished"}
            except BaseException as error:
                fields = _end_of(found, error)
        return _leave(found, fields)


class Pulse:
    """A thread beside the training: heartbeat, readings of the device, and a stop that is kept whatever happens.

    Signals reach it through a socket, for Python tells its main thread of them only between two of its own steps.
    """

    def __init__(self, found: Run) -> None:
        self.run, self.key = found, ""
        self.asked: float | None = None  # when the stop was seen first
        self.gone: float | None = None  # when the folder was missed first
        self.ours, self.theirs = socket.socketpair()
        self.thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def watch(self, key: str) -> None:
        """Read this device from now on."""
        self.key = key

    def __enter__(self) -> Self:
        self.before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # no other may mind signals; the stop file remains
            self.theirs.setblocking(False)
            self.wakeup = signal.set_wakeup_fd(self.theirs.fileno(), warn_on_full_buffer=False)
            minded = (signal.SIGTERM, signal.SIGINT)
            self.before = {number: signal.signal(number, lambda *_: None) for number in minded}
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        if self.before:
            signal.set_wakeup_fd(self.wakeup)
        self.theirs.send(b"\0")
        self.thread.join()
        self.ours.close()
        self.theirs.close()

    def _beat(self) -> None:
        said = 0.0
        while True:
            heard = self.ours.recv(64) if select.select([self.ours], [], [], SAY_SECONDS)[0] else b""
            if b"\0" in heard:
                return
            if set(heard) & {signal.SIGTERM, signal.SIGINT}:
                self._stop()
            self._mind_the_stop()
            if time.monotonic() - said >= PULSE_SECONDS:
                said = time.monotonic()
                self._tell()

    def _stop(self) -> None:
        self.asked = self.asked or time.monotonic()
        with contextlib.suppress(RunRefused, OSError):  # no room for the file: the patience below still counts
            self.run.ask_to_stop()

    def _mind_the_stop(self) -> None:
        if self.asked is None and self.run.stop_asked():
            self.asked = time.monotonic()
        if self.asked is not None and time.monotonic() - self.asked > PATIENCE_SECONDS:
            words = "Ended where it could not be interrupted: compiling, or a long step. It can be resumed."
            _leave(self.run, {"state": "stopped", "message": words})
            os._exit(0)  # which frees the device, the lock and the place in line
        if self.gone is not None and time.monotonic() - self.gone > PATIENCE_SECONDS:
            os._exit(1)

    def _tell(self) -> None:
        """Heartbeat and readings; a full disk or a deleted folder is for the training to meet, and to say."""
        try:
            found = devices.readings(self.key, os.getpid()) if self.key else {}
            self.run.update(**found)
            if found:
                self.run.append("device.csv", {"time": round(time.time(), 1), **found})
            self.gone = None
        except (RunRefused, OSError):
            if not (self.run.path / "status.json").exists():
                self.gone = self.gone or time.monotonic()


def _nobody(*_: Any) -> None:
    """Hears nothing."""


def _train(found: Run, report: Any, listeners: tuple, fit: Fit | None, pulse: Pulse) -> None:
    told, seen = listeners
    chosen = _recipe_of(found)
    status = found.read("status.json")
    began = time.time()
    asked = status.get("asked_device") or devices.AUTO
    waited = float(status.get("queued_seconds") or 0)

    def waiting(key: str, place: int) -> None:
        found.update(device=key, place=place)
        told(f"{run.Stage.WAITING}: {key}, place {place}", 0, 0)

    with device_queue.turn(asked, found.name, waiting=waiting, stopped=found.stop_asked, backend=chosen.backend) as key:
        _stop_if_asked(found)
        os.environ.update(devices.environment(key, chosen.backend))  # before anything imports the backend
        found.update(
            state="running",
            device=key,
            device_name=devices.name_of(key),
            place=None,
            backend=chosen.backend,
            epochs=chosen.epochs,
            queued_seconds=round(waited + time.time() - began, 1),
            started=status.get("started") or files.now(),
        )
        found.event("started", device=key, backend=chosen.backend)
        pulse.watch(key)
        films = _films_of(found, chosen, Path(status["data"]), told)
        seen(films)
        found.update(stage="building the network", stage_done=None, stage_of=None)  # the backend's import is part of it
        if fit is None:
            logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are about its own tracing
            from xraykit.training.fit import fit as training

            fit = training.fit
        fit(found, chosen, films, report)


def _recipe_of(found: Run) -> recipe.Recipe:
    try:
        recorded = found.read("recipe.json")
    except RunRefused as error:
        raise recipe.RecipeRefused(str(error)) from None
    if not isinstance(recorded, dict):
        raise recipe.RecipeRefused(f"Expected a recipe in recipe.json; got {type(recorded).__name__}.")
    return recipe.from_dict(recorded)


def _films_of(found: Run, chosen: recipe.Recipe, folder: Path, told: Told) -> dataset.Dataset:
    """The films of the run, read and decoded; refused where they are others than it began with."""
    films = dataset.read(folder, _progress(found, "reading films", told))
    if (found.path / "data.json").exists():
        dataset.expect(films, found.read("data.json"), found.name)
    films.squares(chosen.image_size, chosen.channels, _progress(found, "decoding films", told))
    _stop_if_asked(found)
    return films


def _progress(found: Run, stage: str, told: Told) -> index.Progress:
    """Tells the status how far a stage is, a few times a second, and ends the run when asked."""
    said = [0.0]
    found.update(stage=stage, stage_done=None, stage_of=None)

    def progress(done: int, total: int) -> None:
        _stop_if_asked(found)
        told(stage, done, total)
        if time.monotonic() - said[0] > SAY_SECONDS or done == total:
            said[0] = time.monotonic()
            found.update(stage=stage, stage_done=done, stage_of=total)

    return progress


def _stop_if_asked(found: Run) -> None:
    if found.stop_asked():
        raise Stopped("Stopped before the training began.")


def _end_of(found: Run, error: BaseException) -> dict[str, Any]:
    """State, failure, advice and message of a run that did not finish; the traceback goes to log.txt."""
    if isinstance(error, Stopped):
        return {"state": "stopped", "message": str(error)}
    if not (found.path / "status.json").exists():
        return {"state": "lost"}
    kind = failures.kind_of(error)
    with contextlib.suppress(OSError), (found.path / "log.txt").open("a", encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))  # a full disk must not hide why the run failed
    message = str(error)[:500] or type(error).__name__
    return {"state": "failed", "failure": kind, "advice": failures.advice(error), "message": message}


def _leave(found: Run, fields: dict[str, Any]) -> str:
    """Write the state that the run ends in, whatever the disk says; nothing where its folder is gone."""
    state = fields["state"]
    fields |= {"stage": None, "place": None, "load": None, "memory": None, "ended": files.now()}
    fields["eta"] = 0.0 if state == "finished" else None
    if state == "lost" or not _write_end(found, fields):
        return "lost"
    with contextlib.suppress(OSError):  # the status has said it; a full disk has no room for the event
        found.event(state, **{key: fields[key] for key in ("failure", "message") if fields.get(key)})
        (found.path / "stop").unlink(missing_ok=True)
    return state


def _write_end(found: Run, fields: dict[str, Any]) -> bool:
    """False where the run's folder is gone."""
    for pause in (0.0, 0.2, 0.5, 1.0):
        time.sleep(pause)
        if not (found.path / "status.json").exists():
            return False
        try:
            found.update(**fields)
            return True
        except OSError as error:
            if error.errno not in (*failures.FULL, errno.ENOENT):
                raise
    _write_in_place(found, fields)
    return True


def _write_in_place(found: Run, fields: dict[str, Any]) -> None:
    """Overwrite the old status, whose room on the disk it has: no new file can be made."""
    status = {**found.read("status.json"), **fields, "heartbeat": time.time()}
    path = found.path / "status.json"
    text = json.dumps(status).encode()
    with path.open("r+b") as file:
        file.write(text.ljust(path.stat().st_size))
        file.truncate()
