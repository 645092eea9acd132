"""The audit of kept models on a folder of films: shortcuts and scorecard, of the same films for each, as one job.

The result goes into the models' cards and into audit.json; pictures and pages are made of it elsewhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xraykit.datasets import dataset
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.reading import index
from xraykit.evaluation import evaluation, stats
from xraykit.evaluation.evaluation import Evaluation, EvaluationRefused
from xraykit.models import classifier
from xraykit.models.cards import amend
from xraykit.models.cards.card import Card
from xraykit.models.classifier import Classifier
from xraykit.refused import Refused
from xraykit.system import jobs
from xraykit.system.files import now
from xraykit.system.jobs import Job
from xraykit.truth.scorecard import likeness, score
from xraykit.truth.scorecard.readings import STREAMS, Reader
from xraykit.truth.scorecard.score import Scorecard
from xraykit.truth.shortcuts import figures, masks
from xraykit.truth.shortcuts.alterations import ALTERATIONS, Film
from xraykit.truth.shortcuts.figures import Part, Shortcuts

RESULT, FORMAT, VERB = "audit.json", 1, "audit"
FILMS, SCORED = 300, 40
Progress = Callable[[str, int, int], None]


class AuditRefused(Refused):
    """Models and films that cannot be audited together; the message says why."""

    code = "audit"


@dataclass(frozen=True)
class Wish:
    """What an audit is to do: at most `films` films in all, `scored` of them for the scorecard (0: none).

    `mapped` classes of the folder count as others of the model's; with `keep` the result is added to the cards.
    """

    films: int = FILMS
    scored: int = SCORED
    seed: int = 0
    mapped: Mapping[str, str] = dataclasses.field(default_factory=dict)
    keep: bool = True


class Audited(NamedTuple):
    """A model with its result: `card` holds it where it was kept; `scorecard` None where there is no heatmap."""

    card: Card
    shortcuts: Shortcuts
    scorecard: Scorecard | None


class _Chosen(NamedTuple):
    """Films to audit on: `part` says which of the folder's they are."""

    films: Dataset
    part: Part


USUAL = Wish()


def audit(
    models: Sequence[str], folder: Path, out: Path, wish: Wish = USUAL, progress: Progress | None = None
) -> list[Audited]:
    """Audit kept models on a folder of labelled films; results are written at the end, into `out` and the cards.

    Where all models' own test splits have films in the folder, on those that they share; else on all of its films.
    `progress` is told what is being done, how much of it, of how much.

    Raises
    ------
    ModelRefused, DatasetRefused
        If a model or the folder cannot be used, or a card cannot be changed.
    AuditRefused
        If a model does not know the folder's classes, or the films are of one class.
    JobRefused
        If another process works in `out`.
    Stopped
        If it was asked to end: SIGTERM, or a file named stop in `out`.
    """
    with jobs.running(Job(out), verb=VERB, data=str(folder.resolve()), models=list(models)) as job:
        classifiers = [classifier.load(model, streams=STREAMS) for model in models]
        known = list(dict.fromkeys([name for each in classifiers for name in each.card.classes] + [*wish.mapped]))
        labels = list(dataset.count_labels(folder, known))
        for model in classifiers:
            check(model.card, labels, folder.name, wish.mapped)
        chosen = _choose(dataset.read(folder, _told(job, progress), labels), classifiers, wish)
        lungs = masks.read(chosen.films.root, chosen.films.films, {each.card.image_size for each in classifiers})
        job.films = sum(_passes(each, chosen.films, lungs, wish) for each in classifiers)
        results = [_audit(each, chosen, lungs, wish, _Counter(job, each.card.name, progress)) for each in classifiers]
        job.stop_if_asked()
        Job(out).write(RESULT, {"format": FORMAT, "models": [_plain(result) for result in results]})
        places = [each.folder if wish.keep else None for each in classifiers]
        results = [_with_checks(*pair) for pair in zip(places, results, strict=True)]
        count = f"{len(chosen.films):,} films"
        job.summary = f"Checked {', '.join(result.card.name for result in results)} on {count}."
    return results


def start(job: Job, models: Sequence[str], folder: Path, wish: Wish = USUAL) -> None:
    """Audit models in a process of its own, in the given job's folder."""
    words = [VERB, f"--data={folder}", f"--out={job.path}", *(f"--model={model}" for model in models)]
    words += [f"--films={wish.films}", f"--scored={wish.scored}"]
    words += [f"--map={theirs}={ours}" for theirs, ours in wish.mapped.items()]
    job.start(words, verb=VERB, data=str(folder), models=list(models))


def check(card: Card, labels: Sequence[str], folder: str, mapped: Mapping[str, str]) -> None:
    """Raises AuditRefused where a model does not know the classes of a folder."""
    unknown = [label for label in labels if _class(card, label, mapped) not in card.classes]
    if unknown:
        raise AuditRefused(
            f"{card.name} knows the classes {', '.join(card.classes)}; the folder {folder} holds {', '.join(labels)}. "
            f"It does not know {', '.join(unknown)}: say what it counts as, "
            f'--map "{unknown[0]}={card.classes[-1]}", or choose another folder.'
        )


def _class(card: Card, label: str, mapped: Mapping[str, str]) -> str:
    """What a class of the folder is to a model: its own where it knows it."""
    return label if label in card.classes else mapped.get(label, label)


@dataclass
class _Counter:
    """Counts a model's readings for the job and for whoever watches; stops where that is asked for."""

    job: jobs.JobProgress
    model: str
    progress: Progress | None
    doing: str = "Reading altered films"

    def __call__(self) -> None:
        job = self.job
        job.done += 1
        if self.progress:
            self.progress("Readings", job.done, job.films)
        _report(job, f"{self.doing}, {self.model}")
        job.stop_if_asked()


def _told(job: jobs.JobProgress, progress: Progress | None) -> index.Progress:
    """Tells how far the reading of the folder is."""

    def tell(done: int, total: int) -> None:
        if progress:
            progress("Films", done, total)
        _report(job, f"Reading film {done:,} of {total:,}")
        job.stop_if_asked()

    return tell


def _report(job: jobs.JobProgress, message: str) -> None:
    if time.monotonic() - job.reported > jobs.REPORT_SECONDS:
        job.report(message)


def _choose(given: Dataset, classifiers: Sequence[Classifier], wish: Wish) -> _Chosen:
    """The films of the models' own test splits where the folder holds some, as many of each class as there are."""
    tests = [_test_films(each.folder) for each in classifiers]
    shared = frozenset.intersection(*tests)
    own = [i for i, sha in enumerate(given.hashes) if sha in shared]
    part: Part = "test" if len(set(given.labels[own])) > 1 else "all"
    films = given.choose(_spread(given, own if part == "test" else range(len(given)), wish))
    present = {films.classes[label] for label in films.labels.tolist()}
    if any(len({_class(each.card, label, wish.mapped) for label in present}) < 2 for each in classifiers):
        raise AuditRefused(
            f"The films to be read in {given.root.name} are all of one class: an audit needs two "
            "classes or more. Choose a folder with other classes too."
        )
    return _Chosen(films, part)


def _test_films(folder: Path) -> frozenset[str]:
    try:
        return frozenset(evaluation.load(folder / evaluation.FILES["test"]).hashes)
    except EvaluationRefused:
        return frozenset()


def _spread(given: Dataset, indices: Sequence[int], wish: Wish) -> list[int]:
    """At most `wish.films` of the films, taken from the classes in turn; the same ones each time."""
    by_class: dict[int, list[int]] = {}
    for i in sorted(indices, key=lambda i: hashlib.sha256(f"{wish.seed} {given.hashes[i]}".encode()).digest()):
        by_class.setdefault(int(given.labels[i]), []).append(i)
    turns = [(place, label, i) for label, films in by_class.items() for place, i in enumerate(films)]
    return [i for _, _, i in sorted(turns)[: wish.films]]


def _passes(model: Classifier, films: Dataset, lungs: Mapping[int, list], wish: Wish) -> int:
    """How many squares a model has to read."""
    masked = sum(mask is not None for mask in lungs[model.card.image_size])
    altered = sum(masked if alteration.masked else len(films) for alteration in ALTERATIONS)
    scored = score.passes(min(wish.scored, len(films))) if model.card.feature_layer else 0
    return len(films) + altered + scored


def _audit(model: Classifier, chosen: _Chosen, lungs: Mapping[int, list], wish: Wish, counter: _Counter) -> Audited:
    reader, films = Reader(model, counter), chosen.films
    squares = films.squares(model.card.image_size, model.card.channels)
    given = [
        Film(square, mask, i) for i, (square, mask) in enumerate(zip(squares, lungs[len(squares[0])], strict=True))
    ]
    own = _evaluation(model.card, films, reader.logits(squares), wish.mapped)
    altered = {}
    for alteration in ALTERATIONS:
        indices = [i for i, film in enumerate(given) if film.lungs is not None or not alteration.masked]
        if indices:
            altered[alteration.key] = (indices, reader.logits(alteration.apply(given[i]) for i in indices))
    made, data = now(), films.root.name
    shortcuts = figures.gather(own, altered, data=data, part=chosen.part, made=made, seed=wish.seed)
    counter.doing = "Scoring the heatmap"
    scorecard = None
    if model.card.feature_layer and wish.scored:
        few = slice(0, wish.scored)  # `_spread` took the classes in turn
        some = likeness.Films(np.array(squares[few]), own.truth[few], films.groups[few])
        scorecard = score.score(reader, some, data, made, score.USUAL._replace(seed=wish.seed))
    return Audited(model.card, shortcuts, scorecard)


def _evaluation(card: Card, films: Dataset, logits: np.ndarray, mapped: Mapping[str, str]) -> Evaluation:
    places = np.array([_place(card, label, mapped) for label in films.classes], np.int64)
    return Evaluation(
        model=card.name,
        classes=card.classes,
        films=films.films,
        truth=places[films.labels],
        logits=logits,
        temperature=card.temperature,
        hashes=films.hashes,
        groups=tuple(films.groups.tolist()),
        data=films.root.name,
    )


def _place(card: Card, label: str, mapped: Mapping[str, str]) -> int:
    return card.classes.index(_class(card, label, mapped))


def _plain(result: Audited) -> dict[str, Any]:
    scorecard = None if result.scorecard is None else stats.plain(result.scorecard)
    return {"model": result.card.name, "shortcuts": stats.plain(result.shortcuts), "scorecard": scorecard}


def _with_checks(folder: Path | None, result: Audited) -> Audited:
    """The result in the model's card, and in that of its folder; a scorecard of before stays where none was made."""
    checks = {name: value for name, value in _plain(result).items() if name != "model" and value is not None}

    def change(card: Card) -> Card:
        return dataclasses.replace(card, checks={**card.checks, **checks})

    return result._replace(card=change(result.card) if folder is None else amend.amend(folder, change))
