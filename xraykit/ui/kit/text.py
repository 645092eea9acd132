"""Text on a page: what is shown as it is, never as Markdown."""

from __future__ import annotations

import re

import streamlit as st


def say(words: str) -> None:
    """A warning that shows names from strangers as they are."""
    st.warning(escape_markdown(words))


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: file names come from strangers."""
    return re.sub(r"([\\`*_{}\[\]()#+.!|<>~$:-])", r"\\\1", text)
