"""Model cards on a page: which model, its card, and what it hands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from xraykit.models.cards.card import Card, titles_of
from xraykit.reports.report.page import Report, part_html
from xraykit.reports.truth import card as card_report
from xraykit.reports.truth import home_and_elsewhere, scorecard_report, shortcuts_report
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.dialog import report_button
from xraykit.ui.kit.report.handout import Attachment, Handout
from xraykit.ui.kit.text import escape_markdown, say

KEY = "model"  # of the widget and of the address: ?model=NAME
ADDRESS = "model-address"  # the name that the address had last


def choose(cards: Sequence[Card]) -> Card | None:
    """The model that the user or the address names, else the first; None where the address names an unknown one."""
    if not cards:
        return None
    by_name, titles = {card.name: card for card in cards}, titles_of(cards)
    named = st.query_params.get(KEY)
    if named in by_name and named != st.session_state.get(ADDRESS):
        st.session_state[KEY] = named  # a link was followed
    elif st.session_state.get(KEY) not in by_name:
        st.session_state[KEY] = None if named is not None else cards[0].name
    chosen = st.segmented_control(
        "Model", list(by_name), key=KEY, format_func=lambda name: escape_markdown(titles[name]), wrap=True
    )
    if chosen in by_name:
        st.session_state[ADDRESS] = st.query_params[KEY] = chosen  # names it by its folder, whatever its title
        return by_name[chosen]
    if named is not None and named not in by_name:
        say(f"No model named {named}. It may have been deleted. Choose one of the models above.")
        return None
    return cards[0]


def show_overview(cards: Sequence[Card]) -> None:
    """Every model at home and elsewhere, a line each."""
    if len(cards) > 1:
        st.html(part_html("table", home_and_elsewhere.overview(cards)))


def hand_out(card: Card) -> Handout:
    """The button that hands out the card, and what its sections hand out."""
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        return report_button(
            lambda: _report(card),
            key=KEY,
            name=f"{card.name}-card",
            attachments=[Attachment("Card as JSON", f"{card.name}.json", "application/json", card.to_json)],
        )


def show(card: Card, given: Handout) -> None:
    """The card as a readable page."""
    report_view.show_columns(card_report.report(card), given)


def _report(card: Card) -> Report:
    """The card, and what the page shows of its audit below it."""
    page = card_report.report(card)
    audit = (*shortcuts_report.sections([card]), *scorecard_report.sections([card]))
    return replace(page, sections=(*page.sections, *(replace(section, across=True) for section in audit)))
