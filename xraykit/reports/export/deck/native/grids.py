"""Grids: a report's tables as native tables, whose cells can be edited."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.util import Inches

from xraykit.reports.export.deck import look as looks
from xraykit.reports.export.deck import measure, shapes
from xraykit.reports.export.deck.blocks import Block
from xraykit.reports.export.deck.look import Look
from xraykit.reports.export.deck.shapes import Canvas, Place, Run
from xraykit.reports.report.table import Table, read_out

MOST_ROWS = 24  # of a table on slides: nobody reads more of them in a talk
PLAIN = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"  # PowerPoint's table style without fill and lines
PAD, PAD_DOWN = 0.09, 0.045  # inches inside a cell
LONGEST = 400  # signs of a cell
HEAD_LINES = 4  # of a column's name
TALL = 1.4  # times as high as it must be: where there is room, rows stand further apart


class Square(NamedTuple):
    """A cell: lines of text with their sizes, its fill, and whether it is framed."""

    lines: tuple[tuple[str, float, bool], ...]
    align: str = "left"
    fill: str = ""
    framed: bool = False


@dataclass(frozen=True)
class Grid(Block):
    """Rows of text below a head in columns of these widths."""

    key: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    fills: tuple[tuple[str, ...], ...]
    aligns: tuple[str, ...]
    widths: tuple[float, ...]
    size: float

    @property
    def least(self) -> float:
        return self._head + sum(map(self._height, self.rows))

    @property
    def most(self) -> float:
        return TALL * self.least

    def split(self, room: float) -> tuple[Block, Block] | None:
        filled, place = self._head, 0
        while place < len(self.rows) - 1 and filled + self._height(self.rows[place]) <= room:
            filled += self._height(self.rows[place])
            place += 1
        if place < min(2, len(self.rows)):  # a head with one row below it is none
            return None
        place = min(place, math.ceil(len(self.rows) / math.ceil(len(self.rows) / place)))  # about as many on each
        return (
            replace(self, rows=self.rows[:place], fills=self.fills[:place]),
            replace(self, rows=self.rows[place:], fills=self.fills[place:]),
        )

    def draw(self, canvas: Canvas, place: Place) -> None:
        def squares(texts: Sequence[str], fills: Sequence[str], bold: bool) -> list[Square]:
            return [
                Square(((text, self.size, bold),), align, fill)
                for text, align, fill in zip(texts, self.aligns, fills, strict=True)
            ]

        panel = [canvas.look.panel] * len(self.widths)
        lines = [squares(self.head, panel, True)] if self.head else []
        lines += [squares(row, fills, False) for row, fills in zip(self.rows, self.fills, strict=True)]
        heights = ([self._head] if self.head else []) + [self._height(row) for row in self.rows]
        taller = min(TALL, max(1.0, place.h / sum(heights)))
        drawn = table(canvas, place, self.key, lines, self.widths, [taller * high for high in heights], ruled=True)
        shapes.name(drawn, self.key, read_out(self.title, self.head, self.rows))

    @property
    def _head(self) -> float:
        return self._height(self.head, bold=True) if self.head else 0

    def _height(self, row: Sequence[str], bold: bool = False) -> float:
        return 2 * PAD_DOWN + max(
            measure.height(text, self.size, wide - 2 * PAD, bold=bold)
            for text, wide in zip(row, self.widths, strict=True)
        )


def of_table(given: Table, title: str, look: Look, room: float, width: float = looks.ACROSS) -> tuple[list[Grid], str]:
    """A table as grids, its columns in several where they do not fit, and what to say below them.

    The type is the largest in which its columns fit into `width` and its rows into `room` inches. A table of names
    alone says nothing: there are no grids. One without a title is read out by `title`.
    """
    shown = [[_kept_together(text) for text in row] for row in given.written[:MOST_ROWS]]
    note = given.note
    if len(given.written) > MOST_ROWS:
        rest = f"The first {MOST_ROWS} of {len(given.written):,} rows; HTML, Markdown, JSON and CSV hold all of them."
        note = f"{note} {rest}".strip()
    if len(given.columns) < 2 or not shown:
        return [], note
    head = tuple(column.name for column in given.columns)
    aligns = ["left", *("left" if column.kind == "text" else "right" for column in given.columns[1:])]
    aligns = aligns if given.head else ["left"] * len(head)
    fills = [
        ["" if cell.shade is None else shade(cell.shade, (0, 1), look.style.sequential) for cell in row]
        for row in given.cells[:MOST_ROWS]
    ]
    names = next((k for k, column in enumerate(given.columns) if column.kind != "text"), 1)

    def grid(places: list[int], widths: tuple[float, ...], size: float) -> Grid:
        def pick(row: Sequence[str]) -> tuple[str, ...]:
            return tuple(row[k] for k in places)

        rows, filled = tuple(map(pick, shown)), tuple(map(pick, fills))
        heads = pick(head) if given.head else ()
        called = given.title or title
        return Grid(sum(widths), given.key, called, heads, rows, filled, pick(aligns), widths, size)

    heads = head if given.head else ("",) * len(head)
    for size in looks.TABLE:
        wanted, least = _widths(heads, shown, size)
        widths = _shared(wanted, least, width)
        whole = grid(list(range(len(head))), widths, size)
        if (
            sum(least) <= width
            and (sum(wanted) <= width or size <= 16)
            and (whole.least <= room or size == looks.TABLE[-1])
        ):
            return [whole], note
    size = looks.TABLE[-1]
    wanted, least = _widths(heads, shown, size)
    groups = _groups(least, max(1, min(names, len(head) - 1)), width)
    pairs = [([wanted[k] for k in places], [least[k] for k in places]) for places in groups]
    return [grid(places, _shared(*pair, width), size) for places, pair in zip(groups, pairs, strict=True)], note


def shade(value: float, domain: Sequence[float], colors: Sequence[str]) -> str:
    """The colour of a value on a scale whose colours lie evenly on its domain, or one at each of its marks."""
    if len(domain) != len(colors):
        low, high = domain
        domain = [low + (high - low) * k / (len(colors) - 1) for k in range(len(colors))]
    value = min(max(value, domain[0]), domain[-1])
    for (low, high), (first, second) in zip(pairwise(domain), pairwise(colors), strict=True):
        if value <= high:
            share = (value - low) / (high - low) if high > low else 0
            mixed = (round(a + share * (b - a)) for a, b in zip(_rgb(first), _rgb(second), strict=True))
            return "#" + "".join(f"{part:02X}" for part in mixed)
    return colors[-1]


def table(
    canvas: Canvas,
    place: Place,
    key: str,
    lines: Sequence[Sequence[Square]],
    widths: Sequence[float],
    heights: Sequence[float],
    *,
    ruled: bool = False,
) -> Any:
    """A native table; `ruled` draws a line below each row."""
    at = Place(place.x, place.y, sum(widths), sum(heights))
    frame = canvas.slide.shapes.add_table(len(lines), len(widths), *at.emu)
    drawn, properties = frame.table, frame.table._tbl.tblPr
    for flag in ("firstRow", "bandRow"):
        properties.set(flag, "0")
    properties.find(qn("a:tableStyleId")).text = PLAIN
    for column, wide in zip(drawn.columns, widths, strict=True):
        column.width = Inches(wide)
    for row, high in zip(drawn.rows, heights, strict=True):
        row.height = Inches(high)
    for k, squares in enumerate(lines):
        for j, square in enumerate(squares):
            _fill(canvas.look, drawn.cell(k, j), square, ruled)
    shapes.name(frame, key)
    return frame


def _fill(look: Look, cell: Any, square: Square, ruled: bool) -> None:
    cell.margin_left = cell.margin_right = Inches(PAD)
    cell.margin_top = cell.margin_bottom = Inches(PAD_DOWN if ruled else 0.01)
    cell.vertical_anchor = shapes.ANCHOR["middle"]
    ink = _ink(square.fill) if square.fill not in ("", look.panel) else look.ink
    frame = cell.text_frame
    for k, (text, size, bold) in enumerate(square.lines):
        paragraph = frame.paragraphs[0] if k == 0 else frame.add_paragraph()
        paragraph.alignment = shapes.ALIGN[square.align]
        shapes.write(paragraph.add_run(), Run(text, ink, bold), size)
    properties = cell._tc.get_or_add_tcPr()
    sides: list[tuple[str, str, float]] = [("lnB", look.grid, 0.75)] if ruled else []
    if not ruled and square.fill:
        sides = [(side, look.style.background, 1.5) for side in ("lnL", "lnR", "lnT", "lnB")]
    if square.framed:
        sides = [(side, look.style.mark, 3) for side in ("lnL", "lnR", "lnT", "lnB")]
    for side, color, points in sides:
        fill = f'<a:solidFill><a:srgbClr val="{color[1:].upper()}"/></a:solidFill>'
        properties.append(parse_xml(f'<a:{side} {nsdecls("a")} w="{round(points * 12700)}">{fill}</a:{side}>'))
    if square.fill:
        cell.fill.solid()
        cell.fill.fore_color.rgb = shapes.rgb(square.fill)


def _widths(head: Sequence[str], rows: Sequence[Sequence[str]], size: float) -> tuple[list[float], list[float]]:
    """What each column wants and what it needs, inches."""
    return (
        [_wanted(k, head, rows, size) for k in range(len(head))],
        [_least(k, head, rows, size) for k in range(len(head))],
    )


def _groups(least: Sequence[float], names: int, width: float) -> list[list[int]]:
    """The columns of each grid where one cannot hold them all; those that name the rows stand in every one."""
    while names > 1 and sum(least[:names]) > 0.6 * width:
        names -= 1
    groups = [list(range(names))]
    for place in range(names, len(least)):
        if sum(least[k] for k in groups[-1]) + least[place] > width and len(groups[-1]) > names:
            groups.append(list(range(names)))
        groups[-1].append(place)
    return groups


def _kept_together(text: str) -> str:
    """An interval is not broken within its brackets, nor a number from what it is compared with."""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    text = re.sub(r"\[[^\[\]]{1,24}\]", lambda part: part[0].replace(" ", "\u00a0"), text)
    text = re.sub(r"(?<![\w-])-(?=\d)", "\u2212", text)  # a minus, not a hyphen
    return text.replace("< ", "<\u00a0").replace("`", "")


def _wanted(place: int, head: Sequence[str], rows: Sequence[Sequence[str]], size: float) -> float:
    """Inches of a column none of whose cells is broken."""
    widest = max((measure.width(row[place], size) for row in rows), default=0.0)
    return max(widest, measure.width(head[place], size, bold=True)) + 2 * PAD + 0.04


def _least(place: int, head: Sequence[str], rows: Sequence[Sequence[str]], size: float) -> float:
    """Inches of a column as narrow as it can be read: broken between words, long texts to three lines."""
    cells = [(row[place], False) for row in rows] + [(head[place], True)]
    word = max(measure.longest_word(text, size, bold=bold) for text, bold in cells)
    third = max(measure.width(row[place], size) for row in rows) / 3
    short = min(1.3, 3 * third)
    above = min(measure.width(head[place], size, bold=True) / HEAD_LINES, 3.2)
    return max(min(word, 4.5), min(third, 3.2), short, above) + 2 * PAD + 0.06


def _shared(wanted: Sequence[float], least: Sequence[float], room: float) -> tuple[float, ...]:
    """The room dealt out: to each what it wants where there is enough, else what is beyond the least in proportion."""
    least = [wide * min(1, room / sum(least)) for wide in least]
    wanted = [max(pair) for pair in zip(wanted, least, strict=True)]
    extra, beyond = room - sum(least), sum(wanted) - sum(least)
    if beyond > extra:
        return tuple(low + (high - low) * extra / beyond for low, high in zip(least, wanted, strict=True))
    spare = (room - sum(wanted)) / len(wanted)
    return tuple(wide + spare for wide in wanted)


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[k : k + 2], 16) for k in (1, 3, 5))


def _ink(fill: str) -> str:
    """Black or white, whichever stands out more from a fill (WCAG 2 contrast)."""
    linear = [(part / 255 / 12.92) if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in _rgb(fill)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#FFFFFF" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"
