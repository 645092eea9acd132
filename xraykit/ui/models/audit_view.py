"""The part of the page Models about shortcuts: what an audit of the model gave, and the button that starts one.

The audit is a process of its own: this page only starts it, watches it and asks it to stop.
"""

from __future__ import annotations

import contextlib
import html
from pathlib import Path

import streamlit as st

from xraykit.models.cards.card import Card
from xraykit.refused import Refused, words_of
from xraykit.reports.truth import scorecard_report, shortcuts_report
from xraykit.system import files, folders
from xraykit.system import jobs as system_jobs
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState, state_of
from xraykit.truth import model_audit
from xraykit.truth.model_audit import Wish
from xraykit.truth.shortcuts import figures
from xraykit.ui.kit import folder_facts, jobs
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.handout import Handout
from xraykit.ui.kit.text import folder_at, say

JOB, WORDS = "audit-job", "audit-words"
FORMS = (
    "The model reads labelled films again with the lungs, the centre or the borders taken out, turned, mirrored, "
    "brightened, blurred: what it still answers without the lungs, it does not see in them. Its heatmaps are held "
    "against random maps. Where the folder holds films of the model's own test split, these are used. With lung masks "
    "(folders masks beside images, same names) also without the lungs, and with the lungs alone."
)


def show(card: Card, given: Handout) -> None:
    """What is known of the model's shortcuts and heatmaps, and a way to find out."""
    report_view.before_charts()
    with st.container(key="audit"):
        for section in (*shortcuts_report.sections([card]), *scorecard_report.sections([card])):
            report_view.section(section, given, across=2 if len(section.pictures) > 1 else None)
        job = _current(card)
        title = "Check for shortcuts" if figures.read(card) is None else "Check for shortcuts again"
        opened = job is not None or WORDS in st.session_state
        with st.expander(title, expanded=opened, key=f"audit-{job is not None}"):
            if words := st.session_state.pop(WORDS, None):
                say(words)
            if job is None:
                _ask(card)
            else:
                _show_job(job, card)


def _ask(card: Card) -> None:
    st.html(f"<p class='xk-said'>{html.escape(FORMS)}</p>")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Folder of labelled films", key="audit-path", placeholder="/home/me/films", width=420)
        st.number_input("Films, at most", 30, 100_000, model_audit.FILMS, 30, key="audit-films", width=140)
        st.number_input(
            "Films for the heatmap",
            0,
            1000,
            model_audit.SCORED,
            10,
            key="audit-scored",
            width=170,
            help="Each is read some 370 times. 0: the heatmap is not checked.",
        )
        st.button("Check", key="audit-start", type="primary", on_click=_start, args=(card.name,))


def _start(model: str) -> None:
    """Start an audit; a callback."""
    given, job = st.session_state, None
    try:
        folder: Path = folder_at(given.get("audit-path") or "")
        wish = Wish(films=int(given["audit-films"]), scored=int(given["audit-scored"]))
        job = system_jobs.create(model, _root())
        model_audit.start(job, [model], folder, wish)
        given[JOB] = job.name
    except (Refused, OSError) as error:
        given[WORDS] = words_of(error)
        if job is not None:
            _leave(job)


def _show_job(job: Job, card: Card) -> None:
    state = state_of(job)
    if state is not None and state.state.busy:
        folder_facts.show_head(card.title, files.shown(state.data))
        jobs.watch_job(job, _show_progress, "audit-stop", _keep_words)
        return
    ended = State.LOST if state is None else state.state
    words = "" if state is None else state.message
    if ended is State.FINISHED:
        st.html(f"<p class='xk-said' role='status'>{html.escape(words)} The result is above, and in the card.</p>")
    else:
        say(f"{folder_facts.ENDS.get(ended, 'Ended')}. {words}")
    st.button("Check again", key="audit-again", on_click=_leave, args=(job,))


def _show_progress(state: JobState) -> None:
    jobs.show_progress(state, state.message, "readings")


def _current(card: Card) -> Job | None:
    """The audit of this session, else one of the model that is going on."""
    chosen = st.session_state.get(JOB)
    for job in system_jobs.list_jobs(_root()):
        state = state_of(job)
        if card.name in (state.models if state else ()) and (job.name == chosen or jobs.is_busy(state)):
            return job
    return None


def _leave(job: Job) -> None:
    """What an audit gave is in the card; its folder is not needed any more."""
    st.session_state.pop(JOB, None)
    with contextlib.suppress(Refused, OSError):
        job.remove()


def _keep_words(words: str) -> None:
    st.session_state[WORDS] = words


def _root() -> Path:
    return folders.runs_folder() / "audits"
