"""Models: each saved model's card as one readable page, a way in for others, and why some could not be loaded."""

import streamlit as st

from xraykit.ui.kit import text
from xraykit.ui.kit.frame import frame, watch_restarts
from xraykit.ui.models import audit_view, card_view, import_view
from xraykit.ui.server import inference

frame("Models")
watch_restarts()
cards, refusals = inference.models()

# inputs
left, right = st.columns([3, 2], vertical_alignment="bottom")
with left:
    card = card_view.choose(cards)

card_view.show_overview(cards)
import_view.show(cards)

# show
if not cards:
    text.say_no_model()
elif card is not None:
    with right:
        given = card_view.hand_out(card)
    card_view.show(card, given)
    audit_view.show(card, given)
text.show_refused("Models that could not be loaded", "Model", refusals)
