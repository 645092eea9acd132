"""Review: films in; what each model predicts, which regions influenced it, and what a reader says. Decides nothing."""

import streamlit as st

from xraykit.ui.kit.frame import frame
from xraykit.ui.review.room import component

frame("Review")
component.show(st.query_params.get("model"))
