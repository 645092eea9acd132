"""Fine-tune: set up a run, watch it learn, keep what it learned; all runs below. Reads top to bottom."""

import streamlit as st

from xraykit.ui.fine_tune import selection
from xraykit.ui.fine_tune.form import steps
from xraykit.ui.fine_tune.run import table, view
from xraykit.ui.frame import frame

frame("Fine-tune")
shown = selection.shown()
selection.show_words()

# inputs: a new run in three steps; or the run that was chosen, as it is now
with st.container(key="fine-tune"):
    if shown is None:
        steps.show()
    else:
        view.show(shown)

# show
table.show()
