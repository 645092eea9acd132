"""Class biases of a saved model, fitted anew on its validation films (docs/decisions/0010); needs no film.

Opens no network itself: the biases are added to it in a process of its own.
"""

from __future__ import annotations

import dataclasses
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.evaluation import calibration, evaluation, stats
from xraykit.evaluation.decisions import operating_point
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import classifier, kept
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.models.conversion import biases as conversion
from xraykit.models.conversion.task import squares
from xraykit.system import files as system_files
from xraykit.truth import elsewhere, sets

KEY = "class_biases"  # in a card's metrics: what was added to its network's last layer after the last epoch
CLOSE = 0.01  # in logits: less is no change, but the rounding of another reading of the same films
DIGITS = 6  # of the logits in an evaluation's file, so that these biases can be taken off them again
AGREEMENT = 1e-4  # largest allowed difference of any probability
GATES = {"passed": "on", "off": "off"}  # what --gate says by an evaluation's stamp; unknown in old files
OUTDATED = ("shortcuts", "scorecard")  # checks that read films with the network


@dataclass(frozen=True)
class Refitted:
    """A model's card, what was added to the logits of each class, and the commands that make again what was dropped.

    `added` and `again` are empty where nothing was to be changed.
    """

    card: Card
    added: Mapping[str, float]
    again: tuple[str, ...] = ()


def refit(name_or_folder: str | Path) -> Refitted:
    """Fit a saved model's class biases anew and put the changed model in its place, in one step.

    Fitted to the network as its training left it: a second time changes nothing.

    Raises
    ------
    ModelRefused
        If the model has no readings of validation films, its files are not those its card names, its network has no
        layer "logits" at its end, the changed files do not agree, or another process is changing the model.
    EvaluationRefused
        If its readings cannot be read.
    """
    folder = classifier.find(name_or_folder)
    card, parts = _read(folder)
    fitted, change = _fit(card, parts["validation"])
    if np.abs(change).max() < CLOSE:
        return Refitted(card, {})
    again = tuple(_again(card, folder))
    with kept.new_model(card.name, folder.parent, replace=True) as unfinished:
        if cards.read(folder) != card:
            raise ModelRefused(
                f"Another process has just changed the model {card.name}. Try again.", code="card-invalid"
            )
        dropped = {place["file"] for place in card.elsewhere}
        shutil.copytree(folder, unfinished, dirs_exist_ok=True, ignore=lambda _, names: dropped & set(names))
        theirs = conversion.add_in_subprocess(folder / cards.NETWORK, change.tolist(), card.feature_layer, unfinished)
        _write_parts(card, parts, change, unfinished)
        draft = _draft(card, fitted, unfinished)
        system_files.replace_text(unfinished / cards.CARD, draft.to_json(), shared=True)
        after = _measured(draft, unfinished, _agreement(folder, unfinished, draft, change, theirs))
        system_files.replace_text(unfinished / cards.CARD, after.to_json(), shared=True)
    return Refitted(after, dict(zip(card.classes, change.tolist(), strict=True)), again)


def _read(folder: Path) -> tuple[Card, dict[str, Evaluation]]:
    """The card and what it gave on validation and test films."""
    card = cards.read(folder)
    cards.verify(card, folder)
    if missing := [file for file in evaluation.FILES.values() if file not in card.files]:
        raise ModelRefused(
            f"{card.name} has no {' and no '.join(missing)}: class biases are fitted on its readings of validation "
            "films. Save the model from its run again; an imported model has none.",
            code="no-validation",
        )
    parts = evaluation.load_parts(folder)
    if any((part.model, part.classes) != (card.name, card.classes) for part in parts.values()):
        raise ModelRefused(
            f"The folder {card.name} holds an evaluation of another model or of other classes: expected those of its "
            f"card. {cards.SAVE_AGAIN}",
            code="hash-mismatch",
        )
    return card, parts


def _fit(card: Card, validation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """The biases for the network as its training left it, and what is missing of them, (C,) each."""
    given = card.metrics.get(KEY) or {}
    has = np.array([given.get(label, 0.0) for label in card.classes])
    fitted = np.round(calibration.fit_biases(np.round(validation.logits - has, DIGITS), validation.truth), DIGITS)
    return fitted, np.round(fitted - has, DIGITS)


def _write_parts(card: Card, parts: Mapping[str, Evaluation], change: np.ndarray, folder: Path) -> None:
    """The readings as the changed network gives them, at a temperature that fits it."""
    validation = parts["validation"]
    temperature = calibration.fit_temperature(validation.logits + change, validation.truth)
    for part, file in evaluation.FILES.items():
        shifted = dataclasses.replace(parts[part], logits=parts[part].logits + change, temperature=temperature)
        system_files.replace_text(folder / file, shifted.to_json(), shared=True)


def _draft(card: Card, fitted: np.ndarray, folder: Path) -> Card:
    """The card without what no longer holds, before its figures are made anew."""
    dropped = {place["file"] for place in card.elsewhere}
    return dataclasses.replace(
        card,
        temperature=evaluation.load_parts(folder)["validation"].temperature,
        recipe={**card.recipe, "bias_correction": True},
        metrics={**card.metrics, KEY: dict(zip(card.classes, fitted.tolist(), strict=True))},
        files={file: system_files.sha256_of(folder / file) for file in card.files if file not in dropped},
        elsewhere=(),
        checks={name: check for name, check in card.checks.items() if name not in OUTDATED},
    )


def _measured(draft: Card, folder: Path, agreement: dict[str, Any]) -> Card:
    """The card with the figures of the files in the folder."""
    # As they were written: a threshold is the very probability of a film, and the files round
    parts = evaluation.load_parts(folder)
    figures = {part: stats.plain(films.metrics()) for part, films in parts.items()} | {
        "agreement_with_keras": agreement,
        "operating_points": operating_point.of_card(parts, draft.files[cards.NETWORK]),
    }
    checks = {**draft.checks, sets.CHECK: sets.measure(parts, {})}
    return dataclasses.replace(draft, metrics={**draft.metrics, **figures}, checks=checks)


def _agreement(before: Path, after: Path, draft: Card, change: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """How far the files differ from Keras, and from the files before with the biases added; refused beyond rounding."""
    films = squares(draft.image_size, draft.channels)
    ours = classifier.load(after, verify=False, name=draft.name).predict_squares(films)
    shifted = classifier.load(before, verify=False).predict_squares(films) + change
    ours, *others = (calibration.softmax(logits / draft.temperature) for logits in (ours, theirs, shifted))
    difference = max(float(np.abs(ours - other).max()) for other in others)
    if not difference <= AGREEMENT:  # a NaN is no agreement
        raise ModelRefused(
            f"Expected the changed files of {draft.name} to agree with its network to {AGREEMENT} in every "
            f"probability of {len(films)} synthetic films; the largest difference is {difference:.2g}. Nothing was "
            f"changed. {cards.SAVE_AGAIN}",
            code="model-corrupt",
        )
    return {"largest_difference": difference, "films": len(films), "kind": "synthetic", "allowed": AGREEMENT}


def _again(card: Card, folder: Path) -> Iterator[str]:
    """The commands that make again what is taken off a card, with the gate as it was for each figure."""
    for place in card.elsewhere:
        words = ["--model", card.name, "--data", "DIR", "--attach", place["name"], "--about", place["data"]]
        for theirs, ours in place["classes"].items():
            words += ["--map", f"{theirs}={ours}"] if theirs != ours else []
        if gate := GATES.get(elsewhere.load(card, folder, place["name"]).gate):
            words += ["--gate", gate]
        yield f"python -m xraykit evaluate {shlex.join(words)}"
    if set(OUTDATED) & set(card.checks):
        yield f"python -m xraykit audit --model {card.name} --data DIR --out DIR"
