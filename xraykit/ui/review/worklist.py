"""The films a session has open and how they come in. Films live in this session's memory only, never on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from xraykit.films import radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import service
from xraykit.ui import server
from xraykit.ui.kit import pictures
from xraykit.ui.kit.text import escape_markdown
from xraykit.ui.review import readings

MOST_FILMS = 100
MOST_PIXEL_BYTES = 256 * 2**20
FULL = (
    f"At most {MOST_FILMS} films or {MOST_PIXEL_BYTES >> 20} MB of pixels can be open at once. Close films first, or "
    "read a whole folder with python -m xraykit predict."
)


@dataclass(frozen=True, eq=False)
class Film:
    """A film open in this session.

    Attributes
    ----------
    name : str
        The file's name as the user knows it.
    radiograph : radiograph.Radiograph
        The decoded film.
    thumbnail : str
        A data address of a small JPEG, for the list.
    """

    name: str
    radiograph: radiograph.Radiograph
    thumbnail: str


def films() -> dict[str, Film]:
    """The open films by the SHA-256 of their bytes, in order of arrival."""
    return st.session_state.setdefault("films", {})


def refused() -> list[Refusal]:
    """Files that could not be opened in this session, oldest first."""
    return st.session_state.setdefault("refused", [])


def current() -> Film | None:
    """The film being looked at; None while no film is open."""
    opened = films()
    if not opened:
        return None
    if st.session_state.get("film") not in opened:
        st.session_state["film"] = next(iter(opened))
    return opened[st.session_state["film"]]


def take(files: Iterable[tuple[str, bytes]]) -> None:
    """Read files one after the other, show how far it is, and look at the first new film.

    Parameters
    ----------
    files : iterable of (str, bytes)
        Names and contents. A file that is no film is listed in `refused` and spoils none of the others.
    """
    files = list(files)
    before = len(films())
    bar = st.progress(0.0, "Reading films")
    for done, (name, data) in enumerate(files):
        bar.progress(done / len(files), f"Reading {done + 1} of {len(files)}: {escape_markdown(name)}")
        _open(name, data)
    bar.empty()
    opened = list(films())
    if len(opened) > before:
        st.session_state["film"] = opened[before]


def step(by: int) -> None:
    """Look at the film `by` places further in the list, going round."""
    opened = list(films())
    place = opened.index(st.session_state["film"]) if st.session_state.get("film") in opened else 0
    st.session_state["film"] = opened[(place + by) % len(opened)]


def close_all() -> None:
    """Forget every film and refusal of this session, and end what is being computed for them."""
    readings.end_job()
    for key in ("films", "refused", "readings", "maps", "film"):
        st.session_state.pop(key, None)


def show_drop_zone(label: str) -> None:
    """A drop zone that empties itself: what it takes in belongs to the session, not to the widget."""
    turn = st.session_state.setdefault("drop-turn", 0)
    dropped = st.file_uploader(label, accept_multiple_files=True, key=f"drop-{turn}", label_visibility="collapsed")
    if dropped:
        take((file.name, file.getvalue()) for file in dropped)
        st.session_state["drop-turn"] = turn + 1
        st.rerun()


def show_list(summaries: dict[str, str]) -> None:
    """The open films with thumbnails, one of them chosen, and the way to the next.

    Parameters
    ----------
    summaries : dict of str to str
        A line under each film's name, by the film's SHA-256.
    """
    opened = films()
    st.session_state["worklist"] = st.session_state.get("film")
    st.html(f"<div class='xk-side'><h2>Films<span>{len(opened)}</span></h2></div>")
    st.html(f"<style>{_thumbnail_rules([film.thumbnail for film in opened.values()])}</style>")
    with st.container(key="worklist-box", height=min(56 * len(opened) + 4, 452), border=False):
        st.radio(
            "Films",
            list(opened),
            key="worklist",
            format_func=lambda sha: escape_markdown(opened[sha].name) if sha in opened else "",
            captions=[escape_markdown(summaries.get(sha, "")) for sha in opened],
            label_visibility="collapsed",
            on_change=_choose,
        )
    if len(opened) > 1:
        back, on = st.columns(2, gap="small")
        back.button("Previous", shortcut="P", key="previous", on_click=step, args=(-1,), width="stretch")
        on.button("Next", shortcut="N", key="next", on_click=step, args=(1,), width="stretch")


def _choose() -> None:
    st.session_state["film"] = st.session_state["worklist"]


def _open(name: str, data: bytes) -> None:
    try:
        film = server.client().read(name, data)
    except service.ServiceError as error:
        film = Refusal(name, "service", str(error))
    if isinstance(film, Refusal):
        refused().append(film)
    elif film.sha256 not in films():
        if _is_full(film):
            refused().append(Refusal(name, "too-many-films", FULL))
            return
        films()[film.sha256] = Film(name, film, pictures.jpeg_address(film.display(longest=112), quality=80))
        readings.read_all(film)


def _is_full(film: radiograph.Radiograph) -> bool:
    held = sum(other.radiograph.pixels.nbytes for other in films().values())
    return len(films()) >= MOST_FILMS or held + film.pixels.nbytes > MOST_PIXEL_BYTES


def _thumbnail_rules(thumbnails: list[str]) -> str:
    """CSS that puts each thumbnail before its row: one element for a hundred films keeps a rerun short."""
    rows = ".st-key-worklist [data-testid=stRadioGroup] > div:nth-of-type({})::before{{background-image:url({})}}"
    return "\n".join(rows.format(place, thumbnail) for place, thumbnail in enumerate(thumbnails, 1))
