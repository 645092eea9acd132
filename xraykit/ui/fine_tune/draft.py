"""The run being set up: films, recipe, device and name, as plain data that outlives widgets, reruns and other pages.

A widget's state is gone when another page is opened; what is here stays for the session.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from xraykit.models import classifier
from xraykit.models.card import Card
from xraykit.training.recipe import fields, recipe, rules
from xraykit.training.recipe import presets as presetss
from xraykit.ui.fine_tune import snapshot

KEY = "fine-tune-draft"
FIRST = "strong-imagenet"  # linear probing, then fine-tuning: what suits most who come to fine-tune
TRIAL = "tiny"
OF_MODEL, IMPORTED, DUPLICATE = "model:", "imported", "run:"
MOST_LETTERS = 60  # of a recipe's name in that of a run
OF_BACKBONE = ("backbone", "alpha", "pooling")  # what a kept model must have as the recipe has it
Plain = dict[str, Any]


def current() -> Plain:
    """The draft: "folder", "preset", "recipe" (plain data, faults and all), "device", "name", "stamp", "turn"."""
    if KEY not in st.session_state:
        st.session_state[KEY] = {
            "folder": "",
            "source": None,
            "work": None,
            "preset": FIRST,
            "recipe": plain(presetss.NAMED[FIRST]),
            "device": "auto",
            "name": "",
            "stamp": _stamp(),
            "turn": 0,
            "estimate": None,
        }
    return st.session_state[KEY]


def plain(chosen: recipe.Recipe) -> Plain:
    """A recipe as JSON has it."""
    return json.loads(chosen.to_json())


def key(path: str) -> str:
    """The widget key of a field; another one once the whole recipe is another, so that widgets show its values."""
    return f"recipe-{current()['turn']}-{path}"


def get(path: str) -> Any:
    """The value at a path of `recipe.faults`; its default where the recipe does not hold it."""
    place: Any = current()["recipe"]
    try:
        for part in path.split("."):
            place = place[int(part)] if part.isdigit() else place[part]
    except (LookupError, TypeError):
        return fields.at(path).default
    return place


def put(path: str, value: Any) -> None:
    """Change one field."""
    *way, last = path.split(".")
    place: Any = current()["recipe"]
    for part in way:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    place[int(last) if last.isdigit() else last] = value


def take(data: Plain, preset: str) -> None:
    """Replace the whole recipe: a preset, an imported one, that of another run. One with faults is taken as it is."""
    draft = current()
    whole = copy.deepcopy(data) if rules.faults(data) else plain(recipe.from_dict(data))
    draft.update(recipe=whole, preset=preset, turn=draft["turn"] + 1)


def add(kind: str) -> None:
    """Another phase or hidden layer like the last one; a callback."""
    listed = current()["recipe"].setdefault(kind, [])
    first = {"phases": {"epochs": 5, "learning_rate": 0.001}, "hidden": {"width": 64}}[kind]
    listed.append(copy.deepcopy(listed[-1]) if listed else first)
    current()["turn"] += 1


def remove(kind: str, number: int) -> None:
    """Take a phase or hidden layer away; a callback."""
    listed = current()["recipe"].get(kind, [])
    if number < len(listed):
        del listed[number]
    current()["turn"] += 1


def faults() -> dict[str, str]:
    """Every fault of the recipe, by the path of its field; those that only the films or the models can tell too."""
    found = dict(rules.faults(current()["recipe"]))
    weights = get("weights")
    if "weights" not in found and isinstance(weights, str) and weights.startswith(OF_MODEL):
        if words := _misfit(weights.removeprefix(OF_MODEL)):
            found["weights"] = words
    return found


def _misfit(name: str) -> str:
    """Why the recipe cannot start from a kept model, as `network.build` would find once the run has begun."""
    kept = {card.name: card for card in cards()}
    if name not in kept:
        return f"Expected a kept model ({', '.join(sorted(kept)) or 'there is none'}); got {name!r}."
    theirs = kept[name].recipe
    wrong = [path for path in OF_BACKBONE if theirs.get(path, get(path)) != get(path)]
    if not wrong:
        return ""
    has, wants = (
        ", ".join(f"{_label(path).lower()} {_shown(path, value(path))}" for path in wrong)
        for value in (theirs.get, get)
    )
    return f"{name} has {has}; this recipe has {wants}. Choose the same in the recipe, or another start."


def built() -> recipe.Recipe | None:
    """The recipe; None while it has faults."""
    return None if faults() else recipe.from_dict(current()["recipe"])


def preset_of(name: str) -> Plain | None:
    """A preset's own recipe; None for an imported one."""
    if name in presetss.NAMED:
        return plain(presetss.NAMED[name])
    if name.startswith(DUPLICATE):
        return _of_run(name.removeprefix(DUPLICATE))
    return next((of_card(card) for card in cards() if OF_MODEL + card.name == name), None)


def presets() -> dict[str, str]:
    """Presets by key, each with what it is called."""
    models = {OF_MODEL + card.name: f"recipe of {card.name}" for card in cards() if of_card(card)}
    found = {name: name for name in presetss.NAMED} | models
    chosen = current()["preset"]
    if chosen.startswith(DUPLICATE):
        found[chosen] = f"recipe of the run {chosen.removeprefix(DUPLICATE)}"
    found.setdefault(chosen, "an imported file" if chosen == IMPORTED else chosen)
    return found


def of_card(card: Card) -> Plain | None:
    """The recipe a kept model was trained by; None where its card holds none that can be run."""
    known = {field.name for field in dataclasses.fields(recipe.Recipe)}
    found = json.loads(json.dumps({name: value for name, value in card.recipe.items() if name in known}))
    return None if rules.faults(found) else found


def cards() -> list[Card]:
    """The kept models that can be loaded."""
    return classifier.available()[0]


def differences() -> list[str]:
    """What the recipe has otherwise than its preset, in words."""
    theirs = preset_of(current()["preset"])
    if theirs is None:
        return []
    ours = dict(_flat(_whole(current()["recipe"])))
    before = dict(_flat(_whole(theirs)))
    return [
        f"{_label(path)} {_shown(path, before.get(path))} → {_shown(path, ours.get(path))}"
        for path in {**before, **ours}
        if before.get(path) != ours.get(path)
    ]


def name() -> str:
    """The run's name: as given, else the time at which the draft began and the recipe, in letters a folder may have."""
    draft = current()
    about = re.sub(r"[^A-Za-z0-9._-]+", "-", str(get("name"))).strip("-.")[:MOST_LETTERS]
    return draft["name"].strip() or f"{draft['stamp']}-{about or 'run'}"


def begin_next() -> None:
    """After a start: the next run has another name."""
    current().update(name="", stamp=_stamp(), estimate=None)


def _of_run(name: str) -> Plain | None:
    found = snapshot.find(name)
    return found.recipe if found and not rules.faults(found.recipe) else None


def _whole(data: Mapping[str, Any]) -> Plain:
    """The recipe with every default told, so that a field that is not there differs from none."""
    defaults = {field.name: field.default for field in fields.inside("") if field.kind != "group"}
    inside = {kind: {f.name: f.default for f in fields.inside(kind)} for kind in ("phases", "hidden")}
    whole = {**defaults, **data}
    for kind, of_part in inside.items():
        parts = data.get(kind)
        listed = parts if isinstance(parts, list) else []
        whole[kind] = [{**of_part, **part} for part in listed if isinstance(part, dict)]
    changes = data.get("augmentation")
    whole["augmentation"] = {f.name: f.default for f in fields.inside("augmentation")} | (
        changes if isinstance(changes, dict) else {}
    )
    return whole


def _flat(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        for part, value in data.items():
            yield from _flat(value, f"{path}.{part}" if path else str(part))
    elif isinstance(data, list) and data and isinstance(data[0], dict):
        for number, value in enumerate(data):
            yield from _flat(value, f"{path}.{number}")
    elif not (isinstance(data, list) and not data):
        yield path, data


def _label(path: str) -> str:
    parts = path.split(".")
    where = {"phases": "phase", "hidden": "hidden layer"}.get(parts[0])
    try:
        label = fields.at(path).label
    except KeyError:
        return path
    return f"{where} {int(parts[1]) + 1}: {label.lower()}" if where and len(parts) > 2 else label


def _shown(path: str, value: Any) -> str:
    if value is None:
        return "none"
    if path == "weights" and str(value).startswith(OF_MODEL):
        return f"kept model {str(value).removeprefix(OF_MODEL)}"
    try:
        choices = fields.at(path).choices
    except KeyError:
        return str(value)
    if isinstance(value, str | int | float) and value in choices:
        return choices[value]
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _stamp() -> str:
    return f"{datetime.datetime.now():%Y%m%d-%H%M%S}"
