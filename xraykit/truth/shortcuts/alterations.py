"""What is done to a film before a model reads it again, on the square that the network is given (uint8).

A film comes in as always (`Radiograph.square`); only then is something taken out of it, or is it turned, mirrored,
brightened, blurred. What is taken out becomes the mean grey of the film's own square, so that no new edge is darker or
brighter than the film.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

BORDER = 0.10  # of the side, at each edge
CORNER = 0.12  # of the side, in each corner: where markers stand
CENTRE = 0.60  # of the side: most of the heart and of both lungs
TURN = 10  # degrees
LIGHT = 0.20
GAMMA = 1.5
BLUR = 0.01  # of the side: the standard deviation
QUALITY = 30  # of the JPEG
SHRINK = 3
NOISE = 10.0  # grey levels: the standard deviation

# What a change of the answer means. "context": what is taken out should not matter; "evidence": what is taken out is
# where disease shows; "kept": only that is left; "harmless": a reader would see the same film; "odd": no reader would
# be shown the film like that.
Kind = Literal["context", "evidence", "kept", "harmless", "odd"]


@dataclass(frozen=True, eq=False)
class Film:
    """A film as the network is given it: `square` uint8 (S, S, ch), `lungs` bool (S, S) where there is a mask, and the
    `seed` of what is drawn for it."""

    square: np.ndarray
    lungs: np.ndarray | None = None
    seed: int = 0


@dataclass(frozen=True)
class Alteration:
    """A change by name. `words` say what was done, as the head of a row; `apply` gives the altered square uint8
    (S, S, ch); with `masked` only films with a lung mask can be altered."""

    key: str
    words: str
    kind: Kind
    apply: Callable[[Film], np.ndarray]
    masked: bool = False


def filled(square: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The square uint8 (S, S, ch) with its mean grey where `out` bool (S, S) is true."""
    grey = np.rint(square.mean(axis=(0, 1))).astype(np.uint8)
    return np.where(out[..., None], grey, square)


def borders(size: int) -> np.ndarray:
    """The outer tenth at each edge, bool (size, size)."""
    return ~_inside(size, round(size * BORDER))


def corners(size: int) -> np.ndarray:
    """A square in each corner, bool (size, size)."""
    side = round(size * CORNER)
    edge = np.zeros(size, bool)
    edge[:side] = edge[size - side :] = True
    return edge[:, None] & edge[None, :]


def centre(size: int) -> np.ndarray:
    """The inner 60 % of the side, bool (size, size)."""
    return _inside(size, round(size * (1 - CENTRE) / 2))


def _inside(size: int, margin: int) -> np.ndarray:
    inner = np.zeros((size, size), bool)
    inner[margin : size - margin, margin : size - margin] = True
    return inner


def _without(region: Callable[[int], np.ndarray], other: bool = False) -> Callable[[Film], np.ndarray]:
    """Take a region out, or with `other` everything else."""
    return lambda film: filled(film.square, region(len(film.square)) ^ other)


def _lungs(film: Film) -> np.ndarray:
    if film.lungs is None:
        raise ValueError("Expected a film with a lung mask; got one without.")
    return film.lungs


def _turned(degrees: float) -> Callable[[Film], np.ndarray]:
    def turn(film: Film) -> np.ndarray:
        from PIL import Image

        grey = np.rint(film.square.mean(axis=(0, 1))).astype(int).tolist()
        fill = tuple(grey) if len(grey) == 3 else int(grey[0])
        return _array(_image(film.square).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=fill))

    return turn


def _levels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Film], np.ndarray]:
    """By a table of all 256 grey levels, given as float in 0..1."""
    table = np.clip(np.rint(255 * change(np.arange(256) / 255)), 0, 255).astype(np.uint8)
    return lambda film: table[film.square]


def _blurred(film: Film) -> np.ndarray:
    from PIL import ImageFilter

    return _array(_image(film.square).filter(ImageFilter.GaussianBlur(BLUR * len(film.square))))


def _as_jpeg(film: Film) -> np.ndarray:
    from PIL import Image

    coded = io.BytesIO()
    _image(film.square).save(coded, "JPEG", quality=QUALITY)
    return _array(Image.open(coded))


def _shrunk(film: Film) -> np.ndarray:
    from PIL import Image

    size = len(film.square)
    third = max(1, size // SHRINK)
    small = _image(film.square).resize((third, third), Image.Resampling.BILINEAR)
    return _array(small.resize((size, size), Image.Resampling.BILINEAR))


def _noisy(film: Film) -> np.ndarray:
    noise = np.random.default_rng(film.seed).normal(0, NOISE, film.square.shape[:2])[..., None]
    return np.clip(np.rint(film.square + noise), 0, 255).astype(np.uint8)


def _image(square: np.ndarray) -> Image.Image:
    from PIL import Image

    return Image.fromarray(square[..., 0] if square.shape[-1] == 1 else square)


def _array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


ALTERATIONS = (
    Alteration("lungs-out", "Lungs out", "evidence", lambda film: filled(film.square, _lungs(film)), masked=True),
    Alteration("lungs-only", "Lungs only", "kept", lambda film: filled(film.square, ~_lungs(film)), masked=True),
    Alteration("centre-out", f"Centre out (inner {CENTRE:.0%} of the side)", "evidence", _without(centre)),
    Alteration("centre-only", "Everything but the centre out", "kept", _without(centre, other=True)),
    Alteration("borders-out", f"Borders out (outer {BORDER:.0%})", "context", _without(borders)),
    Alteration("corners-out", f"Corners out ({CORNER:.0%}, with their markers)", "context", _without(corners)),
    Alteration("turned-left", f"Turned {TURN}° to the left", "harmless", _turned(TURN)),
    Alteration("turned-right", f"Turned {TURN}° to the right", "harmless", _turned(-TURN)),
    Alteration("mirrored", "Mirrored", "harmless", lambda film: film.square[:, ::-1]),
    Alteration("brighter", f"Brighter by {LIGHT:.0%}", "harmless", _levels(lambda grey: grey * (1 + LIGHT))),
    Alteration("darker", f"Darker by {LIGHT:.0%}", "harmless", _levels(lambda grey: grey * (1 - LIGHT))),
    Alteration("gamma-up", f"Gamma {GAMMA:g}", "harmless", _levels(lambda grey: grey**GAMMA)),
    Alteration("gamma-down", f"Gamma {1 / GAMMA:.2g}", "harmless", _levels(lambda grey: grey ** (1 / GAMMA))),
    Alteration("blurred", f"Blurred (sigma {BLUR:.0%} of the side)", "harmless", _blurred),
    Alteration("jpeg", f"Saved as JPEG, quality {QUALITY}", "harmless", _as_jpeg),
    Alteration("shrunk", "Shrunk to a third and back", "harmless", _shrunk),
    Alteration("noise", f"Noise (sigma {NOISE:g} grey levels)", "harmless", _noisy),
    Alteration("turned-90", "Turned 90°", "odd", lambda film: np.rot90(film.square)),
)
BY_KEY = {alteration.key: alteration for alteration in ALTERATIONS}
