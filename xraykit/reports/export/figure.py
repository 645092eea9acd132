"""Figure: one chart of a report as SVG, PNG or PDF, at a chosen width and in one of two looks.

Computes no figure. Whoever sets a page draws charts through `svg`, so that a page and a single file look alike.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from xraykit.reports.export.pages import fonts, letters, tables
from xraykit.reports.report.page import Report
from xraykit.reports.report.picture import Picture, has_own_width, read_out
from xraykit.system import processes

if TYPE_CHECKING:
    from xraykit.reports.charts.style import Style  # Altair is slow to import: only where a chart is drawn

Look = Literal["paper", "stage"]
Suffix = Literal["svg", "png", "pdf"]
WIDTH = 720  # px of a single figure
SCALE = 2  # PNG pixels a px
TITLE, SUBTITLE = 16, 12  # px of type
LIMITED = 0.42  # of the width: what labels beside a chart may take
AROUND = 90  # px beside the plot of most charts: labels and titles of axes
NEAR = 0.06  # of the width: near enough
CLOSEST = 0.72  # of their height: how near rows of classes or models may come before all is made smaller
LOWEST = 170  # px: a plot with room for what it shows
MOST_SMALLER = 2.2  # times: how much a high chart may be made smaller
PADDING = 16  # px around a single figure
SHEET = """
#let size = (width: float(sys.inputs.width) * .75pt, height: float(sys.inputs.height) * .75pt)
#set document(title: sys.inputs.title, author: "xraykit", date: none)
#set page(..size, margin: 0pt, fill: rgb(sys.inputs.fill))
#image(bytes(sys.inputs.svg), format: "svg", ..size, alt: sys.inputs.alt)
"""
REMEMBERED = 12  # compilations through which Typst keeps what it set
MOST_LETTERS = 80  # of a file name


@cache
def style(look: Look) -> Style:
    """The colours of a look, in the font that pages embed."""
    from xraykit.reports.charts.style import PAPER, SCREEN

    given = PAPER if look == "paper" else SCREEN
    return replace(given, font=f"{fonts.FAMILY}, Arial, sans-serif")


class Drawn(NamedTuple):
    """A chart as SVG, its width and height in px, and what is read out of it."""

    svg: str
    width: float
    height: float
    words: str = ""


def figure(picture: Picture, suffix: Suffix, notice: str, *, width: int = WIDTH, look: Look = "paper") -> bytes:
    """A chart as a file of its own, `width` px wide, with its title and the notice in it; PNG has twice the pixels."""
    drawn = _scaled(svg(picture, width=width, look=look, notice=notice), width)
    if suffix == "svg":
        return drawn.svg.encode()
    inputs = {
        "svg": drawn.svg,
        "title": picture.title,
        "alt": drawn.words or picture.title,
        "width": str(drawn.width),
        "height": str(drawn.height),
    }
    inputs |= {"fill": style(look).background}
    if suffix == "pdf":
        return compiled(SHEET.encode(), inputs, format="pdf")
    return with_density(compiled(SHEET.encode(), inputs, format="png", ppi=96 * SCALE), 96 * SCALE)


def _scaled(drawn: Drawn, width: float) -> Drawn:
    """What keeps a width of its own, such as square cells, as a whole at the width that was asked for."""
    if abs(drawn.width - width) <= NEAR * width:
        return drawn
    height = round(drawn.height * width / drawn.width)
    sized = re.sub(r'\bwidth="[\d.]+"', f'width="{width:g}"', drawn.svg, count=1)
    return Drawn(re.sub(r'\bheight="[\d.]+"', f'height="{height:g}"', sized, count=1), width, height, drawn.words)


def compiler(source: bytes = b"", inputs: Mapping[str, str] | None = None) -> Any:
    """Typst with the fonts of this package and those it brings itself; none of the system's."""
    import typst

    return typst.Compiler(source, font_paths=_fonts(), ignore_system_fonts=True, sys_inputs=dict(inputs or {}))


def compiled(source: bytes, inputs: Mapping[str, str], **options: Any) -> Any:
    """What Typst makes of a source. Afterwards it remembers nothing of it: a hundred reports would take 700 MiB."""
    setter = compiler()
    try:
        return setter.compile(source, sys_inputs=dict(inputs), **options)
    finally:
        for _ in range(REMEMBERED):  # it drops what that many compilations did not need
            setter.compile(b"", sys_inputs={}, format="svg")
        processes.give_memory_back()


def with_density(png: bytes, ppi: float) -> bytes:
    """The PNG with its dots a metre, so that a printer knows how large it is."""
    end = 8 + 25  # signature and IHDR
    per_metre = round(ppi / 0.0254)
    body = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    return png[:end] + struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body)) + png[end:]


@cache
def _fonts() -> Any:
    import typst

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(fonts.FONTS)])


def svg(picture: Picture, *, width: float, look: Look, notice: str = "", highest: float | None = None) -> Drawn:
    """A chart about `width` px wide over all, where its kind can be; with a `notice` its title and note are in it.

    One that would be higher than `highest` px is drawn lower; with a row a class or a model it is drawn wider, to
    be made smaller as a whole.
    """
    spec = _spec(picture, look, width, notice)
    room = _Room(width, *_heights(spec), highest)
    plot = room.plot(AROUND, AROUND)
    _limit(spec, LIMITED * (plot.width + AROUND))
    spec["config"]["legend"]["labelLimit"] = round(plot.width)
    if has_own_width(spec):
        return _drawn(spec, None)
    drawn = _drawn(spec, plot)
    better = room.plot(drawn.width - plot.width, drawn.height - plot.height)
    near = (abs(better.width - plot.width), abs(better.height - plot.height))
    return drawn if max(near) <= NEAR * width else _drawn(spec, better)


class _Plot(NamedTuple):
    width: float
    height: float


class _Room(NamedTuple):
    """What a chart has: its width over all, how high its plot is and may be at least, whether it is curves, and how
    high it may be over all."""

    width: float
    height: float
    lowest: float
    flat: bool
    highest: float | None

    def plot(self, beside: float, below: float) -> _Plot:
        """The plot of a chart with so much beside and below it: lower, then wider to be made smaller as a whole."""
        least = max(min(self.width - beside, self.height), self.lowest)
        meant = least if self.flat else self.height  # curves are never higher than wide
        if self.highest is None:
            return _Plot(self.width - beside, meant)
        height = min(meant, max(self.lowest, self.highest - below))
        larger = min(max((height + below) / self.highest, 1), MOST_SMALLER)
        return _Plot(max(larger * self.width - beside, 0.3 * self.width), height)


def _heights(spec: dict[str, Any]) -> tuple[float, float, bool]:
    """How high the plot of a chart is meant to be, how high it has to be, and whether both its axes are of numbers."""
    height = spec.get("height")
    if not isinstance(height, int | float):
        return 0, 0, False
    ups = [node["y"] for node in _nodes(spec) if isinstance(node.get("y"), dict)]
    if any(up.get("axis", {}) is None for up in ups):
        return height, height, False  # places, such as a hundred people: nothing to squeeze
    if any(up.get("type") in ("nominal", "ordinal") for up in ups):
        return height, CLOSEST * height, False
    return height, min(LOWEST, height), True


def file_name(report: Report, picture: Picture | None, suffix: str) -> str:
    """A name that says what the file shows: of a report, or of one of its pictures."""
    words = report.title if picture is None else f"{picture.title or picture.key} {report.title}"
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain)[:MOST_LETTERS].strip("-")
    return f"{stem or 'report'}.{suffix}"


def _spec(picture: Picture, look: Look, width: float, notice: str) -> dict[str, Any]:
    from xraykit.reports.charts.style import unpacked

    # Checked where it is drawn on the page: to check it again takes as long as to draw it
    spec = letters.all_drawable(unpacked(picture.draw(style(look)).to_dict(validate=False)))
    if notice:
        spec["title"] = letters.all_drawable(_title(picture, notice, width - 2 * PADDING))
    elif isinstance(own := spec.get("title"), dict) and isinstance(own.get("text"), str):
        own["text"] = tables.wrapped(own["text"], width / own.get("fontSize", SUBTITLE + 1), bold=True)
    spec["padding"] = PADDING if notice else 0
    spec.setdefault("config", {}).setdefault("legend", {})
    return spec


def _drawn(spec: dict[str, Any], plot: _Plot | None) -> Drawn:
    import vl_convert

    _register()
    sizes = (
        {} if plot is None else {"width": round(plot.width)} | ({"height": round(plot.height)} if plot.height else {})
    )
    words = spec.get("description", "")
    text = read_out(vl_convert.vegalite_to_svg(spec | sizes), words)
    return Drawn(text, *_size(text), words)


def _title(picture: Picture, notice: str, width: float) -> dict[str, Any]:
    lines = [line for words in (picture.note, notice) if words for line in tables.wrapped(words, width / SUBTITLE)]
    return {
        "text": tables.wrapped(picture.title, width / TITLE, bold=True),
        "subtitle": lines,
        "fontSize": TITLE,
        "subtitleFontSize": SUBTITLE,
        "subtitlePadding": 5,
        "offset": 12,
        "frame": "bounds",
    }


def _limit(spec: dict[str, Any], most: float) -> None:
    """Labels beside a chart take no more than `most` px."""
    for node in _nodes(spec):
        if isinstance(node.get("labelLimit"), int | float):
            node["labelLimit"] = round(min(node["labelLimit"] or most, most))


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key not in ("data", "datasets", "values"):
                yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _size(svg: str) -> tuple[float, float]:
    head = svg[: svg.index(">")]
    width, height = (float(re.search(rf'\b{name}="([\d.]+)"', head)[1]) for name in ("width", "height"))  # type: ignore[index]
    return width, height


@cache
def _register() -> None:
    import vl_convert

    vl_convert.register_font_directory(str(fonts.FONTS))
