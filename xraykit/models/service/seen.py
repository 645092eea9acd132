"""What goes into a network for one film: the very tensor, the features it becomes, and how it came about.

Plain data for whoever shows it; the words are made elsewhere.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.datasets.reading import groups
from xraykit.films.decoder import Glance
from xraykit.films.dicom.softcopy import Function
from xraykit.models import classifier
from xraykit.models.cards.card import NETWORK
from xraykit.models.classifier import Classifier

MOST_CONFIG = 16 * 2**20  # bytes of a network's description


@dataclass(frozen=True)
class Way:
    """From a film's file to a network's input.

    Attributes
    ----------
    format, colour, width, height
        Of the film, as `Radiograph` has them, after it was turned.
    bits : int
        The film's values are below 2**bits.
    codes : tuple of str
        Of what was noted when it was read (`films.note.Note`): "modality-lut", "no-window", "palette", ...
    slope, intercept, units
        value = stored * slope + intercept, as `Softcopy` has them.
    window : (name, function, low, high) or None
        The one that the network's film was made with; None where it is not known.
    inverted : bool
        Whether low values are bright (MONOCHROME1), and black and white were changed round after the window.
    laid : (int, bool)
        Degrees clockwise that a reader turned the film by first, and whether they changed black and white round.
    box : (left, top, right, bottom)
        The square of the film that was cut out, in its pixels.
    size, channels : int
        Of the network's input.
    values : (int, int)
        Lowest and highest of the tensor.
    scaled : (float, float) or None
        What the network's own first layer makes of 0 and 255; None where it has no such layer, or one a channel.
    """

    format: str
    colour: bool
    width: int
    height: int
    bits: int
    codes: tuple[str, ...]
    slope: float
    intercept: float
    units: str | None
    window: tuple[str, Function, float, float] | None
    inverted: bool
    laid: tuple[int, bool]
    box: tuple[int, int, int, int]
    size: int
    channels: int
    values: tuple[int, int]
    scaled: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Seen:
    """One film as one model saw it.

    `tensor` float32 (S, S, ch), 0..255 in whole numbers: what LiteRT is given. `features` float32 (K,): the mean over
    the grid of the last feature layer's output. `sha256` of the file and `fingerprint` uint64 (4,) of the film, as it
    was laid.
    """

    tensor: np.ndarray
    features: np.ndarray
    sha256: str
    fingerprint: np.ndarray
    way: Way


def see(film: Glance, model: Classifier) -> Seen:
    """What a model is given of a film whose squares are at hand, that of its fingerprint among them."""
    card = model.card
    square = film.squares[card.image_size, card.channels]
    tensor = classifier.tensor_of(square)[0]
    return Seen(
        tensor=tensor,
        features=model.features(square[None])[0].mean(axis=(0, 1)),
        sha256=film.sha256,
        fingerprint=groups.fingerprint_of(film.squares[groups.FORM]),
        way=_way(film, tensor, model),
    )


def _way(film: Glance, tensor: np.ndarray, model: Classifier) -> Way:
    drawn = film.softcopy
    window = drawn.windows[0] if drawn else None
    return Way(
        format=film.format,
        colour=film.colour,
        width=film.width,
        height=film.height,
        bits=film.bits,
        codes=tuple(note.code for note in film.notes),
        slope=drawn.slope if drawn else 1.0,
        intercept=drawn.intercept if drawn else 0.0,
        units=drawn.units if drawn else None,
        window=(window.name, window.function, float(window.low), float(window.high)) if window else None,
        inverted=bool(drawn and drawn.inverted) != film.laid[1],
        laid=film.laid,
        box=film.box,
        size=tensor.shape[0],
        channels=tensor.shape[2],
        values=(int(tensor.min()), int(tensor.max())),
        scaled=scaling(model.folder / NETWORK),
    )


def scaling(network: Path) -> tuple[float, float] | None:
    """What the first Rescaling layer of a Keras file makes of 0 and of 255, told by its description alone.

    None where there is none, one for each channel, or no such file.
    """
    try:
        with zipfile.ZipFile(network) as archive:
            if archive.getinfo("config.json").file_size > MOST_CONFIG:
                return None
            layers = list(_layers(json.loads(archive.read("config.json"))))
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile, NotImplementedError):
        return None
    for layer in layers:
        if layer.get("class_name") == "Rescaling" and isinstance(config := layer.get("config"), dict):
            factor, offset = config.get("scale"), config.get("offset", 0.0)
            if isinstance(factor, int | float) and isinstance(offset, int | float):
                return float(offset), float(255 * factor + offset)
            return None
    return None


def _layers(config: Any) -> Iterator[dict[str, Any]]:
    """The layers of a flat network in their order."""
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else None
    yield from (layer for layer in layers or () if isinstance(layer, dict))
