"""The card of a kept model: what it is, what it learned from, what it gave on its test split and where its limits are.

Reads and writes `card.json`; never opens a network.
"""

from __future__ import annotations

import datetime
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from xraykit.models.cards.fields import Key, Record
from xraykit.models.conversion import formats
from xraykit.refused import Refused, field_of
from xraykit.system.files import FileRefused, read_plain, sha256_of, shown

CARD, NETWORK, BODY, HEAD = "card.json", "model.keras", "features.tflite", "head.npz"
KEPT_FILES = (NETWORK, BODY, HEAD)
SAVE_AGAIN = "Save the model from its run again."
MOST_CARD_BYTES, MOST_FILE_BYTES = 4 * 2**20, 4 * 2**30
DEEPEST = 12  # lists and objects inside each other; a card that xraykit writes has 7
LIMITS = (  # of every model
    "A research demonstration. Not a medical device: never use it to examine, treat or triage a person.",
    "Knows only its classes. Every image, chest film or not, is assigned to one of them.",
)


class ModelRefused(Refused):
    """A model that cannot be used.

    `code`: "model-missing", "model-corrupt", "card-missing", "card-invalid", "hash-mismatch",
    "not-a-kept-model", or a narrower one that `models.conversion` gives for a file from elsewhere; `words`: what is
    wrong and what to do.
    """

    code = "model"


@dataclass(frozen=True)
class Card:
    """The card of a kept model.

    `image_size` pixels (the square the network takes), `channels` 1 or 3, `feature_layer` the last feature
    layer (Grad-CAM's; "" where the network has no heatmap), `temperature` 0.01 to 100, fitted on validation films (1
    where imported), `files` file name -> sha256, `created` ISO 8601 with a time zone. `elsewhere`: what it gave on
    films from other sources, each a dict of `name` (plain), `data` (the dataset in words), `file` (its evaluation in
    the model's folder), `n`, `overlap` (films left out because the model knows them), `compared` (its own films that
    these were compared with), `classes` (theirs -> the model's) and `figures` (as `metrics.test`). `checks`: what was
    looked into after training, by name.
    """

    name: str
    title: str
    created: str
    classes: tuple[str, ...]
    image_size: int
    channels: int
    feature_layer: str
    temperature: float
    recipe: dict
    data: dict
    metrics: dict
    limits: tuple[str, ...]
    software: dict
    files: dict[str, str]
    parameters: int
    elsewhere: tuple[dict, ...] = ()
    checks: dict = field(default_factory=dict)

    def to_json(self) -> str:
        """The card as indented JSON; `from_json` gives an equal card."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, source: str = CARD) -> Card:
        """Read a card, checked whole; raises ModelRefused ("card-invalid") naming what is unknown, missing or wrong."""
        data = _parse(text, source)
        given = {key.name for key in fields(cls) if key.default is MISSING and key.default_factory is MISSING}
        if unknown := sorted(set(data) - {key.name for key in fields(cls)}):
            raise _invalid(source, f"no other keys than a card's; got {formats.shown(', '.join(unknown))}")
        if missing := sorted(given - set(data)):
            raise _invalid(source, f"all keys of a card; {', '.join(missing)} missing")
        try:
            msgspec.convert(data, Record)
        except msgspec.ValidationError as error:
            raise _invalid(source, f"what a card holds as {field_of(error)}; got something else") from None
        _check_values(data, source)
        lists = {key: tuple(data[key]) for key in ("classes", "limits", "elsewhere") if key in data}
        return cls(**{**data, **lists})


def titles_of(cards: Iterable[Card]) -> dict[str, str]:
    """What each model is called for a reader, by name: its title, with the name where titles are equal."""
    cards = list(cards)
    times = Counter(card.title for card in cards)
    return {card.name: card.title if times[card.title] == 1 else f"{card.title} ({card.name})" for card in cards}


def read(folder: Path, name: str | None = None) -> Card:
    """The card of a model folder; raises ModelRefused when it is missing, unreadable or another model's.

    A model is named as its folder, or `name` while it is still being made in a folder of another name.
    """
    path, of_folder = folder / CARD, name_of(folder)
    try:
        card = Card.from_json(read_plain(path, MOST_CARD_BYTES), f"{of_folder}/{CARD}")
    except FileRefused as refused:
        raise _unread(folder, refused) from None
    if card.name != (name or folder.name):
        raise ModelRefused(
            f"The folder {of_folder} holds the model {card.name}, perhaps a copy of it. A model has its folder's name: "
            f"rename the folder to {card.name}, or save the model from its run again under the other name.",
            code="card-invalid",
        )
    return card


def name_of(folder: Path) -> str:
    """A folder's name for a message: short, and text whatever its bytes."""
    return formats.shown(shown(folder.name))


def _unread(folder: Path, refused: FileRefused) -> ModelRefused:
    """Why a folder has no card that can be read."""
    name, is_there = name_of(folder), os.path.lexists(folder / CARD)
    if not is_there and (model_format := formats.recognise(folder)) is not None:
        return ModelRefused(formats.how_to_import(shown(folder.name), model_format), code="not-a-kept-model")
    if is_there or (refused.code != "missing" and os.path.isdir(folder)):
        return ModelRefused(
            f"The card of {name} cannot be read: {refused.words} Let this user read the folder and its files, or save "
            "the model from its run again.",
            code="card-invalid",
        )
    if not os.path.isdir(folder):
        return ModelRefused(
            f"No model named {name}. `python -m xraykit models` lists the models that are there.",
            code="model-missing",
        )
    return ModelRefused(f"{CARD} is missing in {name}. {SAVE_AGAIN}", code="card-missing")


def verify(card: Card, folder: Path) -> None:
    """Hash every file the card names; raises ModelRefused ("model-missing" or "hash-mismatch")."""
    for name, expected in card.files.items():
        path = folder / name
        if not os.path.isfile(path):
            raise ModelRefused(
                f"{name} is missing in {name_of(folder)}. Restore the file, or save the model from its run again.",
                code="model-missing",
            )
        try:
            if path.stat().st_size > MOST_FILE_BYTES or sha256_of(path) != expected:
                raise changed(name, name_of(folder))
        except OSError as error:
            raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> ModelRefused:
    """The refusal ("model-missing") of a model's file that this user or the disk does not let be read."""
    return ModelRefused(
        f"{path.name} of {name_of(path.parent)} cannot be read: {error.strerror}. Restore the file, or save the model "
        "from its run again.",
        code="model-missing",
    )


def changed(file: str, model: str) -> ModelRefused:
    """The refusal ("hash-mismatch") of a model's file that has another sha256 than its card says."""
    return ModelRefused(
        f"{file} of {model} has another sha256 than its card says: it was changed or damaged. Restore the file, or "
        "save the model from its run again.",
        code="hash-mismatch",
    )


def _parse(text: str | bytes, source: str) -> dict:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _invalid(source, "JSON; got something else, or lists inside each other without end") from None
    if not isinstance(data, dict):
        raise _invalid(source, f"a JSON object; got {type(data).__name__}")
    for value in _walk(data, source):
        if isinstance(value, int | float) and not abs(value) <= 2**63:
            raise _invalid(source, "numbers of at most 2 to the 63rd")
        if isinstance(value, str) and len(value) > 10_000:
            raise _invalid(source, "texts of at most 10,000 characters")
    return data


def _walk(data: Any, source: str) -> Iterator[Any]:
    """Every key and leaf; what lies too deep is refused, because pages and comparisons follow it to its end."""
    level = [data]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                yield from value
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            else:
                yield value
        level = inner
    if level:
        raise _invalid(source, f"at most {DEEPEST} lists and objects inside each other; got more")


def _check_values(data: dict, source: str) -> None:
    """What no single field can tell."""
    classes, files, metrics = data["classes"], data["files"], data["metrics"]
    if len(set(classes)) != len(classes):
        raise _invalid(source, "different classes; got one of them twice")
    lines = {"title": [data["title"]], "classes": classes, "feature_layer": [data["feature_layer"]]}
    for key, texts in lines.items():
        if any(unicodedata.category(letter) in ("Cc", "Cs") for line in texts for letter in line):
            raise _invalid(source, f"one line of plain text in {key}; got control characters")
    try:
        datetime.datetime.fromisoformat(data["created"])
    except ValueError:
        raise _invalid(source, "a date and time in created, as in 2026-01-31T12:00:00+00:00") from None
    if missing := [name for name in KEPT_FILES if name not in files]:
        raise _invalid(source, f"a sha256 for {', '.join(missing)}; got none")
    try:
        msgspec.convert([key for key in _keys(data["recipe"])], list[Key])
    except msgspec.ValidationError:
        raise _invalid(source, "names of fields in recipe: letters, digits and '_'") from None
    for part in ("test", "validation"):
        figures = metrics.get(part) or {}
        matrix = figures.get("confusion") or ()
        if matrix and [len(row) for row in matrix] != [len(classes)] * len(classes):
            raise _invalid(source, f"a row and a column of every class in metrics.{part}.confusion")
        if set(figures.get("classes") or ()) - set(classes):
            raise _invalid(source, f"only classes of the card in metrics.{part}.classes")


def _keys(value: Any) -> Iterator[str]:
    """The keys of an object and of all inside it."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(inner)


def _invalid(source: str, words: str) -> ModelRefused:
    return ModelRefused(f"{source} cannot be read as a card: expected {words}. {SAVE_AGAIN}", code="card-invalid")
