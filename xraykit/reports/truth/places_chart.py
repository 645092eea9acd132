"""Home beside each other source: a dot and its interval for accuracy, balanced accuracy and every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, SHAPES, Style, finish

MOST = len(SHAPES)  # sources that colours and shapes tell apart
LANE, GAP = 17, 10  # px of a dot's lane, and between two measures


def places(
    rows: Sequence[dict[str, Any]],
    measures: Sequence[str],
    titles: Sequence[str],
    *,
    style: Style = SCREEN,
    alt_text: str = "Figures at home and elsewhere with intervals",
) -> alt.LayerChart:
    """Shares with intervals, a row for each measure and a lane in it for each place.

    `rows` are {"measure", "place", "value", "low", "high", "label", "said"}; `titles` at most four places, home first.
    """
    order = list(titles)
    scale = alt.Scale(domain=[0, 1.32], nice=False)  # room for the words right of a dot at 100%
    ruler = alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    names = alt.Axis(labelColor=style.ink, labelLimit=210, labelPadding=8, domain=False, ticks=False, grid=True)
    above = alt.Legend(orient="top", direction="horizontal")
    hues, marks = list(style.series[: len(order)]), list(SHAPES[: len(order)])
    color = alt.Color("place:N", title=None, legend=above, scale=alt.Scale(domain=order, range=hues))
    shape = alt.Shape("place:N", title=None, legend=above, scale=alt.Scale(domain=order, range=marks))
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        y=alt.Y(
            "measure:N",
            sort=list(measures),
            title=None,
            axis=names,
            scale=alt.Scale(domain=list(measures), paddingInner=0.18, paddingOuter=0.1),
        ),
        yOffset=alt.YOffset("place:N", sort=order, scale=alt.Scale(domain=order)),
        tooltip=[
            alt.Tooltip("place:N", title="Films"),
            alt.Tooltip("measure:N", title="Measure"),
            alt.Tooltip("said:N", title="Figure"),
        ],
    )
    rules = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", title=None, scale=scale, axis=ruler), x2="high:Q", color=color
    )
    dots = base.mark_point(filled=True, size=95, opacity=1).encode(
        x=alt.X("value:Q", title=None, scale=scale, axis=ruler), color=color, shape=shape
    )
    said = base.mark_text(align="left", dx=9, fontSize=12).encode(
        x=alt.X("high:Q", scale=scale), text="label:N", color=alt.value(style.ink)
    )
    height = (LANE * len(order) + GAP) * len(measures)
    chart = alt.layer(rules, dots, said)
    assert isinstance(chart, alt.LayerChart)
    return finish(chart, style, height, alt_text)
