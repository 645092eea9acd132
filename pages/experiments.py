"""Experiments: many runs that answer one question: set up, watched, read. Reads top to bottom."""

import streamlit as st

from xraykit.ui.experiments import listing, live, results, selection, snapshot, trial
from xraykit.ui.experiments.form import question, start, trials
from xraykit.ui.fine_tune import selection as fine_tune
from xraykit.ui.kit.frame import frame
from xraykit.ui.kit.report.dialog import show_button

STEPS = (
    (question, "Question", "what is asked"),
    (trials, "Trials", "what is tried"),
    (start, "Films, plan and start", "on what, and what it takes"),
)

frame("Experiments")
shown = selection.shown()
selection.show_words()
fine_tune.show_words()

# inputs: a new study in three steps side by side; or the study that was chosen, as it is now
with st.container(key="experiments"):
    if shown is None:
        listing.show_example(start.begin_example)
        st.html("<div class='xk-block'><h2>New study</h2></div>")
        with st.container(key="new-study"):
            columns = st.columns((10, 16, 12), gap="small")
            for number, (column, (step, title, purpose)) in enumerate(zip(columns, STEPS, strict=True), 1):
                with column, st.container(border=True, key=f"study-step-{number}", height="stretch"):
                    st.html(f"<div class='xk-step'><b>{number}</b><h3>{title}</h3><span>{purpose}</span></div>")
                    step.show()
    else:
        table = snapshot.results(shown)
        if isinstance(table, str) or shown.study is None or shown.state is None:
            live.show(shown, None)
        else:
            given = results.handout(shown, table, shown.study)
            live.show(shown, given)
            if shown.busy:
                show_button(given)
            trial.show(shown, table)
            results.show_charts(shown, table, given)

# show
listing.show()
