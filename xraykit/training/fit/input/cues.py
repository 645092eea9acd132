"""What tells a film's source and not its finding, changed at random: frames, letters, patches, contrast, file quality.

A network that sees two hospitals' films learns which frame, marker or compression means which class; films whose cues
are drawn anew each time leave it nothing to learn there (DeGrave et al. 2021). Imports no backend. Every function takes
and gives a film (S, S, channels) uint8 of one or three channels.
"""

from __future__ import annotations

import functools
import io
import string
from typing import Any

import numpy as np

from xraykit.training.recipe.recipe import Augmentation

FRAMED = 0.5  # of films, where frames are asked for
WORDS = ("L", "R", "AP", "PA", "PORTABLE", "ERECT", "SUPINE", "SEMI-ERECT", "LEFT", "RIGHT", "AP PORTABLE", "MOBILE")
LETTERS = tuple(string.ascii_uppercase + string.digits + "    :/-.")
LEAST_SIDE, LEAST_QUALITY, MOST_QUALITY, MOST_NOISE = 0.4, 25, 95, 0.04


def change(film: np.ndarray, augmentation: Augmentation, random: np.random.Generator) -> np.ndarray:
    """The film with those of its cues changed that the augmentation names; nothing is drawn for those it does not."""
    if augmentation.equalize and random.uniform() < augmentation.equalize:
        film = _equalized(film, random)
    if augmentation.gamma:
        film = _with_gamma(film, augmentation.gamma, random)
    if augmentation.erase and random.uniform() < augmentation.erase:
        film = _erased(film, random)
    if augmentation.frame and random.uniform() < FRAMED:
        film = _framed(film, augmentation.frame, random)
    if augmentation.text and random.uniform() < augmentation.text:
        film = _lettered(film, random)
    return _degraded(film, augmentation.degrade, random) if augmentation.degrade else film


def _equalized(film: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Half the films by their histogram, half by local contrast; blended with the film as it was."""
    if random.uniform() < 0.5:
        counts = np.bincount(film.ravel(), minlength=256)
        ranks = np.cumsum(counts) - counts / 2
        levels = ranks * (255 / max(film.size, 1))
        share = random.uniform(0.3, 1)
        return np.rint(share * levels + (1 - share) * np.arange(256)).astype(np.uint8)[film]
    size = film.shape[0]
    coarse = _resized(_resized(film, max(2, size // int(random.integers(6, 20)))), size).astype(np.float32)
    own = film.astype(np.float32)
    strength = random.uniform(0.3, 0.9)
    return _grey(128 * strength + own * (1 + 0.5 * strength) - coarse * (1.5 * strength))


def _with_gamma(film: np.ndarray, most: float, random: np.random.Generator) -> np.ndarray:
    exponent = (1 + most) ** random.uniform(-1, 1)
    return np.rint(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)[film]


def _erased(film: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A rectangle of one grey, a tenth to a third of each side (random erasing, Zhong et al. 2020)."""
    size, film = film.shape[0], film.copy()
    height, width = (int(side) for side in random.uniform(0.1, 0.35, 2) * size)
    top, left = int(random.integers(0, size - height + 1)), int(random.integers(0, size - width + 1))
    film[top : top + height, left : left + width] = random.integers(0, 256)
    return film


def _framed(film: np.ndarray, most: float, random: np.random.Generator) -> np.ndarray:
    """A black, white or grey frame on all sides, or on two; the film is covered or squeezed into what is left."""
    size = film.shape[0]
    widths = (random.uniform(0, most, 4) * size).astype(int)
    kind = random.integers(0, 4)  # all four alike, all four, the upright two, the level two
    if kind == 0:
        widths[:] = widths[0]
    elif kind > 1:
        widths[:2] = widths[0] if kind == 2 else 0
        widths[2:] = widths[2] if kind == 3 else 0
    left, right, top, bottom = widths.tolist()
    framed = np.full_like(film, (0, 0, 255, random.integers(0, 256))[random.integers(0, 4)])
    inside = np.s_[top : size - bottom, left : size - right]
    if random.uniform() < 0.5:
        framed[inside] = film[inside]
    else:
        framed[inside] = _resized(film, size - left - right, size - top - bottom)
    return framed


def _lettered(film: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One to three markers or lines of letters near the edges, some on a plate, as technicians and exports put them."""
    from PIL import ImageDraw

    picture, size = _picture(film), film.shape[0]
    draw = ImageDraw.Draw(picture)
    for _ in range(random.integers(1, 4)):
        words = "".join(random.choice(LETTERS, random.integers(3, 14)))
        if random.uniform() < 0.6:
            words = str(random.choice(WORDS))
        font = _font(max(6, int(size * random.uniform(0.035, 0.11))))
        width, height = draw.textbbox((0, 0), words, font=font)[2:]
        across, down = random.beta(0.5, 0.5, 2)  # near an edge rather than over the lungs
        x, y = across * max(0, size - width), down * max(0, size - height)
        grey, plate = (int(value) for value in random.integers(0, 256, 2))
        bright = random.uniform() < 0.7
        if random.uniform() < 0.3:
            draw.rectangle((x - 1, y - 1, x + width + 1, y + height + 1), fill=_fill(film, plate))
        draw.text((x, y), words, fill=_fill(film, 255 if bright else grey), font=font)
    return _array(picture)


def _degraded(film: np.ndarray, chance: float, random: np.random.Generator) -> np.ndarray:
    """Fewer pixels, noise and JPEG, each with this chance of its own."""
    shrunk, noisy, saved = random.uniform(size=3) < chance
    size = film.shape[0]
    if shrunk:
        film = _resized(_resized(film, max(8, int(size * random.uniform(LEAST_SIDE, 1)))), size)
    if noisy:
        noise = random.standard_normal(film.shape[:2], np.float32) * (255 * MOST_NOISE * random.uniform())
        film = _grey(film + noise[..., None])
    return _saved(film, int(random.integers(LEAST_QUALITY, MOST_QUALITY + 1))) if saved else film


def _saved(film: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    file = io.BytesIO()
    _picture(film).save(file, "JPEG", quality=quality)
    file.seek(0)
    with Image.open(file) as picture:
        return _array(picture)


def _resized(film: np.ndarray, width: int, height: int | None = None) -> np.ndarray:
    from PIL import Image

    return _array(_picture(film).resize((width, height or width), Image.Resampling.BILINEAR))


def _grey(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _fill(film: np.ndarray, grey: int) -> Any:
    return grey if film.shape[2] == 1 else (grey,) * film.shape[2]


def _picture(film: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(film[..., 0] if film.shape[2] == 1 else film)


def _array(picture: Any) -> np.ndarray:
    array = np.asarray(picture)
    return array[..., None] if array.ndim == 2 else array


@functools.lru_cache(maxsize=64)
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
