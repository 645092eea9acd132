"""Pack: blocks onto slides, each with title, footer and notes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pptx.enum.shapes import PP_PLACEHOLDER_TYPE
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.util import Pt

from xraykit.reports.export.deck import look as looks
from xraykit.reports.export.deck import measure, shapes
from xraykit.reports.export.deck.blocks import Block, Words
from xraykit.reports.export.deck.look import Look
from xraykit.reports.export.deck.shapes import Canvas, Place
from xraykit.reports.report.page import Report, Tile
from xraykit.reports.report.picture import fit_for_xml

WORTH = 0.45  # of a slide that must be free to begin there what goes on on the next
TILES = 4  # in a row of a title slide
SUBTITLE = 1  # the layout's number of the placeholder


@dataclass(frozen=True)
class Page:
    """A slide's blocks with their heights, inches."""

    blocks: tuple[tuple[Block, float], ...]


def pages(blocks: Sequence[Block]) -> list[Page]:
    """The blocks on as many slides as they need, in order.

    What fills a slide has no slide of words before it: they stand above it in the smallest type, or in its notes alone.
    """
    packed = _packed(blocks)
    if len(packed) < 2 or not _is_words(packed[0]) or any(isinstance(block, Words) for block, _ in packed[1].blocks):
        return packed
    closer = [replace(block, size=looks.NOTE) if isinstance(block, Words) else block for block in blocks]
    smaller = _packed(closer)
    return smaller if len(smaller) < len(packed) else packed[1:]


def _is_words(page: Page) -> bool:
    return all(isinstance(block, Words) for block, _ in page.blocks)


def _packed(blocks: Sequence[Block]) -> list[Page]:
    waiting, stacks = deque(blocks), [[]]
    while waiting:
        block, stack = waiting.popleft(), stacks[-1]
        left = looks.ROOM - sum(each.least + looks.GAP for each in stack)
        if block.least <= left:
            stack.append(block)
            continue
        whole = block.least <= looks.ROOM
        parts = block.split(left) if not stack or (not whole and left > WORTH * looks.ROOM) else None
        if parts:
            stack.append(parts[0])
            waiting.appendleft(parts[1])
        elif stack:
            waiting.appendleft(block)
        else:
            stack.append(block)
        if waiting:
            stacks.append([])
    stacks = [[stack[0].alone(looks.ROOM)] if len(stack) == 1 else stack for stack in stacks if stack]
    return [Page(tuple(_heights(stack))) for stack in stacks]


def title_slide(deck: Any, report: Report, look: Look, notes: str) -> None:
    """Title, what it is in a line, and its most important figures."""
    canvas = Canvas(deck.slides.add_slide(deck.slide_layouts[0]), look)
    tiles = [report.headline[k : k + TILES] for k in range(0, len(report.headline), TILES)]
    shapes.box(canvas, Place(0, 0, 0.22, looks.HEIGHT), look.accent)
    sizes = [(44, 2), (36, 3), (30, 3)]
    size = next((size for size, n in sizes if measure.lines(report.title, size, looks.ACROSS, bold=True) <= n), 26)
    title = measure.clipped(report.title, size, looks.ACROSS, 4, bold=True)
    high = measure.height(title, size, looks.ACROSS, bold=True)
    top = 0.95 if tiles else 1.7
    _title(canvas, Place(looks.MARGIN, top, looks.ACROSS, high + 0.1), title, size)
    lead = measure.clipped(report.lead, 20, looks.ACROSS, 4)
    below = top + high + 0.25
    subtitle = next(shape for shape in canvas.slide.placeholders if shape.placeholder_format.idx == SUBTITLE)
    if lead:
        high = measure.height(lead, 20, looks.ACROSS)
        _written(subtitle, Place(looks.MARGIN, below, looks.ACROSS, high + 0.1), lead, 20, color=look.faint)
        below += high + 0.3
    else:
        subtitle._element.getparent().remove(subtitle._element)
    if not tiles:
        facts = [measure.clipped(f"{name}: {value}", 18, looks.ACROSS, 1) for name, value in report.facts[:2]]
        shapes.text(canvas, Place(looks.MARGIN, below + 0.1, looks.ACROSS, 1), facts, 18, color=look.faint, after=6)
    if tiles:
        room = (looks.BOTTOM - below - looks.GAP * (len(tiles) - 1)) / len(tiles)
        for k, row in enumerate(tiles):
            _tiles(canvas, row, below + k * (min(room, 2.6) + looks.GAP), min(room, 2.6))
    _footer(canvas, report)
    _speaker(canvas, notes)


def slide(deck: Any, report: Report, title: str, page: Page, look: Look, notes: str) -> None:
    """A slide of one page's blocks."""
    canvas = Canvas(deck.slides.add_slide(deck.slide_layouts[1]), look)
    room = looks.ACROSS
    size = next((size for size in (looks.TITLE, 26, 22) if measure.lines(title, size, room, bold=True) == 1), 22)
    title = measure.clipped(title, size, room, 2, bold=True)
    _title(canvas, Place(looks.MARGIN, 0.42, room, 0.8), title, size)
    shapes.line(canvas, (looks.MARGIN, 1.27, looks.WIDTH - looks.MARGIN, 1.27), look.accent, 1.5)
    y = looks.TOP
    for block, high in page.blocks:
        block.draw(canvas, Place(looks.MARGIN, y, looks.ACROSS, high))
        y += high + looks.GAP
    _footer(canvas, report)
    _speaker(canvas, notes)


def _heights(stack: Sequence[Block]) -> list[tuple[Block, float]]:
    """What is left of a slide is dealt out among those that can be higher."""
    high = [min(block.least, looks.ROOM) for block in stack]
    left = looks.ROOM - sum(high) - looks.GAP * (len(stack) - 1)
    growing = [k for k, block in enumerate(stack) if block.most > block.least]
    while growing and left > 0.01:
        share = left / len(growing)
        for k in list(growing):
            more = min(share, stack[k].most - high[k])
            high[k], left = high[k] + more, left - more
            if more < share:
                growing.remove(k)
    return list(zip(stack, high, strict=True))


def _title(canvas: Canvas, place: Place, title: str, size: float) -> None:
    shape = canvas.slide.shapes.title
    _written(shape, place, title, size, color=canvas.look.ink, bold=True)
    shape.text_frame.vertical_anchor = shapes.ANCHOR["bottom"]


def _written(shape: Any, place: Place, words: str, size: float, *, color: str, bold: bool = False) -> None:
    """A placeholder of the layout with its words: outlines and screen readers go by them."""
    shape.left, shape.top, shape.width, shape.height = place.emu
    frame = shape.text_frame
    shapes.bare(frame)
    frame.vertical_anchor = shapes.ANCHOR["top"]
    paragraph = frame.paragraphs[0]
    paragraph.alignment = shapes.ALIGN["left"]
    paragraph.line_spacing, paragraph.space_before = 1.0, Pt(0)
    shapes.write(paragraph.add_run(), shapes.Run(words, color, bold), size)


def _tiles(canvas: Canvas, tiles: Sequence[Tile], top: float, high: float) -> None:
    wide = (looks.ACROSS - looks.GAP * (len(tiles) - 1)) / len(tiles)
    inside = wide - 0.4
    values = [tile.value for tile in tiles]
    sizes = ((40, 1), (34, 1), (28, 1), (24, 2), (20, 2), (18, 3))

    def fits(size: int, lines: int) -> bool:
        return all(measure.lines(value, size, inside, bold=True) <= lines for value in values)

    size = next((size for size, lines in sizes if fits(size, lines)), 16)
    for k, tile in enumerate(tiles):
        x = looks.MARGIN + k * (wide + looks.GAP)
        shapes.box(canvas, Place(x, top, wide, high), canvas.look.panel)
        name = measure.clipped(tile.name, 16, inside, 2)
        below = top + 0.15 + 2 * 16 * measure.LINE / 72
        shapes.text(canvas, Place(x + 0.2, top + 0.15, inside, below - top - 0.15), [name], 16, color=canvas.look.faint)
        value = measure.clipped(tile.value, size, inside, 3, bold=True)
        tall = measure.height(value, size, inside, bold=True)
        box = Place(x + 0.2, below, inside, tall)
        shapes.name(shapes.text(canvas, box, [value], size, color=canvas.look.accent, bold=True), tile.name)
        left = top + high - below - tall - 0.15
        note = measure.clipped(tile.note, 14, inside, max(1, int(left * 72 / 14 / measure.LINE)))
        shapes.text(canvas, Place(x + 0.2, below + tall + 0.08, inside, left), [note], 14, color=canvas.look.ink)


def _footer(canvas: Canvas, report: Report) -> None:
    top = 6.98
    notice = Place(looks.MARGIN, top, looks.ACROSS - 1, 0.3)
    shapes.name(shapes.text(canvas, notice, [report.notice], looks.FOOTER, color=canvas.look.faint), "notice")
    number = shapes.text(
        canvas, Place(looks.WIDTH - looks.MARGIN - 0.8, top, 0.8, 0.3), [""], looks.FOOTER, align="right"
    )
    shapes.name(number, "number")
    paragraph = number.text_frame.paragraphs[0]._p
    for run in list(paragraph)[1:]:
        paragraph.remove(run)
    color = f'<a:solidFill><a:srgbClr val="{canvas.look.faint[1:].upper()}"/></a:solidFill>'
    paragraph.append(_number(canvas, f'sz="{Pt(looks.FOOTER).centipoints}"', color))


def _speaker(canvas: Canvas, notes: str) -> None:
    """The slide's notes, and its number on their sheet."""
    sheet = canvas.slide.notes_slide
    sheet.notes_text_frame.text = fit_for_xml(notes)
    for holder in sheet.placeholders:
        if holder.placeholder_format.type == PP_PLACEHOLDER_TYPE.SLIDE_NUMBER:
            paragraph = holder.text_frame.paragraphs[0]._p
            last = paragraph.find(qn("a:endParaRPr"))
            number = _number(canvas)
            paragraph.append(number) if last is None else last.addprevious(number)


def _number(canvas: Canvas, size: str = "", fill: str = "") -> Any:
    """The slide's number, which the program keeps right."""
    place = canvas.slide.part.partname.idx
    return parse_xml(
        f'<a:fld {nsdecls("a")} id="{{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}}" type="slidenum">'
        f'<a:rPr lang="en-GB" {size}>{fill}</a:rPr><a:t>{place}</a:t></a:fld>'
    )
