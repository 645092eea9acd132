"""Prediction sets of a model: limits from its validation films, checked on its test films and on films from elsewhere.

Reads cards and evaluation files; opens no network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xraykit.evaluation import evaluation, stats
from xraykit.evaluation.decisions import conformal
from xraykit.evaluation.decisions.conformal import Coverage, Rule, Sets, SetsRefused
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure
from xraykit.models import classifier
from xraykit.models.cards import amend
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card

CHECK = "conformal"  # in a card's checks
HOME = "home"  # the model's own test split
SHOWN = 0.9  # level of the sets beside a probability
COMMAND = "python -m xraykit models sets"


@dataclass(frozen=True)
class Place:
    """What sets did on some films: at "home", or on those of the card's `elsewhere` of this name."""

    name: str
    file: str
    coverage: Coverage


@dataclass(frozen=True)
class Checked:
    """Sets with the places they were checked on, home first; `n` validation films gave the limits."""

    sets: Sets
    n: int
    places: tuple[Place, ...]

    def verdict(self, place: Place, label: str | None = None) -> conformal.Verdict:
        """Is the promise kept in a place, on average or on the films of a class?"""
        if label is None:
            return conformal.verdict(place.coverage.covered, self.sets.level, self.n)
        calibrated = self.n if self.sets.rule is Rule.OVERALL else self.sets.support[label]
        return conformal.verdict(place.coverage.classes[label], self.sets.level, calibrated)


def measure(readings: Mapping[str, Evaluation], elsewhere: Mapping[str, tuple[str, Evaluation]]) -> dict[str, Any]:
    """What a card keeps under `checks.conformal`; see `_Conformal` in models/cards/fields.

    Parameters
    ----------
    readings : {"validation": Evaluation, "test": Evaluation}
    elsewhere : name -> its file in the model's folder and its evaluation, in the model's classes.
    """
    validation = readings["validation"]
    places = {HOME: (evaluation.FILES["test"], readings["test"]), **elsewhere}
    levels = []
    for level in conformal.LEVELS:
        for rule in (Rule.PER_CLASS, Rule.OVERALL):
            sets = conformal.calibrate(validation, level, rule)
            checks = [
                {"name": name, "file": file, **_coverage(conformal.check(sets, films))}
                for name, (file, films) in places.items()
            ]
            levels.append({"level": level, "rule": str(rule), "least": dict(sets.least), "places": checks})
    return {"n": len(validation.films), "support": dict(sets.support), "sets": levels}


def attach(name_or_folder: str | Path) -> Card:
    """Measure a kept model's prediction sets, from the evaluations in its folder, into its card; returns the new card.

    Raises
    ------
    SetsRefused
        If the model has no validation or test readings.
    ModelRefused, EvaluationRefused
        If its files cannot be read, or are not those its card names.
    """
    folder = classifier.find(name_or_folder)
    card = cards.read(folder)
    cards.verify(card, folder)
    missing = [file for file in evaluation.FILES.values() if file not in card.files]
    if missing:
        raise SetsRefused(
            f"{card.name} has no {' and no '.join(missing)}: prediction sets need its readings of validation and test "
            "films. Save the model from its run again; an imported model has none."
        )
    readings = {part: evaluation.load(folder / file) for part, file in evaluation.FILES.items()}
    for films in readings.values():
        if films.classes != card.classes:
            raise SetsRefused(f"Expected readings of {', '.join(card.classes)}; got {', '.join(films.classes)}.")
    elsewhere = {place["name"]: (place["file"], evaluation.load(folder / place["file"])) for place in card.elsewhere}
    checked = measure(readings, elsewhere)
    return amend.amend(folder, lambda now: dataclasses.replace(now, checks={**now.checks, CHECK: checked}))


def renewed(folder: Path, card: Card) -> Card:
    """A card whose films from elsewhere have changed, with its prediction sets, if it has any, checked on them."""
    return attach(folder) if card.checks.get(CHECK) else card


def of_card(card: Card) -> tuple[Checked, ...]:
    """The sets of a card: 90 and 95 %, each with limits per class and with one limit; nothing where it has none.

    Sets of other classes than the card's are left out, and places that the card no longer has.
    """
    held = card.checks.get(CHECK) or {}
    support = held.get("support") or {}
    files = {evaluation.FILES["test"], *(place["file"] for place in card.elsewhere)}
    checked = []
    for entry in held.get("sets") or ():
        least = {label: entry["least"][label] for label in card.classes if label in entry["least"]}
        if len(least) < len(card.classes) or set(support) != set(card.classes):
            continue
        places = tuple(
            Place(place["name"], place["file"], _read(place, entry["level"], card.classes))
            for place in entry["places"]
            if place["file"] in files
        )
        checked.append(Checked(Sets(entry["level"], Rule(entry["rule"]), least, support), held["n"], places))
    return tuple(checked)


def shown(card: Card) -> Checked | None:
    """The sets that stand beside a probability: 90 %, with a limit for each class; None where there are none."""
    fitting = (each for each in of_card(card) if each.sets.level == SHOWN and each.sets.rule is Rule.PER_CLASS)
    return next(fitting, None)


def beside(card: Card) -> dict[str, Any] | None:
    """What a page needs to write a film's set and how far to trust it; None where the card has no sets.

    {"level", "least": {class: probability from which it is in the set}, "places": [{"name", "n", "covered": [value,
    low, high], "verdict"}]}; of places, home comes first.
    """
    checked = shown(card)
    if checked is None:
        return None
    places = [
        {
            "name": place.name,
            "n": place.coverage.n,
            "covered": [place.coverage.covered.value, place.coverage.covered.low, place.coverage.covered.high],
            "verdict": checked.verdict(place),
        }
        for place in checked.places
    ]
    return {"level": checked.sets.level, "least": dict(checked.sets.least), "places": places}


def unchecked(card: Card) -> tuple[str, ...]:
    """The card's places elsewhere on which its sets were not checked yet."""
    checked = shown(card)
    files = {place.file for place in checked.places} if checked else set()
    return tuple(place["name"] for place in card.elsewhere if place["file"] not in files)


def _coverage(coverage: Coverage) -> dict[str, Any]:
    data = stats.plain(coverage)
    del data["level"]
    return data


def _read(place: Mapping[str, Any], level: float, classes: tuple[str, ...]) -> Coverage:
    by_class = {label: Figure.from_dict(place["classes"].get(label)) for label in classes}
    counts = (place["empty"], place["whole"])
    return Coverage(level, place["n"], Figure.from_dict(place["covered"]), by_class, place["size"], *counts)
