"""What can be done with the chosen run: stop, resume, finish, duplicate, delete. By its state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from xraykit.refused import Refused, words_of
from xraykit.system import devices, files
from xraykit.system.job_folder.record import State
from xraykit.training.run import control
from xraykit.training.run.run import Failure
from xraykit.ui.fine_tune import draft, selection
from xraykit.ui.fine_tune.form import films
from xraykit.ui.fine_tune.snapshot import RunSnapshot
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import ask_for_folder

ASKED = "fine-tune-asked"  # the run whose deletion is asked about


def show_buttons(run: RunSnapshot) -> None:
    """The row of buttons beside the run's name."""
    if run.busy:
        jobs.stop_button(
            run.folder,
            "run-stop",
            selection.keep_word,
            stop=lambda: control.stop(run.folder),
            help="Stops within ten seconds, with a checkpoint to resume from.",
        )
    if run.resumable:
        _show_resume(run)
    if run.recipe:
        st.button(
            "Duplicate and edit",
            key="run-duplicate",
            on_click=_duplicate,
            args=(run,),
            help="Set up a new run with the same films and recipe.",
        )
    if not run.busy:
        st.button("Delete", key="run-delete", on_click=_ask, args=(run.name,))
    st.button("New run", key="run-new", on_click=selection.close_run)


def _show_resume(run: RunSnapshot) -> None:
    st.button(
        "Resume",
        key="run-resume",
        type="primary",
        on_click=_resume,
        args=(run,),
        help="Continue from the last checkpoint. The result is the same as without a stop.",
    )
    if run.status and run.status.epoch:
        st.button(
            "Finish now",
            key="run-finish",
            on_click=_resume,
            args=(run, None, True),
            help="Train no further: evaluate what was learned so far, so that it can be saved as a model.",
        )


def ask_about_deleting(run: RunSnapshot) -> None:
    """Ask once more before a run is deleted."""
    if st.session_state.get(ASKED) != run.name or run.busy:
        return
    with st.container(horizontal=True, key="ask-delete", vertical_alignment="center", gap="small"):
        models = " Models saved from it stay." if run.state is State.FINISHED else ""
        st.html(
            "<p class='xk-word' role='alert'>Delete this run with its curves, checkpoint and network? This cannot be "
            f"undone.{models}</p>",
            width="content",
        )
        st.button("Delete run", key="run-delete-yes", type="primary", on_click=_delete, args=(run,))
        st.button("Cancel", key="run-delete-no", on_click=_ask_nothing)


def ask_for_films(run: RunSnapshot) -> None:
    """Where the films are now, of a run that could be resumed if it found them."""
    if not run.resumable or not _films_are_missing(run):
        return
    folder = ask_for_folder(
        "New location of the films", "Resume with these films", "resume", files.shown(run.data), width=560
    )
    if folder is not None:
        _resume(run, folder)
        st.rerun()


def _films_are_missing(run: RunSnapshot) -> bool:
    assert run.status is not None  # it is resumable
    return run.status.failure is Failure.DATA or not Path(run.data).is_dir()


def _resume(run: RunSnapshot, folder: Path | None = None, finish: bool = False) -> None:
    with _telling("Not resumed."):
        control.resume(run.folder, data=folder, finish=finish)
    selection.open_run(run.name)


def _duplicate(run: RunSnapshot) -> None:
    """Fill the form with the run's films, recipe and device."""
    draft.take(run.recipe, draft.DUPLICATE + run.name)
    plan = draft.current()
    plan.device = (run.status.asked_device if run.status else None) or devices.AUTO
    plan.source = films.PATH
    if run.data:
        films.choose(run.data)
    selection.close_run()


def _ask(name: str) -> None:
    st.session_state[ASKED] = name


def _ask_nothing() -> None:
    st.session_state.pop(ASKED, None)


def _delete(run: RunSnapshot) -> None:
    _ask_nothing()
    with _telling("Not deleted."):
        control.delete(run.folder)
        selection.close_run()


@contextlib.contextmanager
def _telling(words: str) -> Iterator[None]:
    """Keep these words and the reason for the user where something is refused."""
    try:
        yield
    except (Refused, OSError) as error:
        selection.keep_word(f"{words} {words_of(error)}")
