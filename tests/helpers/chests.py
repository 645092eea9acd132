"""Synthetic chest films that differ as people do: what pictures of the app show in place of films of anyone.

The bundled drawing (`xraykit.films.samples.draw`) is stretched, turned, exposed and shadowed anew for each film. The
word SYNTHETIC stays burnt into every one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from xraykit.films.samples import draw

CLEAR, PATCHES, LOBE, EFFUSION, NODULE = FINDINGS = ("clear", "patches", "lobe", "effusion", "nodule")
SHAPE = (draw.HEIGHT, draw.WIDTH)
DOWN, ACROSS = np.mgrid[0:1:1024j, 0:1:896j].astype(np.float32)  # of each pixel, from 0 to 1


def film(number: int, finding: str = CLEAR, apart: float = 0.0) -> np.ndarray:
    """A film of its own for each number: uint16 (1024, 896), 12 bits, bright = dense.

    `apart` lays soft clouds over it (0.05: so that few of them are taken for copies).
    """
    noise = np.random.RandomState(number)
    light = _drawn() + _shadow(finding, noise)
    light = _of_another_body(light, noise)
    light = (
        light
        + 0.8 * apart * np.minimum(2 * light, 1) * _clouds(noise, 40)
        + 0.05 * np.minimum(light, 0.4) * _clouds(noise, 24)
    )
    light = np.clip(light, 0, 1) ** noise.uniform(0.8, 1.3)
    grain = ndimage.gaussian_filter(noise.standard_normal(SHAPE), 0.7) * (0.006 + 0.014 * light)
    return np.floor(np.clip(light + grain, 0, 1) * 4095 + 0.5).astype(np.uint16)


def png(number: int, finding: str, height: int, apart: float) -> bytes:
    """That film as a PNG of this height, its edges collimated as far as `apart` says."""
    noise = np.random.RandomState(number + 1)
    values = film(number, finding, apart)
    left, top, right, bottom = (noise.uniform(0, apart, 4) * (200, 1500, 1800, 300)).astype(int)
    inside = Image.fromarray((values / 16).astype(np.uint8)).crop((left, top, SHAPE[1] - right, SHAPE[0] - bottom))
    small = inside.resize((height * 7 // 8, height), Image.Resampling.LANCZOS)
    return draw.png(np.asarray(small, np.uint16) * 16)


def write(root: Path, classes: Mapping[str, str], each: int, height: int = 320, apart: float = 0.05) -> Path:
    """Class folders of `each` films, {class: finding}."""
    for place, (label, finding) in enumerate(classes.items(), 1):
        (root / label).mkdir(parents=True)
        for number in range(1, each + 1):
            (root / label / f"film-{number:03}.png").write_bytes(png(1000 * place + number, finding, height, apart))
    return root


@functools.cache
def _drawn() -> np.ndarray:
    """The bundled film, float32 from 0 to 1."""
    return np.asarray(Image.open(draw.PNG), np.float32) / 255


@functools.cache
def _lungs() -> np.ndarray:
    """How much of each pixel is lung, from 0 to 1."""
    dark = np.clip((0.55 - ndimage.gaussian_filter(_drawn(), 9)) / 0.25, 0, 1)
    chest = np.maximum(_blob(0.43, 0.28, 0.27, 0.16), _blob(0.43, 0.72, 0.27, 0.16))
    inside = np.clip((0.39 - np.abs(ACROSS - 0.5)) / 0.03, 0, 1)
    return ndimage.gaussian_filter(dark * inside * np.clip(3 * chest - 0.35, 0, 1), 5)


def _blob(down: float, across: float, height: float, width: float) -> np.ndarray:
    """1 in the middle, falling to 0: a Gaussian with flat top."""
    squared = ((DOWN - down) / height) ** 2 + ((ACROSS - across) / width) ** 2
    return np.exp(-(squared**1.4) / 1.2)


def _clouds(noise: np.random.RandomState, size: float) -> np.ndarray:
    """A smooth field of mean 0 and deviation 1; `size` of its hills in pixels."""
    coarse = noise.standard_normal((SHAPE[0] // 8, SHAPE[1] // 8)).astype(np.float32)
    field = ndimage.gaussian_filter(coarse, size / 8)
    wide = Image.fromarray(field / field.std()).resize(SHAPE[::-1], Image.Resampling.BICUBIC)
    return np.asarray(wide, np.float32)


def _shadow(finding: str, noise: np.random.RandomState) -> np.ndarray | float:
    """What a finding adds to the light. Drawn to be seen by a reader, and to stand for nobody."""
    side = noise.choice((-1, 1))
    if finding == PATCHES:
        spots = [
            noise.uniform(0.1, 0.2) * _blob(down, 0.5 + s * noise.uniform(0.24, 0.36), *noise.uniform(0.04, 0.1, 2))
            for s in (-1, 1)
            for down in noise.uniform(0.36, 0.66, 4)
        ]
        return np.sum(spots, axis=0) * (1 + 0.25 * _clouds(noise, 12)) * _lungs()
    if finding == LOBE:
        whole = _blob(noise.choice((0.33, 0.55)), 0.5 + side * 0.25, 0.13, 0.15)
        return 0.5 * whole * (1 + 0.12 * _clouds(noise, 14)) * _lungs()
    if finding == EFFUSION:
        level = noise.uniform(0.5, 0.62) - 1.1 * np.abs(ACROSS - 0.5 - side * 0.2) ** 1.6
        below = np.maximum.accumulate(_lungs(), axis=0) * (side * (ACROSS - 0.5) > 0)  # a lung, and what hides below it
        filled = np.clip((DOWN - level) / 0.07, 0, 1) * np.clip((0.8 - DOWN) / 0.1, 0, 1) * below
        return np.maximum(0.7 - _drawn(), 0) * ndimage.gaussian_filter(filled, 4)
    if finding == NODULE:
        radius = noise.uniform(0.018, 0.03)
        return 0.3 * _blob(noise.uniform(0.25, 0.5), 0.5 + side * 0.25, radius, radius * 8 / 7) * _lungs()
    return 0.0


def _of_another_body(light: np.ndarray, noise: np.random.RandomState) -> np.ndarray:
    """Wider or narrower, taller, with another heart and other ribs, turned a little before the detector."""
    across, down = ACROSS - 0.5, DOWN - 0.5
    angle, wide, tall = np.radians(noise.uniform(-2.5, 2.5)), noise.uniform(0.96, 1.1), noise.uniform(0.98, 1.07)
    x = (across * np.cos(angle) + down * np.sin(angle)) * wide + noise.uniform(-0.02, 0.02)
    y = (down * np.cos(angle) - across * np.sin(angle)) * tall + noise.uniform(-0.01, 0.02)
    heart = _blob(0.57, 0.57, 0.16, 0.2) * noise.uniform(-0.2, 0.22)
    x, y = x - (x - 0.07) * heart, y - (y - 0.07) * heart * 0.6
    bend = 0.016
    x, y = x + bend * _clouds(noise, 110), y + bend * _clouds(noise, 110)
    place = np.stack([(y + 0.5) * (SHAPE[0] - 1), (x + 0.5) * (SHAPE[1] - 1)])
    shown = np.clip((0.478 - np.maximum(np.abs(ACROSS - 0.5), np.abs(DOWN - 0.5))) / 0.004, 0.02, 1)  # the collimator
    return ndimage.map_coordinates(light, place, order=1, mode="nearest") * shown
