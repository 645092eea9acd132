"""All studies as a table, newest first: a click on a row opens the study."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from xraykit.system import text
from xraykit.ui.experiments import selection, snapshot
from xraykit.ui.experiments.snapshot import StudySnapshot
from xraykit.ui.kit import jobs

EMPTY = "No studies yet. Choose a question above and press Start; the study will be listed here."
EXAMPLE = (
    "A study runs many trainings to answer one question: which head, which rate, how much of a network to train. The "
    "example tries two heads at two rates in two folds, on synthetic films that are drawn here: about two minutes, "
    "nothing to set up. It learns little."
)
Studies = Sequence[StudySnapshot]


def show() -> None:
    """The heading and the table; while a study is busy, again every few seconds."""
    studies = snapshot.take_all()
    if _any_busy(studies):
        jobs.watch(snapshot.take_all, _any_busy, _draw, every=3)
    else:
        _draw(studies)


def show_example(begin: Callable[[], None]) -> None:
    """The shortest way to see a study, while there is none."""
    if snapshot.take_all():
        return
    with st.container(horizontal=True, key="study-example", vertical_alignment="center", gap="medium"):
        st.html(f"<p class='xk-said' role='status'>{html.escape(EXAMPLE)}</p>", width="stretch")
        st.button("See a study from start to end", key="try-study", type="primary", on_click=begin)


def columns(studies: Studies) -> dict[str, list[Any]]:
    """The table's columns."""
    states = [study.state for study in studies]
    return {
        "Study": [study.name for study in studies],
        "State": [[study.state_words] for study in studies],
        "Runs": [f"{state.done:,} of {state.runs:,}" if state else "" for state in states],
        "Failed": [state.failed if state else 0 for state in states],
        "Time left": [_left(study) for study in studies],
        "Time taken": [text.duration(state.seconds) if state and state.seconds else "" for state in states],
        "Films": [study.films for study in studies],
        "Question": [study.study.words if study.study else "" for study in studies],
        "Created": [text.clock(state.created) if state and state.created else "" for state in states],
    }


def _left(study: StudySnapshot) -> str:
    state = study.state
    return text.duration(state.eta) if study.busy and state and state.eta is not None else ""


def _any_busy(studies: Studies) -> bool:
    return any(study.busy for study in studies)


def _draw(studies: Studies) -> None:
    st.html(f"<div class='xk-block'><h2>All studies<span>{len(studies)}</span></h2></div>")
    if not studies:
        st.html(f"<p class='xk-said' role='status'>{html.escape(EMPTY)}</p>")
        return
    _show_table(studies)


def _show_table(studies: Studies) -> None:
    number, words = st.column_config.NumberColumn, st.column_config.TextColumn
    tags = {study.state_words: jobs.TAGS[study.standing if study.study else None] for study in studies}
    jobs.table(
        "studies",
        columns(studies),
        [study.name for study in studies],
        selection.open_study,
        alt="All studies with their state, runs and time left; click a row to open the study",
        config={
            "State": jobs.state_tags(tags, width=110),
            "Study": words(width=230),
            "Runs": words(width=95),
            "Failed": number(width=65),
            "Time left": words(width=90),
            "Time taken": words(width=95),
            "Films": words(width=170),
            "Created": words(width=120),
        },
    )
