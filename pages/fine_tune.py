"""Fine-tune: set up a run, watch it train, save its model; all runs below. Reads top to bottom."""

import streamlit as st

from xraykit.ui.fine_tune import selection
from xraykit.ui.fine_tune.form import films, recipe, start
from xraykit.ui.fine_tune.run import table, view
from xraykit.ui.kit.frame import frame

STEPS = (
    (films, "Films", "what to train on"),
    (recipe, "Recipe", "how to train"),
    (start, "Device and start", "where to run"),
)

frame("Fine-tune")
shown = selection.shown()
selection.show_words()

# inputs: a new run in three steps side by side; or the run that was chosen, as it is now
with st.container(key="fine-tune"):
    if shown is None:
        st.html("<div class='xk-block'><h2>New run</h2></div>")
        with st.container(key="new-run"):
            columns = st.columns((10, 18, 10), gap="small")
            for number, (column, (step, title, purpose)) in enumerate(zip(columns, STEPS, strict=True), 1):
                with column, st.container(border=True, key=f"step-{number}", height="stretch"):
                    st.html(f"<div class='xk-step'><b>{number}</b><h3>{title}</h3><span>{purpose}</span></div>")
                    step.show()
    else:
        view.show(shown)  # and all runs

# show
if shown is None:
    table.show()
