"""Lines: curves, points and intervals of a chart whose axes are both numbers, as a native XY chart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xraykit.reports.export.deck import marks
from xraykit.reports.export.deck.blocks import Block
from xraykit.reports.export.deck.look import Look
from xraykit.reports.export.deck.marks import Layer, NotNative
from xraykit.reports.export.deck.native import xy
from xraykit.reports.export.deck.native.xy import Axis, Chart, Series
from xraykit.reports.export.deck.shapes import Canvas, Place

WIDTH = 1.1  # points of a native line, of a px of the chart's


@dataclass(frozen=True)
class Lines(Block):
    """A native XY chart."""

    chart: Chart

    @property
    def least(self) -> float:
        return 3.0

    @property
    def most(self) -> float:
        return max(self.least, min(0.78 * self.width, 5.2))

    @property
    def entries(self) -> tuple[tuple[str, str, Any], ...]:
        """What its legend says: name, colour and dash of each line."""
        return tuple(
            (series.name, series.color, xy.dash_of(series.dash)) for series in self.chart.series if series.listed
        )

    def draw(self, canvas: Canvas, place: Place) -> None:
        xy.draw(canvas, place, self.chart)


def of_layers(drawn: Sequence[Layer], key: str, alt: str, width: float, look: Look) -> Lines:
    """A chart as native lines.

    Raises
    ------
    NotNative
        Where it draws something else.
    """
    drawn = list(drawn)
    x, y = (_axis(drawn, channel) for channel in "xy")
    span = _span(drawn)
    series = [made for layer in drawn for made in _series(layer, drawn, span, look)]
    names: set[str] = set()
    for place, made in enumerate(series):
        if made.listed and made.name in names:
            series[place] = Series(**{**vars(made), "listed": False})
        names.add(made.name) if made.listed else None
    if len(names) < 2:
        series = [Series(**{**vars(made), "listed": False}) for made in series]
    return Lines(width, Chart(key, alt, tuple(series), x, y))


def _axis(drawn: list[Layer], channel: str) -> Axis:
    ruler, ends = marks.axis(drawn, channel), marks.domain(drawn, channel)
    step = xy.step_of(ruler["values"])
    if not step and not ruler["log"]:
        ends = ends or _span(drawn)[channel]
        whole = ruler["format"] == "0"  # epochs: the axis ends where they do
        step = xy.round_step(ends[1] - ends[0], whole=whole)
        if not whole:
            ends = math.floor(ends[0] / step + 1e-9) * step, math.ceil(ends[1] / step - 1e-9) * step
    low, high = ends or (None, None)
    return Axis(ruler["title"], low, high, step, ruler["format"], ruler["log"])


def _series(layer: Layer, drawn: list[Layer], span: dict[str, tuple[float, float]], look: Look) -> Iterator[Series]:
    x, y = layer.field("x"), layer.field("y")
    if layer.mark == "rule" and "x2" not in layer.encoding and "y2" not in layer.encoding:
        yield from _rules(layer, span, look)
        return
    if layer.mark == "rule":
        return  # an interval, drawn with its points
    if layer.mark not in ("line", "point", "area", "text") or not x or not y:
        raise NotNative(layer.mark)
    for rows in _groups(layer):
        color = str(layer.scaled("color", rows[0]) or layer.look.get("color") or look.ink)
        name = _name(layer, rows[0])
        points = tuple((float(row[x]), float(row[y])) for row in rows)
        if layer.mark == "area":
            far = layer.field("y2")
            yield Series(f"{name} from", points, color, line=1, dash=(2, 2))
            yield Series(
                f"{name} to", tuple((float(row[x]), float(row[far])) for row in rows), color, line=1, dash=(2, 2)
            )
        elif layer.mark == "line":
            yield _line(
                layer, name, _stepped(points) if "step" in str(layer.look.get("interpolate")) else points, color
            )
        elif layer.mark == "point":
            yield _points(layer, drawn, name, rows, points, color)
        else:
            text = layer.encoding["text"]
            words = tuple(marks.written(row[text["field"]], text.get("format")) for row in rows)
            side = "right" if layer.look.get("align") == "left" else "above"
            yield Series(f"{name} words", points, color, words=words, side=side)


def _line(layer: Layer, name: str, points: tuple[tuple[float, float], ...], color: str) -> Series:
    first = layer.rows[0]
    dash = layer.look.get("strokeDash") or ()
    thick = float(layer.look.get("strokeWidth", 2))
    for row in layer.rows:
        if _name(layer, row) == name:
            first = row
            break
    dash = layer.scaled("strokeDash", first) or dash
    thick = float(layer.scaled("size", first) or thick)
    listed = bool(layer.field("color")) and not name.endswith(", training")
    return Series(name, points, color, line=thick * WIDTH, dash=tuple(dash), listed=listed)


def _points(
    layer: Layer,
    drawn: list[Layer],
    name: str,
    rows: Sequence[Any],
    points: tuple[tuple[float, float], ...],
    color: str,
) -> Series:
    shape = layer.scaled("shape", rows[0]) or layer.look.get("shape") or "circle"
    ends: tuple[tuple[Any, Any], ...] = ()
    for other in drawn:
        if other.mark == "rule" and "y2" in other.encoding:
            low, high = other.field("y"), other.field("y2")
            ends = tuple((row.get(low), row.get(high)) for row in rows)
    size = max(5, min(12, round(float(layer.look.get("size", 60)) ** 0.5)))
    listed = bool(layer.field("color"))
    return Series(name, points, color, marker=str(shape), size=size, ends=ends, listed=listed)


def _rules(layer: Layer, span: dict[str, tuple[float, float]], look: Look) -> Iterator[Series]:
    color = str(layer.look.get("color") or look.faint)
    dash = tuple(layer.look.get("strokeDash") or ())
    for row in layer.rows:
        if field := layer.field("y"):
            ends = tuple((x, float(row[field])) for x in span["x"])
        else:
            ends = tuple((float(row[layer.field("x")]), y) for y in span["y"])
        yield Series("line", ends, color, line=1, dash=dash)


def _groups(layer: Layer) -> Iterator[list[Any]]:
    """The rows of each line, in the order in which they are joined."""
    fields = [layer.field(channel) for channel in ("color", "strokeDash", "detail", "size", "shape")]
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in layer.rows:
        if row.get(layer.field("x")) is not None and row.get(layer.field("y")) is not None:
            groups.setdefault(tuple(row.get(field) for field in fields if field), []).append(row)
    order = layer.field("order") or layer.field("x")
    for rows in groups.values():
        yield sorted(rows, key=lambda row: row[order]) if layer.mark in ("line", "area") else rows


def _name(layer: Layer, row: Any) -> str:
    """What a line is, of the fields that tell it apart."""
    fields = dict.fromkeys(layer.field(channel) for channel in ("color", "strokeDash", "size", "detail"))
    several = [field for field in fields if field and len({other.get(field) for other in layer.rows}) > 1]
    parts = [str(row[field]) for field in several if row.get(field) is not None] or [
        str(row[field]) for field in fields if field and row.get(field) is not None
    ]
    parts = [part for part in parts if part != "validation"]
    return ", ".join(parts) or layer.mark


def _stepped(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    stairs = list(points[:1])
    for x, y in points[1:]:
        stairs += [(x, stairs[-1][1]), (x, y)]
    return tuple(stairs)


def _span(drawn: list[Layer]) -> dict[str, tuple[float, float]]:
    """The ends of each axis, of its scale or of what lies on it."""
    ends = {}
    for channel in "xy":
        held = [
            float(row[field])
            for layer in drawn
            for row in layer.rows
            for field in (layer.field(channel), layer.field(f"{channel}2"))
            if field and isinstance(row.get(field), int | float)
        ]
        ends[channel] = marks.domain(drawn, channel) or (min(held, default=0.0), max(held, default=1.0))
    return ends
