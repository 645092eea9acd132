"""A zip of class folders that is as large as is wanted: films of noise, which nothing packs smaller."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 1600  # pixels


def write(path: Path, megabytes: int, classes: tuple[str, ...] = ("Normal", "Sick")) -> int:
    """Write the zip, of at least so many MB; returns how many films it has. Each film has about 5 MB, none is another's."""
    noise = np.random.default_rng(7).integers(0, 2**16, (SIDE, SIDE), np.uint16)
    films = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        while path.stat().st_size < megabytes * 2**20 or films < 6:
            out = io.BytesIO()
            Image.fromarray(noise + np.uint16(films)).save(out, "PNG", compress_level=0)
            archive.writestr(f"{classes[films % len(classes)]}/{films:04}.png", out.getvalue())
            films += 1
    return films
