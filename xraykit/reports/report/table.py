"""Tables: rows of figures, how each cell is written and drawn, and the same as CSV and Markdown."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from xraykit.evaluation.stats import UNDEFINED, Figure, number_text, p_number, plain
from xraykit.system.files import csv_cells

Kind = Literal["text", "plain", "count", "number", "percent", "points", "p"]
MOST_READ = 5  # columns that are read out of a row
LONGEST_READ = 120  # signs of a cell that is read out
Rank = Literal["main", "appendix"]  # what stands on a page that is kept short, and what the full one adds


@dataclass(frozen=True)
class Column:
    """A column of a table: how its numbers are written and drawn.

    `kind`: "text"; "plain" values as they are; "count"; "number" four decimals; "percent" of a share, one decimal;
    "points" a difference of shares; "p". `interval` columns hold Figures, written with their interval. `look`: "bar"
    draws the interval below a Figure of a share; "shade" colours a count by its share of the row's shaded counts;
    "level" draws a share as a bar from 0 to 1, with a mark at the value of the column after it.
    """

    name: str
    kind: Kind = "text"
    interval: bool = False
    look: Literal["", "bar", "shade", "level"] = ""


@dataclass(frozen=True)
class Measured:
    """A plain value and how a reader sees it: 15924470 and "15.2 MiB"."""

    value: float
    text: str


class Bar(NamedTuple):
    """An interval drawn as a bar with a mark at the value, in percent of its width."""

    left: float
    width: float
    mark: float


class Level(NamedTuple):
    """A share drawn as a bar from 0 to 1, and where its mark stands; both in percent of its width."""

    width: float
    mark: float | None


class Cell(NamedTuple):
    """A cell as a page draws it. `interval` stands below `text`; `shade` is a share in [0, 1]."""

    text: str
    interval: str = ""
    bar: Bar | None = None
    shade: float | None = None
    level: Level | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of plain values or Figures in the columns' order; None is not defined. Its first column names the rows.

    Without a `title` it stands under its section's; without `head` it is a list of names and values; the columns of an
    `even` one are equally wide. One of rank "appendix" says again what a picture beside it shows, or much more.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""
    head: bool = True
    even: bool = False
    rank: Rank = "main"

    @cached_property
    def written(self) -> tuple[tuple[str, ...], ...]:
        """The cells as text."""
        return tuple(
            tuple(write(value, column.kind) for value, column in zip(row, self.columns, strict=True))
            for row in self.rows
        )

    @cached_property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells as a page draws them."""
        return tuple(tuple(self._cells(row)) for row in self.rows)

    @property
    def bare(self) -> bool:
        """Whether it names rows and says nothing of them."""
        return len(self.columns) < 2

    def caption(self, title: str = "") -> str:
        """What a screen reader calls the table: its title, else that of its section, and how large it is."""
        size = f"{len(self.rows):,} row{'' if len(self.rows) == 1 else 's'}, {len(self.columns)} columns"
        return f"{self.title or title or self.columns[0].name or self.key}: {size}"

    @property
    def scale_note(self) -> str:
        """What the bars of the table mean; empty where it has none."""
        if not any(cell.bar for row in self.cells for cell in row):
            return ""
        return f"Bars run from {self.floor:.0%} to 100% and span the 95% interval; the mark is the figure."

    @cached_property
    def floor(self) -> float:
        """Where bars begin: the tenth below the lowest interval, at most 0.9."""
        lows = [
            value.low
            for row in self.rows
            for value, column in zip(row, self.columns, strict=True)
            if column.look == "bar" and isinstance(value, Figure) and value.low is not None
        ]
        return min(math.floor(10 * min(lows, default=0)) / 10, 0.9)

    def csv(self) -> str:
        """The rows in full precision; a Figure takes three columns: NAME, NAME low, NAME high."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        heads = (
            [column.name, f"{column.name} low", f"{column.name} high"] if column.interval else [column.name]
            for column in self.columns
        )
        writer.writerow(csv_cells(name for names in heads for name in names))
        for row in self.rows:
            writer.writerow(
                csv_cells(
                    cell
                    for value, column in zip(row, self.columns, strict=True)
                    for cell in (_ends(value) if column.interval else [_bare(value)])
                )
            )
        return out.getvalue()

    def markdown(self) -> Iterator[str]:
        """The lines of a Markdown table, or of a list where the table has no head."""
        rows = [[escape_markdown(cell) for cell in row] for row in self.written]
        if not self.head:
            yield from (f"- {name}: {', '.join(values)}" for name, *values in rows)
        else:
            yield f"| {' | '.join(escape_markdown(column.name) for column in self.columns)} |"
            yield f"| {' | '.join('---' for _ in self.columns)} |"
            yield from (f"| {' | '.join(row)} |" for row in rows)

    def to_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "columns": [column.name for column in self.columns],
            "rows": [[plain(_bare(value)) for value in row] for row in self.rows],
            "note": self.note,
        }

    def _cells(self, row: tuple[Any, ...]) -> Iterator[Cell]:
        shaded = [value for value, column in zip(row, self.columns, strict=True) if column.look == "shade"]
        for place, (value, column) in enumerate(zip(row, self.columns, strict=True)):
            if column.look == "level":
                yield Cell(write(value, column.kind), level=_level(value, row[place + 1]))
            elif column.look == "bar" and isinstance(value, Figure):
                kind = _figure_kind(column.kind)
                yield Cell(value.value_text(kind), value.interval_text(kind), self._bar(value, column))
            elif column.look == "shade" and sum(shaded):
                yield Cell(write(value, column.kind), shade=value / sum(shaded))
            else:
                yield Cell(write(value, column.kind))

    def _bar(self, figure: Figure, column: Column) -> Bar | None:
        if figure.value is None or figure.ends is None or column.kind != "percent":
            return None
        left, right, mark = (100 * (end - self.floor) / (1 - self.floor) for end in (*figure.ends, figure.value))
        return Bar(left, right - left, mark)


def read_out(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in two sentences: what it is of, and its first row; without `heads` its first facts."""
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    if not heads:
        facts = "; ".join(f"{row[0]}: {_brief(', '.join(row[1:]))}" for row in rows[:MOST_READ])
        return f"{title}, {count}. {facts}."
    first = rows[0]
    read = [f"{head} {_brief(cell)}" for head, cell in zip(heads[1:], first[1:], strict=True) if cell]
    more = f", and {len(read) - MOST_READ} more" if len(read) > MOST_READ else ""
    which = f"{heads[0]} {_brief(first[0])}".strip()
    said = "" if not read else f" {'First row' if len(rows) > 1 else 'It says'}: {which}: "
    return (
        f"{title}, a table of {count} and {len(heads)} columns.{said}{'; '.join(read[:MOST_READ])}{more}".rstrip(".")
        + "."
    )


def _brief(text: str) -> str:
    return text if len(text) <= LONGEST_READ else f"{text[:LONGEST_READ].rstrip()}…"


def write(value: Any, kind: Kind) -> str:
    """A cell as a reader sees it."""
    if isinstance(value, Figure):
        return value.text(_figure_kind(kind))
    if isinstance(value, Measured):
        return value.text
    if value is None:
        return UNDEFINED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if kind in ("number", "percent", "points"):
        return number_text(value, _figure_kind(kind))
    if kind == "p":
        return p_number(value)
    return f"{value:.6g}" if isinstance(value, float) else f"{value:,}"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    line = " ".join(text.splitlines())
    escaped = re.sub(r"([\\`*_{}\[\]<>|#~$]|&(?=#?\w+;)|:(?=[\w+-]+:))", r"\\\1", line)
    return re.sub(r"^(\s*\d*)([.)+-])(?=\s)", r"\1\\\2", escaped)  # what would begin a list


def _figure_kind(kind: Kind) -> Literal["percent", "points", "number"]:
    return kind if kind in ("percent", "points") else "number"


def _level(value: float | None, mark: float | None) -> Level | None:
    return None if value is None else Level(100 * value, None if mark is None else 100 * mark)


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Measured) else value


def _ends(value: Any) -> list[Any]:
    """A figure and its interval; a word in its place stands alone."""
    return [value.value, value.low, value.high] if isinstance(value, Figure) else [_bare(value), None, None]
