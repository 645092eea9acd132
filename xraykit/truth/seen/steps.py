"""How a network's input came about, a step at a time: words for what types say, and nothing decided by words."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from xraykit.datasets.reading.groups import NEAR_DUPLICATE
from xraykit.models.service.seen import Seen, Way
from xraykit.truth.seen.films import Known

Kind = Literal["file", "turned", "modality", "window", "polarity", "colour", "crop", "resampling", "range"]
FUNCTIONS = {"linear": "linear", "linear-exact": "linear, exact", "sigmoid": "sigmoid", "table": "VOI LUT"}
PARTS_IN_WORDS = {"train": "training set", "validation": "validation set", "test": "test set"}


@dataclass(frozen=True)
class Step:
    """One step from the file to the tensor: `kind` for programs, `name` and `words` for people."""

    kind: Kind
    name: str
    words: str


def steps(way: Way) -> list[Step]:
    """Every step from the file to the tensor, in order; what did not happen is said where a reader would ask."""
    made = [
        _file(way),
        _turned(way),
        _modality(way),
        _window(way),
        _polarity(way),
        _colour(way),
        _crop(way),
        _resampling(way),
        _range(way),
    ]
    return [step for step in made if step is not None]


def known_words(known: Known, twins: bool = True) -> str:
    """ "In the training set", or "Near twin in the training set (3 of 256 bits differ)"."""
    part = PARTS_IN_WORDS[known.split]
    if known.exact:
        return f"In the model's {part}"
    apart = f" ({known.bits} of 256 bits differ; up to {NEAR_DUPLICATE} count as a twin)" if twins else ""
    return f"Near twin in the model's {part}{apart}"


def _file(way: Way) -> Step:
    colour = "colour" if way.colour else "grey"
    return Step("file", "File", f"{way.format}, {way.width:,} × {way.height:,}, {way.bits} bits, {colour}.")


def _turned(way: Way) -> Step | None:
    turn, inverted = way.laid
    said = [f"Turned by {turn}° clockwise."] * bool(turn) + ["Black and white changed round by the reader."] * inverted
    if "turned" in way.codes:
        said.append("Turned upright by the file's EXIF orientation.")
    return Step("turned", "Turned", " ".join(said)) if said else None


def _modality(way: Way) -> Step | None:
    if way.format != "DICOM" or way.colour:
        return None
    units = f" {way.units}" if way.units else ""
    if "modality-lut" in way.codes:
        return Step("modality", "Modality LUT", f"Applied: a table of the file gives the values{units}.")
    if (way.slope, way.intercept) != (1.0, 0.0):
        return Step("modality", "Modality LUT", f"value = {way.slope:g} × stored {_signed(way.intercept)}{units}.")
    return Step("modality", "Modality LUT", "None: the stored values are the values.")


def _signed(number: float) -> str:
    return f"{'−' if number < 0 else '+'} {abs(number):g}"


def _window(way: Way) -> Step | None:
    if way.window is None or way.colour:
        return None
    name, function, low, high = way.window
    if way.format != "DICOM":
        return Step("window", "Grey levels", f"The file's full range, {low:g} to {high:g}; no window, no percentiles.")
    if {"no-window", "window-misses"} & set(way.codes):
        why = "shows next to nothing of it" if "window-misses" in way.codes else "is missing"
        words = f"The file's window {why}: the range of the film's own pixels, {low:g} to {high:g}; no percentiles."
        return Step("window", "Range", words)
    if function == "table":
        return Step("window", "VOI LUT", f"“{name}”, for values from {low:g} to {high - 1:g}.")
    if not {"window", "voi-lut"} & set(way.codes):
        return Step("window", "Grey levels", f"No window in the file: all values from {low:g} to {high:g}.")
    centre, width = (low + high) / 2, high - low
    return Step("window", "VOI window", f"“{name}”: centre {centre:g}, width {width:g}, {FUNCTIONS[function]}.")


def _polarity(way: Way) -> Step:
    if way.inverted:
        return Step("polarity", "Polarity", "Inverted after the window: stored with bright = air (MONOCHROME1).")
    return Step("polarity", "Polarity", "As stored: bright = dense.")


def _colour(way: Way) -> Step:
    if way.colour:
        kept = "its three channels" if way.channels == 3 else "one channel, its luma (ITU-R BT.601)"
        return Step("colour", "Channels", f"Colour film: {kept}.")
    if way.channels == 3:
        return Step("colour", "Channels", "Grey film: the same channel three times.")
    return Step("colour", "Channels", "One, grey.")


def _crop(way: Way) -> Step:
    left, top, right, bottom = way.box
    whole = (way.width - (right - left), way.height - (bottom - top))
    if whole == (0, 0):
        return Step("crop", "Crop", "None: the film is square. Nothing padded, nothing squeezed.")
    parts = []
    if whole[0]:
        parts.append(f"{left:,} columns at the left and {way.width - right:,} at the right")
    if whole[1]:
        parts.append(f"{top:,} rows at the top and {way.height - bottom:,} at the bottom")
    unseen = 1 - (right - left) * (bottom - top) / (way.width * way.height)
    return Step(
        "crop",
        "Crop",
        f"The centre square, {right - left:,} × {bottom - top:,}: {' and '.join(parts)} are left out ({unseen:.0%} of "
        "the film). Nothing padded, nothing squeezed.",
    )


def _resampling(way: Way) -> Step:
    side = way.box[2] - way.box[0]
    if side == way.size:
        return Step("resampling", "Resampling", f"None: the square has {side} × {side} pixels already.")
    how = "shrunk with antialiasing" if side > way.size else "enlarged"
    words = f"{side:,} × {side:,} to {way.size} × {way.size}, {how} (triangle filter), rounded once to 8 bits."
    return Step("resampling", "Resampling", words)


def _range(way: Way) -> Step:
    low, high = way.values
    words = f"{low} to {high} of 0 to 255, as 32-bit numbers."
    if way.scaled is not None:
        dark, bright = way.scaled
        words += f" The network's first layer makes 0 to 255 into {_number(dark)} to {_number(bright)}."
    return Step("range", "Values", words)


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def picture(seen: Seen) -> bytes:
    """The tensor as a PNG of the same numbers: grey of one channel, colour of three.

    Raises ValueError where the tensor holds something other than whole grey levels.
    """
    levels = seen.tensor.astype("u1")
    if (levels != seen.tensor).any():
        raise ValueError("Expected whole grey levels of 0 to 255 in the tensor.")
    Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels).save(out := io.BytesIO(), "PNG")
    return out.getvalue()
