"""Kept models evaluated on a folder of films, each film read once, through the firewall.

Results are written whole, at the end; until then the job's folder tells how far it is.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from xraykit.datasets import dataset
from xraykit.datasets.inspection import describe
from xraykit.datasets.reading import index
from xraykit.evaluation import evaluation
from xraykit.evaluation.evaluation import Evaluation, probability_columns
from xraykit.films import ingest, note, radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import classifier
from xraykit.models.cards import card as cards
from xraykit.models.classifier import Classifier
from xraykit.refused import Refused
from xraykit.system import jobs
from xraykit.system.files import csv_cells, replace_text
from xraykit.system.jobs import FILMS, RESULT, Job

TABLE = "predictions.csv"
ABOUT_FILMS = ("path", "truth", "predicted", "refusal", "notes")  # the columns before the probabilities


class MisfitRefused(Refused):
    """Models and a folder that do not go together; the message says why."""

    code = "folder-evaluation"


def evaluate(
    models: Sequence[str],
    folder: Path,
    out: Path,
    progress: index.Progress | None = None,
    *,
    only: Mapping[str, str] | None = None,
    test_of: str = "",
) -> tuple[list[Evaluation], dataset.Dataset]:
    """Evaluate kept models on a folder of films, each film read once; results are written into `out` at the end.

    Returns an evaluation for each model, and the films.

    With `only` (path below the folder -> sha256), on these films alone; they must be in the folder unchanged.
    `test_of` is the name of the run whose test films they are, for progress.json and the evaluations.

    Raises
    ------
    ModelRefused, DatasetRefused
        If a model or the folder cannot be used.
    MisfitRefused
        If a model does not know the folder's classes, or films of `only` are missing or changed.
    JobRefused
        If another process works in `out`.
    Stopped
        If it was asked to end: SIGTERM, or a file named stop in `out`.
    """
    about = {"test_of": test_of} if test_of else {}
    facts = {"verb": "evaluate", "data": str(folder.resolve()), "models": list(models), **about}
    with jobs.running(Job(out), **facts) as job:
        classifiers = [classifier.load(model) for model in models]
        counts = dataset.count_labels(folder, classifiers[0].card.classes)
        for model in classifiers:
            if words := misfit(model.card, list(counts), folder.name):
                raise MisfitRefused(words)
        chosen = None if only is None else _choose(only, folder, classifiers[0].card.classes)
        job.films = sum(counts.values()) if chosen is None else len(chosen)
        collected = _Collected(classifiers, job)
        if chosen is None:
            films = dataset.read(folder, progress, classifiers[0].card.classes, look=collected.look)
        else:
            films = _read_again(chosen, collected.look, progress)
        data = f"{films.root.name}, test split of {test_of}" if test_of else films.root.name
        evaluations = [
            _evaluation(model.card, films, logits, data)
            for model, logits in zip(classifiers, collected.logits, strict=True)
        ]
        job.stop_if_asked()
        _write(evaluations, films, out)
    return evaluations, films


def start_evaluation(job: Job, folder: Path, models: Sequence[str], test_of: Path | None = None) -> None:
    """Evaluate models on a folder in a process of its own, in the given job's folder.

    `test_of` is the folder of a run: only the films of its test split are read.
    """
    words = ["evaluate", f"--data={folder}", f"--out={job.path}", *(f"--model={model}" for model in models)]
    about = {} if test_of is None else {"test_of": test_of.name}
    if test_of is not None:
        words.append(f"--test-of={test_of}")
    job.start(words, verb="evaluate", data=str(folder), models=list(models), **about)


def misfit(card: cards.Card, labels: Sequence[str], folder: str) -> str:
    """Why a model cannot be evaluated on a folder of these classes, with both lists; empty where it can."""
    unknown = [label for label in labels if label not in card.classes]
    if not unknown:
        return ""
    return (
        f"{card.name} knows the classes {', '.join(card.classes)}; the folder {folder} holds {', '.join(labels)}. "
        f"It does not know {', '.join(unknown)}: rename the folders, or choose another model."
    )


def familiar(model: str, hashes: Sequence[str]) -> int:
    """How many of these films are among the test and validation films that a kept model's folder names."""
    known: set[str] = set()
    for name in (RESULT, "validation.json"):
        with contextlib.suppress(evaluation.EvaluationRefused):
            known.update(evaluation.load(classifier.find(model) / name).hashes)
    return len(known & set(hashes))


class _Collected:
    """Shows each film to every classifier and keeps the logits, a list per classifier."""

    def __init__(self, classifiers: Sequence[Classifier], job: jobs.JobProgress) -> None:
        self.classifiers, self.job = classifiers, job
        self.logits: list[list[np.ndarray]] = [[] for _ in classifiers]

    def look(self, name: str, film: radiograph.Radiograph | Refusal) -> None:
        self.job.count(name, vars(film) if isinstance(film, Refusal) else None)
        if not isinstance(film, Refusal):
            for logits, model in zip(self.logits, self.classifiers, strict=True):
                logits.append(model.predict([film])[0].logits)


def _choose(only: Mapping[str, str], folder: Path, classes: Sequence[str]) -> dataset.Dataset:
    """The films of `only`, where all are in the folder unchanged; groups are those of the whole folder."""
    films = dataset.read(folder, classes=classes)
    indices = [i for i, film in enumerate(films.films) if only.get(film) == films.hashes[i]]
    if not indices or len(indices) < len(only):
        refused = [refusal for refusal in films.refused if refusal.source in only]
        why = f" {len(refused)} are refused now, such as {refused[0].source}: {refused[0].words}" if refused else ""
        raise MisfitRefused(
            f"{len(indices)} of the {len(only)} films to be read are in {folder} unchanged.{why} Restore the "
            "others, or choose the folder that holds them."
        )
    return films.choose(indices)


def _read_again(films: dataset.Dataset, look: index.Look, progress: index.Progress | None) -> dataset.Dataset:
    """Show each film to `look`; MisfitRefused where one can no longer be read."""
    with ingest.Ingest() as firewall:
        for i, film in enumerate(firewall.read_many(map(films.path, films.films))):
            if isinstance(film, Refusal):
                raise MisfitRefused(f"{films.films[i]} could be read before, but not now: {film.words}")
            look(films.films[i], film)
            if progress:
                progress(i + 1, len(films))
    return films


def _evaluation(card: cards.Card, films: dataset.Dataset, logits: Sequence[np.ndarray], data: str) -> Evaluation:
    """The evaluation of one model; the truth in the order of its classes."""
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


def _write(evaluations: Sequence[Evaluation], films: dataset.Dataset, out: Path) -> None:
    """films.json, and evaluation.json and predictions.csv; of several models in a folder for each."""
    Job(out).write(FILMS, describe(films))
    for of_model in evaluations:
        folder = out if len(evaluations) == 1 else out / of_model.model
        folder.mkdir(exist_ok=True)
        replace_text(folder / TABLE, _predictions(of_model, films))
        replace_text(folder / RESULT, of_model.to_json())


def _predictions(of_model: Evaluation, films: dataset.Dataset) -> str:
    """A CSV table: each film with truth, predicted class, notes and every probability; refused films with the code."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    classes, notes = of_model.classes, films.noted()
    table.writerow(csv_cells([*ABOUT_FILMS, *probability_columns(ABOUT_FILMS, classes)]))
    rows = zip(of_model.films, of_model.truth, of_model.predicted, of_model.probabilities, strict=True)
    for film, truth, predicted, probabilities in rows:
        said = note.line(notes.get(film, ()))
        numbers = (f"{p:.6f}" for p in probabilities)
        table.writerow(csv_cells([film, classes[truth], classes[predicted], "", said, *numbers]))
    for refusal in films.refused:
        table.writerow(csv_cells([refusal.source, "", "", refusal.code, "", *[""] * len(classes)]))
    return text.getvalue()
