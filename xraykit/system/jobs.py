"""Work: the folder of one long piece of work on films, which tells how far it is and how it ended.

Any process may read it at any moment: every file is replaced whole. Knows no network.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xraykit.films import radiograph
from xraykit.films.refusal import Refusal
from xraykit.refused import Refused
from xraykit.system import processes
from xraykit.system.folders import evaluations_folder
from xraykit.training.run.run import Run, RunRefused, Stopped

FORMAT = 1
STATES = ("queued", "running", "finished", "stopped", "failed", "lost")
PROGRESS, FILMS, RESULT = "progress.json", "films.json", "evaluation.json"
QUEUED_SECONDS = 60.0  # a process that has not begun by then did not start
LISTED = 100  # refused films named in progress.json, which is written again and again
LOST = "It ended without a word: killed, out of memory, or the computer restarted. Nothing was written; start it again."


class WorkRefused(Refused):
    """A work folder that another process holds."""

    code = "job"


@dataclass(frozen=True)
class Work:
    """The folder of one piece of work: `data inspect --out` or `evaluate --out`.

    progress.json     state, films done, films in all, ETA, refused films so far, a message
    films.json        what is in the folder of films: classes, refused, duplicates, unlabelled, hashes
    evaluation.json   and predictions.csv: the result; in a folder a model where there are several models
    lock              held while the work goes on
    stop              its presence asks the work to end
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def state(self) -> dict[str, Any]:
        """progress.json; "lost" where it says running, or queued for long, and no process holds the lock.

        Raises
        ------
        RunRefused
            If there is none, or it cannot be read.
        """
        found = Run(self.path).read(PROGRESS)
        if not isinstance(found, dict) or found.get("state") not in STATES:
            raise RunRefused(f"Expected a known state in {PROGRESS} of {self.name}; got something else.")
        late = time.time() - found.get("updated", 0) > QUEUED_SECONDS
        if found["state"] == "running" or (found["state"] == "queued" and late):
            # asked once more after the lock was free: it may have ended in order between the two questions
            if not self.alive() and (found := Run(self.path).read(PROGRESS))["state"] in ("running", "queued"):
                return {**found, "state": "lost", "eta": None, "message": LOST}
        return found

    def queue(self, **facts: Any) -> None:
        """Say that a process is about to begin here."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "stop").unlink(missing_ok=True)
        self.say(state="queued", done=0, films=0, refused=0, refused_films=[], eta=None, message="Starting.", **facts)

    def say(self, **fields: Any) -> None:
        Run(self.path).write(PROGRESS, {"format": FORMAT, **fields, "updated": time.time()})

    def alive(self) -> bool:
        return Run(self.path).alive()

    def ask_to_stop(self) -> None:
        Run(self.path).ask_to_stop()

    def films(self) -> dict[str, Any]:
        """films.json; RunRefused where it is missing or broken."""
        return Run(self.path).read(FILMS)

    def results(self) -> list[Path]:
        """The evaluation.json files of the work, by model name."""
        own = self.path / RESULT
        return [own] if own.is_file() else sorted(self.path.glob(f"*/{RESULT}"))


@dataclass
class Going:
    """A piece of work that goes on in this process: counts films, tells how far it is, notices that it is to end."""

    work: Work
    facts: dict[str, Any]
    films: int = 0
    done: int = 0
    refused: list[Refusal] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)
    said: float = 0.0
    ending: str = ""  # what is said at the end, if not how many films were read

    def look(self, name: str, film: radiograph.Radiograph | Refusal) -> None:
        """Count a film; raises Stopped when the work is to end."""
        self.done += 1
        if isinstance(film, Refusal):
            self.refused.append(film)
        if time.monotonic() - self.said > 0.5 or self.done == 1:
            self.say("running", f"Film {self.done} of {self.films}: {name}")
        self.mind()

    def mind(self) -> None:
        """Raise Stopped when a SIGTERM or a file named stop has come."""
        if self.ended.is_set() or (self.work.path / "stop").exists():
            raise Stopped(f"Stopped after {self.done} of {self.films} films; nothing was written.")

    def say(self, state: str, message: str) -> None:
        self.said = time.monotonic()
        spent = self.said - self.began
        eta = spent / self.done * (self.films - self.done) if state == "running" and self.done >= 3 else None
        self.work.say(
            state=state,
            message=message,
            done=self.done,
            films=self.films,
            eta=eta,
            seconds=round(spent, 2),
            pid=os.getpid(),
            refused=len(self.refused),
            refused_films=[vars(refusal) for refusal in self.refused[:LISTED]],
            **self.facts,
        )


def list_works(root: Path | None = None) -> list[Work]:
    """The works below `root` (default `root_folder()`), newest first."""
    found = [Work(path.parent) for path in (root or evaluations_folder()).glob(f"*/{PROGRESS}")]
    return sorted(found, key=lambda work: work.name, reverse=True)


def look(one: Work | None) -> dict[str, Any]:
    """A work's state; empty where there is no work, or it cannot be read."""
    try:
        return one.state() if one else {}
    except (RunRefused, OSError):
        return {}


def create(about: str, root: Path | None = None) -> Work:
    """An empty folder for a work, named by the time and what it is about."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", about).strip("-.")[:60] or "films"
    stem = f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{plain}"
    for name in (stem, *(f"{stem}-{number}" for number in range(2, 100))):
        with contextlib.suppress(FileExistsError):
            path = (root or evaluations_folder()) / name
            path.mkdir(parents=True)
            return Work(path)
    raise WorkRefused(f"Expected a free name like {stem}; a hundred are taken.")


def launch(work: Work, arguments: Sequence[str], **facts: Any) -> None:
    """Start `python -m xraykit ARGUMENTS` in a session of its own, so that it outlives this process.

    What it prints goes to log.txt. `facts` are told by progress.json until the process begins.
    """
    work.queue(**facts)
    processes.spawn(arguments, work.path / "log.txt")


def remove(work: Work) -> None:
    """Delete a work's folder; WorkRefused while a process works in it."""
    if work.alive():
        raise WorkRefused(f"Expected a work that has ended; {work.name} goes on. Stop it first.")
    shutil.rmtree(work.path, ignore_errors=True)


@contextlib.contextmanager
def going_on(work: Work, **facts: Any) -> Iterator[Going]:
    """Do the work of a folder in this process: hold its lock, mind SIGTERM, leave a state that tells how it ended.

    Raises
    ------
    WorkRefused
        If another process holds the lock.
    """
    work.path.mkdir(parents=True, exist_ok=True)
    going = Going(work, facts)
    try:
        lock = Run(work.path).hold()
    except RunRefused:
        raise WorkRefused(f"Another process works in {work.path}. Wait for it, or choose another folder.") from None
    with lock, _minding_sigterm(going.ended):
        try:
            going.say("running", "Reading the models and the list of films.")
            yield going
            going.say("finished", going.ending or _count(going.done - len(going.refused), going.refused))
        except (Stopped, KeyboardInterrupt) as error:
            going.say("stopped", str(error) or "Interrupted; nothing was written.")
            raise
        except Exception as error:
            going.say("failed", str(error) or type(error).__name__)
            raise
        finally:
            (work.path / "stop").unlink(missing_ok=True)


@contextlib.contextmanager
def _minding_sigterm(ended: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread mind signals; the file named stop works anywhere
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _count(read: int, refused: Sequence[Refusal]) -> str:
    return f"{read} films read" + (f", {len(refused)} refused." if refused else ".")
