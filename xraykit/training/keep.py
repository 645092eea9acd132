"""Keeping: makes a model of `weights/` from a finished run: converted, checked against the network, calibrated, carded.

Opens no network itself: the conversion runs in a process of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import importlib.metadata
import os
import platform
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from xraykit.datasets import dataset
from xraykit.evaluation import calibration, evaluation, operating_point, stats
from xraykit.evaluation import published as published_figures
from xraykit.models import card, classifier, conversion
from xraykit.models.card import Card, ModelRefused
from xraykit.system import files as system_files
from xraykit.system import folders, jobs
from xraykit.system.files import replace_text
from xraykit.system.folders import is_plain_name
from xraykit.training.recipe.rules import BACKBONES
from xraykit.training.run.run import Run, RunRefused

Say = Callable[[str], None]  # told what is being done; what it raises ends the keeping
FOLDER = "keeping"  # in the run's folder: how far a keeping in the background is
SENSITIVITY = 0.95  # that the operating points of a new card aim at; others are chosen on the page Compare
AGREEMENT = 1e-4  # largest allowed difference of any probability between model.keras and the LiteRT path
LIMITS = (
    "A research demonstration. Not a medical device: never use it to examine, treat or triage a person.",
    "Knows only its classes. Any picture, chest film or not, is given to one of them.",
    "Tested on films of the collection it learned from. Part of what it learned may be where a film came from rather "
    "than what it shows: expect lower figures elsewhere.",
    "Age, sex, view and machine of the films are not reported; figures by subgroup cannot be given.",
)
NO_PATIENTS = (
    "No patient ids are known in that collection. Only near-identical pictures were kept on one side of the split; two "
    "different films of one patient may be on both."
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
    say: Say = lambda words: None,
) -> Card:
    """Turn a finished run into the kept model `name`; returns its card.

    `limits` are sentences that the card adds to what is true of every model; `data` is where the films are, if they
    were moved since the run ended; `published` names the set of `published.SETS` that they are of, which their digest
    tells where they are as shipped.

    Raises
    ------
    RunRefused
        If the run has not finished or its files are missing.
    ModelRefused
        If the name is taken or not plain, or the converted graph does not agree with the network to 1e-4 in every
        probability of every validation and test film.
    DatasetRefused
        If the films of the run are not where they were, or are others.
    """
    root = root or folders.models_folder()
    target = root / name
    if not is_plain_name(name):
        raise ModelRefused(f"Expected a name of letters, digits, '.', '_' and '-'; got {name!r}.", code="card-invalid")
    if target.exists() and not replace:
        raise ModelRefused(f"There is a model named {name} already. Choose another name.", code="card-invalid")
    if (state := run.status()["state"]) != "finished":
        raise RunRefused(f"Expected a finished run; {run.name} is {state}.")
    say("Reading the films.")
    films = _films_of(run, data)
    root.mkdir(parents=True, exist_ok=True)
    part = root / f".{name}.{uuid.uuid4().hex[:8]}.part"
    part.mkdir()
    try:
        say("Converting the network.")
        _convert(run, part)
        draft = _draft(run, part, name, title or name, limits)
        say("Reading every validation and test film with the converted network.")
        made = _check(draft, run, films, part, published)
        if target.exists():
            shutil.rmtree(target)
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return made


def start(run: Run, name: str, title: str | None = None, limits: Sequence[str] = ()) -> jobs.Work:
    """Keep a run in a process of its own; the work's folder tells how far it is. Returns at once.

    Raises
    ------
    work.WorkRefused
        If the run is being kept already.
    """
    made = jobs.Work(run.path / FOLDER)
    if made.alive():
        raise jobs.WorkRefused(f"A model is being kept from the run {run.name} already. Wait until it is.")
    words = ["runs", "keep", run.name, "--runs", str(run.path.parent.resolve()), "--as", name, "--out", str(made.path)]
    words += ["--title", title] if title else []
    words += [word for limit in limits for word in ("--limit", limit)]
    jobs.launch(made, words, verb="keep", run=run.name, model=name)
    return made


@contextlib.contextmanager
def telling(out: Path | None, run: Run, name: str) -> Iterator[Say]:
    """What `keep` is to be told to, so that the folder `out` says how far it is and a stop asked there ends it."""
    if out is None:
        yield lambda words: None
        return
    with jobs.going_on(jobs.Work(out), verb="keep", run=run.name, model=name) as going:

        def say(words: str) -> None:
            going.mind()
            going.say("running", words)

        yield say
        going.ending = f"Kept as {name}."


def _films_of(run: Run, data: Path | None) -> dataset.Dataset:
    recorded = run.read("data.json")
    films = dataset.read(data or recorded["root"])
    dataset.expect(films, recorded, run.name)
    return films


def _convert(run: Run, folder: Path) -> None:
    for file in (card.NETWORK, "history.csv"):
        shutil.copyfile(run.path / file, folder / file)
    feature_layer = BACKBONES[run.read("recipe.json")["backbone"]]
    conversion.convert_in_child(folder / card.NETWORK, folder, feature_layer=feature_layer)


def _check(draft: Card, run: Run, films: dataset.Dataset, folder: Path, published: str | None) -> Card:
    """Write readings and card, once the converted graph has agreed with the network on every film."""
    replace_text(folder / "card.json", draft.to_json())
    began = time.perf_counter()
    reading, difference = _read_again(films, folder, run.read("evaluation.json"))
    seconds = time.perf_counter() - began
    if difference > AGREEMENT:
        raise ModelRefused(
            f"Expected the converted graph of {draft.name} to agree with model.keras to {AGREEMENT} in every "
            f"probability; the largest difference is {difference:.2g}.",
            code="model-corrupt",
        )
    replace_text(folder / "evaluation.json", reading["test"].to_json())
    replace_text(folder / "validation.json", reading["validation"].to_json())
    metrics: dict[str, object] = {part: stats.plain(found.metrics()) for part, found in reading.items()}
    n = sum(len(found.films) for found in reading.values())
    metrics["agreement_with_keras"] = {"largest_difference": difference, "films": n}
    metrics["milliseconds_a_film"] = round(1000 * seconds / n, 2)
    metrics["operating_points"] = _operating_points(folder, draft.files[card.NETWORK])
    if figures := published_figures.for_card(draft.data["digest"], published):
        metrics["published"] = figures  # the card lays them beside the accuracy on our test films, with its interval
    files = {path.name: system_files.sha256_of(path) for path in sorted(folder.iterdir()) if path.name != "card.json"}
    made = dataclasses.replace(draft, metrics=metrics, files=files)
    replace_text(folder / "card.json", made.to_json())
    return made


def _operating_points(folder: Path, sha256: str) -> list[dict]:
    """Each class's threshold for the sensitivity aimed at: chosen on validation, and what it gives on test."""
    # As they were written: a threshold is the very probability of a film, and the files round
    validation, test = (evaluation.load(folder / f"{name}.json") for name in ("validation", "evaluation"))
    found = []
    for label in test.classes:
        try:
            point = operating_point.choose(validation, label, sensitivity=SENSITIVITY, sha256=sha256)
            applied = operating_point.apply(point, test, sha256).figures
            figures = {"validation": point.figures, "test": applied}
            found.append({"label": label, "threshold": point.threshold, **stats.plain(figures)})
        except operating_point.OperatingRefused as error:
            found.append({"label": label, "threshold": None, "words": str(error)})
    return found


def _read_again(films: dataset.Dataset, folder: Path, recorded: dict) -> tuple[dict[str, evaluation.Evaluation], float]:
    """Both parts read through the LiteRT path, and the largest difference of a probability from the network's own."""
    model = classifier.load(folder, verify=False)
    temperature = model.card.temperature
    squares = films.squares(model.card.image_size, model.card.channels)
    place = {film: i for i, film in enumerate(films.films)}
    found, largest = {}, 0.0
    for part in ("validation", "test"):
        names = recorded[part]["films"]
        indices = [place[film] for film in names]
        logits = model.predict_squares(squares[indices])
        theirs = calibration.softmax(np.array(recorded[part]["logits"]) / temperature)
        largest = max(largest, float(np.abs(calibration.softmax(logits / temperature) - theirs).max()))
        found[part] = evaluation.Evaluation(
            model=model.card.name,
            classes=films.classes,
            films=tuple(names),
            truth=films.labels[indices],
            logits=logits,
            temperature=temperature,
            hashes=tuple(films.hashes[i] for i in indices),
            groups=tuple(films.groups[indices].tolist()),
            data=f"{films.root.name}, {part} split",
        )
    return found, largest


def _draft(run: Run, folder: Path, name: str, title: str, limits: Sequence[str]) -> Card:
    recipe, data, status = run.read("recipe.json"), run.read("data.json"), run.read("status.json")
    validation = run.read("evaluation.json")["validation"]
    learned = {key: status.get(key) for key in _LEARNED_KEYS}
    weights = (
        {"weights": Path(recipe["weights"]).name} if recipe["weights"] else {}
    )  # a card names no machine's folders
    no_patients = () if "patient ids of" in data["group_rule"] else (NO_PATIENTS,)
    return Card(
        name=name,
        title=title,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        classes=tuple(data["classes"]),
        image_size=recipe["image_size"],
        channels=recipe["channels"],
        feature_layer=BACKBONES[recipe["backbone"]],
        temperature=calibration.fit_temperature(np.array(validation["logits"]), np.array(validation["truth"])),
        recipe=recipe | weights | learned,
        data=_data_words(data, recipe),
        metrics={},
        limits=(*LIMITS, *no_patients, *limits),
        software=_software(status.get("backend", "not reported")),
        files={file: system_files.sha256_of(folder / file) for file in card.KEPT_FILES},
        parameters=int(status["parameters"]),
    )


def _data_words(data: dict, recipe: dict) -> dict:
    """What a card says of the films: how they were divided, thinned and balanced."""
    return {
        **{key: data[key] for key in _DATA_KEYS},
        **({"train_used": data["train_used"]} if "train_used" in data else {}),
        "refused": len(data["refused"]),
        "balance": recipe.get("balance", "none"),
        "shrink": recipe.get("shrink", 1.0),
    }


_LEARNED_KEYS = ("learning_seconds", "best_epoch", "device_name", "precision", "split")
_DATA_KEYS = ("name", "digest", "group_rule", "groups", "counts", "split_digests")


def _software(backend: str) -> dict[str, str]:
    of_backend = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",), "torch": ("torch",)}
    names = ("keras", *of_backend.get(backend, ()), "ai-edge-litert", "numpy", "pillow")
    found = {"python": platform.python_version(), "backend": backend}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
