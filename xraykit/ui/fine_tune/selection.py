"""Which run the page shows: named by the address (?run=NAME), remembered over page switches; words for its user."""

from __future__ import annotations

import streamlit as st

from xraykit.ui.fine_tune import snapshot
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import say

KEY = "run"  # of the address
REMEMBERED = "fine-tune-run"  # of the session: the address loses its words when another page is opened
WORDS = "fine-tune-words"


def shown() -> snapshot.RunSnapshot | None:
    """The run to show; None while a new one is being set up."""
    name = st.query_params.get(KEY) or st.session_state.get(REMEMBERED)
    if not name:
        return None
    run = snapshot.find(name)
    if run is None:
        _forget()
        keep_word(f"No run named {name}. It may have been deleted.")
        return None
    st.session_state[REMEMBERED] = name
    if st.query_params.get(KEY) != name:
        st.query_params[KEY] = name
    return run


def open_run(name: str) -> None:
    """Show a run; a callback."""
    jobs.redraw_page()
    st.session_state[REMEMBERED] = name
    st.query_params[KEY] = name


def close_run() -> None:
    """Show the form of a new run; a callback."""
    jobs.redraw_page()
    _forget()


def keep_word(words: str) -> None:
    """Keep words for the user until the page is drawn again."""
    st.session_state[WORDS] = words


def show_words() -> None:
    """The words that a click left, once."""
    if words := st.session_state.pop(WORDS, None):
        say(words)


def _forget() -> None:
    st.session_state.pop(REMEMBERED, None)
    st.query_params.pop(KEY, None)
