"""Overlay: a heatmap in colour on its film, with a legend below it in the pixels themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xraykit import RESEARCH_ONLY
from xraykit.films import note, radiograph
from xraykit.models.explanation import NO_EVIDENCE, Explanation, scaled_box
from xraykit.reports.film.heatmap import colormaps

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_BACKGROUND, _TEXT, _WARNING = (16, 16, 18), (226, 226, 226), (232, 194, 122)  # of the legend


def overlay(
    film: radiograph.Radiograph,
    explanation: Explanation,
    *,
    opacity: float = 0.4,
    colormap: str = "inferno",
    shared_maximum: float | None = None,
    longest: int | None = None,
    legend: bool = False,
) -> np.ndarray:
    """The film with the heatmap over it, uint8 (h, w, 3); with `legend` a strip below makes it higher.

    What must be known of the film before its probability is believed stands in the legend, so that it travels with
    the picture.

    The map is enlarged bilinearly onto its box. Its weight is `opacity` (0..1) times the heat, so the film is
    untouched where the heat is zero. `shared_maximum` puts several classes or models on one scale: heat 1 is
    then that raw value, not this map's own maximum. `longest` bounds the film's longer side in pixels.
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"Expected an opacity from 0 to 1; got {opacity}.")
    shown = film.display(longest)
    picture = shown if shown.ndim == 3 else np.repeat(shown[:, :, None], 3, axis=2)
    left, top, right, bottom = scaled_box(explanation.box, film, picture)
    heat = enlarge(_shared(explanation, shared_maximum), bottom - top, right - left)
    weight = np.float32(opacity) * heat[:, :, None]
    square = picture[top:bottom, left:right].astype(np.float32)
    drawn = picture.copy()
    drawn[top:bottom, left:right] = np.rint(square + weight * (colormaps.colour(heat, colormap) - square))
    if not legend:
        return drawn
    warnings = [warning.words for warning in note.warnings(film.notes)]
    return _with_legend(drawn, legend_lines(explanation, shared_maximum), warnings, colormap)


def enlarge(heatmap: np.ndarray, height: int, width: int) -> np.ndarray:
    """A map (h, w) enlarged bilinearly to float32 (height, width), flat beyond the outer cells' centres."""
    from PIL import Image

    grid = Image.fromarray(np.asarray(heatmap, np.float32))
    return np.asarray(grid.resize((width, height), Image.Resampling.BILINEAR))


def _shared(explanation: Explanation, shared_maximum: float | None) -> np.ndarray:
    if shared_maximum is None:
        return explanation.heatmap
    if not shared_maximum > 0:
        return np.zeros_like(explanation.heatmap)
    return np.minimum(explanation.heatmap * np.float32(explanation.maximum / shared_maximum), 1)


def legend_lines(explanation: Explanation, shared_maximum: float | None = None) -> tuple[str, ...]:
    height, width = explanation.heatmap.shape
    scale = "relative, this image" if shared_maximum is None else f"shared scale, 1 = {shared_maximum:.3g}"
    evidence = scale if explanation.maximum > 0 else NO_EVIDENCE
    return (
        f"{explanation.label}: regions that influenced the output",
        f"{explanation.method} at {explanation.layer}, grid {width} x {height}",
        evidence,
        RESEARCH_ONLY,
    )


def _with_legend(picture: np.ndarray, lines: Sequence[str], warnings: Sequence[str], colormap: str) -> np.ndarray:
    """`picture` uint8 (h, w, 3) with its legend below it."""
    return np.vstack([picture, strip(picture.shape[1], lines, warnings, colormap)])


def strip(
    width: int, lines: Sequence[str], warnings: Sequence[str] = (), colormap: str = "", across: float = 34
) -> np.ndarray:
    """A legend uint8 (h, width, 3): a colour bar from 0 to 1 where a colour map is given, `lines`, `warnings`, wrapped.

    A strip without a bar keeps the bar's line free, so that the lines of two strips side by side stand level. Letters
    are a part of `across` of the width high.
    """
    from PIL import Image, ImageDraw, ImageFont  # fonts are wanted only where a legend is drawn

    size = int(np.clip(width / across, 11, 60))
    font = ImageFont.load_default(size)
    coloured = [*((line, _TEXT) for line in lines), *((line, _WARNING) for line in warnings)]
    wrapped = [(piece, fill) for line, fill in coloured for piece in _wrap(line, font, width - 2 * size)]
    step = round(size * 1.35)
    drawn = Image.new("RGB", (width, step * (len(wrapped) + 1) + 2 * size), _BACKGROUND)
    draw = ImageDraw.Draw(drawn)
    if colormap:
        _draw_bar(drawn, draw, font, colormap, size)
    for number, (piece, fill) in enumerate(wrapped, 1):
        draw.text((size, size + number * step), piece, fill=fill, font=font)
    return np.asarray(drawn)


def _draw_bar(strip: Image.Image, draw: ImageDraw.ImageDraw, font: Font, colormap: str, size: int) -> None:
    """0, the bar, 1 on one line; the bar shows every colour of the map."""
    from PIL import Image

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
