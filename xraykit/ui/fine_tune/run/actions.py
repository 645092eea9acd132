"""What can be done with the chosen run: stop, resume, duplicate with changes, delete. By its state."""

from __future__ import annotations

import contextlib
from pathlib import Path

import streamlit as st

from xraykit.refused import Refused
from xraykit.system import devices
from xraykit.training.run import control, run
from xraykit.ui.fine_tune import draft, selection
from xraykit.ui.fine_tune.form import films
from xraykit.ui.fine_tune.snapshot import Seen
from xraykit.ui.kit.text import ask_for_folder

ASKED = "fine-tune-asked"  # the run whose deletion is asked about


def show_buttons(of: Seen) -> None:
    """The row of buttons beside the run's name."""
    name = of.name
    if of.busy:
        asked = of.run.stop_asked()
        st.button(
            "Stopping" if asked else "Stop",
            key="run-stop",
            disabled=asked,
            on_click=_stop,
            args=(of,),
            help="It ends within ten seconds, with a checkpoint to go on from.",
        )
    if of.state in run.RESUMABLE:
        st.button(
            "Resume",
            key="run-resume",
            type="primary",
            on_click=_resume,
            args=(of,),
            help="Go on from the last checkpoint, with the same numbers.",
        )
        if of.status.get("epoch"):
            st.button(
                "Finish as it is",
                key="run-finish",
                on_click=_resume,
                args=(of, None, True),
                help="Learn no more: evaluate what was learned so far, so that it can be kept.",
            )
    if of.recipe:
        st.button(
            "Duplicate with changes",
            key="run-duplicate",
            on_click=_duplicate,
            args=(of,),
            help="Fill the form of a new run with these films and this recipe.",
        )
    if not of.busy:
        st.button("Delete", key="run-delete", on_click=_ask, args=(name,))
    st.button("New run", key="run-new", on_click=selection.close_run)


def ask_about_deleting(of: Seen) -> None:
    """Ask once more before a run is deleted."""
    asked = st.session_state.get(ASKED)
    if asked == of.name and not of.busy:
        with st.container(horizontal=True, key="ask-delete", vertical_alignment="center", gap="small"):
            kept = " A model kept from it stays." if of.state == "finished" else ""
            st.html(
                "<p class='xk-word' role='alert'>Delete this run with its curves, checkpoint and network? This "
                f"cannot be undone.{kept}</p>",
                width="content",
            )
            st.button("Delete it", key="run-delete-yes", type="primary", on_click=_delete, args=(of,))
            st.button("Do not delete", key="run-delete-no", on_click=_ask_nothing)


def _films_moved(of: Seen) -> bool:
    about_weights = " weights " in str(of.status.get("message"))  # the films are where they were
    gone = not Path(str(of.status.get("data", ""))).is_dir()
    return gone or (of.status.get("failure") == "data" and not about_weights)


def ask_for_films(of: Seen) -> None:
    """Where the films are now, of a run that could go on if it found them."""
    if of.state not in run.RESUMABLE or not _films_moved(of):
        return
    path = str(of.status.get("data", ""))
    folder = ask_for_folder("New location of the films", "Resume with these films", "resume", path, width=560)
    if folder is not None:
        _resume(of, folder)
        st.rerun()


def _stop(of: Seen) -> None:
    with _saying("It could not be stopped"):
        control.stop(of.run)


def _resume(of: Seen, folder: Path | None = None, finish: bool = False) -> None:
    with _saying("It could not be resumed"):
        control.resume(of.run, data=folder, finish=finish)
    selection.open_run(of.name)


def _duplicate(of: Seen) -> None:
    """Fill the form with the run's films, recipe and device."""
    draft.take(of.recipe, draft.DUPLICATE + of.name)
    plan = draft.current()
    plan.device, plan.source = str(of.status.get("asked_device") or devices.AUTO), films.PATH
    if folder := str(of.status.get("data", "")):
        films.choose(folder)
    selection.close_run()


def _ask(name: str) -> None:
    st.session_state[ASKED] = name


def _ask_nothing() -> None:
    st.session_state.pop(ASKED, None)


def _delete(of: Seen) -> None:
    _ask_nothing()
    with _saying("It could not be deleted"):
        control.delete(of.run)
        selection.close_run()


@contextlib.contextmanager
def _saying(words: str):
    try:
        yield
    except (Refused, OSError) as error:
        selection.keep_word(f"{words}: {error}")
