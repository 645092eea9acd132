"""Experiments: many runs that answer one question: set up, watched, read. Reads top to bottom."""

import streamlit as st

from xraykit.ui.experiments import listing, live, results, selection, snapshot, trial
from xraykit.ui.experiments.form import question, start, trials
from xraykit.ui.fine_tune import selection as fine_tune
from xraykit.ui.kit import report_view
from xraykit.ui.kit.frame import frame

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
        live.show(shown)
        table = snapshot.results(shown)
        if not isinstance(table, str) and shown.study is not None and shown.state is not None:
            with st.container(horizontal=True, key="study-hand-out", vertical_alignment="bottom", gap="small"):
                with st.popover("Download", width=110):
                    style = report_view.choose_style()
                    results.show_downloads(shown, table)
            trial.show(shown, table)
            results.show_charts(shown, table, style)

# show
listing.show()
