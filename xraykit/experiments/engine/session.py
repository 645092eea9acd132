"""Session: a study at work in one process: what is left to run, what has ended, how long the rest will take.

Shared by the engines; trains nothing itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from xraykit.experiments import table
from xraykit.experiments.engine import chosen, search
from xraykit.experiments.study.design import Design
from xraykit.experiments.study_folder import StudyFolder, StudyFolderRefused, StudyState, TrialRun
from xraykit.refused import Refused, words_of
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.system.job_folder.record import State
from xraykit.training.run.run import RunRefused

OnState = Callable[[StudyState], None]
REPORT_SECONDS = 1.0
TRIES = 2  # of a run whose process ended unexpectedly, in one session


def ignore(state: StudyState) -> None:
    pass


@dataclass
class Session:
    """A study at work in this process.

    Attributes
    ----------
    ends : the state of each run that has ended, by name; those of a cut trial are among `cut`.
    took : seconds of the runs that ended in this session, by trial.
    problems : why a run could not even begin, by name.
    """

    folder: StudyFolder
    engine: str
    device: str
    workers: int
    failed: bool = False
    on_state: OnState = ignore
    interrupted: threading.Event = field(default_factory=threading.Event)
    runs: list[TrialRun] = field(default_factory=list)
    ends: dict[str, State] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)
    took: dict[int, list[float]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)
    before: float = 0.0  # seconds of earlier sessions
    reported: float = 0.0
    exhausted: bool = False  # a search has no trial to propose any more

    def __post_init__(self) -> None:
        self.study = self.folder.study()
        self.before = self.folder.recorded().seconds
        self._read_runs()

    @property
    def seconds(self) -> float:
        """That the study has been at work, all sessions together."""
        return self.before + time.monotonic() - self.began

    def stopping(self) -> bool:
        return self.interrupted.is_set() or self.folder.stop_asked()

    def next(self, busy: Sequence[TrialRun]) -> TrialRun | None:
        """The run to begin next; None while paused, where the budget is used up, or where none is left for now."""
        if self.stopping() or self.folder.is_paused() or self.budget_used():
            return None
        names = {tried.name for tried in busy}
        left = [tried for tried in self.left() if tried.name not in names]
        if not left and not names and not self.exhausted:
            self.exhausted = not search.propose(self.folder)
            self._read_runs()
            left = self.left()
        first = {number: place for place, number in enumerate(self.folder.order())}
        return min(left, key=lambda tried: first.get(tried.trial.number, len(first)), default=None)

    def left(self) -> list[TrialRun]:
        """The runs that are still to be trained, in order; those at work are among them."""
        return [tried for tried in self.runs if tried.trial.number not in self.cut and self._is_left(tried.name)]

    def has_more(self) -> bool:
        """Is a run left, or a trial of a search, and time for it? Even while paused: a pause ends at any moment."""
        return bool(self.left() or self._unproposed()) and not self.budget_used()

    def is_unfinished(self) -> bool:
        """Is a run left, or a trial of a search, or the choice, or a table?"""
        return bool(self.left() or self._unproposed()) or chosen.is_due(self.folder) or self._lacks_tables()

    def budget_used(self) -> bool:
        return self.study.budget is not None and self.seconds >= self.study.budget

    def choose(self, read: chosen.ReadHeldOut) -> None:
        """Choose the best trial once no run is left that could change the choice."""
        if self._lacks_tables():
            self.save_tables()
        open_ends = [tried for tried in self.runs if self._may_change(tried)]
        if open_ends and not self.budget_used():
            return
        try:
            chosen.choose(self.folder, read)
        except (Refused, OSError) as error:
            self.problems["chosen"] = f"The held-out films were not read: {words_of(error)}"

    def _may_change(self, tried: TrialRun) -> bool:
        if tried.trial.number in self.cut:
            return False
        return self.ends.get(tried.name) not in (State.FINISHED, State.FAILED)

    def begin(self, tried: TrialRun) -> None:
        """Count a run that begins."""
        self.tries[tried.name] += 1
        self.reported = 0.0  # a change is told at once
        self.folder.event("run begins", run=tried.name)

    def end(self, tried: TrialRun, state: State, seconds: float, problem: str = "") -> None:
        """Note how a run has ended; a `problem` is why it could not even begin."""
        self.ends[tried.name] = state
        self.reported = 0.0
        if problem:
            self.problems[tried.name] = problem
        if tried.is_cut():
            self.cut.add(tried.trial.number)
        elif state is State.FINISHED:
            self.took.setdefault(tried.trial.number, []).append(seconds)
        self.folder.event("run ends", run=tried.name, state=state, **({"message": problem} if problem else {}))
        self.save_tables()

    def _lacks_tables(self) -> bool:
        return bool(self.ends) and not all((self.folder.path / name).is_file() for name in (table.TRIALS, table.EPOCHS))

    def save_tables(self) -> None:
        """Write the CSV files, or leave none that knows less than the runs: it is tried again at the study's end."""
        try:
            table.save(self.folder)
        except (Refused, OSError) as error:
            self.problems["tables"] = f"The CSV files were not written: {words_of(error)}"
            for name in (table.TRIALS, table.EPOCHS):
                with contextlib.suppress(OSError):
                    (self.folder.path / name).unlink(missing_ok=True)
        else:
            self.problems.pop("tables", None)

    def report(self, busy: Sequence[TrialRun], message: str = "", state: State = State.RUNNING) -> None:
        """Write progress.json, at most once a second unless the message is given."""
        if not message and self.reported and time.monotonic() - self.reported < REPORT_SECONDS:
            return
        self.reported = time.monotonic()
        paused = self.folder.is_paused() and state is State.RUNNING
        failed = sum(end is State.FAILED for end in self.ends.values())
        done, cut = self._done()
        written = replace(
            self.folder.recorded(),
            state=state,
            message=message or self._message(paused, done),
            done=done,
            runs=len(self.runs) + self._unproposed(),
            failed=failed,
            cut=cut,
            running=tuple(tried.name for tried in busy),
            eta=self._eta(busy) if state is State.RUNNING else None,
            seconds=round(self.seconds, 1),
            paused=paused,
            pid=os.getpid(),
            engine=self.engine,
            device=self.device,
        )
        self.folder.write_state(written)
        self.on_state(written)

    def summary(self) -> str:
        """What there is to say at the end."""
        done, cut = self._done()
        words = [f"{done} of {len(self.runs)} runs are done{f', {cut} of them cut early' if cut else ''}."]
        uncut = [tried for tried in self.runs if tried.trial.number not in self.cut]
        for state, advice in _ENDS.items():
            names = [tried.name for tried in uncut if self.ends.get(tried.name) is state]
            if names:
                words.append(f"{_listed(names)} {advice}")
        if self.budget_used() and self.left():
            words.append(
                'The study\'s time is used up: raise "budget" in its study.json and resume it to run the rest.'
            )
        if (why := self._first_problem()) is not None:
            words.append(why)
        return " ".join(words)

    def _first_problem(self) -> str | None:
        """Why the first run failed: the others mostly have for the same reason."""
        if self.problems:
            return next(iter(self.problems.values()))
        for tried in self.runs:
            if self.ends.get(tried.name) is State.FAILED:
                with contextlib.suppress(RunRefused):
                    status = tried.status()
                    return f"{tried.name}: {status.message}" if status and status.message else None
        return None

    def _read_runs(self) -> None:
        self.runs = self.folder.runs()
        self.cut = search.cut_trials(self.runs)
        for tried in self.runs:
            if tried.name not in self.ends and (state := _state_of(tried)) is not None:
                self.ends[tried.name] = state

    def _is_left(self, name: str) -> bool:
        state, tries = self.ends.get(name), self.tries[name]
        if state is State.FINISHED:
            return False
        if state is State.FAILED:
            return self.failed and not tries
        return tries < (TRIES if state is State.LOST else 1) or state is None

    def _done(self) -> tuple[int, int]:
        """Runs that need no more work, and how many of them were cut or belong to a cut trial."""
        finished = sum(self.ends.get(tried.name) is State.FINISHED for tried in self.runs)
        cut = sum(
            tried.trial.number in self.cut and self.ends.get(tried.name) is not State.FINISHED for tried in self.runs
        )
        return finished + cut, cut

    def _unproposed(self) -> int:
        """Runs of the trials that a search has not proposed yet."""
        if self.study.design is not Design.TPE or self.exhausted or not self.study.samples:
            return 0
        runs_of_each = len(self.folder.fold_names()) * len(self.study.seeds)
        return max(0, self.study.samples * runs_of_each - len(self.runs))

    def _message(self, paused: bool, done: int) -> str:
        if paused:
            return f"Paused after {done} of {len(self.runs)} runs."
        return f"{done} of {len(self.runs) + self._unproposed()} runs are done."

    def _eta(self, busy: Sequence[TrialRun]) -> float | None:
        """Seconds to go, as long as the runs before took; None while none has ended."""
        every = [seconds for own in self.took.values() for seconds in own]
        if not every:
            return None
        mean = sum(every) / len(every)
        own = {number: sum(seconds) / len(seconds) for number, seconds in self.took.items()}
        rest = sum(own.get(tried.trial.number, mean) for tried in self.left()) + mean * self._unproposed()
        rest -= sum(own.get(tried.trial.number, mean) / 2 for tried in busy)  # half done, for all that is known
        return max(0.0, rest) / max(1, self.workers)


_ENDS = {
    State.FAILED: "failed: see why, then run them again (resume --failed).",
    State.LOST: "lost their process twice: resume the study to go on with them.",
    State.STOPPED: "were stopped: resume the study to go on with them.",
}


@contextlib.contextmanager
def at_work(
    folder: StudyFolder, engine: str, device: str, workers: int, failed: bool, on_state: OnState = ignore
) -> Iterator[Session]:
    """Hold a study's lock while it is at work in this process; minds SIGTERM and SIGINT, leaves a state that is true.

    Raises
    ------
    StudyFolderRefused
        If another process is at work on the study.
    """
    with folder.handed_lock() or folder.hold():
        session = None
        try:
            session = Session(folder, engine, device, workers, failed, on_state)
            with _minding_signals(session.interrupted):
                session.report([], "Starting.")
                yield session
                session.report([], session.summary(), State.FINISHED)
        except Stopped:
            assert session is not None
            session.report([], f"Stopped: {session.summary()}", State.STOPPED)
        except BaseException as error:
            _leave(folder, session, error)
            raise
        finally:
            folder.forget_stop()


def check_resumable(folder: StudyFolder, failed: bool = False) -> None:
    """StudyFolderRefused where a process is at work on a study, or nothing is left to run; `failed` runs count then."""
    state = folder.state()
    if state.state.busy and folder.alive():  # one that has just ended may hold its lock yet: `launch` waits for it
        raise StudyFolderRefused(f"The study {folder.name} is {state.state} already.")
    session = Session(folder, state.engine, state.device, 1, failed)
    if state.state is State.FINISHED and not session.is_unfinished():
        failures = sum(end is State.FAILED for end in session.ends.values())
        again = f" {failures} runs have failed: resume it with --failed to run them again." if failures else ""
        raise StudyFolderRefused(f"The study {folder.name} has finished.{again}")


def queue(folder: StudyFolder) -> None:
    """Say that a process is about to begin at a study, whose lock is held."""
    folder.go_on()
    folder.write_state(replace(folder.recorded(), state=State.QUEUED, message="Starting.", eta=None, running=()))


def _leave(folder: StudyFolder, session: Session | None, error: BaseException) -> None:
    with contextlib.suppress(Refused, OSError):  # what ended the study is told, not that it could not be written
        if session is not None:
            session.report([], words_of(error), State.FAILED)
        else:
            folder.write_state(replace(folder.recorded(), state=State.FAILED, message=words_of(error)))


def _state_of(tried: TrialRun) -> State | None:
    """How a run has ended; None where it has not begun, or another process is at it."""
    try:
        status = tried.status()
    except RunRefused:
        return State.FAILED
    return None if status is None or status.state.busy else status.state


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@contextlib.contextmanager
def _minding_signals(interrupted: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread mind signals; the file named stop works anywhere
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: interrupted.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
