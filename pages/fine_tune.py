"""Fine-tune: set up a run, watch it learn, keep what it learned; all runs below. Reads top to bottom."""

import streamlit as st

from xraykit import ui
from xraykit.ui.finetune import choice, listing, live, steps

ui.frame("Fine-tune")
shown = choice.shown()
choice.show_words()

# inputs: a new run in three steps; or the run that was chosen, as it is now
with st.container(key="fine-tune"):
    if shown is None:
        steps.show()
    else:
        live.show(shown)

# show
listing.show()
