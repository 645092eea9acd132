"""Small pieces of every page: words shown as they are, the field for a folder's path, the table of what was refused."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import streamlit as st

from xraykit.films.folders import walk
from xraykit.films.refusal import Refusal
from xraykit.refused import Refused
from xraykit.system import files

NO_MODEL = (
    "No models yet. Train one on the Fine-tune page, or with `python -m xraykit train --recipe NAME --data FOLDER` and "
    "`python -m xraykit runs keep RUN --as NAME`. Saved models are in `weights/`."
)
EXAMPLE_FOLDER = "/home/me/films"


def say(words: str) -> None:
    """A warning that shows names from strangers as they are."""
    st.warning(escape_markdown(words))


def say_no_model() -> None:
    """Without any model, say what to do."""
    words = re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(NO_MODEL))
    st.html(f"<p class='xk-word xk-wide'>{words}</p>")


def escape_markdown(text: str) -> str:
    """Text that Streamlit's Markdown shows as it is: names come from strangers.

    Signs of Markdown get a backslash. Emoji, icons, arrows and addresses are looked for in the text that is left, where
    a backslash does not hide them: an invisible word joiner parts them.
    """
    return re.sub(r"([\\`*_{}\[\]()#+.!|<>~$:-])", r"\\\1", _REPLACED.sub(lambda match: _parted(match[0]), text))


def _parted(text: str) -> str:
    return f"{text[0]}\N{WORD JOINER}{text[1:]}"


# :smile: :material/home: -> -- <= http:// www. a@b
_REPLACED = re.compile(
    r":(?=[\w+/-]+:)|(?<!\S)(?:<->|->|<-|--|>=|<=|~=)(?!\S)|:(?=//)|w(?=ww\.)|@(?=\w)", re.IGNORECASE
)


def ask_for_folder(
    label: str,
    button: str,
    key: str,
    path: str = "",
    width: int | Literal["stretch"] = "stretch",
    refused: Callable[[str], None] = say,
) -> Path | None:
    """A field for the path of a folder with a button beside it; the folder once it is sent, if there is one.

    Parameters
    ----------
    label, button : str
        What stands above the field and on the button.
    key : str
        Unique on the page: the widgets are `key`-path and `key`-look.
    path : str
        What the field holds at first.
    width : int or "stretch"
        Of the field, in pixels.
    refused : callable
        Is given the words where there is no such folder.
    """
    with st.form(f"{key}-form", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            given = st.text_input(label, path, key=f"{key}-path", placeholder=EXAMPLE_FOLDER, width=width)
            sent = st.form_submit_button(button, key=f"{key}-look")
    if not sent:
        return None
    try:
        return folder_at(given or "")
    except Refused as error:
        refused(error.words)
        return None


def folder_at(path: str) -> Path:
    """The folder that a user named, whole; ~ is the user's home.

    Raises
    ------
    Refused
        If no path is given, no folder is there, or it is one of the operating system's.
    """
    if not path.strip():
        raise Refused("Enter the path of a folder.", code="no-folder")
    folder = Path(os.path.expanduser(path.strip()))
    if not folder.is_dir():
        folder = Path(files.named(str(folder)))  # a name that is no UTF-8, as pages show it
    if not folder.is_dir():
        raise Refused(f"No folder at {path.strip()}.", code="no-folder")
    walk.refuse_system_folder(folder)
    return folder.resolve()


def show_refused(title: str, kind: str, refused: Sequence[Refusal]) -> None:
    """A table of what was refused, with how many in its title; nothing where nothing was.

    Parameters
    ----------
    title : str
    kind : str
        What each row names: "File", "Model".
    refused : sequence of Refusal
    """
    if not refused:
        return
    rows = "".join(map(refusal_row, refused))
    st.html(
        f"<section class='xk-refused'><h2>{html.escape(title)}: {len(refused)}</h2><table><thead><tr>"
        f"<th scope='col'>{html.escape(kind)}</th><th scope='col'>Code</th><th scope='col'>Reason</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )


def refusal_row(refusal: Refusal) -> str:
    """A row of such a table, as HTML."""
    source, code, words = map(html.escape, (refusal.source, refusal.code, refusal.words))
    return f"<tr><td>{source}</td><td><code>{code}</code></td><td>{words}</td></tr>"
