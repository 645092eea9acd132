"""Worker: a run from its place in the queue to its end, in the process that trains it.

Every end has a state that says why, with a sentence of advice. The backend is imported only once the device is free.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import msgspec

from xraykit.datasets import dataset, pool, split
from xraykit.datasets.reading import index
from xraykit.evaluation.evaluation import FILES, Evaluation
from xraykit.system import device_queue, devices, files
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.system.job_folder.record import State
from xraykit.training import audited
from xraykit.training.recipe import recipe as recipes
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import control, ending
from xraykit.training.run.heartbeat import TICK_SECONDS, Heartbeat
from xraykit.training.run.recorder import OnMoment, RunRecorder
from xraykit.training.run.run import Run, RunRefused, Stage

if TYPE_CHECKING:  # they import the backend
    import numpy as np

OnStage = Callable[[str, int, int], None]  # a stage before the training, films done, films in all
OnFilms = Callable[[dataset.Dataset], None]
Fit = Callable[[Run, Recipe, dataset.Dataset, OnMoment], None]


def _ignore(*_: Any) -> None:
    pass


def train(
    run: Run,
    on_moment: OnMoment = _ignore,
    *,
    on_stage: OnStage = _ignore,
    on_films: OnFilms = _ignore,
    fit: Fit | None = None,
    granted: str | None = None,
    **changes: Any,
) -> State:
    """Train a run in this process, from its place in the queue to its end; returns the state it ends in.

    SIGTERM and SIGINT ask the run to stop. A run whose folder is deleted ends without a trace: LOST.

    Parameters
    ----------
    on_moment : is given each moment of the training.
    on_stage : is given what comes before the training.
    on_films : is given the films once they are read.
    fit : stands in for `learn`.
    granted : key of a device that the caller has given to this process alone, as a cluster does: nothing queues for it.
    changes : as for `control.changes`.

    Raises
    ------
    RunRefused
        If another process holds the run, or it has finished.
    """
    with control.take(run, pid=os.getpid(), **control.changes(**changes)):
        with Heartbeat(run) as heartbeat:
            try:
                recipe = _recipe_of(run)
                with _device(run, recipe, on_stage, granted) as key:
                    heartbeat.watch(key)
                    films = _films_of(run, recipe, on_stage)
                    on_films(films)
                    # The backend's import is part of building the network
                    run.update(stage=Stage.BUILDING, stage_done=None, stage_of=None)
                    (fit or learn)(run, recipe, films, on_moment)
                end: dict[str, Any] = {"state": State.FINISHED}
            except BaseException as error:
                end = ending.end_of(run, error)
        return ending.leave(run, end)


def learn(run: Run, recipe: Recipe, films: dataset.Dataset, on_moment: OnMoment = _ignore) -> None:
    """Train a run on the device of this process, or go on from its checkpoint; raises as `plan.make`, `fit.fit`.

    What the training needs to know is read here, once; what it says is written by a RunRecorder.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are about its own tracing
    from xraykit.training.fit import fit
    from xraykit.training.fit import plan as plans

    fit.let_go()
    recorder, status = RunRecorder(run, recipe, on_moment), run.status()
    plan = plans.make(
        run.name,
        recipe,
        films,
        recorder,
        recorded=_read_if_there(run, "data.json"),
        device_name=status.device_name or "",
        accumulation=status.split or 1,
        finish=bool(status.finish),
        seconds_per_epoch=_estimated(run),
    )
    described = split.describe(films, plan.parts, plan.learned, recipe.division)
    run.write(
        "data.json", described | pool.describe(films.root) | audited.remembered(run, films.listing, recipe.split_plan)
    )
    with fit.distributed(recipe) if status.device == devices.ALL else contextlib.nullcontext():
        fit.fit(plan, recorder)


def read_held_out(
    run: Run,
    films: dataset.Dataset | None = None,
    indices: np.ndarray | None = None,
    *,
    part: str = "test",
    granted: str | None = None,
) -> Evaluation:
    """Read films with a finished run's network in this process, from its place in the queue for a device.

    Writes nothing: where the run's test split was held out, it is whoever asks that keeps the reading.

    Parameters
    ----------
    films : those that the run learned from, where they are read already; else they are read where they lie.
    indices : (n,) int64, the films to read; those that the run's data.json calls held out, where not given.
    part : what the reading calls them: "<dataset>, <part> split".
    granted : as for `train`.

    Raises
    ------
    RunRefused
        If the run has not finished, or held out no film and none are given.
    DatasetRefused
        If the films are not where they were, or are others.
    """
    status, recipe = run.status(), _recipe_of(run)
    if status.state is not State.FINISHED:
        raise RunRefused(f"Expected a finished run; {run.name} is {status.state}.")
    if films is None:
        films = dataset.read(Path(status.data))
    chosen = split.recorded(films, run.read("data.json"), run.name).held_out if indices is None else indices
    if len(chosen) == 0:
        raise RunRefused(f"The run {run.name} held out no films. Its reading of the test split is in {FILES['test']}.")
    queue = device_queue.turn(status.asked_device or devices.AUTO, run.name, backend=recipe.backend)
    with contextlib.nullcontext(granted) if granted else queue as key:
        os.environ.update(devices.environment(key, recipe.backend))  # before anything imports the backend
        from xraykit.training.fit import fit

        squares = films.squares(recipe.image_size, recipe.channels)
        logits = fit.read_logits(run.path / "model.keras", squares, chosen)
    return fit.evaluate(run.name, films, chosen, part, logits)


@contextlib.contextmanager
def _device(run: Run, recipe: Recipe, on_stage: OnStage, granted: str | None) -> Iterator[str]:
    """The run's turn on its device, whose key it gives; the run is running from here on."""
    status, began = run.status(), time.time()

    def waiting(key: str, place: int) -> None:
        run.update(device=key, place=place)
        on_stage(f"{Stage.WAITING}: {key}, position {place}", 0, 0)

    asked = granted or status.asked_device or devices.AUTO
    queue = {"waiting": waiting, "stopped": run.stop_asked, "backend": recipe.backend}
    with contextlib.nullcontext(granted) if granted else device_queue.turn(asked, run.name, **queue) as key:
        _stop_if_asked(run)
        os.environ.update(devices.environment(key, recipe.backend))  # before anything imports the backend
        run.update(
            state=State.RUNNING,
            device=key,
            device_name=devices.name_of(key),
            place=None,
            backend=recipe.backend,
            epochs=recipe.epochs,
            queued_seconds=round((status.queued_seconds or 0) + time.time() - began, 1),
            started=status.started or files.now(),
        )
        run.event("started", device=key, backend=recipe.backend)
        yield key


def _recipe_of(run: Run) -> Recipe:
    try:
        recorded = run.read("recipe.json")
    except RunRefused as error:
        raise recipes.RecipeRefused(str(error)) from None
    if not isinstance(recorded, dict):
        raise recipes.RecipeRefused(f"Expected a recipe in recipe.json; got {type(recorded).__name__}.")
    return recipes.from_dict(recorded)


def _films_of(run: Run, recipe: Recipe, on_stage: OnStage) -> dataset.Dataset:
    """The films of the run, read and decoded; refused where they are others than it began with."""
    films = dataset.read(Path(run.status().data), _progress(run, Stage.READING, on_stage))
    if (recorded := _read_if_there(run, "data.json")) is not None:
        dataset.expect(films, recorded, run.name)
    films.squares(recipe.image_size, recipe.channels, _progress(run, Stage.DECODING, on_stage))
    _stop_if_asked(run)
    return films


def _read_if_there(run: Run, file: str) -> Any:
    return run.read(file) if (run.path / file).is_file() else None


def _estimated(run: Run) -> tuple[float, ...]:
    """Seconds per epoch of each phase as estimated before the start; empty where nobody did, or it cannot be read."""
    with contextlib.suppress(RunRefused, msgspec.ValidationError, UnicodeError):  # half a character
        estimate = msgspec.convert(run.read("estimate.json"), _Estimate)
        return tuple(phase["seconds_per_epoch"] for phase in estimate["phases"])
    return ()


class _EstimatedPhase(TypedDict):
    seconds_per_epoch: Annotated[float, msgspec.Meta(ge=0, lt=1e9)]


class _Estimate(TypedDict):
    phases: list[_EstimatedPhase]


def _progress(run: Run, stage: Stage, on_stage: OnStage) -> index.Progress:
    """Writes how far a stage is, a few times a second, and ends the run when asked."""
    written = 0.0
    run.update(stage=stage, stage_done=None, stage_of=None)

    def progress(done: int, total: int) -> None:
        nonlocal written
        _stop_if_asked(run)
        on_stage(stage, done, total)
        if time.monotonic() - written > TICK_SECONDS or done == total:
            written = time.monotonic()
            run.update(stage=stage, stage_done=done, stage_of=total)

    return progress


def _stop_if_asked(run: Run) -> None:
    if run.stop_asked():
        raise Stopped("Stopped before the training began.")
