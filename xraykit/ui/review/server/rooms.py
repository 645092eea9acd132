"""The reading rooms that are open, each known by a key that only its tab has; a room ends with its session."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from xraykit.refused import Refused
from xraykit.system import folders
from xraykit.ui.review.server.films import spool
from xraykit.ui.server import inference

if TYPE_CHECKING:
    from xraykit.reading.worklist.room import Room
    from xraykit.ui.review.server.report.desk import Desk

KEY_BYTES = 24


class Seat:
    """A tab's place: its room, made when it is first needed, its folder of dropped films, and who waits for changes."""

    def __init__(self, session: str, spooled: spool.Spool) -> None:
        self.session = session
        self.ended = False
        self._spool = spooled
        self._room: Room | None = None
        self._desk: Desk | None = None
        self._folder: Path | None = None
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._lock = threading.RLock()

    @property
    def used(self) -> bool:
        return self._room is not None

    @property
    def room(self) -> Room:
        with self._lock:
            if self._room is None:
                from xraykit.reading.worklist.room import Room  # not at the top: NumPy would hold the start back

                self._room = Room(inference.client, self._changed)
                self._room.set_models(*inference.models())
                threading.Thread(target=self._room.prepare, name="prepare", daemon=True).start()
            return self._room

    @property
    def desk(self) -> Desk:
        """What is taken away from the room."""
        with self._lock:
            if self._desk is None:
                from xraykit.ui.review.server.report.desk import Desk

                self._desk = Desk(self)
            return self._desk

    def folder(self) -> Path:
        """Where what is dropped goes; raises Refused."""
        with self._lock:
            if self.ended:
                raise Refused("The tab is closed. Load the page again.", code="gone")
            if self._folder is None or not self._folder.is_dir():
                self._folder = self._spool.room()
            return self._folder

    def drop(self, place: os.PathLike[str]) -> None:
        """Remove a file that was dropped here; nothing of what was opened by its path."""
        if self._folder is not None and isinstance(place, Path) and place.is_relative_to(self._folder):
            place.unlink(missing_ok=True)

    async def wait(self, true: Callable[[], bool], seconds: float) -> None:
        """Wait until something is true, looking at every change, or the seconds are over, or the room ends."""
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            while not self.ended and not true():
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0:
                    return
                try:
                    await asyncio.wait_for(event.wait(), left)
                except TimeoutError:
                    return
                event.clear()
        finally:
            del self._waiting[event]

    def end(self) -> None:
        """Forget everything; blocks until it is done."""
        self.ended = True
        self._changed()
        if self._desk is not None:
            self._desk.end()  # before the lock is taken: its work may wait for it
        with self._lock:
            if self._room is not None:
                self._room.close()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _changed(self) -> None:
        for event, loop in list(self._waiting.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


class Rooms:
    """The seats of this server, by the check sum of their keys."""

    def __init__(self) -> None:
        self._seats: dict[bytes, Seat] = {}
        self._before: dict[bytes, Seat] = {}  # by the key that a tab had before its last reload
        self._lock = threading.Lock()
        self._cards: list[tuple[str, int]] | None = None
        self.spool = spool.Spool()

    def create(self, session: str) -> str:
        """A new key, for the tab of a Streamlit session."""
        key = secrets.token_urlsafe(KEY_BYTES)
        with self._lock:
            self._seats[_digest(key)] = Seat(session, self.spool)
        return key

    def get(self, key: str) -> Seat | None:
        """The seat of a key."""
        return self._match(self._seats, key)

    def before_reload(self, key: str) -> Seat | None:
        """The seat of a key that its tab had before its last reload: what the page sent as it went may come late."""
        return self._match(self._before, key)

    def _match(self, seats: dict[bytes, Seat], key: str) -> Seat | None:
        digest = _digest(key)
        with self._lock:
            # By check sum, and every one compared in full: the time it takes tells nothing of a key
            match = [seat for known, seat in seats.items() if hmac.compare_digest(known, digest)]
        return match[0] if match else None

    def adopt(self, key: str, old: str) -> bool:
        """After a reload: the seat of the old key is the new key's; the old key only brings what was on its way."""
        with self._lock:
            new, before = self._seats.get(_digest(key)), self._seats.get(_digest(old))
            if new is None or before is None or new is before or before.ended:
                return False
            del self._seats[_digest(old)]
            self._seats[_digest(key)] = before
            self._before = {digest: seat for digest, seat in self._before.items() if seat is not before}
            self._before[_digest(old)] = before
            before.session = new.session
        if new.used:  # another page handed films to it before it was shown
            before.room.add([(row.name, row.place) for row in new.room.list.rows()])
        new.end()
        return True

    def keep_only(self, sessions: Collection[str]) -> list[Seat]:
        """Take the seats of other sessions away; the caller ends them."""
        with self._lock:
            gone = {digest: seat for digest, seat in self._seats.items() if seat.session not in sessions}
            for digest in gone:
                del self._seats[digest]
            self._before = {digest: seat for digest, seat in self._before.items() if seat.session in sessions}
        return list(gone.values())

    def refresh_models(self) -> None:
        """Tell every room in use which models there are, where that may have changed; blocks."""
        with self._lock:
            rooms = [seat.room for seat in self._seats.values() if seat.used]
        there = _cards()
        if not rooms or there == self._cards:
            return
        self._cards = there
        models = inference.models()
        for room in rooms:
            room.set_models(*models)

    def close(self) -> None:
        """End every room and remove what was dropped; the server ends."""
        for seat in self.keep_only(()):
            seat.end()
        self.spool.close()


def _cards() -> list[tuple[str, int]]:
    """The models' folders, and when each card was written: files are not hashed every few seconds."""
    cards = []
    for path in folders.models_folder().glob("*/card.json"):
        with contextlib.suppress(OSError):
            cards.append((path.parent.name, path.stat().st_mtime_ns))
    return sorted(cards)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


ROOMS = Rooms()


def room_of(key: str) -> Room | None:
    """The reading room that has a key; None where it has ended."""
    seat = ROOMS.get(key)
    return None if seat is None or seat.ended else seat.room


def create_room(session: str) -> str:
    """A key for the reading room of a Streamlit session, which ends it; known to nobody else."""
    return ROOMS.create(session)
