"""Pictures of anything but a chest, drawn: pages, screens, charts, shapes, textures, noise, other parts of the body.

Each of `KINDS` takes a random generator and gives uint8 (144, 144). None is a picture of a person.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 144
LETTERS = list("abcdefghijklmnopqrstuvwxyz     ABCDEFGHIKLMNOPRSTUVW,.;0123456789")
Noise = np.random.Generator


def _sheet(shade: int = 255) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("L", (SIDE, SIDE), shade)
    return picture, ImageDraw.Draw(picture)


def _words(noise: Noise, least: int, most: int) -> str:
    return "".join(noise.choice(LETTERS, int(noise.integers(least, most + 1))))


def page(noise: Noise) -> np.ndarray:
    """A page of text, with a heading and perhaps a second column."""
    dark = noise.random() < 0.2
    paper, ink = (int(noise.integers(0, 50)), 230) if dark else (int(noise.integers(200, 256)), int(noise.integers(80)))
    picture, pen = _sheet(paper)
    size = noise.uniform(4, 12)
    font = ImageFont.load_default(size)
    edge, y = noise.uniform(0, 18), noise.uniform(0, 14)
    columns = int(noise.integers(1, 3))
    pen.text((edge, y), _words(noise, 5, 20), ink, ImageFont.load_default(size * noise.uniform(1.2, 2.5)))
    y += 3 * size
    while y < SIDE - noise.uniform(0, 12):
        for column in range(columns):
            if noise.random() < 0.9:
                pen.text((edge + column * SIDE / columns, y), _words(noise, 5, int(260 / size / columns)), ink, font)
        y += size * noise.uniform(1.1, 1.6)
    return np.asarray(picture)


def screen(noise: Noise) -> np.ndarray:
    """A screen: windows with bars, buttons and lines of text."""
    picture, pen = _sheet(int(noise.integers(256)))
    for _ in range(int(noise.integers(1, 5))):
        x, y = noise.uniform(-20, 90, 2)
        w, h = noise.uniform(40, 140, 2)
        shade = int(noise.choice([30, 245, int(noise.integers(256))]))
        pen.rectangle((x, y, x + w, y + h), shade, int(noise.integers(256)))
        pen.rectangle((x, y, x + w, y + 8), int(noise.integers(256)))
        for row in np.arange(y + 14, y + h - 8, noise.uniform(8, 16)):
            if noise.random() < 0.7:
                pen.text((x + 4, row), _words(noise, 3, int(w / 5)), 255 - shade, ImageFont.load_default(7.0))
            else:
                pen.rectangle((x + 4, row, x + noise.uniform(10, w), row + 6), int(noise.integers(256)))
    return np.asarray(picture)


def chart(noise: Noise) -> np.ndarray:
    """A chart: axes with lines, bars, points or a pie."""
    picture, pen = _sheet(int(noise.choice([255, 255, 20, int(noise.integers(256))])))
    ink = 0 if picture.getpixel((0, 0)) > 127 else 255  # type: ignore[operator]  # grey: a number
    pen.line((16, 10, 16, 128, 136, 128), ink, 1)
    kind = noise.integers(4)
    xs = np.linspace(20, 132, int(noise.integers(4, 40)))
    ys = 70 + np.cumsum(noise.normal(0, noise.uniform(2, 14), len(xs)))
    if kind == 0:
        for shade in noise.integers(256, size=int(noise.integers(1, 4))):
            pen.line([*zip(xs, ys + noise.normal(0, 12), strict=True)], int(shade), int(noise.integers(1, 4)))
    elif kind == 1:
        for x, y in zip(xs, ys, strict=True):
            pen.rectangle((x, min(y, 127), x + 110 / len(xs), 128), int(noise.integers(256)))
    elif kind == 2:
        for x, y in noise.uniform(20, 130, (int(noise.integers(20, 200)), 2)):
            pen.ellipse((x, y, x + 3, y + 3), int(noise.integers(256)))
    else:
        edges = np.sort(noise.uniform(0, 360, int(noise.integers(3, 8))))
        for start, end in zip(edges, [*edges[1:], edges[0] + 360], strict=True):
            pen.pieslice((24, 16, 124, 116), start, end, int(noise.integers(256)), ink)
    pen.text((30, 131), _words(noise, 4, 20), ink, ImageFont.load_default(8.0))
    return np.asarray(picture)


def spectrum(noise: Noise) -> np.ndarray:
    """Noise of any spectrum, from white to clouds; sometimes a mirror image of itself, as bodies nearly are."""
    slope = noise.uniform(0, 4)
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]
    frequency = np.hypot(fy, fx * noise.uniform(0.3, 3))
    frequency[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(noise.normal(size=(SIDE, SIDE))) * frequency ** (-slope / 2)).real
    if noise.random() < 0.3:
        field = field + field[:, ::-1]
    if noise.random() < 0.2:
        field = np.abs(field)
    return _levels(field, noise)


def _levels(field: np.ndarray, noise: Noise) -> np.ndarray:
    low, high = np.quantile(field, (0.01, 0.99))
    light = np.clip((field - low) / max(high - low, 1e-9), 0, 1)
    return (noise.uniform(0, 90) + noise.uniform(60, 165) * light).astype(np.uint8)


def gradient(noise: Noise) -> np.ndarray:
    """Light that fades: across, around a point, or nearly nothing to see."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle = noise.uniform(0, 2 * np.pi)
    across = np.cos(angle) * x + np.sin(angle) * y
    around = np.hypot(x - noise.uniform(-1, 1), (y - noise.uniform(-1, 1)) * noise.uniform(0.5, 2))
    field = noise.choice([0, 1, 0.5]) * across + noise.choice([0, 1, 0.5]) * around + 0.02 * across
    return _levels(np.sign(field) * np.abs(field) ** noise.uniform(0.4, 2), noise)


def shapes(noise: Noise) -> np.ndarray:
    """Ellipses, boxes, triangles and lines, sharp or soft, some side by side as lungs are."""
    picture, pen = _sheet(int(noise.choice([0, 255, int(noise.integers(256))])))
    if noise.random() < 0.25:  # two of one kind, side by side
        w, h = noise.uniform(10, 32), noise.uniform(10, 50)
        for x in (72 - noise.uniform(20, 40), 72 + noise.uniform(20, 40)):
            draw = pen.ellipse if noise.random() < 0.6 else pen.rectangle
            draw((x - w, 72 - h, x + w, 72 + h), int(noise.integers(256)))
    for _ in range(int(noise.integers(1, 9))):
        x, y = noise.uniform(0, SIDE, 2)
        w, h = noise.uniform(4, 60, 2)
        shade = int(noise.integers(256))
        kind = noise.integers(4)
        if kind == 0:
            pen.ellipse((x - w, y - h, x + w, y + h), shade)
        elif kind == 1:
            pen.rectangle((x, y, x + w, y + h), shade)
        elif kind == 2:
            pen.polygon([*map(tuple, noise.uniform(0, SIDE, (int(noise.integers(3, 7)), 2)))], shade)
        else:
            pen.line((x, y, *noise.uniform(0, SIDE, 2)), shade, int(noise.integers(1, 12)))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(noise.uniform(0, 6) * (noise.random() < 0.5))))


def texture(noise: Noise) -> np.ndarray:
    """Stripes, checks, tiles, rings, and a mark that repeats."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    angle, step = noise.uniform(0, np.pi), noise.uniform(3, 50)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    kind = noise.integers(5)
    if kind == 0:
        field = np.sin(2 * np.pi * u / step)
    elif kind == 1:
        field = np.sign(np.sin(2 * np.pi * u / step) * np.sin(2 * np.pi * v / step))
    elif kind == 2:
        field = np.sin(2 * np.pi * np.hypot(x - noise.uniform(0, SIDE), y - noise.uniform(0, SIDE)) / step)
    elif kind == 3:
        field = np.maximum(np.abs((u % step) - step / 2), np.abs((v % step) - step / 2)) > step * 0.42
    else:
        tile = noise.normal(size=(int(step) + 3, int(step) + 3))
        field = np.tile(tile, (SIDE // len(tile) + 1,) * 2)[:SIDE, :SIDE]
    return _levels(field + noise.normal(0, noise.uniform(0, 0.5), (SIDE, SIDE)), noise)


def code(noise: Noise) -> np.ndarray:
    """Bar codes, square codes, keyboards, crosswords: black and white cells."""
    cells = int(noise.integers(6, 40))
    grid = noise.random((1 if noise.random() < 0.3 else cells, cells)) < noise.uniform(0.3, 0.7)
    picture = Image.fromarray((255 * grid).astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    if noise.random() < 0.6:
        whole, _ = _sheet(int(noise.choice([255, int(noise.integers(256))])))
        side = int(noise.integers(50, 130))
        corner = int(noise.integers(0, SIDE - side))
        whole.paste(picture.resize((side, side)), (corner, corner))
        picture = whole
    return np.asarray(picture)


def trace(noise: Noise) -> np.ndarray:
    """An electrocardiogram or another curve on squared paper."""
    picture, pen = _sheet(int(noise.choice([250, 15])))
    ink = 255 - int(picture.getpixel((0, 0)))  # type: ignore[arg-type]  # grey: a number
    for place in np.arange(0, SIDE, noise.uniform(5, 12)):
        pen.line((place, 0, place, SIDE), 190 if ink < 128 else 60)
        pen.line((0, place, SIDE, place), 190 if ink < 128 else 60)
    rows = int(noise.integers(1, 6))
    x = np.arange(SIDE)
    for row in range(rows):
        beat = np.exp(-(((x % noise.uniform(15, 50)) - 6) ** 2) / noise.uniform(0.5, 4)) * noise.uniform(5, 90 / rows)
        y = (row + 0.6) * SIDE / rows - beat + noise.normal(0, 1, SIDE)
        pen.line(np.stack([x, y], axis=1).ravel().tolist(), ink, 1)
    return np.asarray(picture)


KINDS: dict[str, Callable[[Noise], np.ndarray]] = {
    "pages of text": page,
    "screens": screen,
    "charts": chart,
    "noise": spectrum,
    "gradients": gradient,
    "shapes": shapes,
    "textures": texture,
    "codes": code,
    "traces": trace,
}
