"""What opens every page below the header of `xraykit.ui.server.shell`: its name, its look, a word after a fault."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Literal, get_args

import streamlit as st

from xraykit.ui import navigation
from xraykit.ui.server import inference

FAVICON = Path(__file__).parent.parent / "favicon.png"
Look = Literal["dark", "light"]
LOOK = "xk-look"  # of the session state: what the page is drawn in; light only while it is presented
PRESENT = "present"  # in the address: how a page is presented, read by `shell/stage.js` too
RESTARTED = "The inference service stopped and was restarted. Your films are still open."


def frame(title: str) -> None:
    """Open a page: its title in the tab and for screen readers, and the links behind the header. Call it first."""
    st.set_page_config(
        page_title=f"{title} · xraykit",
        page_icon=str(FAVICON),
        layout="wide",
        initial_sidebar_state=288,
    )
    (address,) = (address for address, (_, known) in navigation.TITLES.items() if known == title)
    st.html(f"<h1 class='xk-title' data-page='{address}' data-look='{look()}'>{html.escape(title)}</h1>")
    with st.container(key="xk-pages"):  # never seen: a click in the header, or a key, is handed on to these
        for other in navigation.TITLES:
            navigation.link(other, ".")
        for other in get_args(Look):
            st.button(other, key=f"{LOOK}-{other}", on_click=_draw_in, args=(other,))


def look() -> Look:
    """What this page is drawn in: dark, unless it is presented in light."""
    asked: Look = "light" if st.query_params.get(PRESENT) == "light" else "dark"
    return st.session_state.setdefault(LOOK, asked)


def tab(words: str) -> None:
    """Change what the browser's tab says, so that it can be read from another tab."""
    st.set_page_config(page_title=f"{words} · xraykit")


def watch_restarts() -> None:
    """Tell the user once that the service had to be started again since this session last looked."""
    restarts = inference.client().restarts
    if restarts > st.session_state.setdefault("restarts-seen", restarts):
        st.session_state["restarts-seen"] = restarts
        st.session_state["restart-word"] = True
    if st.session_state.get("restart-word"):
        with st.container(horizontal=True, key="restart-word", vertical_alignment="center"):
            st.html(f"<span class='xk-word' role='status'>{RESTARTED}</span>", width="content")
            st.button("Dismiss", key="dismiss-restart", type="tertiary", on_click=_forget_restart)


def say_error(error: Exception) -> bool:
    """Show words in place of a traceback for a fault that no page foresaw; Streamlit's log keeps the traceback."""
    st.error("Something went wrong on this page. Reload it and reopen your films; the server log has details.")
    return True


def _draw_in(wanted: Look) -> None:
    st.session_state[LOOK] = wanted


def _forget_restart() -> None:
    st.session_state["restart-word"] = False
