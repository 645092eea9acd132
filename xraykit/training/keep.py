"""Keeping: makes a model of `weights/` from a finished run: converted, checked against it, calibrated, described.

Opens no network itself: the conversion runs in a process of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from xraykit.datasets import dataset, split
from xraykit.datasets.reading import groups
from xraykit.datasets.reading.groups import GroupKind
from xraykit.evaluation import calibration, evaluation, stats
from xraykit.evaluation import published as published_figures
from xraykit.evaluation.decisions import operating_point
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import classifier, kept
from xraykit.models.cards import amend
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.models.conversion import convert
from xraykit.system import files as system_files
from xraykit.system import jobs
from xraykit.system.files import replace_text
from xraykit.system.job_folder.job_folder import JobRefused
from xraykit.system.job_folder.record import State
from xraykit.training import audited
from xraykit.training.recipe import sentences as recipe_sentences
from xraykit.training.recipe.rules import BACKBONES
from xraykit.training.run.run import Run, RunRefused
from xraykit.truth import biases, sets
from xraykit.truth.seen import films as seen
from xraykit.truth.seen import remember

Say = Callable[[str], None]  # is given what is being done; what it raises ends the keeping
FOLDER = "keeping"  # in the run's folder: how far a keeping in the background is
SAID_EVERY = 200  # films
AGREEMENT = 1e-4  # largest allowed difference of any probability between model.keras and the LiteRT path
LIMITS = (
    *cards.LIMITS,
    "Tested on films of the collection it was trained on. It may have learned where a film came from rather than what "
    "it shows: expect lower figures elsewhere.",
    "Age, sex and view of the films and the X-ray equipment are not reported: no figures by subgroup can be given.",
)
NO_PATIENTS = (
    "Patient IDs are not known in that collection. Only near-identical images were kept in one part of the split; two "
    "different films of one patient may be in different parts."
)


def keep(
    run: Run,
    name: str,
    *,
    title: str | None = None,
    limits: Sequence[str] = (),
    root: Path | None = None,
    replace: bool = False,
    data: Path | None = None,
    published: str | None = None,
    names: bool = False,
    say: Say = lambda words: None,
) -> Card:
    """Turn a finished run into the kept model `name`; returns its card.

    Parameters
    ----------
    limits : sentences that the card adds to what is true of every model.
    root : folder of the kept models; `folders.models_folder()` if not given.
    replace : whether a model of that name is replaced.
    data : where the films are, if they were moved since the run ended.
    published : name of the published set (`published.SETS`) they are of, where their digest does not tell it.
    names : whether the model carries its films' file names, which may say who the patients are; else their hashes only.

    Raises
    ------
    RunRefused
        If the run has not finished or its files are missing.
    EvaluationRefused
        If the run's readings of its validation and test films cannot be read.
    ModelRefused
        If the name is taken or not plain, or the converted graph does not agree with the network to 1e-4 in every
        probability of every validation and test film.
    DatasetRefused
        If the films of the run are not where they were, or are others.
    """
    kept.check_name(name, root, replace)
    _check(run)
    say("Reading the films.")
    films, readings = _films_of(run, data), evaluation.load_parts(run.path)
    with kept.new_model(name, root, replace) as unfinished:
        say("Converting the network.")
        _convert(run, unfinished)
        draft = _draft(run, unfinished, readings["validation"], name=name, title=title or name, limits=limits)
        replace_text(unfinished / "card.json", draft.to_json(), shared=True)
        _remember(run, unfinished, name, films, say)
        say("Reading every validation and test film with the converted network.")
        card = _complete(draft, unfinished, films, readings, published, names)
        replace_text(unfinished / "card.json", card.to_json(), shared=True)
    return card


def _check(run: Run) -> None:
    """Refuse a run of which no model can be made."""
    if (state := run.status().state) is not State.FINISHED:
        raise RunRefused(f"Expected a finished run; {run.name} is {state}.")
    if not (run.path / evaluation.FILES["test"]).is_file() and (run.path / evaluation.FILES["validation"]).is_file():
        raise RunRefused(
            f"No model can be saved from {run.name}: its test split was not read, for a study reads it with the "
            "networks of its chosen trial alone. Save a model from a run of the chosen trial.",
            code="no-test-reading",
        )


def start(run: Run, name: str, title: str | None = None, limits: Sequence[str] = (), names: bool = False) -> jobs.Job:
    """Keep a run in a process of its own; the returned job tells how far it is. Returns at once.

    Raises
    ------
    JobRefused
        If the run is being kept already.
    """
    job = jobs.Job(run.path / FOLDER)
    if job.alive():
        raise JobRefused(f"A model is being saved from the run {run.name} already. Wait until it is done.")
    arguments = ["runs", "keep", run.name, "--runs", str(run.path.parent.resolve()), "--as", name]
    arguments += ["--out", str(job.path)]
    arguments += ["--title", title] if title else []
    arguments += [argument for limit in limits for argument in ("--limit", limit)]
    arguments += ["--names"] if names else []
    job.start(arguments, verb="keep", run=run.name, model=name)
    return job


@contextlib.contextmanager
def telling(out: Path | None, run: Run, name: str) -> Iterator[Say]:
    """The `say` for `keep`: the folder `out` tells how far it is, and a stop asked there ends it."""
    if out is None:
        yield lambda words: None
        return
    with jobs.running(jobs.Job(out), verb="keep", run=run.name, model=name) as progress:

        def say(words: str) -> None:
            progress.stop_if_asked()
            progress.report(words)

        yield say
        progress.summary = f"Saved as {name}."


def _films_of(run: Run, data: Path | None) -> dataset.Dataset:
    recorded = run.read("data.json")
    films = dataset.read(data or recorded["root"])
    dataset.expect(films, recorded, run.name)
    return films


def _convert(run: Run, folder: Path) -> None:
    for file in (cards.NETWORK, "history.csv"):
        shutil.copyfile(run.path / file, folder / file)
    feature_layer = BACKBONES[run.read("recipe.json")["backbone"]]
    convert.convert_in_subprocess(folder / cards.NETWORK, folder, feature_layer=feature_layer)


def _remember(run: Run, folder: Path, name: str, films: dataset.Dataset, say: Say) -> None:
    """Leave beside the network what it learned from: hashes, fingerprints and features of its films, no picture."""
    model, data = classifier.load(folder, verify=False, name=name), run.read("data.json")
    parts = remember.recorded(data, films, split.recorded(films, data, run.name))

    def progress(what: str, done: int, total: int) -> None:
        if done % SAID_EVERY == 1:
            say(f"Remembering the films it learned from: {what.lower()}, {done:,} of {total:,}.")

    content = seen.encode(remember.compute(model, films, parts, progress))
    system_files.replace_bytes(folder / amend.named(seen.STEM, content, seen.SUFFIX), content, shared=True)


def _complete(
    draft: Card,
    folder: Path,
    films: dataset.Dataset,
    readings: Mapping[str, Evaluation],
    published: str | None,
    with_names: bool,
) -> Card:
    """The card with its figures, once the converted graph agrees with the network on every film of `readings`.

    Writes the evaluation of each part, as the converted graph reads it, into the folder.
    """
    began = time.perf_counter()
    model = classifier.load(folder, verify=False, name=draft.name)
    evaluations = {part: _read_again(model, films, reading, part) for part, reading in readings.items()}
    seconds = time.perf_counter() - began
    difference = max(_difference(evaluations[part], readings[part]) for part in readings)
    if difference > AGREEMENT:
        raise ModelRefused(
            f"Expected the converted graph of {draft.name} to agree with model.keras to {AGREEMENT} in every "
            f"probability; the largest difference is {difference:.2g}.",
            code="model-corrupt",
        )
    for part, file in evaluation.FILES.items():
        replace_text(folder / file, evaluations[part].to_json(with_names), shared=True)
    # As they were written: a threshold is the very probability of a film, and the files round
    written = evaluation.load_parts(folder)
    read = sum(len(readings[part].films) for part in readings)
    metrics = draft.metrics | {part: stats.plain(evaluations[part].metrics()) for part in readings}
    metrics |= {
        "agreement_with_keras": {"largest_difference": difference, "films": read},
        "milliseconds_a_film": round(1000 * seconds / read, 2),
        "operating_points": operating_point.of_card(written, draft.files[cards.NETWORK]),
    }
    if figures := published_figures.for_card(draft.data["digest"], published):
        metrics["published"] = figures  # the card lays them beside the accuracy on our test films, with its interval
    names = sorted(path.name for path in folder.iterdir() if path.name != "card.json")
    hashes = {name: system_files.sha256_of(folder / name) for name in names}
    checks = {**draft.checks, sets.CHECK: sets.measure(written, {})}
    return dataclasses.replace(draft, metrics=metrics, files=hashes, checks=checks)


def _read_again(model: classifier.Classifier, films: dataset.Dataset, reading: Evaluation, part: str) -> Evaluation:
    """The films of a reading of the run, read by the kept model."""
    place = {film: i for i, film in enumerate(films.films)}
    indices = [place[film] for film in reading.films]
    squares = films.squares(model.card.image_size, model.card.channels)
    return Evaluation(
        model=model.card.name,
        classes=films.classes,
        films=reading.films,
        truth=films.labels[indices],
        logits=model.predict_squares(squares[indices]),
        temperature=model.card.temperature,
        hashes=tuple(films.hashes[i] for i in indices),
        groups=tuple(films.groups[indices].tolist()),
        data=f"{films.root.name}, {part} split",
    )


def _difference(ours: Evaluation, theirs: Evaluation) -> float:
    """The largest difference of a probability, both at our temperature."""
    return float(np.abs(ours.probabilities - calibration.softmax(theirs.logits / ours.temperature)).max())


def _draft(run: Run, folder: Path, validation: Evaluation, *, name: str, title: str, limits: Sequence[str]) -> Card:
    """The card before any film was read with the converted graph: calibrated, but without figures."""
    recipe, data, status = run.read("recipe.json"), run.read("data.json"), run.status()
    learned = {field: getattr(status, field) for field in _LEARNED}
    knows_patients = groups.read_rule(data["group_rule"]).kind is GroupKind.PATIENTS
    return Card(
        name=name,
        title=title,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        classes=tuple(data["classes"]),
        image_size=recipe["image_size"],
        channels=recipe["channels"],
        feature_layer=BACKBONES[recipe["backbone"]],
        temperature=calibration.fit_temperature(validation.logits, validation.truth),
        recipe=recipe_sentences.portable(recipe) | learned,
        data=_data_words(data, recipe),
        metrics=_biases(status.class_biases, data["classes"]),
        limits=(*LIMITS, *(() if knows_patients else (NO_PATIENTS,)), *limits),
        software=kept.software(status.backend or "not reported"),
        files={file: system_files.sha256_of(folder / file) for file in cards.KEPT_FILES},
        parameters=status.parameters or 0,
        checks={audited.KEY: data[audited.KEY]} if audited.KEY in data else {},
    )


def _biases(given: Sequence[float] | None, classes: Sequence[str]) -> dict:
    """What a card says of the class biases that the run ended with, sum 0."""
    if not given:
        return {}
    added = np.round(np.subtract(given, np.mean(given)), biases.DIGITS).tolist()
    return {biases.KEY: dict(zip(classes, added, strict=False))}


def _data_words(data: dict, recipe: dict) -> dict:
    """What a card says of the films: how they were divided, thinned and balanced."""
    return {
        **{key: data[key] for key in _DATA_KEYS},
        "group_rule": groups.read_rule(data["group_rule"]).words,
        **({"train_used": data["train_used"]} if "train_used" in data else {}),
        "refused": len(data["refused"]),
        **({"division": "given"} if data.get("division") == "given" else {}),
        "balance": recipe.get("balance", "none"),
        "shrink": recipe.get("shrink", 1.0),
    }


_LEARNED = ("learning_seconds", "best_epoch", "device_name", "precision", "split")
_DATA_KEYS = ("name", "digest", "groups", "counts", "split_digests")
