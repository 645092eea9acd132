"""Which run the page shows: named by the address (?run=NAME), remembered over page switches."""

from __future__ import annotations

import streamlit as st

from xraykit.ui.fine_tune import snapshot
from xraykit.ui.kit.text import say

KEY = "run"  # of the address
KEPT = "fine-tune-run"  # of the session: the address loses its words when another page is opened
ANEW = "fine-tune-anew"  # of the session: what was clicked inside a part concerns the whole page


def shown() -> snapshot.Seen | None:
    """The run to show; None while a new one is being set up."""
    st.session_state.pop(ANEW, None)
    name = st.query_params.get(KEY) or st.session_state.get(KEPT)
    if not name:
        return None
    found = snapshot.find(name)
    if found is None:
        _forget()
        st.session_state["fine-tune-words"] = f"There is no run named {name} here: it was deleted or never made."
        return None
    st.session_state[KEPT] = name
    if st.query_params.get(KEY) != name:
        st.query_params[KEY] = name
    return found


def open_run(name: str) -> None:
    """Show a run; a callback."""
    st.session_state[ANEW] = True
    st.session_state[KEPT] = name
    st.query_params[KEY] = name


def close_run() -> None:
    """Show the form of a new run; a callback."""
    st.session_state[ANEW] = True
    _forget()


def follow() -> None:
    """In a part that is drawn again by itself: draw the whole page where a click in it asked for that."""
    if st.session_state.pop(ANEW, False):
        st.rerun()


def keep_word(words: str) -> None:
    """Keep a word for the user until the page is drawn again."""
    st.session_state["fine-tune-words"] = words


def show_words() -> None:
    """The word that a click left, once."""
    if words := st.session_state.pop("fine-tune-words", None):
        say(words)


def _forget() -> None:
    st.session_state.pop(KEPT, None)
    st.query_params.pop(KEY, None)
