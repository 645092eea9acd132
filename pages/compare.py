"""Compare: two to ten models on the same films: is the difference real, and on which films. Reads top to bottom."""

from functools import partial

import numpy as np
import streamlit as st

from xraykit.evaluation.alignment import ComparisonRefused
from xraykit.reports.comparison import page
from xraykit.ui.compare import films, inputs, material, panels, ranking
from xraykit.ui.kit.frame import frame
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.dialog import report_button

frame("Compare")
usable, refusals = material.models()

# inputs
controls = st.container(horizontal=True, key="compare-controls", gap="small", vertical_alignment="bottom")
with controls:
    names = inputs.choose_models([kept.card for kept in usable.values()])
models = [usable[name] for name in names if name in usable]
with controls:
    place = inputs.choose_place([kept.card for kept in models])
under_controls = st.container()
others = panels.evaluate_folder([kept.card for kept in models]) or material.from_elsewhere(models, place)
if len(models) < 2:
    panels.show_fewer(len(usable))
    panels.show_refused(refusals)
    st.stop()
with controls:
    tested = material.evaluations(models, others)
    choice = inputs.choose(tested[0].classes)
    above = st.container(width="content")

# compute
try:
    compared = material.compare(models, choice.margin, others, inputs.shared_only())
except ComparisonRefused as refused:
    ranking.show_refused(refused, models, tested)
    panels.show_refused(refusals)
    st.stop()
with under_controls:
    choice = inputs.choose_pair(choice, compared)
applied = material.apply_points(compared, choice)
chosen = inputs.chosen_films(len(compared.models), len(compared.classes))
listed = np.array([], int) if chosen is None else material.films(compared, applied, chosen)
sections = material.sections(compared, choice, applied, chosen)

# show
with under_controls:
    panels.show_point_refusals(applied)
with above:
    made = partial(page.report, compared, choice, applied, chosen, listed, sections)
    given = report_button(made, key="compare", named=partial(made, names=True))
panels.show_places(sections["places"], given)
if inputs.shared_only():
    ranking.show_shared(models, tested, len(compared.comparison.films))
panels.show_verdict(compared, sections, given, choice)
report_view.section(sections.get("glance"), given)
report_view.section(sections.get("by-class"), given)
panels.show_pair(compared, choice)
panels.show_matrices(sections["matrices"], given, compared.in_full(choice))
panels.show_difference(sections["difference"], given, compared, choice)
films.show(compared, choice, applied, chosen, listed)
report_view.section(sections.get("seeds"), given)
panels.show_published(sections.get("published"), given)
report_view.section(sections.get("operating"), given)
report_view.show_across(sections.get("people"), given)
report_view.section(sections["decision"], given)
report_view.show_across(sections["sets"], given)
panels.show_tests(sections.get("pairs") or sections["verdict"])
panels.show_reports(sections["reports"], given)
report_view.section(sections["curves"], given)
report_view.section(sections["calibration"], given)
report_view.section(sections["shortcuts"], given)
report_view.section(sections["scorecard"], given)
report_view.section(sections.get("training"), given)
report_view.section(sections["recipes"], given)
panels.show_refused(refusals)
