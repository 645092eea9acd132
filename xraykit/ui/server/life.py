"""What begins and ends with the server: the inference service, the look after closed tabs, the reading rooms."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Any

from xraykit.ui.review.server.films import spool
from xraykit.ui.review.server.rooms import ROOMS
from xraykit.ui.server import inference, sessions


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
    keep_upload_addresses()
    starting = threading.Thread(target=inference.client, name="start-service")
    starting.start()
    threading.Thread(target=spool.sweep, name="sweep-films", daemon=True).start()
    sweeping = asyncio.create_task(sessions.sweep_for_ever())
    try:
        yield
    finally:
        sweeping.cancel()
        ROOMS.close()
        starting.join()
        inference.close()
