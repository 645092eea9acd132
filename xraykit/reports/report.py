"""Report: a page as data - words, tables, pictures - and the same numbers as HTML, JSON, CSV, SVG and PNG.

Computes no figure and knows no page. What a page shows and what it hands out come from the same objects.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xraykit.reports.charts import style as chart_style

TEMPLATE = Path(__file__).parent / "report.html"
WIDTH = 620  # px of an exported chart's plot
SCALE = 2  # PNG pixels a px: sharp on a projector
ENDS = ("value", "low", "high")
MISSING = "n/a"


@dataclass(frozen=True)
class Column:
    """A column of a table. `kind`: how a number is written; "figure" kinds hold a value with its interval.

    "text"; "count"; "number" four decimals; "percent" of a share, one decimal; "points" a difference of shares in
    points; "p"; "figure", "percent figure" and "points figure" the same with an interval.
    """

    name: str
    kind: str = "text"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of plain values in the columns' order; None is "n/a", a Figure {"value", "low", "high", "n"}."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""

    @cached_property
    def written(self) -> tuple[tuple[str, ...], ...]:
        """The cells as a page writes them."""
        return tuple(
            tuple(write(value, column.kind) for value, column in zip(row, self.columns, strict=True))
            for row in self.rows
        )

    def csv(self) -> str:
        """The rows in full precision; a Figure takes three columns: NAME, NAME low, NAME high."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            name
            for column in self.columns
            for name in ([column.name, f"{column.name} low", f"{column.name} high"] if _wide(column) else [column.name])
        )
        for row in self.rows:
            writer.writerow(
                cell
                for value, column in zip(row, self.columns, strict=True)
                for cell in ([(value or {}).get(end) for end in ENDS] if _wide(column) else [value])
            )
        return out.getvalue()

    def to_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "columns": [column.name for column in self.columns],
            "rows": [list(row) for row in self.rows],
            "note": self.note,
        }


@dataclass(frozen=True, eq=False)
class Picture:
    """A chart that can be drawn for the screen or for paper, and the `rows` it shows."""

    key: str
    title: str
    draw: Callable[[chart_style.Style], Any]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""

    @cached_property
    def screen(self) -> dict[str, Any]:
        """The Vega-Lite specification for a dark page, without a width."""
        return self.draw(chart_style.SCREEN).to_dict()

    def svg(self, notice: str, *, style: chart_style.Style = chart_style.PAPER, framed: bool = True) -> str:
        """The chart as SVG with its rows in <metadata>; `framed` writes title and notice into the picture."""
        import vl_convert

        spec = self.draw(style).to_dict() | {"width": WIDTH, "padding": 14}
        if framed:
            lines = [self.note, notice] if self.note else [notice]
            spec["title"] = {"text": self.title, "subtitle": lines, "fontSize": 16, "offset": 12}
        svg = vl_convert.vegalite_to_svg(spec)
        place = svg.index(">") + 1
        return f"{svg[:place]}<metadata>{_escape(self._json(notice))}</metadata>{svg[place:]}"

    def png(self, notice: str, *, style: chart_style.Style = chart_style.PAPER) -> bytes:
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


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a page: what it says in words, then its pictures and tables in order."""

    key: str
    title: str
    words: tuple[str, ...] = ()
    parts: tuple[Table | Picture, ...] = ()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(part for part in self.parts if isinstance(part, Picture))

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(part for part in self.parts if isinstance(part, Table))


@dataclass(frozen=True, eq=False)
class Report:
    """A page to hand out. `notice` stands on every part; `facts` what it rests on, name and value; `data` for JSON."""

    title: str
    notice: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    data: Mapping[str, Any]

    def html(self) -> str:
        """One file without anything elsewhere: inline SVG, inline style, no script."""
        import jinja2

        template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))
        return template.render(page=self, is_picture=lambda part: isinstance(part, Picture), inline=self._inline)

    def to_json(self) -> str:
        """Every number of the page."""
        sections = [
            {
                "key": section.key,
                "title": section.title,
                "words": list(section.words),
                "tables": [table.to_dict() for table in section.tables],
                "charts": [picture.to_dict() for picture in section.pictures],
            }
            for section in self.sections
        ]
        head = {"format": 1, "title": self.title, "notice": self.notice, "facts": dict(self.facts)}
        return (
            json.dumps(head | dict(self.data) | {"sections": sections}, indent=1, ensure_ascii=False, allow_nan=False)
            + "\n"
        )

    def _inline(self, picture: Picture) -> Any:
        from markupsafe import Markup

        # Ids are the file's own: several charts in one file must not share theirs
        svg = picture.svg(self.notice, framed=False)
        svg = re.sub(r'\bid="([^"]+)"', rf'id="{picture.key}-\1"', svg)
        return Markup(re.sub(r"url\(#([^)]+)\)", rf"url(#{picture.key}-\1)", svg))


def write(value: Any, kind: str) -> str:
    """A cell as a reader sees it."""
    if isinstance(value, Mapping):
        return _write_figure(value, kind.removesuffix("figure").strip() or "number")
    if value is None:
        return MISSING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if kind == "p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    forms = {
        "count": f"{value:,}",
        "number": f"{value:.4f}",
        "percent": f"{100 * value:.1f}%",
        "points": f"{100 * value + 0.0:.1f}",
    }
    return forms.get(kind, f"{value:.6g}" if isinstance(value, float) else f"{value:,}")


def _write_figure(figure: Mapping[str, Any], kind: str) -> str:
    value, low, high = (figure[end] for end in ENDS)
    if value is None:
        return MISSING
    if low is None or high is None:
        return f"{write(value, kind)} (no interval)"
    return f"{write(value, kind)} [{', '.join(write(end, kind).removesuffix('%') for end in (low, high))}]"


def _wide(column: Column) -> bool:
    return column.kind.endswith("figure")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
