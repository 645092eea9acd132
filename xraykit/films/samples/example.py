"""A small labelled set of synthetic films, made on request: enough to see a run or a study from start to end.

Three things are drawn into the bundled film, each easy to see. They stand for nothing that a person could have.
"""

from __future__ import annotations

import io
import shutil
import uuid
from pathlib import Path

import numpy as np
from PIL import Image

from xraykit.films.samples import draw
from xraykit.system import folders

NAME = "synthetic-example"
CLASSES = ("clear", "effusion", "opacity")
EACH = 60  # films of a class
HEIGHT, WIDTH = 256, 224  # pixels
BENT = 4.0  # pixels, one standard deviation
SEED = 20261129


def folder() -> Path:
    """The folder of the example set below `folders.datasets_folder()`, with one folder a class; made where missing.

    Raises
    ------
    OSError
        If the disk is full or must not be written.
    """
    root = folders.datasets_folder()
    target = root / NAME
    if is_made():
        return target
    folders.make_private(root)
    unfinished = root / f".{NAME}.{uuid.uuid4().hex[:8]}.{folders.UNFINISHED}"
    try:
        write(unfinished)
        unfinished.rename(target)
    except OSError:
        if not is_made():  # by another session, just now
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def is_made() -> bool:
    """Is the example set in its folder already?"""
    return all((folders.datasets_folder() / NAME / label).is_dir() for label in CLASSES)


def write(target: Path, each: int | None = None) -> None:
    """Write `each` films (`EACH` where not given) of every class into a new folder, the same films every time."""
    base = np.asarray(Image.open(draw.PNG).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), np.float32) / 255
    noise = np.random.RandomState(SEED)
    for label in CLASSES:
        (target / label).mkdir(parents=True)
        for number in range(1, (each or EACH) + 1):
            (target / label / f"{label}-{number:02}.png").write_bytes(_png(_film(base, label, noise)))


def _film(base: np.ndarray, label: str, noise: np.random.RandomState) -> np.ndarray:
    """One film (HEIGHT, WIDTH), float32 from 0 to 1: the bundled one, built, held and exposed another way."""
    light = base + _shadow(label, noise)
    light = _of_another_body(light, noise)  # films of one drawing are otherwise taken for copies of each other
    light = _moved(light, noise)
    light = light + 0.06 * _smooth(noise, 14, 12)
    light = np.clip(light, 0, 1) ** noise.uniform(0.85, 1.2)
    return light + noise.standard_normal(light.shape).astype(np.float32) * 0.015


def _shadow(label: str, noise: np.random.RandomState) -> np.ndarray | float:
    """What the class adds to the light: nothing, a white base of one lung, or a round patch in one."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    side = noise.choice((0.27, 0.73)) * WIDTH
    if label == "effusion":
        level = noise.uniform(0.42, 0.55) * HEIGHT
        bowl = level - 0.1 * HEIGHT * ((columns - side) / (0.2 * WIDTH)) ** 2
        across = np.clip(1.6 - np.abs(columns - side) / (0.16 * WIDTH), 0, 1)
        return 0.5 * across * np.clip((rows - bowl) / 10, 0, 1) * np.clip((0.85 * HEIGHT - rows) / 20, 0, 1)
    if label == "opacity":
        row, radius = noise.uniform(0.3, 0.5) * HEIGHT, noise.uniform(0.09, 0.13) * WIDTH
        squared = ((rows - row) ** 2 + (columns - side) ** 2) / radius**2
        return 0.5 * np.exp(-(squared**1.5) / 2)
    return 0.0


def _moved(light: np.ndarray, noise: np.random.RandomState) -> np.ndarray:
    """Turned, moved and scaled a little, as people stand differently before a detector."""
    angle, scale = np.radians(noise.uniform(-5, 5)), noise.uniform(0.9, 1.08)
    right, down = noise.uniform(-0.04, 0.04, 2) * (WIDTH, HEIGHT)
    a, b = np.cos(angle) / scale, np.sin(angle) / scale
    x, y = WIDTH / 2, HEIGHT / 2
    form = (a, b, x - a * (x + right) - b * (y + down), -b, a, y + b * (x + right) - a * (y + down))
    picture = Image.fromarray((np.clip(light, 0, 1) * 255).astype(np.uint8))
    turned = picture.transform(picture.size, Image.Transform.AFFINE, form, Image.Resampling.BILINEAR)
    return np.asarray(turned, np.float32) / 255


def _of_another_body(light: np.ndarray, noise: np.random.RandomState) -> np.ndarray:
    """Bent by some pixels, differently everywhere, as no two people are built alike."""
    from scipy import ndimage

    places = np.mgrid[0:HEIGHT, 0:WIDTH] + BENT * np.stack([_smooth(noise, 6, 5), _smooth(noise, 6, 5)])
    return ndimage.map_coordinates(light, places, order=1, mode="nearest")


def _smooth(noise: np.random.RandomState, down: int, across: int) -> np.ndarray:
    """A smooth field (HEIGHT, WIDTH) of mean 0, float32, with so many hills down and across."""
    grid = Image.fromarray(noise.standard_normal((down, across)).astype(np.float32))
    return np.asarray(grid.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)


def _png(light: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray((np.clip(light, 0, 1) * 255).astype(np.uint8)).save(out, "PNG", compress_level=1)
    return out.getvalue()
