"""What a kept model brings beside its network, what differs between the cards of several, and how a new one is placed.

Reads evaluations, history and card; opens no network and no film.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from xraykit.evaluation import evaluation, learning_curve
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import classifier
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.models.conversion import formats
from xraykit.system import folders as system_folders

UNKNOWN = "not reported"
TEST, VALIDATION, HISTORY = "evaluation.json", "validation.json", "history.csv"


class Kept(NamedTuple):
    """A kept model's records; `validation` None and `history` empty where its `folder` has none."""

    card: Card
    test: Evaluation
    validation: Evaluation | None
    history: list[learning_curve.Row]
    folder: Path


@dataclass(frozen=True)
class Difference:
    """One field of several cards: `values` in the cards' order, plain data or "not reported"."""

    field: str
    values: tuple[Any, ...]

    def to_json(self) -> str:
        """A line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False) + "\n"


def check_name(name: str, root: Path | None = None, replace: bool = False) -> None:
    """Raises ModelRefused ("card-invalid") where a new model cannot have this name."""
    if not system_folders.is_plain_name(name):
        shown = name if len(name) <= 100 else f"{name[:40]}... ({len(name)} characters)"
        raise ModelRefused(
            f"Expected a name of at most 100 letters, digits, '.', '_' and '-', starting with a letter or digit; got "
            f"{shown!r}.",
            code="card-invalid",
        )
    if is_taken(name, root) and not replace:
        raise ModelRefused(f"There is a model named {name} already. Choose another name.", code="card-invalid")


def is_taken(name: str, root: Path | None = None) -> bool:
    """Does a model have this name already?"""
    return os.path.lexists((root or system_folders.models_folder()) / name)


@contextlib.contextmanager
def new_model(name: str, root: Path | None = None, replace: bool = False) -> Iterator[Path]:
    """A folder to write a model's files into; at the end it becomes the model `name`, in one step.

    Until then it is hidden; where anything raises, it is gone. Raises ModelRefused where the name cannot be given.
    """
    root = root or system_folders.models_folder()
    check_name(name, root, replace)
    root.mkdir(parents=True, exist_ok=True)
    system_folders.restore(root)
    with system_folders.claimed(root, name) as ours:
        if not ours:
            raise ModelRefused(
                f"Another process is saving a model named {name}. Wait until it is done"
                f"{', then try again' if replace else ', or choose another name'}.",
                code="card-invalid",
            )
        check_name(name, root, replace)  # it may have been taken before it was claimed
        mark = uuid.uuid4().hex[:8]
        unfinished = root / f".{name}.{mark}.{system_folders.UNFINISHED}"
        unfinished.mkdir()
        try:
            yield unfinished
            check_name(name, root, replace)  # a folder may have been put there by hand meanwhile
            system_folders.put(unfinished, root / name, root / f".{name}.{mark}.{system_folders.BEFORE}")
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def software(backend: str) -> dict[str, str]:
    """Versions of what trained or converted a network and of what reads it, by package."""
    backends = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",), "torch": ("torch",)}
    versions = {"python": platform.python_version(), "backend": backend}
    for package in ("keras", *backends.get(backend, ()), "ai-edge-litert", "numpy", "pillow"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def load_kept(name_or_folder: str | Path) -> Kept:
    """The card, test evaluation, validation evaluation and history of a kept model, each checked against the card.

    Raises
    ------
    ModelRefused
        If there is no such model, a file is not the one its card names, or it has no test evaluation.
    EvaluationRefused, HistoryRefused
        If one cannot be read.
    """
    folder = classifier.find(name_or_folder)
    card = cards.read(folder)
    cards.verify(card, folder)
    if not (folder / TEST).is_file():
        raise ModelRefused(
            f"{folder.name} has no {TEST}: it was never tested on films of its own. Evaluate it and the other models "
            "on one "
            "folder of labelled films, and compare what that gives: `python -m xraykit evaluate --model NAME --model "
            "NAME --data FILMS --out DIR`, or Evaluate a folder on the page Compare.",
            code="model-missing",
        )
    test = evaluation.load(folder / TEST)
    validation = evaluation.load(folder / VALIDATION) if (folder / VALIDATION).is_file() else None
    for records in (test, validation):
        if records is not None and (records.model, records.classes) != (card.name, card.classes):
            raise ModelRefused(
                f"The folder {card.name} holds an evaluation of another model or of other classes: expected those of "
                f"its card. {cards.SAVE_AGAIN}",
                code="hash-mismatch",
            )
    rows = learning_curve.load(folder / HISTORY) if (folder / HISTORY).is_file() else []
    return Kept(card, test, validation, rows, folder)


def load_evaluation(place: str | Path) -> Evaluation:
    """The evaluation of a file, of a folder that holds an evaluation.json, or of a kept model by name.

    Raises
    ------
    EvaluationRefused
        If there is none, or it cannot be read.
    ModelRefused
        If a kept model's files are not those its card names.
    """
    path = Path(place)
    if (model_format := formats.recognise(path)) is not None:
        raise ModelRefused(formats.how_to_import(path.name, model_format), code="not-a-kept-model")
    if os.path.isfile(path):
        return evaluation.load(path)
    if os.path.isfile(path / TEST) and not os.path.isfile(path / cards.CARD):
        return evaluation.load(path / TEST)
    if os.path.isfile(classifier.find(place) / cards.CARD):
        return load_kept(place).test
    raise evaluation.EvaluationRefused(
        f"{formats.shown(str(place))} is no {TEST}, no folder that holds one, and no kept model's name. `python -m "
        "xraykit evaluate` "
        "writes one; `python -m xraykit models` lists the models."
    )


def differences(given: Sequence[Card]) -> list[Difference]:
    """The fields in which the cards differ: recipe, data, network and software, in the order the cards have them.

    Names like `recipe.phases.0.learning_rate`. A field that a card does not have is "not reported".
    """
    flat = [_flatten(_comparable(card)) for card in given]
    names = dict.fromkeys(name for fields in flat for name in fields)
    rows = (Difference(name, tuple(fields.get(name, UNKNOWN) for fields in flat)) for name in names)
    return [row for row in rows if any(value != row.values[0] for value in row.values)]


def costs(given: Sequence[Card], folders: Sequence[Path] | None = None) -> list[Difference]:
    """Parameters, bytes of the network, seconds of learning and milliseconds a film, equal or not.

    `folders` of the models in the cards' order; by name below the models' root if not given. Milliseconds come from
    the card's metrics, where a benchmark wrote them.
    """
    places = list(folders) if folders is not None else [system_folders.models_folder() / card.name for card in given]
    columns = {
        "parameters": [card.parameters or UNKNOWN for card in given],
        "network bytes": [_size(place / cards.NETWORK) for place in places],
        "reading files bytes": [_size(place / cards.BODY, place / cards.HEAD) for place in places],
        "learning seconds": [_known(card.recipe.get("learning_seconds")) for card in given],
        "best epoch": [_known(card.recipe.get("best_epoch"), plus=1) for card in given],
        "milliseconds a film": [_known(card.metrics.get("milliseconds_a_film")) for card in given],
    }
    return [Difference(field, tuple(values)) for field, values in columns.items()]


def _comparable(card: Card) -> dict[str, Any]:
    """What a person chose, or what it rests on; names, dates, hashes of files and figures differ always.

    What the recipe says of the network's input the card itself says too, and is compared once.
    """
    elsewhere = ("learning_seconds", "best_epoch", "image_size", "channels")
    recipe = {key: value for key, value in card.recipe.items() if key not in elsewhere}
    return {
        "recipe": recipe,
        "data": card.data,
        "classes": list(card.classes),
        "image_size": card.image_size,
        "channels": card.channels,
        "feature_layer": card.feature_layer,
        "temperature": card.temperature,
        "software": card.software,
    }


def _flatten(value: Any, name: str = "") -> dict[str, Any]:
    """Leaves by dotted path; a list of plain values is a leaf."""
    if isinstance(value, Mapping) and value:
        parts = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        parts = enumerate(value)
    else:
        return {name: value}
    return {
        path: leaf
        for key, item in parts
        for path, leaf in _flatten(item, f"{name}.{key}" if name else str(key)).items()
    }


def _size(*files: Path) -> int | str:
    return sum(file.stat().st_size for file in files) if all(file.is_file() for file in files) else UNKNOWN


def _known(value: Any, plus: int = 0) -> Any:
    return UNKNOWN if value is None else value + plus if isinstance(value, int | float) else value
