"""Several datasets become one: which, what their classes are called there, and its name. Makes nothing itself."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from xraykit.datasets.catalog.known import Known
from xraykit.datasets.layout import counted
from xraykit.datasets.listing import names, pool_request
from xraykit.system import files
from xraykit.ui.datasets import work_view
from xraykit.ui.datasets.preview_view import source_table
from xraykit.ui.kit.text import escape_markdown

MOST_CLASSES = 24  # of all datasets together, with a field each
ACROSS = 4
WORDS = (
    "Choose two datasets or more, or one to rename its classes. Films are linked, not copied, where the disk allows; "
    "each keeps its source, so that a study can leave one source out."
)


def show(folders: Sequence[Known], busy: bool) -> None:
    """Draw the form, where there is something to pool."""
    if not folders:
        return
    st.html("<div class='xk-block'><h2>Pool datasets</h2></div>")
    st.html(f"<p class='xk-said'>{html.escape(WORDS)}</p>")
    by_path = {files.shown(folder.path): folder for folder in folders}
    chosen = st.multiselect(
        "Datasets",
        list(by_path),
        key="datasets-pool-sources",
        format_func=lambda path: f"{by_path[path].name} · {sum(by_path[path].counts.values()):,} films",
        placeholder="Choose datasets",
        width=720,
    )
    sources = _named([by_path[path] for path in chosen])
    if sources:
        _show_classes(sources, busy)


def _named(folders: Sequence[Known]) -> dict[str, Known]:
    """The datasets by the names that their sources have; a number where two have one name."""
    sources: dict[str, Known] = {}
    for folder in folders:
        name, number = folder.name, 1
        while any(names.alike([name, other]) or name == other for other in sources):
            number += 1
            name = f"{folder.name} {number}"
        sources[name] = folder
    return sources


def _show_classes(sources: Mapping[str, Known], busy: bool) -> None:
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for source, folder in sources.items():
        for label, n in folder.counts.items():
            counts[label][source] = n
    if len(counts) > MOST_CLASSES:
        st.html(
            f"<p class='xk-said'>These datasets have {len(counts)} classes; here at most {MOST_CLASSES} can be mapped. "
            "On the command line: python -m xraykit data pool --help</p>"
        )
        return
    st.html("<p class='xk-said'>What each class is called in the pool. An empty field leaves its films out.</p>")
    new = _ask_for_names(counts)
    result = _result(counts, new)
    st.html(source_table(result, sorted({label for by in result.values() for label in by})))
    faults = _faults(result, new)
    default = "-".join(_plain(source) for source in sources)[:60]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input("Name of the pool", default, key=f"datasets-pool-name-{default}", width=360)
        plain = (name or "").strip() or default
        st.button(
            f"Make {sum(map(sum, (by.values() for by in result.values()))):,} films one dataset",
            key="datasets-pool-make",
            type="primary",
            disabled=busy or bool(faults),
            on_click=work_view.pool,
            args=(plain, _folders(sources), new),
        )
    for fault in faults:
        st.html(f"<p class='xk-fault' role='alert'>{html.escape(fault)}</p>")


def _ask_for_names(counts: Mapping[str, Mapping[str, int]]) -> dict[str, str | None]:
    """A field a class; the classes that are called otherwise, or left out."""
    new: dict[str, str | None] = {}
    labels = sorted(counts)
    for start in range(0, len(labels), ACROSS):
        for column, label in zip(st.columns(ACROSS, gap="small"), labels[start : start + ACROSS], strict=False):
            with column:
                by = counts[label]
                value = st.text_input(
                    f"{_shown(label)} ({sum(by.values()):,})",
                    label,
                    key=f"datasets-pool-class-{label}",
                    help=", ".join(f"{_shown(source)} {n:,}" for source, n in by.items()),
                    placeholder="left out",
                )
                typed = (value or "").strip()
                if typed != label:
                    new[label] = typed or None
    return new


def _result(counts: Mapping[str, Mapping[str, int]], new: Mapping[str, str | None]) -> dict[str, dict[str, int]]:
    """Films by source and class of the pool."""
    result: dict[str, dict[str, int]] = {}
    for label, by in counts.items():
        for source, n in by.items():
            films = result.setdefault(source, {})
            if (called := pool_request.new_label(label, source, new)) is not None:
                films[called] = films.get(called, 0) + n
    return result


def _faults(result: Mapping[str, Mapping[str, int]], new: Mapping[str, str | None]) -> list[str]:
    labels = sorted({label for by in result.values() for label in by})
    faults = []
    if len(labels) < 2:
        faults.append(f"Keep at least two classes; this is {counted(len(labels), 'class', 'classes')}.")
    for alike in names.alike(labels):
        faults.append(f"{' and '.join(alike)} differ only in case, spaces or punctuation: give them one name.")
    return faults


def _folders(sources: Mapping[str, Known]) -> dict[str, Path]:
    return {source: folder.path for source, folder in sources.items()}


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "films"


def _shown(name: str) -> str:
    """A name in a label, which is Markdown."""
    return escape_markdown(name)
