"""A zip of films becomes a folder while a bar says how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from xraykit.datasets.archive import unpack
from xraykit.films.folders import check
from xraykit.refused import Refused
from xraykit.system import folders, text
from xraykit.ui.kit.text import escape_markdown
from xraykit.ui.server import uploads

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

SHOWN_EVERY = 0.2  # seconds


def take(file: UploadedFile, choose: Callable[[Path], None], keep_words: Callable[[str], None]) -> None:
    """Unpack a dropped zip, let go of it, and choose its folder; why that cannot be done goes to `keep_words`."""
    try:
        choose(unpack.unpack(uploads.opened(file, check.MAX_ARCHIVE), file.name, progress=progress_bar(file.name)))
    except check.ArchiveRefused as refused:
        keep_words(refused.words)
    except Refused as refused:
        keep_words(f"{file.name} was not unpacked. {refused.words}")
    except OSError as error:
        keep_words(
            f"{file.name} was not unpacked: {error.strerror or 'it could not be written'}. It is unpacked in "
            f"{folders.datasets_folder()}: look for free space and permissions."
        )
    uploads.let_go(file)


def progress_bar(name: str) -> unpack.Progress:
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
