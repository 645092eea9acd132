"""What a folder's classes count as for models that have others, and whether its figures go on the models' cards."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from xraykit.models import folder_evaluation
from xraykit.models.cards.card import Card
from xraykit.refused import Refused
from xraykit.system.folders import is_plain_name
from xraykit.truth import elsewhere, places
from xraykit.ui.kit.text import escape_markdown, say

HELP = (
    "The figures go on the models' cards beside those at home, without the films that a model was trained on. What a "
    "card has under this name is replaced."
)


def map_classes(key: str, cards: Sequence[Card], labels: Sequence[str]) -> dict[str, str]:
    """Ask what each class that a model does not know counts as; folder's class -> the model's, of those answered."""
    strangers = [label for label in labels if any(label not in card.classes for card in cards)]
    if not strangers:
        return {}
    knowing = [card for card in cards if any(label not in card.classes for label in strangers)]
    known = "; ".join(f"{card.title} knows {', '.join(card.classes)}" for card in knowing)
    words = f"The folder has classes that not every model knows: it holds {', '.join(labels)}; {known}."
    st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")
    answers = {}
    with st.container(horizontal=True, gap="small"):
        for place, label in enumerate(strangers):
            others = [card for card in cards if label not in card.classes]
            options = list(dict.fromkeys(name for card in others for name in card.classes))
            options = [name for name in options if all(name in card.classes for card in others)]
            likely = next((name for card in others if (name := folder_evaluation.likely(card, label))), None)
            answers[label] = st.selectbox(
                f"{escape_markdown(label)} counts as",
                options,
                index=options.index(likely) if likely in options else None,
                key=f"evaluate-map-{key}-{place}",
                placeholder="Choose a class",
                width=230,
            )
    if left := [label for label, ours in answers.items() if not ours]:
        words = f"Say what {', '.join(left)} counts as, or take the models off that do not know it."
        st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")
    return {label: ours for label, ours in answers.items() if ours}


def ask_name(key: str, folder: str, cards: Sequence[Card]) -> str | None:
    """The name under which the figures go on the cards: "" where they do not, None where there is none yet."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        wanted = st.checkbox(
            "Add the figures to the models' cards",
            key=f"evaluate-attach-{key}",
            help=HELP,
            disabled=not cards,
        )
        if not wanted:
            return ""
        default = folder if is_plain_name(folder) else ""
        name = st.text_input("Name on the cards", default, key=f"evaluate-attach-name-{key}", max_chars=100, width=230)
    try:
        elsewhere.check(name)
    except Refused as refused:
        say(refused.words)
        return None
    return name


def show_attached(name: str, cards: Sequence[Card]) -> None:
    """What now stands on the cards under this name."""
    for card in cards if name else ():
        place = next((place for place in places.elsewhere(card) if place.name == name), None)
        if place is not None:
            words = f"On the card of {card.title} as {name}: {places.overlap_words(place)}."
            st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")
