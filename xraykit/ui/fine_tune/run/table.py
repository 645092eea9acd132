"""All runs as a table, newest first: a click on a row opens the run."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.evaluation.stats import Figure
from xraykit.system import text
from xraykit.system.job_folder.record import State
from xraykit.training.recipe import presets
from xraykit.training.run.run import Status
from xraykit.ui.fine_tune import draft, selection, snapshot
from xraykit.ui.fine_tune.form import films
from xraykit.ui.fine_tune.snapshot import RunSnapshot
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import escape_markdown

ALL = "all"
EMPTY = "No runs yet. Choose films and a recipe above and press Start; the run will be listed here."
Runs = Sequence[RunSnapshot]


def show() -> None:
    """The heading with a filter by state, and the table; while a run is busy, again every few seconds."""
    runs = snapshot.take_all()
    if _any_busy(runs):
        jobs.watch(snapshot.take_all, _any_busy, draw)
    else:
        draw(runs)


def columns(runs: Runs) -> dict[str, list[Any]]:
    """The table's columns."""
    accuracies = [snapshot.best_accuracy(run) for run in runs]
    status = [run.status or Status(state=State.LOST) for run in runs]
    return {
        "Run": [run.name for run in runs],
        "State": [[run.state_words] for run in runs],
        "Recipe": [run.recipe_name for run in runs],
        "Films": [run.films for run in runs],
        "Epochs": [epochs(run) if run.epochs else "" for run in status],
        "Best loss": [run.best_loss for run in status],
        "Best accuracy": [None if figure.value is None else 100 * figure.value for figure in accuracies],
        "95% interval": [interval(figure) for figure in accuracies],
        "Training time": [text.duration(run.learning_seconds) if run.learning_seconds else "" for run in status],
        "Device": [device_name(run) for run in status],
        "Started": [text.clock(moment) if (moment := run.started or run.created) else "" for run in status],
    }


def epochs(status: Status) -> str:
    """How many epochs are learned, of all: the same wherever it is told."""
    return f"{status.epoch or 0:,} of {f'{status.epochs:,}' if status.epochs else text.NOT_KNOWN}"


def interval(figure: Figure) -> str:
    """The interval of an accuracy and on how many films; empty where that is not known."""
    return f"{figure.interval_text()} n {figure.n:,}" if figure.ends else ""


def device_name(status: Status) -> str:
    """The device by its name; before it has told that, by its key; empty where it has none."""
    key = status.device or ""
    return status.device_name or {"cpu": "CPU"}.get(key, key.upper())


def _any_busy(runs: Runs) -> bool:
    return any(run.busy for run in runs)


def draw(runs: Runs) -> None:
    """The heading and the table of these runs."""
    with st.container(horizontal=True, key="runs-head", vertical_alignment="center", gap="medium"):
        st.html(f"<div class='xk-block'><h2>All runs<span>{len(runs)}</span></h2></div>", width="content")
        state = _choose_state(runs) if runs else ALL
    if not runs:
        _show_empty()
        return
    shown = [run for run in runs if state in (ALL, run.state or snapshot.UNREADABLE)]
    _show_table(shown)


def _choose_state(runs: Runs) -> str:
    counts = Counter(str(run.state or snapshot.UNREADABLE) for run in runs)
    states = [str(state or snapshot.UNREADABLE) for state in jobs.COLOURS]
    return (
        st.pills(
            "State",
            [ALL, *(state for state in states if counts[state])],
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
                help="Fills in the form. Trains within a minute, but poorly.",
            )


def _try(folder: Path) -> None:
    draft.take(draft.plain(presets.NAMED[draft.TRIAL]), draft.TRIAL)
    films.choose(folder)


def _show_table(runs: Runs) -> None:
    number, words = st.column_config.NumberColumn, st.column_config.TextColumn
    jobs.table(
        "runs",
        columns(runs),
        [run.name for run in runs],
        selection.open_run,
        alt="All runs with their state, recipe, films and best validation figures; click a row to open the run",
        config={
            "State": jobs.state_tags({run.state_words: jobs.TAGS[run.state] for run in runs}, width=130),
            "Run": words(width=230),
            "Epochs": words(width=90, help="Epochs learned, of those planned"),
            "Best loss": number(format="%.3f", width=80, help="Lowest validation loss"),
            "Best accuracy": number(format="%.1f%%", width=105, help="Validation accuracy of the same epoch"),
            "95% interval": words(width=130, help="Of the best accuracy, and on how many validation films it is"),
            "Device": words(width=150),
            "Training time": words(width=100, help="Excluding queue and compilation"),
            "Started": words(width=130),
        },
    )
