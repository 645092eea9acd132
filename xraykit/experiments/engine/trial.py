"""One run of a trial, from its films to its figures: a run of Fine-tune, made, trained or resumed in this process."""

from __future__ import annotations

import functools
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from xraykit.datasets import dataset
from xraykit.datasets.dataset import Dataset
from xraykit.evaluation.evaluation import FILES, Evaluation
from xraykit.experiments import folds
from xraykit.experiments.engine import search
from xraykit.experiments.folds import Folds
from xraykit.experiments.study_folder import FOLDS, StudyFolder, TrialRun
from xraykit.system import devices, files
from xraykit.system.job_folder.record import State
from xraykit.training import audited, worker
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import run as runs
from xraykit.training.run.run import STATUS, Failure, RunRefused, Stage, Status

POLL_SECONDS = 0.5
DATA = "data.json"
Reader = Callable[..., Evaluation]  # as `worker.read_held_out`


def run_trial(
    folder: StudyFolder,
    tried: TrialRun,
    device: str = devices.AUTO,
    *,
    failed: bool = False,
    granted: str | None = None,
    fit: worker.Fit | None = None,
) -> State:
    """Train a run of a study in this process, from where it stands to its end; returns the state it ends in.

    It is made where it is not there, resumed from its checkpoint where it was stopped or lost, and left where it has
    finished, was cut, or failed. Where another process is at it, that one is waited for.

    Parameters
    ----------
    device : key of the device to queue for, or "auto".
    failed : train it again where it failed.
    granted, fit : as for `worker.train`.

    Raises
    ------
    StudyFolderRefused, DatasetRefused, RunRefused, OSError
        If the study's files or films cannot be read, or the run cannot be made.
    """
    status = _unattended(folder, tried, failed)
    if status is not None and (status.state is State.FINISHED or (status.state is State.FAILED and not failed)):
        return status.state
    if (status is not None and status.state.busy) or folder.stop_asked() or tried.is_cut():
        return State.STOPPED
    if status is None:
        _make(folder, tried, device)
    if not (tried.run.path / DATA).is_file():
        _record_films(folder, tried)
    judge = search.Judge(folder, tried)
    return worker.train(tried.run, judge.look, fit=fit, granted=granted, device=device)


def read_held_out(tried: TrialRun, granted: str | None = None, reader: Reader = worker.read_held_out) -> None:
    """Read the study's held-out films with a finished run's network, once: its evaluation.json is kept.

    Raises
    ------
    RunRefused, DatasetRefused, OSError
        As `worker.read_held_out`.
    """
    path = tried.run.path / FILES["test"]
    if not path.is_file():
        files.replace_text(path, reader(tried.run, granted=granted).to_json())


def recipe_of(tried: TrialRun) -> Recipe:
    """The recipe of a run: that of its trial, with its seed."""
    return tried.trial.recipe.change(seed=tried.seed)


def _unattended(folder: StudyFolder, tried: TrialRun, failed: bool) -> Status | None:
    """Where the run stands once no other process is at it, or a stop is asked; None where it is to be made anew."""
    run = tried.run
    while (run.path / STATUS).is_file():
        try:
            status = run.status()
        except RunRefused:
            if not failed:
                raise
            return None  # nobody could go on with it
        if status.failure is Failure.CHECKPOINT and failed:
            return None
        if not status.state.busy or folder.stop_asked():
            return status
        time.sleep(POLL_SECONDS)
    return None


def _make(folder: StudyFolder, tried: TrialRun, device: str) -> None:
    """The run's folder; what a killed process left half made, or nobody can go on with, is cleared away."""
    shutil.rmtree(tried.run.path, ignore_errors=True)
    recipe = recipe_of(tried)
    runs.create(
        json.loads(recipe.to_json()),
        folder.recorded().data,
        folder.runs_folder,
        tried.name,
        asked_device=device,
        stage=Stage.WAITING,
        epoch=0,
        epochs=recipe.epochs,
        backend=recipe.backend,
    )
    if (folder.path / audited.FILE).is_file():
        tried.run.write(audited.FILE, folder.read(audited.FILE))


def _record_films(folder: StudyFolder, tried: TrialRun) -> None:
    """The run's data.json: without it the run would divide the films by itself."""
    stamp = (folder.path / FOLDS).stat().st_mtime_ns
    films, divided = _films_of(folder, Path(folder.recorded().data), stamp)
    plan = recipe_of(tried).split_plan
    tried.run.write(DATA, folds.recorded(films, divided, tried.fold, plan))


@functools.lru_cache(maxsize=1)
def _films_of(folder: StudyFolder, data: Path, stamp: int) -> tuple[Dataset, Folds]:
    """The films of the study and their folds, read once in this process."""
    films = dataset.read(data)
    return films, folds.from_json(folder.read(FOLDS), films, folder.name)
