"""The data audit before a start: begun by itself once the films are known, and what its leaks ask of the user."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from xraykit.datasets.split import SplitPlan
from xraykit.refused import Refused, words_of
from xraykit.system import folders
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState, state_of
from xraykit.truth.data_audit import record
from xraykit.truth.data_audit.record import Audit
from xraykit.ui.datasets import audit_findings
from xraykit.ui.datasets.audit_view import show_progress
from xraykit.ui.kit import jobs

BEGUN, ACCEPTED = "leaks-audit", "leaks-accepted"  # in the session
WAIT = "wait until the data audit is done"
ACCEPT = "mend the films, or tick the box under the data audit's leaks"
UNAUDITED = "run the data audit again, or tick the box to start without it"


class Asked(NamedTuple):
    """The films and the division that are to be audited; thinning the training films changes neither."""

    listing: str
    plan: SplitPlan


def asked_of(listing: str, plan: SplitPlan) -> Asked:
    """The question for films listed so (`Dataset.listing`) that are divided so."""
    return Asked(listing, SplitPlan(**record.described(plan)))


def show(asked: Asked, folder: Callable[[], Path], keep_word: Callable[[str], None], told_by: str) -> None:
    """Begin the audit where it has not been made, and draw how far it is or what it found.

    `folder` gives the folder of the films; `told_by` is what will tell that leaks were accepted.
    """
    st.html("<h4 class='xk-part-title'>Data audit</h4>")
    state = _state(asked)
    audit = made(asked)
    if audit is not None:
        _show_made(asked, audit, told_by)
        return
    job = _job(asked)
    if job is None:
        job = _begin(asked, folder, keep_word)
        state = state_of(job)
    if job is not None and jobs.is_busy(state):
        jobs.watch_job(job, show_progress, "audit-stop", keep_word)
        return
    _show_without(asked, state)


def reasons(asked: Asked) -> list[str]:
    """What the audit asks for before a start, each a clause; empty where it asks for nothing."""
    if is_accepted(asked):
        return []
    state = _state(asked)
    audit = made(asked)
    if audit is not None:
        return [ACCEPT] if audit.stops else []
    return [UNAUDITED] if state is not None and not state.state.busy else [WAIT]


def made(asked: Asked) -> Audit | None:
    """The audit of these films: the last one, or this session's where it could not be kept."""
    audit = record.kept(*asked)
    job = None if audit else _job(asked)
    return record.of_job(job) if job is not None else audit


def is_accepted(asked: Asked) -> bool:
    """Has the user ticked the box for these films?"""
    return st.session_state.get(ACCEPTED) == asked


def _show_made(asked: Asked, audit: Audit, told_by: str) -> None:
    warnings = [finding for finding in audit.findings if finding.severity != "info" and not finding.stops]
    if not audit.stops:
        n = len(warnings)
        said = f"{n} warning{'s' * (n != 1)}, no leak." if n else "Nothing to warn of."
        st.html(f"<p class='xk-said' role='status'>{said}</p>")
    else:
        st.html(audit_findings.listed(audit.stops, films=False))
        _tick(asked, f"I know about these leaks. Start anyway; {told_by} will say so.")
    if warnings:
        with st.expander(f"Warnings ({len(warnings)})"):
            st.html(audit_findings.listed(warnings, films=False))


def _show_without(asked: Asked, state: JobState | None) -> None:
    """The audit was stopped, or failed."""
    words = "was stopped" if state is not None and state.state is State.STOPPED else "did not end well"
    said = f" {html.escape(state.message)}" if state is not None and state.state is State.FAILED else ""
    st.html(f"<p class='xk-said' role='status'>The data audit {words}.{said}</p>")
    st.button("Audit again", key="audit-again", on_click=_forget)
    _tick(asked, "Start without a data audit.")


def _tick(asked: Asked, label: str) -> None:
    key = f"accept-leaks-{hash(asked) & 0xFFFFFFFF:x}"
    st.checkbox(label, value=is_accepted(asked), key=key, on_change=_accept, args=(asked, key))


def _accept(asked: Asked, key: str) -> None:
    """Take the box as it is; a callback."""
    st.session_state[ACCEPTED] = asked if st.session_state[key] else None


def _state(asked: Asked) -> JobState | None:
    """Where the job that audits these films stands. To be read before what it found, which is there once it ends."""
    begun = st.session_state.get(BEGUN)
    return state_of(Job(Path(begun[1]))) if begun is not None and begun[0] == asked else None


def _job(asked: Asked) -> Job | None:
    """The job that audits these films; one for others is asked to end."""
    begun = st.session_state.get(BEGUN)
    if begun is None:
        return None
    job = Job(Path(begun[1]))
    if begun[0] == asked:
        return job
    with contextlib.suppress(Refused, OSError):
        job.ask_to_stop()
    return None


def _begin(asked: Asked, folder: Callable[[], Path], keep_word: Callable[[str], None]) -> Job | None:
    try:
        job = record.start(folder(), folders.runs_folder() / "inspections", asked.plan)
    except (Refused, OSError) as error:
        keep_word(f"The data audit could not be started: {words_of(error)}")
        return None
    st.session_state[BEGUN] = (asked, str(job.path))
    return job


def _forget() -> None:
    """Audit again; a callback."""
    st.session_state.pop(BEGUN, None)
