"""Compare: two to four models on the same films: is the difference real, and on which films. Reads top to bottom."""

import numpy as np
import streamlit as st

from xraykit.refused import Refused
from xraykit.ui.compare import contents, inputs, material, panels
from xraykit.ui.frame import frame
from xraykit.ui.kit import report_view

frame("Compare")
usable, refused = material.models()

# inputs
controls = st.container(horizontal=True, key="compare-controls", gap="small", vertical_alignment="bottom")
with controls:
    names = inputs.choose_models([kept.card for kept in usable.values()])
kept = [usable[name] for name in names if name in usable]
others = panels.evaluate_folder([found.card for found in kept])
if len(kept) < 2:
    panels.show_fewer(len(usable))
    panels.show_refused(refused)
    st.stop()
with controls:
    choice = inputs.choose(material.classes(kept, others))
    with st.popover("Download", width=110):
        style = report_view.choose_style()
        handout = st.container()

# compute
try:
    compared = material.compare(kept, choice.margin, others)
except Refused as error:
    st.warning(str(error))
    panels.show_refused(refused)
    st.stop()
applied = material.apply_points(compared, choice)
chosen = inputs.chosen_films(len(compared.models), len(compared.classes))
listed = np.array([], int) if chosen is None else material.films(compared, applied, chosen)
made = contents.fixed(compared, choice, applied)

# show
with handout:
    report_view.handing_out(lambda: contents.page(compared, choice, applied, chosen, listed), "comparison")
panels.show_verdict(compared, made["verdict"], style)
panels.show_matrices(contents.matrices(compared, choice, applied, chosen), style, applied, len(compared.classes))
panels.show_films(compared, applied, chosen, listed)
panels.show_published(made.get("published"), style)
report_view.section(made.get("operating"), style)
panels.show_tests(made["verdict"])
panels.show_reports(made["reports"])
report_view.section(made["curves"], style)
report_view.section(made["calibration"], style)
report_view.section(made.get("training"), style)
report_view.section(made["recipes"], style)
panels.show_refused(refused)
