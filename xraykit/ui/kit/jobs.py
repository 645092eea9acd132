"""A job on a page: drawn again by itself while it is busy, with a bar, a button that stops it, and its state."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from xraykit.refused import Refused, words_of
from xraykit.system import text
from xraykit.system.job_folder.job_folder import JobFolder
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState, state_of
from xraykit.ui.kit.text import escape_markdown

REDRAW = "redraw-page"
# Colour and word say the same, so that the state is read without colours too; None: it cannot be read
COLOURS: dict[State | None, str] = {
    State.QUEUED: "#B9A6EA",
    State.RUNNING: "#6FB7E9",
    State.FINISHED: "#7FC8A0",
    State.STOPPED: "#E8C27A",
    State.FAILED: "#F0877A",
    State.LOST: "#F0877A",
    None: "#9AA7B3",
}
# The same behind white text in a table, dark enough for 4.5 to 1
TAGS: dict[State | None, str] = {
    State.QUEUED: "#5B4A94",
    State.RUNNING: "#1D6FA8",
    State.FINISHED: "#2C6E4E",
    State.STOPPED: "#7A5C1E",
    State.FAILED: "#A03A30",
    State.LOST: "#A03A30",
    None: "#4A545E",
}
ROW, HEAD, MOST_HEIGHT = 35, 37, 420  # px, of a table
T = TypeVar("T")


def watch(read: Callable[[], T], busy: Callable[[T], bool], draw: Callable[[T], None], every: float = 2) -> None:
    """Draw a part of the page every few seconds while it is busy, and the whole page once it is not.

    Parameters
    ----------
    read : callable
        What is drawn, as it is now.
    busy : callable
        Will it change by itself?
    draw : callable
        Draws it.
    every : float
        Seconds.
    """
    st.session_state.pop(REDRAW, None)  # the whole page is being drawn
    st.fragment(_draw_again, run_every=every)(read, busy, draw)


def _draw_again(read: Callable[[], T], busy: Callable[[T], bool], draw: Callable[[T], None]) -> None:
    value = read()
    if st.session_state.pop(REDRAW, False) or not busy(value):
        st.rerun()
    draw(value)


def redraw_page() -> None:
    """In a callback of something that `watch` draws: it concerns the whole page."""
    st.session_state[REDRAW] = True


def watch_job(
    job: Job, draw: Callable[[JobState], None], key: str, keep_words: Callable[[str], None], label: str = "Stop"
) -> None:
    """Draw a busy job every second with a button that stops it, and the whole page once it has ended.

    `keep_words` keeps what could not be done until the page is drawn again.
    """

    def draw_with_button(state: JobState | None) -> None:
        assert state is not None  # `is_busy` has asked
        draw(state)
        stop_button(job, key, keep_words, label=label)

    watch(lambda: state_of(job), is_busy, draw_with_button, every=1)


def is_busy(state: JobState | None) -> bool:
    """Is there a job, and has it not ended?"""
    return state is not None and state.state.busy


def show_progress(state: JobState, words: str, unit: str = "films") -> None:
    """A bar with what is done and the time left; `words` alone while it is not known how much there is to do."""
    if state.state is State.QUEUED or not state.films:
        st.progress(0.0, escape_markdown(words))
        return
    parts = [f"{words}: {state.done:,} of {state.films:,} {unit}"]
    parts += [f"{state.refused:,} refused"] if state.refused else []
    parts += [left] if (left := text.time_left(state.eta)) else []
    st.progress(min(1.0, state.done / state.films), escape_markdown(" · ".join(parts)))


def stop_button(
    folder: JobFolder,
    key: str,
    keep_words: Callable[[str], None],
    stop: Callable[[], None] | None = None,
    label: str = "Stop",
    help: str | None = None,
) -> None:
    """A button that asks a job to stop, by `stop` if given; what refuses goes to `keep_words`."""
    asked = folder.stop_asked()
    st.button(
        "Stopping" if asked else label,
        key=key,
        disabled=asked,
        on_click=_stop,
        args=(stop or folder.ask_to_stop, keep_words),
        help=help,
    )


def _stop(stop: Callable[[], None], keep_words: Callable[[str], None]) -> None:
    try:
        stop()
    except (Refused, OSError) as error:
        keep_words(f"Not stopped. {words_of(error)}")
        redraw_page()


def table(
    kind: str,
    columns: Mapping[str, list[Any]],
    rows: Sequence[T],
    open_row: Callable[[T], None],
    *,
    alt: str,
    config: Mapping[str, Any],
    owner: str = "",
    most_height: int = MOST_HEIGHT,
) -> None:
    """A table of `rows`; a click on one opens it.

    Parameters
    ----------
    kind : str
        What they are, for its keys.
    owner : str
        Whose rows they are, where the page shows those of one thing at a time.
    """
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    turn = st.session_state.setdefault(f"{kind}-turn", 0)
    key = f"{kind}-table-{owner}-{turn}" if owner else f"{kind}-table-{turn}"
    st.dataframe(
        pyarrow.table(dict(columns)),
        hide_index=True,
        width="stretch",
        height=min(HEAD + ROW * max(1, len(rows)), most_height),
        row_height=ROW,
        key=key,
        on_select=partial(_open_row, key, f"{kind}-turn", rows, open_row),
        selection_mode="single-row",
        placeholder="",
        alt=alt,
        column_config=config,
    )


def _open_row(key: str, turn: str, rows: Sequence[T], open_row: Callable[[T], None]) -> None:
    """Open the row that was clicked; the next table has no row chosen, whatever lies at that place then."""
    table = st.session_state.get(key)
    clicked = table.selection.rows if table else []
    if clicked and clicked[0] < len(rows):
        open_row(rows[clicked[0]])
        st.session_state[turn] += 1


def state_tags(tags: Mapping[str, str], width: int) -> Any:
    """The column of a table with the state in its colour; `tags` is a colour by the state's words."""
    return st.column_config.MultiselectColumn(options=list(tags), color=list(tags.values()), width=width)


def state_chip(state: State | None, words: str) -> str:
    """A state in its colour, as HTML."""
    label = html.escape(words.capitalize())
    return f"<span class='xk-state' role='status' style='--state:{COLOURS[state]}'>{label}</span>"
