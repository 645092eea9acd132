"""A study in charts: histories, parallel coordinates, accuracy against time, over the films, and overfitting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import DASHES, SCREEN, Style, finish, packed
from xraykit.reports.report import read_out

MOST_LINES = 16  # told apart by colour and dash
HEIGHT = 320
_LEGEND = alt.Legend(symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1, symbolSize=220)


def lines(
    rows: Sequence[dict[str, Any]],
    names: Sequence[str],
    measure: str,
    *,
    percent: bool = False,
    zero: bool = False,
    style: Style = SCREEN,
    alt_text: str = "",
) -> alt.LayerChart:
    """One measure over the epochs, the mean of a trial's runs as a line.

    Parameters
    ----------
    rows : sequence of dict
        {"trial": one of `names`, "split": "training" or "validation", "epoch": from 1, "value", "low", "high"}; low
        and high are the lowest and highest run.
    zero : bool
        Draw a line at 0, where training and validation are alike.
    """
    form = ".0%" if percent else ".3~g"
    x = _epochs(max((row["epoch"] for row in rows), default=1))
    y = alt.Y("value:Q", title=measure, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6, format=form))
    splits = alt.Scale(domain=["validation", "training"], range=[2.6, 1.0])
    base = alt.Chart()
    drawn = base.mark_line().encode(
        x=x,
        y=y,
        detail="split:N",
        size=alt.Size("split:N", title=None, scale=splits, legend=None),
        tooltip=[
            alt.Tooltip("trial:N", title="Trial"),
            alt.Tooltip("split:N", title="Films"),
            alt.Tooltip("epoch:Q", title="Epoch"),
            alt.Tooltip("value:Q", title=measure, format=".1%" if percent else ".4~g"),
        ],
        **_by_trial(names, style),
    )
    # No tooltip of its own, and no label for screen readers: the line tells the same
    band = (
        base.transform_filter("datum.split === 'validation' && datum.high > datum.low")
        .mark_area(opacity=0.12, aria=False)
        .encode(x=x, y=alt.Y("low:Q", title=measure), y2="high:Q", color=_color(names, style))
    )
    rule = (
        alt.Chart(alt.Data(values=[{"value": 0}])).mark_rule(color=style.faint, strokeDash=[3, 3]).encode(y="value:Q")
    )
    layered = alt.layer(rule if zero else _nothing(), alt.layer(band, drawn, data=packed(rows)))
    validation = [row for row in rows if row["split"] == "validation"]
    ended = read_out.courses(validation or rows, "epoch", "trial", percent=percent)
    words = read_out.sentences(alt_text or f"{measure} over the epochs", ended)
    return finish(layered, style, HEIGHT, words)


def _epochs(last: int) -> alt.X:
    """The axis of the epochs from 1 to `last`, with ten marks or fewer."""
    every = max(1, -(-last // 10))
    return alt.X(
        "epoch:Q",
        title="Epoch",
        scale=alt.Scale(domain=[1, max(2, last)], nice=False),
        axis=alt.Axis(values=[1, *range(every if every > 1 else 2, last + 1, every)], format="d"),
    )


def parallel(
    rows: Sequence[dict[str, Any]],
    ticks: Sequence[dict[str, Any]],
    axes: Sequence[str],
    *,
    brushed: bool = False,
    style: Style = SCREEN,
    alt_text: str = "Parallel coordinates",
) -> alt.LayerChart:
    """Every trial as a line over its settings to its accuracy, which is its colour too.

    Parameters
    ----------
    rows : sequence of dict
        {"trial", "axis": one of `axes`, "position": 0 to 1, "value": as text, "accuracy": share or None, "shown"}; one
        that is not shown is faint.
    ticks : sequence of dict
        {"axis", "position", "text"}: what stands beside an axis.
    brushed : bool
        Let a rectangle be drawn: the selection "brush" holds the axes and the range of positions that it covers.
    """
    x = alt.X(
        "axis:N",
        title=None,
        sort=list(axes),
        scale=alt.Scale(type="point", padding=0.45),
        axis=alt.Axis(orient="top", labelColor=style.ink, labelAngle=0, labelLimit=220, domain=False, ticks=False),
    )
    y = alt.Y("position:Q", title=None, axis=None, scale=alt.Scale(domain=[-0.04, 1.09], nice=False))
    color = _by_accuracy(style)
    poles = alt.Chart(alt.Data(values=[{"axis": axis, "low": 0, "high": 1} for axis in axes]))
    poles = poles.mark_rule(color=style.faint, strokeWidth=1, aria=False).encode(
        x=x, y=alt.Y("low:Q", axis=None), y2="high:Q"
    )
    base = alt.Chart()
    tooltip = [alt.Tooltip(f"{name}:N", title=name.capitalize()) for name in ("trial", "axis", "value")]
    faint = base.transform_filter("!datum.shown").mark_line(strokeWidth=1, opacity=0.14, aria=False, color=style.faint)
    faint = faint.encode(x=x, y=y, detail="trial:N")
    shown = base.transform_filter("datum.shown").mark_line(strokeWidth=2, opacity=0.85)
    shown = shown.encode(x=x, y=y, detail="trial:N", color=color, tooltip=tooltip)
    points = base.transform_filter("datum.shown").mark_point(filled=True, size=26, opacity=1)
    points = points.encode(x=x, y=y, color=color, tooltip=tooltip)
    if brushed:
        points = points.add_params(alt.selection_interval(name="brush", encodings=["x", "y"]))
    drawn = alt.layer(faint, shown, points, data=packed(rows))
    words = read_out.sentences(alt_text, _best(rows))
    return finish(alt.layer(poles, drawn, *_ticks(ticks, x, y, style)), style, HEIGHT, words)


def _best(rows: Sequence[dict[str, Any]]) -> str:
    """The most and the least accurate trial of those that are shown."""
    accuracy = {row["trial"]: row["accuracy"] for row in rows if row["shown"] and row["accuracy"] is not None}
    return read_out.figures(read_out.Named(*pair) for pair in accuracy.items()) if accuracy else ""


def _by_accuracy(style: Style) -> alt.Color:
    return alt.Color(
        "accuracy:Q",
        title="Validation accuracy",
        scale=alt.Scale(range=list(style.sequential[1:]), zero=False, nice=False),
        legend=alt.Legend(
            type="gradient", format=".1%", orient="right", direction="vertical", gradientLength=180, titleLimit=200
        ),
    )


def _ticks(ticks: Sequence[dict[str, Any]], x: alt.X, y: alt.Y, style: Style) -> tuple[alt.Chart, alt.Chart]:
    """The words beside the axes, and below them a halo that keeps them readable over lines."""
    ticked = alt.Chart(alt.Data(values=list(ticks))).encode(x=x, y=y, text="text:N")
    look = {"align": "left", "dx": 7, "dy": -9, "fontSize": 12, "limit": 150}
    halo = ticked.mark_text(**look, stroke=style.background, strokeWidth=4, opacity=0.85, aria=False)
    return halo, ticked.mark_text(**look, color=style.ink)


def cost(
    rows: Sequence[dict[str, Any]], *, style: Style = SCREEN, alt_text: str = "Accuracy against training time"
) -> alt.LayerChart:
    """Accuracy against the time that a run takes; trials that none beats in both are joined.

    Parameters
    ----------
    rows : sequence of dict
        {"trial", "number", "seconds", "time": as text, "accuracy", "low", "high", "front": on the Pareto front}.
    """
    seconds = [row["seconds"] for row in rows]
    wide = min(seconds, default=0) > 0 and max(seconds, default=1) > 8 * min(seconds, default=1)
    x = alt.X(
        "seconds:Q",
        title="Training time of a run, seconds",
        scale=alt.Scale(type="log", nice=False, padding=24) if wide else alt.Scale(zero=False, padding=24),
        axis=alt.Axis(tickCount=6, format="~s"),
    )
    y = alt.Y("accuracy:Q", title="Validation accuracy", scale=alt.Scale(zero=False), axis=alt.Axis(format=".0%"))
    tooltip = [
        alt.Tooltip("trial:N", title="Trial"),
        alt.Tooltip("accuracy:Q", title="Validation accuracy", format=".1%"),
        alt.Tooltip("time:N", title="Training time"),
    ]
    base = alt.Chart().encode(x=x)
    front = base.transform_filter("datum.front")
    bars = base.transform_filter("isValid(datum.low)").mark_rule(opacity=0.5, color=style.faint, aria=False)
    bars = bars.encode(y=alt.Y("low:Q", title="Validation accuracy"), y2="high:Q")
    step = front.mark_line(interpolate="step-after", color=style.mark, strokeWidth=1.5, aria=False).encode(y=y)
    rest = base.transform_filter("!datum.front").mark_point(filled=True, size=60, opacity=1, color=style.series[0])
    best = front.mark_point(filled=True, size=130, opacity=1, color=style.mark, shape="diamond", stroke=style.ink)
    named = front if len(rows) > 12 else base
    names = named.mark_text(dy=-13, fontSize=12, color=style.ink).encode(y=y, text="number:N")
    layers = (bars, step, rest.encode(y=y, tooltip=tooltip), best.encode(y=y, tooltip=tooltip), names)
    words = read_out.sentences(alt_text, _front(rows))
    return finish(alt.layer(_nothing(), alt.layer(*layers, data=packed(rows))), style, HEIGHT, words)


def _front(rows: Sequence[dict[str, Any]]) -> str:
    """The most accurate trial and the fastest one, with what each takes and gives."""
    if not rows:
        return ""
    best, fast = max(rows, key=lambda row: row["accuracy"]), min(rows, key=lambda row: row["seconds"])
    ends = [f"Most accurate: {best['trial']}, {best['accuracy']:.1%} in {best['time']}"]
    if fast is not best:
        ends.append(f"fastest: {fast['trial']}, {fast['accuracy']:.1%} in {fast['time']}")
    return "; ".join(ends)


def over_shrink(
    rows: Sequence[dict[str, Any]], names: Sequence[str], *, style: Style = SCREEN, alt_text: str = ""
) -> alt.LayerChart:
    """Accuracy over the share of the training films that was used.

    Parameters
    ----------
    rows : sequence of dict
        {"trial": what the trials of a line have in common, "share": 0 to 1, "accuracy", "low", "high"}.
    """
    x = alt.X(
        "share:Q",
        title="Share of the training films",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(format=".0%", values=sorted({row["share"] for row in rows})),
    )
    y = alt.Y("accuracy:Q", title="Validation accuracy", scale=alt.Scale(zero=False), axis=alt.Axis(format=".0%"))
    base = alt.Chart(packed(rows)).encode(x=x)
    bars = base.transform_filter("isValid(datum.low)").mark_rule(aria=False, strokeWidth=1.5)
    bars = bars.encode(y=alt.Y("low:Q", title="Validation accuracy"), y2="high:Q", color=_color(names, style))
    tooltip = [
        alt.Tooltip("trial:N", title="Trial"),
        alt.Tooltip("share:Q", title="Share", format=".1%"),
        alt.Tooltip("accuracy:Q", title="Validation accuracy", format=".1%"),
    ]
    drawn = base.mark_line(strokeWidth=2).encode(y=y, **_by_trial(names, style))
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(y=y, color=_color(names, style), tooltip=tooltip)
    ended = read_out.courses(rows, "share", "trial", value="accuracy", percent=True)
    words = read_out.sentences(alt_text or "Accuracy over the share of training films", ended)
    return finish(alt.layer(_nothing(), bars, drawn, dots), style, HEIGHT, words)


def shares(
    rows: Sequence[dict[str, Any]],
    order: Sequence[str],
    names: Sequence[str],
    title: str,
    *,
    style: Style = SCREEN,
    alt_text: str = "Shares with intervals",
) -> alt.LayerChart:
    """Shares with their intervals, one below the other; what is None is left out.

    Parameters
    ----------
    rows : sequence of dict
        {"name": one of `order`, "trial": one of `names`, "value", "low", "high"}.
    """
    known = [row for row in rows if row["value"] is not None]
    labels = alt.Axis(labelColor=style.ink, labelLimit=300, labelPadding=8, domain=False, ticks=False)
    base = alt.Chart(packed(known)).encode(
        y=alt.Y("name:N", sort=list(order), title=None, axis=labels),
        yOffset=alt.YOffset("trial:N", sort=list(names)),
        color=_color(names, style, legend=len(names) > 1),
    )
    lows = [row["value"] if row["low"] is None else row["low"] for row in known]
    floor = max(0.0, math.floor(10 * min(lows, default=0.0) - 0.2) / 10)
    across = alt.Scale(domain=[floor, 1 + 0.03 * (1 - floor)], nice=False)
    ruler = alt.Axis(format=".0%", values=[k / 10 for k in range(round(10 * floor), 11)])
    x = alt.X("value:Q", title=title, scale=across, axis=ruler)
    tooltip = [
        alt.Tooltip("name:N", title="Films"),
        alt.Tooltip("trial:N", title="Trial"),
        alt.Tooltip("value:Q", title=title, format=".1%"),
    ]
    bars = base.mark_rule(strokeWidth=2.5, aria=False).encode(
        x=alt.X("low:Q", title=title, scale=across, axis=ruler), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=110, opacity=1).encode(x=x, tooltip=tooltip)
    layers = [_nothing(), bars, points]
    if len(names) == 1:
        text = base.mark_text(dy=-13, fontSize=12.5, fontWeight=600)
        layers.append(text.encode(x=x, text=alt.Text("value:Q", format=".1%"), color=alt.value(style.ink)))
    height = max(120, len(order) * (44 if len(names) == 1 else 14 + 15 * len(names)) + 56)
    fields = ("name", "trial") if len(names) > 1 else ("name",)
    words = read_out.sentences(alt_text, read_out.rows(known, *fields))
    return finish(alt.layer(*layers), style, height, words)


def _nothing() -> alt.Chart:
    """A layer with other rows than the rest: rows that all layers share go to the top of the chart, where Streamlit
    takes them for a table, which packed ones are not."""
    return alt.Chart(alt.Data(values=[{}])).mark_point(aria=False, opacity=0, size=0)


def _by_trial(names: Sequence[str], style: Style) -> dict[str, Any]:
    """Colour and dash of a trial; one legend for both."""
    dashes = [DASHES[(k // len(style.series)) % len(DASHES)] for k in range(len(names))]
    scale = alt.Scale(domain=list(names), range=dashes)
    return {
        "color": _color(names, style),
        "strokeDash": alt.StrokeDash("trial:N", title=None, scale=scale, legend=_LEGEND),
    }


def _color(names: Sequence[str], style: Style, legend: bool = True) -> alt.Color:
    colors = [style.series[k % len(style.series)] for k in range(len(names))]
    scale = alt.Scale(domain=list(names), range=colors)
    return alt.Color("trial:N", title=None, scale=scale, legend=_LEGEND if legend else None)
