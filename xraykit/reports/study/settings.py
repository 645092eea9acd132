"""A study's settings and its accuracy as parallel coordinates, and which trials a brush covers. Computes no figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from xraykit.experiments.table import Table, TrialRow
from xraykit.reports.charts import studies as charts
from xraykit.reports.charts.style import Style
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.study import words
from xraykit.system import text

MOST_ROWS = 5000  # of a chart: a browser slows down beyond
MOST_AXIS_VALUES = 8  # named beside an axis


def settings(table: Table, shown: Sequence[int] | None = None, *, brushed: bool = False) -> Section | None:
    """Parallel coordinates: settings of every trial and its accuracy. Of `shown` trials only, the others faint."""
    known = [row for row in table.rows if row.accuracy.mean is not None]
    if len(known) < 2 or not table.factors:
        return None
    by_number = words.names(table)
    axes = parallel_axes(table)
    rows = _limit_trials(
        [
            {
                "trial": by_number[row.number],
                "axis": axis.title,
                "position": axis.position(row),
                "value": axis.text(row),
                "accuracy": row.accuracy.mean,
                "shown": shown is None or row.number in shown,
            }
            for row in known
            for axis in axes
        ],
        len(axes),
    )
    ticks = [tick for axis in axes for tick in axis.ticks()]
    titles = [axis.title for axis in axes]

    def draw(style: Style) -> Any:
        alt_text = f"Settings and validation accuracy of {len(known)} trials"
        return charts.parallel(rows, ticks, titles, brushed=brushed, style=style, alt_text=alt_text)

    return Section("settings", "Settings and accuracy", (), (Picture("settings", "Parallel coordinates", draw, rows),))


def _limit_trials(rows: list[dict[str, Any]], axes: int) -> list[dict[str, Any]]:
    return rows[: MOST_ROWS // axes * axes]


class Axis:
    """An axis of the parallel coordinates: numbers in a linear or logarithmic scale, or values side by side."""

    def __init__(self, table: Table, path: str | None) -> None:
        known = [row for row in table.rows if row.accuracy.mean is not None]
        self.path = path
        self.title = "Accuracy" if path is None else words.label(path)
        values = [self._value(row) for row in known]
        self.numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        self.values = (
            sorted(set(values))
            if self.numbers
            else list({repr(v): v for v in values}.values())  # lists cannot be in a set
        )
        positive = self.numbers and self.values[0] > 0
        rate = path is not None and path.endswith("learning_rate")
        self.logarithmic = positive and path is not None and (rate or self.values[-1] >= 100 * self.values[0])

    def _value(self, row: TrialRow) -> Any:
        return row.accuracy.mean if self.path is None else row.settings.get(self.path)

    def position(self, row: TrialRow) -> float:
        """From 0 below to 1 above."""
        return self._place(self._value(row))

    def text(self, row: TrialRow) -> str:
        return self._text(self._value(row))

    def ticks(self) -> list[dict[str, Any]]:
        """What stands beside it: every value where there are few, else the ends and some between."""
        values = self.values
        if len(values) > MOST_AXIS_VALUES:
            last = len(values) - 1
            values = [values[round(k * last / (MOST_AXIS_VALUES - 1))] for k in range(MOST_AXIS_VALUES)]
        kept: list[dict[str, Any]] = []
        for value in values if self.path is not None else [self.values[0], self.values[-1]]:
            place = self._place(value)
            if not kept or abs(place - kept[-1]["position"]) > 0.06:
                kept.append({"axis": self.title, "position": place, "text": self._text(value)})
        return kept

    def _text(self, value: Any) -> str:
        return text.percent(value) if self.path is None else words.setting(self.path, value)

    def _place(self, value: Any) -> float:
        if not self.numbers:
            keys = [repr(known) for known in self.values]
            return 0.5 if len(keys) < 2 else keys.index(repr(value)) / (len(keys) - 1)
        low, high, own = (math.log(v) if self.logarithmic else v for v in (self.values[0], self.values[-1], value))
        return 0.5 if high == low else (own - low) / (high - low)


def parallel_axes(table: Table) -> list[Axis]:
    """The axes, those of the factors and then the accuracy."""
    return [*(Axis(table, path) for path in table.factors), Axis(table, None)]


def in_brush(table: Table, brush: Mapping[str, Any]) -> list[int] | None:
    """The trials whose lines run through a rectangle drawn over axes; None where it covers none.

    `brush` holds the titles of axes it covers and the range of positions: {"axis": [...], "position": [low, high]}.
    """
    titles, ends = brush.get("axis"), brush.get("position")
    if not isinstance(titles, list) or not isinstance(ends, list) or len(ends) != 2:
        return None
    covered = [axis for axis in parallel_axes(table) if axis.title in titles]
    known = [row for row in table.rows if row.accuracy.mean is not None]
    low, high = sorted(ends)
    if not covered:
        return None
    return [row.number for row in known if all(low <= axis.position(row) <= high for axis in covered)]
