"""Matrices: shaded cells with numbers as native tables, from a chart or from a table of counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xraykit.evaluation.stats import number_text
from xraykit.reports.export.deck import marks, measure, shapes
from xraykit.reports.export.deck.blocks import Block
from xraykit.reports.export.deck.look import Look
from xraykit.reports.export.deck.marks import Layer, NotNative
from xraykit.reports.export.deck.native.grids import PAD, PAD_DOWN, Square, shade, table
from xraykit.reports.export.deck.shapes import Canvas, Place
from xraykit.reports.report.table import Table, read_out

FEW = 6  # classes up to which a cell has its share below its count
MANY = 12  # classes up to which names are in the type of tables
CELL = 1.9  # inches, the widest cell
LABELS, LONG_LABELS = 3.3, 4.7  # inches, the widest column of names, of few classes and of many


@dataclass(frozen=True)
class Matrix(Block):
    """Shaded cells with numbers, a row and a column a name; names that do not fit above their column are numbered."""

    key: str
    alt: str
    corner: str
    across: tuple[str, ...]
    down: tuple[str, ...]
    cells: tuple[tuple[tuple[tuple[str, ...], str, bool], ...], ...]  # texts, fill, framed

    @property
    def least(self) -> float:
        return self._head + len(self.down) * (0.6 if self._roomy else 0.27 if len(self.down) <= MANY else 0.19)

    @property
    def most(self) -> float:
        return self._head + len(self.down) * max(0.75 * self._cell, 0.6 if self._roomy else 0.4)

    def draw(self, canvas: Canvas, place: Place) -> None:
        count = len(self.down)
        high = (min(place.h, self.most) - self._head) / count
        large = min(26.0, 72 * high * (0.36 if self._roomy else 0.5), 72 * self._cell * 0.3, self._widest)
        small = max(12.0, min(16.0, 0.6 * large))
        heads = [str(k + 1) for k in range(len(self.across))] if self._numbered else self.across
        lines = [
            [
                Square(tuple((text, 13, False) for text in self.corner.split("\n"))),
                *(Square(((text, self._above or self._size, True),), "center") for text in heads),
            ]
        ]
        for k, (label, row) in enumerate(zip(self.down, self.cells, strict=True)):
            title = f"{k + 1}  {label}" if self._numbered else label
            most = max(1, int((high - 0.02) * 72 / self._size / measure.LINE))
            lines.append(
                [
                    Square(
                        (
                            (
                                measure.clipped(title, self._size, self._labels - 2 * PAD, most, bold=True),
                                self._size,
                                True,
                            ),
                        )
                    ),
                    *(
                        Square(
                            tuple((text, large if n == 0 else small, n == 0) for n, text in enumerate(texts)),
                            "center",
                            fill,
                            framed,
                        )
                        for texts, fill, framed in row
                    ),
                ]
            )
        widths = [self._labels, *[self._cell] * len(self.across)]
        x = place.x + max(0, (place.w - sum(widths)) / 2)
        drawn = table(canvas, place._replace(x=x), self.key, lines, widths, [self._head, *[high] * count])
        shapes.name(drawn, self.key, self.alt)

    @property
    def _widest(self) -> float:
        """Points of type in which the longest number stands in one line of its cell."""
        longest = max(
            (measure.width(texts[0], 1, bold=True) for row in self.cells for texts, *_ in row if texts), default=0.0
        )
        return (self._cell - 2 * PAD) / max(longest, 1e-6)

    @property
    def _roomy(self) -> bool:
        return len(self.across) <= FEW

    @property
    def _size(self) -> float:
        return 15 if len(self.down) <= FEW else 13 if len(self.down) <= MANY else 9.5

    @property
    def _labels(self) -> float:
        widest = max(
            measure.width(f"10  {name}" if len(self.down) > FEW else name, self._size, bold=True) for name in self.down
        )
        corner = max(measure.width(text, 13) for text in self.corner.split("\n"))
        return min(max(widest, corner) + 2 * PAD + 0.05, LABELS if self._roomy else LONG_LABELS, 0.4 * self.width)

    @property
    def _cell(self) -> float:
        return min(CELL, (self.width - self._labels) / len(self.across))

    @property
    def _above(self) -> float:
        """Points of the names above the columns, 0 where they do not fit in any size."""
        room = self._cell - 2 * PAD

        def fits(size: float) -> bool:
            return all(
                measure.longest_word(name, size, bold=True) <= room and measure.lines(name, size, room, bold=True) <= 2
                for name in self.across
            )

        return next((size for size in (self._size, 14, 13, 12) if fits(size)), 0)

    @property
    def _numbered(self) -> bool:
        return not self._above

    @property
    def _head(self) -> float:
        room = self._cell - 2 * PAD
        above = 1 if self._numbered else max(measure.lines(n, self._above, room, bold=True) for n in self.across)
        corner = measure.height(self.corner, 13, self._labels - 2 * PAD)
        return max(above * self._size * measure.LINE / 72, corner) + 2 * PAD_DOWN


def of_table(given: Table, title: str, look: Look, width: float) -> Matrix | None:
    """A table whose columns are all shaded as a matrix, without a title read out by `title`; None of any other."""
    if len(given.columns) < 3 or any(column.look != "shade" for column in given.columns[1:]) or not given.rows:
        return None
    few = len(given.columns) - 1 <= FEW
    cells = tuple(
        tuple(
            (
                (cell.text,) if cell.shade is None or not few else (cell.text, number_text(cell.shade, "percent")),
                "" if cell.shade is None else shade(cell.shade, (0, 1), look.style.sequential),
                False,
            )
            for cell in row[1:]
        )
        for row in given.cells
    )
    names = tuple(column.name for column in given.columns)
    down = tuple(row[0] for row in given.written)
    corner = names[0].replace(" \\ ", "\u00a0↓\n", 1) + ("\u00a0→" if " \\ " in names[0] else "")
    alt = read_out(given.title or title, names, given.written)
    return Matrix(width, given.key, alt, corner, names[1:], down, cells)


def of_layers(drawn: list[Layer], key: str, alt: str, width: float) -> Matrix:
    """A chart of shaded cells as a matrix.

    Raises
    ------
    NotNative
        Where it draws something besides cells and text.
    """
    if any(layer.mark not in ("rect", "text") for layer in drawn):
        raise NotNative("more than cells")
    tiles, others = drawn[0], drawn[1:]
    across, down = tiles.values("x"), tiles.values("y")
    scale = tiles.encoding["color"]["scale"]
    framed = {_at(layer, row) for layer in others if layer.mark == "rect" for row in layer.rows}
    fields = [layer for layer in others if layer.mark == "text"]
    cells: dict[tuple[Any, Any], tuple[tuple[str, ...], str, bool]] = {}
    for row in tiles.rows:
        at = _at(tiles, row)
        texts = [text for layer in fields for text in _texts(layer, at) if text]
        marked = [text for text in texts if text == "●"]
        plain = [text for text in texts if text != "●"][: 2 if len(across) <= FEW else 1]
        plain = [f"{plain[0]} ●", *plain[1:]] if marked and plain else plain
        value = row[tiles.field("color")]
        fill = "" if value is None else shade(value, scale["domain"], scale["range"])
        cells[at] = (tuple(plain), fill, at in framed)
    titles = [tiles.encoding[axis].get("title") for axis in ("y", "x")]
    corner = "\n".join(f"{title}\u00a0{arrow}" for title, arrow in zip(titles, "↓→", strict=True) if title)
    rows = tuple(tuple(cells.get((x, y), ((), "", False)) for x in across) for y in down)
    return Matrix(width, key, alt, corner, tuple(map(str, across)), tuple(map(str, down)), rows)


def _texts(layer: Layer, at: tuple[Any, Any]) -> list[str]:
    text = layer.encoding.get("text", {})
    field = text.get("field")
    return [
        marks.written(row[field], text.get("format")) if field else str(layer.look.get("text", ""))
        for row in layer.rows
        if _at(layer, row) == at
    ]


def _at(layer: Layer, row: Any) -> tuple[Any, Any]:
    return row.get(layer.field("x")), row.get(layer.field("y"))
