"""The films of a cell, or of what changed between two models, in a dialog: in view wherever one clicks."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from xraykit.reports.comparison import figures
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material
from xraykit.ui.compare import folder_evaluation, inputs
from xraykit.ui.compare import material as materials
from xraykit.ui.kit import film_list

AT_POINT = "The cell is at the operating point; the table shows each model's most probable class."


def show(material: Material, choice: Choice, applied: Applied, chosen: Chosen | None, listed: np.ndarray) -> None:
    """The films that were asked for, with what the models that are shown in full make of them."""
    context = get_script_run_ctx()
    if chosen is None or (context and context.has_dialog_opened):  # one dialog at a time: another was just opened
        return
    opened = st.dialog("Films", width="large", on_dismiss=inputs.list_none)(_show)
    opened(material, choice, applied, chosen, listed)


def _show(material: Material, choice: Choice, applied: Applied, chosen: Chosen, listed: np.ndarray) -> None:
    with st.container(key="listed"):
        count = f"{len(listed):,} film{'' if len(listed) == 1 else 's'}"
        st.html(f"<h2 class='xk-listed'>{count} <span>{html.escape(figures.describe(material, chosen))}</span></h2>")
        if applied and chosen.kind == "cell":
            st.html(f"<p class='xk-said'>{AT_POINT}</p>")
        places = sorted({*material.in_full(choice), *figures.models_of(chosen)})
        evaluations = materials.named(material, places)
        names = [material.comparison.films[i] for i in listed.tolist()]
        titles = {kept.card.name: title for kept, title in zip(material.kept, material.models, strict=True)}
        folder = folder_evaluation.folder_of(evaluations[0])
        film_list.show(names, evaluations, folder, key="compare", titles=titles)
