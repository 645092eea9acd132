"""The panel that evaluates a folder of films: what is in it, which models, how far it is, what was found before.

The work is a process of its own (`scoring`, `work`): this page only starts it, watches it and asks it to stop.
"""

from __future__ import annotations

import datetime
import html
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.datasets import inspection
from xraykit.evaluation import evaluation
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import folder_evaluation
from xraykit.models.card import Card
from xraykit.refused import Refused
from xraykit.system import jobs as works
from xraykit.system.jobs import Work
from xraykit.ui.kit import folder_facts
from xraykit.ui.kit.text import ask_for_folder, say

MOST_MODELS = 4
BUSY = ("queued", "running")
FORMS = (
    "A folder of class folders (COVID-19/one.png, Normal/two.dcm) or with a manifest.csv (columns path and label). "
    "It is looked at first: nothing is evaluated until you say so."
)


def show(cards: Sequence[Card]) -> list[Evaluation]:
    """Draw the panel; returns the finished evaluations that the user picked, in the order of picking."""
    with st.container(key="evaluating"):
        found = current()
        if found is None:
            _ask_for_folder()
        else:
            _show_work(found, cards)
        _say_words()
        return _pick()


def current() -> Work | None:
    """The work being shown: the one this session began or opened, else one that goes on or waits for an answer."""
    chosen = st.session_state.get("work")
    listed = works.list_works()
    for one in listed:
        if one.name == chosen:
            return one
    return next((one for one in listed if _wants_attention(one)), None)


def folder_of(found: Evaluation) -> Path | None:
    """Where the films of an evaluation lie on this computer, if a folder looked at here holds them all."""
    wanted = set(found.hashes)
    for one in works.list_works() if wanted else ():
        folder = Path(works.look(one).get("data", ""))
        if folder.is_dir() and wanted <= _hashes(one):
            return folder
    return None


def _hashes(one: Work) -> frozenset[str]:
    try:
        return _hashes_version(one, (one.path / works.FILMS).stat().st_mtime_ns)
    except OSError:
        return frozenset()


@lru_cache(maxsize=32)
def _hashes_version(one: Work, modified: int) -> frozenset[str]:
    return frozenset(_films(one).get("sha256", ()))


def _wants_attention(one: Work) -> bool:
    state = works.look(one)
    seen = st.session_state.get("works-seen", ())
    return bool(state) and one.name not in seen and (state["state"] != "finished" or state.get("verb") == "inspect")


def _ask_for_folder() -> None:
    folder = ask_for_folder("Folder of labelled films", "Check folder", "evaluate")
    st.html(f"<p class='xk-said'>{html.escape(FORMS)}</p>")
    if folder is not None:
        _look_at(folder)


def _look_at(folder: Path) -> None:
    _forget_inspections()
    try:
        st.session_state["work"] = inspection.start_inspection(folder).name
    except (Refused, OSError) as error:
        say(f"The folder could not be looked at: {error}")
        return
    st.rerun()


def _show_work(one: Work, cards: Sequence[Card]) -> None:
    state = works.look(one)
    if not state:
        folder_facts.show_head("An evaluation that cannot be read", one.name)
        _buttons(one, state)
        return
    st.session_state["work"] = one.name
    name = Path(state.get("data", "")).name
    inspecting = state.get("verb") == "inspect"
    tested = f", test films of the run {state['test_of']}" if state.get("test_of") else ""
    folder_facts.show_head(name, state.get("data", "") + tested)
    if state["state"] in BUSY:
        _watch(one)
        return
    if state["state"] == "finished":
        found = _films(one)
        if not inspecting:
            folder_facts.show_results([(_load(path), path) for path in one.results()])
        folder_facts.show_folder(found)
        if inspecting:
            _choose_models(one, state, found, cards)
            return
    else:
        folder_facts.show_end(state)
    _buttons(one, state)


@st.fragment(run_every=2)
def _watch(one: Work) -> None:
    """How far it is; drawn again every two seconds, only while it goes on."""
    state = works.look(one)
    if state.get("state") not in BUSY:
        st.rerun()
    folder_facts.show_progress(state)
    asked = (one.path / "stop").exists()
    st.button("Stopping" if asked else "Stop", key="evaluate-stop", on_click=_stop, args=(one,), disabled=asked)


def _choose_models(one: Work, state: dict[str, Any], found: dict[str, Any], cards: Sequence[Card]) -> None:
    labels = list(found.get("classes", ()))
    misfits = [words for card in cards if (words := folder_evaluation.misfit(card, labels, Path(state["data"]).name))]
    fitting = [card.name for card in cards if not folder_evaluation.misfit(card, labels, "")]
    folder_facts.show_misfits(misfits)
    if not fitting:
        if not cards:
            say("There is no model to evaluate: train and keep one first.")
        _buttons(one, state)
        return
    titles = {card.name: card.title for card in cards}
    chosen = st.multiselect(
        "Models to evaluate",
        fitting,
        default=fitting[:MOST_MODELS],
        key=f"evaluate-models-{one.name}",
        format_func=titles.__getitem__,
        max_selections=MOST_MODELS,
        width=720,
    )
    folder_facts.show_familiar(found, [card for card in cards if card.name in chosen])
    n, models = found.get("films", 0), len(chosen)
    label = f"Evaluate {models} model{'s' * (models != 1)} on {n} film{'s' * (n != 1)}"
    with st.container(horizontal=True, gap="small"):
        st.button(
            label,
            key="evaluate-start",
            type="primary",
            disabled=not chosen,
            on_click=_begin,
            args=(one, state["data"], list(chosen)),
        )
        st.button("Another folder", key="evaluate-another", on_click=_leave, args=(one, state))


def _buttons(one: Work, state: dict[str, Any]) -> None:
    with st.container(horizontal=True, gap="small"):
        if state.get("state") in ("stopped", "failed", "lost"):
            st.button("Start again", key="evaluate-again", on_click=_again, args=(one, state))
        st.button("Another folder", key="evaluate-another", on_click=_leave, args=(one, state))
        if state.get("state") == "finished" and state.get("verb") == "evaluate":
            st.button("Delete this evaluation", key="evaluate-delete", type="tertiary", on_click=_delete, args=(one,))


def _begin(one: Work, folder: str, models: list[str]) -> None:
    try:
        folder_evaluation.start_evaluation(one, Path(folder), models)
        st.session_state["work"] = one.name
    except (Refused, OSError) as error:
        st.session_state["work-words"] = f"The evaluation could not be started: {error}"


def _again(one: Work, state: dict[str, Any]) -> None:
    if state.get("verb") == "evaluate":
        _begin(one, state["data"], state["models"])
        return
    _leave(one, state)
    try:
        st.session_state["work"] = inspection.start_inspection(Path(state["data"])).name
    except (Refused, OSError) as error:
        st.session_state["work-words"] = f"The folder could not be looked at: {error}"


def _stop(one: Work) -> None:
    try:
        one.ask_to_stop()
    except OSError as error:
        st.session_state["work-words"] = f"It could not be stopped: {error}"


def _leave(one: Work, state: dict[str, Any]) -> None:
    """Go on to another folder: what was only looked at, or ended without a result, is not kept."""
    st.session_state.pop("work", None)
    st.session_state["works-seen"] = {*st.session_state.get("works-seen", ()), one.name}
    if state.get("verb") == "inspect" or not one.results():
        _delete(one)


def _delete(one: Work) -> None:
    st.session_state.pop("work", None)
    try:
        works.remove(one)
    except (Refused, OSError) as error:
        st.session_state["work-words"] = f"It could not be deleted: {error}"


def _forget_inspections() -> None:
    for one in works.list_works():
        state = works.look(one)
        if state.get("verb") == "inspect" and state["state"] not in BUSY:
            _delete(one)


def _say_words() -> None:
    if words := st.session_state.pop("work-words", None):
        say(words)


def _pick() -> list[Evaluation]:
    """The choice among everything evaluated here before; kept on disk, so a reload or a new server offers it again."""
    paths = {}
    for one in works.list_works():
        state = works.look(one)
        if state.get("verb") == "evaluate" and state["state"] == "finished":
            paths |= {_label(one, state, path): path for path in one.results()}
    if not paths:
        return []
    _offer_new(paths)
    picked = st.multiselect(
        "Evaluations kept on this computer",
        list(paths),
        key="evaluations",
        persist_state="session",
        placeholder="Evaluations to compare",
        width=720,
    )
    found = [(label, _load(paths[label])) for label in picked if label in paths]
    for label in (label for label, one in found if one is None):
        say(f"The evaluation {label} cannot be read; delete it and evaluate again.")
    return [one for _, one in found if one is not None]


def _offer_new(paths: dict[str, Path]) -> None:
    """Pick what this session has just seen finish, once."""
    shown, offered = st.session_state.get("work"), st.session_state.setdefault("works-offered", set())
    new = [label for label, path in paths.items() if shown in (path.parent.name, path.parent.parent.name)]
    if new and shown not in offered:
        offered.add(shown)
        st.session_state["evaluations"] = new


def _label(one: Work, state: dict[str, Any], path: Path) -> str:
    model = path.parent.name if path.parent != one.path else (state.get("models") or ["?"])[0]
    when = datetime.datetime.fromtimestamp(state.get("updated", 0))
    read = state.get("films", 0) - state.get("refused", 0)
    tested = f" · test of {state['test_of']}" if state.get("test_of") else ""
    return f"{Path(state.get('data', '')).name}{tested} · {model} · n {read} · {when:%Y-%m-%d %H:%M:%S}"


def _films(one: Work) -> dict[str, Any]:
    try:
        return one.films()
    except (Refused, OSError):
        return {}


def _load(path: Path) -> Evaluation | None:
    try:
        found = path.stat()
        return _load_version(path, found.st_mtime_ns, found.st_size)
    except (OSError, evaluation.EvaluationRefused):
        return None


@lru_cache(maxsize=16)
def _load_version(path: Path, modified: int, size: int) -> Evaluation:
    return evaluation.load(path)
