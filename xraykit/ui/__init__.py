"""What every page shares: the frame, the research-only banner, and the server's one inference client.

This package and the pages are all that imports Streamlit; nothing here reads a film or runs a network.
"""

from __future__ import annotations

import contextlib
import html
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from xraykit.models import service as inference

RESEARCH_ONLY = "Research demonstration. Not a medical device. Not for diagnosis."
FOLDER = Path(__file__).parent
RESTARTED = "The inference service had ended and was started again. Your films are still open; nothing was lost."

CONTENT_SECURITY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Vega compiles its expressions
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'self'",
    ]
)
HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]

_lock = threading.Lock()
_client: inference.Client | None = None


def frame(title: str) -> None:
    """Open a page: its title, the research-only banner, and the word about a restarted service. Call it first."""
    st.set_page_config(
        page_title=f"{title} · xraykit",
        page_icon=str(FOLDER / "favicon.png"),
        layout="wide",
        initial_sidebar_state=288,
    )
    st.html(FOLDER / "style.css")
    st.html(
        f"<header class='xk-head'><span class='xk-brand'>xraykit</span><h1>{html.escape(title)}</h1>"
        f"<span class='xk-banner' role='note'>{RESEARCH_ONLY}</span></header>"
    )


def service() -> inference.Client:
    """The inference client of this server, started on first use and shared by all sessions."""
    global _client
    with _lock:
        if _client is None:
            from xraykit.models import service as inference  # not at the top: NumPy would hold the server's start back

            _client = inference.start()
        return _client


@contextlib.asynccontextmanager
async def keep_service(app: Any) -> AsyncIterator[None]:
    """Lifespan of the server: the inference service starts beside it, without holding it back, and is gone with it."""
    global _client
    starting = threading.Thread(target=service, name="start-service")
    starting.start()
    try:
        yield
    finally:
        starting.join()
        with _lock:
            ended, _client = _client, None
        if ended is not None:
            ended.close()


def watch_restarts() -> None:
    """Tell the user once that the service had to be started again since this session last looked."""
    restarts = service().restarts
    if restarts > st.session_state.setdefault("restarts-seen", restarts):
        st.session_state["restarts-seen"] = restarts
        st.session_state["restart-word"] = True
    if st.session_state.get("restart-word"):
        with st.container(horizontal=True, key="restart-word", vertical_alignment="center"):
            st.html(f"<span class='xk-word' role='status'>{RESTARTED}</span>", width="content")
            st.button("Dismiss", key="dismiss-restart", type="tertiary", on_click=_forget_restart)


def before_charts() -> None:
    """Import what Streamlit imports at its first chart anyway; call it before a chart is made.

    Altair looks into a pandas that another session's thread has only half imported, and fails.
    """
    import pandas  # noqa: F401


def say_error(error: Exception) -> bool:
    """Show words in place of a traceback for a fault that no page foresaw; Streamlit's log keeps the traceback."""
    st.error(
        "This page met a fault it did not expect. Choose another film or page; if it comes again, reload the page and "
        "open your films anew. The server's log has the details."
    )
    return True


class SecureHeaders:
    """ASGI middleware: every response forbids content from elsewhere, framing and referrers."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _forget_restart() -> None:
    st.session_state["restart-word"] = False
