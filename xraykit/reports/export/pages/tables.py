"""How wide the columns of a table are on paper: smaller type, then groups of columns, before anything is cut.

Measures text by the font that pages embed; draws nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from xraykit.evaluation.stats import Figure
from xraykit.reports.export.pages import fonts, letters
from xraykit.reports.report.table import Cell, Column, Table

GAP = 1.2  # em between two columns, a tenth of it to spare
SMALL = 0.86  # of the type: intervals and heads
LEVEL = (2.4, 7.0)  # em of a bar beside a number: at least, and where there is room
WORDY, NARROW = 16.0, 7.0  # em: a column of text asks for at most, may be squeezed to
HEAD_LINES = 6  # of a column's name, where the words allow it
SLACK = 0.03  # em by which measures may differ
PARTS = re.compile(r"[^_/.\-:,@]+[_/.\-:,@]*|[_/.\-:,@]+")
BREAK = "\u200b"  # a place where a line may break


@dataclass(frozen=True)
class Group:
    """Columns of a table that stand together: their places, their widths in pt, the type's size in pt.

    `stacked`: intervals stand below their figures.
    """

    columns: tuple[int, ...]
    widths: tuple[float, ...]
    size: float
    stacked: bool


@dataclass(frozen=True)
class _Need:
    """What a column needs, in em, its gap included: so that nothing is cut, and so that no line breaks."""

    least: float
    natural: float


def fit(table: Table, width: float, size: float, smallest: float) -> tuple[Group, ...]:
    """The table's columns within `width` pt: intervals below their figures, type from `size` down to `smallest` pt.

    What is still too wide stands in groups; each begins with the columns that name the rows.
    """
    steps = max(1, round(2 * (size - smallest)))
    every = tuple(range(len(table.columns)))
    for step in range(steps + 1):
        type_size = size - (size - smallest) * step / steps
        for stacked in (False, True):
            needs = _needs(table, stacked)
            if sum(need.least for need in needs) * type_size <= width:
                return (_group(table, every, needs, width, type_size, stacked),)
    needs = _needs(table, True)
    heads = _naming(table, needs, 0.45 * width / smallest)
    first = sum(needs[place].least for place in heads)
    groups: list[list[int]] = [[]]
    used = first
    for place in every[len(heads) :]:
        if groups[-1] and (used + needs[place].least) * smallest > width:
            groups.append([])
            used = first
        groups[-1].append(place)
        used += needs[place].least
    return tuple(_group(table, (*heads, *group), needs, width, smallest, True) for group in groups)


def height(table: Table, group: Group, leading: float) -> float:
    """About how high a group of columns is, in pt, with `leading` em around the lines of a row."""
    lines = 0.0
    for row in cells(table, group.stacked):
        beside = zip((row[place] for place in group.columns), group.widths, strict=True)
        lines += max(_lines_of(cell, width / group.size - GAP) for cell, width in beside)
    return group.size * (1.2 * lines + leading * len(table.rows) + (3.2 if table.head else 0))


def cells(table: Table, stacked: bool) -> tuple[tuple[Cell, ...], ...]:
    """The table's cells; `stacked` ones have every interval below its figure."""
    if not stacked:
        return table.cells
    return tuple(
        tuple(_stack(value, cell, column) for value, cell, column in zip(values, row, table.columns, strict=True))
        for values, row in zip(table.rows, table.cells, strict=True)
    )


def length(text: str, *, bold: bool = False) -> float:
    """How long a text is, in em: its longest line."""
    return _length(text, bold)


def breakable(text: str, width: float, *, evenly: bool = False) -> str:
    """Text whose words longer than `width` em may break, after a mark where they have one; else between letters.

    `evenly`: where words without a mark break, their lines are of equal length, and no letter stands alone.
    """
    cut = _evenly if evenly else _anywhere
    return re.sub(
        r"\S+", lambda word: _broken(word[0], width, cut) if length(word[0]) > width + SLACK else word[0], _set(text)
    )


def wrapped(text: str, width: float, *, bold: bool = False) -> list[str]:
    """Text in lines of at most `width` em, except where a word is longer."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and length(longer, bold=bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _stack(value: Any, cell: Cell, column: Column) -> Cell:
    if not isinstance(value, Figure) or cell.interval or cell.shade is not None:
        return cell
    kind = column.kind if column.kind in ("percent", "points") else "number"
    return Cell(value.value_text(kind), value.interval_text(kind))


def _naming(table: Table, needs: Sequence[_Need], most: float) -> tuple[int, ...]:
    """The first columns, those of text, as far as they are at most `most` em wide together; one at least."""
    count, used = 1, needs[0].least
    while count < len(needs) - 1 and table.columns[count].kind == "text" and used + needs[count].least <= most:
        used += needs[count].least
        count += 1
    return tuple(range(count))


def _needs(table: Table, stacked: bool) -> list[_Need]:
    rows = cells(table, stacked)
    needs = [_need(table, place, [row[place] for row in rows]) for place in range(len(table.columns))]
    if table.even and len(needs) > 1:
        widest = _Need(max(need.least for need in needs[1:]), max(need.natural for need in needs[1:]))
        needs[1:] = [widest] * (len(needs) - 1)
    return needs


def _need(table: Table, place: int, column_cells: Sequence[Cell]) -> _Need:
    column = table.columns[place]
    name = column.name if table.head else ""
    lines_of_head = min(length(name) / HEAD_LINES, WORDY)
    head = SMALL * max([*map(_longest, name.split()), min(length(name), 6), lines_of_head])
    lines = [line for cell in column_cells for line in _lines(cell.text, cell.interval)]
    natural = max((scale * length(line) for line, scale in lines), default=0)
    if column.kind != "text" and not any(cell.text.count(" ") > 3 for cell in column_cells):
        least, more = LEVEL if column.look == "level" else (0, 0)
        return _Need(max(natural + least, head) + GAP, max(natural + more, SMALL * length(name)) + GAP)
    word = max((scale * _longest(word) for line, scale in lines for word in line.split()), default=0)
    least = max(min(word, WORDY), min(natural, NARROW), head)
    return _Need(least + GAP, max(natural, least, SMALL * length(name)) + GAP)


def _lines(text: str, interval: str) -> Iterator[tuple[str, float]]:
    yield text, 1.0
    if interval:
        yield interval, SMALL


def _group(
    table: Table, places: tuple[int, ...], needs: Sequence[_Need], width: float, size: float, stacked: bool
) -> Group:
    room = width / size
    widths = [needs[place].least for place in places]
    wanted = [needs[place].natural - needs[place].least for place in places]
    spare = room - sum(widths)
    if sum(wanted) > spare > 0:
        widths = [have + spare * want / sum(wanted) for have, want in zip(widths, wanted, strict=True)]
    elif spare > 0:
        widths = [have + want for have, want in zip(widths, wanted, strict=True)]
        left = room - sum(widths)
        # A narrow table keeps together; one that nearly fills the width fills it
        grow = left if left < 0.4 * room or not table.head else min(left, 0.25 * sum(widths))
        widths = [have + grow / len(widths) for have in widths]
    if table.even and len(widths) > 1:
        widths = [widths[0], *[sum(widths[1:]) / (len(widths) - 1)] * (len(widths) - 1)]
    if not table.head:
        first = min(needs[places[0]].natural, 0.38 * room)
        widths = [first, *[(room - first) / (len(widths) - 1)] * (len(widths) - 1)]
    return Group(places, tuple(round(size * have, 2) for have in widths), size, stacked)


def _lines_of(cell: Cell, width: float) -> float:
    return len(wrapped(cell.text, width)) + SMALL * bool(cell.interval) + 0.6 * bool(cell.bar)


def _broken(word: str, width: float, cut: Callable[[str, float], str]) -> str:
    return BREAK.join(cut(part, width) if length(part) > width else part for part in PARTS.findall(word))


def _anywhere(part: str, width: float) -> str:
    return BREAK.join(part)


def _evenly(part: str, width: float) -> str:
    size = math.ceil(len(part) / math.ceil(length(part) / width))
    pieces = (part[at : at + size] for at in range(0, len(part), size))
    return BREAK.join(_anywhere(piece, width) if length(piece) > width else piece for piece in pieces)


def _longest(word: str) -> float:
    """Of the parts that a word may be broken into, how long the longest is, in em."""
    return max(map(length, PARTS.findall(word)), default=0)


@lru_cache(maxsize=1 << 14)
def _length(text: str, bold: bool) -> float:
    return max((fonts.font(bold).getlength(line) for line in _set(text).splitlines()), default=0) / fonts.EM


def _set(text: str) -> str:
    """As the page has it: letters that the font lacks take the room of their code points."""
    return letters.drawable(text)
