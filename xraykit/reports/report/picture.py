"""Pictures: charts with the rows that they show, for a screen and for paper, as SVG and PNG."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xraykit.reports.report.table import Rank

if TYPE_CHECKING:
    from xraykit.reports.charts.style import Style  # Altair is slow to import: only where a chart is drawn

WIDTH = 620  # px of an exported chart's plot
SCALE = 2  # PNG pixels a px: sharp on a projector
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what no SVG may hold


@dataclass(frozen=True, eq=False)
class Picture:
    """A chart that can be drawn for the screen or for paper, and the `rows` it shows."""

    key: str
    title: str
    draw: Callable[[Style], Any]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""
    rank: Rank = "main"

    def spec(self, style: Style) -> dict[str, Any]:
        """The Vega-Lite specification for a page of this style, drawn once for each.

        Without a width, unless its cells have a size of their own.
        """
        if style.name not in self._drawn:
            spec = self.draw(style).to_dict()
            if isinstance(packed := spec.get("data", {}).get("values"), str):  # Streamlit takes rows there, no text
                spec["data"] = {"values": json.loads(packed)}
            self._drawn[style.name] = spec
        return self._drawn[style.name]

    @property
    def screen(self) -> dict[str, Any]:
        """The specification for a dark page."""
        from xraykit.reports.charts.style import SCREEN

        return self.spec(SCREEN)

    @cached_property
    def _drawn(self) -> dict[str, dict[str, Any]]:
        return {}

    def svg(self, notice: str, *, style: Style | None = None, framed: bool = True) -> str:
        """The chart as SVG with its rows in <metadata>, for paper unless a style is given.

        `framed` writes title and notice into the picture.
        """
        import vl_convert

        from xraykit.reports.charts.style import PAPER, unpacked

        spec = fit_for_xml(unpacked(self.draw(style or PAPER).to_dict())) | {"padding": 14}
        if not has_own_width(spec):
            spec["width"] = WIDTH
        if framed:
            lines = [self.note, notice] if self.note else [notice]
            spec["title"] = fit_for_xml({"text": self.title, "subtitle": lines, "fontSize": 16, "offset": 12})
        svg = read_out(_numbered(vl_convert.vegalite_to_svg(spec)), spec.get("description", ""))
        place = svg.index(">") + 1
        return f"{svg[:place]}<metadata>{_escape(self._json(notice))}</metadata>{svg[place:]}"

    def png(self, notice: str, *, style: Style | None = None) -> bytes:
        """The SVG's pixels, with the chart's rows in the text chunk "xraykit"."""
        import vl_convert
        from PIL import Image, PngImagePlugin

        drawn = Image.open(io.BytesIO(vl_convert.svg_to_png(self.svg(notice, style=style), scale=SCALE)))
        info = PngImagePlugin.PngInfo()
        info.add_itxt("xraykit", self._json(notice))
        out = io.BytesIO()
        drawn.convert("RGB").save(out, "PNG", pnginfo=info, dpi=(96 * SCALE, 96 * SCALE))
        return out.getvalue()

    def to_dict(self) -> dict[str, Any]:
        return {"key": self.key, "title": self.title, "rows": [dict(row) for row in self.rows], "note": self.note}

    def _json(self, notice: str) -> str:
        return json.dumps(self.to_dict() | {"notice": notice}, ensure_ascii=False, allow_nan=False)


def has_own_width(spec: Mapping[str, Any]) -> bool:
    """Whether a chart keeps its width: cells of a size of their own, or several charts in one."""
    return "width" in spec or not ("layer" in spec or "mark" in spec)


def _numbered(svg: str) -> str:
    """The same picture whichever were drawn before it: vl-convert goes on counting the ids of what it clips."""
    numbers = {name: f"clip{place}" for place, name in enumerate(dict.fromkeys(re.findall(r"\bclip\d+\b", svg)))}
    return re.sub(r"\bclip\d+\b", lambda name: numbers[name[0]], svg)


def read_out(svg: str, words: str) -> str:
    """The SVG with what a screen reader says of it, as a page of Vega has it: vl-convert leaves the words out."""
    if not words:
        return svg
    about = f'role="graphics-document" aria-roledescription="visualization" aria-label="{html.escape(words)}"'
    return svg.replace("<svg ", f"<svg {about} ", 1)


def fit_for_xml(value: Any) -> Any:
    """The same with a mark for each letter that ends vl-convert, and this process with it."""
    if isinstance(value, str):
        return NO_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {fit_for_xml(key): fit_for_xml(inner) for key, inner in value.items()}
    return list(map(fit_for_xml, value)) if isinstance(value, list | tuple) else value


def _escape(text: str) -> str:
    return NO_XML.sub("\N{REPLACEMENT CHARACTER}", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
