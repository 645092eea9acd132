"""All runs as a table, newest first: a click on a row opens the run."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.training.recipe import presets
from xraykit.ui.fine_tune import draft, selection, snapshot, wording
from xraykit.ui.fine_tune.form import films
from xraykit.ui.fine_tune.snapshot import Seen
from xraykit.ui.kit.text import escape_markdown

ALL = "all"
ROW, HEAD, MOST_HEIGHT = 35, 37, 420  # px
EMPTY = "No runs yet: choose films and a recipe above and press Start, and the run will be listed here."
EVERY = 2  # seconds, as the run above it


def show() -> None:
    """The heading with a filter by state, and the table; while a run goes on, again every few seconds."""
    found = snapshot.runs()
    if any(one.busy for one in found):
        _watch()
    else:
        _draw(found)


@st.fragment(run_every=EVERY)
def _watch() -> None:
    selection.follow()
    found = snapshot.runs()
    _draw(found)
    if not any(one.busy for one in found):
        st.rerun()


def _draw(found: Sequence[Seen]) -> None:
    with st.container(horizontal=True, key="runs-head", vertical_alignment="center", gap="medium"):
        st.html(f"<div class='xk-block'><h2>All runs<span>{len(found)}</span></h2></div>", width="content")
        state = _choose_state(found) if found else ALL
    if not found:
        _show_empty()
        return
    shown = [one for one in found if state in (ALL, one.state)]
    st.session_state["runs-listed"] = [one.name for one in shown]
    _table(shown)


def _choose_state(found: Sequence[Seen]) -> str:
    counts = Counter(one.state for one in found)
    options = [ALL, *(state for state in wording.COLOURS if counts[state])]
    return (
        st.pills(
            "State",
            options,
            default=ALL,
            key="runs-state",
            required=True,
            label_visibility="collapsed",
            format_func=lambda state: "All" if state == ALL else f"{state.capitalize()} {counts[state]}",
        )
        or ALL
    )


def _show_empty() -> None:
    """What to do first, in a sentence; and the shortest way there."""
    known = films.known()
    with st.container(horizontal=True, key="runs-empty", vertical_alignment="center", gap="medium"):
        st.html(f"<p class='xk-said' role='status'>{html.escape(EMPTY)}</p>", width="content")
        if known:
            st.button(
                f"Try the recipe tiny on {escape_markdown(known[0].name)}",
                key="try-tiny",
                on_click=_try,
                args=(known[0].path,),
                help="Fills the form; it learns in a minute, and badly.",
            )


def _try(folder: Path) -> None:
    draft.take(draft.plain(presets.NAMED[draft.TRIAL]), draft.TRIAL)
    films.choose(folder)


def _table(shown: Sequence[Seen]) -> None:
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    states = list(dict.fromkeys(map(wording.state, shown)))
    colours = [wording.TAGS[state.partition(":")[0]] for state in states]
    table = pyarrow.table(columns(shown))
    turn = st.session_state.setdefault("runs-turn", 0)
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=min(HEAD + ROW * len(shown), MOST_HEIGHT),
        row_height=ROW,
        key=f"runs-table-{turn}",
        on_select=_open,
        selection_mode="single-row",
        placeholder="",
        alt="All runs with their state, recipe, films and best validation figures; a click on a row opens the run",
        column_config={
            "State": st.column_config.MultiselectColumn(options=states, color=colours, width=150),
            "Run": text(width=330),
            "Epochs": text(width=80),
            "Best loss": number(format="%.3f", width=90, help="Lowest validation loss"),
            "Best accuracy": number(format="%.1f %%", width=110, help="Validation accuracy of that epoch"),
            "Device": text(width=170),
            "Learning time": text(width=110, help="Without waiting in line and compiling"),
            "Started": text(width=150),
        },
    )


def columns(shown: Sequence[Seen]) -> dict[str, list[Any]]:
    """The table's columns."""
    status = [one.status for one in shown]
    return {
        "Run": [one.name for one in shown],
        "State": [[wording.state(one)] for one in shown],
        "Recipe": [one.recipe_name for one in shown],
        "Films": [one.films for one in shown],
        "Epochs": [f"{of.get('epoch') or 0} of {of['epochs']}" if of.get("epochs") else "" for of in status],
        "Best loss": [snapshot.number(of.get("best_loss")) for of in status],
        "Best accuracy": [
            None if (a := snapshot.number(of.get("best_accuracy"))) is None else 100 * a for of in status
        ],
        "Learning time": [wording.duration(t) if (t := of.get("learning_seconds")) else "" for of in status],
        "Device": [wording.device(of) for of in status],
        "Started": [wording.clock(of.get("started") or of.get("created")) if of else "" for of in status],
    }


def _open() -> None:
    """Open the run of the row that was clicked; the next table has no row chosen, whatever lies at that place then."""
    turn = st.session_state["runs-turn"]
    rows = st.session_state[f"runs-table-{turn}"].selection.rows
    listed = st.session_state.get("runs-listed", [])
    if rows and rows[0] < len(listed):
        selection.open_run(listed[rows[0]])
        st.session_state["runs-turn"] = turn + 1
