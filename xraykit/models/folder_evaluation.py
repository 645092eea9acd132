"""Kept models evaluated on a folder of films, each film read once, through the firewall.

Results are written whole, at the end; until then the job's folder tells how far it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xraykit.datasets import dataset
from xraykit.datasets.inspection import describe
from xraykit.datasets.reading import index
from xraykit.evaluation.evaluation import Evaluation, probability_columns
from xraykit.films import ingest, note, radiograph
from xraykit.films.note import Note
from xraykit.films.refusal import Refusal
from xraykit.gate import verdict as gate
from xraykit.models import classifier
from xraykit.models.cards import card as cards
from xraykit.models.classifier import Classifier
from xraykit.refused import Refused
from xraykit.system import jobs
from xraykit.system.files import csv_cells, replace_text
from xraykit.system.jobs import FILMS, RESULT, Job

TABLE = "predictions.csv"
# Of a model's folder and films: the part of its own films that each is in, "train", "validation", "test" or ""
Knows = Callable[[Path, dataset.Dataset], tuple[str, ...]]
ABOUT_FILMS = ("path", "truth", "predicted", "refusal", "notes", "gate")  # the columns before the probabilities


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
    classes: Mapping[str, str] | None = None,
    knows: Knows | None = None,
    then: Callable[[list[Evaluation], dataset.Dataset], None] | None = None,
    gated: bool | None = None,
) -> tuple[list[Evaluation], dataset.Dataset]:
    """Evaluate kept models on a folder of films, each film read once; results are written into `out` at the end.

    Returns an evaluation for each model, and the films.
    With `only` (path below the folder -> sha256), on these films alone; they must be in the folder unchanged.
    `test_of` is the name of the run whose test films they are, for progress.json and the evaluations. `classes` says
    what the folder's classes count as for models that do not know them (theirs -> the model's), `knows` which of the
    films a model has met; `then` is given what was evaluated before the job counts as done. `gated`: films that the
    gate refuses are refused here too, with its code; if it is not given, where all models are of chest films and the
    films are not a run's own.

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
    classes = dict(classes or {})
    with jobs.running(Job(out), **_facts(folder, models, test_of, classes, gated=gated)) as job:
        classifiers = [classifier.load(model) for model in models]
        names = tuple(dict.fromkeys([*classifiers[0].card.classes, *classes]))
        counts = dataset.count_labels(folder, names)
        _check_classes([model.card for model in classifiers], list(counts), folder, classes)
        chosen = None if only is None else _choose(only, folder, names)
        job.films = sum(counts.values()) if chosen is None else len(chosen)
        readings = _Readings(classifiers, job, _gated(gated, classifiers, only))
        films = readings.read(folder, names, chosen, progress)
        evaluations = readings.evaluations(films, _described(films.root.name, test_of, classes), classes, knows)
        job.stop_if_asked()
        _write(evaluations, films, out)
        if then:
            then(evaluations, films)
    return evaluations, films


def start_evaluation(
    job: Job,
    folder: Path,
    models: Sequence[str],
    test_of: Path | None = None,
    *,
    classes: Mapping[str, str] | None = None,
    attach: str = "",
    gated: bool | None = None,
) -> None:
    """Evaluate models on a folder in a process of its own, in the given job's folder.

    `test_of` is the folder of a run: only the films of its test split are read. `classes` as for `evaluate`; with
    `attach` the result is added to the models' cards under that name; `gated` as for `evaluate`.
    """
    words = ["evaluate", f"--data={folder}", f"--out={job.path}", *(f"--model={model}" for model in models)]
    if test_of is not None:
        words.append(f"--test-of={test_of}")
    words += [f"--map={theirs}={ours}" for theirs, ours in (classes or {}).items()]
    words += [f"--attach={attach}"] if attach else []
    words += [f"--gate={_switch(gated)}"] if gated is not None else []
    facts = _facts(folder, models, test_of.name if test_of else "", classes or {}, attach, gated)
    job.start(words, **facts)


def unknown(card: cards.Card, labels: Sequence[str], classes: Mapping[str, str] | None = None) -> list[str]:
    """Those of a folder's classes that a model does not know, and that count as none of its own either."""
    return [label for label in labels if counted_as(card, label, classes) not in card.classes]


def counted_as(card: cards.Card, label: str, classes: Mapping[str, str] | None = None) -> str:
    """What a folder's class is called for a model: as it is where the model knows it, else what it counts as."""
    return label if label in card.classes else (classes or {}).get(label, label)


def likely(card: cards.Card, label: str) -> str | None:
    """The model's class that a folder's class is, or else the only one that shares a word with it: a proposal."""
    if label in card.classes:
        return label
    words = set(label.casefold().split())
    sharing = [name for name in card.classes if words & set(name.casefold().split())]
    return sharing[0] if len(sharing) == 1 else None


def misfit(card: cards.Card, labels: Sequence[str], folder: str, classes: Mapping[str, str] | None = None) -> str:
    """Why a model cannot be evaluated on a folder of these classes, with both lists; empty where it can."""
    if not (missing := unknown(card, labels, classes)):
        return ""
    said = " ".join(f'--map "{label}={likely(card, label) or "CLASS"}"' for label in missing)
    return (
        f"{card.name} knows the classes {', '.join(card.classes)}; the folder {folder} holds {', '.join(labels)}. "
        f"It does not know {', '.join(missing)}. Say which of its classes they count as ({said} on the command line), "
        "rename the folders, or choose another model."
    )


def _gated(asked: bool | None, classifiers: Sequence[Classifier], only: Mapping[str, str] | None) -> bool:
    """Whether the gate is to look at the films."""
    if asked is None:  # a run's own films were learned beside: without some of them its figures would be others
        asked = only is None and all(classifier.is_gated(model.card) for model in classifiers)
    return asked and gate.is_on()


def _facts(
    folder: Path,
    models: Sequence[str],
    test_of: str,
    classes: Mapping[str, str],
    attach: str = "",
    gated: bool | None = None,
) -> dict[str, Any]:
    """The job's fields that stay as they are."""
    maps = [f"{theirs}={ours}" for theirs, ours in classes.items()]
    facts = {"test_of": test_of, "maps": maps, "attach": attach, "gate": _switch(gated)}
    return {"verb": "evaluate", "data": str(folder.resolve()), "models": list(models)} | {
        name: value for name, value in facts.items() if value
    }


def _switch(gated: bool | None) -> str:
    """As --gate has it; "" where it is not given."""
    return "" if gated is None else "on" if gated else "off"


def _check_classes(
    given: Sequence[cards.Card], labels: Sequence[str], folder: Path, classes: Mapping[str, str]
) -> None:
    for card in given:
        if words := misfit(card, labels, folder.name, classes):
            raise MisfitRefused(words)
    if strangers := [name for name in classes if name not in labels]:
        raise MisfitRefused(
            f"{', '.join(strangers)} was to count as another class, but the folder {folder.name} holds "
            f"{', '.join(labels)}. Write the folder's class before the = of --map, and the model's after it."
        )


def _described(folder: str, test_of: str, classes: Mapping[str, str]) -> str:
    """The films in words: the folder, whose test split they are, and which of their classes count as another."""
    tested = f", test split of {test_of}" if test_of else ""
    return folder + tested + "".join(f", {theirs} counted as {ours}" for theirs, ours in classes.items())


class _Readings:
    """What every classifier makes of each film shown to it: logits, a list per classifier."""

    def __init__(self, classifiers: Sequence[Classifier], job: jobs.JobProgress, gated: bool) -> None:
        self.classifiers, self.job, self.gated = classifiers, job, gated
        self.logits: list[list[np.ndarray]] = [[] for _ in classifiers]
        self.stopped: dict[str, Refusal] = {}  # by film: what the gate refused

    def read(
        self, folder: Path, classes: Sequence[str], chosen: dataset.Dataset | None, progress: index.Progress | None
    ) -> dataset.Dataset:
        """The films of the folder, or those chosen, shown to the classifiers; MisfitRefused if the gate passes none."""
        if chosen is None:
            return self._let_through(dataset.read(folder, progress, classes, look=self.look))
        return self._let_through(_read_again(chosen, self.look, progress))

    def look(self, name: str, film: radiograph.Radiograph | Refusal) -> None:
        refusal = film if isinstance(film, Refusal) else self._stop(name, film)
        self.job.count(name, vars(refusal) if refusal else None)
        if isinstance(film, Refusal) or refusal:
            return
        for logits, model in zip(self.logits, self.classifiers, strict=True):
            logits.append(model.predict([film])[0].logits)

    def evaluations(
        self, films: dataset.Dataset, data: str, classes: Mapping[str, str], knows: Knows | None
    ) -> list[Evaluation]:
        """One for each classifier, stamped with whether the gate looked at the films."""
        stamp: Literal["passed", "off"] = "passed" if self.gated else "off"
        return [
            replace(_evaluation(model, films, logits, data, classes, knows), gate=stamp)
            for model, logits in zip(self.classifiers, self.logits, strict=True)
        ]

    def _let_through(self, films: dataset.Dataset) -> dataset.Dataset:
        """The films without those that the gate refused, which are among the refused ones; MisfitRefused if none is."""
        if not self.stopped:
            return films
        through = [i for i, name in enumerate(films.films) if name not in self.stopped]
        if not through:
            words = next(iter(self.stopped.values())).words
            raise MisfitRefused(
                f"The gate refused all {len(films)} films of {films.root.name}, as {films.films[0]}: {words} Choose a "
                "folder of frontal chest films, or read them all the same with --gate off."
            )
        kept = {name: getattr(films, name) for name in ("unlabelled", "remarks")}
        return replace(films.choose(through), refused=(*films.refused, *self.stopped.values()), **kept)

    def _stop(self, name: str, film: radiograph.Radiograph) -> Refusal | None:
        refusal = gate.check(film) if self.gated else None
        if refusal:
            self.stopped[name] = refusal = replace(refusal, source=name)
        return refusal


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


def _evaluation(
    model: Classifier,
    films: dataset.Dataset,
    logits: Sequence[np.ndarray],
    data: str,
    classes: Mapping[str, str],
    knows: Knows | None,
) -> Evaluation:
    """The evaluation of one model; the truth in the order of its classes."""
    card = model.card
    names = [counted_as(card, name, classes) for name in films.classes]
    places = np.array([card.classes.index(name) if name in card.classes else -1 for name in names], np.int64)
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
        known=knows(model.folder, films) if knows else (),
    )


def _write(evaluations: Sequence[Evaluation], films: dataset.Dataset, out: Path) -> None:
    """films.json, and evaluation.json and predictions.csv; of several models in a folder for each."""
    Job(out).write(FILMS, describe(films))
    for evaluation in evaluations:
        folder = out if len(evaluations) == 1 else out / evaluation.model
        folder.mkdir(exist_ok=True)
        replace_text(folder / TABLE, _predictions(evaluation, films))
        replace_text(folder / RESULT, evaluation.to_json())


def _predictions(evaluation: Evaluation, films: dataset.Dataset) -> str:
    """A CSV table: each film with truth, predicted class, notes and every probability; refused films with the code."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    classes, notes = evaluation.classes, films.noted()
    table.writerow(csv_cells([*ABOUT_FILMS, *probability_columns(ABOUT_FILMS, classes)]))
    known = evaluation.known or [""] * len(evaluation.films)
    rows = zip(evaluation.films, evaluation.truth, evaluation.predicted, evaluation.probabilities, known, strict=True)
    for film, truth, predicted, probabilities, part in rows:
        said = note.line((*notes.get(film, ()), *_met(part)))
        numbers = (f"{p:.6f}" for p in probabilities)
        about = [film, classes[truth], classes[predicted], "", said, evaluation.gate]
        table.writerow(csv_cells([*about, *numbers]))
    for refusal in films.refused:
        table.writerow(csv_cells([refusal.source, "", "", refusal.code, "", "", *[""] * len(classes)]))
    return text.getvalue()


def _met(part: str) -> tuple[Note, ...]:
    """What is noted of a film that the model has met."""
    words = f"It, or a film that is nearly the same picture, is in the {part} split of the model's own films"
    return (Note("known-film", words, warning=part != "test"),) if part else ()
