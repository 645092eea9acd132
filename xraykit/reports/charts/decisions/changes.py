"""The difference of two confusion matrices: films gained and lost by each cell, clear ones framed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts import grids
from xraykit.reports.charts.style import SCREEN, Style, finish

CELL = "cell"  # name of the click selection


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
    middle = style.sequential[0]
    fill = alt.Scale(domain=[-most, 0, most], range=[style.series[3], middle, style.series[0]], interpolate="rgb")
    pick = alt.selection_point(name=CELL, fields=["reference", "predicted"], toggle=False, clear=False)
    tiles = base.mark_rect(stroke=style.background, strokeWidth=2, cursor="pointer").encode(
        color=alt.Color("share:Q", scale=fill, legend=None)
    )
    ink = alt.condition("datum.entered + datum.left > 0", alt.value(style.on_low), alt.value(style.faint))
    up = -10 if size.small else 0
    counts = base.mark_text(fontSize=size.large, fontWeight=600, dy=up, cursor="pointer").encode(
        text="change:N", color=ink
    )
    shares = base.mark_text(fontSize=size.small or 1, dy=13, cursor="pointer").encode(text="interval:N", color=ink)
    corner = size.side / 2 - (11 if size.small else 6)
    clear = base.transform_filter("datum.clear").mark_text(
        text="●", dx=corner, dy=-corner, fontSize=13 if size.small else 8, color=style.mark, cursor="pointer"
    )
    layers = [
        tiles.add_params(pick),
        counts,
        *([shares] if size.small else []),
        clear,
        *([grids.frame(base, chosen, style)] if chosen else []),
    ]
    length = size.side * len(classes)
    return finish(alt.layer(*layers), style, length, alt_text, width=length)
