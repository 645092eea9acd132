"""Pictures as other hospitals, scanners and slides would show them, small and grey: what the gate learns from.

Every function takes a random generator; the same seed gives the same pictures.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from xraykit.films.radiograph import SMALL as SIZE

WORK = 3 * SIZE // 2  # px of a side while a picture is worked on


def film(grey: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    """A chest film, uint8 (H, W), as it might have come from elsewhere: uint8 (64, 64), upright."""
    picture = _moved(grey, noise, turn=12.0, zoom=(0.85, 1.45), shear=0.05)
    if noise.random() < 0.15:
        picture = ImageOps.mirror(picture)
    return _finished(picture, noise)


def other(grey: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    """Any other picture, uint8 (H, W), whole or a part of it, any way up: uint8 (64, 64)."""
    whole = noise.random() < 0.4
    picture = _moved(grey, noise, turn=8.0, zoom=(0.95, 1.1) if whole else (1.0, 2.5), shear=0.05)
    picture = picture.rotate(90 * int(noise.integers(4)) * (noise.random() < 0.4))
    if noise.random() < 0.5:
        picture = ImageOps.mirror(picture)
    if noise.random() < 0.15:
        picture = ImageOps.invert(picture)
    return _finished(picture, noise)


def _moved(
    grey: np.ndarray, noise: np.random.Generator, turn: float, zoom: tuple[float, float], shear: float
) -> Image.Image:
    """Turned, scaled, stretched and moved; what comes in from outside is of one shade, or the edge drawn out."""
    height, width = grey.shape
    angle = np.radians(noise.uniform(-turn, turn) * (noise.random() < 0.7))
    scale = np.exp(noise.uniform(*np.log(zoom)))
    stretch = np.exp(noise.uniform(-0.25, 0.25))
    across, down = width / WORK / scale * stretch**0.5, height / WORK / scale / stretch**0.5
    c, s = np.cos(angle), np.sin(angle)
    lean = noise.uniform(-shear, shear)
    a, b, d, e = across * c, across * (s + lean), -down * s, down * c
    room_x, room_y = (0.5 * abs(1 - 1 / scale) + 0.05) * width, (0.5 * abs(1 - 1 / scale) + 0.05) * height
    x = width / 2 + noise.uniform(-room_x, room_x)
    y = height / 2 + noise.uniform(-room_y, room_y)
    form = (a, b, x - (a + b) * WORK / 2, d, e, y - (d + e) * WORK / 2)
    shade = int(noise.choice([0, 0, 0, 255, int(noise.integers(256))]))
    return Image.fromarray(grey).transform(
        (WORK, WORK), Image.Transform.AFFINE, form, Image.Resampling.BILINEAR, fillcolor=shade
    )


def _finished(picture: Image.Image, noise: np.random.Generator) -> np.ndarray:
    for change, share in ((_tone, 0.8), (_framed, 0.3), (_marked, 0.3), (_blurred, 0.25), (_lit, 0.25)):
        if noise.random() < share:
            picture = change(picture, noise)
    small = picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    if noise.random() < 0.3:
        small = _grained(small, noise)
    if noise.random() < 0.3:
        small = _compressed(small, noise)
    return np.asarray(small)


def _tone(picture: Image.Image, noise: np.random.Generator) -> Image.Image:
    """Another window, another curve, or the histogram made flat."""
    if noise.random() < 0.12:
        return ImageOps.equalize(picture)
    light = np.asarray(picture, np.float32) / 255
    light = np.clip((light - noise.uniform(-0.12, 0.12)) * np.exp(noise.uniform(-0.5, 0.5)), 0, 1)
    light = light ** np.exp(noise.uniform(-0.7, 0.6))
    low, high = sorted(noise.uniform(0, 0.4, 2) * (0, 1)) if noise.random() < 0.3 else (0.0, 0.0)
    return Image.fromarray((255 * (low + light * (1 - high))).clip(0, 255).astype(np.uint8))


def _framed(picture: Image.Image, noise: np.random.Generator) -> Image.Image:
    """With a border, as a slide, a scanner or a letterbox leaves one: on all sides, two or one."""
    light = np.asarray(picture).copy()
    shade = int(noise.choice([0, 0, 255, int(noise.integers(256))]))
    widths = (noise.uniform(0, 0.16, 4) * WORK * (noise.random(4) < noise.choice([0.3, 0.6, 1.0]))).astype(int)
    top, bottom, left, right = widths
    if noise.random() < 0.5:  # the film is covered, not made smaller
        for edge in (np.s_[:top], np.s_[WORK - bottom :], np.s_[:, :left], np.s_[:, WORK - right :]):
            light[edge] = shade
        return Image.fromarray(light)
    whole = Image.new("L", (WORK, WORK), shade)
    whole.paste(picture.resize((WORK - left - right, WORK - top - bottom), Image.Resampling.BILINEAR), (left, top))
    return whole


def _marked(picture: Image.Image, noise: np.random.Generator) -> Image.Image:
    """With letters, lines or a box over it."""
    pen = ImageDraw.Draw(picture)
    for _ in range(int(noise.integers(1, 4))):
        x, y = noise.uniform(0, 0.9, 2) * WORK
        shade = int(noise.choice([0, 255, 255, int(noise.integers(256))]))
        kind = noise.random()
        if kind < 0.6:
            letters = "".join(noise.choice(list("LRAPabcde 0123456789:-/."), int(noise.integers(1, 12))))
            pen.text((x, y), letters, shade, ImageFont.load_default(float(noise.uniform(6, 16))))
        elif kind < 0.85:
            pen.line((x, y, *(noise.uniform(0, 1, 2) * WORK)), shade, int(noise.integers(1, 3)))
        else:
            pen.rectangle((x, y, x + noise.uniform(3, 24), y + noise.uniform(3, 16)), shade)
    return picture


def _blurred(picture: Image.Image, noise: np.random.Generator) -> Image.Image:
    if noise.random() < 0.3:
        return picture.filter(ImageFilter.UnsharpMask(noise.uniform(1, 4), int(noise.integers(50, 250)), 0))
    return picture.filter(ImageFilter.GaussianBlur(noise.uniform(0.5, 2.5)))


def _lit(picture: Image.Image, noise: np.random.Generator) -> Image.Image:
    """Lit from one side, as where a film was photographed from a light box."""
    y, x = np.mgrid[-1 : 1 : WORK * 1j, -1 : 1 : WORK * 1j]
    angle, depth = noise.uniform(0, 2 * np.pi), noise.uniform(0.05, 0.4)
    slope = 1 + depth * (np.cos(angle) * x + np.sin(angle) * y) - noise.uniform(0, 0.3) * (x**2 + y**2)
    return Image.fromarray((np.asarray(picture) * slope).clip(0, 255).astype(np.uint8))


def _grained(small: Image.Image, noise: np.random.Generator) -> Image.Image:
    light = np.asarray(small, np.float32)
    grain = noise.normal(0, noise.uniform(0.02, 0.25) * light.std(), (SIZE, SIZE))
    return Image.fromarray((light + grain).clip(0, 255).astype(np.uint8))


def _compressed(small: Image.Image, noise: np.random.Generator) -> Image.Image:
    small.save(coded := io.BytesIO(), "JPEG", quality=int(noise.integers(15, 90)))
    return Image.open(coded).convert("L")
