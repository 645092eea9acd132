"""The difference of two confusion matrices: films gained and lost by each cell, clear ones framed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts import grids
from xraykit.reports.charts.style import SCREEN, Style, finish
from xraykit.reports.report import read_out


def matrix(
    cells: Sequence[dict[str, Any]],
    classes: Sequence[str],
    *,
    chosen: tuple[str, str] | None = None,
    style: Style = SCREEN,
    alt_text: str,
) -> alt.LayerChart:
    """A cell's colour is the change of its share of the reference class, blue where it gained, pink where it lost.

    Parameters
    ----------
    cells : sequence of dict
        {"reference", "predicted", "change": films, signed, as text, "share": in [-1, 1] or None, "interval": as text,
        "clear": bool, "entered", "left": films}.
    chosen : (reference, predicted), optional
        The cell whose films are listed.
    """
    most = max((abs(cell["share"]) for cell in cells if cell["share"] is not None), default=0.0) or 1.0
    size = grids.cells_of(len(classes))
    base = grids.confusion(
        cells,
        classes,
        size.side,
        style,
        [
            alt.Tooltip("reference:N", title="Reference"),
            alt.Tooltip("predicted:N", title="Predicted"),
            alt.Tooltip("entered:Q", title="Films that came in"),
            alt.Tooltip("left:Q", title="Films that left"),
            alt.Tooltip("interval:N", title="Points of the reference class"),
        ],
    )
    ink = alt.condition("datum.entered + datum.left > 0", alt.value(style.on_low), alt.value(style.faint))
    corner = size.side / 2 - (11 if size.small else 6)
    clear = base.transform_filter("datum.clear").mark_text(
        text="●", dx=corner, dy=-corner, fontSize=13 if size.small else 8, color=style.mark, cursor="pointer"
    )
    layers = [
        grids.tiles(base, "share:Q", grids.gain_scale(most, style), style, names=("reference", "predicted")),
        *grids.inscribed(base, size, "change:N", "interval:N", ink),
        clear,
        *([grids.frame(base, chosen, style)] if chosen else []),
    ]
    length = size.side * len(classes)
    words = read_out.sentences(alt_text, _largest(cells))
    return finish(alt.layer(*layers), style, length, words, width=length)


def _largest(cells: Sequence[dict[str, Any]]) -> str:
    """How many cells changed for certain, and which changed most."""
    known = [cell for cell in cells if cell["share"]]
    if not known:
        return "No cell changed"
    most = max(known, key=lambda cell: abs(cell["share"]))
    clear = sum(bool(cell["clear"]) for cell in cells)
    said = f"{most['reference']} given as {most['predicted']}, {most['change']} films, {most['interval']} points"
    return f"In {clear} of {len(cells)} cells the interval leaves out 0; the largest change is {said}"
