"""What a folder of films holds and how an evaluation on it went, drawn as words and tables. Starts nothing."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from xraykit.datasets import layout
from xraykit.datasets.reading import groups
from xraykit.datasets.reading.groups import GroupKind
from xraykit.evaluation.evaluation import Evaluation, met
from xraykit.films.refusal import Refusal
from xraykit.models import classifier
from xraykit.models.cards.card import Card
from xraykit.refused import Refused, words_of
from xraykit.system import files
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import JobState
from xraykit.truth.seen import own_films
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import refusal_row, say

FEW = 5  # a list as short as this is open
NOTHING_ODD = "No refused films, no duplicate files, every film has a class."
NOT_REMEMBERED = "Others may be among its training films, which it does not remember (models remember)."
UNREADABLE = "The result of the check cannot be read. Check the folder again."
ENDS = {State.STOPPED: "Stopped", State.FAILED: "Failed", State.LOST: "Ended unexpectedly"}
MOST_ROWS = 200  # films named in one list; predictions.csv and films.json name all


def show_head(title: str, facts: str) -> None:
    """What is being looked at, and a few words about it."""
    title, facts = map(html.escape, map(files.shown, (title, facts)))
    st.html(f"<div class='xk-pane-head'><h2>{title}</h2><p>{facts}</p></div>")


def show_progress(state: JobState) -> None:
    """A bar with films done, films refused so far and the time that is left; the refused ones by name."""
    known = state.state is not State.QUEUED and state.films
    jobs.show_progress(state, "Reading" if known else "Starting")
    _show_refused_films("Refused so far", state)


def show_folder(contents: dict[str, Any]) -> None:
    """Films per class, and every refused, duplicate and unlabelled film by name."""
    if not contents:
        say(UNREADABLE)
        return
    counts = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{n}</td></tr>" for name, n in contents["classes"].items()
    )
    left, right = st.columns([2, 3], gap="large")
    left.html(
        f"<div class='xk-found'><table><thead><tr><th scope='col'>Class</th><th scope='col'>Films</th></tr></thead>"
        f"<tbody>{counts}</tbody></table>{_facts(contents)}</div>"
        f"<p class='xk-said'>Groups by {html.escape(groups.read_rule(contents['group_rule']).words)}.</p>"
    )
    right.html(_oddities(contents) or f"<p class='xk-said'>{NOTHING_ODD}</p>")
    if words := given_words(contents):
        left.html(f"<p class='xk-said'>{html.escape(words)} All its films are read here.</p>")


def given_words(contents: dict[str, Any]) -> str:
    """The division that the folder or manifest itself makes, in a sentence; empty where it makes none."""
    if not (given := contents.get("given")):
        return ""
    parts = ", ".join(f"{part} {sum(counts.values()):,}" for part, counts in given["counts"].items())
    without = f", {given['without_part']:,} without a part" if given["without_part"] else ""
    return f"The folder is divided already: {parts} films{without}."


def show_facts(contents: dict[str, Any]) -> None:
    """How many films, groups and oddities a folder has, and how its groups were found."""
    rule = groups.read_rule(contents["group_rule"])
    known = rule.kind is GroupKind.PATIENTS
    words = (
        "A group is one patient's films or near-identical images; groups are never split between training, validation "
        f"and test. Patient IDs are {'those of the manifest' if known else 'not known'}."
    )
    words = f"<p class='xk-said' title='{html.escape(rule.words, quote=True)}'>{words}</p>"
    st.html(f"<div class='xk-found xk-narrow'>{_facts(contents)}</div>{words}")


def show_oddities(contents: dict[str, Any]) -> None:
    """Every refused, duplicate and unlabelled film by name, and groups of several classes."""
    st.html(_oddities(contents) or f"<p class='xk-said'>{NOTHING_ODD}</p>")


def _facts(contents: dict[str, Any]) -> str:
    sets = contents["duplicates"]
    facts = (
        ("Readable films", contents["films"]),
        ("Refused", len(contents["refused"])),
        ("Identical files", f"{sum(map(len, sets))} in {len(sets)} set{'s' * (len(sets) != 1)}" if sets else 0),
        ("No class, left out", len(contents["unlabelled"])),
        ("Groups", contents["groups"]),
    )
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(str(value))}</dd></div>" for name, value in facts)
    return f"<dl>{rows}</dl>"


def _oddities(contents: dict[str, Any]) -> str:
    refused, unlabelled = contents["refused"], contents["unlabelled"]
    sets, mixed = contents["duplicates"], contents["groups_with_several_classes"]
    crossing = contents.get("given", {}).get("crossing_groups", ())
    remarks = layout.read_remarks(contents.get("remarks", ()))
    reasons, notes = contents.get("refusals", ()), contents.get("notes", ())
    warnings, facts = ([note for note in notes if note["warning"] is warning] for warning in (True, False))
    return (
        _list("How the folder was read", (html.escape(remark.text) for remark in remarks), len(remarks))
        + _list("Warnings on films, which are in all figures", map(_note, warnings), len(warnings))
        + _list("What was noticed in films", map(_note, facts), len(facts))
        + (_list("Why films were refused", map(_reason, reasons), len(reasons)) if len(refused) > FEW else "")
        + _list("Refused films, excluded from all figures", map(_refused_row, refused), len(refused), True)
        + _list("Identical files, each counted as one film", map(_identical, sets), len(sets))
        + _list("One picture or patient in several of the folder's parts", map(_identical, crossing), len(crossing))
        + _list("One picture or patient in several classes", map(_identical, mixed), len(mixed))
        + _list("Films without a class, left out", map(html.escape, unlabelled), len(unlabelled))
    )


def _note(note: dict[str, Any]) -> str:
    films = layout.counted(note["films"], "film")
    return f"{films}, such as {html.escape(note['example'])}: {html.escape(note['words'])}"


def _reason(reason: dict[str, Any]) -> str:
    films, code = layout.counted(reason["count"], "film"), html.escape(reason["code"])
    return f"{films} <code>{code}</code>, such as {html.escape(reason['example'])}: {html.escape(reason['words'])}"


def show_familiar(contents: dict[str, Any], cards: Iterable[Card]) -> None:
    """A word where models have met these films before: their figures would flatter them."""
    hashes, pictures = contents.get("sha256", ()), _pictures(contents)
    for card in cards:
        if contents.get("digest") == card.data.get("digest"):
            say(
                f"Trained on this very folder: {card.title}. Most of its films were in the training split, so the "
                "figures here will be better than on films the model has not seen."
            )
            continue
        try:
            own = own_films.read(classifier.find(card.name))
        except (Refused, OSError) as error:
            say(f"Whether {card.title} has met these films is not known. {words_of(error)}")
            continue
        if words := met(card.title, own.parts_of(hashes, pictures)):
            say(words if own.remembered else f"{words} {NOT_REMEMBERED}")


def _pictures(contents: dict[str, Any]) -> np.ndarray:
    """(N, 2, 4) uint64 as `Dataset.pictures`; (0, 2, 4) where the job did not write them."""
    return np.frombuffer(bytes.fromhex("".join(contents.get("pictures", ()))), np.uint64).reshape(-1, 2, 4)


def show_results(results: Sequence[tuple[Evaluation | None, Path]], titles: Mapping[str, str]) -> None:
    """Each model's accuracy with its interval, after an evaluation has finished; models by their titles."""
    rows = ""
    for evaluation, path in results:
        if evaluation is None:
            say(f"{path.name} cannot be read. Evaluate again.")
            continue
        title = titles.get(evaluation.model, evaluation.model)
        if warning := met(title, evaluation.known):
            say(warning)
        figure = evaluation.metrics()["accuracy"]
        rows += (
            f"<tr><th scope='row'>{html.escape(title)}</th><td>{figure.value_text()}</td>"
            f"<td>{figure.interval_text()}</td><td>{figure.n}</td></tr>"
        )
    if rows:
        st.html(
            "<div class='xk-found xk-figures'><table><thead><tr><th scope='col'>Model</th><th scope='col'>Accuracy</th>"
            f"<th scope='col'>95% interval</th><th scope='col'>n</th></tr></thead><tbody>{rows}</tbody></table></div>"
        )


def show_end(state: JobState) -> None:
    """How a job ended that did not finish, in its own words."""
    say(f"{ENDS.get(state.state, 'Ended')}. {state.message}")
    _show_refused_films("Refused before it ended", state)


def _show_refused_films(title: str, state: JobState) -> None:
    if state.refused:
        st.html(_list(title, map(_refused_row, state.refused_films), state.refused, True))


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


def _refused_row(refusal: dict[str, Any]) -> str:
    return refusal_row(Refusal(*(str(refusal.get(key, "")) for key in ("source", "code", "words"))))


def _identical(names: Sequence[str]) -> str:
    return " = ".join(map(html.escape, names))
