"""Engine: starts a run in a process that outlives the page, goes on with it, stops it, deletes it.

Trains nothing itself and imports no backend.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import IO, Any

from xraykit.system import processes
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import run
from xraykit.training.run.run import Run, RunRefused

LOCK_VARIABLE = "XRAYKIT_RUN_LOCK"  # the descriptor on which a launched process finds its run locked already
WAITING = "waiting for the device"


def start(
    recipe: Recipe, data: str | Path, device: str = "auto", root: str | Path | None = None, name: str | None = None
) -> Run:
    """Make a run and start the process that trains it; returns at once.

    `device` is a key of `devices.available()` or "auto"; `root` is `run.root_folder()` if not given.

    Raises
    ------
    RunRefused
        If the name is not plain or already taken.
    """
    recorded = json.loads(recipe.to_json())
    made = run.create(
        recorded,
        Path(data).resolve(),
        root,
        name,
        asked_device=device,
        stage=WAITING,
        epoch=0,
        epochs=recipe.epochs,
        backend=recipe.backend,
    )
    _launch(made)
    return made


def resume(found: Run, data: str | Path | None = None, device: str | None = None, finish: bool = False) -> Run:
    """Start the process that goes on with a run that was stopped, failed or was lost; returns at once.

    `data` is where the films are now, if they were moved; `device` another one than was asked for; with `finish` it
    learns no more: what was learned so far is evaluated and saved, and the run has finished.

    Raises
    ------
    RunRefused
        If the run has finished, goes on, cannot be read, was written by a version with another format, or is to finish
        with nothing learned.
    """
    check_resumable(found, finish)
    _launch(found, **changes(data, device, finish))
    return found


def changes(data: str | Path | None = None, device: str | None = None, finish: bool = False) -> dict[str, Any]:
    """Fields of the status that say where the films are now, which device is asked for and whether to learn on."""
    return {
        **({} if data is None else {"data": str(Path(data).resolve())}),
        **({} if device is None else {"asked_device": device}),
        **({"finish": True} if finish else {}),
    }


def check_resumable(found: Run, finish: bool = False) -> dict[str, Any]:
    """The status of a run that can be gone on with; RunRefused says why another cannot."""
    status = found.status()
    if finish and not (found.path / run.CHECKPOINT).is_file():
        raise RunRefused(f"Expected a checkpoint of the run {found.name} to finish with; nothing was learned yet.")
    if status["state"] == "finished":
        raise RunRefused(f"The run {found.name} has finished. To train longer, start a new run with more epochs.")
    if status["state"] in run.BUSY:
        raise RunRefused(f"The run {found.name} is {status['state']} already; another process is at it.")
    return status


def stop(found: Run) -> None:
    """Ask a run to end in order; within ten seconds it has. RunRefused where it does not go on."""
    state = found.status()["state"]
    if state not in run.BUSY:
        raise RunRefused(f"Expected a running or queued run; {found.name} is {state}.")
    found.ask_to_stop()


def delete(found: Run) -> None:
    """Delete a run's folder; RunRefused while a process works in it."""
    if Run(found.path / "keeping").alive():
        raise RunRefused(f"A model is being kept from the run {found.name}. Wait until it is.")
    if found.alive():
        raise RunRefused(f"Expected a run that has ended; {found.name} goes on. Stop it first.")
    if not (found.path / "status.json").exists():
        raise RunRefused(f"Expected a run named {found.name} in {found.path.parent}; there is none.")
    away = found.path.with_name(f".{found.name}.{uuid.uuid4().hex[:8]}.deleted")
    os.replace(found.path, away)  # gone from every list at once, however long the rest takes
    shutil.rmtree(away, ignore_errors=True)


def handed() -> bool:
    """Is this the process that was launched for a run, with its lock in hand?"""
    return LOCK_VARIABLE in os.environ


def take(found: Run, **fields: Any) -> IO[Any]:
    """Hold the lock of a run that is to be trained in this process, and put it to queued with these fields.

    The lock is the one that the launching process has handed on, else a new one.

    Raises
    ------
    RunRefused
        If another process holds it, or the run has finished.
    """
    number = os.environ.pop(LOCK_VARIABLE, "")
    if number.isdecimal() and _is_file(int(number), found.path / "lock"):
        os.set_inheritable(int(number), False)  # what this process starts must not keep the run alive
        found.update(**fields)  # no more: a stop may have been asked since the launch
        return os.fdopen(int(number), "a")
    lock = found.hold()
    try:
        _begin_again(found, **fields)
    except BaseException:
        lock.close()
        raise
    return lock


def _begin_again(found: Run, **fields: Any) -> None:
    """Put a run, whose lock is held, back to queued: what its last end left behind is cleared away."""
    if found.status()["state"] == "finished":
        raise RunRefused(f"The run {found.name} has finished. To train longer, start a new run with more epochs.")
    (found.path / "stop").unlink(missing_ok=True)
    for part in found.path.glob("**/.*.part"):
        part.unlink(missing_ok=True)
    found.update(
        state="queued",
        stage=WAITING,
        stage_done=None,
        stage_of=None,
        place=None,
        eta=None,
        ended=None,
        failure=None,
        advice=None,
        message=None,
        load=None,
        memory=None,
        images_per_second=None,
        **fields,
    )


def _launch(found: Run, **changed: Any) -> None:
    """Start the process of a run and hand it the locked file: at no moment does the run look lost."""
    with found.hold() as lock:
        _begin_again(found, **changed)
        arguments = ["runs", "resume", found.name, "--runs", str(found.path.parent.resolve())]
        if os.name == "nt":  # no descriptor can be handed on; `run.GRACE_SECONDS` covers the gap
            lock.close()
            processes.spawn(arguments, found.path / "log.txt")
            return
        number = lock.fileno()
        processes.spawn(arguments, found.path / "log.txt", pass_fds=[number], environment={LOCK_VARIABLE: str(number)})


def wait(found: Run, seconds: float) -> dict[str, Any]:
    """The status once the run has ended, or after so many seconds."""
    end = time.monotonic() + seconds
    while (status := found.status())["state"] in run.BUSY and time.monotonic() < end:
        time.sleep(0.1)
    return status


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
