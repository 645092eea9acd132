"""Open a folder, a manifest or a zip: it is looked at in a process of its own. Reads no film itself."""

from __future__ import annotations

import html
import os
import time
from pathlib import Path

import streamlit as st

from xraykit.datasets.archive import unpack
from xraykit.datasets.layout import is_manifest
from xraykit.films.folders import check
from xraykit.refused import Refused, words_of
from xraykit.system import files, folders, text
from xraykit.ui.datasets import work_view
from xraykit.ui.kit.text import EXAMPLE_FOLDER, escape_markdown, folder_at
from xraykit.ui.server import uploads

FORMS = (
    "A folder with one subfolder per class (COVID-19/one.png, Normal/two.dcm), also below train, val and test, or with "
    "a manifest.csv (columns path and label; patient_id, source and split where known)."
)
SHOWN_EVERY = 0.2  # seconds


def show() -> None:
    """Draw the two ways in: a path, and a place to drop a zip."""
    st.html("<div class='xk-block'><h2>Open a folder or zip</h2></div>")
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="top")
    with left:
        _ask_for_path()
        st.html(f"<p class='xk-said'>{html.escape(FORMS)}</p>")
    with right, st.container(key="datasets-drop"):
        _ask_for_zip()


def _ask_for_path() -> None:
    with (
        st.form("datasets-open-form", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        given = st.text_input(
            "Path of a folder, a manifest.csv or a zip file", key="datasets-path", placeholder=EXAMPLE_FOLDER
        )
        sent = st.form_submit_button("Look inside", key="datasets-open", type="primary")
    if sent:
        _open(given or "")


def _open(given: str) -> None:
    """Look into what a path names; what is wrong with it is said on the page."""
    try:
        work_view.look(_folder_of(given.strip()))
    except (Refused, OSError) as error:
        work_view.keep_words(words_of(error))
    st.rerun()


def _folder_of(given: str) -> Path:
    """The folder that a path means; a zip is unpacked into one."""
    path = Path(os.path.expanduser(given)) if given and "\0" not in given else Path()
    if not path.is_file():
        path = Path(files.named(str(path)))
    if not given or not path.is_file():
        return folder_at(given)
    if is_manifest(path.name):
        return path.parent.resolve()
    if path.suffix.lower() == ".zip":
        return unpack.unpack(path, path.name, progress=_show_unpacking(path.name))
    if path.suffix.lower() in (".csv", ".tsv"):
        raise Refused(
            f"A table of films must be called manifest.csv or manifest.tsv, and lie beside the films; {path.name} is "
            "not. Rename it.",
            code="not-a-manifest",
        )
    raise Refused(
        f"{path.name} is a single file. Give the folder it lies in, a manifest.csv or a zip file.", code="no-folder"
    )


def _ask_for_zip() -> None:
    turn = st.session_state.setdefault("datasets-zip-turn", 0)
    file = st.file_uploader(
        "Zip file of films", type=["zip"], key=f"datasets-zip-{turn}", max_upload_size=check.MAX_ARCHIVE >> 20
    )
    if file is None:
        return
    try:
        opened = uploads.opened(file, check.MAX_ARCHIVE)
        work_view.look(unpack.unpack(opened, file.name, progress=_show_unpacking(file.name)))
    except check.ArchiveRefused as refused:
        work_view.keep_words(refused.words)
    except Refused as refused:
        work_view.keep_words(f"{file.name} was not unpacked. {refused.words}")
    except OSError as error:
        work_view.keep_words(
            f"{file.name} was not unpacked: {error.strerror or 'it could not be written'}. It is unpacked in "
            f"{folders.datasets_folder()}: look for free space and permissions."
        )
    uploads.let_go(file)
    st.session_state["datasets-zip-turn"] = turn + 1  # an empty uploader: what came in lies in its folder now
    st.rerun()


def _show_unpacking(name: str) -> unpack.Progress:
    """A bar, and what draws it anew now and then: how far it is and the time left."""
    bar = st.progress(0.0, f"Unpacking {escape_markdown(name)}")
    began = shown = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < SHOWN_EVERY or not done:
            return
        shown = now
        parts = [f"Unpacking {escape_markdown(name)}: {text.size(done)} of {text.size(total)}"]
        parts += [left] if (left := text.time_left((now - began) * (total - done) / done)) else []
        bar.progress(min(1.0, done / max(1, total)), " · ".join(parts))

    return report
