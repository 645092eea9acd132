"""The Compare page's choices. All of them live in the address, so that a link is the page. Computes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, get_args, get_type_hints

import streamlit as st

from xraykit.models.cards.card import Card
from xraykit.refused import Refused
from xraykit.reports.comparison.chosen import Choice, Chosen, Target
from xraykit.truth.elsewhere import HOME
from xraykit.truth.places import AT_HOME
from xraykit.ui.kit.text import escape_markdown, say
from xraykit.ui.server import uploads

MOST = 4
MOST_BYTES = 20 * 2**20  # of a saved page
ROWS, COLUMNS = "Reference", "Predicted"
TARGETS = [str(target) for target in Target]
RENAMED = {"By hand": str(Target.MANUAL)}  # in links written before
WILSON, EXACT = "Wilson", "Exact"
AFTER, BEFORE = "After temperature", "Before"
ADDRESS: dict[str, Any] = {"bind": "query-params"}
CHOSEN = "films"  # of the address: which films are listed
DIFFERENCE = MOST  # its place behind the matrices
KINDS = get_args(get_type_hints(Chosen)["kind"])


def choose_models(cards: Sequence[Card]) -> tuple[str, ...]:
    """Two to four models; by default from scratch first, so that what pretraining changes reads from left to right."""
    order = sorted(cards, key=lambda card: (card.recipe.get("weights") is not None, card.name))
    names = [card.name for card in order]
    chosen = st.multiselect(
        "Models",
        names,
        default=names[:2],
        key="models",
        max_selections=MOST,
        width=430,
        placeholder="Choose two to four models",
        **ADDRESS,
    )
    return tuple(name for name in chosen if name in names)[:MOST]


def choose_place(cards: Sequence[Card]) -> str:
    """On which films: the models' own test split, or another source that all their cards have figures on."""
    named = [[place["name"] for place in card.elsewhere] for card in cards]
    shared = [name for name in (named[0] if named else []) if all(name in names for names in named)]
    if len(cards) < 2 or not shared:
        return HOME
    chosen = st.selectbox("Films", [AT_HOME, *shared], key="place", width=120, **ADDRESS)
    return chosen if chosen in shared else HOME


def choose(classes: Sequence[str], models: Sequence[str]) -> Choice:
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
    pair = _pair(models)
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
        pair=pair,
    )


def _pair(models: Sequence[str]) -> tuple[int, int]:
    """Which two of more than two models are set against each other cell by cell."""
    pairs = {f"{models[j]} minus {models[i]}": (i, j) for i, j in combinations(range(len(models)), 2)}
    if len(models) <= 2:
        return (0, 1)
    return pairs.get(st.selectbox("Difference of", list(pairs), key="pair", width=260, **ADDRESS), (0, 1))


def chosen_films(models: int, classes: int) -> Chosen | None:
    """Which films the address asks to list; None where it asks for none that there are."""
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
    st.query_params[CHOSEN] = "-".join([kind, *map(str, places)])
    _forget_clicks(place for place in range(MOST) if kind != "cell" or place != places[0])
    if kind != "changed":
        _forget_clicks([DIFFERENCE])


def list_none() -> None:
    """Close the list of films; a callback."""
    st.query_params.pop(CHOSEN, None)
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
