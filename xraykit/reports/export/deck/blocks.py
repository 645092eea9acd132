"""Blocks: what is stacked on a slide - words, pictures in pixels, two blocks side by side, a block with its title."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass, replace
from typing import Any

from xraykit.reports.export.deck import look as looks
from xraykit.reports.export.deck import measure, shapes
from xraykit.reports.export.deck.shapes import Canvas, Place

INDENT = 0.9  # of the type's size, in front of a listed paragraph
AFTER = 8  # points below a paragraph
LEGEND = 0.3  # inches of a line of legend
SHARP = 2  # pixels a px of a slide of 1280 px


@dataclass(frozen=True)
class Block:
    """`width` inches wide; between `least` and `most` high."""

    width: float

    @property
    def least(self) -> float:
        raise NotImplementedError

    @property
    def most(self) -> float:
        return self.least

    def alone(self, room: float) -> Block:
        """What it is where nothing else is on a slide of `room` inches."""
        return self

    def split(self, room: float) -> tuple[Block, Block] | None:
        """What fits into `room` inches and what is left; None where it cannot be divided there."""
        return None

    def draw(self, canvas: Canvas, place: Place) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Words(Block):
    """Paragraphs, or a list of points."""

    paragraphs: tuple[str, ...]
    size: float
    listed: bool = False

    @property
    def least(self) -> float:
        return sum(map(self._height, self.paragraphs))

    def alone(self, room: float) -> Block:
        """In larger type."""
        larger = (replace(self, size=size) for size in looks.WORDS if size > self.size)
        return next((block for block in larger if block.least <= 0.8 * room), self)

    def split(self, room: float) -> tuple[Block, Block] | None:
        """In parts that are about as high as each other."""
        wanted = self.least / math.ceil(self.least / max(room, 0.1))
        filled, place = 0.0, 0
        while place < len(self.paragraphs) - 1 and filled < wanted:
            filled += self._height(self.paragraphs[place])
            if filled > room:
                break
            place += 1
        if place == 0:
            return None
        first, rest = self.paragraphs[:place], self.paragraphs[place:]
        return replace(self, paragraphs=first), replace(self, paragraphs=rest)

    def draw(self, canvas: Canvas, place: Place) -> None:
        drawn = shapes.text(canvas, place, self.paragraphs, self.size, bullets=self.listed, after=AFTER)
        shapes.name(drawn, "words")

    def _height(self, paragraph: str) -> float:
        room = self.width - (self.size * INDENT / 72 if self.listed else 0)
        return measure.height(paragraph, self.size, room) + AFTER / 72


@dataclass(frozen=True)
class Pixels(Block):
    """A picture of `size` pixels, as high as its place is, never wider, on the left of it or in the middle."""

    png: bytes
    size: tuple[int, int]
    key: str
    alt: str
    high: float = 3.0

    @property
    def least(self) -> float:
        return min(self.high, self._highest)

    @property
    def most(self) -> float:
        return self._highest

    def draw(self, canvas: Canvas, place: Place) -> None:
        high = min(place.h, self._highest)
        wide = high * self.size[0] / self.size[1]
        x = place.x + (place.w - wide) / 2
        drawn = canvas.slide.shapes.add_picture(io.BytesIO(self.png), *Place(x, place.y, wide, high).emu)
        shapes.name(drawn, self.key, self.alt)

    @property
    def _highest(self) -> float:
        return self.width * self.size[1] / self.size[0]


@dataclass(frozen=True)
class Titled(Block):
    """A block with a line above and a note below."""

    block: Block
    title: str = ""
    note: str = ""

    @property
    def least(self) -> float:
        return self.block.least + self._extra

    @property
    def most(self) -> float:
        return self.block.most + self._extra

    def split(self, room: float) -> tuple[Block, Block] | None:
        parts = self.block.split(room - self._extra)
        if parts is None:
            return None
        return replace(self, block=parts[0], note=""), replace(self, block=parts[1])

    def draw(self, canvas: Canvas, place: Place) -> None:
        above, below = self._title, self._note
        if above:
            box = Place(place.x, place.y, place.w, above)
            title = measure.clipped(self.title, looks.HEADING, self.width, 2, bold=True)
            shapes.text(canvas, box, [title], looks.HEADING, bold=True)
        room = min(place.h - above - below, self.block.most)
        self.block.draw(canvas, Place(place.x, place.y + above, place.w, room))
        if below:
            box = Place(place.x, place.y + above + room + 0.06, place.w, below - 0.06)
            shapes.text(canvas, box, [self.note], looks.NOTE, color=canvas.look.faint)

    @property
    def _extra(self) -> float:
        return self._title + self._note

    @property
    def _title(self) -> float:
        if not self.title:
            return 0
        title = measure.clipped(self.title, looks.HEADING, self.width, 2, bold=True)
        return measure.height(title, looks.HEADING, self.width, bold=True) + 0.1

    @property
    def _note(self) -> float:
        return measure.height(self.note, looks.NOTE, self.width) + 0.1 if self.note else 0


@dataclass(frozen=True)
class Keyed(Block):
    """A block below a legend: (name, colour, dash of a line or a shape) an entry."""

    block: Block
    entries: tuple[tuple[str, str, Any], ...]

    @property
    def least(self) -> float:
        return self.block.least + self._legend

    @property
    def most(self) -> float:
        return self.block.most + self._legend

    def draw(self, canvas: Canvas, place: Place) -> None:
        x, y = place.x, place.y
        for (title, color, dash), wide in zip(self.entries, self._widths, strict=True):
            if x > place.x and x + wide > place.x + place.w:
                x, y = place.x, y + LEGEND
            shapes.line(canvas, (x, y + LEGEND / 2, x + 0.42, y + LEGEND / 2), color, 2.5, dash)
            box = Place(x + 0.5, y, wide - 0.55, LEGEND)
            shown = measure.clipped(title, looks.NOTE, wide - 0.55, 1)
            shapes.name(shapes.text(canvas, box, [shown], looks.NOTE, anchor="middle"), "legend")
            x += wide
        below = place.y + self._legend
        self.block.draw(canvas, Place(place.x, below, place.w, place.h - self._legend))

    @property
    def _widths(self) -> list[float]:
        return [min(self.width, measure.width(title, looks.NOTE) * 1.05 + 0.72) for title, *_ in self.entries]

    @property
    def _legend(self) -> float:
        rows, filled = 1, 0.0
        for wide in self._widths:
            rows, filled = (rows + 1, wide) if filled and filled + wide > self.width else (rows, filled + wide)
        return rows * LEGEND + 0.1


@dataclass(frozen=True)
class Beside(Block):
    """Blocks side by side, as high as the highest."""

    blocks: tuple[Block, ...]

    @property
    def least(self) -> float:
        return max(block.least for block in self.blocks)

    @property
    def most(self) -> float:
        return max(block.most for block in self.blocks)

    def draw(self, canvas: Canvas, place: Place) -> None:
        x = place.x
        for block in self.blocks:
            high = min(place.h, block.most)
            block.draw(canvas, Place(x, place.y, block.width, high))
            x += block.width + looks.MARGIN


def beside(count: int) -> float:
    """Inches of each of `count` blocks that stand side by side."""
    return (looks.ACROSS - (count - 1) * looks.MARGIN) / count


def chart_pixels(svg: str, wide: float) -> tuple[bytes, tuple[int, int]]:
    """A chart's SVG as a PNG, sharp at `wide` inches, and its size in pixels."""
    import vl_convert
    from PIL import Image

    png = vl_convert.svg_to_png(svg, scale=SHARP * 96 * wide / size_of(svg)[0])
    with Image.open(io.BytesIO(png)) as picture:
        return png, picture.size


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of an SVG of vl-convert, px."""
    width, height = (re.search(rf'<svg[^>]*? {side}="([\d.]+)"', svg) for side in ("width", "height"))
    return (float(width[1]), float(height[1])) if width and height else (640.0, 360.0)


def halved(png: bytes) -> list[tuple[bytes, tuple[int, int]]]:
    """A picture cut across where nothing is drawn, as near to its middle as can be: two PNGs and their sizes."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(png)) as given:
        picture = given.convert("RGB")
    pixels = np.asarray(picture)
    blank = np.flatnonzero((pixels == pixels[:, :1]).all(axis=(1, 2)))
    middle = picture.height // 2
    # In the middle of the widest gap among those near the middle, so that no words lose their lines
    near = blank[np.abs(blank - middle) < picture.height // 8]
    gaps = np.split(near, np.flatnonzero(np.diff(near) > 1) + 1) if len(near) else []
    cut = int(np.median(max(gaps, key=len))) if gaps else middle
    halves, high = [], max(cut, picture.height - cut)
    for top, bottom in ((0, cut), (cut, picture.height)):
        out = io.BytesIO()
        half = Image.new("RGB", (picture.width, high), picture.getpixel((0, 0)))  # both as high: on one scale
        half.paste(picture.crop((0, top, picture.width, bottom)))
        half.save(out, "PNG")
        halves.append((out.getvalue(), half.size))
    return halves
