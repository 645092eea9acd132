"""Classes of the chosen folder left out or merged: their films lie in a folder of their own then. Changes no source."""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.datasets import layout, pool
from xraykit.datasets.listing import pool_record
from xraykit.datasets.listing.pool_record import PoolRecord
from xraykit.refused import Refused, words_of
from xraykit.system import files
from xraykit.ui.kit.text import escape_markdown, say

MOST = 60  # classes that are listed
TALL = 8  # classes from which on the list scrolls
HEIGHT = 380  # px
LITTLE = 3  # films of a class below which no split can be made


def show(contents: Mapping[str, Any], folder: Path, choose: Callable[[Path], None]) -> None:
    """What to do with each class; `choose` is given the folder with the new ones."""
    counts: dict[str, int] = contents["classes"]
    _show_made(folder, choose)
    wanted = bool(contents.get("not_divided")) and min(counts.values()) < LITTLE
    with st.expander("Leave out or merge classes", expanded=wanted, key="films-classes"):
        st.html("<p class='xk-said'>Give two classes the same name to merge them. Your folder stays as it is.</p>")
        with st.container(height=HEIGHT if len(counts) > TALL else "content", border=False, gap="xsmall"):
            classes = dict(_choose(label, n, folder) for label, n in list(counts.items())[:MOST])
        changed = {label: new for label, new in classes.items() if new != label}
        if words := _summary(counts, classes):
            st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")
        if st.button("Use these classes", key="classes-take", width="stretch", disabled=not changed):
            # What is made of a folder made here keeps its name
            name = files.shown(folder.name) + ("" if pool_record.read_record(folder) else "-classes")
            choose_pool(folder, choose, name, changed)


def summary_of(record: PoolRecord) -> str:
    """What was done with the classes and films of a folder, in a sentence."""
    if record.without and not record.classes:
        return f"{', '.join(record.sources)} without {layout.counted(record.without, 'film')}."
    parts = [f"{label} left out" for label, new in record.classes.items() if new is None]
    parts += [f"{label} called {new}" for label, new in record.classes.items() if new is not None]
    without = f" Without {layout.counted(record.without, 'film')}." if record.without else ""
    return f"Classes of {', '.join(record.sources)}: {', '.join(parts)}.{without}"


def _show_made(folder: Path, choose: Callable[[Path], None]) -> None:
    """Of a folder made here: from what, and the way back."""
    record = pool_record.read_record(folder)
    if record is None or len(record.sources) != 1 or not (record.classes or record.without):
        return
    (before,) = record.sources.values()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="classes-made"):
        st.html(f"<p class='xk-said' role='status'>{html.escape(summary_of(record))}</p>", width="stretch")
        if Path(files.named(before)).is_dir() and st.button("Undo", key="classes-undo"):
            choose(Path(files.named(before)))
            st.rerun()


def _choose(label: str, n: int, folder: Path) -> tuple[str, str | None]:
    """A class and what it is to be called; None where it is left out."""
    left, right = st.columns((11, 10), vertical_alignment="center", gap="small")
    key = f"{files.shown(str(folder))}-{label}"
    with left:
        used = st.checkbox(f"{escape_markdown(label)} :gray[{n:,}]", value=True, key=f"class-use-{key}")
    with right:
        name = st.text_input(
            f"Name of the class {escape_markdown(label)}",
            value=label,
            key=f"class-name-{key}",
            label_visibility="collapsed",
            disabled=not used,
            max_chars=100,
        )
    return label, (name or "").strip() or label if used else None


def _summary(counts: Mapping[str, int], classes: Mapping[str, str | None]) -> str:
    """How many films each class would have; empty where nothing changes."""
    if all(new == label for label, new in classes.items()):
        return ""
    films: dict[str, int] = {}
    for label, new in classes.items():
        if new is not None:
            films[new] = films.get(new, 0) + counts[label]
    named = ", ".join(f"{label} {n:,}" for label, n in films.items())
    return f"{layout.counted(len(films), 'class', 'classes')}: {named or 'none'}."


def choose_pool(
    folder: Path,
    choose: Callable[[Path], None],
    name: str,
    classes: Mapping[str, str | None] | None = None,
    without: Collection[str] = (),
) -> None:
    """Make a folder `name` with other classes or without some films, or find the one made before, and choose it."""
    source = files.shown(folder.name)
    bar = st.progress(0.0, f"Preparing {escape_markdown(source)}")
    left_out = {source: without} if without else None
    try:
        made = pool.pool({source: folder}, classes, name, progress=reading_progress(bar), without=left_out)
    except (Refused, OSError) as error:
        bar.empty()
        say(f"The new folder could not be made. {words_of(error)}")
        return
    choose(made)
    st.rerun()


def reading_progress(bar: Any) -> Callable[[int, int], None]:
    """What draws a bar anew now and then while films are read."""

    def report(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            bar.progress(min(1.0, done / max(1, total)), f"Reading films: {done:,} of {total:,}")

    return report
