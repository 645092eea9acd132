"""Charts of a data audit: classes by what else is known of films, and what tells the class without a lung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, finish
from xraykit.reports.report import read_out

FEW, ROOM = 4, 420  # classes whose names stand side by side, and the pixels that they share
SLANTED: dict[str, Any] = {"labelAngle": -60, "labelLimit": 120}
LINES = {"chance": [2, 3], "halfway": [6, 4], "network": [1, 0], "accuracy": [12, 4]}


def probes(
    rows: Sequence[Mapping[str, Any]],
    marks: Sequence[Mapping[str, Any]],
    *,
    style: Style = SCREEN,
    alt_text: str = "Balanced accuracy of each probe",
) -> alt.LayerChart:
    """Shares with intervals, a row a probe {"probe", "value", "low", "high"}; "accuracy", where given, as a diamond.

    `marks` are lines {"name", "kind", "value"}; a kind is a key of LINES.
    """
    order = [str(row["probe"]) for row in rows]
    axis = alt.Axis(labelColor=style.ink, labelLimit=330, labelPadding=8, domain=False, ticks=False)
    ruler = alt.Axis(format=".0%", tickCount=5)
    across = alt.Scale(domain=[0, 1.08], nice=False)
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows])).encode(
        y=alt.Y("probe:N", sort=order, title=None, axis=axis)
    )
    rules = base.mark_rule(strokeWidth=2.5, color=style.series[0]).encode(
        x=alt.X("low:Q", title="Balanced accuracy", scale=across, axis=ruler), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=120, opacity=1, color=style.series[0]).encode(x="value:Q")
    text = base.mark_text(dy=-13, fontSize=13, fontWeight=600, color=style.ink).encode(
        x="value:Q", text=alt.Text("value:Q", format=".1%")
    )
    drawn = [rules, points, text]
    if any(row.get("accuracy") is not None for row in rows):
        diamonds = base.mark_point(shape="diamond", size=90, strokeWidth=2, opacity=1, color=style.series[1])
        drawn.append(diamonds.encode(x="accuracy:Q", tooltip=alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%")))
    lines = []
    for kind, dash in LINES.items():
        shown = [dict(mark) for mark in marks if mark["kind"] == kind]
        if not shown:  # a layer without a mark is a picture without a name
            continue
        data = alt.Data(values=shown)
        colour = style.series[1] if kind in ("network", "accuracy") else style.faint
        lines.append(
            alt.Chart(data)
            .mark_rule(strokeDash=dash, strokeWidth=1.6, color=colour)
            .encode(x="value:Q", tooltip=[alt.Tooltip("name:N", title="Line"), alt.Tooltip("value:Q", format=".1%")])
        )
    return finish(alt.LayerChart(layer=[*lines, *drawn]), style, 60 + 42 * len(order), read_out.sentences(alt_text))


def rows_of(counts: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Rows {"value", "label", "films", "share"} of {value: {class: films}}; a share is of the value's films."""
    return [
        {"value": value, "label": label, "films": n, "share": n / max(1, sum(by_class.values()))}
        for value, by_class in counts.items()
        for label, n in by_class.items()
    ]


def shares(
    rows: Sequence[Mapping[str, Any]], title: str, *, style: Style = SCREEN, alt_text: str = "Classes by value"
) -> alt.LayerChart:
    """How the films of each value are shared among the classes: a row that is one dark cell tells the class."""
    values = list(dict.fromkeys(str(row["value"]) for row in rows))
    labels = list(dict.fromkeys(str(row["label"]) for row in rows))
    # Side by side on a third of a page each name has its column's width; more of them stand slanted
    room: dict[str, Any] = {"labelAngle": 0, "labelLimit": ROOM // len(labels)} if len(labels) <= FEW else SLANTED
    names = alt.Axis(labelColor=style.ink, domain=False, ticks=False, orient="top", **room)
    side = alt.Axis(labelColor=style.ink, labelLimit=190, domain=False, ticks=False)
    above = 46 if len(labels) <= FEW else 30 + SLANTED["labelLimit"]
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows])).encode(
        x=alt.X("label:N", sort=labels, title=None, axis=names),
        y=alt.Y("value:N", sort=values, title=title, axis=side),
        tooltip=[
            alt.Tooltip("value:N", title=title),
            alt.Tooltip("label:N", title="Class"),
            alt.Tooltip("films:Q", title="Films"),
            alt.Tooltip("share:Q", title="Of these films", format=".1%"),
        ],
    )
    fill = alt.Scale(domain=[0, 1], range=list(style.sequential), interpolate="rgb", clamp=True)
    tiles = base.mark_rect(stroke=style.background, strokeWidth=2).encode(
        color=alt.Color("share:Q", scale=fill, legend=None)
    )
    ink = alt.condition(f"datum.share > {style.flip}", alt.value(style.on_high), alt.value(style.on_low))
    text = base.mark_text(fontSize=13 if len(labels) <= FEW else 9).encode(
        text=alt.Text("films:Q", format=",d"), color=ink
    )
    words = read_out.sentences(alt_text, _clearest(rows))
    return finish(alt.LayerChart(layer=[tiles, text]), style, above + 30 * len(values), words)


def _clearest(rows: Sequence[Mapping[str, Any]]) -> str:
    """The value whose films are most of one class."""
    if not rows:
        return ""
    most = max(rows, key=lambda row: (row["share"], row["films"]))
    return f"Most of one class: {most['value']}, where {most['share']:.1%} of the films are {most['label']}"
