"""Charts of what models are worth: answers on altered films, deletion and insertion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, by_model, finish

ROW = 26  # px an alteration of up to two models


def altered(
    rows: Sequence[dict[str, Any]], models: Sequence[str], chance: float, *, style: Style = SCREEN
) -> alt.LayerChart:
    """Balanced accuracy of each model on films altered in each way, with intervals and a line for chance.

    Rows are {"model", "alteration", "value", "low", "high"}, alterations in the order in which they are drawn.
    """
    given = [row for row in rows if row["value"] is not None]
    order = list(dict.fromkeys(row["alteration"] for row in given))
    names = alt.Axis(labelColor=style.ink, labelLimit=280, labelPadding=8, domain=False, ticks=False, grid=False)
    encoding = by_model(tuple(models), style, dash=False)
    if len(models) == 1:
        for key in ("color", "shape"):
            encoding[key].legend = None
    base = alt.Chart(alt.Data(values=given)).encode(
        y=alt.Y("alteration:N", sort=order, title=None, axis=names),
        yOffset=alt.YOffset("model:N", sort=list(models)),
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("alteration:N", title="Film"),
            alt.Tooltip("value:Q", title="Balanced accuracy", format=".1%"),
            alt.Tooltip("low:Q", title="from", format=".1%"),
            alt.Tooltip("high:Q", title="to", format=".1%"),
        ],
    )
    across = alt.X("value:Q", title="Balanced accuracy", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%"))
    rules = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title="Balanced accuracy"), x2="high:Q", color=encoding["color"]
    )
    points = base.mark_point(filled=True, size=80, opacity=1).encode(x=across, **encoding)
    line = (
        alt.Chart(alt.Data(values=[{"chance": chance}]))
        .mark_rule(color=style.mark, strokeDash=[5, 4])
        .encode(x="chance:Q")
    )
    words = f"Balanced accuracy of {', '.join(models)} on altered films; the dashed line is chance, {chance:.0%}"
    return finish(
        alt.LayerChart(layer=[line, rules, points]), style, ROW * len(order) * max(1, len(models)) // 2 + 120, words
    )


def deletion_and_insertion(rows: Sequence[dict[str, Any]], model: str, *, style: Style = SCREEN) -> alt.LayerChart:
    """Mean model probability against the share of the film that is taken away, or shown.

    Rows are {"curve": "insertion" or "deletion", "map": "heatmap" or "random maps", "share", "value"}.
    """
    kinds, orders = ["heatmap", "random maps"], ["insertion", "deletion"]
    colours = alt.Scale(domain=kinds, range=[style.series[0], style.faint])
    dashes = alt.Scale(domain=orders, range=[[1, 0], [6, 4]])
    lines = (
        alt.Chart(alt.Data(values=list(rows)))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("share:Q", title="Share of the film shown, or taken away", axis=alt.Axis(format=".0%")),
            y=alt.Y("value:Q", title="Model probability", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("map:N", title=None, scale=colours),
            strokeDash=alt.StrokeDash("curve:N", title=None, scale=dashes),
            detail="curve:N",
        )
    )
    words = f"Insertion and deletion curves of the heatmaps of {model} beside those of random maps"
    return finish(alt.LayerChart(layer=[lines]), style, 280, words)
