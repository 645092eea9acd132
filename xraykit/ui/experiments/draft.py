"""The study being set up, as plain data that outlives widgets, reruns and other pages."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import streamlit as st

from xraykit.experiments.published import presets
from xraykit.experiments.study import study as studies
from xraykit.experiments.study.rules import faults as faults_of
from xraykit.experiments.study.rules import put as put_at
from xraykit.experiments.study.rules import recipe_data, value_at
from xraykit.experiments.study.study import Study
from xraykit.system import devices

KEY = "experiments-draft"
FIRST = "tiny"
IMPORTED, COPY = "imported", "study:"  # sources beside the presets
SCALING = ("shrink", "budget", "name", "words")  # fields that a plan is adapted to without planning anew
NAMED_PARTS = ("factors", "classes")
Plain = dict[str, Any]


class Typed(NamedTuple):
    """What stands in a field, and what to do as it is no JSON."""

    text: str
    advice: str


@dataclass
class Draft:
    """What is chosen so far.

    Attributes
    ----------
    data : dict
        The study as JSON has it, faults and all.
    source : str
        Where it came from: a preset, "study:NAME" or "imported".
    folders : list of str
        Of films, as `files.shown` writes them.
    turn : int
        Counts whole changes: part of every widget's key.
    device : str
    name : str
        As typed; the study's own where empty.
    plan : str
        Folder of the job that plans; "" before.
    planned : str
        What it planned, see `question`.
    hours : float or None
        That the study was last cut to.
    texts : dict
        What is typed where it is no JSON yet, by field, and what to do about it.
    drawn : set of str
        Fields on the page so far, in this run of the page.
    """

    data: Plain
    source: str = FIRST
    folders: list[str] = field(default_factory=list)
    turn: int = 0
    device: str = devices.AUTO
    name: str = ""
    plan: str = ""
    planned: str = ""
    hours: float | None = None
    texts: dict[str, Typed] = field(default_factory=dict)
    drawn: set[str] = field(default_factory=set)


def current() -> Draft:
    """The draft of this session."""
    if KEY not in st.session_state:
        st.session_state[KEY] = Draft(plain(presets.NAMED[FIRST]))
    return st.session_state[KEY]


def plain(study: Study) -> Plain:
    """A study as JSON has it."""
    return json.loads(study.to_json())


def take(data: Plain, source: str) -> None:
    """Replace the whole study; one with faults is taken as it is."""
    draft = current()
    draft.data, draft.source = copy.deepcopy(data), source
    draft.turn += 1
    draft.name = draft.plan = draft.planned = ""
    draft.hours = None
    draft.texts.clear()


def key(name: str) -> str:
    """The widget key of a field; another one once the whole study is another."""
    return f"study-{current().turn}-{name}"


def get(path: str, default: Any = None) -> Any:
    """The value at a path of the study; a factor's or class's name is one part, whatever points it holds."""
    kind, dot, inside = path.partition(".")
    try:
        if dot and kind in NAMED_PARTS:
            return current().data[kind][inside]
        return value_at(current().data, path)
    except (LookupError, TypeError, ValueError):
        return default


def put(path: str, value: Any) -> None:
    """Change one field, also one that was not there."""
    data = current().data
    kind, dot, inside = path.partition(".")
    if not dot:
        data[kind] = value
    elif kind in (*NAMED_PARTS, "folds"):
        if not isinstance(data.get(kind), dict):
            data[kind] = {}
        data[kind][inside] = value
    else:
        put_at(data, path, value)


def leave_out(path: str) -> None:
    """Take a field out of the study, or out of its folds: it then has its default, if it has one."""
    chosen, folds = current(), current().data.get("folds")
    chosen.texts.pop(path, None)
    if path in chosen.data:
        del chosen.data[path]
    elif isinstance(folds, dict):
        folds.pop(path.removeprefix("folds."), None)
    chosen.turn += 1


def recipe() -> Any:
    """The base recipe's plain data, where it is named as well."""
    return recipe_data(current().data.get("recipe"))


def faults() -> dict[str, str]:
    """What to do about every fault, by the path of its field; also what is typed and no JSON."""
    advice = dict(_advice(_text()))
    return advice | {path: typed.advice for path, typed in current().texts.items()}


def built() -> Study | None:
    """The study; None while it has faults."""
    return None if faults() else _built(_text())


def _text() -> str:
    return json.dumps(current().data)


# Asked many times in each run of the page, and a study may have thousands of values
@lru_cache(maxsize=16)
def _advice(text: str) -> dict[str, str]:
    return {path: fault.advice for path, fault in faults_of(json.loads(text)).items()}


@lru_cache(maxsize=16)
def _built(text: str) -> Study:
    return studies.from_dict(json.loads(text))


def question() -> str:
    """What a plan depends on: the study but its name and what a plan is adapted to, the films and the device."""
    draft = current()
    data = {name: value for name, value in draft.data.items() if name not in SCALING}
    return json.dumps([data, draft.folders, draft.device], sort_keys=True)
