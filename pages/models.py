"""Models: each kept model's card as one readable page, and why others could not be loaded. Reads top to bottom."""

import streamlit as st

from xraykit import ui
from xraykit.ui import cards, controls, reading

ui.frame("Models")
ui.watch_restarts()
found, broken = reading.cards()

# inputs
left, right = st.columns([3, 2], vertical_alignment="bottom")
with left:
    card = cards.choose(found)

# show
if card is None:
    controls.show_models_word(found)
else:
    with right:
        cards.show_downloads(card)
    cards.show(card)
cards.show_refused(broken)
