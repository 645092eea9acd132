"""The Compare page's choices. All of them live in the address, so that a link is the page. Computes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, get_args, get_type_hints

import streamlit as st

from xraykit.evaluation.alignment import MOST
from xraykit.models.cards.card import Card, titles_of
from xraykit.refused import Refused
from xraykit.reports.comparison import page
from xraykit.reports.comparison.chosen import AT_ONCE, Choice, Chosen, Material, Target
from xraykit.truth.elsewhere import HOME
from xraykit.truth.places import AT_HOME
from xraykit.ui.kit.text import escape_markdown, say
from xraykit.ui.server import uploads

MOST_BYTES = 20 * 2**20  # of a saved page
ROWS, COLUMNS = "Reference", "Predicted"
TARGETS = [str(target) for target in Target]
RENAMED = {"By hand": str(Target.MANUAL)}  # in links written before
WILSON, EXACT = "Wilson", "Exact"
AFTER, BEFORE = "After temperature", "Before"
ADDRESS: dict[str, Any] = {"bind": "query-params"}
SHARED = "shared"  # of the address: films in common alone
CHOSEN = "films"  # of the address: which films are listed
CLOSED = "films-closed"  # of the session: the list that was closed last, as the address had it
DIFFERENCE = MOST  # its place behind the matrices
KINDS = get_args(get_type_hints(Chosen)["kind"])


def choose_models(cards: Sequence[Card]) -> tuple[str, ...]:
    """Two to ten models by name; at first from scratch first, so that what pretraining changes reads left to right."""
    order = sorted(cards, key=lambda card: (card.recipe.get("weights") is not None, card.name))
    names, titles = [card.name for card in order], titles_of(order)
    asked = [name for name in dict.fromkeys(st.query_params.get_all("models")) if name in names]
    chosen = st.multiselect(
        "Models",
        names,
        default=asked[:MOST] or names[:2],
        key="models",
        format_func=titles.__getitem__,
        max_selections=MOST,
        width=500,
        placeholder="Choose two to ten models",
    )
    models = [name for name in chosen if name in names][:MOST]
    _put("models", [] if models == names[:2] else models)
    return tuple(models)


def _put(key: str, values: list[str]) -> None:
    """Keep a choice in the address, which names models by their folders whatever they are called on the page."""
    if st.query_params.get_all(key) == values:
        return
    if values:
        st.query_params[key] = values
    else:
        st.query_params.pop(key, None)


def choose_place(cards: Sequence[Card]) -> str:
    """On which films: the models' own test split, or another source that all their cards have figures on."""
    named = [[place["name"] for place in card.elsewhere] for card in cards]
    shared = [name for name in (named[0] if named else []) if all(name in names for names in named)]
    if len(cards) < 2 or not shared:
        return HOME
    chosen = st.selectbox("Films", [AT_HOME, *shared], key="place", width=120, **ADDRESS)
    return chosen if chosen in shared else HOME


def choose(classes: Sequence[str]) -> Choice:
    """The rest of the row of controls: class, percentages, operating point, and what is needed less often."""
    label = st.selectbox("Class", list(classes), key="class", width=150, **ADDRESS)
    label = label if label in classes else classes[0]
    share = _segments("Percentages by", [ROWS, COLUMNS], "shares")
    if (renamed := RENAMED.get(st.query_params.get("point", ""))) and "point" not in st.session_state:
        del st.query_params["point"]
        st.session_state["point"] = renamed
    name = st.selectbox("Operating point", TARGETS, key="point", width=175, **ADDRESS)
    target = Target(name) if name in TARGETS else Target.HIGHEST
    wanted, saved = (0.0, _saved()) if target == Target.SAVED else (_wanted(target, label), "")
    with st.popover("More", width=84):
        method = _segments("Intervals for proportions", [WILSON, EXACT], "interval")
        after = _segments("Reliability diagrams", [AFTER, BEFORE], "reliability")
        margin = st.number_input(
            "Non-inferiority margin (accuracy points)",
            0.0,
            50.0,
            0.0,
            0.5,
            key="margin",
            format="%.1f",
            help="0: non-inferiority is not tested.",
            **ADDRESS,
        )
    return Choice(
        label=label,
        share="column" if share == COLUMNS else "row",
        method="exact" if method == EXACT else "wilson",
        target=target,
        wanted=wanted,
        margin=margin / 100 if margin else None,
        after=after != BEFORE,
        saved=saved,
    )


def choose_pair(choice: Choice, material: Material) -> Choice:
    """Which two of more than two models are set against each other cell by cell, and shown in full of many."""
    count = len(material.kept)
    if count <= 2:
        return choice
    names, titles = [kept.card.name for kept in material.kept], material.models
    pairs = {f"{names[j]} minus {names[i]}": (i, j) for i, j in combinations(range(count), 2)}
    shown = {words: f"{titles[j]} minus {titles[i]}" for words, (i, j) in pairs.items()}
    first, second = page.best_pair(material)
    best = f"{names[second]} minus {names[first]}"
    if st.session_state.get("pair") not in pairs:
        asked = st.query_params.get("pair")
        st.session_state["pair"] = asked if asked in pairs else best
    words = st.selectbox(
        "Two in full" if count > AT_ONCE else "Difference of",
        list(pairs),
        key="pair",
        format_func=shown.__getitem__,
        width=430,
    )
    _put("pair", [] if words == best else [words])
    return replace(choice, pair=pairs[words])


def set_pair(material: Material, first: str, second: str) -> None:
    """Choose the pair of two models, by their titles; a callback."""
    i, j = sorted((material.models.index(first), material.models.index(second)))
    names = [kept.card.name for kept in material.kept]
    st.session_state["pair"] = f"{names[j]} minus {names[i]}"


def shared_only() -> bool:
    """Whether to compare on the films that all models were tested on, where they were tested on others too."""
    return st.query_params.get(SHARED) == "1"


def set_shared(wanted: bool) -> None:
    """A callback."""
    _put(SHARED, ["1"] if wanted else [])


def set_models(names: Sequence[str]) -> None:
    """Choose other models; a callback."""
    st.session_state["models"] = list(names)


def chosen_films(models: int, classes: int) -> Chosen | None:
    """Which films the address asks to list; None where it asks for none that there are.

    A list that was closed is not asked for again: what a busy page sent before it heard of that comes with the address
    of before, and would put it back.
    """
    if CHOSEN in st.query_params and st.query_params[CHOSEN] == st.session_state.get(CLOSED):
        st.query_params.pop(CHOSEN)
    match = re.fullmatch(rf"({'|'.join(KINDS)})-(\d)-(\d+)(?:-(\d+))?(?:-(\d+))?", st.query_params.get(CHOSEN, ""))
    if match is None:
        return None
    places = tuple(int(part) for part in match.groups()[1:] if part is not None)
    if match[1] == "cell":
        fits = len(places) == 3 and places[0] < models and max(places[1:]) < classes
    elif match[1] == "changed":
        fits = len(places) == 4 and places[0] < places[1] < models and max(places[2:]) < classes
    else:
        fits = len(places) == 2 and places[0] < places[1] < models
    return Chosen(match[1], places) if fits else None  # type: ignore[arg-type]  # the pattern knows the kinds


def list_films(kind: str, *places: int) -> None:
    """Put into the address which films to list; a callback. Charts of other cells forget what was clicked."""
    st.session_state.pop(CLOSED, None)
    st.query_params[CHOSEN] = "-".join([kind, *map(str, places)])
    _forget_clicks(place for place in range(MOST) if kind != "cell" or place != places[0])
    if kind != "changed":
        _forget_clicks([DIFFERENCE])


def list_none() -> None:
    """Close the list of films; a callback."""
    if CHOSEN in st.query_params:
        st.session_state[CLOSED] = st.query_params.pop(CHOSEN)
    _forget_clicks([*range(MOST), DIFFERENCE])


def matrix_key(place: int) -> str:
    """The widget key of a model's matrix: a new one whenever its last click no longer counts."""
    return f"matrix-{place}-{st.session_state.get('matrix-turns', {}).get(place, 0)}"


def _forget_clicks(places: Iterable[int]) -> None:
    turns = st.session_state.setdefault("matrix-turns", {})
    for place in places:
        turns[place] = turns.get(place, 0) + 1


def _wanted(target: Target, label: str) -> float:
    if target == Target.HIGHEST:
        return 0.0
    if target == Target.MANUAL:
        help_text = f"Films at or above this model probability are classified as {escape_markdown(label)}."
        return st.slider("Threshold", 0.0, 1.0, 0.5, 0.01, key="threshold", width=160, help=help_text, **ADDRESS)
    help_text = "Each model's threshold is chosen on its validation films and applied to the test films."
    percent = st.slider(
        f"Target {target.lower()}",
        50.0,
        100.0,
        95.0,
        0.5,
        format="%.1f%%",
        key="wanted",
        width=160,
        help=help_text,
        **ADDRESS,
    )
    return percent / 100


def _saved() -> str:
    """The text of a file with operating points: this page as JSON; empty before there is one."""
    file = st.file_uploader(
        "Saved page (JSON)",
        type=["json"],
        key="saved-points",
        width=190,
        max_upload_size=MOST_BYTES >> 20,
        help="Upload a page that was downloaded as JSON while an operating point was selected.",
    )
    if file is None:
        return ""
    try:
        return uploads.read(file, MOST_BYTES).decode("utf-8", errors="replace")
    except Refused as refused:
        say(f"{file.name} was not read. {refused.words}")
        return ""


def _segments(label: str, options: list[str], key: str) -> str:
    return st.segmented_control(label, options, default=options[0], key=key, required=True, **ADDRESS) or options[0]
