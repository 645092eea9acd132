"""Confusion matrices on one colour scale, and shares of several models with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts import grids
from xraykit.reports.charts.style import SCREEN, SHAPES, Style, by_model, finish
from xraykit.reports.report import read_out


def matrix(
    cells: Sequence[dict[str, Any]],
    classes: Sequence[str],
    *,
    share: str = "row",
    chosen: tuple[str, str] | None = None,
    style: Style = SCREEN,
    alt_text: str = "Confusion matrix",
) -> alt.LayerChart:
    """A confusion matrix of square cells whose colour is a share from 0 to 1, so that several read on one scale.

    Names that do not fit above their columns are numbered. Of more than six classes a cell says its count alone.

    Parameters
    ----------
    cells : sequence of dict
        {"reference", "predicted", "films": count, "row_share", "column_share": in [0, 1] or None}, a cell each.
    share : str
        "row" (of a reference class) or "column" (of a predicted class): what colour and second line show.
    chosen : (reference, predicted), optional
        The cell to put a frame around.

    Returns
    -------
    alt.LayerChart
        With a point selection named "cell" over reference and predicted.
    """
    size = grids.cells_of(len(classes))
    rows = [cell | {"share": cell[f"{share}_share"], "label": _percent(cell[f"{share}_share"])} for cell in cells]
    tooltip = [
        alt.Tooltip("reference:N", title="Reference"),
        alt.Tooltip("predicted:N", title="Predicted"),
        alt.Tooltip("films:Q", title="Films"),
        alt.Tooltip("row_share:Q", title="Of the reference class", format=".1%"),
        alt.Tooltip("column_share:Q", title="Of the predicted class", format=".1%"),
    ]
    base = grids.confusion(rows, classes, size.side, style, tooltip)
    fill = alt.Scale(domain=[0, 1], range=list(style.sequential), interpolate="rgb", clamp=True)
    ink = (
        alt.when("datum.films === 0")
        .then(alt.value(style.faint))  # muted: what holds no film
        .when(f"datum.share > {style.flip}")
        .then(alt.value(style.on_high))
        .otherwise(alt.value(style.on_low))
    )
    line = 2 if size.small else 1
    layers = [
        grids.tiles(base, "share:Q", fill, style, names=("reference", "predicted"), line=line),
        *grids.inscribed(base, size, "films:Q", "label:N", ink),
        *([grids.frame(base, chosen, style, 4 if size.small else 3)] if chosen else []),
    ]
    length = size.side * len(classes)
    words = read_out.sentences(alt_text, read_out.matrix(cells))
    return finish(alt.layer(*layers), style, length, words, width=length)


def intervals(
    rows: Sequence[dict[str, Any]],
    models: Sequence[str],
    title: str,
    *,
    style: Style = SCREEN,
    alt_text: str = "Percentages with intervals",
) -> alt.LayerChart:
    """Shares with their intervals, one row per model: {"model", "value", "low", "high"}; what is None is left out."""
    data = alt.Data(values=[row for row in rows if row["value"] is not None])
    order = tuple(models)
    names = alt.Axis(labelColor=style.ink, labelLimit=260, labelPadding=8, domain=False, ticks=False)
    encoding = by_model(order, style, dash=False)
    for channel in encoding.values():
        channel.legend = None
    if len(order) > len(SHAPES):  # each row has its name and number: no colour is needed to tell them apart
        names, encoding = grids.key_axis(order, style), {"color": alt.value(style.series[0])}
    base = alt.Chart(data).encode(y=alt.Y("model:N", sort=list(order), title=None, axis=names))
    lows = [row["low"] if row["low"] is not None else row["value"] for row in rows if row["value"] is not None]
    lowest = 100 * min(lows, default=0.0)
    step = next(step for step in (1, 2, 5, 10, 20) if 100 - 6 * step <= lowest or step == 20)
    floor = max(0.0, step * (lowest // step) / 100)
    ruler = alt.Axis(format=".0%", values=[k / 100 for k in range(round(100 * floor), 101, step)])
    across = alt.Scale(domain=[floor, 1 + 0.07 * (1 - floor)], nice=False)  # room for the number at 100%
    rules = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", title=title, scale=across, axis=ruler), x2="high:Q", color=encoding["color"]
    )
    points = base.mark_point(filled=True, size=130, opacity=1).encode(
        x=alt.X("value:Q", scale=across, title=title, axis=ruler), **encoding
    )
    text = base.mark_text(dy=-15, fontSize=14, fontWeight=600).encode(
        x="value:Q", text=alt.Text("value:Q", format=".1%"), color=alt.value(style.ink)
    )
    words = read_out.sentences(alt_text, read_out.rows(rows, "model"))
    return finish(alt.layer(rules, points, text), style, 44 * len(order) + 56, words)


def _percent(share: float | None) -> str:
    return "no films" if share is None else f"{100 * share:.1f}%"
