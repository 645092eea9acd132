"""Ray: the runs of a study on a Ray cluster, one task a run, on a GPU or a share of a processor.

Ray is an extra: it is imported here alone, when a study asks for it. The study's folder lies where all machines see it;
everything that is known stands there, so that a study which was killed is started again and goes on.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xraykit.experiments.engine import session, trial
from xraykit.experiments.engine.session import OnState, Session
from xraykit.experiments.engine.trial import Reader
from xraykit.experiments.study_folder import StudyFolder, StudyState, TrialRun
from xraykit.refused import Refused, words_of
from xraykit.system import devices, folders
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.system.job_folder.record import State
from xraykit.training import worker
from xraykit.training.run.run import RunRefused

TICK_SECONDS = 0.5
STOP_SECONDS = 9.0
RETRIES = 3  # of a task whose process or machine died
CPUS_EACH = 2.0  # share of a machine that a run without a GPU takes
SETTINGS = ("XRAYKIT_IMAGENET", "XRAYKIT_CACHE", "XRAYKIT_WEIGHTS", "TF_CPP_MIN_LOG_LEVEL")  # handed to every machine


class RayRefused(Refused):
    """A cluster that cannot be used; the words say what to do."""

    code = "ray"


def run(
    folder: StudyFolder,
    address: str = "auto",
    *,
    cpus: float = CPUS_EACH,
    gpus: float | None = None,
    failed: bool = False,
    on_state: OnState = session.ignore,
    fit: worker.Fit | None = None,
    reader: Reader = worker.read_held_out,
    settings: Mapping[str, str] | None = None,
) -> StudyState:
    """Run a study to its end on a cluster; returns where it stands then.

    Parameters
    ----------
    address : of the cluster, as `ray status` knows it; "auto" for the one that this machine belongs to; "local" to
        start one of this machine alone.
    cpus, gpus : what each run takes of a machine; a GPU where the cluster has any, if not given.
    failed, on_state, fit, reader : as for `local.run`.
    settings : environment of the tasks, beside `SETTINGS`.

    Raises
    ------
    RayRefused
        If Ray is not installed, or there is no cluster.
    StudyFolderRefused
        If another process is at work on the study, or its files cannot be read.
    """
    library = _library()
    with _cluster(library, address, settings or {}):
        gpus = _gpus(library) if gpus is None else gpus
        places = _places(library, cpus, gpus)
        with session.at_work(folder, "ray", folder.recorded().device, places, failed, on_state) as at_work:
            tasks = _Tasks(library, folder, {"num_cpus": cpus, "num_gpus": gpus}, fit, reader)
            while _turn(at_work, tasks, places):
                tasks.wait()
            at_work.choose(tasks.read)
    return folder.state()


def _turn(at_work: Session, tasks: _Tasks, places: int) -> bool:
    """Take what has ended and give what is next; False where nothing is at work or left. Raises Stopped."""
    tasks.take(at_work)
    if at_work.stopping():
        _stop(at_work, tasks)
    while len(tasks.busy) < places and (tried := at_work.next(tasks.busy)) is not None:
        tasks.give(at_work, tried)
    at_work.report(tasks.busy)
    return bool(tasks.busy) or at_work.has_more()


def _stop(at_work: Session, tasks: _Tasks) -> None:
    end = time.monotonic() + STOP_SECONDS
    while tasks.busy and time.monotonic() < end:
        for tried in tasks.busy:
            with contextlib.suppress(RunRefused):  # it has no folder yet
                tried.run.ask_to_stop()
        tasks.wait()
        tasks.take(at_work)
    tasks.cancel()
    raise Stopped("Stopped.")


class _Tasks:
    """What the cluster is at: a task a run."""

    def __init__(
        self, library: Any, folder: StudyFolder, share: Mapping[str, float], fit: worker.Fit | None, reader: Reader
    ) -> None:
        self.library, self.folder, self.fit, self.reader = library, folder, fit, reader
        once = {"max_calls": 1} if "backend" in folder.study().factors else {}  # a process imports one backend
        self.work = library.remote(max_retries=RETRIES, **share, **once)(_work)
        self.tasks: dict[Any, tuple[TrialRun, float]] = {}

    @property
    def busy(self) -> list[TrialRun]:
        return [tried for tried, _ in self.tasks.values()]

    def give(self, at_work: Session, tried: TrialRun) -> None:
        at_work.begin(tried)
        task = self.work.remote(str(self.folder.path), tried.name, at_work.failed, self.fit)
        self.tasks[task] = tried, time.monotonic()

    def wait(self) -> None:
        """Until a task has ended, half a second at most."""
        if self.tasks:
            self.library.wait(list(self.tasks), timeout=TICK_SECONDS)
        else:
            time.sleep(TICK_SECONDS)

    def take(self, at_work: Session) -> None:
        """Note how runs have ended."""
        if not self.tasks:
            return
        for task in self.library.wait(list(self.tasks), num_returns=len(self.tasks), timeout=0)[0]:
            tried, began = self.tasks.pop(task)
            state, problem = self._result(task)
            at_work.end(tried, state, time.monotonic() - began, problem)

    def read(self, tried: TrialRun) -> None:
        """Read the held-out films with a run's network somewhere in the cluster; RunRefused where it fails."""
        task = self.work.remote(str(self.folder.path), tried.name, False, self.reader, True)
        state, problem = self._result(task)
        if state is not State.FINISHED:
            raise RunRefused(problem or f"The process that read with {tried.name} ended unexpectedly.")

    def cancel(self) -> None:
        for task in self.tasks:
            self.library.cancel(task, force=True)

    def _result(self, task: Any) -> tuple[State, str]:
        """The state that a run ends in, and why it could not even begin; LOST where its process died each time."""
        try:
            state, problem = self.library.get(task)
            return State(state), problem
        except self.library.exceptions.RayError:  # its text is the library's, and may hold anything
            return State.LOST, ""


def _work(folder: str, name: str, failed: bool, hand: Any, reads: bool = False) -> tuple[str, str]:
    """A task, in a process of the cluster: train a run, or read the held-out films with its network."""
    study = StudyFolder(Path(folder))
    device = _granted()
    try:
        tried = next(tried for tried in study.runs() if tried.name == name)
        if reads:
            trial.read_held_out(tried, device, hand)
            return State.FINISHED, ""
        return trial.run_trial(study, tried, device, failed=failed, granted=device, fit=hand), ""
    except (Refused, OSError, MemoryError) as error:
        return State.FAILED, f"{name}: {words_of(error)}"


def _granted() -> str:
    """The key of the device that Ray has given to this task."""
    given = _library().get_runtime_context().get_accelerator_ids().get("GPU", [])
    return f"gpu {given[0]}" if given else devices.CPU


def _library() -> Any:
    if importlib.util.find_spec("ray") is None:
        raise RayRefused(
            "This study is to run on a Ray cluster, and Ray is not installed here. Run: pip install -r "
            "requirements-ray.txt. Without Ray, run it with --engine local."
        )
    import ray  # the package of that name: this module is xraykit's own

    return ray


@contextlib.contextmanager
def _cluster(library: Any, address: str, settings: Mapping[str, str]) -> Any:
    """A connection to the cluster, and what its processes need to find xraykit; left as it was found."""
    if library.is_initialized():
        yield
        return
    path = os.pathsep.join(filter(None, (str(folders.REPOSITORY), os.environ.get("PYTHONPATH"))))
    handed = {name: os.environ[name] for name in SETTINGS if name in os.environ}
    environment = {"env_vars": {"PYTHONPATH": path, **handed, **settings}}
    try:
        library.init(address=address, runtime_env=environment, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError):  # its text is the library's
        raise RayRefused(
            f"There is no Ray cluster at {address!r}. Start one with `ray start --head`, on further machines with "
            "`ray start --address=HEAD:6379`; docs/cluster.md tells how. `--address local` takes this machine alone."
        ) from None
    try:
        yield
    finally:
        library.shutdown()


def _gpus(library: Any) -> float:
    return 1.0 if library.cluster_resources().get("GPU", 0) >= 1 else 0.0


def _places(library: Any, cpus: float, gpus: float) -> int:
    """How many runs the cluster has room for."""
    there = library.cluster_resources()
    room = [there.get("CPU", 0) / cpus if cpus else 10**6, there.get("GPU", 0) / gpus if gpus else 10**6]
    if (places := int(min(room))) < 1:
        raise RayRefused(
            f"A run takes {cpus:g} processors{f' and {gpus:g} GPU' if gpus else ''}; the cluster has "
            f"{there.get('CPU', 0):g} processors and {there.get('GPU', 0):g} GPUs in all. Add machines to it."
        )
    return places
