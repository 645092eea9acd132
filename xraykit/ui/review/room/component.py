"""The reading room on the Review page: registered once, mounted with the key of this tab's films. Draws nothing itself.

What happens in it happens in the browser and between the browser and the routes of `ui.review.server`: the page is not
run again while films are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components import v2
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.runtime.scriptrunner import get_script_run_ctx

from xraykit.ui.review.server.rooms import create_room
from xraykit.ui.review.viewer import component as viewer

FOLDER = Path(__file__).parent
KEY = "reading-room"  # of the session state: names this tab's films; whoever knows it may see them
FILM = "reading-room-film"  # of the session state: the name of a film to show first, handed over by another page
STYLES = ("room.css", "reading.css", "seen.css", "report.css", "stage.css")


def show(model: str | None = None) -> None:
    """Mount the room of this tab; `model` is shown first, as a link to Review names it."""
    film = st.session_state.pop(FILM, None)
    _mount()(key="room", data={"key": key(), "model": model, "film": film}, height="content")


def key(new: bool = False) -> str:
    """The key of this tab's room, which is made where there is none, or where it is to be a `new` one."""
    if new or KEY not in st.session_state:
        context = get_script_run_ctx()
        st.session_state[KEY] = create_room(context.session_id if context else "")
    return st.session_state[KEY]


def _mount() -> Any:
    viewer.register()
    manifest = ComponentManifest("xraykit", "1", [ComponentConfig("room", asset_dir="js")])
    get_bidi_component_manager().register_from_manifest(manifest, FOLDER)
    skeleton = (FOLDER / "skeleton.html").read_text("utf-8")
    return v2.component("xraykit.room", js="room.js", html=skeleton, css=style())


def style() -> str:
    """What the room looks like, as CSS; no other part of the page sees it."""
    return "\n".join((FOLDER / name).read_text("utf-8") for name in STYLES)
