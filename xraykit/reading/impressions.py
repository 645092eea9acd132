"""What a reader made of a film: finding, agreement with each model, words, marks, seconds; checked value by value."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from xraykit.refused import Refused, field_of

MOST_TEXT, MOST_MARKS, MOST_POINTS = 4000, 200, 400  # characters, marks on a film, points of a mark
MOST_SECONDS = 7 * 86_400.0  # of one film; a tab left open over a week reads nothing
MOST_BYTES = 2**20  # of an impression as JSON

Label = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=MOST_TEXT)]
Pixel = Annotated[float, Meta(ge=-1e5, le=1e5)]  # a mark may reach beyond the film's edge
Kind = Annotated[str, Meta(pattern="^[a-z][a-z-]{0,29}$")]
Points = Annotated[tuple[tuple[Pixel, Pixel], ...], Meta(max_length=MOST_POINTS)]
Seconds = Annotated[float, Meta(ge=0, le=MOST_SECONDS)]
Moment = Annotated[str, Meta(max_length=40)]


class ImpressionRefused(Refused):
    """An impression that cannot be recorded; the words say what was expected."""

    code = "impression"


class Agreement(enum.StrEnum):
    """What a reader says of a model's answer."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something drawn on a film.

    `kind` names the tool ("arrow", "circle", "text", ...); `points` are (x, y) in film pixels from the upper
    left corner of the film as stored, whatever was rotated or flipped when it was drawn.
    """

    kind: Kind
    points: Points
    label: Annotated[str, Meta(max_length=500)] = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something measured on a film: `kind` ("ruler", "angle", "ratio", ...) and `points` as a mark has them.

    `axis` is that of a cardiothoracic ratio's calipers on the film as stored; None for what has none.
    """

    kind: Kind
    points: Points
    axis: Literal["x", "y"] | None = None


@dataclass(frozen=True, slots=True)
class Impression:
    """A reader's impression of one film.

    Attributes
    ----------
    finding : str or None
        One of the session's classes; None where none is recorded yet.
    agrees : mapping of str to Agreement
        By model; only those of which something was said.
    text : str
        In the reader's words.
    marks : tuple of Mark
    measurements : tuple of Measurement
        A film that was only measured is not read yet.
    seconds : float
        The film was shown in a visible tab, up to this impression.
    blind : bool
        Recorded before the models were shown.
    flagged : bool
        To come back to.
    at : str
        When, in ISO 8601, UTC; "" before it was recorded.
    """

    finding: Label | None = None
    agrees: Annotated[Mapping[Label, Agreement], Meta(max_length=100)] = field(default_factory=dict)
    text: Text = ""
    marks: Annotated[tuple[Mark, ...], Meta(max_length=MOST_MARKS)] = ()
    measurements: Annotated[tuple[Measurement, ...], Meta(max_length=MOST_MARKS)] = ()
    seconds: Seconds = 0.0
    blind: bool = False
    flagged: bool = False
    at: Moment = ""


def read(data: bytes | Mapping[str, Any], classes: Collection[str]) -> Impression:
    """An impression as a browser or a file gives it; `at` is left to who records it.

    Parameters
    ----------
    data : bytes or mapping
        JSON, or what it holds. Values that are missing are an empty impression's.
    classes : collection of str
        What may be found.

    Raises
    ------
    ImpressionRefused
        If a value is of another type, out of its limits, or the finding is none of the classes.
    """
    if isinstance(data, bytes) and len(data) > MOST_BYTES:
        raise ImpressionRefused(f"Expected an impression of at most {MOST_BYTES >> 20} MB. Remove some of the marks.")
    try:
        given = msgspec.json.decode(data, type=dict[str, Any]) if isinstance(data, bytes) else dict(data)
        impression = msgspec.convert(given, Impression)
    except msgspec.ValidationError as error:
        raise ImpressionRefused(_expected(field_of(error))) from None
    except (ValueError, RecursionError):
        raise ImpressionRefused("Expected an impression as JSON; got something else. Load the page again.") from None
    check(impression, classes)
    return replace(impression, at="")


def check(impression: Impression, classes: Collection[str]) -> None:
    """What no single field can tell; raises ImpressionRefused."""
    if impression.finding is not None and impression.finding not in classes:
        raise ImpressionRefused(
            f"Expected one of the findings of this session ({', '.join(classes) or 'none are set'}); got "
            f"{impression.finding!r}."
        )
    for words in (impression.text, *(mark.label for mark in impression.marks)):
        if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in words):
            raise ImpressionRefused("Expected plain text; got control characters. Type the text instead of pasting it.")


def is_empty(impression: Impression) -> bool:
    """Has nothing been recorded but that the film was looked at?"""
    return not (impression.finding or impression.agrees or impression.text or impression.marks or impression.flagged)


def _expected(place: str) -> str:
    name = place.split(".")[0].split("[")[0]
    limits = {
        "text": f"text of at most {MOST_TEXT:,} characters",
        "marks": f"at most {MOST_MARKS} marks of at most {MOST_POINTS} points, each with a kind and film pixels",
        "measurements": f"at most {MOST_MARKS} measurements, each with a kind, film pixels, an axis (x or y)",
        "agrees": f"{', '.join(Agreement)} for each model",
        "seconds": "seconds from 0 to those of a week",
        "finding": "a finding's name, or none",
        "blind": "true or false",
        "flagged": "true or false",
    }
    if name not in limits:
        return "Expected an impression as JSON; got something else. Load the page again."
    return f"Expected {limits[name]} as {place}; got something else."
