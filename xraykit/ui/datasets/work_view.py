"""The job that the page Datasets shows: a look into a folder, a download, a pooling; how far it is and how it ended.

The job is a process of its own: this page only starts it, watches it and asks it to stop. Its name is in the page's
address, so that a reload finds it again.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from xraykit.datasets.catalog import published, work
from xraykit.datasets.catalog.published import Pooled, Published
from xraykit.datasets.reading import preview
from xraykit.refused import Refused, words_of
from xraykit.system import files
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState, list_jobs, state_of
from xraykit.truth.data_audit import record
from xraykit.ui.datasets import audit_view, preview_view
from xraykit.ui.fine_tune.form import films
from xraykit.ui.kit import folder_facts, jobs
from xraykit.ui.kit.text import say

ADDRESS = "job"  # in the page's address: the name of the job being shown
WORDS = "datasets-words"
INSPECT = "inspect"
POOLED = {each.key for each in published.TABLE if isinstance(each.way, Pooled)}
TITLES = {work.GET: "Getting a dataset", work.POOL: "Pooling datasets"}


def keep_words(words: str) -> None:
    """What is to be said when the page is drawn again."""
    st.session_state[WORDS] = words


def show_words() -> None:
    """Say what was kept, once."""
    if words := st.session_state.pop(WORDS, None):
        say(words)


def look(folder: Path) -> None:
    """Look into a folder. Raises JobRefused or OSError where no process can be started."""
    films.tidy(work.jobs_folder())
    _show(preview.start_preview(folder, work.jobs_folder()))


def look_or_say(folder: Path) -> None:
    """`look` as a callback: what refuses is said on the page."""
    try:
        look(folder)
    except (Refused, OSError) as error:
        keep_words(f"The folder could not be looked at. {words_of(error)}")


def audit_or_say(folder: Path, against: tuple[Path, ...] = ()) -> None:
    """Audit a folder; a callback: what refuses is said on the page."""
    try:
        films.tidy(work.jobs_folder())
        _show(record.start(folder, work.jobs_folder(), against=against))
    except (Refused, OSError) as error:
        keep_words(f"The folder could not be audited. {words_of(error)}")


def get(dataset: Published) -> None:
    """Fetch a published dataset; a callback."""
    try:
        _show(work.start_get(dataset.key))
    except (Refused, OSError) as error:
        keep_words(f"{dataset.title} could not be fetched. {words_of(error)}")


def pool(name: str, sources: Mapping[str, Path], classes: Mapping[str, str | None]) -> None:
    """Pool datasets; a callback."""
    try:
        _show(work.start_pool(name, sources, classes))
    except (Refused, OSError) as error:
        keep_words(f"The datasets could not be pooled. {words_of(error)}")


def show() -> bool:
    """Draw the job being shown; False where there is none."""
    job = current()
    state = state_of(job)
    if job is None or state is None:
        return False
    with st.container(key="datasets-work", border=True):
        if state.verb == INSPECT:
            _show_look(job, state)
        elif state.verb == record.VERB:
            audit_view.show(job, state, _close, _audit_again, keep_words)
        else:
            _show_work(job, state)
    return True


def is_busy() -> bool:
    """Is the job being shown at work? Then nothing else is begun here."""
    return jobs.is_busy(state_of(current()))


def current() -> Job | None:
    """The job that the address names, else a download or pooling that is going on."""
    listed = {job.name: job for job in list_jobs(work.jobs_folder())}
    if named := listed.get(st.query_params.get(ADDRESS, "")):
        return named
    for job in listed.values():
        state = state_of(job)
        if state is not None and state.state.busy and state.verb != INSPECT:
            return job
    return None


def _show(job: Job) -> None:
    st.query_params[ADDRESS] = job.name


def _show_look(job: Job, state: JobState) -> None:
    folder = Path(state.data)
    if state.state.busy:
        folder_facts.show_head(files.shown(folder.name), files.shown(state.data))
        jobs.watch_job(job, folder_facts.show_progress, "datasets-stop", keep_words)
        return
    if state.state is State.FINISHED:
        preview_view.show(job, folder, _close, audit_or_say, functools.partial(_again, job))
        return
    folder_facts.show_head(files.shown(folder.name), files.shown(state.data))
    folder_facts.show_end(state)
    with st.container(horizontal=True, gap="small"):
        st.button("Look again", key="datasets-again", on_click=_again, args=(job, folder))
        st.button("Close", key="datasets-close", on_click=_close, args=(job,))


def _show_work(job: Job, state: JobState) -> None:
    folder_facts.show_head(TITLES.get(state.verb, "At work"), state.model)
    if state.state.busy:
        jobs.watch_job(job, _show_progress, "datasets-stop", keep_words)
        return
    folder = work.result(job)
    if state.state is State.FINISHED and folder is not None:
        _close(job)
        look_or_say(folder)
        st.rerun()
    folder_facts.show_end(state)
    st.button("Close", key="datasets-close", on_click=_close, args=(job,))


def _show_progress(state: JobState) -> None:
    pooled = state.verb == work.POOL or state.model in POOLED
    jobs.show_progress(state, state.message.rstrip(".") or "Starting", "films" if pooled else "MiB")


def _again(job: Job, folder: Path) -> None:
    _close(job)
    look_or_say(folder)


def _audit_again(job: Job, folder: Path, against: tuple[Path, ...]) -> None:
    _close(job)
    audit_or_say(folder, against)


def _close(job: Job) -> None:
    """Forget a job and what it kept."""
    st.query_params.pop(ADDRESS, None)
    with contextlib.suppress(Refused, OSError):
        job.remove()
