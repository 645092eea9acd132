"""The panel that evaluates a folder of films: what is in it, which models, how far it is, what was evaluated before.

The job is a process of its own: this page only starts it, watches it and asks it to stop.
"""

from __future__ import annotations

import contextlib
import html
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.datasets import inspection
from xraykit.evaluation import evaluation
from xraykit.evaluation.alignment import MOST
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import folder_evaluation
from xraykit.models.cards.card import Card, titles_of
from xraykit.refused import Refused, words_of
from xraykit.reports.comparison.chosen import AT_ONCE
from xraykit.system import files, text
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import FILMS, Job, JobState, list_jobs, state_of
from xraykit.ui.compare import attaching, gating
from xraykit.ui.kit import folder_facts, jobs
from xraykit.ui.kit.text import ask_for_folder, say

WORDS = "work-words"
WORK = "work"  # of the session and of the address: the job being shown
OLD = 86_400  # seconds
FORMS = (
    "A folder of class folders (COVID-19/one.png, Normal/two.dcm) or with a manifest.csv (columns path and label). "
    "The folder is checked first; nothing is evaluated until you start it."
)


def show(cards: Sequence[Card]) -> list[Evaluation]:
    """Draw the panel; returns the finished evaluations that the user picked, in the order of picking."""
    with st.container(key="evaluating"):
        job = current()
        if job is None:
            _ask_for_folder()
        else:
            _show_job(job, cards)
        _show_words()
        return _pick(titles_of(cards))


def current() -> Job | None:
    """The job being shown: the one this session began or opened, else one that is busy.

    How a job of another session ended is no matter of this one. The address names the job, so that a reload finds it.
    """
    chosen = st.session_state.get(WORK) or st.query_params.get(WORK)
    listed = list_jobs()
    for job in listed:
        if job.name == chosen:
            return job
    return next((job for job in listed if _is_going_on(job)), None)


def folder_of(evaluation: Evaluation) -> Path | None:
    """Where the films of an evaluation lie on this computer, if a folder checked here holds them all."""
    wanted = set(evaluation.hashes)
    for job in list_jobs() if wanted else ():
        state = state_of(job)
        if state is not None and Path(state.data).is_dir() and wanted <= _hashes(job):
            return Path(state.data)
    return None


def _hashes(job: Job) -> frozenset[str]:
    try:
        return _hashes_version(job, (job.path / FILMS).stat().st_mtime_ns)
    except OSError:
        return frozenset()


@lru_cache(maxsize=32)
def _hashes_version(job: Job, modified: int) -> frozenset[str]:
    return frozenset(_contents(job).get("sha256", ()))


def _is_going_on(job: Job) -> bool:
    state = state_of(job)
    return state is not None and state.state.busy and job.name not in st.session_state.get("works-seen", ())


def _ask_for_folder(path: str = "", before: Job | None = None) -> None:
    """The field for a path; what is said of it takes the place of what was said `before`."""

    def refuse(words: str) -> None:
        if before is None:
            say(words)
            return
        _leave(before, state_of(before))
        _keep_word(words)
        st.rerun()

    folder = ask_for_folder("Folder of labelled films", "Check folder", "evaluate", path, refused=refuse)
    st.html(f"<p class='xk-said'>{html.escape(FORMS)}</p>")
    if folder is not None:
        if before is not None:
            _leave(before, state_of(before))
        _look_at(folder)


def _look_at(folder: Path) -> None:
    _tidy()
    try:
        _open(inspection.start_inspection(folder))
    except (Refused, OSError) as error:
        say(f"The folder could not be looked at: {words_of(error)}")
        return
    st.rerun()


def _open(job: Job) -> None:
    """Show a job from now on, in this session and after a reload."""
    st.session_state[WORK] = st.query_params[WORK] = job.name


def _close() -> None:
    st.session_state.pop(WORK, None)
    st.query_params.pop(WORK, None)


def _show_job(job: Job, cards: Sequence[Card]) -> None:
    state = state_of(job)
    if state is None:
        folder_facts.show_head("An evaluation that cannot be read", job.name)
        _show_buttons(job, state)
        return
    _open(job)
    tested = f", test films of the run {state.test_of}" if state.test_of else ""
    folder_facts.show_head(_folder_name(state), files.shown(state.data) + tested)
    if state.state.busy:
        jobs.watch_job(job, folder_facts.show_progress, "evaluate-stop", _keep_word)
        return
    if state.state is not State.FINISHED:
        folder_facts.show_end(state)
        if state.verb == "inspect":
            _ask_for_folder(files.shown(state.data), job)
            return
    elif state.verb == "inspect":
        contents = _contents(job)
        folder_facts.show_folder(contents)
        _choose_models(job, state, contents, cards)
        return
    else:
        results = [(_load(path), path) for path in job.results()]
        folder_facts.show_results(results, titles_of(cards))
        if words := gating.evaluated_words((each.gate for each, _ in results if each), _contents(job)):
            st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")
        attaching.show_attached(state.attach, cards)
        folder_facts.show_folder(_contents(job))
    _show_buttons(job, state)


def _choose_models(job: Job, state: JobState, contents: dict[str, Any], cards: Sequence[Card]) -> None:
    if not cards:
        say("There is no model to evaluate. Train one on the Fine-tune page and save it.")
        _show_buttons(job, state)
        return
    titles = titles_of(cards)
    labels = list(contents.get("classes", ()))
    able = [card.name for card in cards if all(folder_evaluation.likely(card, label) for label in labels)]
    names = st.multiselect(
        "Models to evaluate",
        list(titles),
        default=able[:AT_ONCE],
        key=f"evaluate-models-{job.name}",
        format_func=titles.__getitem__,
        max_selections=MOST,
        width=720,
    )
    chosen = [card for card in cards if card.name in names]
    classes = attaching.map_classes(job.name, chosen, labels)
    fitting = [card.name for card in chosen if not folder_evaluation.unknown(card, labels, classes)]
    folder_facts.show_familiar(contents, chosen)
    gated = gating.ask(job.name, chosen, contents)
    attach = attaching.ask_name(job.name, _folder_name(state), chosen)
    n, models = contents.get("films", 0), len(fitting)
    label = f"Evaluate {models} model{'s' * (models != 1)} on {n} film{'s' * (n != 1)}"
    with st.container(horizontal=True, gap="small"):
        st.button(
            label,
            key="evaluate-start",
            type="primary",
            disabled=not fitting or len(fitting) < len(chosen) or attach is None,
            on_click=_begin,
            args=(job, state.data, fitting, classes, attach or "", gated),
        )
        st.button("Another folder", key="evaluate-another", on_click=_leave, args=(job, state))


def _show_buttons(job: Job, state: JobState | None) -> None:
    with st.container(horizontal=True, gap="small"):
        if state is not None and state.state.broken_off:
            st.button("Start again", key="evaluate-again", on_click=_start_again, args=(job, state))
        st.button("Another folder", key="evaluate-another", on_click=_leave, args=(job, state))
        if state is not None and (state.state, state.verb) == (State.FINISHED, "evaluate"):
            st.button("Delete this evaluation", key="evaluate-delete", type="tertiary", on_click=_delete, args=(job,))


def _begin(
    job: Job, folder: str, models: Sequence[str], classes: Mapping[str, str], attach: str, gated: bool | None
) -> None:
    try:
        folder_evaluation.start_evaluation(job, Path(folder), models, classes=classes, attach=attach, gated=gated)
        _open(job)
    except (Refused, OSError) as error:
        _keep_word(f"The evaluation could not be started. {words_of(error)}")


def _start_again(job: Job, state: JobState) -> None:
    gated = {"on": True, "off": False}.get(state.gate)
    _begin(job, state.data, state.models, dict(said.split("=", 1) for said in state.maps), state.attach, gated)


def _leave(job: Job, state: JobState | None) -> None:
    """Go on to another folder: what was only checked, or ended without a result, is not kept."""
    _close()
    st.session_state["works-seen"] = {*st.session_state.get("works-seen", ()), job.name}
    if (state is not None and state.verb == "inspect") or not job.results():
        _delete(job)


def _delete(job: Job) -> None:
    _close()
    try:
        job.remove()
    except (Refused, OSError) as error:
        _keep_word(f"Not deleted. {words_of(error)}")


def _tidy() -> None:
    """Delete what sessions left behind a day ago without a result."""
    for job in list_jobs():
        state = state_of(job)
        if state is None or state.state.busy or time.time() - state.heartbeat < OLD:
            continue
        if state.verb == "inspect" or not job.results():
            with contextlib.suppress(Refused, OSError):
                job.remove()


def _keep_word(words: str) -> None:
    st.session_state[WORDS] = words


def _show_words() -> None:
    if words := st.session_state.pop(WORDS, None):
        say(words)


def _pick(titles: Mapping[str, str]) -> list[Evaluation]:
    """The choice among everything evaluated here before; kept on disk, so a reload or a new server offers it again."""
    paths = {}
    for job in list_jobs():
        state = state_of(job)
        if state is not None and (state.state, state.verb) == (State.FINISHED, "evaluate"):
            paths |= {_label(job, state, path, titles): path for path in job.results()}
    if not paths:
        return []
    _offer_new(paths)
    picked = st.multiselect(
        "Evaluations saved on this computer",
        list(paths),
        key="evaluations",
        persist_state="session",
        placeholder="Evaluations to compare",
        width=720,
    )
    evaluations = {label: _load(paths[label]) for label in picked if label in paths}
    for label, loaded in evaluations.items():
        if loaded is None:
            say(f"The evaluation {label} cannot be read. Delete it and evaluate again.")
    return [loaded for loaded in evaluations.values() if loaded is not None]


def _offer_new(paths: dict[str, Path]) -> None:
    """Pick what this session has just seen finish, once."""
    shown, offered = st.session_state.get(WORK), st.session_state.setdefault("works-offered", set())
    new = [label for label, path in paths.items() if shown in (path.parent.name, path.parent.parent.name)]
    if new and shown not in offered:
        offered.add(shown)
        st.session_state["evaluations"] = new


def _label(job: Job, state: JobState, path: Path, titles: Mapping[str, str]) -> str:
    model = path.parent.name if path.parent != job.path else (*state.models, "?")[0]
    tested = f" · test of {state.test_of}" if state.test_of else ""
    n, ended = state.films - state.refused, text.timestamp(state.heartbeat)
    off = " · gate off" if state.gate == "off" else ""
    return f"{_folder_name(state)}{tested} · {titles.get(model, model)} · n {n}{off} · {ended}"


def _contents(job: Job) -> dict[str, Any]:
    try:
        return job.films()
    except (Refused, OSError):
        return {}


def _load(path: Path) -> Evaluation | None:
    try:
        stat = path.stat()
        return _load_version(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, evaluation.EvaluationRefused):
        return None


@lru_cache(maxsize=16)
def _load_version(path: Path, modified: int, size: int) -> Evaluation:
    return evaluation.load(path)


def _folder_name(state: JobState) -> str:
    return files.shown(Path(state.data).name)
