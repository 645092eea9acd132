"""The film viewer as a Streamlit component: registers its scripts, and mounts it on its own for films given as bytes.

The scripts draw; nothing of what a reader does travels to the server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

NAME = "xraykit.viewer"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Pane:
    """What one pane shows: messages of a film and of up to two heatmaps over it, as js/film.js reads them.

    A message is a 4-byte little-endian length, a JSON header of that length padded to a multiple of 4, and the data.
    """

    film: bytes | None
    heats: tuple[bytes, ...] = ()
    title: str = ""
    words: str | None = None


def register() -> None:
    """Let Streamlit serve the scripts, at /_stcore/bidi-components/xraykit.viewer/. Twice is as good as once."""
    from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
    from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

    project, component = NAME.split(".")
    manifest = ComponentManifest(
        name=project, version="1", components=[ComponentConfig(name=component, asset_dir="js")]
    )
    get_bidi_component_manager().register_from_manifest(manifest, _FOLDER)


def show(
    panes: Sequence[Pane], *, colormaps: dict[str, list[list[int]]] | None = None, height: int = 600, key: str
) -> None:
    """Draw a viewer of one to three panes on the page, without the reading room around it.

    `colormaps` are 256 colours [red, green, blue] in 0..255 by name. The films travel once, with the page.
    """
    if not 1 <= len(panes) <= 3:
        raise ValueError(f"Expected one to three panes; got {len(panes)}.")
    _mount()(key=key, data=packed(panes, colormaps or {}, height), height=height)


def packed(panes: Sequence[Pane], colormaps: dict[str, list[list[int]]], height: int) -> bytes:
    """All panes as one message: a header that says where each film and heatmap lies in the data after it.

    `height` in CSS pixels is in it because Streamlit's does not reach what lies inside the component.
    """
    data = bytearray()

    def placed(message: bytes) -> list[int]:
        begin = len(data)
        data.extend(message)
        return [begin, len(message)]

    described: list[dict[str, Any]] = [
        {
            "film": None if pane.film is None else placed(pane.film),
            "heats": [placed(heat) for heat in pane.heats],
            "title": pane.title,
            "words": pane.words,
        }
        for pane in panes
    ]
    header = json.dumps({"panes": described, "colormaps": colormaps, "height": height}).encode()
    header += b" " * (-len(header) % 4)
    return len(header).to_bytes(4, "little") + header + bytes(data)


@cache
def _mount() -> Callable[..., Any]:
    from streamlit.components import v2

    register()
    return v2.component(NAME, js="component.js", html="<div class='viewer'></div>", css=_STYLE)


_STYLE = ":host, .viewer { display: block; height: 100%; min-height: 200px; }"
