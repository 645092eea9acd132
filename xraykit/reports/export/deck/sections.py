"""Sections: a section of a report as blocks: its words, then its charts, pictures and tables in order."""

from __future__ import annotations

from collections.abc import Sequence

from xraykit.reports.export.deck import look as looks
from xraykit.reports.export.deck import marks, measure
from xraykit.reports.export.deck.blocks import Beside, Block, Pixels, Titled, Words, beside, chart_pixels
from xraykit.reports.export.deck.look import Look
from xraykit.reports.export.deck.native import dots, grids, lines
from xraykit.reports.film.photograph import Photograph
from xraykit.reports.report import Picture, Section, Table

HALF = 4  # classes up to which two matrices stand side by side


def blocks(section: Section, notice: str, look: Look) -> list[Block]:
    """What is stacked on the section's slides."""
    made = words(section.words, section.listed)
    parts = list(section.parts)
    while parts:
        part = parts.pop(0)
        if isinstance(part, Table):
            made += _tables(part, section, look)
        elif parts and (pair := _pair(part, parts[0], notice, look)):
            parts.pop(0)
            made.append(pair)
        else:
            made.append(_titled(part, section, picture(part, looks.ACROSS, notice, look)))
    return made


def words(paragraphs: Sequence[str], listed: bool = False) -> list[Block]:
    """Paragraphs as a block, in smaller type where they would fill a slide and more."""
    if not paragraphs:
        return []
    made = Words(looks.ACROSS, tuple(paragraphs), listed=listed or len(paragraphs) > 2)
    if made.least > looks.ROOM:
        made = Words(looks.ACROSS, made.paragraphs, looks.LEAST_WORDS, made.listed)
    return [made]


def picture(part: Picture | Photograph, width: float, notice: str, look: Look) -> Block:
    """A chart as PowerPoint's own where it has the kind, else in pixels."""
    if isinstance(part, Photograph):
        return Pixels(width, part.png, part.size, part.key, part.alt)
    spec = part.draw(look.style).to_dict()
    alt = spec.get("description", part.title)
    try:
        return _native(spec, part.key, alt, width, look)
    except marks.NotNative:
        png, size = chart_pixels(part.svg(notice, style=look.style, framed=False), width)
        return Pixels(width, png, size, part.key, alt)


def _native(spec: dict, key: str, alt: str, width: float, look: Look) -> Block:
    drawn = marks.layers(spec)
    if not drawn:
        raise marks.NotNative("nothing drawn")
    if drawn[0].mark == "rect":
        return grids.of_layers(drawn, key, alt, width)
    kinds = {layer.kind(channel) for layer in drawn for channel in "xy" if channel in layer.encoding}
    if kinds == {"quantitative"}:
        return lines.of_layers(drawn, key, alt, width, look)
    placed = [layer for layer in drawn if layer.mark == "point"]
    if placed and placed[0].kind("x") == "quantitative" and placed[0].kind("y") == "nominal":
        return dots.of_layers(drawn, key, alt, width, look)
    raise marks.NotNative(str(sorted(kinds)))


def _pair(first: Picture | Photograph, second: object, notice: str, look: Look) -> Block | None:
    """Two parts side by side, where both are as high as they are wide."""
    if isinstance(second, Table) or not isinstance(second, type(first)):
        return None
    width = beside(2)
    pair = (picture(first, width, notice, look), picture(second, width, notice, look))  # type: ignore[arg-type]
    if not all(map(_square, pair)):
        return None
    titles = (first.title, second.title)  # type: ignore[union-attr]
    high = [measure.lines(title, looks.HEADING, width, bold=True) for title in titles]
    titles = tuple(title + "\n" * (max(high) - n) for title, n in zip(titles, high, strict=True))
    notes = (first.note, second.note)  # type: ignore[union-attr]
    return Beside(width, tuple(Titled(width, *each) for each in zip(pair, titles, notes, strict=True)))


def _square(block: Block) -> bool:
    if isinstance(block, grids.Matrix):
        return len(block.across) <= HALF
    if isinstance(block, Pixels):
        return block.size[0] < 1.4 * block.size[1]
    return isinstance(block, lines.Lines)


def _titled(part: Picture | Photograph, section: Section, block: Block) -> Block:
    title = "" if part.title == section.title else part.title
    return Titled(looks.ACROSS, block, title, part.note)


def _tables(part: Table, section: Section, look: Look) -> list[Block]:
    made, note = grids.of_table(part, look)
    title = "" if part.title == section.title else part.title
    return [Titled(looks.ACROSS, grid, title, note if grid is made[-1] else "") for grid in made]
