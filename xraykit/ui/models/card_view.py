"""Model cards on a page: which model, its card, and its downloads."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from xraykit.models.card import Card
from xraykit.reports import card_export
from xraykit.ui.kit.text import say

KEY = "model"  # of the widget and of the address: ?model=NAME


def choose(cards: Sequence[Card]) -> Card | None:
    """The model that the user or the address names; the first where neither does, with a word where it is none."""
    if not cards:
        return None
    named = {card.name: card for card in cards}
    wanted = st.query_params.get(KEY)
    if wanted is not None and wanted not in named:
        st.session_state["model-word"] = f"There is no model named {wanted} here. Its card cannot be shown."
    if wanted not in named and st.session_state.get(KEY) not in named:
        st.session_state[KEY] = cards[0].name  # no default: the address would not name it
    chosen = st.segmented_control("Model", list(named), key=KEY, bind="query-params", wrap=True)
    if word := st.session_state.pop("model-word", None):
        say(word)
    return named.get(chosen or "", cards[0])


def show(card: Card) -> None:
    """The card as a readable page."""
    st.html(f"<style>{card_export.STYLE.read_text('utf-8')}</style>")
    st.html(card_export.body(card))


def show_downloads(card: Card) -> None:
    """The card as JSON, as one HTML page and as one Markdown page."""
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom", gap="small"):
        for label, text, ending, kind in (
            ("Download HTML", card_export.to_html(card), "html", "text/html"),
            ("Download Markdown", card_export.to_markdown(card), "md", "text/markdown"),
            ("Download JSON", card.to_json(), "json", "application/json"),
        ):
            st.download_button(
                label, text, f"{card.name}-card.{ending}", kind, key=f"download-{ending}", on_click="ignore"
            )
