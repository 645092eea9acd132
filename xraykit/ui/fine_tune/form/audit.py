"""The data audit before a start: begun by itself once the films are known, and what its leaks ask of the user."""

from __future__ import annotations

import contextlib
import html
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from xraykit.datasets.split import SplitPlan
from xraykit.refused import Refused, words_of
from xraykit.system import folders
from xraykit.system.job_folder import State
from xraykit.system.jobs import Job, JobState, state_of
from xraykit.training import audited
from xraykit.training.run.run import Run
from xraykit.truth.data_audit import record
from xraykit.truth.data_audit.record import Audit
from xraykit.ui.datasets import audit_findings
from xraykit.ui.datasets.audit_view import show_progress
from xraykit.ui.fine_tune import draft, selection
from xraykit.ui.fine_tune.form import films
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import folder_at

BEGUN, ACCEPTED = "fine-tune-audit", "fine-tune-accepted"  # in the session
WAIT = "wait until the data audit is done"
ACCEPT = "mend the films, or tick the box under the data audit's leaks"
UNAUDITED = "run the data audit again, or tick the box to start without it"


class _Asked(NamedTuple):
    """The films and the division that are to be audited; thinning the training films changes neither."""

    digest: str
    plan: SplitPlan


def show() -> None:
    """Begin the audit where it has not been made, and draw how far it is or what it found."""
    asked = _asked()
    if asked is None:
        return
    st.html("<h4 class='xk-part-title'>Data audit</h4>")
    made = _made(asked)
    if made is not None:
        _show_made(asked, made)
        return
    job = _job(asked) or _begin(asked)
    state = state_of(job)
    if job is not None and jobs.is_busy(state):
        jobs.watch_job(job, _show_progress, "audit-stop", selection.keep_word)
        return
    _show_without(asked, state)


def reasons() -> list[str]:
    """What the audit asks for before a run can start, each a clause; empty where it asks for nothing."""
    asked = _asked()
    if asked is None or _is_accepted(asked):
        return []
    made = _made(asked)
    if made is not None:
        return [ACCEPT] if made.stops else []
    state = state_of(_job(asked))
    return [UNAUDITED] if state is not None and not state.state.busy else [WAIT]


def hand_on(run: Run) -> None:
    """Give a run the audit of its films, and whether its leaks were accepted."""
    asked = _asked()
    if asked is not None and (made := _made(asked)) is not None:
        with contextlib.suppress(Refused, OSError):  # the run trains without it too
            audited.hand_on(run, made, _is_accepted(asked))


def _asked() -> _Asked | None:
    """None where the films are not known yet, or cannot be divided."""
    recipe, contents = draft.built(), films.contents_of_folder()
    if recipe is None or contents is None or films.reasons() or not contents.get("digest"):
        return None
    return _Asked(contents["digest"], SplitPlan(**record.described(recipe.split_plan)))


def _made(asked: _Asked) -> Audit | None:
    """The audit of these films: the last one, or this session's where it could not be kept."""
    made = record.kept(*asked)
    job = None if made else _job(asked)
    return record.of_job(job) if job is not None else made


def _show_progress(state: JobState) -> None:
    show_progress(state)


def _show_made(asked: _Asked, made: Audit) -> None:
    warnings = [finding for finding in made.findings if finding.severity != "info" and not finding.stops]
    if not made.stops:
        n = len(warnings)
        said = f"{n} warning{'s' * (n != 1)}, no leak." if n else "Nothing to warn of."
        st.html(f"<p class='xk-said' role='status'>{said}</p>")
    else:
        st.html(audit_findings.listed(made.stops, films=False))
        _tick(asked, "I know of these leaks. Start all the same; the model's card will say so.")
    if warnings:
        with st.expander(f"Warnings ({len(warnings)})"):
            st.html(audit_findings.listed(warnings, films=False))


def _show_without(asked: _Asked, state: JobState | None) -> None:
    """The audit was stopped, or failed."""
    words = "was stopped" if state is not None and state.state is State.STOPPED else "did not end well"
    said = f" {html.escape(state.message)}" if state is not None and state.state is State.FAILED else ""
    st.html(f"<p class='xk-said' role='status'>The data audit {words}.{said}</p>")
    st.button("Audit again", key="audit-again", on_click=_forget)
    _tick(asked, "Start without a data audit.")


def _tick(asked: _Asked, label: str) -> None:
    key = f"accept-leaks-{hash(asked) & 0xFFFFFFFF:x}"
    st.checkbox(label, value=_is_accepted(asked), key=key, on_change=_accept, args=(asked, key))


def _accept(asked: _Asked, key: str) -> None:
    """Take the box as it is; a callback."""
    st.session_state[ACCEPTED] = asked if st.session_state[key] else None


def _is_accepted(asked: _Asked) -> bool:
    return st.session_state.get(ACCEPTED) == asked


def _job(asked: _Asked) -> Job | None:
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


def _begin(asked: _Asked) -> Job | None:
    try:
        job = record.start(folder_at(draft.current().folder), folders.runs_folder() / "inspections", asked.plan)
    except (Refused, OSError) as error:
        selection.keep_word(f"The data audit could not be started: {words_of(error)}")
        return None
    st.session_state[BEGUN] = (asked, str(job.path))
    return job


def _forget() -> None:
    """Audit again; a callback."""
    st.session_state.pop(BEGUN, None)
