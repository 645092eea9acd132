"""Fetching and pooling in a process of its own, which tells how far it is and can be stopped."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from xraykit.refused import Refused
from xraykit.system import files, folders, jobs
from xraykit.system.jobs import REPORT_SECONDS, Job

GET, POOL = "get", "pool"  # verbs of jobs
FOLDER = "folder.json"  # of a job: the folder that came of it
MEBIBYTE = 2**20
Report = Callable[[str, int, int], None]  # what is done, how much of it, of how much


def jobs_folder() -> Path:
    """Where the page Datasets keeps its jobs."""
    return folders.runs_folder() / "datasets"


def start_get(name: str, root: Path | None = None) -> Job:
    """Fetch a published dataset in a process of its own; returns where it tells how far it is."""
    job = jobs.create(f"get-{name}", root or jobs_folder())
    job.start(["data", "get", f"--out={job.path}", "--", name], verb=GET, model=name)
    return job


def start_pool(
    name: str, sources: Mapping[str, Path], classes: Mapping[str, str | None], root: Path | None = None
) -> Job:
    """Pool datasets in a process of its own; returns where it tells how far it is."""
    job = jobs.create(f"pool-{name}", root or jobs_folder())
    words = ["data", "pool", f"--out={job.path}", f"--as={name}"]
    words += [f"--data={source}={path}" for source, path in sources.items()]
    words += [f"--class={label}={new}" for label, new in classes.items() if new is not None]
    words += [f"--leave-out={label}" for label, new in classes.items() if new is None]
    job.start(words, verb=POOL, model=name)
    return job


@contextlib.contextmanager
def running(out: Path, verb: str, name: str) -> Iterator[Report]:
    """Do work as a job in this process; gives what tells it how far it is and raises Stopped when it is to stop.

    Bytes are told in MiB.
    """
    with jobs.running(Job(out), verb=verb, model=name) as going:

        def report(what: str, done: int, total: int) -> None:
            unit = MEBIBYTE if what in ("Downloading", "Unpacking") else 1
            going.done, going.films = done // unit, max(1, total // unit)
            if time.monotonic() - going.reported > REPORT_SECONDS:
                going.report(what)
            going.stop_if_asked()

        yield report
        going.summary = "Done."


def keep_result(job: Job, folder: Path) -> None:
    """Say which folder came of a job; `result` reads it."""
    job.write(FOLDER, {"folder": files.shown(folder)})


def result(job: Job) -> Path | None:
    """The folder that came of a job; None where there is none yet, or it cannot be read."""
    try:
        said = job.read(FOLDER)["folder"]
        return Path(files.named(said)) if Path(files.named(said)).is_dir() else None
    except (Refused, OSError, LookupError, TypeError, ValueError):
        return None
