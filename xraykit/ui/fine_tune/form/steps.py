"""A new run in three steps side by side: films, recipe, device and start."""

from __future__ import annotations

import html

import streamlit as st

from xraykit.ui.fine_tune.form import films, recipe, start

WIDTHS = (10, 18, 10)


def show() -> None:
    """Draw the three steps; one below the other where the window is narrow."""
    st.html("<div class='xk-block'><h2>New run</h2></div>")
    with st.container(key="new-run"):
        columns = st.columns(WIDTHS, gap="small")
        for number, (column, title, said, draw) in enumerate(
            zip(
                columns,
                ("Films", "Recipe", "Device and start"),
                ("what it learns from", "how it learns", "where it learns"),
                (films.show, recipe.show, start.show),
                strict=True,
            ),
            1,
        ):
            with column, st.container(border=True, key=f"step-{number}", height="stretch"):
                st.html(f"<div class='xk-step'><b>{number}</b><h3>{html.escape(title)}</h3><span>{said}</span></div>")
                draw()
