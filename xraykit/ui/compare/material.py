"""What the Compare page works on, kept by digest for all sessions: records of kept models, and their comparison."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from xraykit.evaluation import comparison, evaluation, operating_point
from xraykit.films.refusal import Refusal
from xraykit.models import classifier
from xraykit.models import kept as records
from xraykit.refused import Refused
from xraykit.reports import comparison_report
from xraykit.reports.comparison_report import Material
from xraykit.system.folders import models_folder
from xraykit.ui.compare import inputs


def models() -> tuple[dict[str, records.Kept], list[Refusal]]:
    """Kept models that carry a test evaluation, by name, and why others cannot be compared."""
    cards, refused = classifier.available()
    usable = {}
    for card in cards:
        try:
            usable[card.name] = _load(card.name, str(models_folder()), tuple(sorted(card.files.items())))
        except (Refused, OSError) as error:
            refused.append(Refusal(card.name, "no-evaluation", str(error)))
    return usable, refused


def classes(kept: Sequence[records.Kept], others: Sequence[evaluation.Evaluation]) -> tuple[str, ...]:
    """The classes in the order the comparison will have them: the first model's."""
    return _evaluations(kept, others)[0].classes


def compare(
    kept: Sequence[records.Kept], margin: float | None, others: Sequence[evaluation.Evaluation] = ()
) -> Material:
    """Compare kept models on their test films, or on the films of `others`, one evaluation a model.

    Raises
    ------
    comparison.ComparisonRefused
        If they are not of the same films, classes or reference standard.
    """
    ours = _evaluations(kept, others)
    digest = hashlib.sha256("|".join(map(_digest, ours)).encode()).hexdigest()
    cards = hashlib.sha256("|".join(of.card.to_json() for of in kept).encode()).hexdigest()
    return Material(tuple(kept), _compare(digest, margin, ours), f"{digest}{cards}")


def apply_points(material: Material, choice: comparison_report.Choice) -> dict[str, operating_point.Applied | str]:
    """Each model at its operating point, or the words why it has none; empty where none is asked for."""
    if choice.target == inputs.HIGHEST:
        return {}
    return _apply(material.digest, choice.point, material, choice)


def confusions(material: Material, applied: Mapping[str, operating_point.Applied | str]) -> dict[str, np.ndarray]:
    """Each model's matrix, at its operating point where it has one."""
    return {
        of.model: point.confusion
        if isinstance(point := applied.get(of.model), operating_point.Applied)
        else of.confusion
        for of in material.found.evaluations
    }


def films(
    material: Material, applied: Mapping[str, operating_point.Applied | str], chosen: comparison_report.Chosen
) -> np.ndarray:
    """Indices of the films of a cell or of a pair's change, (n,) int64 ascending."""
    if chosen.kind == "cell":
        of = material.found.evaluations[chosen.places[0]]
        point = applied.get(of.model)
        predicted = point.predicted if isinstance(point, operating_point.Applied) else of.predicted
        return np.flatnonzero((of.truth == chosen.places[1]) & (predicted == chosen.places[2]))
    pair = material.found.pair(*(material.models[place] for place in chosen.places))
    lists = {"fixes": pair.fixes, "breaks": pair.breaks, "wrong": pair.both_wrong}
    return np.array(lists[chosen.kind], np.int64)


@st.cache_resource(max_entries=16, show_spinner=False)
def _load(name: str, root: str, files: tuple) -> records.Kept:
    return records.load_kept(name)


def _evaluations(kept: Sequence[records.Kept], others: Sequence[evaluation.Evaluation]) -> list[evaluation.Evaluation]:
    theirs = {of.model: of for of in others}
    return [theirs.get(of.card.name, of.test) for of in kept]


def _digest(found: evaluation.Evaluation) -> str:
    """sha256 of what the figures rest on."""
    parts = (found.model, found.test_digest, repr(found.temperature), found.data, *map(str, found.groups))
    return hashlib.sha256("|".join(parts).encode() + found.logits.tobytes() + found.truth.tobytes()).hexdigest()


@st.cache_resource(max_entries=16, show_spinner="Comparing …")
def _compare(digest: str, margin: float | None, _evaluations: Sequence[evaluation.Evaluation]) -> comparison.Comparison:
    return comparison.compare(_evaluations, margin=margin)


@st.cache_resource(max_entries=64, show_spinner=False)
def _apply(
    digest: str, point: tuple, _material: Material, _choice: comparison_report.Choice
) -> dict[str, operating_point.Applied | str]:
    applied: dict[str, operating_point.Applied | str] = {}
    for kept, test in zip(_material.kept, _material.found.evaluations, strict=True):
        sha = kept.card.files["model.keras"]
        try:
            applied[test.model] = operating_point.apply(_point(kept, _choice, sha), test, sha)
        except operating_point.OperatingRefused as error:
            applied[test.model] = str(error)
    return applied


def _point(kept: records.Kept, choice: comparison_report.Choice, sha: str) -> operating_point.OperatingPoint:
    if choice.target == inputs.BY_HAND:
        return operating_point.by_hand(kept.card.name, choice.label, choice.wanted, sha)
    if choice.target == inputs.SAVED:
        return _saved_point(kept.card.name, choice.saved)
    if kept.validation is None:
        raise operating_point.OperatingRefused(
            f"Expected validation readings of {kept.card.name} to choose a threshold on; its folder has none. Keep the "
            "run again, or set a threshold by hand."
        )
    aim = {choice.target.lower(): choice.wanted}
    return operating_point.choose(kept.validation, choice.label, sha256=sha, **aim)


def _saved_point(model: str, text: str) -> operating_point.OperatingPoint:
    """The point a saved page has for a model; whether it is this network's, `operating.apply` decides."""
    if not text:
        raise operating_point.OperatingRefused(
            f"No saved point for {model} yet: give a page that was downloaded as JSON."
        )
    try:
        points = json.loads(text)["operating_points"]
        held = points[model]["point"]
    except (ValueError, KeyError, TypeError):
        raise operating_point.OperatingRefused(
            f"Expected an operating point of {model} in the file; it has none. Download the page as JSON while an "
            "operating point is chosen."
        ) from None
    return operating_point.OperatingPoint.from_json(json.dumps(held))
