"""Charts of what models are worth: home beside each other source, answers on altered films, deletion and insertion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, SHAPES, Style, by_model, finish
from xraykit.reports.report import read_out

ROW = 26  # px an alteration of up to two models
LANE, GAP = 17, 10  # px of a place's lane, and between two measures


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
    words = f"Balanced accuracy of {read_out.models(models)} on altered films; the dashed line is chance, {chance:.0%}"
    fields = ("alteration", "model") if len(models) > 1 else ("alteration",)
    words = read_out.sentences(words, read_out.rows(given, *fields))
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
    words = read_out.sentences(words, read_out.courses(rows, "share", "curve", "map"))
    return finish(alt.LayerChart(layer=[lines]), style, 280, words)


def places(
    rows: Sequence[dict[str, Any]],
    measures: Sequence[str],
    titles: Sequence[str],
    *,
    style: Style = SCREEN,
    alt_text: str = "Figures at home and elsewhere with intervals",
) -> alt.LayerChart:
    """Shares with intervals, a row for each measure and a lane in it for each place.

    `rows` are {"measure", "place", "value", "low", "high", "label", "said"}; `titles` at most four places, as many as
    shapes tell apart, home first.
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
    words = read_out.sentences(alt_text, read_out.rows(rows, "measure", "place"))
    return finish(chart, style, height, words)
