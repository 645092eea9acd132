"""The run being set up: films, recipe, device and name, as plain data that outlives widgets, reruns and other pages.

A widget's state is gone when another page is opened; what is here stays for the session.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import re
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from xraykit.datasets.split import SplitPlan
from xraykit.models import classifier
from xraykit.models.cards.card import Card, titles_of
from xraykit.system import devices
from xraykit.training.recipe import fields, recipe, rules, sentences
from xraykit.training.recipe.presets import NAMED
from xraykit.ui.fine_tune import snapshot

KEY = "fine-tune-draft"
FIRST = "strong-imagenet"  # linear probing, then fine-tuning: what suits most who come to fine-tune
TRIAL = "tiny"
IMPORTED, DUPLICATE = "imported", "run:"  # presets beside the named ones and "model:NAME"
MOST_LETTERS = 60  # of a recipe's name in that of a run
BACKBONE_FIELDS = ("backbone", "alpha", "pooling")  # what a saved model must have as the recipe has it
FIRST_PARTS = {"phases": {"epochs": 5, "learning_rate": 0.001}, "hidden": {"width": 64}}
Plain = dict[str, Any]  # a recipe as JSON has it, faults and all


@dataclass(frozen=True)
class Estimate:
    """A job that estimates time and memory, and for which recipe and folder of films it does."""

    path: str
    recipe: Plain
    folder: str


@dataclass
class Draft:
    """What is chosen so far.

    Attributes
    ----------
    folder : str
        Of the films, as `files.shown` writes it; empty before one is chosen.
    source : str or None
        How the folder is being chosen: which of the first step's three ways is open.
    inspection : str or None
        The folder of the job that looks at the films.
    inspected : (str, SplitPlan) or None
        What that job looked at: the folder and how it is to be divided.
    preset : str
        Where the recipe came from: a named one, "model:NAME", "run:NAME" or "imported".
    recipe : dict
        The recipe as it is now.
    turn : int
        Counts whole changes of the recipe: part of every widget's key, so that widgets show its values.
    device : str
        A device's key, or "auto".
    name : str
        The run's name as typed; empty for one made of the time and the recipe.
    stamp : str
        The time at which the draft began.
    estimate : Estimate or None
        The last estimate asked for.
    """

    recipe: Plain
    preset: str = FIRST
    folder: str = ""
    source: str | None = None
    inspection: str | None = None
    inspected: tuple[str, SplitPlan] | None = None
    turn: int = 0
    device: str = devices.AUTO
    name: str = ""
    stamp: str = field(default_factory=lambda: f"{datetime.datetime.now():%Y%m%d-%H%M%S}")
    estimate: Estimate | None = None


def current() -> Draft:
    """The draft of this session."""
    if KEY not in st.session_state:
        st.session_state[KEY] = Draft(plain(NAMED[FIRST]))
    return st.session_state[KEY]


def plain(chosen: recipe.Recipe) -> Plain:
    """A recipe as JSON has it."""
    return json.loads(chosen.to_json())


def begin_next() -> None:
    """After a start: the next run has another name."""
    fresh = Draft({})
    draft = current()
    draft.name, draft.stamp, draft.estimate = fresh.name, fresh.stamp, fresh.estimate


def run_name() -> str:
    """The run's name: as given, with "-" for spaces; else the time at which the draft began and the recipe."""
    draft = current()
    about = re.sub(r"[^A-Za-z0-9._-]+", "-", str(get("name"))).strip("-.")[:MOST_LETTERS]
    return re.sub(r"\s+", "-", draft.name.strip()) or f"{draft.stamp}-{about or 'run'}"


# One field of the recipe


def key(path: str) -> str:
    """The widget key of a field; another one once the whole recipe is another, so that widgets show its values."""
    return f"recipe-{current().turn}-{path}"


def get(path: str) -> Any:
    """The value at a path of `rules.faults`; its default where the recipe does not hold it."""
    place: Any = current().recipe
    try:
        for part in _keys(path):
            place = place[part]
    except (LookupError, TypeError):
        return fields.at(path).default
    return place


def put(path: str, value: Any) -> None:
    """Change one field."""
    *way, last = _keys(path)
    place: Any = current().recipe
    for part in way:
        place = place[part] if isinstance(part, int) else place.setdefault(part, {})
    place[last] = value


def add(kind: str) -> None:
    """Another phase or hidden layer like the last one; a callback."""
    parts = current().recipe.setdefault(kind, [])
    parts.append(copy.deepcopy(parts[-1] if parts else FIRST_PARTS[kind]))
    current().turn += 1


def remove(kind: str, number: int) -> None:
    """Take a phase or hidden layer away; a callback."""
    parts = current().recipe.get(kind, [])
    if number < len(parts):
        del parts[number]
    current().turn += 1


def _keys(path: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in path.split(".")]


# The whole recipe


def take(data: Plain, preset: str) -> None:
    """Replace the whole recipe: a preset, an imported one, that of another run. One with faults is taken as it is."""
    draft = current()
    draft.recipe = copy.deepcopy(data) if rules.faults(data) else plain(recipe.from_dict(data))
    draft.preset = preset
    draft.turn += 1


def built() -> recipe.Recipe | None:
    """The recipe; None while it has faults."""
    return None if faults() else recipe.from_dict(current().recipe)


def faults() -> dict[str, str]:
    """What to do about every fault of the recipe, by the path of its field; also what only the models can tell."""
    advice = {path: fault.advice for path, fault in rules.faults(current().recipe).items()}
    weights = get("weights")
    if "weights" not in advice and isinstance(weights, str) and weights.startswith(rules.MODEL):
        if misfit := _misfit(weights.removeprefix(rules.MODEL)):
            advice["weights"] = misfit
    return advice


def _misfit(name: str) -> str:
    """Why the recipe cannot start from a saved model, as `network.build` would find once the run has begun."""
    saved = {card.name: card for card in cards()}
    if name not in saved:
        names = f"Saved models: {', '.join(sorted(saved))}." if saved else "No model is saved yet."
        return f"No model named {name}. {names}"
    theirs = saved[name].recipe
    if words := rules.no_start(name, theirs):
        return words
    paths = [path for path in BACKBONE_FIELDS if theirs.get(path, get(path)) != get(path)]
    if not paths:
        return ""
    has = ", ".join(f"{sentences.field_label(path)} {sentences.field_value(path, theirs[path])}" for path in paths)
    wants = ", ".join(f"{sentences.field_label(path)} {sentences.field_value(path, get(path))}" for path in paths)
    return f"{name} has {has}; this recipe has {wants}. Change the recipe to match, or choose another start."


def differences() -> list[str]:
    """How the recipe differs from its preset, in words; empty where it does not, or came from a file."""
    preset = preset_recipe(current().preset)
    return [] if preset is None else sentences.differences(preset, current().recipe)


# Presets


def presets() -> dict[str, str]:
    """What each preset is called, by its key."""
    titles = {name: name for name in NAMED}
    saved = [card for card in cards() if card_recipe(card)]
    titles |= {rules.MODEL + name: f"Recipe of {title}" for name, title in titles_of(saved).items()}
    chosen = current().preset
    if chosen.startswith(DUPLICATE):
        titles[chosen] = f"Recipe of the run {chosen.removeprefix(DUPLICATE)}"
    titles.setdefault(chosen, "Imported file" if chosen == IMPORTED else chosen)
    return titles


def preset_recipe(preset: str) -> Plain | None:
    """A preset's own recipe; None for an imported one, or one that is not here any more."""
    if preset in NAMED:
        return plain(NAMED[preset])
    if preset.startswith(DUPLICATE):
        run = snapshot.find(preset.removeprefix(DUPLICATE))
        return run.recipe if run and not rules.faults(run.recipe) else None
    return next((card_recipe(card) for card in cards() if rules.MODEL + card.name == preset), None)


def card_recipe(card: Card) -> Plain | None:
    """The recipe a saved model was trained by; None where its card holds none that can be run."""
    known = {known.name for known in dataclasses.fields(recipe.Recipe)}
    data = json.loads(json.dumps({name: value for name, value in card.recipe.items() if name in known}))
    return None if rules.faults(data) else data


def cards() -> list[Card]:
    """The cards of the saved models that can be loaded."""
    return classifier.available()[0]
