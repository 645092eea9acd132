"""Lung masks beside films: `masks/` beside `images/`, same names, as the COVID-19 Radiography Database ships them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from xraykit.films import ingest
from xraykit.films.radiograph import Radiograph
from xraykit.system import files

IMAGES, MASKS = "images", "masks"
INSIDE = 127  # grey levels above it are lung


def beside(root: Path, film: str) -> Path | None:
    """Where the mask of a film lies: `film` is its path below `root`; None where there is none."""
    path = PurePosixPath(film)
    folders = [part.casefold() for part in path.parts[:-1]]
    if IMAGES not in folders:
        return None
    place = len(folders) - 1 - folders[::-1].index(IMAGES)
    parts = [*path.parts]
    for name in (MASKS, MASKS.capitalize(), "mask"):
        parts[place] = name
        for suffix in dict.fromkeys((path.suffix, ".png")):
            mask = root / files.named(str(PurePosixPath(*parts).with_suffix(suffix)))
            if mask.is_file():
                return mask
    return None


def read(root: Path, films: Sequence[str], sizes: Iterable[int]) -> dict[int, list[np.ndarray | None]]:
    """The lungs of films on squares of each size: bool (S, S), None for a film whose mask is missing or unreadable.

    A mask goes the film's own way: the centre square, resized. A blank one is no mask.
    """
    places = [beside(root, film) for film in films]
    sizes = list(dict.fromkeys(sizes))
    lungs: dict[int, list[np.ndarray | None]] = {size: [None] * len(films) for size in sizes}
    given = [i for i, place in enumerate(places) if place is not None]
    if not given:
        return lungs
    with ingest.Ingest() as firewall:
        for i, mask in zip(given, firewall.read_many(place for place in places if place), strict=True):
            if isinstance(mask, Radiograph):
                for size in sizes:
                    inside = mask.square(size)[..., 0] > INSIDE
                    lungs[size][i] = inside if inside.any() and not inside.all() else None
    return lungs
