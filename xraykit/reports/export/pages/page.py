"""Page: a Report as the data that the Typst templates set - sizes, colours, order, what stands beside what.

Computes no figure and sets no type.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import xraykit
from xraykit.reports.export import figure
from xraykit.reports.export.figure import Look
from xraykit.reports.export.pages import fonts, tables
from xraykit.reports.film.photograph import Photograph
from xraykit.reports.report.page import Report, Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Cell, Table

if TYPE_CHECKING:
    from xraykit.reports.charts.style import Style

Sheet = Literal["a4", "wide"]
ELSEWHERE = "The HTML and JSON of this page have all of them."
BESIDE = 9  # rows of the longest table that stands beside a picture
FEW_WORDS = 420  # letters of words that stand at the right of a picture on a slide
MOST_LISTED = 1200  # letters of a list that stands there on A4
LOWER = 0.32  # of the height of A4: a chart beside a list
WHOLE = 0.86  # of the height: a photograph that takes the width
PAIRED = 24  # rows of the longest table that stands beside another
LINE = 1.55  # of the type: from line to line, with a share of what is between paragraphs
HEADED = 76  # pt: a chart's title and two lines of its note
NAMED, FACT_GAP = 0.34, 1.6  # of the width: what names the facts takes at most; em behind it
TITLED = 0.88  # of the width: bold and a little larger, a title breaks its words sooner
MANY = 12  # classes of a matrix that stands beside another
PANEL = {"paper": "#F5F8FA", "stage": "#12171C"}
WARN = {"paper": ("#8A5A00", "#FFF8EA"), "stage": ("#F5C84C", "#1D190E")}


@dataclass(frozen=True)
class Format:
    """A sheet: width and height of what may be printed on, type in pt, pt a px of a chart, how high a
    photograph may be as a share of the height, the gap between columns, how many rows of a table it shows, and
    as what share of their size charts are printed.
    """

    width: float
    height: float
    type: float
    table: float
    smallest: float
    chart: float
    photograph: float
    gap: float
    rows: int
    reduced: float = 1


FORMATS: dict[Sheet, Format] = {
    "a4": Format(
        width=504.6, height=716, type=9.2, table=8.6, smallest=6.8, chart=0.7, photograph=0.4, gap=18, rows=2000
    ),
    "wide": Format(
        width=880, height=424, type=14, table=13, smallest=10.5, chart=1.12, photograph=0.84, gap=32, rows=2000
    ),
}


CLOSER = (  # for a report that so saves a sheet
    replace(FORMATS["a4"], type=8.5, table=8.0, smallest=6.6, reduced=0.84, photograph=0.32),
    replace(FORMATS["a4"], type=8.0, table=7.5, smallest=6.4, reduced=0.72, photograph=0.3),
)


@dataclass(frozen=True)
class Page:
    """A report on sheets that follow each other."""

    report: Report
    sheet: Sheet
    look: Look
    format: Format
    drawn: dict[Any, figure.Drawn] = field(default_factory=dict)  # charts, for a page that is set twice

    @property
    def style(self) -> Style:
        return figure.style(self.look)

    @property
    def half(self) -> float:
        """Width of one of two columns, in pt."""
        return (self.format.width - self.format.gap) / 2

    @property
    def beside(self) -> float:
        """Width of what stands at the right of a picture, in pt."""
        return 0.4 * (self.format.width - self.format.gap)

    def to_dict(self) -> dict[str, Any]:
        report, style = self.report, self.style
        ink, paper = WARN[self.look]
        first = self._named
        return {
            "sheet": self.sheet,
            "single": False,
            "title": report.title,
            "written": _date(report.written),
            "lead": self._text(report.lead, self.format.width),
            "notice": report.notice,
            "version": f"xraykit {xraykit.__version__}",
            "tiles": [tile._asdict() for tile in report.headline],
            "facts": [
                [self._text(name, first), self._text(value, 0.95 * self.format.width - first)]
                for name, value in report.facts
            ],
            "named": round(first, 2),
            "blocks": list(self._blocks(self.report.sections, self.format.width)),
            "type": self.format.type,
            "table": self.format.table,
            "width": self.format.width,
            "half": self.half,
            "beside": self.beside,
            "gap": self.format.gap,
            "family": fonts.FAMILY,
            "colors": {
                "page": style.background,
                "ink": style.ink,
                "faint": style.faint,
                "grid": style.grid,
                "panel": PANEL[self.look],
                "accent": style.series[0],
                "warn": ink,
                "warned": paper,
            },
        }

    @property
    def _named(self) -> float:
        """Width of the column that names the facts, in pt: never so wide that what they say has no room."""
        widest = max((tables.length(name) for name, _ in self.report.facts), default=0.0)
        return min(self.format.type * (widest + FACT_GAP), NAMED * self.format.width)

    def _blocks(self, sections: Sequence[Section], width: float) -> Iterator[dict[str, Any]]:
        """Sections as they stand: alone, or several small ones in two columns."""
        small: list[Section] = []
        for section in sections:
            if self._is_small(section):
                small.append(section)
                continue
            yield from self._run(small)
            small = []
            yield {"columns": False, "sections": [self._section(section, width)]}
        yield from self._run(small)

    def _run(self, small: Sequence[Section]) -> Iterator[dict[str, Any]]:
        if len(small) == 1:
            yield {"columns": False, "sections": [self._section(small[0], self.format.width)]}
        elif small:
            yield {"columns": True, "sections": [self._section(section, self.half) for section in small]}

    def _is_small(self, section: Section) -> bool:
        """Whether it may stand in one of two columns: words, and tables that need no smaller type there."""
        if section.across or section.pictures or section.photographs:
            return False
        return all(self._fits(table, self.half) for table in section.tables)

    def _fits(self, table: Table, width: float) -> bool:
        return len(tables.fit(table, width, self.format.table, self.format.table)) == 1

    def _section(self, section: Section, width: float) -> dict[str, Any]:
        beside = self._beside(section)
        words_at_side = beside and self._has_words_at_side(section)
        length = sum(map(len, section.words))
        alone = self.sheet == "wide" and width == self.format.width and not section.parts  # on a slide
        return {
            "title": self._text(section.title, 0.6 * TITLED * width if self.sheet == "wide" else TITLED * width),
            "words": [self._text(words, self.beside if words_at_side else width) for words in section.words],
            "type": self.format.type * (1 if not alone else 1.4 if length < 400 else 1.2 if length < 800 else 1),
            "short": length < 600,
            "listed": section.listed and len(section.words) > 1,
            "beside": beside,
            "words_at_side": words_at_side,
            "rows": list(self._rows(section, width)),
        }

    def _beside(self, section: Section) -> bool:
        """Whether its one picture has something at its right: small tables; on a slide a few words too."""
        if len(section.pictures) != 1 or section.photographs:
            return False
        return bool(self._at_side(section) or self._has_words_at_side(section))

    def _has_words_at_side(self, section: Section) -> bool:
        length = sum(map(len, section.words))
        if self.sheet == "wide":
            return 0 < length <= FEW_WORDS
        return section.listed and len(section.words) > 1 and length <= MOST_LISTED

    def _at_side(self, section: Section) -> tuple[Table, ...]:
        """The tables that may stand at the right of a picture."""
        shown = (table for table in section.tables if len(table.rows) <= BESIDE and not table.bare)
        return tuple(table for table in shown if self._fits(table, self.beside))

    def _rows(self, section: Section, width: float) -> Iterator[dict[str, Any]]:
        """Parts that stand side by side: small tables and pictures in pairs, photographs by the width they ask for."""
        row: list[dict[str, Any]] = []
        used = 0.0
        at_side = self._at_side(section) if self._beside(section) else ()
        parts = [part for part in section.parts if not getattr(part, "bare", False)]
        for place, part in enumerate(parts):
            if isinstance(part, Table):
                share = 0.5 if width == self.format.width and self._has_like(parts, place) else 1.0
                room = self.beside if part in at_side else self.half if share < 1 else width
                drawn = {"kind": "side" if part in at_side else "table"} | self._table(part, room)
            elif isinstance(part, Picture):
                share = 0.5 if len(section.pictures) > 1 and not _is_large(part) else 1.0
                drawn = {"kind": "picture"} | self._picture(part, section, share, width)
            else:
                share, drawn = part.shown, {"kind": "picture"} | self._photograph(part, width)
            if row and (used + share > 1.001 or row[-1]["kind"] != drawn["kind"]):
                yield self._row(row, width)
                row, used = [], 0.0
            row.append(drawn | {"share": share})
            used += share
        if row:
            yield self._row(row, width)

    def _has_like(self, parts: Sequence[Any], place: int) -> bool:
        """Whether it and a table next to it fit into half the width each."""
        near = (parts[k] for k in (place - 1, place + 1) if 0 <= k < len(parts))
        tables_near = [part for part in near if isinstance(part, Table)]
        return self._is_narrow(parts[place]) and any(map(self._is_narrow, tables_near))

    def _is_narrow(self, table: Table) -> bool:
        if len(table.rows) > PAIRED:
            return False
        smaller = 0.88 if self.sheet == "a4" else 1
        groups = tables.fit(table, self.half, self.format.table, smaller * self.format.table)
        most = (0.4 if self.sheet == "a4" else 0.8) * self.format.height
        return len(groups) == 1 and not groups[0].stacked and tables.height(table, groups[0], 0.84) <= most

    def _row(self, parts: Sequence[dict[str, Any]], width: float) -> dict[str, Any]:
        room = width - self.format.gap * (len(parts) - 1)
        shares = [part["share"] for part in parts]
        whole = max(1.0, sum(shares))
        return {"parts": list(parts), "widths": [round(room * share / whole, 2) for share in shares]}

    def _table(self, table: Table, width: float) -> dict[str, Any]:
        """A table; of a very long one the first rows."""
        rows, note = len(table.rows), " ".join(filter(None, (table.scale_note, table.note)))
        if rows > self.format.rows:
            table = replace(table, rows=table.rows[: self.format.rows])
            note = f"The first {self.format.rows} of {rows:,} rows. {ELSEWHERE} {note}".strip()
        if self.sheet == "wide":
            groups = self._slide_groups(table, width)
        else:
            groups = tables.fit(table, width, self.format.table, self.format.smallest)
        return {
            "title": self._text(table.title, TITLED * width),
            "note": note,
            "head": table.head,
            "fresh": self.sheet == "wide" and width == self.format.width and len(table.rows) > BESIDE,
            "width": width,
            "groups": [self._group(table, group) for group in groups],
        }

    def _slide_groups(self, table: Table, width: float) -> tuple[tables.Group, ...]:
        """A table of a slide: larger type where it is short, smaller where one slide can hold it so."""
        normal = self.format.table
        sizes = [1.3, 1.15, 1, 0.94, 0.88] if width == self.format.width else [1, 0.94, 0.88]
        for size in (scale * normal for scale in sizes):
            groups = tables.fit(table, width, size, self.format.smallest)
            high = sum(tables.height(table, group, 0.84) for group in groups)
            if high <= (0.62 if size > normal else 0.86) * self.format.height:
                return groups
        return tables.fit(table, width, normal, self.format.smallest)

    def _group(self, table: Table, group: tables.Group) -> dict[str, Any]:
        columns = [table.columns[place] for place in group.columns]
        wide = [width / group.size - tables.GAP for width in group.widths]
        return {
            "size": group.size,
            "widths": group.widths,
            "heads": [
                tables.breakable(column.name, room / tables.SMALL) for column, room in zip(columns, wide, strict=True)
            ],
            "align": [
                "center" if column.look == "shade" else "left" if column.kind == "text" or not table.head else "right"
                for column in columns
            ],
            "rows": [
                [self._cell(row[place], room) for place, room in zip(group.columns, wide, strict=True)]
                for row in tables.cells(table, group.stacked)
            ],
        }

    def _cell(self, cell: Cell, room: float) -> dict[str, Any]:
        made: dict[str, Any] = {"text": tables.breakable(cell.text, room)}
        if cell.interval:
            made["interval"] = tables.breakable(cell.interval, room / tables.SMALL)
        if cell.bar:
            made["bar"] = [round(value, 2) for value in cell.bar]
        if cell.level:
            made["level"] = [cell.level.width, cell.level.mark]
        if cell.shade is not None:
            made |= {"fill": shade(cell.shade, self.style), "ink": _ink_on(cell.shade, self.style)}
        return made

    def _picture(self, picture: Picture, section: Section, share: float, width: float) -> dict[str, Any]:
        """A chart at the size it is printed: its type is as large as the page's, unless it would be too high."""
        if self._beside(section):
            room = (width - self.format.gap) * 0.6
        else:
            room = (width - self.format.gap) / 2 if share < 1 else width * (0.68 if self.sheet == "a4" else 0.8)
        most = self._highest(section)
        drawn = self._drawn(picture, room / self.format.chart, most / self.format.chart)
        scale = self.format.reduced * min(self.format.chart, room / drawn.width, most / drawn.height)
        return {
            "title": self._text(picture.title, TITLED * room),
            "note": picture.note,
            "alt": drawn.words or picture.title,
            "svg": drawn.svg,
            "width": round(scale * drawn.width, 2),
            "height": round(scale * drawn.height, 2),
        }

    def _drawn(self, picture: Picture, width: float, highest: float) -> figure.Drawn:
        key = (picture.key, width)
        if key not in self.drawn:
            self.drawn[key] = figure.svg(picture, width=width, look=self.look, highest=highest)
        return self.drawn[key]

    def _photograph(self, photograph: Photograph, width: float) -> dict[str, Any]:
        across, down = photograph.size
        beside = max(1, int(1.001 / photograph.shown))
        room = (width - self.format.gap * (beside - 1)) * photograph.shown
        highest = WHOLE if photograph.shown > 0.9 else self.format.photograph  # a sheet of many films
        scale = min(room / across, highest * self.format.height / down)
        return {
            "title": photograph.title,
            "note": photograph.note,
            "alt": photograph.read_out,
            "svg": photograph_svg(photograph, down),
            "width": round(scale * across, 2),
            "height": round(scale * down, 2),
        }

    def _highest(self, section: Section) -> float:
        """How high a chart may be, in pt, with room for its title and note."""
        if self.sheet == "a4":
            return (LOWER if self._beside(section) and self._has_words_at_side(section) else 0.5) * FORMATS["a4"].height
        lines = 0 if self._has_words_at_side(section) else sum(math.ceil(len(words) / 125) for words in section.words)
        said = LINE * self.format.type * lines + 10
        room = self.format.height - HEADED
        return room - said if said < 0.45 * room else room  # below many words it would be small: the next slide has it

    def _text(self, text: str, width: float) -> str:
        return tables.breakable(text, 0.97 * width / self.format.type)


def photograph_svg(photograph: Photograph, rows: int) -> str:
    """The first rows of a photograph's pixels as SVG: templates read data, no files."""
    across, down = photograph.size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{across}" height="{rows}" viewBox="0 0 {across} {rows}">'
        f'<image width="{across}" height="{down}" href="{photograph.url}"/></svg>'
    )


def _is_large(picture: Picture) -> bool:
    """Whether it is a matrix whose numbers could not be read in half the width."""
    return len({row.get("reference") for row in picture.rows}) > MANY


def _date(written: datetime | None) -> list[int] | None:
    """Year, month, day, hour, minute, second in UTC."""
    return None if written is None else list(written.astimezone(UTC).timetuple()[:6])


def shade(share: float, style: Style) -> str:
    """The colour of a share in [0, 1] on the charts' scale, as #RRGGBB."""
    stops = [[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in style.sequential]
    place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    mixed = (round(a + (b - a) * (place - low)) for a, b in zip(stops[low], stops[low + 1], strict=True))
    return "#" + "".join(f"{value:02X}" for value in mixed)


def _ink_on(share: float, style: Style) -> str:
    return style.on_high if share > style.flip else style.on_low
