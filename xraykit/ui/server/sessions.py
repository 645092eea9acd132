"""What a closed tab leaves behind is gone soon after: its session, the pictures it was shown, the files it uploaded.

Streamlit 1.67 keeps the session of a closed tab, for a connection that comes back, and lets go of it only when somebody
opens the next one. Here a timer does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from streamlit import runtime

KEEP = 60  # seconds for a dropped connection to come back; less than Streamlit's server.disconnectedSessionTTL (120)
EVERY = 5  # seconds between two looks
_log = logging.getLogger(__name__)


class Sweeper:
    """Ends sessions whose tab has been closed for KEEP seconds. Its methods belong on the server's event loop."""

    def __init__(self, server: runtime.Runtime) -> None:
        self._runtime = server
        self._closed_at: dict[str, float] = {}  # by session, when its tab was first seen closed
        self._look_again = False

    def sweep(self, now: float) -> set[str]:
        """End what is due at `now` (seconds of a clock that only moves on), with its pictures and uploads.

        Returns the sessions that are left.
        """
        manager = self._runtime._session_mgr
        open_tabs = {info.session.id for info in manager.list_active_sessions()}
        kept = {info.session.id for info in manager.list_sessions()}
        closed = kept - open_tabs
        self._closed_at = {name: self._closed_at.get(name, now) for name in closed}
        due = {name for name, since in self._closed_at.items() if now - since >= KEEP}
        for name in due:
            self._runtime.close_session(name)
        leftovers = self._clear_leftovers(kept - due)
        # Streamlit only marks a download at first (closing a session does) and drops it the second time it looks, so
        # that another tab has time to fetch its own: hence at the next look, not now.
        if leftovers or self._look_again:
            self._runtime.media_file_mgr.remove_orphaned_files()
        self._look_again = bool(due or leftovers)
        return kept - due

    def _clear_leftovers(self, kept: set[str]) -> bool:
        """Drop what a script or an upload that was still under way stored for a session that has ended meanwhile."""
        pictures = set(self._runtime.media_file_mgr._files_by_session_and_coord) - kept
        for name in pictures:
            self._runtime.media_file_mgr.clear_session_refs(name)
        uploads: Any = self._runtime.uploaded_file_mgr
        files = set(uploads.file_storage) - kept
        for name in files:
            uploads.remove_session_files(name)
        return bool(pictures or files)


async def sweep_for_ever() -> None:
    """Look after closed tabs until cancelled."""
    from xraykit.ui.review.server.answers import blocking
    from xraykit.ui.review.server.rooms import ROOMS

    sweeper = Sweeper(runtime.get_instance())
    while True:
        await asyncio.sleep(EVERY)
        try:
            # No await between the two: a tab that opens meanwhile is none of those that are left
            for seat in ROOMS.keep_only(sweeper.sweep(time.monotonic())):
                await blocking(seat.end)
            await blocking(ROOMS.refresh_models)
        except Exception:  # whatever it is, the next closed tab is looked after as well
            _log.exception("closed tabs were not looked after")
