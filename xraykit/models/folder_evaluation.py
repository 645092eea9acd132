"""Scoring: kept models evaluated on a folder of films, and what such a folder holds, told before anything starts.

What was found is written whole, at the end (`work`). Each film is read once, through the firewall.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xraykit.datasets import dataset, index
from xraykit.datasets.inspection import describe
from xraykit.evaluation import evaluation
from xraykit.evaluation.evaluation import Evaluation
from xraykit.films import ingest, radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import card as cards
from xraykit.models import classifier
from xraykit.refused import Refused
from xraykit.system import jobs
from xraykit.system.files import replace_text
from xraykit.system.jobs import FILMS, RESULT, Job
from xraykit.training.run.run import Run

TABLE = "predictions.csv"


class ScoringRefused(Refused):
    """Models and a folder that do not go together; the message says why."""

    code = "folder-evaluation"


def evaluate(
    models: Sequence[str],
    folder: Path,
    out: Path,
    progress: index.Progress | None = None,
    test_of: Run | None = None,
) -> tuple[list[Evaluation], dataset.Dataset]:
    """Evaluate kept models on a folder of films, each film read once; results are written into `out` at the end.

    With `test_of`, on the films of that run's test split alone, which must be in the folder as the run knew them.

    Raises
    ------
    ModelRefused, DatasetRefused
        If a model or the folder cannot be used.
    ScoringRefused
        If a model does not know the folder's classes, or films of the run's test split are missing or others.
    JobRefused
        If another process works in `out`.
    Stopped
        If it was asked to end: SIGTERM, or a file named stop in `out`.
    """
    about = {} if test_of is None else {"test_of": test_of.name}
    facts = {"verb": "evaluate", "data": str(folder.resolve()), "models": list(models), **about}
    with jobs.running(Job(out), **facts) as going:
        readers = [classifier.load(model) for model in models]
        counts = dataset.count_labels(folder)
        for reader in readers:
            if words := misfit(reader.card, list(counts), folder.name):
                raise ScoringRefused(words)
        tested = None if test_of is None else test_split(test_of, folder, readers[0].card.classes)
        going.films = sum(counts.values()) if tested is None else len(tested)
        logits: list[list[np.ndarray]] = [[] for _ in readers]

        def look(name: str, film: radiograph.Radiograph | Refusal) -> None:
            going.count(name, vars(film) if isinstance(film, Refusal) else None)
            if not isinstance(film, Refusal):
                for of_model, reader in zip(logits, readers, strict=True):
                    of_model.append(reader.predict([film])[0].logits)

        if tested is None:
            films = dataset.read(folder, progress, readers[0].card.classes, look=look)
        else:
            films = _read_again(tested, look, progress)
        data = films.root.name if test_of is None else f"{films.root.name}, test split of {test_of.name}"
        found = [_evaluation(reader.card, films, rows, data) for reader, rows in zip(readers, logits, strict=True)]
        going.stop_if_asked()
        _write(found, films, out)
    return found, films


def test_split(run: Run, folder: Path, classes: Sequence[str]) -> dataset.Dataset:
    """The films of a run's test split, found in a folder as the run knew them; groups are those of the whole folder.

    Raises
    ------
    RunRefused
        If the run has no data.json.
    ScoringRefused
        If a film is missing or another, or there is none.
    """
    known = {film["film"]: film["sha256"] for film in run.read("data.json")["films"] if film["part"] == "test"}
    films = dataset.read(folder, classes=classes)
    chosen = [i for i, film in enumerate(films.films) if known.get(film) == films.hashes[i]]
    if not chosen or len(chosen) < len(known):
        raise ScoringRefused(
            f"Expected the {len(known)} films of the test split of {run.name} in {folder}; {len(chosen)} are there as "
            "they were. Restore the others, or give the folder that holds them."
        )
    return dataclasses.replace(
        films,
        films=tuple(films.films[i] for i in chosen),
        labels=films.labels[chosen],
        groups=films.groups[chosen],
        hashes=tuple(films.hashes[i] for i in chosen),
        refused=(),
        unlabelled=(),
    )


def start_evaluation(job: Job, folder: Path, models: Sequence[str], test_of: Run | None = None) -> None:
    """Evaluate models on a folder in a process of its own, in the given work's folder."""
    words = ["evaluate", f"--data={folder}", f"--out={job.path}", *(f"--model={model}" for model in models)]
    about = {} if test_of is None else {"test_of": test_of.name}
    if test_of is not None:
        words.append(f"--test-of={test_of.path}")
    job.start(words, verb="evaluate", data=str(folder), models=list(models), **about)


def misfit(card: cards.Card, labels: Sequence[str], folder: str) -> str:
    """Why a model cannot be evaluated on a folder of these classes, with both lists; empty where it can."""
    strange = [label for label in labels if label not in card.classes]
    if not strange:
        return ""
    return (
        f"{card.name} knows the classes {', '.join(card.classes)}; the folder {folder} holds {', '.join(labels)}. "
        f"It does not know {', '.join(strange)}: rename the folders, or choose a model that knows them."
    )


def familiar(model: str, hashes: Sequence[str]) -> int:
    """How many of these films are among the test and validation films that a kept model's folder names."""
    known: set[str] = set()
    for name in (RESULT, "validation.json"):
        with contextlib.suppress(evaluation.EvaluationRefused):
            known.update(evaluation.load(classifier.find(model) / name).hashes)
    return len(known & set(hashes))


def _read_again(films: dataset.Dataset, look: index.Look, progress: index.Progress | None) -> dataset.Dataset:
    """Show each film to `look`; ScoringRefused where one can no longer be read."""
    with ingest.Ingest() as firewall:
        for i, film in enumerate(firewall.read_many(films.root / name for name in films.films)):
            if isinstance(film, Refusal):
                raise ScoringRefused(f"{films.films[i]} could be read before and cannot now: {film.words}")
            look(films.films[i], film)
            if progress:
                progress(i + 1, len(films))
    return films


def _evaluation(card: cards.Card, films: dataset.Dataset, logits: list[np.ndarray], data: str) -> Evaluation:
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
        data=data,
    )


def _write(found: Sequence[Evaluation], films: dataset.Dataset, out: Path) -> None:
    Job(out).write(FILMS, describe(films))
    for one in found:
        folder = out if len(found) == 1 else out / one.model
        folder.mkdir(exist_ok=True)
        replace_text(folder / TABLE, _table(one, films.refused))
        replace_text(folder / RESULT, one.to_json())


def _table(found: Evaluation, refused: Sequence[Refusal]) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["path", "truth", "predicted", "refusal", *found.classes])
    for film, truth, predicted, row in zip(found.films, found.truth, found.predicted, found.probabilities, strict=True):
        table.writerow([film, found.classes[truth], found.classes[predicted], "", *(f"{p:.6f}" for p in row)])
    for refusal in refused:
        table.writerow([refusal.source, "", "", refusal.code, *[""] * len(found.classes)])
    return text.getvalue()
