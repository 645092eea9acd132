"""Control: starts a run in a process that outlives the page, resumes it, stops it, deletes it.

Trains nothing itself and imports no backend.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import IO, Any

from xraykit.system import folders
from xraykit.system.job_folder.job_folder import JobFolder
from xraykit.system.job_folder.record import State
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import run as runs
from xraykit.training.run.run import CHECKPOINT, Run, RunRefused, Stage, Status

# What the last end of a run left behind, and is no longer true when it begins again
FRESH = dict.fromkeys(
    ("stage_done", "stage_of", "place", "eta", "ended", "failure", "advice", "message")
    + ("load", "memory", "images_per_second")
)


def start(
    recipe: Recipe, data: str | Path, device: str = "auto", root: str | Path | None = None, name: str | None = None
) -> Run:
    """Make a run and start the process that trains it; returns at once.

    `device` is a key of `devices.available()` or "auto"; `root` is `folders.runs_folder()` if not given.

    Raises
    ------
    RunRefused
        If the name is not plain or already taken.
    """
    run = runs.create(
        json.loads(recipe.to_json()),
        Path(data).resolve(),
        root,
        name,
        asked_device=device,
        stage=Stage.WAITING,
        epoch=0,
        epochs=recipe.epochs,
        backend=recipe.backend,
    )
    _launch(run)
    return run


def resume(run: Run, data: str | Path | None = None, device: str | None = None, finish: bool = False) -> Run:
    """Start the process that resumes a run that was stopped, failed or was lost; returns at once.

    `data` is where the films are now, if they were moved; `device` another one than was asked for; with `finish` it
    trains no more: what was learned so far is evaluated and saved, and the run has finished.

    Raises
    ------
    RunRefused
        If the run has finished, has not ended, cannot be read, was written by a version with another format, or is to
        finish with nothing learned.
    """
    check_resumable(run, finish)
    _launch(run, **changes(data, device, finish))
    return run


def changes(data: str | Path | None = None, device: str | None = None, finish: bool = False) -> dict[str, Any]:
    """Fields of Status that say where the films are now, which device is asked for and whether to train on."""
    return {
        **({} if data is None else {"data": str(Path(data).resolve())}),
        **({} if device is None else {"asked_device": device}),
        **({"finish": True} if finish else {}),
    }


def check_resumable(run: Run, finish: bool = False) -> Status:
    """The status of a run that can be resumed; RunRefused says why another cannot."""
    status = run.status()
    if finish and not (run.path / CHECKPOINT).is_file():
        raise RunRefused(f"The run {run.name} has no checkpoint to finish with: nothing was learned yet.")
    _refuse_finished(run, status)
    if status.state.busy:
        raise RunRefused(f"The run {run.name} is {status.state} already.")
    return status


def stop(run: Run) -> None:
    """Ask a run to stop; within ten seconds it has. RunRefused where it has ended."""
    state = run.status().state
    if not state.busy:
        raise RunRefused(f"The run {run.name} cannot be stopped: it is {state}.")
    run.ask_to_stop()


def delete(run: Run) -> None:
    """Delete a run's folder; RunRefused while a process is at work in it, or a model is being saved from it."""
    if JobFolder(run.path / "keeping").alive():
        raise RunRefused(f"A model is being saved from the run {run.name}. Wait until it is done.")
    if not (run.path / runs.STATUS).exists():
        raise RunRefused(f"There is no run named {run.name} in {run.path.parent}: none was deleted.")
    run.remove()


def take(run: Run, **fields: Any) -> IO[Any]:
    """Hold the lock of a run that is to be trained in this process, and put it to queued with these fields of Status.

    The lock is the one that the launching process has handed on, else a new one.

    Raises
    ------
    RunRefused
        If another process holds it, or the run has finished.
    """
    if (lock := run.handed_lock()) is not None:
        run.update(**fields)  # no more: a stop may have been asked since the launch
        return lock
    lock = run.hold()
    try:
        _begin_again(run, **fields)
    except BaseException:
        lock.close()
        raise
    return lock


def wait(run: Run, seconds: float) -> Status:
    """The status once the run has ended, or after so many seconds."""
    end = time.monotonic() + seconds
    while (status := run.status()).state.busy and time.monotonic() < end:
        time.sleep(0.1)
    return status


def _launch(run: Run, **changed: Any) -> None:
    arguments = ["runs", "resume", run.name, "--runs", str(run.path.parent.resolve())]
    run.launch(arguments, lambda: _begin_again(run, **changed))


def _begin_again(run: Run, **fields: Any) -> None:
    """Put a run, whose lock is held, back to queued: what its last end left behind is cleared away."""
    _refuse_finished(run, run.status())
    folders.close_private(run.path)
    for part in (*run.path.glob("**/.*.part"), *run.path.glob("**/.*.part.keras")):
        part.unlink(missing_ok=True)
    run.update(state=State.QUEUED, stage=Stage.WAITING, **FRESH, **fields)


def _refuse_finished(run: Run, status: Status) -> None:
    if status.state is State.FINISHED:
        raise RunRefused(f"The run {run.name} has finished. To train longer, start a new run with more epochs.")
