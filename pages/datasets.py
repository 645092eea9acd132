"""Datasets: what is on this computer, the studies' datasets, a look inside any folder, pools. Reads top to bottom."""

import streamlit as st

from xraykit.ui.datasets import catalog_view, opening, pool_form, preview_view, work_view
from xraykit.ui.fine_tune.form import films
from xraykit.ui.kit.frame import frame

frame("Datasets")
preview_view.go_on()
work_view.show_words()

with st.container(key="datasets"):
    # show: the folder being looked into, or what is being fetched or pooled
    work_view.show()
    busy = work_view.is_busy()

    # inputs
    opening.show()
    known = films.known()
    catalog_view.show_known(known, busy)
    pool_form.show(known, busy)
    catalog_view.show_published(known, busy)
