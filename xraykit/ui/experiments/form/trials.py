"""Step 2 of a new study: factors, how trials are made of them, folds, seeds, and the base recipe."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import streamlit as st

from xraykit.experiments import grid
from xraykit.experiments.study import study as studies
from xraykit.experiments.study.design import Design, FoldKind
from xraykit.experiments.study.rules import MOST_FACTORS, NO_FACTORS, value_at
from xraykit.refused import Refused
from xraykit.reports.study import words as study_words
from xraykit.training.recipe import sentences
from xraykit.ui.experiments import draft
from xraykit.ui.experiments.form import parts
from xraykit.ui.kit.text import escape_markdown

DESIGNS = {
    str(Design.ONE_AT_A_TIME): "One factor at a time",
    str(Design.GRID): "Grid: every combination",
    str(Design.RANDOM): "Random search",
    str(Design.TPE): "TPE search",
}
FOLDS = {
    str(FoldKind.SINGLE): "One division",
    str(FoldKind.CROSS_VALIDATION): "Cross-validation",
    str(FoldKind.LEAVE_ONE_SOURCE_OUT): "Leave one source out",
}


def show() -> None:
    """Draw the step."""
    faults = draft.faults()
    _show_factors(faults)
    left, right = st.columns(2, gap="small")
    with left:
        parts.choice(
            "design", "Trials", DESIGNS, faults, str(Design.ONE_AT_A_TIME), help="How values are combined into trials."
        )
    search = draft.get("design") in (Design.RANDOM, Design.TPE)
    with right:
        if search or draft.get("samples") is not None:
            parts.number("samples", "Trials to try", faults, whole=True, help="Of a random or TPE search.")
        else:
            parts.number(
                "shrink", "Training films used, %", faults, unit=0.01, placeholder="as the recipe", help=SHRINK_HELP
            )
    if search:
        parts.choice(
            "cut",
            "Trials that are behind",
            {False: "Run to their end", True: "Are cut early"},
            faults,
            False,
            help="Successive halving: trials behind the others at the same epoch end early, and are marked.",
        )
    parts.choice("folds.kind", "Folds", FOLDS, faults, str(FoldKind.SINGLE), help=FOLDS_HELP)
    left, right = st.columns(2, gap="small")
    with left:
        if draft.get("folds.kind") == FoldKind.CROSS_VALIDATION:
            parts.number("folds.count", "Number of folds", faults, whole=True, default=5)
        else:
            parts.number("folds.seed", "Seed of the division", faults, whole=True, default=0)
    with right:
        parts.values("seeds", "Seeds", faults, brackets=False, help="Each trial is run with each of these: 0, 1, 2")
    st.html(f"<p class='xk-said' role='status'>{html.escape(_count_words())}</p>")
    _show_recipe(faults)


SHRINK_HELP = "A percentage of the training films, whole groups of them; validation and test films stay as they are."
FOLDS_HELP = (
    "The same division for every trial, so that trials compare in pairs. One patient's films are never on both sides. "
    "Leaving one source out needs films of several sources: pool datasets, or a manifest with a column source."
)


def _show_factors(faults: dict[str, str]) -> None:
    factors = draft.get("factors", {})
    if not isinstance(factors, dict) or len(factors) > MOST_FACTORS:
        parts.values("factors", "Factors", faults, height=120)
        return
    for place, path in enumerate(factors):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"factor-{place}"):
            with st.container(width="stretch", gap="xxsmall"):
                parts.values(
                    f"factors.{path}",
                    escape_markdown(_title(path)),
                    {},
                    brackets=False,
                    help="Values to try, in JSON, separated by commas.",
                )
            st.button("Remove", key=draft.key(f"remove-{path}"), on_click=_remove, args=(path,))
        parts.fault(f"factors.{path}", faults)
    parts.fault("factors", faults)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="add-factor"):
        known = {path: words for path, words in _paths() if path not in factors}
        key = draft.key("new-factor")
        st.selectbox(
            "Another factor",
            list(known),
            index=None,
            key=key,
            format_func=lambda path: known[path],
            placeholder="A field of the base recipe",
        )
        st.button("Add", key=draft.key("add"), on_click=_add, args=(key,))


def _title(path: str) -> str:
    label = study_words.label(path)
    return path if label.lower() == path else f"{label} ({path})"


def _paths() -> Iterator[tuple[str, str]]:
    """Fields of the base recipe that can be factors, and what they are called."""
    recipe = draft.recipe()
    if not isinstance(recipe, dict):
        return
    for name in recipe:
        if name in NO_FACTORS or name in ("phases", "augmentation", "backend"):
            continue
        yield name, study_words.label(name)
    phases = recipe.get("phases")
    listed: list[Any] = list(phases) if isinstance(phases, list | tuple) else []
    for number, phase in enumerate(listed):
        for name in phase if isinstance(phase, dict) else ():
            yield f"phases.{number}.{name}", study_words.label(f"phases.{number}.{name}")
    augmentation = recipe.get("augmentation")
    for name in augmentation if isinstance(augmentation, dict) else ():
        yield f"augmentation.{name}", f"Augmentation: {study_words.label(f'augmentation.{name}').lower()}"


def _add(key: str) -> None:
    path = st.session_state.get(key)
    if path:
        value: Any = _base_value(path)
        draft.put(f"factors.{path}", [value])
        draft.current().turn += 1


def _base_value(path: str) -> Any:
    try:
        return json.loads(json.dumps(value_at(draft.recipe(), path)))
    except (LookupError, TypeError, ValueError):
        return None


def _remove(path: str) -> None:
    factors = draft.get("factors", {})
    if isinstance(factors, dict):
        factors.pop(path, None)
    draft.current().texts.pop(f"factors.{path}", None)
    draft.current().turn += 1


def _count_words() -> str:
    """How many trials and runs these choices make."""
    study = draft.built()
    if study is None:
        return "Correct the fields above to see the number of trials."
    return _counted(study.to_json())


@lru_cache(maxsize=16)  # thousands of trials take seconds to make
def _counted(text: str) -> str:
    study = studies.from_dict(json.loads(text))
    try:
        made = grid.trials(study)
        trials = grid.count(study, made)
    except Refused as refused:
        return refused.words
    cells = [f"{trials:,} trial{'s' * (trials != 1)}"]
    seeds = len(study.seeds)
    several = study.folds.kind is FoldKind.CROSS_VALIDATION
    if study.folds.kind is FoldKind.LEAVE_ONE_SOURCE_OUT:
        cells.append("each source left out in turn")
    elif several:
        cells.append(f"{study.folds.count} folds")
    cells += [f"{seeds} seeds"] if seeds > 1 else []
    runs = trials * seeds * (study.folds.count if several else 1)
    total = "" if study.folds.kind is FoldKind.LEAVE_ONE_SOURCE_OUT else f" = {runs:,} run{'s' * (runs != 1)}"
    out = f" {made.impossible} combinations that no recipe can have are left out." if made.impossible else ""
    return f"{' × '.join(cells)}{total}.{out}"


def _show_recipe(faults: dict[str, str]) -> None:
    wrong = {path: words for path, words in faults.items() if path.split(".")[0] == "recipe"}
    recipe = draft.recipe()
    beside = f":orange[{len(wrong)} to correct]" if wrong else f":gray[{_recipe_words(recipe)}]"
    with st.expander(f"**Base recipe** {beside}", expanded=bool(wrong), key=draft.key(f"recipe-{bool(wrong)}")):
        parts.values("recipe", "Recipe as JSON, or the name of one", {}, height=220)
        for path, words in wrong.items():
            name = path.removeprefix("recipe").lstrip(".") or "recipe"
            st.html(f"<p class='xk-fault' role='alert'>{html.escape(name)}: {html.escape(words)}</p>")


def _recipe_words(recipe: Any) -> str:
    if not isinstance(recipe, dict):
        return ""
    phases = recipe.get("phases")
    epochs = sum(phase.get("epochs", 0) for phase in phases) if isinstance(phases, list | tuple) else "?"
    return escape_markdown(f"{sentences.backbone(recipe)}, {epochs} epochs")
