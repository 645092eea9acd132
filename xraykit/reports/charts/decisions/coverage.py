"""Coverage of prediction sets, a dot with its interval for each place and class, beside what they promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, by_model, finish
from xraykit.reports.report import read_out


def coverage(
    rows: Sequence[dict[str, Any]], models: Sequence[str], level: float, *, style: Style = SCREEN
) -> alt.Chart:
    """Shares of films whose set holds their class, at home and elsewhere; a line where the promise is.

    Parameters
    ----------
    rows : sequence of dict
        {"model", "row": place and films in words, "value", "low", "high", "n", "verdict"}, in the order drawn.
    """
    order = list(dict.fromkeys(row["row"] for row in rows))
    names = alt.Axis(labelColor=style.ink, labelLimit=330, labelPadding=8, domain=False, ticks=False, grid=False)
    ruler = alt.Axis(format=".0%", values=[0, 0.2, 0.4, 0.6, 0.8, level, 1], labelOverlap=True)
    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart(alt.Data(values=[row for row in rows if row["value"] is not None])).encode(
        y=alt.Y("row:N", sort=order, title=None, axis=names, scale=alt.Scale(domain=order)),
        yOffset=alt.YOffset("model:N", sort=list(models)),
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("row:N", title="Films"),
            alt.Tooltip("n:Q", title="Number"),
            alt.Tooltip("value:Q", title="Coverage", format=".1%"),
            alt.Tooltip("verdict:N", title=f"{level:.0%} promised"),
        ],
    )
    encoding = by_model(tuple(models), style, dash=False)
    title = "Films whose set holds their class"
    x = alt.X("value:Q", title=title, scale=scale, axis=ruler)
    bars = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=ruler), x2="high:Q", color=encoding["color"]
    )
    dots = base.mark_point(filled=True, size=100, opacity=1).encode(x=x, **encoding)
    promised = (
        alt.Chart(alt.Data(values=[{"value": level}]))
        .mark_rule(color=style.mark, strokeDash=[5, 3], strokeWidth=1.5)
        .encode(x=alt.X("value:Q", scale=scale, axis=ruler))
    )
    height = 40 + len(order) * max(24, 17 * len(models))
    words = f"Coverage of the {level:.0%} prediction sets of {read_out.models(models)}"
    words = read_out.sentences(words, read_out.rows(rows, "model", "row"))
    return finish(alt.layer(promised, bars, dots), style, height, words)
