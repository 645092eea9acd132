"""A folder picker: the folders of this computer that a page may offer, one level at a time, by button. Opens no film.

It shows what lies below the user's home folder and the folders of datasets; any other path can still be typed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from xraykit.datasets import layout
from xraykit.films.folders import walk
from xraykit.system import files, folders
from xraykit.ui.kit.text import escape_markdown

MOST = 200  # folders that are listed
COUNTED = 10_000  # entries of a folder that are counted
HEIGHT = 236  # px


@dataclass(frozen=True)
class Entry:
    """A folder in a list: how many folders and files it holds; `more` where they were too many to count."""

    path: Path
    folders: int
    files: int
    more: bool = False

    @property
    def words(self) -> str:
        """What it holds, in a few words."""
        if self.more:
            return f"over {COUNTED:,} entries"
        parts = [layout.counted(n, noun) for n, noun in ((self.folders, "folder"), (self.files, "file")) if n]
        return ", ".join(parts) or "empty"


def pick(key: str) -> Path | None:
    """Draw the picker; the folder once it is taken."""
    places = roots()
    if not places:  # a service's user may have no home
        st.html("<p class='xk-said'>No folder can be shown here. Enter its path.</p>")
        return None
    here = _here(key, places)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"{key}-places"):
        for number, (name, path) in enumerate(places.items() if len(places) > 1 else ()):
            st.button(name, key=f"{key}-place-{number}", on_click=_go, args=(key, path), disabled=path == here)
    inside, left_out = listed(here)
    st.markdown(f"**{escape_markdown(files.shown(str(here)))}**")
    with st.container(height=HEIGHT, border=True, key=f"{key}-list", gap="xxsmall"):
        if here not in places.values():
            st.button(".. (up)", key=f"{key}-up", type="tertiary", on_click=_go, args=(key, here.parent))
        for number, entry in enumerate(inside):
            name = escape_markdown(files.shown(entry.path.name))
            label, target = f":material/folder: {name} :gray[{entry.words}]", entry.path
            st.button(label, key=f"{key}-{number}", type="tertiary", on_click=_go, args=(key, target))
        if not inside:
            st.html("<p class='xk-said'>No folders in here.</p>")
        if left_out:
            st.html(f"<p class='xk-said'>{left_out:,} more folders; enter the path of one that is not listed.</p>")
    taken = st.button("Use this folder", key=f"{key}-take", width="stretch", disabled=here == _home().resolve())
    return here if taken else None


def roots() -> dict[str, Path]:
    """The folders from which one may look further, by name; each once, those that are there."""
    given = os.environ.get("XRAYKIT_DATA")
    offered = {"Data": Path(given) if given else None, "Datasets": folders.datasets_folder(), "Home": _home()}
    there: dict[str, Path] = {}
    for name, path in offered.items():
        if path is not None and path.is_dir() and path.resolve() not in there.values():
            there[name] = path.resolve()
    return there


def listed(folder: Path) -> tuple[list[Entry], int]:
    """Folders in a folder, by name, and how many more there are; none where it cannot be looked into.

    Hidden ones and links out of the places offered are left out.
    """
    try:
        with os.scandir(folder) as entries:
            paths = [Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return [], 0
    paths = sorted((path for path in paths if may_be_shown(path)), key=lambda path: path.name.casefold())
    return [_count(path, _changed(path)) for path in paths[:MOST]], max(0, len(paths) - MOST)


def may_be_shown(folder: Path) -> bool:
    """Does it lie in one of the places offered, whatever links lead there, and is it nobody's litter?"""
    if folder.name.lower() in walk.LITTER:
        return False
    try:
        whole = folder.resolve()
        return any(whole.is_relative_to(root) for root in roots().values())
    except (OSError, RuntimeError):
        return False


def _here(key: str, places: dict[str, Path]) -> Path:
    """The folder being shown; one that is gone, or was never offered, gives the first place."""
    chosen = st.session_state.get(f"{key}-here")
    if isinstance(chosen, Path) and chosen.is_dir() and may_be_shown(chosen):
        return chosen
    return next(iter(places.values()))


def _home() -> Path:
    """The user's home folder, which holds far more than films."""
    return Path(os.path.expanduser("~"))


def _go(key: str, folder: Path) -> None:
    st.session_state[f"{key}-here"] = folder


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4096)
def _count(path: Path, changed: int) -> Entry:
    inner = outer = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if inner + outer >= COUNTED:
                    return Entry(path, inner, outer, more=True)
                if not entry.name.startswith("."):
                    inner, outer = (inner + 1, outer) if entry.is_dir() else (inner, outer + 1)
    except OSError:
        pass
    return Entry(path, inner, outer)
