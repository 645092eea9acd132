"""The card of a kept model: what it is, what it learned from, what it gave on its test split and where its limits are.

Reads and writes `card.json`; never opens a network.
"""

from __future__ import annotations

import datetime
import json
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from msgspec import Meta

from xraykit.models.conversion import formats
from xraykit.refused import Refused, field_of
from xraykit.system import folders
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


Count = Annotated[int, Meta(ge=0, le=2**53)]
Number = Annotated[float, Meta(ge=-1e12, le=1e12)]
Amount = Annotated[float, Meta(ge=0, le=1e12)]
Share = Annotated[float, Meta(ge=-1.01, le=1.01)]  # kappa may be below 0, and a sum of shares a rounding above 1
Line = Annotated[str, Meta(max_length=1000)]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
Key = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$")]


# The fields that pages and reports read, where a card has them. Others may stand beside them: newer versions add some.
class _Figure(TypedDict, total=False):
    value: Share | None
    low: Share | None
    high: Share | None
    n: Count | None


class _ClassFigures(TypedDict, total=False):
    support: Count
    sensitivity: _Figure | None
    specificity: _Figure | None
    ppv: _Figure | None
    npv: _Figure | None
    f1: Share | None
    auroc: Share | None
    auroc_delong: _Figure | None


class _Calibration(TypedDict, total=False):
    temperature: Amount
    before: dict[Line, Amount | None] | None
    after: dict[Line, Amount | None] | None


class _Part(TypedDict, total=False):
    n: Count
    accuracy: _Figure | None
    balanced_accuracy: Share | None
    macro_f1: Share | None
    kappa: Share | None
    macro_auroc: Share | None
    confusion: list[list[Count]] | None
    classes: dict[Label, _ClassFigures] | None
    calibration: _Calibration | None


class _AtPoint(TypedDict, total=False):
    n: Count
    sensitivity: _Figure | None
    specificity: _Figure | None
    ppv: _Figure | None
    npv: _Figure | None


class _Point(TypedDict, total=False):
    label: Label
    threshold: Share | None
    words: Line
    validation: _AtPoint | None
    test: _AtPoint | None


class _Agreement(TypedDict, total=False):
    largest_difference: Amount
    films: Count
    kind: Line
    allowed: Amount


class _Published(TypedDict, total=False):
    study: Line
    source: Line
    measure: Line
    words: Line
    label: Line
    weights: Line
    value: Share


class _Metrics(TypedDict, total=False):
    test: _Part | None
    validation: _Part | None
    operating_points: list[_Point] | None
    agreement_with_keras: _Agreement | None
    milliseconds_a_film: Amount | None
    published: list[_Published] | None


class _Data(TypedDict, total=False):
    name: Line
    digest: Line
    group_rule: Line
    groups: Count | None
    counts: dict[Label, dict[Label, Count]] | None
    split_digests: dict[Label, Line] | None
    refused: Count | None
    train_used: dict[Label, Count] | None
    shrink: Amount
    balance: Line
    division: Line


class _Hidden(TypedDict, total=False):
    width: Count
    dropout: Amount
    activation: Line


class _Phase(TypedDict, total=False):
    epochs: Count
    learning_rate: Amount
    trainable: Count | Line
    optimizer: Line
    schedule: Line
    warmup_epochs: Amount | None
    weight_decay: Amount | None
    augment: bool


class _Augmentation(TypedDict, total=False):
    rotation: Amount
    shift: Amount
    zoom: Amount
    brightness: Amount
    contrast: Amount
    flip: bool
    crop: Amount
    stretch: Amount
    gamma: Amount
    equalize: Amount
    frame: Amount
    text: Amount
    erase: Amount
    degrade: Amount


class _Imported(TypedDict, total=False):
    file: Line
    sha256: Line
    keras: Line
    scaling: Line
    output: Line


class _Recipe(TypedDict, total=False):
    name: Line
    phases: list[_Phase]
    backbone: Line
    alpha: Amount
    weights: Line | None
    image_size: Count
    channels: Count
    pooling: Line
    hidden: list[_Hidden]
    batch_normalization: Line
    momentum: Amount
    batch_size: Count
    label_smoothing: Amount
    class_weights: list[Amount] | None
    balance: Line
    shrink: Amount
    augmentation: _Augmentation
    mixup: Amount
    cached_passes: Count
    plateau_factor: Amount
    plateau_patience: Count
    early_stopping: Count | None
    bias_correction: bool
    keep: Line
    division: Line
    validation: Amount
    test: Amount
    seed: Count
    precision: Line
    backend: Line
    learning_seconds: Amount | None
    best_epoch: Count | None
    device: Line | None
    device_name: Line | None
    split: Count | None
    imported: _Imported


class _Record(TypedDict):
    name: Annotated[str, Meta(pattern=f"^{folders.PLAIN_NAME}$")]
    title: Annotated[str, Meta(min_length=1, max_length=1000)]
    created: Annotated[str, Meta(max_length=40)]
    classes: Annotated[list[Label], Meta(min_length=2, max_length=1000)]
    image_size: Annotated[int, Meta(ge=16, le=2048)]
    channels: Literal[1, 3]
    feature_layer: Line
    temperature: Annotated[float, Meta(ge=0.01, le=100)]  # one that is fitted is 0.05 to 20
    recipe: _Recipe
    data: _Data
    metrics: _Metrics
    limits: Annotated[list[Annotated[str, Meta(max_length=10_000)]], Meta(max_length=100)]
    software: Annotated[dict[Line, Line], Meta(max_length=100)]
    files: Annotated[dict[FileName, Digest], Meta(max_length=100)]
    parameters: Count


@dataclass(frozen=True)
class Card:
    """The card of a kept model.

    `image_size` pixels (the square the network takes), `channels` 1 or 3, `feature_layer` the last feature
    layer (Grad-CAM's; "" where the network has no heatmap), `temperature` 0.01 to 100, fitted on validation films (1
    where imported), `files` file name -> sha256, `created` ISO 8601 with a time zone.
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

    def to_json(self) -> str:
        """The card as indented JSON; `from_json` gives an equal card."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, source: str = CARD) -> Card:
        """Read a card, checked whole; raises ModelRefused ("card-invalid") naming what is unknown, missing or wrong."""
        data = _parse(text, source)
        keys = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - keys):
            raise _invalid(source, f"no other keys than a card's; got {formats.shown(', '.join(unknown))}")
        if missing := sorted(keys - set(data)):
            raise _invalid(source, f"all keys of a card; {', '.join(missing)} missing")
        try:
            msgspec.convert(data, _Record)
        except msgspec.ValidationError as error:
            raise _invalid(source, f"what a card holds as {field_of(error)}; got something else") from None
        _check_values(data, source)
        return cls(**{**data, "classes": tuple(data["classes"]), "limits": tuple(data["limits"])})


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
    if not is_there and (found := formats.recognise(folder)) is not None:
        return ModelRefused(formats.how_to_import(shown(folder.name), found), code="not-a-kept-model")
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
    for field, texts in lines.items():
        if any(unicodedata.category(letter) in ("Cc", "Cs") for line in texts for letter in line):
            raise _invalid(source, f"one line of plain text in {field}; got control characters")
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
