"""The frame of every page: title, research-only banner, a word after a restart of the service or a fault."""

from __future__ import annotations

import html
from pathlib import Path

import streamlit as st

from xraykit import RESEARCH_ONLY
from xraykit.ui.server import client

FOLDER = Path(__file__).parent.parent
REPORT_STYLE = FOLDER.parent / "reports" / "report.css"  # not report.CSS: NumPy would hold the server's start back
RESTARTED = "The inference service stopped and was restarted. Your films are still open."


def frame(title: str) -> None:
    """Open a page: its title, the research-only banner, and the word about a restarted service. Call it first."""
    st.set_page_config(
        page_title=f"{title} · xraykit",
        page_icon=str(FOLDER / "favicon.png"),
        layout="wide",
        initial_sidebar_state=288,
    )
    st.html(FOLDER / "style.css")
    st.html(REPORT_STYLE)
    st.html(
        f"<header class='xk-head'><span class='xk-brand'>xraykit</span><h1>{html.escape(title)}</h1>"
        f"<span class='xk-banner' role='note'>{RESEARCH_ONLY}</span></header>"
    )


def tab(words: str) -> None:
    """Change what the browser's tab says, so that it can be read from another tab."""
    st.set_page_config(page_title=f"{words} · xraykit")


def watch_restarts() -> None:
    """Tell the user once that the service had to be started again since this session last looked."""
    restarts = client().restarts
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


def _forget_restart() -> None:
    st.session_state["restart-word"] = False
