"""Legends: a strip below a picture with the colour bar and what the colours mean, in the pixels themselves.

Draws text only; knows nothing of heatmaps.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from xraykit.reports.heatmap import colormaps

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_BACKGROUND, _TEXT = (16, 16, 18), (226, 226, 226)


def append(picture: np.ndarray, lines: tuple[str, ...], colormap: str) -> np.ndarray:
    """`picture` uint8 (h, w, 3) with a strip below it: a colour bar from 0 to 1 and `lines`, wrapped."""
    width = picture.shape[1]
    size = int(np.clip(width / 34, 11, 40))
    font = ImageFont.load_default(size)
    wrapped = [piece for line in lines for piece in _wrap(line, font, width - 2 * size)]
    step = round(size * 1.35)
    strip = Image.new("RGB", (width, step * (len(wrapped) + 1) + 2 * size), _BACKGROUND)
    draw = ImageDraw.Draw(strip)
    _draw_bar(strip, draw, font, colormap, size)
    for number, line in enumerate(wrapped, 1):
        draw.text((size, size + number * step), line, fill=_TEXT, font=font)
    return np.vstack([picture, np.asarray(strip)])


def _draw_bar(strip: Image.Image, draw: ImageDraw.ImageDraw, font: Font, colormap: str, size: int) -> None:
    """0, the bar, 1 on one line; the bar shows every colour of the map."""
    left, right = 2 * size + size // 2, min(strip.width - 2 * size - size // 2, 16 * size)
    ramp = np.linspace(0, 1, max(2, right - left), dtype=np.float32)
    bar = np.repeat(colormaps.colour(ramp, colormap)[None], round(size * 0.8), axis=0)
    strip.paste(Image.fromarray(np.rint(bar).astype(np.uint8)), (left, size))
    draw.text((size, size - size // 6), "0", fill=_TEXT, font=font)
    draw.text((left + len(ramp) + size // 2, size - size // 6), "1", fill=_TEXT, font=font)


def _wrap(line: str, font: Font, width: int) -> list[str]:
    pieces = [""]
    for word in line.split():
        longer = f"{pieces[-1]} {word}".strip()
        if pieces[-1] and font.getlength(longer) > width:
            pieces.append(word)
        else:
            pieces[-1] = longer
    return pieces
