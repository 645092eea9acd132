"""The server's side: one inference client for all sessions, and what lives as long as the server does.

door      who may come in
headers   the headers of every response
sessions  the end of a session whose tab was closed
shell     the header of every page and its skeleton, before Streamlit's script is there
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xraykit.films.refusal import Refusal
    from xraykit.models import service
    from xraykit.models.card import Card

_lock = threading.Lock()
_client: service.Client | None = None


def client() -> service.Client:
    """The inference client of this server, started on first use and shared by all sessions."""
    global _client
    with _lock:
        if _client is None:
            from xraykit.models import service  # not at the top: NumPy would hold the server's start back

            _client = service.start()
        return _client


def models() -> tuple[list[Card], list[Refusal]]:
    """The models that the service can use, and those it cannot, each with its reason; never raises.

    Where the service itself does not answer there are no models, and that is the reason.
    """
    from xraykit.films.refusal import Refusal
    from xraykit.models.service import ServiceError

    try:
        return client().models()
    except ServiceError as error:
        return [], [Refusal("inference service", "service", error.words)]


def use(client: service.Client | None) -> service.Client | None:
    """Answer every session with this client from now on, as tests and benchmarks do; returns the one before."""
    global _client
    with _lock:
        before, _client = _client, client
        return before


def keep_upload_addresses() -> None:
    """Let every file that is dropped be uploaded, also while the page is about to be drawn again.

    The browser asks where to send a file; Streamlit 1.67 throws its own answer away if a run of the script begins
    before it was sent, and the file is never heard of again.
    """
    from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

    clear = ForwardMsgQueue.clear
    if clear.__module__ == __name__:
        return

    def keeping(
        queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
    ) -> None:
        addresses = []
        if retain_lifecycle_msgs and fragment_ids_this_run is None:
            waiting = queue.flush()
            addresses = [message for message in waiting if message.HasField("file_urls_response")]
            for message in waiting:
                queue.enqueue(message)
        clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)
        for message in addresses:
            queue.enqueue(message)

    ForwardMsgQueue.clear = keeping  # pyright: ignore[reportAttributeAccessIssue]


@contextlib.asynccontextmanager
async def keep_service(app: Any) -> AsyncIterator[None]:
    """Lifespan of the server: the inference service starts beside it, without holding it back, and is gone with it.

    Closed tabs are looked after meanwhile; what tabs of a server that was killed left on disk is removed.
    """
    from xraykit.ui.review.server import spool
    from xraykit.ui.review.server.rooms import ROOMS
    from xraykit.ui.server import sessions

    global _client
    keep_upload_addresses()
    starting = threading.Thread(target=client, name="start-service")
    starting.start()
    threading.Thread(target=spool.sweep, name="sweep-films", daemon=True).start()
    sweeping = asyncio.create_task(sessions.sweep_for_ever())
    try:
        yield
    finally:
        sweeping.cancel()
        ROOMS.close()
        starting.join()
        with _lock:
            ended, _client = _client, None
        if ended is not None:
            ended.close()
