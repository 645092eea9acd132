"""Where a newcomer without films begins: the synthetic example with a recipe that learns it within a minute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from xraykit.films.samples import example
from xraykit.refused import words_of
from xraykit.training.recipe.presets import NAMED
from xraykit.ui import navigation
from xraykit.ui.fine_tune import draft
from xraykit.ui.kit.text import say

EPOCHS = 20  # a second each at most; after two, as the recipe has them, nothing is learned yet
CATALOG = "datasets"  # address of the page


def show(choose: Callable[[Path], None]) -> None:
    """Offer the example, and the catalog of published datasets; `choose` is given the example's folder."""
    films = len(example.CLASSES) * example.EACH
    with st.container(border=True, key="films-example", gap="xsmall"):
        st.html(
            "<p class='xk-kept'>No films at hand?</p>"
            "<p class='xk-said'>See a run from start to end in a minute: "
            f"{films} synthetic films of {len(example.CLASSES)} classes, drawn here, and the recipe tiny.</p>"
        )
        if st.button("Use the synthetic example", key="example-take", width="stretch"):
            _take(choose)
        if CATALOG in navigation.TITLES:
            navigation.link(CATALOG, "Find published datasets in the catalog")


def take_recipe() -> None:
    """The recipe tiny with as many epochs as the example needs."""
    recipe = draft.plain(NAMED[draft.TRIAL])
    recipe["phases"][0]["epochs"] = EPOCHS
    draft.take(recipe, draft.TRIAL)


def _take(choose: Callable[[Path], None]) -> None:
    try:
        with st.spinner("Drawing films"):
            folder = example.folder()
    except OSError as error:
        say(f"The example could not be made. {words_of(error)}")
        return
    take_recipe()
    choose(folder)
    st.rerun()
