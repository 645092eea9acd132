"""Other pictures of the body, drawn: limbs, hands, skulls, sections, ultrasound. None is of a person.

As `drawn`: each of `KINDS` takes a random generator and gives uint8 (144, 144).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from xraykit.training.gate.drawn import SIDE, Noise, spectrum

Y, X = np.mgrid[0:SIDE, 0:SIDE].astype(float)


def _tube(noise: Noise, start: tuple[float, float], end: tuple[float, float], half: float) -> np.ndarray:
    """A bone from one point to another: 1 at its cortex, less inside, 0 outside; broader at its ends."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = np.hypot(dx, dy)
    along = np.clip(((X - start[0]) * dx + (Y - start[1]) * dy) / length**2, 0, 1)
    distance = np.hypot(X - start[0] - along * dx, Y - start[1] - along * dy)
    width = half * (1 + noise.uniform(0.2, 0.7) * np.abs(2 * along - 1) ** 4)
    r = distance / width
    return np.clip(0.55 + 0.45 * r**4, 0, 1) * (r < 1)


def _flesh(noise: Noise, start: tuple[float, float], end: tuple[float, float], half: float) -> np.ndarray:
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((X - start[0]) * dx + (Y - start[1]) * dy) / (dx**2 + dy**2), -0.5, 1.5)
    distance = np.hypot(X - start[0] - along * dx, Y - start[1] - along * dy)
    width = half * (1 + 0.2 * np.sin(3 * along + noise.uniform(0, 6)))
    return np.sqrt(np.clip(1 - (distance / width) ** 2, 0, 1))


def _film(density: np.ndarray, noise: Noise) -> np.ndarray:
    """Density to the grey levels of a radiograph, with grain."""
    grain = np.asarray(Image.fromarray(spectrum(noise)), float) / 255 - 0.5
    light = 1 / (1 + np.exp(-(density - noise.uniform(0.4, 0.9)) / noise.uniform(0.15, 0.35)))
    light = light - light.min() * noise.uniform(0, 1) + 0.06 * grain
    return (255 * np.clip(light, 0, 1)).astype(np.uint8)


def limb(noise: Noise) -> np.ndarray:
    """A forearm, a leg, a knee: one or two long bones in soft tissue, at any angle."""
    angle = noise.uniform(0, np.pi)
    reach = noise.uniform(70, 130)
    c, s = np.cos(angle), np.sin(angle)
    middle = SIDE / 2 + noise.uniform(-15, 15, 2)
    bones = int(noise.integers(1, 3))
    half = noise.uniform(6, 14)
    density = np.zeros((SIDE, SIDE))
    start = (middle[0] - c * reach, middle[1] - s * reach)
    end = (middle[0] + c * reach, middle[1] + s * reach)
    density += noise.uniform(0.35, 0.7) * _flesh(noise, start, end, half * noise.uniform(2, 4.5))
    for k in range(bones):
        off = (k - (bones - 1) / 2) * half * 2.3
        joint = noise.uniform(-0.4, 0.4)
        split = (middle[0] + c * reach * joint - s * off, middle[1] + s * reach * joint + c * off)
        first = (start[0] - s * off, start[1] + c * off)
        last = (end[0] - s * off, end[1] + c * off)
        density += 0.6 * np.maximum(_tube(noise, first, split, half), _tube(noise, split, last, half * 0.95))
    return _film(density, noise)


def hand(noise: Noise) -> np.ndarray:
    """A hand or a foot: a fan of short bones."""
    density = np.zeros((SIDE, SIDE))
    base = np.array([SIDE / 2 + noise.uniform(-20, 20), noise.uniform(95, 135)])
    spread = noise.uniform(8, 22)
    for k in range(-2, 3):
        angle = np.radians(-90 + spread * k + noise.uniform(-4, 4))
        place, length = base + (k * 9, 0), noise.uniform(30, 46)
        for _ in range(int(noise.integers(2, 5))):
            tip = place + length * np.array([np.cos(angle), np.sin(angle)])
            density = np.maximum(density, 0.35 * _flesh(noise, (*place,), (*tip,), 9) ** 0.5)
            density += 0.6 * _tube(noise, (*place,), (*tip,), noise.uniform(3, 4.5))
            place, length = tip + 2 * np.array([np.cos(angle), np.sin(angle)]), length * 0.68
    return _film(density, noise)


def skull(noise: Noise) -> np.ndarray:
    """A skull or a pelvis: a bright ring with dark holes."""
    picture = Image.new("F", (SIDE, SIDE), 0.0)
    pen = ImageDraw.Draw(picture)
    w, h = noise.uniform(38, 64, 2)
    x, y = SIDE / 2 + noise.uniform(-8, 8, 2)
    pen.ellipse((x - w, y - h, x + w, y + h), 1.1)
    rim = noise.uniform(3, 9)
    pen.ellipse((x - w + rim, y - h + rim, x + w - rim, y + h - rim), noise.uniform(0.5, 0.9))
    low = noise.uniform(0, 0.7) * h
    for side in (-1, 1):
        r = noise.uniform(7, 15)
        pen.ellipse(
            (x + side * w * 0.42 - r, y + low - r, x + side * w * 0.42 + r, y + low + r), noise.uniform(0.1, 0.5)
        )
    pen.polygon([(x, y + low), (x - 7, y + low + 22), (x + 7, y + low + 22)], 0.3)
    if noise.random() < 0.6:
        pen.rectangle((x - w * 0.5, y + h * 0.7, x + w * 0.5, y + h * 1.2), 0.9)
    return _film(np.asarray(picture, float), noise)


def section(noise: Noise) -> np.ndarray:
    """A section as of computed tomography or resonance: an oval body on black, with organs, at times with lungs."""
    picture = Image.new("L", (SIDE, SIDE), 0)
    pen = ImageDraw.Draw(picture)
    w, h = noise.uniform(46, 70), noise.uniform(34, 58)
    m = SIDE / 2
    pen.ellipse((m - w, m - h, m + w, m + h), int(noise.integers(90, 200)))
    pen.ellipse((m - w + 5, m - h + 5, m + w - 5, m + h - 5), int(noise.integers(60, 170)))
    if noise.random() < 0.5:
        for side in (-1, 1):
            x = m + side * w * noise.uniform(0.42, 0.55)
            pen.ellipse((x - w * 0.36, m - h * 0.66, x + w * 0.36, m + h * 0.62), int(noise.integers(0, 40)))
    for _ in range(int(noise.integers(3, 14))):
        x, y = m + noise.uniform(-0.6, 0.6) * w, m + noise.uniform(-0.6, 0.6) * h
        a, b = noise.uniform(2, 18, 2)
        pen.ellipse((x - a, y - b, x + a, y + b), int(noise.integers(30, 230)))
    pen.ellipse((m - 9, m + h * 0.5, m + 9, m + h * 0.5 + 17), 235)
    picture = picture.filter(ImageFilter.GaussianBlur(noise.uniform(0.3, 2)))
    light = np.asarray(picture, float) + noise.normal(0, noise.uniform(2, 16), (SIDE, SIDE))
    return light.clip(0, 255).astype(np.uint8)


def echo(noise: Noise) -> np.ndarray:
    """Ultrasound: a fan of speckle on black."""
    field = spectrum(noise).astype(float) * noise.gamma(2.0, 0.5, (SIDE, SIDE))
    top = noise.uniform(-30, 15)
    angle = np.degrees(np.arctan2(X - SIDE / 2, Y - top))
    radius = np.hypot(X - SIDE / 2, Y - top)
    fan = (np.abs(angle) < noise.uniform(25, 55)) & (radius < noise.uniform(100, 150)) & (radius > noise.uniform(5, 40))
    for _ in range(int(noise.integers(0, 5))):
        x, y, a, b = *noise.uniform(30, 115, 2), *noise.uniform(6, 24, 2)
        field[((X - x) / a) ** 2 + ((Y - y) / b) ** 2 < 1] *= noise.uniform(0, 0.5)
    return (field * fan).clip(0, 255).astype(np.uint8)


def spine(noise: Noise) -> np.ndarray:
    """A spine or an abdomen: a column of blocks in soft tissue, bowel gas beside it, no lungs."""
    lean = noise.uniform(-0.15, 0.15)
    density = noise.uniform(0.5, 0.8) * np.sqrt(np.clip(1 - ((X - SIDE / 2) / noise.uniform(60, 110)) ** 2, 0, 1))
    middle = SIDE / 2 + lean * (Y - SIDE / 2) + noise.uniform(-6, 6)
    half, step = noise.uniform(10, 20), noise.uniform(16, 28)
    blocks = (np.abs(X - middle) < half * (1 + 0.1 * np.cos(2 * np.pi * Y / step))) * 1.0
    density += blocks * (0.45 + 0.15 * (np.cos(2 * np.pi * Y / step) > -0.6))
    for _ in range(int(noise.integers(2, 12))):
        x, y, a, b = *noise.uniform(10, 134, 2), *noise.uniform(4, 16, 2)
        density -= noise.uniform(0.1, 0.35) * (((X - x) / a) ** 2 + ((Y - y) / b) ** 2 < 1)
    if noise.random() < 0.6:  # the wings of the pelvis
        for side in (-1, 1):
            r = ((X - SIDE / 2 - side * 42) / 34) ** 2 + ((Y - 122) / 30) ** 2
            density += 0.4 * (r < 1) * (0.5 + 0.5 * r)
    return _film(density, noise)


KINDS: dict[str, Callable[[Noise], np.ndarray]] = {
    "limbs": limb,
    "hands and feet": hand,
    "skulls": skull,
    "sections": section,
    "ultrasound": echo,
    "spines and abdomens": spine,
}
