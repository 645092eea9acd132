"""Jobs: work in a process of its own that tells how far it is: an inspection, an evaluation, an import, ...

Counts items and refusals as plain data; knows neither films nor networks.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec

from xraykit.refused import Refused, field_of, words_of
from xraykit.system import folders
from xraykit.system.job_folder.job_folder import JobFolder, JobRefused, Stopped
from xraykit.system.job_folder.record import PathText, Record, State

FORMAT = 1
PROGRESS, FILMS, RESULT = "progress.json", "films.json", "evaluation.json"
REPORT_SECONDS = 0.5  # between two writings of progress.json
LISTED = 100  # refusals named in progress.json, which is written again and again
LOST = (
    "The process ended unexpectedly (killed, out of memory, or the computer restarted). Nothing was written. "
    "Start it again."
)


@dataclass(frozen=True, kw_only=True)
class JobState(Record):
    """progress.json: where a job stands. `done` of `films` items; `eta` and `seconds` are seconds.

    `verb` is what is done (inspect, evaluate, estimate, keep, import), `data` the folder of films or the file,
    `test_of` the run whose test films they are; `maps` what classes of the folder count as ("theirs=the model's"),
    `attach` under which name the result is added to the models' cards and `gate` "on" or "off" where that was asked
    for; `run` and `model` are those of a keeping, `model` that of an import.
    """

    message: str = ""
    done: int = 0
    films: int = 0
    eta: float | None = None
    seconds: float = 0.0
    pid: int | None = None
    refused: int = 0
    refused_films: tuple[dict, ...] = ()
    verb: str = ""
    data: PathText = PathText("")
    models: tuple[str, ...] = ()
    test_of: str = ""
    maps: tuple[str, ...] = ()
    attach: str = ""
    gate: str = ""
    run: str = ""
    model: str = ""


@dataclass(frozen=True)
class Job(JobFolder):
    """The folder of one job: `data inspect --out` or `evaluate --out`.

    progress.json     a JobState
    films.json        what is in the folder of films: classes, refused, duplicates, unlabelled, hashes
    evaluation.json   and predictions.csv: the result; in a folder per model where there are several models
    lock, stop        see JobFolder
    """

    def state(self) -> JobState:
        """progress.json; LOST where it is busy and no process is at it.

        Raises
        ------
        JobRefused
            If there is none, or it cannot be read.
        """
        return self.settled(self.recorded, {"eta": None, "message": LOST})

    def recorded(self) -> JobState:
        data = self.read(PROGRESS)
        if isinstance(data, dict) and "updated" in data:  # so called until version 0.1
            data["heartbeat"] = data.pop("updated")
        return self.record(PROGRESS, data, JobState)

    def write_state(self, state: JobState) -> None:
        """Replace progress.json."""
        self.write(PROGRESS, {"format": FORMAT, **state.to_json(), "heartbeat": time.time()})

    def queue(self, **facts: Any) -> None:
        """Say that a process is about to begin here; `facts` are fields of JobState."""
        folders.make_private(self.path)
        self.write_state(JobState(state=State.QUEUED, message="Starting.", **facts))

    def start(self, arguments: Sequence[str], **facts: Any) -> None:
        """Start `python -m xraykit ARGUMENTS`, which calls `running` on this folder; returns at once.

        `facts` are fields of JobState until the process begins. Raises JobRefused where another is at work.
        """
        folders.close_private(self.path)
        self.launch(arguments, lambda: self.queue(**facts))

    def films(self) -> dict[str, Any]:
        """films.json; JobRefused where it is missing or broken, or a value has another type: words say which."""
        data = self.read(FILMS)
        try:
            msgspec.convert(data, _Films)
            json.dumps(data, ensure_ascii=False).encode()  # half a character is no text
        except msgspec.ValidationError as error:
            words = f"it holds something else as {field_of(error)}"
        except UnicodeEncodeError:
            words = "it holds text that is none"
        else:
            return data
        raise JobRefused(
            f"Expected what is in a folder of films in {FILMS} of the job {self.name}; {words}. Delete it."
        )

    def results(self) -> list[Path]:
        """The evaluation.json files of the job, by model name."""
        own = self.path / RESULT
        return [own] if own.is_file() else sorted(self.path.glob(f"*/{RESULT}"))


_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Names = list[str]


class _Rule(TypedDict):
    kind: Literal["patient ids", "near-duplicates"]
    column: str
    distance: _Count


class _Given(TypedDict):
    counts: dict[str, dict[str, _Count]]
    without_part: _Count
    crossing_groups: list[_Names]


class _Films(TypedDict):
    """films.json, as `datasets.inspection` writes it."""

    films: _Count
    classes: dict[str, _Count]
    groups: _Count
    group_rule: str | _Rule
    refused: list[dict[str, str]]
    duplicates: list[_Names]
    groups_with_several_classes: list[_Names]
    unlabelled: _Names
    sha256: NotRequired[_Names]
    pictures: NotRequired[_Names]
    digest: NotRequired[str]
    listing: NotRequired[str]
    name: NotRequired[str]
    given: NotRequired[_Given]
    remarks: NotRequired[list[_Remark]]
    notes: NotRequired[list[_Note]]
    refusals: NotRequired[list[_Reason]]
    division: NotRequired[str]
    split: NotRequired[dict[str, dict[str, _Count]]]
    learned_from: NotRequired[dict[str, _Count]]
    not_divided: NotRequired[str]
    gate: NotRequired[_Gated]


class _Gated(TypedDict):
    judged: _Count
    refused: list[dict[str, str]]
    pictures: _Names


class _Remark(TypedDict):
    code: str
    words: str
    count: _Count
    examples: _Names


class _Note(TypedDict):
    code: str
    words: str
    warning: bool
    films: _Count
    example: str


class _Reason(TypedDict):
    code: str
    words: str
    count: _Count
    example: str


@dataclass
class JobProgress:
    """A job at work in this process: counts items, tells how far it is, notices that it is to stop."""

    job: Job
    facts: Mapping[str, Any]  # fields of JobState that stay as they are
    films: int = 0  # items in all
    done: int = 0
    refused: list[Mapping[str, str]] = field(default_factory=list)
    interrupted: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)
    reported: float = 0.0
    summary: str = ""  # the message at the end, if not how many films were read

    def count(self, name: str, refusal: Mapping[str, str] | None = None) -> None:
        """Count an item, and why it was refused if it was; raises Stopped when the job is to stop."""
        self.done += 1
        if refusal is not None:
            self.refused.append(refusal)
        if time.monotonic() - self.reported > REPORT_SECONDS or self.done == 1:
            self.report(f"Film {self.done} of {self.films}: {name}")
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raise Stopped when a SIGTERM or a file named stop has come."""
        if self.interrupted.is_set() or self.job.stop_asked():
            after = f" after {self.done} of {self.films} films" if self.films else ""
            raise Stopped(f"Stopped{after}; nothing was written.")

    def report(self, message: str, state: State = State.RUNNING) -> None:
        """Write progress.json."""
        self.reported = time.monotonic()
        spent = self.reported - self.began
        known = state is State.RUNNING and self.done >= 3
        self.job.write_state(
            JobState(
                state=state,
                message=message,
                done=self.done,
                films=self.films,
                eta=max(0.0, spent / self.done * (self.films - self.done)) if known else None,
                seconds=round(spent, 2),
                pid=os.getpid(),
                refused=len(self.refused),
                refused_films=tuple(dict(refusal) for refusal in self.refused[:LISTED]),
                **self.facts,
            )
        )

    def end(self) -> None:
        """Say that the job has finished."""
        refused = f", {len(self.refused)} refused" if self.refused else ""
        self.report(self.summary or f"{self.done - len(self.refused)} films read{refused}.", State.FINISHED)


def list_jobs(root: Path | None = None) -> list[Job]:
    """The jobs below `root` (default `folders.evaluations_folder()`), newest first."""
    jobs = [Job(path.parent) for path in (root or folders.evaluations_folder()).glob(f"[!.]*/{PROGRESS}")]
    return sorted(jobs, key=lambda job: job.name, reverse=True)


def state_of(job: Job | None) -> JobState | None:
    """A job's state; None where there is no job, or it cannot be read."""
    try:
        return job.state() if job else None
    except (Refused, OSError):
        return None


def create(about: str, root: Path | None = None) -> Job:
    """An empty folder for a job, named by the time and what it is about."""
    path = folders.make_first_free(root or folders.evaluations_folder(), folders.dated_names(about, "films"))
    if path is None:
        raise JobRefused(f"Every name for a job about {about} is taken. Delete old ones.")
    return Job(path)


@contextlib.contextmanager
def running(job: Job, **facts: Any) -> Iterator[JobProgress]:
    """Do a job in this process: hold its lock, mind SIGTERM, leave a state that tells how it ended.

    `facts` are fields of JobState that stay as they are.

    Raises
    ------
    JobRefused
        If another process is at work in its folder.
    """
    folders.make_private(job.path)
    progress = JobProgress(job, facts)
    with job.handed_lock() or job.hold(), _minding_sigterm(progress.interrupted):
        try:
            progress.report("Starting.")
            yield progress
            progress.end()
        except (Stopped, KeyboardInterrupt) as error:
            progress.report(str(error) or "Interrupted; nothing was written.", State.STOPPED)
            raise
        except Exception as error:
            progress.report(words_of(error), State.FAILED)
            raise
        finally:
            job.forget_stop()


@contextlib.contextmanager
def _minding_sigterm(interrupted: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread mind signals; the file named stop works anywhere
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: interrupted.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
