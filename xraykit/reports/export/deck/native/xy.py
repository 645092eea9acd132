"""XY: a native XY chart of lines, points, intervals and words beside points, with its numbers in its own workbook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pptx.chart.data import XyChartData
from pptx.enum.chart import (
    XL_CHART_TYPE,
    XL_LABEL_POSITION,
    XL_MARKER_STYLE,
    XL_TICK_LABEL_POSITION,
)
from pptx.enum.chart import XL_TICK_MARK as TICK
from pptx.enum.dml import MSO_LINE
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.util import Pt

from xraykit.reports.export.deck import look as looks
from xraykit.reports.export.deck import shapes
from xraykit.reports.export.deck.shapes import Canvas, Place

MARKERS = {
    "circle": XL_MARKER_STYLE.CIRCLE,
    "square": XL_MARKER_STYLE.SQUARE,
    "triangle-up": XL_MARKER_STYLE.TRIANGLE,
    "diamond": XL_MARKER_STYLE.DIAMOND,
}
SIDES = {"above": XL_LABEL_POSITION.ABOVE, "right": XL_LABEL_POSITION.RIGHT, "below": XL_LABEL_POSITION.BELOW}
TICKS = 14  # points


@dataclass(frozen=True)
class Series:
    """Points (x, y) in order. `line` points wide, 0 for none; `dash` of Vega; `marker` a shape of `charts.style`.

    `ends` are those of an upright interval at each point; `words` stand beside the points.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    color: str
    line: float = 0
    dash: tuple[float, ...] = ()
    marker: str = ""
    size: int = 9
    ends: tuple[tuple[float | None, float | None], ...] = ()
    words: tuple[str, ...] = ()
    side: str = "above"
    listed: bool = False  # in the legend


@dataclass(frozen=True)
class Axis:
    """An axis; what is None is left to the program."""

    title: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    format: str = "General"
    log: bool = False
    shown: bool = True


@dataclass(frozen=True)
class Chart:
    """A chart to draw. `inner` is where its plot lies, in shares of its place (x, y, w, h)."""

    key: str
    alt: str
    series: tuple[Series, ...]
    x: Axis
    y: Axis
    inner: tuple[float, float, float, float] | None = None


def draw(canvas: Canvas, place: Place, chart: Chart) -> Any:
    """The chart as a native shape."""
    data = XyChartData()
    longest = max(len(series.points) for series in chart.series)
    for series in chart.series:
        held = data.add_series(series.name)
        # LibreOffice does not draw a line that is shorter than another: its last point stands there again and again
        again = longest - len(series.points) if series.line else 0
        for x, y in (*series.points, *series.points[-1:] * again):
            held.add_data_point(x, y)
    frame = canvas.slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER_LINES_NO_MARKERS, *place.emu, data)
    shapes.name(frame, chart.key, chart.alt)
    drawn = frame.chart
    drawn.has_title = False
    drawn.font.size, drawn.font.color.rgb = Pt(TICKS), shapes.rgb(canvas.look.faint)
    for made, series in zip(drawn.plots[0].series, chart.series, strict=True):
        _style(made, series, canvas)
    _axis(drawn.category_axis, chart.x, canvas)
    _axis(drawn.value_axis, chart.y, canvas)
    drawn.has_legend = False
    if chart.inner:
        _inner(drawn, chart.inner)
    _plain(drawn)
    return frame


def step_of(values: Sequence[float] | None) -> float | None:
    """The step between ticks that lie evenly; None where they do not."""
    if not values or len(values) < 2:
        return None
    step = values[1] - values[0]
    even = all(math.isclose(b - a, step, rel_tol=1e-6) for a, b in zip(values, values[1:], strict=False))
    return step if even and step > 0 else None


def round_step(span: float, *, whole: bool = False) -> float:
    """A step of 1, 2 or 5 times a power of ten that divides a span in eight or fewer."""
    power = 10 ** math.floor(math.log10(max(span, 1e-9) / 8))
    step = next(power * k for k in (1, 2, 5, 10) if span / (power * k) <= 8)
    return max(1.0, step) if whole else step


def _style(made: Any, series: Series, canvas: Canvas) -> None:
    made.smooth = False
    color = shapes.rgb(series.color)
    if series.line:
        made.format.line.color.rgb, made.format.line.width = color, Pt(series.line)
        made._element.find(qn("c:spPr")).find(qn("a:ln")).set("cap", "flat")
        if series.dash and len(series.dash) > 1 and series.dash[1]:
            made.format.line.dash_style = dash_of(series.dash)
    else:
        made.format.line.fill.background()
    if series.marker:
        made.marker.style, made.marker.size = MARKERS[series.marker], series.size
        made.marker.format.fill.solid()
        made.marker.format.fill.fore_color.rgb = color
        made.marker.format.line.color.rgb = shapes.rgb(canvas.look.style.background)
    else:
        made.marker.style = XL_MARKER_STYLE.NONE
    for place, words in enumerate(series.words):
        if words:
            label = made.points[place].data_label
            run = label.text_frame.paragraphs[0].add_run()
            shapes.write(run, shapes.Run(words, canvas.look.ink, True), TICKS)
            label.position = SIDES[series.side]
    if any(low is not None for low, _ in series.ends):
        made._element.find(qn("c:xVal")).addprevious(_error_bars(series))


def dash_of(dash: Sequence[float]) -> MSO_LINE | None:
    """PowerPoint's name of a dash of Vega; None for a solid line."""
    if len(dash) < 2 or not dash[1]:
        return None
    if len(dash) > 2:
        return MSO_LINE.DASH_DOT
    return MSO_LINE.DASH if dash[0] >= 4 else MSO_LINE.SQUARE_DOT


def _error_bars(series: Series) -> Any:
    """Each point's own interval; how far its ends lie from the point."""
    at = [y for _, y in series.points]
    ends = [
        (value, value) if low is None or high is None else (low, high)
        for value, (low, high) in zip(at, series.ends, strict=True)
    ]
    sides = {
        "plus": [max(0.0, high - value) for value, (_, high) in zip(at, ends, strict=True)],
        "minus": [max(0.0, value - low) for value, (low, _) in zip(at, ends, strict=True)],
    }
    given = "".join(
        f'<c:{side}><c:numLit><c:formatCode>General</c:formatCode><c:ptCount val="{len(values)}"/>'
        + "".join(f'<c:pt idx="{k}"><c:v>{value:.8g}</c:v></c:pt>' for k, value in enumerate(values))
        + f"</c:numLit></c:{side}>"
        for side, values in sides.items()
    )
    line = f'<a:ln w="28575"><a:solidFill><a:srgbClr val="{series.color[1:].upper()}"/></a:solidFill></a:ln>'
    return parse_xml(
        f'<c:errBars {nsdecls("c", "a")}><c:errDir val="y"/><c:errBarType val="both"/>'
        f'<c:errValType val="cust"/><c:noEndCap val="1"/>{given}<c:spPr>{line}</c:spPr></c:errBars>'
    )


def _axis(axis: Any, given: Axis, canvas: Canvas) -> None:
    look = canvas.look
    if given.low is not None:
        axis.minimum_scale = given.low
    if given.high is not None:
        axis.maximum_scale = given.high
    if given.step:
        axis.major_unit = given.step
    axis.has_major_gridlines = given.shown
    axis.has_minor_gridlines = False
    axis.major_tick_mark = axis.minor_tick_mark = TICK.NONE
    axis.format.line.color.rgb = shapes.rgb(look.grid)
    axis.visible = given.shown
    if given.shown:
        axis.major_gridlines.format.line.color.rgb = shapes.rgb(look.grid)
        axis.major_gridlines.format.line.width = Pt(0.75)
    axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW if given.shown else XL_TICK_LABEL_POSITION.NONE
    axis.tick_labels.number_format, axis.tick_labels.number_format_is_linked = given.format, False
    axis.tick_labels.font.size, axis.tick_labels.font.color.rgb = Pt(TICKS), shapes.rgb(look.faint)
    axis.has_title = bool(given.title)
    if given.title:
        run = axis.axis_title.text_frame.paragraphs[0].add_run()
        shapes.write(run, shapes.Run(given.title, look.faint), TICKS)
    if given.log:
        scaling = axis._element.find(qn("c:scaling"))
        scaling.insert(0, scaling.makeelement(qn("c:logBase"), {"val": "10"}))


def _inner(drawn: Any, inner: tuple[float, float, float, float]) -> None:
    area = drawn._chartSpace.find(f".//{qn('c:plotArea')}")
    given = area.find(qn("c:layout"))
    if given is not None:
        area.remove(given)
    sides = "".join(f'<c:{side} val="{share:.6f}"/>' for side, share in zip("xywh", inner, strict=True))
    area.insert(
        0,
        parse_xml(
            f'<c:layout {nsdecls("c")}><c:manualLayout><c:layoutTarget val="inner"/><c:xMode val="edge"/>'
            f'<c:yMode val="edge"/>{sides}</c:manualLayout></c:layout>'
        ),
    )


def _plain(drawn: Any) -> None:
    """Without rounded corners, in the deck's font."""
    space = drawn._chartSpace
    corners = space.find(qn("c:roundedCorners"))
    if corners is None:
        corners = space.makeelement(qn("c:roundedCorners"), {})
        after = space.find(qn("c:date1904"))
        after.addnext(corners) if after is not None else space.insert(0, corners)
    corners.set("val", "0")
    for properties in space.iter(qn("a:defRPr"), qn("a:rPr")):
        if properties.find(qn("a:latin")) is None:
            latin = {"typeface": looks.FONT, "panose": looks.PANOSE, "pitchFamily": "34", "charset": "0"}
            fills = [child for child in properties if child.tag in (qn("a:ln"), qn("a:solidFill"), qn("a:noFill"))]
            made = properties.makeelement(qn("a:latin"), latin)
            fills[-1].addnext(made) if fills else properties.insert(0, made)
