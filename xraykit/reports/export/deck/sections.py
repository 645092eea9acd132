"""Sections: a section of a report as blocks: its words, then its charts, pictures and tables in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from xraykit.evaluation.stats import Figure
from xraykit.reports.export.deck import look as looks
from xraykit.reports.export.deck import marks, measure
from xraykit.reports.export.deck.blocks import (
    Beside,
    Block,
    Keyed,
    Pixels,
    Titled,
    Words,
    beside,
    chart_pixels,
    halved,
    size_of,
)
from xraykit.reports.export.deck.look import Look
from xraykit.reports.export.deck.native import dots, grids, lines, matrices
from xraykit.reports.film.photograph import Photograph
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture, fit_for_xml
from xraykit.reports.report.table import Table

TALL = 1.1  # times as high as wide: what is stacked in such a picture stands in two columns
SIDE_BY_SIDE = 3  # photographs
LONG = 1200  # signs of a paragraph, two thirds of a slide
HALF = 4  # classes up to which two matrices stand side by side


def blocks(section: Section, notice: str, look: Look) -> list[Block]:
    """What is stacked on the section's slides."""
    said = [paragraph.replace("`", "") for paragraph in section.words if paragraph]
    made = words(said, section.listed)
    parts = list(section.parts)
    while parts:
        part = parts.pop(0)
        room = looks.ROOM - sum(block.least + looks.GAP for block in made if len(made) == 1)
        if isinstance(part, Table):
            if _said(part, section, made):
                continue
            if parts and (pair := _two_tables(part, parts[0], section, look)):
                parts.pop(0)
                made.append(pair)
            else:
                made += _tables(part, section, look, room)
        elif isinstance(part, Photograph):
            row = [part]
            most = min(SIDE_BY_SIDE, round(1 / part.shown))
            while parts and isinstance(following := parts[0], Photograph) and len(row) < most:
                row.append(following)
                parts.pop(0)
            made.append(_photographs(row))
        elif parts and (pair := _pair(part, parts[0], notice, look)):
            parts.pop(0)
            made.append(pair)
        else:
            made.append(_titled(part, section, picture(part, looks.ACROSS, notice, look)))
    return made


def words(paragraphs: Sequence[str], listed: bool = False) -> list[Block]:
    """Paragraphs as a block, in the smaller type where they take much of a slide."""
    if not paragraphs:
        return []
    listed = (listed or len(paragraphs) > 2) and len(paragraphs) > 1
    made = [Words(looks.ACROSS, tuple(_short(paragraphs)), size, listed) for size in looks.WORDS[-2:]]
    return [next((block for block in made if block.least <= 0.42 * looks.ROOM), made[-1])]


def _short(paragraphs: Sequence[str]) -> Iterator[str]:
    """Paragraphs that fill less than a slide: a longer one is divided between sentences."""
    for paragraph in paragraphs:
        while len(paragraph) > LONG and (place := paragraph.rfind(". ", 0, LONG)) > 0:
            yield paragraph[: place + 1]
            paragraph = paragraph[place + 2 :]
        yield from (paragraph[k : k + LONG] for k in range(0, len(paragraph), LONG))


def picture(part: Picture, width: float, notice: str, look: Look) -> Block:
    """A chart as PowerPoint's own where it has the kind, else in pixels."""
    from xraykit.reports.charts.style import unpacked

    spec = fit_for_xml(unpacked(part.draw(look.style).to_dict()))
    alt = spec.get("description", part.title)
    try:
        return _native(spec, part.key, alt, width, look)
    except marks.NotNative:
        svg = part.svg(notice, style=look.style, framed=False)
        wide, high = size_of(svg)
        if high < TALL * wide or width < looks.ACROSS:
            return Pixels(width, *chart_pixels(svg, width), part.key, alt)
        halves = zip(halved(chart_pixels(svg, beside(2))[0]), ("Upper", "Lower"), strict=True)
        pixels = (Pixels(beside(2), *half, part.key, f"{which} half. {alt}", high=4.2) for half, which in halves)
        return Beside(width, tuple(pixels))


def _native(spec: dict, key: str, alt: str, width: float, look: Look) -> Block:
    drawn = marks.layers(spec)
    if not drawn:
        raise marks.NotNative("nothing drawn")
    if drawn[0].mark == "rect":
        return matrices.of_layers(drawn, key, alt, width)
    kinds = {layer.kind(channel) for layer in drawn for channel in "xy" if channel in layer.encoding}
    if kinds == {"quantitative"}:
        return lines.of_layers(drawn, key, alt, width, look)
    placed = [layer for layer in drawn if layer.mark in ("point", "bar")]
    if placed and placed[0].kind("x") == "quantitative" and placed[0].kind("y") == "nominal":
        return dots.of_layers(drawn, key, alt, width, look)
    raise marks.NotNative(str(sorted(kinds)))


def _photographs(row: Sequence[Photograph]) -> Block:
    """Films and overlays side by side, on one scale where they have one."""
    width = beside(max(2, len(row)))
    titles = _level([part.title for part in row], width)
    blocks = (
        Titled(width, Pixels(width, part.png, part.size, part.key, part.read_out, high=4.0), title, part.note)
        for part, title in zip(row, titles, strict=True)
    )
    return Beside(looks.ACROSS, tuple(blocks))


def _level(titles: Sequence[str], width: float) -> list[str]:
    """Titles that take as many lines as each other, so that what is below them begins at one height."""
    high = [measure.lines(title, looks.HEADING, width, bold=True) for title in titles]
    return [title + "\n" * (max(high) - n) for title, n in zip(titles, high, strict=True)]


def _pair(first: Picture, second: object, notice: str, look: Look) -> Block | None:
    """Two parts side by side, where both are as high as they are wide."""
    if not isinstance(second, Picture):
        return None
    width = beside(2)
    pair = (picture(first, width, notice, look), picture(second, width, notice, look))
    if not all(map(_square, pair)):
        return None
    titles = _level((first.title, second.title), width)
    notes = (first.note, second.note)
    made = Beside(looks.ACROSS, tuple(Titled(width, *each) for each in zip(pair, titles, notes, strict=True)))
    entries = tuple(dict.fromkeys(entry for block in pair if isinstance(block, lines.Lines) for entry in block.entries))
    return Keyed(looks.ACROSS, made, entries) if entries else made


def _two_tables(first: Table, second: object, section: Section, look: Look) -> Block | None:
    """Two small tables side by side."""
    width = beside(2)
    if not isinstance(second, Table) or len(first.columns) != len(second.columns) or not first.title:
        return None
    pair = [grids.of_table(part, section.title, look, looks.ROOM - 1, width) for part in (first, second)]
    if any(len(made) != 1 or made[0].size < 14 or made[0].least > looks.ROOM - 1 for made, _ in pair):
        return None
    size = min(made[0].size for made, _ in pair)
    blocks = (
        Titled(width, replace(made[0], size=size), part.title, note)
        for (made, note), part in zip(pair, (first, second), strict=True)
    )
    return Beside(looks.ACROSS, tuple(blocks))


def _square(block: Block) -> bool:
    if isinstance(block, matrices.Matrix):
        return len(block.across) <= HALF
    if isinstance(block, Pixels):
        return block.size[0] < 1.4 * block.size[1]
    return isinstance(block, lines.Lines)


def _titled(part: Picture, section: Section, block: Block) -> Block:
    title = "" if part.title == section.title else part.title
    made = Titled(looks.ACROSS, block, title, part.note)
    entries = block.entries if isinstance(block, lines.Lines) else ()
    return Keyed(looks.ACROSS, made, entries) if entries else made


def _said(table: Table, section: Section, made: Sequence[Block]) -> bool:
    """Whether native matrices and dots before it show every number of a table."""
    shown = {key for block in made for key in _keys(block)}
    values = {
        value
        for part in section.pictures
        if part.key in shown
        for row in part.rows
        for value in row.values()
        if isinstance(value, int | float)
    }
    numbers = {
        number
        for row in table.rows
        for value in row
        for number in ((value.value, value.low, value.high) if isinstance(value, Figure) else (value,))
        if isinstance(number, int | float) and not isinstance(number, bool)
    }
    return bool(numbers) and numbers <= values


def _keys(block: Block) -> Iterator[str]:
    if isinstance(block, Beside):
        yield from (key for each in block.blocks for key in _keys(each))
    elif isinstance(block, Titled):
        yield from _keys(block.block)
    elif isinstance(block, matrices.Matrix | dots.Dots):
        yield block.key


def _tables(part: Table, section: Section, look: Look, room: float) -> list[Block]:
    if (matrix := matrices.of_table(part, section.title, look, looks.ACROSS)) is not None:
        return [Titled(looks.ACROSS, matrix, "" if part.title == section.title else part.title, part.note)]
    made, note = grids.of_table(part, section.title, look, room - (0.9 if part.note else 0.5))
    title = "" if part.title == section.title else part.title
    return [Titled(looks.ACROSS, grid, title, note if grid is made[-1] else "") for grid in made]
