"""The card of a kept model: what it is, what it learned from, what it gave on its test split and where its limits are.

Reads and writes `card.json`; never opens a network.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from xraykit.models.conversion import formats
from xraykit.refused import Refused
from xraykit.system.files import sha256_of

CARD, NETWORK, BODY, HEAD = "card.json", "model.keras", "features.tflite", "head.npz"
KEPT_FILES = (NETWORK, BODY, HEAD)
SAVE_AGAIN = "Save the model from its run again."
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
    layer (Grad-CAM's; "" where the network has no heatmap), `temperature` > 0 fitted on validation films (1 where
    imported), `files` file name -> sha256, `created` ISO 8601 with a time zone.
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
    def from_json(cls, text: str, source: str = CARD) -> Card:
        """Read a card; raises ModelRefused ("card-invalid") naming what is unknown, missing or wrong."""
        data = _parse(text, source)
        keys = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - keys):
            raise _invalid(source, f"no other keys than a card's; got {', '.join(unknown)}")
        if missing := sorted(keys - set(data)):
            raise _invalid(source, f"all keys of a card; {', '.join(missing)} missing")
        _check_types(data, source)
        _check_values(data, source)
        return cls(**{**data, "classes": tuple(data["classes"]), "limits": tuple(data["limits"])})


def read(folder: Path) -> Card:
    """The card of a model folder; raises ModelRefused when it is missing or unreadable."""
    path = folder / CARD
    is_there = os.path.isfile(path)  # unlike is_file, False for a name too long to be any
    if not is_there and (found := formats.recognise(folder)) is not None:
        raise ModelRefused(formats.how_to_import(folder.name, found), code="not-a-kept-model")
    if not os.path.isdir(folder):
        raise ModelRefused(
            f"No model named {formats.shown(folder.name)}. `python -m xraykit models` lists the models that are there.",
            code="model-missing",
        )
    if not is_there:
        raise ModelRefused(
            f"{CARD} is missing in {folder.name}. {SAVE_AGAIN}",
            code="card-missing",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(f"{folder.name}/{CARD}", f"readable UTF-8 text; got {type(error).__name__}") from error
    return Card.from_json(text, f"{folder.name}/{CARD}")


def verify(card: Card, folder: Path) -> None:
    """Hash every file the card names; raises ModelRefused ("model-missing" or "hash-mismatch")."""
    for name, expected in card.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelRefused(
                f"{name} is missing in {folder.name}. Restore the file, or save the model from its run again.",
                code="model-missing",
            )
        if sha256_of(path) != expected:
            raise changed(name, folder.name)


def changed(file: str, model: str) -> ModelRefused:
    """The refusal ("hash-mismatch") of a model's file that has another sha256 than its card says."""
    return ModelRefused(
        f"{file} of {model} has another sha256 than its card says: it was changed or damaged. Restore the file, or "
        "save the model from its run again.",
        code="hash-mismatch",
    )


def _parse(text: str, source: str) -> dict:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _invalid(source, f"JSON; got {error}") from error
    if not isinstance(data, dict):
        raise _invalid(source, f"a JSON object; got {type(data).__name__}")
    return data


def _check_types(data: dict, source: str) -> None:
    kinds = {
        str: ("name", "title", "created", "feature_layer"),
        int: ("image_size", "channels", "parameters"),
        (int, float): ("temperature",),
        list: ("classes", "limits"),
        dict: ("recipe", "data", "metrics", "software", "files"),
    }
    for kind, names in kinds.items():
        for name in names:
            if not isinstance(data[name], kind) or isinstance(data[name], bool):
                raise _invalid(source, f"{name} of another type; got {type(data[name]).__name__}")
    for name, texts in (
        ("classes", data["classes"]),
        ("limits", data["limits"]),
        ("files", list(data["files"].values())),
    ):
        if not all(isinstance(text, str) for text in texts):
            raise _invalid(source, f"only text in {name}; got something else")


def _check_values(data: dict, source: str) -> None:
    classes, files = data["classes"], data["files"]
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise _invalid(source, f"two or more different classes; got {classes}")
    if data["channels"] not in (1, 3) or not 16 <= data["image_size"] <= 2048:
        raise _invalid(
            source,
            f"1 or 3 channels and 16 to 2048 pixels; got {data['channels']} channels and {data['image_size']} pixels",
        )
    if not 0 < data["temperature"] < float("inf"):
        raise _invalid(source, f"a finite temperature above 0; got {data['temperature']}")
    if missing := [name for name in KEPT_FILES if name not in files]:
        raise _invalid(source, f"a sha256 for {', '.join(missing)}; got none")
    for name, digest in files.items():
        if Path(name).name != name or "\\" in name or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise _invalid(source, f"plain file names with a sha256 each; got {name!r}: {digest!r}")


def _invalid(source: str, words: str) -> ModelRefused:
    return ModelRefused(f"{source} cannot be read as a card: expected {words}. {SAVE_AGAIN}", code="card-invalid")
