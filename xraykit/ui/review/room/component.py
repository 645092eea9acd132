"""The reading room on the Review page: registered once, mounted with the key of this tab's films. Draws nothing itself.

What happens in it happens in the browser and between the browser and the routes of `ui.review.server`: the page is not
run again while films are read.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from xraykit import __version__

FOLDER = Path(__file__).parent
NAME = "xraykit.room"


def show(key: str, model: str | None = None) -> None:
    """Mount the room.

    Parameters
    ----------
    key : str
        Names this tab's films; whoever knows it may see them.
    model : str or None
        A model to show first, as a link to Review names it.
    """
    register(FOLDER, "room")
    skeleton, style = ((FOLDER / name).read_text("utf-8") for name in ("skeleton.html", "room.css"))
    mount = st.components.v2.component(NAME, js="room.js", html=skeleton, css=style)
    mount(key="room", data={"key": key, "model": model}, height="content")


def register(folder: Path, name: str) -> None:
    """Let the browser load the modules of `folder`/js as those of the component xraykit.`name`."""
    manager = get_bidi_component_manager()
    if manager.get(f"xraykit.{name}") is None:
        manifest = ComponentManifest("xraykit", __version__, [ComponentConfig(name, asset_dir="js")])
        manager.register_from_manifest(manifest, folder)
