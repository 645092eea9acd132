"""Which study the page shows: named by the address (?study=NAME), remembered over page switches; words for its user."""

from __future__ import annotations

import streamlit as st

from xraykit.ui.experiments import snapshot
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import say

KEY, TRIAL = "study", "trial"  # of the address
REMEMBERED = "experiments-study"
WORDS = "experiments-words"


def shown() -> snapshot.StudySnapshot | None:
    """The study to show; None while a new one is being set up."""
    name = st.query_params.get(KEY) or st.session_state.get(REMEMBERED)
    if not name:
        return None
    study = snapshot.find(name)
    if study is None:
        _forget()
        keep_word(f"No study named {name}. It may have been deleted.")
        return None
    st.session_state[REMEMBERED] = name
    if st.query_params.get(KEY) != name:
        st.query_params[KEY] = name
    return study


def open_study(name: str) -> None:
    """Show a study; a callback."""
    jobs.redraw_page()
    _forget()
    st.session_state[REMEMBERED] = name
    st.query_params[KEY] = name


def close_study() -> None:
    """Show the form of a new study; a callback."""
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
    for key in (KEY, TRIAL):
        st.query_params.pop(key, None)
