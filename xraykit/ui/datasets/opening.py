"""Open a folder, a manifest or a zip: it is looked at in a process of its own. Reads no film itself."""

from __future__ import annotations

import html
import os
from pathlib import Path

import streamlit as st

from xraykit.datasets.archive import unpack
from xraykit.datasets.layout import is_manifest
from xraykit.films.folders import check
from xraykit.refused import Refused, words_of
from xraykit.system import files
from xraykit.ui.datasets import work_view, zips
from xraykit.ui.kit.text import EXAMPLE_FOLDER, folder_at

FORMS = (
    "A folder with one subfolder per class (COVID-19/one.png, Normal/two.dcm), also below train, val and test, or with "
    "a manifest.csv (columns path and label; patient_id, source and split where known)."
)


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
        return unpack.unpack(path, path.name, progress=zips.progress_bar(path.name))
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
    zips.take(file, work_view.look, work_view.keep_words)
    st.session_state["datasets-zip-turn"] = turn + 1  # an empty uploader: what came in lies in its folder now
    st.rerun()
