"""What a leave-one-source-out study says of a recipe, onto the card of the model that was trained with it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xraykit.experiments import table
from xraykit.experiments.results import sources
from xraykit.experiments.results.sources import Unseen
from xraykit.experiments.study_folder import StudyFolder, StudyFolderRefused
from xraykit.models.cards import amend
from xraykit.training.recipe import sentences

if TYPE_CHECKING:
    from xraykit.models.cards.card import Card


def attach(folder: StudyFolder, model: Path) -> Card:
    """Write onto a kept model's card what networks of its recipe gave on each source that they never saw.

    `checks["left_out"]`: {"study", "runs", "differs" (what the study's recipe has otherwise, in words), "sources":
    source to {"n", "accuracy", "balanced_accuracy" (mean sensitivity of the classes it has), "validation" (accuracy on
    the other sources' held-back films), "sensitivity": class to figure}}. A figure is {"value", "low", "high", "n"},
    with Wilson's 95 % interval over the films.

    Raises
    ------
    StudyFolderRefused
        If the study leaves no source out, a source has no finished run, or it has other classes than the model.
    ModelRefused
        If the model's card cannot be read, or another process is changing it.
    """
    results = table.read(folder)
    trial = folder.chosen()["trial"] if folder.chosen() else 1
    read = {each.source: each for each in sources.unseen(results) if each.trial == trial}
    if not read or (missing := [fold for fold in results.folds if fold not in read]):
        named = ", ".join(missing) if read else "any source"
        raise StudyFolderRefused(
            f"The study {folder.name} has no finished run that left out {named}. Expected a study whose folds are "
            "leave-one-source-out, with a run for each source: finish it (python -m xraykit study resume "
            f"{folder.name}), or name another.",
            code="study-sources",
        )
    recipe = json.loads(next(each for each in folder.trials() if each.number == trial).recipe.to_json())
    runs = sum(len(row.measured) for row in results.rows if row.number == trial)

    def change(card: Card) -> Card:
        _expect_classes(folder, card, read)
        ours = {name: value for name, value in card.recipe.items() if name in recipe and name not in ("seed", "name")}
        differs = sentences.differences(ours, {name: recipe[name] for name in ours})
        record = {
            "study": folder.name,
            "runs": runs,
            "differs": differs,
            "sources": {source: _figures(each) for source, each in read.items()},
        }
        return dataclasses.replace(card, checks={**card.checks, "left_out": record})

    return amend.amend(model, change)


def _expect_classes(folder: StudyFolder, card: Card, read: Mapping[str, Unseen]) -> None:
    theirs = {name for each in read.values() for name in each.sensitivity}
    if theirs != set(card.classes):
        raise StudyFolderRefused(
            f"The study {folder.name} has the classes {', '.join(sorted(theirs))}; those of {card.name} are "
            f"{', '.join(card.classes)}. Name a study of the films that the model was trained on.",
            code="study-classes",
        )


def _figures(unseen: Unseen) -> dict[str, Any]:
    shares = [figure.value for figure in unseen.sensitivity.values() if figure.value is not None]
    return {
        "n": unseen.films,
        "accuracy": dataclasses.asdict(unseen.accuracy),
        "balanced_accuracy": float(np.mean(shares)) if shares else None,
        "validation": unseen.validation,
        "sensitivity": {name: dataclasses.asdict(figure) for name, figure in unseen.sensitivity.items()},
    }
