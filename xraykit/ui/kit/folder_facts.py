"""What a folder of films holds and how an evaluation on it went, drawn as words and tables. Starts nothing."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.datasets import groups
from xraykit.datasets.groups import GroupKind
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import folder_evaluation
from xraykit.models.card import Card
from xraykit.system.job_folder import State
from xraykit.system.jobs import JobState
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import escape_markdown, say

FEW = 5  # a list as short as this is open
NOTHING_ODD = "No film is refused, no file is there twice, every film has a class."
ENDS = {State.STOPPED: "Stopped", State.FAILED: "Failed", State.LOST: "Ended unexpectedly"}
MOST_ROWS = 200  # films named in one list; predictions.csv and films.json name all


def literal(text: str) -> str:
    """Text that Markdown shows as it is."""
    return escape_markdown(text)


def show_head(title: str, facts: str) -> None:
    st.html(f"<div class='xk-pane-head'><h2>{html.escape(title)}</h2><p>{html.escape(facts)}</p></div>")


def show_progress(state: JobState) -> None:
    """A bar with films done, films refused so far and the time that is left; the refused ones by name."""
    known = state.state is not State.QUEUED and state.films
    jobs.show_progress(state, "Reading" if known else "Starting")
    _show_refused_films("Refused so far", state)


def show_folder(found: dict[str, Any]) -> None:
    """Films a class, and every refused, duplicate and unlabelled film by name."""
    if not found:
        say("What was found in the folder cannot be read: look at it again.")
        return
    counts = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{n}</td></tr>" for name, n in found["classes"].items()
    )
    left, right = st.columns([2, 3], gap="large")
    left.html(
        f"<div class='xk-found'><table><thead><tr><th scope='col'>Class</th><th scope='col'>Films</th></tr></thead>"
        f"<tbody>{counts}</tbody></table>{_facts(found)}</div>"
        f"<p class='xk-said'>Groups by {html.escape(groups.read_rule(found['group_rule']).words)}.</p>"
    )
    right.html(_oddities(found) or f"<p class='xk-said'>{NOTHING_ODD}</p>")


def show_facts(found: dict[str, Any]) -> None:
    """How many films, groups and oddities a folder has, and how its groups were found."""
    rule = groups.read_rule(found["group_rule"])
    known = rule.kind is GroupKind.PATIENTS
    words = (
        "A group is one patient's films or near-identical images; groups are never split between training, validation "
        f"and test. Patient IDs are {'those of the manifest' if known else 'not known'}."
    )
    words = f"<p class='xk-said' title='{html.escape(rule.words, quote=True)}'>{words}</p>"
    st.html(f"<div class='xk-found xk-narrow'>{_facts(found)}</div>{words}")


def show_oddities(found: dict[str, Any]) -> None:
    """Every refused, duplicate and unlabelled film by name, and groups of several classes."""
    st.html(_oddities(found) or f"<p class='xk-said'>{NOTHING_ODD}</p>")


def _facts(found: dict[str, Any]) -> str:
    sets = found["duplicates"]
    facts = (
        ("Films that can be read", found["films"]),
        ("Refused", len(found["refused"])),
        ("Identical files", f"{sum(map(len, sets))} in {len(sets)} set{'s' * (len(sets) != 1)}" if sets else 0),
        ("Without a class, left out", len(found["unlabelled"])),
        ("Groups", found["groups"]),
    )
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(str(value))}</dd></div>" for name, value in facts)
    return f"<dl>{rows}</dl>"


def _oddities(found: dict[str, Any]) -> str:
    refused, unlabelled = found["refused"], found["unlabelled"]
    sets, mixed = found["duplicates"], found["groups_with_several_classes"]
    return (
        _list("Refused films, in no figure", map(_refusal, refused), len(refused), True)
        + _list("Identical files, each counted as a film", map(_together, sets), len(sets))
        + _list("One picture or patient in several classes", map(_together, mixed), len(mixed))
        + _list("Films without a class, left out", map(html.escape, unlabelled), len(unlabelled))
    )


def show_misfits(misfits: Sequence[str]) -> None:
    """Why models cannot be evaluated on the folder."""
    for words in misfits:
        say(words)


def show_familiar(found: dict[str, Any], cards: Iterable[Card]) -> None:
    """A word where models have met these films before: their figures would flatter them."""
    cards = list(cards)
    taught = [card.title for card in cards if found.get("digest") == card.data.get("digest")]
    if taught:
        say(
            f"Learned from these very films: {'; '.join(taught)}. Most were in the training split, so the figures here "
            "will be better than on films a model has not seen."
        )
    for card in (card for card in cards if card.title not in taught):
        if known := folder_evaluation.familiar(card.name, found.get("sha256", ())):
            say(
                f"{known} of these films are among the validation and test films of {card.title}; others may be among "
                "its training films. Its figures here may be better than on films it has not seen."
            )


def show_results(results: Sequence[tuple[Evaluation | None, Path]]) -> None:
    """Each model's accuracy with its interval, after an evaluation has finished."""
    rows = ""
    for found, path in results:
        if found is None:
            say(f"{path.name} cannot be read: evaluate again.")
            continue
        figure = found.metrics()["accuracy"]
        rows += (
            f"<tr><th scope='row'>{html.escape(found.model)}</th><td>{figure.value_text()}</td>"
            f"<td>{figure.interval_text()}</td><td>{figure.n}</td></tr>"
        )
    if rows:
        st.html(
            "<div class='xk-found xk-figures'><table><thead><tr><th scope='col'>Model</th><th scope='col'>Accuracy</th>"
            f"<th scope='col'>95% interval</th><th scope='col'>n</th></tr></thead><tbody>{rows}</tbody></table></div>"
        )


def show_end(state: JobState) -> None:
    """How a work ended that did not finish, in its own words."""
    say(f"{ENDS.get(state.state, 'Ended')}. {state.message}")
    _show_refused_films("Refused until then", state)


def _show_refused_films(title: str, state: JobState) -> None:
    if state.refused:
        st.html(_list(title, map(_refusal, state.refused_films), state.refused, True))


def _list(title: str, rows: Iterable[str], n: int, table: bool = False) -> str:
    """A list of names that opens and closes; open where it is short. `rows` are HTML."""
    if not n:
        return ""
    shown = list(rows)[:MOST_ROWS]
    more = f"<p>and {n - len(shown)} more</p>" if n > len(shown) else ""
    body = "".join(shown) if table else "".join(f"<li>{row}</li>" for row in shown)
    tag = "table" if table else "ul"
    return (
        f"<details class='xk-list xk-refused'{' open' * (n <= FEW)}><summary>{html.escape(title)}: {n}</summary>"
        f"<{tag}>{body}</{tag}>{more}</details>"
    )


def _refusal(refusal: dict[str, str]) -> str:
    source, code, words = (html.escape(str(refusal.get(key, ""))) for key in ("source", "code", "words"))
    return f"<tr><td>{source}</td><td><code>{code}</code></td><td>{words}</td></tr>"


def _together(names: Sequence[str]) -> str:
    return " = ".join(map(html.escape, names))
