"""What the audit keeps of a film: its file's facts, its border and corners, a small picture, a histogram, fingerprints.

Takes films that were read; opens only the beginning of their files, and decodes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from xraykit.datasets.reading import groups
from xraykit.films.radiograph import Radiograph
from xraykit.films.stills import header

LONGEST = 512  # pixels of the longer side that borders and corners are measured on
BORDER = 0.05  # share of the width and height on each side that is border
CORNER = 0.15  # share of the width and height that is a corner: where sides, names and devices are written
LEAST = 32  # pixels of a side; smaller films are drawn larger
SMALL = 64  # pixels of the kept picture's sides
PARTS, DEPTHS, CELLS, BINS = 16, 5, 4, 32


class Measured(NamedTuple):
    """A film as the audit knows it.

    Attributes
    ----------
    header : dict
        Facts of the file by name: numbers, and words for what has no order.
    small : (64, 64) uint8
        The whole film squeezed into a square.
    border, corners, histogram : (n,) float32
        Brightness is a share of white, 0 to 1.
    whole : (4,) uint64
        As `groups.whole_fingerprint`.
    """

    header: dict[str, float | str]
    small: np.ndarray
    border: np.ndarray
    corners: np.ndarray
    histogram: np.ndarray
    whole: np.ndarray


def measure(film: Radiograph, path: Path) -> Measured:
    """Measure a film that was read from `path`."""
    drawn = film.display(LONGEST)
    grey = (drawn if drawn.ndim == 2 else drawn.mean(axis=2)).astype(np.float32) / 255
    grey = np.repeat(np.repeat(grey, -(-LEAST // grey.shape[0]), axis=0), -(-LEAST // grey.shape[1]), axis=1)
    return Measured(
        header=_header(film, path),
        small=np.rint(255 * _shrunk(grey, SMALL)).astype(np.uint8),
        border=_border(grey),
        corners=_corners(grey),
        histogram=_histogram(grey),
        whole=groups.whole_fingerprint(film),
    )


def _header(film: Radiograph, path: Path) -> dict[str, float | str]:
    """What can be known of a film without its picture. A turn by its EXIF orientation is undone: the file has it so."""
    try:
        with path.open("rb") as file:
            size, beginning = path.stat().st_size, file.read(header.MOST)
            file.seek(max(header.MOST, size - header.LAST))
            end = file.read(header.LAST)
    except OSError:
        size, beginning, end = 0, b"", b""
    codes = {note.code for note in film.notes}
    return {
        "width": film.width,
        "height": film.height,
        "width / height": film.width / film.height,
        "pixels": film.width * film.height,
        "bytes": size,
        "bytes a pixel": size / (film.width * film.height),
        "format": film.format,
        "bits": film.softcopy.bits,
        "colour": int(film.colour or "grey-in-colour" in codes),
        "turned by EXIF": int("turned" in codes),
        **({"view": film.view} if film.view else {}),
        **header.facts(beginning, end),
    }


def _shrunk(grey: np.ndarray, height: int, width: int = 0) -> np.ndarray:
    """Means over boxes: (h, w) to (height, width), whatever the proportions."""
    from PIL import Image

    resized = Image.fromarray(np.ascontiguousarray(grey)).resize((width or height, height), Image.Resampling.BOX)
    return np.asarray(resized)


def _border(grey: np.ndarray) -> np.ndarray:
    """Means and spreads along each side's outer twentieth, and means from the edge inwards: 4 x (2 x 16 + 5)."""
    values = []
    for turn in range(4):
        side = np.rot90(grey, turn)
        strip = side[: max(1, round(BORDER * side.shape[0]))]
        parts = strip[:, : strip.shape[1] // PARTS * PARTS].reshape(len(strip), PARTS, -1)
        values += [*parts.mean(axis=(0, 2)), *parts.std(axis=(0, 2)), *_shrunk(strip, DEPTHS, 1)[:, 0]]
    return np.array(values, np.float32)


def _corners(grey: np.ndarray) -> np.ndarray:
    """Means, brightest and darkest pixels of 4 x 4 cells of each corner: (4 x 3 x 16,)."""
    height, width = (max(CELLS, round(CORNER * side) // CELLS * CELLS) for side in grey.shape)
    values = []
    for patch in (grey[:height, :width], grey[:height, -width:], grey[-height:, :width], grey[-height:, -width:]):
        cells = patch.reshape(CELLS, height // CELLS, CELLS, width // CELLS)
        values += [figure(axis=(1, 3)).ravel() for figure in (cells.mean, cells.max, cells.min)]
    return np.concatenate(values).astype(np.float32)


def _histogram(grey: np.ndarray) -> np.ndarray:
    """Shares of 32 shades, of black and of white, and how many of 256 shades are used at all: (35,)."""
    shades = np.bincount(np.rint(255 * grey).astype(np.int64).ravel(), minlength=256)[:256] / grey.size
    few = shades.reshape(BINS, -1).sum(axis=1)
    return np.array([*few, shades[0], shades[255], (shades > 0).mean()], np.float32)
