"""Worker: a run from its place in the queue to its end, in the process that trains it.

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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypedDict

import msgspec

from xraykit.datasets import dataset, pool, split
from xraykit.datasets.reading import index
from xraykit.evaluation.evaluation import FILES, Evaluation
from xraykit.refused import Refused
from xraykit.system import device_queue, devices, files
from xraykit.system.job_folder import State, Stopped
from xraykit.training import audited
from xraykit.training.recipe import recipe as recipes
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import control, failures, passes
from xraykit.training.run.run import CHECKPOINT, STATUS, Run, RunRefused, Stage

if TYPE_CHECKING:  # they import the backend
    import numpy as np

    from xraykit.training.fit.callbacks import Moment
    from xraykit.training.fit.checkpoint import Checkpoint, Progress

OnStage = Callable[[str, int, int], None]  # a stage before the training, films done, films in all
OnMoment = Callable[["Moment"], None]
OnFilms = Callable[[dataset.Dataset], None]
Fit = Callable[[Run, Recipe, dataset.Dataset, OnMoment], None]
TICK_SECONDS = 0.5  # between two looks for a stop, and between two writings of how far a stage is
HEARTBEAT_SECONDS = 2.0
PATIENCE_SECONDS = 6.0  # of a stop: a compilation or a long step cannot be interrupted, and ten seconds are promised
MOMENTS = "moments.csv"


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
                end = _end_of(run, error)
        return _leave(run, end)


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
        "data.json", described | pool.describe(films.root) | audited.remembered(run, films.digest, recipe.split_plan)
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


class RunRecorder:
    """Writes what a training says of itself into the run's folder: a `training.fit.callbacks.Recorder`."""

    def __init__(self, run: Run, recipe: Recipe, on_moment: OnMoment = _ignore) -> None:
        self.run, self.recipe, self.on_moment = run, recipe, on_moment

    def begin(self, progress: Progress, epochs: int) -> None:
        self.run.restore_history(progress.epoch, [_row(row) for row in progress.history])
        self.run.truncate(MOMENTS, progress.epoch)
        self.run.update(epoch=progress.epoch, epochs=epochs, step=progress.step, **_facts(progress))

    def stage(self, stage: Stage, **facts: Any) -> None:
        self.run.update(stage=stage, **facts)

    def moment(self, moment: Moment) -> None:
        progress, figures = moment.progress, moment.figures
        pace = None if moment.images_per_second is None else round(moment.images_per_second, 1)
        self.run.update(
            stage=Stage.LEARNING,
            epoch=progress.epoch,
            epochs=moment.epochs,
            step=progress.step,
            steps=moment.steps,
            phase=progress.phase,
            eta=moment.eta,
            learning_rate=moment.learning_rate,
            progressed=time.time(),
            **figures,
            **({} if pace is None else {"images_per_second": pace}),
            **_facts(progress),
        )
        if progress.step:
            row: dict[str, Any] = {"epoch": round(progress.epoch + progress.step / moment.steps, 4)}
            row |= {name: round(figures[name], 6) for name in ("loss", "accuracy") if name in figures}
            row |= {"learning_rate": moment.learning_rate, "images_per_second": "" if pace is None else pace}
            self.run.append(MOMENTS, row)
        self.on_moment(moment)

    def epoch(self, row: Mapping[str, float]) -> None:
        self.run.append_history(_row(row))

    def event(self, what: str, **fields: Any) -> None:
        self.run.event(what, **fields)

    def passed(self, made: passes.Pass) -> None:
        passes.record(self.run, made)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        from xraykit.training.fit import checkpoint as checkpoints

        checkpoints.write(self.run.path / CHECKPOINT, checkpoint, self.recipe)

    def last_checkpoint(self) -> Checkpoint | None:
        from xraykit.training.fit import checkpoint as checkpoints

        return checkpoints.load(self.run.path / CHECKPOINT, self.recipe)

    def result(self, network: Any, evaluations: Mapping[str, Evaluation]) -> None:
        for part, evaluation in evaluations.items():
            files.replace_text(self.run.path / FILES[part], evaluation.to_json())
        unfinished = self.run.path / ".model.part.keras"
        network.save(unfinished)
        unfinished.replace(self.run.path / "model.keras")

    def stop_asked(self) -> bool:
        return self.run.stop_asked()


def _row(row: Mapping[str, float]) -> dict[str, float | str]:
    """An epoch as history.csv has it."""
    plain = {"epoch", "phase", "learning_rate"}
    texts = {name: value if name in plain else f"{value:.7g}" for name, value in row.items()}
    return texts | {"seconds": round(row["seconds"], 2)}


def _facts(progress: Progress) -> dict[str, float | int | str | None]:
    """What the status says of a training's progress."""
    return {
        "best_epoch": progress.best_epoch,
        "best_loss": progress.best_loss,
        "best_accuracy": progress.best_accuracy,
        "learning_seconds": round(progress.learning_seconds + progress.epoch_seconds, 1),
        "split": progress.accumulation,
        "precision": progress.precision,
    }


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
            _leave(self.run, {"state": State.STOPPED, "message": words})
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


def _end_of(run: Run, error: BaseException) -> dict[str, Any]:
    """State, failure, advice and message of a run that did not finish; the traceback goes to log.txt."""
    if isinstance(error, Stopped):
        return {"state": State.STOPPED, "message": str(error)}
    if not (run.path / STATUS).exists():
        return {"state": State.LOST}
    with contextlib.suppress(OSError), (run.path / "log.txt").open("a", encoding="utf-8") as log:
        # What led to a refusal is a library's, and may hold what stands in a file: it is not told
        chain = not isinstance(error, Refused)
        log.write("".join(traceback.format_exception(error, chain=chain)))  # a full disk must not hide why it failed
    return {
        "state": State.FAILED,
        "failure": failures.kind_of(error),
        "advice": failures.advice(error),
        "message": failures.words(error)[:500],
    }


def _leave(run: Run, end: dict[str, Any]) -> State:
    """Write the state that the run ends in, whatever the disk says; nothing where its folder is gone."""
    state = end["state"]
    end |= {"stage": None, "place": None, "load": None, "memory": None, "ended": files.now()}
    end["eta"] = 0.0 if state is State.FINISHED else None
    if state is State.LOST or not _write_end(run, end):
        return State.LOST
    with contextlib.suppress(OSError):  # the status has said it; a full disk has no room for the event
        run.event(state, **{key: end[key] for key in ("failure", "message") if end.get(key)})
        run.forget_stop()
    return state


def _write_end(run: Run, end: dict[str, Any]) -> bool:
    """False where the run's folder is gone."""
    for pause in (0.0, 0.2, 0.5, 1.0):
        time.sleep(pause)
        if not (run.path / STATUS).exists():
            return False
        try:
            run.update(**end)
            return True
        except OSError as error:
            if error.errno not in (*failures.FULL, errno.ENOENT):
                raise
    _write_in_place(run, end)
    return True


def _write_in_place(run: Run, end: dict[str, Any]) -> None:
    """Overwrite the old status, whose room on the disk it has: no new file can be made."""
    path = run.path / STATUS
    text = json.dumps({**run.read(STATUS), **end, "heartbeat": time.time()}).encode()
    with path.open("r+b") as file:
        file.write(text.ljust(path.stat().st_size))
        file.truncate()
