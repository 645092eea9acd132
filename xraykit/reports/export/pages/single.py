"""Single: a report on one sheet, as the data that `single.typ` sets. Its photographs take the room that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xraykit.reports.export.pages import tables
from xraykit.reports.export.pages.page import Format, Page, Sheet, photograph_svg
from xraykit.reports.film.photograph import Photograph
from xraykit.reports.report.page import Section

NAMES = 12  # em of the names of facts
LEFT, LARGER = 0.47, 0.5  # of the width of a wide sheet: two photographs and what is short; of more photographs
FORMATS: dict[Sheet, Format] = {
    "a4": Format(
        width=523, height=764, type=8.6, table=8.2, smallest=6.6, chart=0.7, photograph=0.4, gap=16, rows=2000
    ),
    "wide": Format(
        width=904, height=488, type=10.5, table=9.8, smallest=7.6, chart=0.85, photograph=0.84, gap=26, rows=2000
    ),
}


@dataclass(frozen=True)
class Single(Page):
    """A page whose first sections, those of photographs, stand apart from the others."""

    @property
    def left(self) -> float:
        """Width of the left part of a wide sheet, in pt."""
        several = sum(len(section.photographs) for section in self.report.sections) > 2
        return (LARGER if several else LEFT) * (self.format.width - self.format.gap)

    def to_dict(self) -> dict[str, Any]:
        pictured = [section for section in self.report.sections if section.photographs]
        rest = [section for section in self.report.sections if not section.photographs]
        if self.sheet == "a4":
            sides = {"left": [], "right": list(self._blocks(rest, self.format.width))}
        else:
            right = self.format.width - self.format.gap - self.left
            wide = [section for section in rest if section.wide or section.across]
            short = [section for section in rest if section not in wide]
            if not wide:
                wide, short = short, []
            sides = {"left": self._alone(short, self.left), "right": self._alone(wide, right)}
        return super().to_dict() | {
            "single": True,
            "blocks": [],
            "left_width": self.left,
            "facts": [[name, self._broken(value)] for name, value in self.report.facts],
            "said": [words for section in pictured for words in section.words],
            "photographs": [self._apart(part) for section in pictured for part in section.photographs],
            **sides,
        }

    def _broken(self, text: str) -> str:
        """A fact's text, which stands in small type in half the width, beside its name."""
        room = (self.format.width - self.format.gap) / 2 / tables.SMALL / self.format.type
        return tables.breakable(text, room - NAMES, evenly=True)

    def _is_small(self, section: Section) -> bool:
        """Not what several models say in words: in half the width each of them would have a few letters a line."""
        wordy = (sum(column.kind == "text" for column in table.columns) > 2 for table in section.tables)
        return super()._is_small(section) and not any(wordy)

    def _alone(self, sections: list[Section], width: float) -> list[dict[str, Any]]:
        return [{"columns": False, "sections": [self._section(section, width)]} for section in sections]

    def _apart(self, photograph: Photograph) -> dict[str, Any]:
        across, down = photograph.size
        legend = photograph.legend
        down = legend.rows if legend else down
        return {
            "title": photograph.title,
            "alt": photograph.read_out,
            "svg": photograph_svg(photograph, down),
            "aspect": across / down,
            "lines": [*(legend.lines if legend else ()), *filter(None, [photograph.note])],
            "warnings": list(legend.warnings if legend else ()),
            "colors": list(legend.colors if legend else ()),
        }


def page(report: Any, sheet: Sheet, look: Any) -> Single:
    """The page of a report that is meant for one sheet."""
    return Single(report, sheet, look, FORMATS[sheet])
