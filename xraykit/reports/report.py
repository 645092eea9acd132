"""Report: a page as data - words, tables, pictures - and the same content as HTML, Markdown, JSON, CSV, SVG and PNG.

Computes no figure and knows no page. What a page shows and what it hands out come from the same objects.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import xraykit
from xraykit.evaluation.stats import UNDEFINED, Figure, number_text, p_number, plain
from xraykit.reports.film.photograph import Photograph
from xraykit.system.files import csv_cells

if TYPE_CHECKING:
    from xraykit.reports.charts.style import Style  # Altair is slow to import: only where a chart is drawn

FOLDER = Path(__file__).parent
CSS = FOLDER / "report.css"  # of tables, headlines and facts, on the dark page and on white paper
IN_FULL = "In the full report"  # name of the fact that says what a short one leaves to it
WIDTH = 620  # px of an exported chart's plot
SCALE = 2  # PNG pixels a px: sharp on a projector
Kind = Literal["text", "plain", "count", "number", "percent", "points", "p"]
Rank = Literal["main", "appendix"]  # what stands on a page that is kept short, and what the full one adds


@dataclass(frozen=True)
class Column:
    """A column of a table: how its numbers are written and drawn.

    `kind`: "text"; "plain" values as they are; "count"; "number" four decimals; "percent" of a share, one decimal;
    "points" a difference of shares; "p". `interval` columns hold Figures, written with their interval. `look`: "bar"
    draws the interval below a Figure of a share; "shade" colours a count by its share of the row's shaded counts;
    "level" draws a share as a bar from 0 to 1, with a mark at the value of the column after it.
    """

    name: str
    kind: Kind = "text"
    interval: bool = False
    look: Literal["", "bar", "shade", "level"] = ""


@dataclass(frozen=True)
class Measured:
    """A plain value and how a reader sees it: 15924470 and "15.2 MiB"."""

    value: float
    text: str


class Bar(NamedTuple):
    """An interval drawn as a bar with a mark at the value, in percent of its width."""

    left: float
    width: float
    mark: float


class Level(NamedTuple):
    """A share drawn as a bar from 0 to 1, and where its mark stands; both in percent of its width."""

    width: float
    mark: float | None


class Cell(NamedTuple):
    """A cell as a page draws it. `interval` stands below `text`; `shade` is a share in [0, 1]."""

    text: str
    interval: str = ""
    bar: Bar | None = None
    shade: float | None = None
    level: Level | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of plain values or Figures in the columns' order; None is not defined. Its first column names the rows.

    Without a `title` it stands under its section's; without `head` it is a list of names and values; the columns of an
    `even` one are equally wide. One of rank "appendix" says again what a picture beside it shows, or much more.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""
    head: bool = True
    even: bool = False
    rank: Rank = "main"

    @cached_property
    def written(self) -> tuple[tuple[str, ...], ...]:
        """The cells as text."""
        return tuple(
            tuple(write(value, column.kind) for value, column in zip(row, self.columns, strict=True))
            for row in self.rows
        )

    @cached_property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells as a page draws them."""
        return tuple(tuple(self._cells(row)) for row in self.rows)

    @property
    def bare(self) -> bool:
        """Whether it names rows and says nothing of them."""
        return len(self.columns) < 2

    @property
    def scale_note(self) -> str:
        """What the bars of the table mean; empty where it has none."""
        if not any(cell.bar for row in self.cells for cell in row):
            return ""
        return f"Bars run from {self.floor:.0%} to 100% and span the 95% interval; the mark is the figure."

    @cached_property
    def floor(self) -> float:
        """Where bars begin: the tenth below the lowest interval, at most 0.9."""
        lows = [
            value.low
            for row in self.rows
            for value, column in zip(row, self.columns, strict=True)
            if column.look == "bar" and isinstance(value, Figure) and value.low is not None
        ]
        return min(math.floor(10 * min(lows, default=0)) / 10, 0.9)

    def csv(self) -> str:
        """The rows in full precision; a Figure takes three columns: NAME, NAME low, NAME high."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        heads = (
            [column.name, f"{column.name} low", f"{column.name} high"] if column.interval else [column.name]
            for column in self.columns
        )
        writer.writerow(csv_cells(name for names in heads for name in names))
        for row in self.rows:
            writer.writerow(
                csv_cells(
                    cell
                    for value, column in zip(row, self.columns, strict=True)
                    for cell in (_ends(value) if column.interval else [_bare(value)])
                )
            )
        return out.getvalue()

    def markdown(self) -> Iterator[str]:
        """The lines of a Markdown table, or of a list where the table has no head."""
        rows = [[escape_markdown(cell) for cell in row] for row in self.written]
        if not self.head:
            yield from (f"- {name}: {', '.join(values)}" for name, *values in rows)
        else:
            yield f"| {' | '.join(escape_markdown(column.name) for column in self.columns)} |"
            yield f"| {' | '.join('---' for _ in self.columns)} |"
            yield from (f"| {' | '.join(row)} |" for row in rows)

    def to_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "columns": [column.name for column in self.columns],
            "rows": [[plain(_bare(value)) for value in row] for row in self.rows],
            "note": self.note,
        }

    def _cells(self, row: tuple[Any, ...]) -> Iterator[Cell]:
        shaded = [value for value, column in zip(row, self.columns, strict=True) if column.look == "shade"]
        for place, (value, column) in enumerate(zip(row, self.columns, strict=True)):
            if column.look == "level":
                yield Cell(write(value, column.kind), level=_level(value, row[place + 1]))
            elif column.look == "bar" and isinstance(value, Figure):
                kind = _figure_kind(column.kind)
                yield Cell(value.value_text(kind), value.interval_text(kind), self._bar(value, column))
            elif column.look == "shade" and sum(shaded):
                yield Cell(write(value, column.kind), shade=value / sum(shaded))
            else:
                yield Cell(write(value, column.kind))

    def _bar(self, figure: Figure, column: Column) -> Bar | None:
        if figure.value is None or figure.ends is None or column.kind != "percent":
            return None
        left, right, mark = (100 * (end - self.floor) / (1 - self.floor) for end in (*figure.ends, figure.value))
        return Bar(left, right - left, mark)


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

        from xraykit.reports.charts.style import PAPER

        spec = self.draw(style or PAPER).to_dict() | {"padding": 14}
        if not has_own_width(spec):
            spec["width"] = WIDTH
        if framed:
            lines = [self.note, notice] if self.note else [notice]
            spec["title"] = {"text": self.title, "subtitle": lines, "fontSize": 16, "offset": 12}
        svg = _numbered(vl_convert.vegalite_to_svg(spec))
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


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a page: what it says in words, then its pictures, photographs and tables in order.

    `listed` words are a list of points. On a page of two columns `wide` sections stand in the wider one, those that go
    `across` above both. Those of rank "appendix" are left to the full report.
    """

    key: str
    title: str
    words: tuple[str, ...] = ()
    parts: tuple[Table | Picture | Photograph, ...] = ()
    listed: bool = False
    wide: bool = False
    across: bool = False
    rank: Rank = "main"

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(part for part in self.parts if isinstance(part, Picture))

    @property
    def photographs(self) -> tuple[Photograph, ...]:
        return tuple(part for part in self.parts if isinstance(part, Photograph))

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(part for part in self.parts if isinstance(part, Table))


class Tile(NamedTuple):
    """A figure above all others: its name, its value as text, and what it rests on."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, eq=False)
class Report:
    """A page to hand out. `notice` stands on every part; `facts` what it rests on, name and value; `data` for JSON.

    `lead` is a line under the title, `headline` its most important figures; with `columns` its sections stand in two.
    A `single` one is meant for one sheet, where its photographs take the room that is left. `written`, with its time
    zone, is when what it says was so.
    """

    title: str
    notice: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    data: Mapping[str, Any]
    lead: str = ""
    headline: tuple[Tile, ...] = ()
    columns: bool = False
    written: datetime | None = None
    single: bool = False

    @cached_property
    def short(self) -> Report:
        """The same without what is ranked "appendix", and with a fact that names the sections that are not in it."""
        main = [section for section in self.sections if section.rank == "main"]
        sections = tuple(
            replace(section, parts=tuple(part for part in section.parts if getattr(part, "rank", "main") == "main"))
            for section in main
        )
        left_out = [section.title for section in self.sections if section.rank == "appendix"]
        facts = (*self.facts, (IN_FULL, "; ".join(left_out))) if left_out else self.facts
        return replace(self, sections=sections, facts=facts)

    def html(self, draw: Callable[[Picture], str] | None = None) -> str:
        """One file that needs nothing else: inline SVG, inline style, no script. `draw` gives a chart as SVG."""
        page = _templates().get_template("report.html")
        return page.render(
            page=self, css=CSS.read_text("utf-8"), version=xraykit.__version__, inline=partial(self._inline, draw)
        )

    def markdown(self) -> str:
        """Words and tables as one Markdown page; charts and photographs are named."""
        lines = [f"# {escape_markdown(self.title)}", "", f"**{self.notice}**", ""]
        lines += [escape_markdown(self.lead), ""] if self.lead else []
        headline = (map(escape_markdown, line) for line in self.headline)
        lines += [f"- {name}: **{value}** ({note})" for name, value, note in headline]
        lines += [f"- {escape_markdown(name)}: {escape_markdown(value)}" for name, value in self.facts]
        for section in self.sections:
            lines += ["", f"## {escape_markdown(section.title)}", "", *_markdown(section)]
        return "\n".join(lines).rstrip() + "\n"

    def to_json(self) -> str:
        """Every number of the page."""
        sections = [
            {
                "key": section.key,
                "title": section.title,
                "words": list(section.words),
                "tables": [table.to_dict() for table in section.tables],
                "charts": [picture.to_dict() for picture in section.pictures],
                "photographs": [photograph.to_dict() for photograph in section.photographs],
            }
            for section in self.sections
        ]
        head = {"format": 1, "title": self.title, "notice": self.notice, "facts": dict(self.facts)}
        content = head | dict(self.data) | {"sections": sections}
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def _inline(self, draw: Callable[[Picture], str] | None, picture: Picture) -> Any:
        from markupsafe import Markup

        # Ids are the file's own: several charts in one file must not share theirs
        svg = draw(picture) if draw else picture.svg(self.notice, framed=False)
        svg = re.sub(r'\bid="([^"]+)"', rf'id="{picture.key}-\1"', svg)
        return Markup(re.sub(r"url\(#([^)]+)\)", rf"url(#{picture.key}-\1)", svg))


def part_html(macro: Literal["table", "section", "top"], part: Table | Section | Report, level: int = 3) -> str:
    """A table, a section without pictures or the top of a report as HTML, to stand in a page under a heading."""
    return str(getattr(_templates().get_template("parts.html").module, macro)(part, level))


def has_own_width(spec: Mapping[str, Any]) -> bool:
    """Whether a chart keeps its width: cells of a size of their own, or several charts in one."""
    return "width" in spec or not ("layer" in spec or "mark" in spec)


def write(value: Any, kind: Kind) -> str:
    """A cell as a reader sees it."""
    if isinstance(value, Figure):
        return value.text(_figure_kind(kind))
    if isinstance(value, Measured):
        return value.text
    if value is None:
        return UNDEFINED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if kind in ("number", "percent", "points"):
        return number_text(value, _figure_kind(kind))
    if kind == "p":
        return p_number(value)
    return f"{value:.6g}" if isinstance(value, float) else f"{value:,}"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    escaped = re.sub(r"([\\`*_{}\[\]<>|#~$]|:(?=[\w+-]+:))", r"\\\1", text.replace("\n", " "))
    return re.sub(r"^(\s*\d*)([.)+-])(?=\s)", r"\1\\\2", escaped)  # what would begin a list


def _figure_kind(kind: Kind) -> Literal["percent", "points", "number"]:
    return kind if kind in ("percent", "points") else "number"


def _level(value: float | None, mark: float | None) -> Level | None:
    return None if value is None else Level(100 * value, None if mark is None else 100 * mark)


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Measured) else value


def _ends(figure: Figure | None) -> list[float | None]:
    return [None] * 3 if figure is None else [figure.value, figure.low, figure.high]


def _markdown(section: Section) -> Iterator[str]:
    mark = "- " if section.listed else ""
    for words in section.words:
        yield from (f"{mark}{escape_markdown(words)}", *([] if section.listed else [""]))
    for part in section.parts:
        yield ""
        if not isinstance(part, Table):
            kind = "Chart" if isinstance(part, Picture) else "Picture"
            yield f"{kind}: {escape_markdown(part.title)}"
        else:
            yield from [f"### {escape_markdown(part.title)}", ""] if part.title else []
            yield from part.markdown()
        if part.note:
            yield from ("", escape_markdown(part.note))


@cache
def _templates() -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader(FOLDER)
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _numbered(svg: str) -> str:
    """The same picture whichever were drawn before it: vl-convert goes on counting the ids of what it clips."""
    numbers = {name: f"clip{place}" for place, name in enumerate(dict.fromkeys(re.findall(r"\bclip\d+\b", svg)))}
    return re.sub(r"\bclip\d+\b", lambda name: numbers[name[0]], svg)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
