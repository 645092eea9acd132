"""What the Compare page shows, kept by digest for all sessions: models, their comparison, its figures and sections."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from xraykit.evaluation import alignment, comparison, evaluation
from xraykit.evaluation.decisions import operating_point
from xraykit.films.refusal import Refusal
from xraykit.models import classifier, kept
from xraykit.refused import Refused, words_of
from xraykit.reports.comparison import changes, page, seeds
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material, Target, titled
from xraykit.reports.report.page import Section
from xraykit.system.folders import models_folder
from xraykit.truth import elsewhere
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.text import say


def models() -> tuple[dict[str, kept.Kept], list[Refusal]]:
    """Saved models that carry a test evaluation, by name, and why others cannot be compared."""
    cards, refusals = classifier.available()
    usable = {}
    for card in cards:
        try:
            usable[card.name] = _load(card.name, str(models_folder()), card.to_json())
        except (Refused, OSError) as error:
            refusals.append(Refusal(card.name, "no-evaluation", words_of(error)))
    return usable, refusals


def evaluations(chosen: Sequence[kept.Kept], others: Sequence[evaluation.Evaluation]) -> list[evaluation.Evaluation]:
    """Of each model that of `others`, else its own test, under the model's title."""
    by_model = {other.model: other for other in others}
    return titled(chosen, [by_model.get(model.card.name, model.test) for model in chosen])


def from_elsewhere(chosen: Sequence[kept.Kept], place: str) -> list[evaluation.Evaluation]:
    """What the models gave on films of another source that none knows; nothing at home.

    What cannot be read is said, and their own films take its place.
    """
    try:
        folders = [classifier.find(model.card.name) for model in chosen] if place != elsewhere.HOME else []
        pairs = zip(chosen, folders, strict=False)
        return elsewhere.shared([elsewhere.load(model.card, folder, place) for model, folder in pairs])
    except Refused as error:
        say(f"The figures on {place} cannot be compared. {error.words}")
        return []


def compare(
    chosen: Sequence[kept.Kept],
    margin: float | None,
    others: Sequence[evaluation.Evaluation] = (),
    shared: bool = False,
) -> Material:
    """Compare saved models on their test films, or on the films of `others`, one evaluation a model.

    `shared`: on the films alone that all of them were tested on.

    Raises
    ------
    comparison.ComparisonRefused
        If they are not of the same films, classes or reference standard.
    """
    given = evaluations(chosen, others)
    tested = alignment.choose_shared(given) if shared else given
    digest = hashlib.sha256("|".join(map(_digest, tested)).encode()).hexdigest()
    cards = hashlib.sha256("|".join(model.card.to_json() for model in chosen).encode()).hexdigest()
    recipes = seeds.families(chosen, list(models()[0].values()))
    names = "|".join(kept.card.name for members in recipes for kept in members)
    compared = _compare(digest, margin, tested)
    return Material(tuple(chosen), compared, f"{digest}{margin}{cards}{names}", recipes)


def named(material: Material, places: Sequence[int]) -> list[evaluation.Evaluation]:
    """The evaluations of the models at these places, under their folders' names."""
    pairs = zip(material.kept, material.comparison.evaluations, strict=True)
    every = [replace(test, model=model.card.name) for model, test in pairs]
    return [every[place] for place in places]


def apply_points(material: Material, choice: Choice) -> dict[str, operating_point.Applied | str]:
    """Each model at its operating point, or the words why it has none; empty where none is asked for."""
    if choice.target == Target.HIGHEST:
        return {}
    return _apply(material.digest, choice.point, material, choice)


def films(material: Material, applied: Applied, chosen: Chosen) -> np.ndarray:
    """Indices of the films of a cell or of a pair's change, (n,) int64 ascending."""
    if chosen.kind == "cell":
        model, reference, label = chosen.places
        test = material.comparison.evaluations[model]
        point = applied.get(test.model)
        predicted = point.predicted if isinstance(point, operating_point.Applied) else test.predicted
        return np.flatnonzero((test.truth == reference) & (predicted == label))
    if chosen.kind == "changed":
        first, second, *place = chosen.places
        cells = changes.of_pair(material, applied, (first, second))
        cell = cells[place[0] * len(material.classes) + place[1]]
        return np.sort(np.array([*cell.entered, *cell.left], np.int64))
    pair = material.comparison.pair(*(material.models[place] for place in chosen.places))
    lists = {"fixes": pair.fixes, "breaks": pair.breaks, "wrong": pair.both_wrong}
    return np.array(lists[chosen.kind], np.int64)


def sections(material: Material, choice: Choice, applied: Applied, chosen: Chosen | None) -> dict[str, Section]:
    """Every section by key, those that there are.

    Each is kept by what it depends on, so that moving a slider makes no other section anew.
    """
    report_view.before_charts()
    metrics = _metrics(material.digest, choice.method, material)
    makers = page.makers(material, choice, applied, chosen, metrics)
    kept_sections = {key[0]: _keep(material.digest, key, make) for key, make in makers.items()}
    return {key: section for key, section in kept_sections.items() if section is not None}


@st.cache_resource(max_entries=16, show_spinner=False)
def _load(name: str, root: str, card: str) -> kept.Kept:
    return kept.load_kept(name)


@st.cache_resource(max_entries=32, show_spinner=False)
def _metrics(digest: str, method: str, _material: Material) -> dict[str, dict]:
    return {test.model: test.metrics(method) for test in _material.comparison.evaluations}


@st.cache_resource(max_entries=512, show_spinner=False)
def _keep(digest: str, key: tuple, _make: Callable[[], Section | None]) -> Section | None:
    return _make()


def _digest(test: evaluation.Evaluation) -> str:
    """sha256 of what the figures rest on."""
    parts = (test.model, test.test_digest, repr(test.temperature), test.data, *map(str, test.groups))
    return hashlib.sha256("|".join(parts).encode() + test.logits.tobytes() + test.truth.tobytes()).hexdigest()


@st.cache_resource(max_entries=16, show_spinner=False)
def _compare(digest: str, margin: float | None, _evaluations: Sequence[evaluation.Evaluation]) -> comparison.Comparison:
    return comparison.compare(_evaluations, margin=margin)


@st.cache_resource(max_entries=64, show_spinner=False)
def _apply(digest: str, point: tuple, _material: Material, _choice: Choice) -> dict[str, operating_point.Applied | str]:
    applied: dict[str, operating_point.Applied | str] = {}
    for model, test in zip(_material.kept, _material.comparison.evaluations, strict=True):
        sha256 = model.card.files["model.keras"]
        try:
            own = replace(test, model=model.card.name)  # a point belongs to a folder's network
            applied[test.model] = operating_point.apply(_point(model, _choice, sha256), own, sha256)
        except operating_point.OperatingRefused as error:
            applied[test.model] = str(error)
    return applied


def _point(model: kept.Kept, choice: Choice, sha256: str) -> operating_point.OperatingPoint:
    if choice.target == Target.MANUAL:
        return operating_point.by_hand(model.card.name, choice.label, choice.wanted, sha256)
    if choice.target == Target.SAVED:
        return _saved_point(model.card.name, choice.saved)
    if model.validation is None:
        raise operating_point.OperatingRefused(
            f"{model.card.title} has no validation readings to choose a threshold on. Save the model from its run "
            "again, or set a threshold by hand."
        )
    aim = "sensitivity" if choice.target == Target.SENSITIVITY else "specificity"
    return operating_point.choose(model.validation, choice.label, sha256=sha256, **{aim: choice.wanted})


def _saved_point(model: str, text: str) -> operating_point.OperatingPoint:
    """The point a saved page has for a model; whether it is this network's, `operating_point.apply` decides."""
    if not text:
        raise operating_point.OperatingRefused(
            f"No saved point for {model} yet: upload a page that was downloaded as JSON."
        )
    try:
        point = json.loads(text)["operating_points"][model]["point"]
    except (ValueError, KeyError, TypeError):
        raise operating_point.OperatingRefused(
            f"The file has no operating point for {model}. Download the page as JSON while an operating point is "
            "selected."
        ) from None
    return operating_point.OperatingPoint.from_json(json.dumps(point))
