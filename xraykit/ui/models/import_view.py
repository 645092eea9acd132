"""The part of the page Models that imports a Keras file: which file, what its outputs are called, how far it is.

The import is a process of its own: this page only starts it, watches it and asks it to stop.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from xraykit.models.cards.card import Card
from xraykit.models.conversion import archive, importing
from xraykit.refused import Refused, words_of
from xraykit.system import files, folders
from xraykit.system import jobs as system_jobs
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState, state_of
from xraykit.ui import navigation
from xraykit.ui.kit import folder_facts, jobs
from xraykit.ui.kit.text import escape_markdown, say
from xraykit.ui.server import uploads

PATH, UPLOAD = "Path on this computer", "Upload"
COPIED_AT_ONCE = 2**20  # bytes
OLD = 86_400  # seconds after which what an earlier session left is deleted
JOB, WORDS, OPEN = "import-job", "import-words", "import-open"
BY_ITSELF = "by the network"
FORMS = (
    "A .keras or .h5 file of plain Keras layers that gives each film one class. It is read without running any of its "
    "code, converted, and checked against itself on synthetic films. Its training films and figures remain unknown; "
    "its card says so."
)


def show(cards: Sequence[Card]) -> None:
    """Draw the part; open where an import is going on or has just ended, or there is no model yet."""
    job = _current()
    opened = job is not None or not cards or OPEN in st.session_state
    with st.expander("Import a model", expanded=opened, key=f"import-{job is not None}"):
        if words := st.session_state.pop(WORDS, None):
            say(words)
        if job is None:
            _ask()
        else:
            _show_job(job)


def _ask() -> None:
    st.html(f"<p class='xk-said'>{html.escape(FORMS)}</p>")
    _ask_for_file()
    _ask_about_network()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Name", key="import-name", placeholder="the file's", width=260, persist_state="session")
        st.text_input("Title", key="import-title", placeholder="Imported from ...", width=420, persist_state="session")
        st.button("Import", key="import-start", type="primary", on_click=_start)


def _ask_for_file() -> None:
    source = st.segmented_control(
        "Where the file is",
        (PATH, UPLOAD),
        default=PATH,
        key="import-source",
        label_visibility="collapsed",
        required=True,
    )
    if source == UPLOAD:
        st.file_uploader(
            "Keras file",
            type=["keras", "h5", "hdf5"],
            key="import-upload",
            max_upload_size=archive.LARGEST >> 20,
            label_visibility="collapsed",
        )
    else:
        st.text_input(
            "Path of the file", key="import-path", placeholder="/home/me/model.keras", persist_state="session"
        )


def _ask_about_network() -> None:
    """What the file may not tell itself."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Classes",
            key="import-classes",
            placeholder="COVID-19, Normal, Viral Pneumonia",
            width=380,
            help="In the order of the network's outputs, with commas. With one sigmoid: first the class it is low for, "
            "then the one it is high for. Keras sorts class folders by name.",
            persist_state="session",
        )
        st.selectbox(
            "Scaling of grey levels",
            [BY_ITSELF, *importing.SCALING_WORDS],
            key="import-scaling",
            format_func=_scaling_label,
            width=400,
            help=importing.ASK_SCALING,
            persist_state="session",
        )
        st.number_input(
            "Image size",
            16,
            2048,
            None,
            key="import-size",
            placeholder="the network's",
            width=150,
            help="Pixels. Only for a network that takes films of any size.",
            persist_state="session",
        )


def _scaling_label(scaling: str) -> str:
    if scaling == BY_ITSELF:
        return "The network has a Rescaling layer"
    return f"{scaling}: {importing.SCALING_WORDS[scaling]}"


def _start() -> None:
    """Start the import; a callback."""
    given = st.session_state
    job = None
    try:
        job = system_jobs.create(given.get("import-name") or "model", _root())
        scaling = given.get("import-scaling", BY_ITSELF)
        asked = importing.wish(
            _file(job),
            (given.get("import-classes") or "").split(","),
            name=(given.get("import-name") or "").strip() or None,
            title=(given.get("import-title") or "").strip() or None,
            scaling=None if scaling == BY_ITSELF else scaling,
            image_size=given.get("import-size"),
        )
        importing.start(asked, job)
        given[JOB] = job.name
        if asked.file.parent == job.path:
            uploads.let_go(given["import-upload"])
    except (Refused, OSError) as error:
        given[WORDS] = words_of(error)
        _delete(job)
    _tidy()


def _file(job: Job) -> Path:
    """The file to import: an uploaded one lies in the job's folder until the import has ended."""
    if st.session_state.get("import-source") != UPLOAD:
        path = (st.session_state.get("import-path") or "").strip()
        if not path:
            raise Refused("Enter the path of a .keras or .h5 file.", code="no-file")
        return Path(os.path.abspath(os.path.expanduser(path)))
    upload = st.session_state.get("import-upload")
    if upload is None:
        raise Refused("Choose a .keras or .h5 file to upload.", code="no-file")
    file = job.path / _plain(upload.name)
    with file.open("xb") as copy:
        shutil.copyfileobj(uploads.opened(upload, archive.LARGEST), copy, COPIED_AT_ONCE)
    return file


def _plain(name: str) -> str:
    """An uploaded file's name as it may stand in a folder: a prefix, so that it is none of the job's own files."""
    return f"upload-{re.sub(r'[^A-Za-z0-9._ -]+', '-', Path(name).name)[-80:]}"


def _show_job(job: Job) -> None:
    state = state_of(job)
    if state is not None and state.state.busy:
        st.session_state[JOB] = job.name
        folder_facts.show_head(files.shown(state.data), f"becomes the model {state.model}")
        jobs.watch_job(job, _show_progress, "import-stop", _keep_words)
        return
    for upload in job.path.glob("upload-*"):
        upload.unlink(missing_ok=True)
    if state is None or state.state is not State.FINISHED:
        say(f"{folder_facts.ENDS.get(state.state if state else State.LOST, 'Ended')}. {state.message if state else ''}")
        st.button("Change and try again", key="import-again", on_click=_leave, args=(job,))
        return
    st.html(f"<p class='xk-said' role='status'>{html.escape(state.message)} It can review films and be evaluated.</p>")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        navigation.link("models", "Its card", model=state.model)
        navigation.link("review", "Review films with it", model=state.model)
        st.button("Import another", key="import-another", on_click=_leave, args=(job,))


def _show_progress(state: JobState) -> None:
    st.progress(0.0, escape_markdown(state.message))


def _current() -> Job | None:
    """The import of this session, else one that is going on."""
    chosen = st.session_state.get(JOB)
    for job in system_jobs.list_jobs(_root()):
        if job.name == chosen or jobs.is_busy(state_of(job)):
            return job
    return None


def _leave(job: Job) -> None:
    st.session_state.pop(JOB, None)
    st.session_state[OPEN] = True
    _delete(job)


def _delete(job: Job | None) -> None:
    if job is not None:
        with contextlib.suppress(Refused, OSError):
            job.remove()


def _tidy() -> None:
    for job in system_jobs.list_jobs(_root()):
        state = state_of(job)
        if state is None or (not state.state.busy and time.time() - state.heartbeat > OLD):
            _delete(job)


def _keep_words(words: str) -> None:
    st.session_state[WORDS] = words


def _root() -> Path:
    return folders.runs_folder() / "imports"
