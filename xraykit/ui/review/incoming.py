"""How films come in: dropped, or by a path on this computer. A large folder comes in while its first films are seen."""

from __future__ import annotations

import html
import itertools
import os
import stat
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.typing import UploadedFile

from xraykit.films import decoder, ingest
from xraykit.films.refusal import Refusal, name_of
from xraykit.refused import Refused
from xraykit.ui.kit import text
from xraykit.ui.review import worklist
from xraykit.ui.server import uploads

DROP_LABEL = "Drop chest films (DICOM, PNG, JPEG, TIFF, ...) here"
EXAMPLE = "/data/study"
LATE_SECONDS = 3600.0  # a drop may still be on its way to a zone that has taken films: what empties it would lose it
BATCH_SECONDS = 1.0  # of a folder are read before the page is drawn again
MOST_LISTED = 10_000  # files of a folder
MOST_REFUSED = 200  # files of a folder that are no films, before the rest is left
INCOMING, WORD, TURN, TAKEN, LATE = "incoming", "incoming-word", "drop-turn", "drop-taken", "drop-late"
Place = Literal["main", "side"]


@dataclass
class Incoming:
    """The files of a folder that are still to be read, in order."""

    folder: Path
    waiting: deque[tuple[str, Path]]
    more: bool  # whether the folder holds more than are listed
    opened: int = 0
    refused: int = 0
    done: int = 0
    files: int = field(init=False)

    def __post_init__(self) -> None:
        self.files = len(self.waiting)


def show_drop_zone(label: str, place: Place) -> None:
    """A drop zone that empties itself: what it takes in belongs to the session, not to the widget."""
    turn = st.session_state.setdefault(TURN, 0)
    taken: set[str] = st.session_state.setdefault(TAKEN, set())
    dropped = st.file_uploader(
        label,
        accept_multiple_files=True,
        key=f"drop-{place}-{turn}",
        max_upload_size=decoder.MAX_BYTES >> 20,
        label_visibility="collapsed",
    )
    fresh = [file for file in dropped or () if file.file_id not in taken]
    if fresh:
        st.session_state[LATE] = time.monotonic() + LATE_SECONDS  # now: reading may be interrupted by the next drop
        worklist.take([(file.name, _source(file)) for file in fresh], lambda number: taken.add(fresh[number].file_id))
        st.session_state[LATE] = time.monotonic() + LATE_SECONDS
        _empty_zones()
        st.rerun()


def _source(file: UploadedFile) -> worklist.Source:
    try:
        return uploads.read(file, decoder.MAX_BYTES)
    except Refused as refused:
        return Refusal(name_of((file.name, b"")), refused.code, refused.words)


def show_late_zone() -> None:
    """The drop zone of the empty page, out of sight, while what was dropped on it may still be on its way.

    Stands where the empty page has it, so that the browser keeps it: an upload to a zone that is gone is lost.
    """
    if LATE in st.session_state:
        with st.container(key="welcome"):
            show_drop_zone(DROP_LABEL, "main")


def show_path_field(place: Place) -> None:
    """A field for the path of a film or a folder on this computer."""
    with st.form(f"path-form-{place}", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"path-row-{place}"):
            given = st.text_input("Open by path", key=f"path-{place}", placeholder=EXAMPLE)
            sent = st.form_submit_button("Open", key=f"path-open-{place}")
    if not sent:
        return
    try:
        incoming = look_at(given or "")
    except Refused as refused:
        text.say(refused.words)
        return
    st.session_state.pop(WORD, None)
    _leave("Another path was opened.")
    st.session_state[INCOMING] = incoming
    st.rerun()


def look_at(given: str) -> Incoming:
    """The files to be read at a path that a user gave: a film, or a folder to any depth. Opens none.

    Raises
    ------
    Refused
        If nothing is there, it may not be read, it is neither file nor folder, or a folder holds no file.
    """
    shown = given.strip().strip("\"'")
    if not shown:
        raise Refused("Enter the path of a film or a folder.", code="no-path")
    path = Path(os.path.expanduser(shown))
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return Incoming(path.parent, deque([(name_of(path), path)]), more=False)
        if not stat.S_ISDIR(mode):
            raise Refused(f"{shown} is a device or pipe. Enter the path of a film or a folder.", code="unreadable")
        os.scandir(path).close()
    except Refused:  # is a ValueError itself
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise Refused(
            f"{shown} cannot be opened: {reason}. Check the path and its permissions.", code="no-path"
        ) from None
    listed = list(itertools.islice(ingest.find_films([path]), MOST_LISTED + 1))
    if not listed:
        raise Refused(f"No films in {shown}.", code="no-films")
    named = ((name_of((film.relative_to(path).as_posix(), b"")), film) for film in listed[:MOST_LISTED])
    return Incoming(path, deque(named), more=len(listed) > MOST_LISTED)


def show_progress() -> None:
    """How far a folder is read and a way to end it; after that, what was left."""
    incoming: Incoming | None = st.session_state.get(INCOMING)
    with st.container(key="incoming"):  # there at all times, so that what lies below keeps its place in the browser
        if incoming is not None and incoming.files > 1:
            words = f"Reading {incoming.done + 1} of {incoming.files}{' or more' * incoming.more}"
            with st.container(horizontal=True, vertical_alignment="center"):
                st.progress(incoming.done / incoming.files, words, width="stretch")
                st.button("Stop", key="incoming-stop", type="tertiary", on_click=_leave, args=("Stopped.",))
        elif words := st.session_state.get(WORD):
            st.html(f"<p class='xk-word' role='status'>{html.escape(words)}</p>")


def close_all() -> None:
    """Close every film, read no more of a folder, and let go of what was dropped; a callback."""
    worklist.close_all(INCOMING, WORD)
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1


def go_on() -> None:
    """At the end of the page: read on in a folder, which the user can interrupt; empty drop zones."""
    incoming: Incoming | None = st.session_state.get(INCOMING)
    if incoming is not None:
        _read_some(incoming)
        st.rerun()
    if LATE in st.session_state and _empty_zones():
        st.rerun()


def _empty_zones() -> bool:
    """Begin with new drop zones if no drop can be on its way to those that have taken films; whether it did."""
    if time.monotonic() < st.session_state[LATE]:
        return False
    del st.session_state[LATE]
    st.session_state[TURN] += 1
    return True


def _read_some(incoming: Incoming) -> None:
    """Read files for a while, the first film of a folder alone, so that it is seen at once."""
    end = time.monotonic() + BATCH_SECONDS
    while incoming.waiting and time.monotonic() < end:
        result = worklist.add(*incoming.waiting[0], look=not incoming.opened)
        if isinstance(result, Refusal):
            if result.code == worklist.FULL:
                _leave(worklist.FULL_WORDS)
                return
            worklist.refused().append(result)
            incoming.refused += 1
        incoming.waiting.popleft()
        incoming.done += 1
        incoming.opened += isinstance(result, worklist.Film)
        if incoming.waiting and incoming.refused >= MOST_REFUSED:
            _leave(f"{MOST_REFUSED} other files could not be opened.")
            return
        if incoming.opened == 1 and isinstance(result, worklist.Film):
            break
    if not incoming.waiting:
        _leave(f"A folder is read up to {MOST_LISTED} files.")


def _leave(why: str) -> None:
    """Read no more of the folder; say how many files were left, and why."""
    incoming: Incoming | None = st.session_state.pop(INCOMING, None)
    if incoming is None or not (incoming.waiting or incoming.more):
        return
    n = len(incoming.waiting)
    left = f"{n}{' or more' * incoming.more} file{'s' * (n != 1 or incoming.more)}" if n else "more files"
    st.session_state[WORD] = f"Not opened: {left} in {incoming.folder}. {why}".strip()
