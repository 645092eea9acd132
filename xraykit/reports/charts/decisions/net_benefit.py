"""Decision curves: net benefit over thresholds, and the paired difference of two models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, by_model, finish, packed
from xraykit.reports.report import read_out

HEIGHT = 340


def curves(
    points: Sequence[dict[str, Any]],
    everybody: Sequence[dict[str, Any]],
    models: Sequence[str],
    *,
    style: Style = SCREEN,
) -> alt.LayerChart:
    """Net benefit of each model beside acting on everybody (dashed) and on nobody (the line at 0).

    Parameters
    ----------
    points, everybody : sequence of dict
        {"model", "threshold", "benefit"}; what lies far below 0 is cut off.
    """
    top = max((row["benefit"] for row in [*points, *everybody]), default=0.1)
    low = -0.15 * max(top, 0.02)
    up = alt.Scale(domain=[low, 1.1 * max(top, 0.02)], nice=False)
    x, y = _across(), alt.Y("benefit:Q", title="Net benefit", scale=up, axis=alt.Axis(format=".2f", tickCount=6))
    lines = (
        alt.Chart(packed([row for row in points if row["benefit"] >= low]))
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(x=x, y=y, **by_model(tuple(models), style))
    )
    shown = [row for row in everybody if row["benefit"] >= low]
    treated = alt.Chart(packed(shown)).mark_line(color=style.faint, strokeDash=[4, 4], clip=True).encode(x=x, y=y)
    last = [{**shown[-1], "words": "everybody"}] if shown else []
    name = (
        alt.Chart(packed(last))
        .mark_text(align="left", dx=6, dy=-2, color=style.faint, fontSize=12)
        .encode(x=x, y=y, text="words:N")
    )
    nobody = alt.Chart(packed([{"benefit": 0}])).mark_rule(color=style.faint).encode(y=y)
    words = read_out.sentences(f"Decision curves of {read_out.models(models)}", _in_the_middle(points))
    return finish(alt.layer(nobody, treated, name, lines), style, HEIGHT, words)


def difference(rows: Sequence[dict[str, Any]], first: str, second: str, *, style: Style = SCREEN) -> alt.LayerChart:
    """The second model's net benefit minus the first's, its interval as a band, dots where it leaves out 0.

    Parameters
    ----------
    rows : sequence of dict
        {"threshold", "value", "low", "high": None without an interval, "clear": bool}.
    """
    title = "Difference of net benefit"
    x, axis = _across(), alt.Axis(format=".2f", tickCount=6)
    base = alt.Chart(packed(rows))
    band = (
        base.transform_filter("datum.low != null")
        .mark_area(aria=False, color=style.series[0], opacity=0.25)
        .encode(x=x, y=alt.Y("low:Q", title=title, axis=axis), y2="high:Q")
    )
    y = alt.Y("value:Q", title=title, axis=axis)
    line = base.mark_line(color=style.series[0], strokeWidth=2).encode(x=x, y=y)
    dots = (
        base.transform_filter("datum.clear")
        .mark_point(aria=False, filled=True, size=36, opacity=1, color=style.mark)
        .encode(x=x, y=y, tooltip=[alt.Tooltip("threshold:Q", title="Threshold", format=".0%")])
    )
    zero = alt.Chart(packed([{"value": 0}])).mark_rule(color=style.faint).encode(y=y)
    words = read_out.sentences(f"Net benefit of {second} minus that of {first}", _furthest(rows))
    return finish(alt.layer(zero, band, line, dots), style, HEIGHT, words)


def _in_the_middle(points: Sequence[dict[str, Any]]) -> str:
    """Each model's net benefit at the threshold nearest to one half."""
    if not points:
        return ""
    middle = min((row["threshold"] for row in points), key=lambda threshold: abs(threshold - 0.5))
    at = (read_out.Named(row["model"], row["benefit"]) for row in points if row["threshold"] == middle)
    return read_out.figures(at, "number", of=f"At a threshold of {middle:.0%}")


def _furthest(rows: Sequence[dict[str, Any]]) -> str:
    """Where the difference is largest, and at how many thresholds its interval leaves out 0."""
    if not rows:
        return ""
    most = max(rows, key=lambda row: abs(row["value"]))
    clear = sum(bool(row["clear"]) for row in rows)
    largest = f"The largest difference is {most['value']:+.4f}, at a threshold of {most['threshold']:.0%}"
    return f"{largest}; at {clear} of {len(rows)} thresholds the interval leaves out 0"


def _across() -> alt.X:
    axis = alt.Axis(format=".0%", values=[0, 0.2, 0.4, 0.6, 0.8, 1])
    return alt.X("threshold:Q", title="Threshold probability", scale=alt.Scale(domain=[0, 1]), axis=axis)
