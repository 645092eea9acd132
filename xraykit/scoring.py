"""Scoring: kept models evaluated on a folder of films, and what such a folder holds, told before anything starts.

What was found is written whole, at the end (`work`). Each film is read once, through the firewall.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xraykit import card as cards
from xraykit import classifier, dataset, evaluation, ingest, radiograph, work
from xraykit.evaluation import Evaluation
from xraykit.run import Run, replace_text
from xraykit.work import FILMS, RESULT, Work

TABLE = "predictions.csv"


class ScoringRefused(ValueError):
    """Models and a folder that do not go together; the message says why."""


def inspect(folder: Path, out: Path | None = None, progress: dataset.Progress | None = None) -> dataset.Dataset:
    """Read a folder of films; with `out`, tell there how far it is and write films.json.

    Raises
    ------
    DatasetRefused
        If it is no folder of films with a class.
    Stopped
        If it was asked to end.
    """
    if out is None:
        return dataset.read(folder, progress, least_classes=1)
    with work.going_on(Work(out), verb="inspect", data=str(folder.resolve()), models=[]) as going:
        going.films = sum(dataset.count_labels(folder).values())
        films = dataset.read(folder, progress, look=going.look, least_classes=1)
        Run(out).write(FILMS, describe(films))
    return films


def evaluate(
    models: Sequence[str], folder: Path, out: Path, progress: dataset.Progress | None = None
) -> tuple[list[Evaluation], dataset.Dataset]:
    """Evaluate kept models on a folder of films, each film read once; results are written into `out` at the end.

    Raises
    ------
    ModelRefused, DatasetRefused
        If a model or the folder cannot be used.
    ScoringRefused
        If a model does not know the folder's classes.
    WorkRefused
        If another process works in `out`.
    Stopped
        If it was asked to end: SIGTERM, or a file named stop in `out`.
    """
    with work.going_on(Work(out), verb="evaluate", data=str(folder.resolve()), models=list(models)) as going:
        readers = [classifier.load(model) for model in models]
        counts = dataset.count_labels(folder)
        for reader in readers:
            if words := misfit(reader.card, list(counts), folder.name):
                raise ScoringRefused(words)
        going.films = sum(counts.values())
        logits: list[list[np.ndarray]] = [[] for _ in readers]

        def look(name: str, film: radiograph.Radiograph | ingest.Refusal) -> None:
            going.look(name, film)
            if not isinstance(film, ingest.Refusal):
                for of_model, reader in zip(logits, readers, strict=True):
                    of_model.append(reader.predict([film])[0].logits)

        films = dataset.read(folder, progress, readers[0].card.classes, look=look)
        found = [_evaluation(reader.card, films, rows) for reader, rows in zip(readers, logits, strict=True)]
        going.mind()
        _write(found, films, out)
    return found, films


def start_inspection(folder: Path) -> Work:
    """Look at a folder of films in a process of its own; returns where it tells how far it is."""
    made = work.create(folder.name)
    words = ["data", "inspect", "--json", "--out", str(made.path), "--", str(folder)]
    work.launch(made, words, verb="inspect", data=str(folder), models=[])
    return made


def start_evaluation(made: Work, folder: Path, models: Sequence[str]) -> None:
    """Evaluate models on a folder in a process of its own, in the given work's folder."""
    words = ["evaluate", f"--data={folder}", f"--out={made.path}", *(f"--model={model}" for model in models)]
    work.launch(made, words, verb="evaluate", data=str(folder), models=list(models))


def misfit(card: cards.Card, labels: Sequence[str], folder: str) -> str:
    """Why a model cannot be evaluated on a folder of these classes, with both lists; empty where it can."""
    strange = [label for label in labels if label not in card.classes]
    if not strange:
        return ""
    return (
        f"{card.name} knows the classes {', '.join(card.classes)}; the folder {folder} holds {', '.join(labels)}. "
        f"It does not know {', '.join(strange)}: rename the folders, or choose a model that knows them."
    )


def describe(films: dataset.Dataset) -> dict[str, Any]:
    """What a folder holds, as plain data: films a class, and every refused, duplicate and unlabelled film by name."""
    return {
        "name": films.root.name,
        "digest": films.digest,
        "films": len(films),
        "classes": {name: n for name, n in films.counts().items() if n},
        "groups": len(np.unique(films.groups)),
        "group_rule": films.group_rule,
        "refused": [vars(refusal) for refusal in films.refused],
        "duplicates": [list(names) for names in films.duplicates()],
        "groups_with_several_classes": [list(names) for names in films.mixed_groups()],
        "unlabelled": list(films.unlabelled),
        "sha256": list(films.hashes),
    }


def familiar(model: str, hashes: Sequence[str]) -> int:
    """How many of these films are among the test and validation films that a kept model's folder names."""
    known: set[str] = set()
    for name in (RESULT, "validation.json"):
        with contextlib.suppress(evaluation.EvaluationRefused):
            known.update(evaluation.load(classifier.find(model) / name).hashes)
    return len(known & set(hashes))


def _evaluation(card: cards.Card, films: dataset.Dataset, logits: list[np.ndarray]) -> Evaluation:
    places = np.array([card.classes.index(name) if name in card.classes else -1 for name in films.classes], np.int64)
    return Evaluation(
        model=card.name,
        classes=card.classes,
        films=films.films,
        truth=places[films.labels],
        logits=np.array(logits),
        temperature=card.temperature,
        hashes=films.hashes,
        groups=tuple(films.groups.tolist()),
        data=films.root.name,
    )


def _write(found: Sequence[Evaluation], films: dataset.Dataset, out: Path) -> None:
    Run(out).write(FILMS, describe(films))
    for one in found:
        folder = out if len(found) == 1 else out / one.model
        folder.mkdir(exist_ok=True)
        replace_text(folder / TABLE, _table(one, films.refused))
        replace_text(folder / RESULT, one.to_json())


def _table(found: Evaluation, refused: Sequence[ingest.Refusal]) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["path", "truth", "predicted", "refusal", *found.classes])
    for film, truth, predicted, row in zip(
        found.films, found.truth, found.predicted, found.probabilities, strict=True
    ):
        table.writerow([film, found.classes[truth], found.classes[predicted], "", *(f"{p:.6f}" for p in row)])
    for refusal in refused:
        table.writerow([refusal.source, "", "", refusal.code, *[""] * len(found.classes)])
    return text.getvalue()
