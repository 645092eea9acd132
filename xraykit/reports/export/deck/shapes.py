"""Shapes: text, lines and legends as native shapes of a slide, placed in inches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_CONNECTOR, MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.util import Inches, Pt

from xraykit.reports.export.deck import measure
from xraykit.reports.export.deck.look import Look
from xraykit.reports.report.picture import fit_for_xml

ALIGN = {"left": PP_ALIGN.LEFT, "center": PP_ALIGN.CENTER, "right": PP_ALIGN.RIGHT}
ANCHOR = {"top": MSO_ANCHOR.TOP, "middle": MSO_ANCHOR.MIDDLE, "bottom": MSO_ANCHOR.BOTTOM}
DECORATIVE = (  # PowerPoint's own mark of a shape that says nothing, [MS-ODRAWXML] 2.36
    "{C183D7F6-B498-43B3-948B-1728B52AA6E4}",
    '<adec:decorative xmlns:adec="http://schemas.microsoft.com/office/drawing/2017/decorative" val="1"/>',
)
GLYPHS = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "♦"}  # all in Liberation Sans and in Arial


class Place(NamedTuple):
    """A rectangle on a slide, inches."""

    x: float
    y: float
    w: float
    h: float

    @property
    def emu(self) -> tuple[int, int, int, int]:
        return tuple(Inches(side) for side in self)  # type: ignore[return-value]


@dataclass(frozen=True)
class Canvas:
    """A slide of python-pptx and how it looks."""

    slide: Any
    look: Look


class Run(NamedTuple):
    """Text in one colour."""

    text: str
    color: str
    bold: bool = False


def rgb(color: str) -> RGBColor:
    return RGBColor.from_string(color.removeprefix("#").upper())


def text(
    canvas: Canvas,
    place: Place,
    paragraphs: Sequence[str | Sequence[Run]],
    size: float,
    *,
    color: str = "",
    bold: bool = False,
    align: str = "left",
    anchor: str = "top",
    bullets: bool = False,
    after: float = 0,
) -> Any:
    """A text box, a paragraph an entry; `after` points of room below each."""
    box = canvas.slide.shapes.add_textbox(*place.emu)
    frame = box.text_frame
    bare(frame)
    frame.vertical_anchor = ANCHOR[anchor]
    for place_of, given in enumerate(paragraphs):
        paragraph = frame.paragraphs[0] if place_of == 0 else frame.add_paragraph()
        runs = [Run(given, color or canvas.look.ink, bold)] if isinstance(given, str) else given
        for run in runs:
            write(paragraph.add_run(), run, size)
        paragraph.alignment = ALIGN[align]
        paragraph.line_spacing = 1.0
        paragraph.space_after = Pt(after)
        if bullets:
            _bullet(paragraph, size, canvas.look.accent)
    return box


def write(run: Any, given: Run, size: float) -> None:
    run.text = fit_for_xml(given.text)
    run.font.size, run.font.bold = Pt(size), given.bold
    run.font.color.rgb = rgb(given.color)


def bare(frame: Any) -> None:
    """A frame that wraps, without margins, as high as it is."""
    frame.word_wrap = True
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0


def box(canvas: Canvas, place: Place, fill: str) -> Any:
    """A filled rectangle without a line."""
    shape = canvas.slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *place.emu)
    shape.fill.solid()
    shape.fill.fore_color.rgb = rgb(fill)
    shape.line.fill.background()
    _unstyled(shape)
    _decorative(shape)
    return shape


def line(
    canvas: Canvas, ends: tuple[float, float, float, float], color: str, points: float = 1, dash: Any = None
) -> Any:
    """A straight line between two places in inches."""
    drawn = canvas.slide.shapes.add_connector(MSO_CONNECTOR.STRAIGHT, *(Inches(end) for end in ends))
    drawn.line.color.rgb, drawn.line.width = rgb(color), Pt(points)
    if dash:
        drawn.line.dash_style = dash
    _unstyled(drawn)
    _decorative(drawn)
    return drawn


def name(shape: Any, key: str, words: str = "") -> None:
    """What the selection pane calls a shape, and what a screen reader says of it."""
    shape.name = fit_for_xml(key)
    if words:
        shape._element.xpath(".//p:cNvPr")[0].set("descr", fit_for_xml(words))


def legend_runs(entries: Sequence[tuple[str, str, str]], look: Look) -> list[Run]:
    """A line of legend: (name, colour, shape) an entry."""
    runs: list[Run] = []
    for title, color, shape in entries:
        runs += [Run(GLYPHS.get(shape, "■") + "\u00a0", color, bold=True), Run(title.replace(" ", "\u00a0"), look.ink)]
        runs.append(Run("     ", look.ink))
    return runs[:-1]


def legend_height(entries: Sequence[tuple[str, str, str]], size: float, room: float) -> float:
    """Inches of a legend; its entries are not broken."""
    rows, filled = 1, 0.0
    for title, *_ in entries:
        wide = measure.width(f"● {title}     ", size)
        rows, filled = (rows + 1, wide) if filled and filled + wide > room else (rows, filled + wide)
    return rows * size * measure.LINE / 72


def _unstyled(shape: Any) -> None:
    """Without the theme's shadow."""
    for style in shape._element.xpath("./p:style"):
        shape._element.remove(style)


def _decorative(shape: Any) -> None:
    """A screen reader passes over it, and PowerPoint's checker asks for no alternative text."""
    named = shape._element.xpath(".//p:cNvPr")[0]
    named.append(parse_xml(f'<a:extLst {nsdecls("a")}><a:ext uri="{DECORATIVE[0]}">{DECORATIVE[1]}</a:ext></a:extLst>'))


def _bullet(paragraph: Any, size: float, color: str) -> None:
    properties = paragraph._p.get_or_add_pPr()
    indent = round(size * 0.9 * 12700)
    properties.set("marL", str(indent))
    properties.set("indent", str(-indent))
    colored = properties.makeelement(qn("a:buClr"), {})
    colored.append(colored.makeelement(qn("a:srgbClr"), {"val": color.removeprefix("#")}))
    mark = properties.makeelement(qn("a:buChar"), {"char": "•"})
    properties.append(colored)
    properties.append(mark)
