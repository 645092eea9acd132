"""Pages: sections of words, tables, charts and photographs, and the whole as HTML, Markdown and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import xraykit
from xraykit.reports.film.photograph import Photograph
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Rank, Table, escape_markdown

FOLDER = Path(__file__).parents[1]
CSS = FOLDER / "report.css"  # of tables, headlines and facts, on the dark page and on white paper
FORMAT = 1  # of the JSON
IN_FULL = "In the full report"  # name of the fact that says what a short one leaves to it


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
        left_out += [
            table.title or section.title for section in main for table in section.tables if table.rank == "appendix"
        ]
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
        head = {"format": FORMAT, "title": self.title, "notice": self.notice, "facts": dict(self.facts)}
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
