"""Local: the runs of a study one after the other on each of this computer's devices.

The study's process trains nothing: each device has a process of its own, which works through many runs, as importing
the backend takes seconds. One that dies costs its run alone, and ends with the study's process, however that ends.
"""

from __future__ import annotations

import contextlib
import multiprocessing.connection
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xraykit.experiments.engine import session, trial
from xraykit.experiments.engine.session import OnState, Session
from xraykit.experiments.engine.trial import Reader
from xraykit.experiments.study_folder import StudyFolder, StudyState, TrialRun
from xraykit.refused import Refused, words_of
from xraykit.system import device_queue, devices, processes
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.system.job_folder.record import State
from xraykit.training import worker
from xraykit.training.run.run import RunRefused

TICK_SECONDS = 0.5
STOP_SECONDS = 9.0  # a run ends by itself within seven; ten are promised


def start(folder: StudyFolder, failed: bool = False) -> None:
    """Start the process of a study, which outlives this one; returns at once.

    Raises
    ------
    StudyFolderRefused
        If a process is at work on the study, or nothing is left to run.
    """
    session.check_resumable(folder, failed)
    arguments = ["study", "resume", folder.name, "--studies", str(folder.path.parent.resolve())]
    folder.launch([*arguments, *(["--failed"] if failed else [])], lambda: session.queue(folder))


def run(
    folder: StudyFolder,
    device: str | None = None,
    *,
    failed: bool = False,
    on_state: OnState = session.ignore,
    fit: worker.Fit | None = None,
    reader: Reader = worker.read_held_out,
) -> StudyState:
    """Run a study to its end in this process and those that it starts; returns where it stands then.

    SIGTERM, SIGINT or a file named stop end it within ten seconds; it goes on from there when it is run again.

    Parameters
    ----------
    device : key of the only device to use; "auto", as it was asked before where not given: every GPU, else the CPU.
    failed : train failed runs again.
    on_state : is given the study's state whenever it is written.
    fit, reader : stand in for `worker.learn` and `worker.read_held_out`; importable by name.

    Raises
    ------
    StudyFolderRefused, DeviceRefused
        If another process is at work on the study, its files cannot be read, or there is no such device.
    """
    asked = device or folder.recorded().device
    keys = _devices(asked, folder.study().recipe.backend)
    with session.at_work(folder, "local", asked, len(keys), failed, on_state) as at_work:
        hands = [_Hand(folder.path, key, fit, reader) for key in keys]
        try:
            while _turn(at_work, hands):
                multiprocessing.connection.wait([hand.pipe for hand in hands if hand.pipe], TICK_SECONDS)
            at_work.choose(hands[0].read)
        finally:
            for hand in hands:
                hand.end()
    return folder.state()


def _turn(at_work: Session, hands: list[_Hand]) -> bool:
    """Take what has ended and give what is next; False where nothing is at work or left. Raises Stopped."""
    for hand in hands:
        hand.take(at_work)
    if at_work.stopping():
        _stop(at_work, hands)
    for hand in hands:
        busy = [other.tried for other in hands if other.tried is not None]
        if hand.tried is None and (tried := at_work.next(busy)) is not None:
            hand.give(at_work, tried)
    busy = [hand.tried for hand in hands if hand.tried is not None]
    at_work.report(busy)
    return bool(busy) or at_work.has_more()


def _stop(at_work: Session, hands: list[_Hand]) -> None:
    """Ask the runs to stop, again and again as one may just begin; end those that do not."""
    end = time.monotonic() + STOP_SECONDS
    while any(hand.tried for hand in hands) and time.monotonic() < end:
        for hand in hands:
            hand.ask_to_stop()
        time.sleep(TICK_SECONDS / 2)
        for hand in hands:
            hand.take(at_work)
    raise Stopped("Stopped.")


@dataclass
class _Task:
    """What a process is to do: train the run of this name, or read the held-out films with its network."""

    name: str
    failed: bool = False
    read: bool = False


class _Hand:
    """A process that trains runs on one device; started when there is something to do, and anew where it died."""

    def __init__(self, folder: Path, device: str, fit: worker.Fit | None, reader: Reader) -> None:
        self.folder, self.device, self.fit, self.reader = folder, device, fit, reader
        self.process: Any = None
        self.pipe: Any = None
        self.tried: TrialRun | None = None
        self.backend = ""
        self.began = 0.0

    def give(self, at_work: Session, tried: TrialRun) -> None:
        """Begin a run."""
        self._have_process(tried.trial.recipe.backend)
        at_work.begin(tried)
        self.tried, self.began = tried, time.monotonic()
        with contextlib.suppress(OSError):  # it died: `take` will see
            self.pipe.send(_Task(tried.name, failed=at_work.failed))

    def take(self, at_work: Session) -> None:
        """Note how the run has ended, if it has."""
        if self.tried is None or not (self.pipe.poll() or not self.process.is_alive()):
            return
        tried, seconds = self.tried, time.monotonic() - self.began
        state, problem = self._answer() or (_state_after_death(tried), "")
        self.tried = None
        at_work.end(tried, state, seconds, problem)

    def read(self, tried: TrialRun) -> None:
        """Read the held-out films with a run's network in this hand's process; raises RunRefused where it fails."""
        self._have_process(tried.trial.recipe.backend)
        self.pipe.send(_Task(tried.name, read=True))
        while not self.pipe.poll(TICK_SECONDS) and self.process.is_alive():
            pass
        state, problem = self._answer() or (State.LOST, f"The process that read with {tried.name} ended unexpectedly.")
        if state is not State.FINISHED:
            raise RunRefused(problem)

    def ask_to_stop(self) -> None:
        if self.tried is not None:
            with contextlib.suppress(RunRefused):  # it has no folder yet
                self.tried.run.ask_to_stop()

    def end(self) -> None:
        """End the process, which has nothing to do or was asked to stop long ago."""
        if self.process is None:
            return
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        if self.tried is not None:
            self.process.kill()
        self.process.join(STOP_SECONDS)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.process = self.pipe = None

    def _answer(self) -> tuple[State, str] | None:
        """What the process says; None where it died before."""
        with contextlib.suppress(EOFError, OSError):
            if self.pipe.poll():
                return self.pipe.recv()
        self.end()
        return None

    def _have_process(self, backend: str) -> None:
        """A backend is imported once in a process, for one device."""
        if self.process is not None and (not self.process.is_alive() or backend != self.backend):
            self.end()
        if self.process is None:
            self.backend = backend
            self.pipe, theirs = multiprocessing.Pipe()
            arguments = (self.folder, self.device, theirs, self.fit, self.reader)
            self.process = processes.CONTEXT.Process(target=_work, args=arguments, name=f"study on {self.device}")
            self.process.start()
            theirs.close()  # else its end would not be seen


def _work(path: Path, device: str, pipe: Any, fit: worker.Fit | None, reader: Reader) -> None:
    """The process of a hand, which ends with its parent; what its libraries print goes to the study's log.txt."""
    with open(path / "log.txt", "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    threading.Thread(target=processes.end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # between runs: the study's process asks to stop
    for name in processes.THREAD_CAPS:
        os.environ.pop(name, None)
    serve(path, device, pipe, fit, reader)


def serve(path: Path, device: str, pipe: Any, fit: worker.Fit | None, reader: Reader) -> None:
    """Do one task after the other, until there is none."""
    folder = StudyFolder(path)
    while (task := pipe.recv()) is not None:
        pipe.send(_do(folder, task, device, fit, reader))


def _do(folder: StudyFolder, task: _Task, device: str, fit: worker.Fit | None, reader: Reader) -> tuple[State, str]:
    """The state that a run ends in, and why it could not even begin."""
    try:
        tried = next(tried for tried in folder.runs() if tried.name == task.name)
        if task.read:
            trial.read_held_out(tried, reader=reader)
            return State.FINISHED, ""
        return trial.run_trial(folder, tried, device, failed=task.failed, fit=fit), ""
    except (Refused, OSError, MemoryError) as error:
        return State.FAILED, f"{task.name}: {words_of(error)}"


def _state_after_death(tried: TrialRun) -> State:
    """A run that was asked to stop may have ended its process itself."""
    try:
        status = tried.status()
    except RunRefused:
        return State.FAILED
    # Busy: it was just made, or another process is at it, which whoever tries again waits for
    return State.LOST if status is None or status.state.busy else status.state


def _devices(asked: str, backend: str) -> list[str]:
    if asked == devices.AUTO and devices.reaches_gpu(backend) and (gpus := devices.gpus()[0]):
        return [gpu.key for gpu in gpus]
    return [device_queue.choose(asked, backend)]
