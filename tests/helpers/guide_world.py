"""The folder in which the commands of the guides are run: what they name lies there, tiny and synthetic.

Films `films/`, `elsewhere/` and `ward/`, four models, runs `old`, `stopped` and `at-work`, studies of these names and
`tiny`, a reading session `monday`, a Keras file, weights of ImageNet that are none.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from tests.helpers import audits, film_folders, remembered, run_folders, study_folders, study_results
from xraykit.datasets import dataset
from xraykit.evaluation import evaluation
from xraykit.evaluation.evaluation import FILES
from xraykit.experiments import study_folder
from xraykit.experiments.study_folder import StudyState
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card
from xraykit.reading import kept
from xraykit.reading.impressions import Impression
from xraykit.system.job_folder.record import State
from xraykit.training.recipe import presets
from xraykit.training.run import run as runs
from xraykit.truth import model_audit

CLASSES = ("COVID-19", "Normal", "Viral Pneumonia")
MODELS = ("mobilenetv2-imagenet", "mobilenetv2-scratch", "mobilenetv2-pooled", "my-model")
FILMS = ("films", "elsewhere", "ward")
# What a guide says of another place, here
NAMES = {"/shared/films": "films", "/shared/studies": "runs/studies"}


def environment(world: Path) -> dict[str, str]:
    """Every folder of xraykit in the world."""
    names = ("runs", "weights", "datasets", "data", "cache", "imagenet")
    return {f"XRAYKIT_{name.upper()}": str(world / name) for name in names}


def make(world: Path) -> Path:
    """Make it; the environment must name its folders already."""
    films = film_folders.make(world / "films", CLASSES, films=12)
    _draw(world / "elsewhere" / "Normal", 1, 8)
    _draw(world / "elsewhere" / "Pneumonia", 2, 8)
    _draw(world / "ward", 0, 3)
    for number, name in enumerate(MODELS):
        remembered.remembering(world / "weights", films, name)
        _answer(world / "weights" / name, number)
    (world / "their.keras").write_bytes(b"no network")
    (world / "imagenet").mkdir()
    (world / "imagenet" / "mobilenet_1.0_224_no_top.weights.h5").write_bytes(b"no weights")
    _runs(world / "runs", films)
    _studies(world / "runs" / "studies", films)
    _session(world / "runs" / "readings" / "monday")
    return world


@contextmanager
def at_work(world: Path) -> Iterator[None]:
    """As long as this lasts, the run and the study called so are alive."""
    run, study = runs.Run(world / "runs" / "at-work"), study_folder.StudyFolder(world / "runs" / "studies" / "at-work")
    with ExitStack() as stack:
        stack.callback(run.hold().close)
        stack.enter_context(study.hold())
        yield


def stop_run(run: runs.Run) -> None:
    """Stands in for `control.stop`: the run has heard it already."""
    run.update(state=State.STOPPED)


def stop_study(study: study_folder.StudyFolder) -> None:
    """Stands in for `StudyFolder.ask_to_stop`."""
    study.write_state(StudyState(state=State.STOPPED, runs=4))


def learn(run: runs.Run, *_: object, **__: object) -> None:
    """Stands in for `fit` of `worker.train`."""
    figures = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.25, "val_accuracy": 0.9}
    run.update(epoch=2, best_epoch=1, best_loss=0.25, best_accuracy=0.9, learning_seconds=75.0, **figures)


def audit(models: Sequence[str], folder: Path, out: Path, *_: object) -> list[model_audit.Audited]:
    """Stands in for `model_audit.audit`."""
    out.mkdir()
    return [audits.audited(name) for name in models]


def made(model: Path) -> Card:
    """What `importing.import_model` and `keep.keep` would answer."""
    return replace(cards.read(model), metrics={"agreement_with_keras": {"largest_difference": 2.5e-7, "films": 12}})


def _draw(folder: Path, label: int, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        Image.fromarray(film_folders.draw(label, 500 + number)).save(folder / f"film-{number:02}.png")


def _answer(model: Path, seed: int) -> None:
    """Give the films of a model's evaluations answers that are mostly right, and its card their sums."""
    for file in FILES.values():
        read = evaluation.load(model / file)
        logits = np.random.default_rng(seed).normal(size=(len(read.truth), len(read.classes)))
        logits[np.arange(len(logits)), read.truth] += 1.5
        (model / file).write_text(replace(read, logits=logits).to_json(False))
    card = cards.read(model)
    sums = {file: hashlib.sha256((model / file).read_bytes()).hexdigest() for file in FILES.values()}
    (model / "card.json").write_text(replace(card, files=card.files | sums).to_json())


def _runs(root: Path, films: Path) -> None:
    run_folders.write(root, "old", state="finished", eta=0)
    run_folders.write(root, "at-work")
    stopped = runs.create(json.loads(presets.NAMED["tiny"].to_json()), films, root, "stopped")
    stopped.update(state=State.STOPPED)


def _studies(root: Path, films: Path) -> None:
    study_results.write(root, study_folders.study(name="tiny"))
    study_results.write(root, study_folders.study(name="old"), name="old")
    for name, state in (("at-work", State.RUNNING), ("stopped", State.STOPPED)):
        made = study_folders.make(root, dataset.read(films), study_folders.study(name=name))
        made.write_state(StudyState(state=state, runs=4))


def _session(folder: Path) -> None:
    folder.mkdir(parents=True)
    film = kept.ReadFilm("a" * 64, 1, Impression(finding="Normal", seconds=9.0))
    record = kept.Record(kept.Options(keep=True, title="Monday", classes=CLASSES), "", "", (film,))
    (folder / kept.SESSION).write_bytes(msgspec.json.encode(record))
    os.chmod(folder, 0o700)
