"""Overlay: a heatmap in colour on its film, and the lines of its legend."""

from __future__ import annotations

import numpy as np

from xraykit import RESEARCH_ONLY
from xraykit.films import radiograph
from xraykit.models.explanation import NO_EVIDENCE, Explanation, scaled_box
from xraykit.reports.heatmap import colormaps


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
    from xraykit.reports.heatmap import legend as legends  # Pillow's fonts, only where a legend is drawn

    return legends.append(drawn, legend_lines(explanation, shared_maximum), colormap)


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
