"""Slides: a report, or one of its sections, as a deck of 16:9 slides that PowerPoint and LibreOffice can edit.

Text, tables and numbers are native; so are charts where PowerPoint has the kind, the others are pictures. What a slide
says, and all that it rests on, stands in its notes. Computes no figure of a report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import xraykit
from xraykit.reports.report.page import Report, Section
from xraykit.reports.report.table import Column, Table

LONGEST = 200  # signs of a setting in the notes


def pptx(report: Report, *, look: Literal["paper", "stage"] = "paper") -> bytes:
    """The whole report: a title slide, its sections in order, and what it rests on.

    The same report gives the same bytes.
    """
    from xraykit.reports.export.deck import file, pack
    from xraykit.reports.export.deck.look import LOOKS

    deck = file.empty(report, LOOKS[look])
    pack.title_slide(deck, report, LOOKS[look], _notes(report))
    for section in (*report.sections, *_facts(report)):
        _add(deck, report, section, LOOKS[look])
    return file.content(deck)


def slide(report: Report, section: Section, *, look: Literal["paper", "stage"] = "paper") -> bytes:
    """A deck of one section alone: a slide, or as many as it needs."""
    from xraykit.reports.export.deck import file
    from xraykit.reports.export.deck.look import LOOKS

    deck = file.empty(report, LOOKS[look])
    _add(deck, report, section, LOOKS[look])
    return file.content(deck)


def _add(deck: Any, report: Report, section: Section, look: Any) -> None:
    from xraykit.reports.export.deck import pack, sections

    pages = pack.pages(sections.blocks(section, report.notice, look))
    for place, page in enumerate(pages):
        title = section.title if len(pages) == 1 else f"{section.title} ({place + 1} of {len(pages)})"
        pack.slide(deck, report, title, page, look, _notes(report, section))


def _facts(report: Report) -> Iterator[Section]:
    if report.facts:
        columns = (Column("Fact"), Column("Value"))
        yield Section("facts", "What this rests on", parts=(Table("facts", "", columns, report.facts, head=False),))


def _notes(report: Report, section: Section | None = None) -> str:
    """What a speaker has before them: the section in words, the settings, and the facts."""
    lines = [report.notice, "", report.title]
    if section:
        lines += ["", section.title, *section.words]
        lines += [": ".join(filter(None, (part.title, part.note))) for part in section.parts if part.note]
    elif report.lead:
        lines += [report.lead]
    settings = list(_settings(report.data.get("options")))
    lines += ["", "Settings", *settings] if settings else []
    lines += ["", "Facts", *(f"{name}: {value}" for name, value in report.facts)] if report.facts else []
    return "\n".join([*lines, "", f"Made by xraykit {xraykit.__version__}."])


def _settings(options: Any) -> Iterator[str]:
    if not isinstance(options, Mapping):
        return
    for name, value in options.items():
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        if value not in (None, "") and len(text) <= LONGEST:
            yield f"{str(name).replace('_', ' ').capitalize()}: {text}"
