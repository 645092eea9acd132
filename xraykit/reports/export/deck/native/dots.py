"""Dots: shares with intervals, or bars, a row each, as a native chart between its names and its numbers as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from xraykit.evaluation.stats import Figure
from xraykit.reports.export.deck import marks, measure, shapes
from xraykit.reports.export.deck.blocks import Block
from xraykit.reports.export.deck.look import Look
from xraykit.reports.export.deck.marks import Layer, NotNative
from xraykit.reports.export.deck.native import xy
from xraykit.reports.export.deck.native.xy import Axis, Chart, Series
from xraykit.reports.export.deck.shapes import Canvas, Place

NAMES = 4.0  # inches, the widest column of names
SIZE, NUMBERS = 16, 14  # points
RULER = 0.68  # inches below the rows
SIDE = 0.35  # inches of a tick's label beyond the plot


@dataclass(frozen=True)
class Dot:
    """A dot: the row it stands in, what it is of, its value and interval, and its numbers in words.

    The shape "bar" begins at the left end of the axis, "tick" is an upright line across its lane without words.
    """

    row: str
    lane: str
    value: float
    ends: tuple[float | None, float | None]
    words: str
    color: str
    shape: str


@dataclass(frozen=True)
class Dots(Block):
    """Rows of dots below one another. `lines` are values at which a line crosses them all: (value, colour, dash)."""

    key: str
    alt: str
    rows: tuple[str, ...]
    lanes: tuple[str, ...]
    dots: tuple[Dot, ...]
    axis: Axis
    lines: tuple[tuple[float, str, tuple[float, ...]], ...]
    part: bool = False  # of a chart that goes on on the next slide

    @property
    def least(self) -> float:
        return self._legend + len(self.rows) * self._row + RULER

    @property
    def most(self) -> float:
        return self._legend + len(self.rows) * max(self._row, 0.4 * len(self.lanes) + 0.35) + RULER

    def split(self, room: float) -> tuple[Block, Block] | None:
        count = int((room - self._legend - RULER) // self._row)
        if count < 2:
            return None
        parts = (self.rows[:count], self.rows[count:])
        return replace(self, rows=parts[0], part=True), replace(self, rows=parts[1], part=True)

    def draw(self, canvas: Canvas, place: Place) -> None:
        entries = self._entries
        if entries:
            box = Place(place.x, place.y, place.w, self._legend)
            shapes.name(shapes.text(canvas, box, [shapes.legend_runs(entries, canvas.look)], NUMBERS), "legend")
        y, high = place.y + self._legend, place.h - self._legend - RULER
        names, numbers = self._names, self._numbers
        row = high / len(self.rows)
        for k, name in enumerate(self.rows):
            box = Place(place.x, y + k * row, names, row)
            text = measure.clipped(name, SIZE, names, max(1, int(row * 72 / SIZE / 1.2)))
            shapes.text(canvas, box, [text], SIZE, anchor="middle")
            if k:
                shapes.line(canvas, (place.x, y + k * row, place.x + place.w, y + k * row), canvas.look.grid, 0.75)
        plot = Place(place.x + names + SIDE, y, place.w - names - numbers - 2 * SIDE, high)
        self._chart(canvas, plot)
        lane = row / (len(self.lanes) + 0.3)
        for dot in (dot for dot in self._shown if dot.words):
            middle = y + high - self._height(dot) * row
            box = Place(place.x + place.w - numbers, middle - lane / 2, numbers, lane)
            drawn = shapes.text(canvas, box, [dot.words], NUMBERS, anchor="middle")
            shapes.name(drawn, f"{dot.row}, {dot.lane}" if dot.lane else dot.row)

    def _chart(self, canvas: Canvas, plot: Place) -> None:
        series = [
            Series("line", ((value, 0.0), (value, float(len(self.rows)))), color, line=1.5, dash=dash)
            for value, color, dash in self.lines
        ]
        for lane in self.lanes:
            held = [dot for dot in self._shown if dot.lane == lane]
            for shade in dict.fromkeys((dot.color, dot.shape) for dot in held):
                own = [dot for dot in held if (dot.color, dot.shape) == shade]
                if shade[1] in ("bar", "tick"):
                    series += [self._stroke(dot, 72 * plot.h / len(self.rows) / (len(self.lanes) + 0.3)) for dot in own]
                    continue
                points = tuple((dot.value, self._height(dot)) for dot in own)
                series += [self._interval(dot) for dot in own if None not in dot.ends]
                name = lane or own[0].row
                series.append(Series(name, points, shade[0], marker=shade[1], size=11))
        wide, high = plot.w + 2 * SIDE, plot.h + RULER
        inner = (SIDE / wide, 0.0, plot.w / wide, plot.h / high)
        up = Axis(low=0, high=len(self.rows), step=1, shown=False)
        shown = " to ".join(dict.fromkeys((self.rows[0], self.rows[-1])))
        alt = f"{self.alt} This part: {shown}." if self.part else self.alt
        chart = Chart(self.key, alt, tuple(series), self.axis, up, inner)
        xy.draw(canvas, Place(plot.x - SIDE, plot.y, wide, high), chart)

    def _interval(self, dot: Dot) -> Series:
        """A line of its own: LibreOffice draws no error bars along x."""
        ends = tuple((float(end), self._height(dot)) for end in dot.ends if end is not None)
        return Series(f"{dot.lane or dot.row}, interval", ends, dot.color, line=2.25)

    def _stroke(self, dot: Dot, lane: float) -> Series:
        """A bar or a tick as a line in a lane so many points high."""
        y, half = self._height(dot), 0.47 / (len(self.lanes) + 0.3)
        if dot.shape == "tick":
            name = f"{dot.lane or dot.row}, mark"
            return Series(name, ((dot.value, y - half), (dot.value, y + half)), dot.color, line=3)
        ends = ((self.axis.low or 0.0, y), (dot.value, y))
        return Series(dot.lane or dot.row, ends, dot.color, line=min(20.0, 0.55 * lane))

    def _height(self, dot: Dot) -> float:
        """Where a dot stands, rows from below."""
        within = (self.lanes.index(dot.lane) + 0.65) / (len(self.lanes) + 0.3)
        return len(self.rows) - self.rows.index(dot.row) - within

    @property
    def _shown(self) -> list[Dot]:
        return [dot for dot in self.dots if dot.row in self.rows]

    @property
    def _entries(self) -> list[tuple[str, str, str]]:
        if len(self.lanes) < 2:
            return []
        return list(dict.fromkeys((dot.lane, dot.color, dot.shape) for dot in self.dots if dot.shape != "tick"))

    @property
    def _legend(self) -> float:
        return shapes.legend_height(self._entries, NUMBERS, self.width) + 0.12 if self._entries else 0

    @property
    def _row(self) -> float:
        names = max(measure.height(name, SIZE, self._names) for name in self.rows)
        return max(0.44, 0.245 * len(self.lanes) + 0.12, min(names, 0.55) + 0.06)

    @property
    def _names(self) -> float:
        return min(NAMES, 0.36 * self.width, max(measure.width(name, SIZE) for name in self.rows) * 1.04 + 0.05)

    @property
    def _numbers(self) -> float:
        return min(0.3 * self.width, max(measure.width(dot.words, NUMBERS) for dot in self.dots) * 1.06 + 0.05)


def of_layers(drawn: Sequence[Layer], key: str, alt: str, width: float, look: Look) -> Dots:
    """A chart of dots with intervals.

    Raises
    ------
    NotNative
        Where it draws something else.
    """
    dotted = [layer for layer in drawn if layer.mark in ("point", "bar")]
    if len(dotted) != 1 or any(layer.mark not in ("point", "bar", "tick", "rule", "text") for layer in drawn):
        raise NotNative("not dots alone")
    points = dotted[0]
    ruler = marks.axis(list(drawn), "x")
    low, high = marks.domain(list(drawn), "x") or (None, None)
    if ruler["values"]:  # room beyond them was for numbers, which stand in their own column here
        high = max(ruler["values"])
    percent = "%" in ruler["format"]
    axis = Axis(ruler["title"], low, high, xy.step_of(ruler["values"]), ruler["format"])
    between = [layer for layer in drawn if layer.mark == "rule" and "x2" in layer.encoding]
    crossing = [layer for layer in drawn if layer.mark == "rule" and "x2" not in layer.encoding]
    ends = (between[0].field("x"), between[0].field("x2")) if between else ("", "")
    dots = tuple(_dot(points, row, ends, percent, look) for row in points.rows)
    if points.mark == "bar":
        dots = tuple(replace(dot, words=_beside(drawn, dot), shape="bar") for dot in dots)
    dots += tuple(
        replace(_dot(layer, row, ("", ""), percent, look), words="", shape="tick")
        for layer in drawn
        if layer.mark == "tick"
        for row in layer.rows
    )
    lanes = points.values("yOffset") if "yOffset" in points.encoding else [""]
    order = [str(name) for name in points.values("y") if any(dot.row == str(name) for dot in dots)]
    lines = tuple(
        (float(row[layer.field("x")]), str(layer.look["color"]), tuple(layer.look.get("strokeDash", ())))
        for layer in crossing
        for row in layer.rows
    )
    return Dots(width, key, alt, tuple(order), tuple(map(str, lanes)), dots, axis, lines)


def _dot(points: Layer, row: Any, ends: tuple[str, str], percent: bool, look: Look) -> Dot:
    value, interval = float(row[points.field("x")]), (row.get(ends[0]), row.get(ends[1]))
    words = Figure(value, *interval).text("percent" if percent else "number").removesuffix(" (no interval)")
    fields = [
        given["field"] for given in points.encoding.get("tooltip", []) if isinstance(row.get(given["field"]), str)
    ]
    names = [points.field(channel) for channel in ("y", "yOffset", "color")]
    words = next((row[field] for field in fields if field not in names and row[field].startswith(words)), words)
    color = points.scaled("color", row) or points.look.get("color") or look.ink
    shape = points.scaled("shape", row) or points.look.get("shape") or "circle"
    return Dot(
        str(row[points.field("y")]), str(row.get(points.field("yOffset"), "")), value, interval, words, color, shape
    )


def _beside(drawn: Sequence[Layer], dot: Dot) -> str:
    """A bar's number as the chart writes it."""
    formats = (layer.encoding["text"].get("format") for layer in drawn if layer.mark == "text")
    return marks.written(dot.value, next(formats, None))
