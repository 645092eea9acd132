"""Model cards on a page: which model, its card, and its downloads."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from xraykit.models.cards.card import Card
from xraykit.reports import report
from xraykit.reports.truth import card as card_report
from xraykit.reports.truth import home_and_elsewhere
from xraykit.ui.kit import report_view
from xraykit.ui.kit.text import say

KEY = "model"  # of the widget and of the address: ?model=NAME


def choose(cards: Sequence[Card]) -> Card | None:
    """The model that the user or the address names, else the first; None where the address names an unknown one."""
    if not cards:
        return None
    by_name = {card.name: card for card in cards}
    named = st.query_params.get(KEY)
    unknown = named is not None and named not in by_name
    if st.session_state.get(KEY) not in by_name and named not in by_name:
        st.session_state[KEY] = None if unknown else cards[0].name  # no default: the address would not name it
    chosen = st.segmented_control("Model", list(by_name), key=KEY, bind="query-params", wrap=True)
    if chosen in by_name:
        return by_name[chosen]
    if unknown:
        say(f"No model named {named}. It may have been deleted. Choose one of the models above.")
        return None
    return cards[0]


def show_overview(cards: Sequence[Card]) -> None:
    """Every model at home and elsewhere, a line each."""
    if len(cards) > 1:
        st.html(report.part_html("table", home_and_elsewhere.overview(cards)))


def show(card: Card) -> None:
    """The card as a readable page."""
    report_view.show_columns(card_report.report(card))


def show_downloads(card: Card) -> None:
    """The card as one HTML page, as one Markdown page and as JSON."""
    page = card_report.report(card)
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom", gap="small"):
        for label, text, ending, kind in (
            ("Download HTML", page.html, "html", "text/html"),
            ("Download Markdown", page.markdown, "md", "text/markdown"),
            ("Download JSON", card.to_json, "json", "application/json"),
        ):
            st.download_button(
                label,
                text,
                f"{card.name}-card.{ending}",
                kind,
                key=f"download-{ending}",
                on_click="ignore",
                icon=report_view.DOWNLOAD,
            )
