"""The films a session has open. Films live in this session's memory only, never on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from xraykit.films import note, radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import service
from xraykit.ui import server
from xraykit.ui.kit import pictures
from xraykit.ui.kit.text import escape_markdown
from xraykit.ui.review import readings

MOST_FILMS = 100
MOST_PIXEL_BYTES = 256 * 2**20
FULL = "too-many-films"
FULL_WORDS = (
    f"At most {MOST_FILMS} films or {MOST_PIXEL_BYTES >> 20} MB of pixels can be open at once. Close films first, or "
    "read a whole folder with python -m xraykit predict."
)
Source = bytes | Path  # a film's bytes, or where it lies


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


def take(files: Sequence[tuple[str, Source]], taken: Callable[[int], None] = lambda place: None) -> None:
    """Read files one after the other, show how far it is, and look at the first new film.

    Parameters
    ----------
    files : sequence of (str, bytes or Path)
        Names and contents. A file that is no film is listed in `refused` and spoils none of the others.
    taken : callable
        Told the place of each file once it has its film or its refusal: the user may interrupt this any time.
    """
    look = True
    bar = st.progress(0.0, "Reading films")
    for place, (name, source) in enumerate(files):
        bar.progress(place / len(files), f"Reading {place + 1} of {len(files)}: {escape_markdown(name)}")
        result = add(name, source, look)
        look = look and not isinstance(result, Film)
        if isinstance(result, Refusal):
            refused().append(result)
        taken(place)
    bar.empty()


def add(name: str, source: Source, look: bool = False) -> Film | Refusal | None:
    """Read one file by its bytes or where it lies; the new film, why there is none, or None if it was open already.

    With `look` the new film is the one being looked at.
    """
    try:
        film = server.client().read(name, source)
    except service.ServiceError as error:
        film = Refusal(name, "service", error.words)
    if isinstance(film, Refusal):
        return film
    opened = films()
    new = film.sha256 not in opened
    if new and _is_full(film):
        return Refusal(name, FULL, FULL_WORDS)
    if new:
        opened[film.sha256] = Film(name, film, pictures.jpeg_address(film.display(longest=112), quality=80))
        if look:
            st.session_state["film"] = film.sha256
    readings.read_all(film)
    return opened[film.sha256] if new else None


def step(by: int) -> None:
    """Look at the film `by` places further in the list, going round."""
    opened = list(films())
    place = opened.index(st.session_state["film"]) if st.session_state.get("film") in opened else 0
    st.session_state["film"] = opened[(place + by) % len(opened)]


def close_all(*keys: str) -> None:
    """Forget every film and refusal of this session and what else lies under `keys`; end what is being computed."""
    readings.end_job()
    for key in ("films", "refused", "readings", "maps", "film", *keys):
        st.session_state.pop(key, None)


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
            captions=[_caption(film.radiograph, summaries.get(sha, "")) for sha, film in opened.items()],
            label_visibility="collapsed",
            on_change=_choose,
        )
    if len(opened) > 1:
        back, on = st.columns(2, gap="small")
        back.button("Previous", shortcut="P", key="previous", on_click=step, args=(-1,), width="stretch")
        on.button("Next", shortcut="N", key="next", on_click=step, args=(1,), width="stretch")


def _caption(film: radiograph.Radiograph, summary: str) -> str:
    """What the models predict, after how many warnings there are."""
    warnings = len(note.warnings(film.notes))
    words = (
        "" if not warnings else "\N{WARNING SIGN} Warning" if warnings == 1 else f"\N{WARNING SIGN} {warnings} warnings"
    )
    return " · ".join(filter(None, [f":orange[{words}]" if words else "", escape_markdown(summary)]))


def _choose() -> None:
    st.session_state["film"] = st.session_state["worklist"]


def _is_full(film: radiograph.Radiograph) -> bool:
    held = sum(other.radiograph.pixels.nbytes for other in films().values())
    return len(films()) >= MOST_FILMS or held + film.pixels.nbytes > MOST_PIXEL_BYTES


def _thumbnail_rules(thumbnails: list[str]) -> str:
    """CSS that puts each thumbnail before its row: one element for a hundred films keeps a rerun short."""
    rows = ".st-key-worklist [data-testid=stRadioGroup] > div:nth-of-type({})::before{{background-image:url({})}}"
    return "\n".join(rows.format(place, thumbnail) for place, thumbnail in enumerate(thumbnails, 1))
