"""Whether the gate looks at a folder's films before the models do, and what it refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from xraykit.datasets.reading import gated
from xraykit.gate import verdict as gate
from xraykit.models import classifier
from xraykit.models.cards.card import Card

LABEL = "Refuse what is no upright frontal chest film"
HELP = "The gate looks at each film before a model does. What it refuses is named, and is in no figure."
OFF = "XRAYKIT_GATE=off turns the gate off on this computer: every film is read."
COLOUR = "A model of colour pictures has no gate unless you ask for it."


def ask(key: str, cards: Sequence[Card], contents: dict[str, Any]) -> bool | None:
    """A switch; None where it is left as the command line has it: on for models of grey films."""
    if not gate.is_on():
        st.html(f"<p class='xk-said' role='status'>{OFF}</p>")
        return None
    usual = bool(cards) and all(map(classifier.is_gated, cards))
    wanted = st.checkbox(
        LABEL,
        value=usual,
        key=f"evaluate-gate-{key}-{usual}",
        help=HELP if usual or not cards else f"{HELP} {COLOUR}",
        disabled=not cards,
    )
    if judged := contents.get("gate"):
        n = len(judged["refused"])
        st.html(f"<p class='xk-said'>It would refuse {n:,} of {judged['judged']:,} films{_by_code(judged)}.</p>")
    return None if wanted == usual else wanted


def evaluated_words(stamps: Iterable[str], contents: dict[str, Any]) -> str:
    """What an evaluation says of the gate: whether it was on, and how many films it refused; "" of older ones."""
    known = {stamp for stamp in stamps if stamp}
    if not known:
        return ""
    if known == {"off"}:
        return "Gate off: every readable film was read."
    stopped = [refusal for refusal in contents.get("refused", ()) if refusal.get("code") in gate.CODES]
    judged = contents.get("films", 0) + len(stopped)
    return f"Gate on: {len(stopped):,} of {judged:,} films refused{_by_code({'refused': stopped})}."


def _by_code(judged: dict[str, Any]) -> str:
    words = gated.counted(refusal.get("code", "") for refusal in judged["refused"])
    return f" ({words})" if words else ""
