"""The contact sheet of a worklist: a film after the other, in a thread; of each only a small picture is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from xraykit.models.cards.card import titles_of
from xraykit.reading.worklist.rows import Row
from xraykit.refused import Refused
from xraykit.reports.film import sheet
from xraykit.reports.report.page import Report
from xraykit.reports.report.table import Column
from xraykit.system import files as disk
from xraykit.ui.review.server.report import subjects
from xraykit.ui.review.server.report.asked import Asked, Tab
from xraykit.ui.review.server.report.work import Work, words

MOST_ON_SHEET, MOST_SAID = 1000, 20  # films of a sheet; refused ones that it names
HIDDEN = "not shown yet"


def contact_sheet(tab: Tab, asked: Asked, keep: Callable[[Report], None]) -> Work:
    """A sheet of the films, which `keep` is given. Raises Refused where there are too many."""
    if len(asked.films) > MOST_ON_SHEET:
        said = f"A contact sheet holds at most {MOST_ON_SHEET:,} films; the list has {len(asked.films):,}. Filter it."
        raise Refused(said, code="too-many")
    return Work("sheet", len(asked.films), lambda work: keep(_sheet(tab, asked, work)))


def _sheet(tab: Tab, asked: Asked, work: Work) -> Report:
    titles = titles_of(card for name in asked.view.models for card in tab.room.cards if card.name == name)
    asked = _plain(asked)
    films: list[sheet.Film] = []
    findings: list[str] = []
    refused: list[str] = []
    for name in asked.films:
        row = tab.room.list.get(name)
        if work.stopping:
            break
        work.done += 1
        if row is None:
            continue
        try:
            subject = subjects.subject_of(tab.room, row, asked.view, names=asked.names, hidden=name in asked.hidden)
        except (Refused, OSError) as error:
            work.refused += 1
            refused.append(f"{_called(row, error, asked.names)} is not shown: {words(error)}")
            continue
        small = sheet.film_of(subject, tuple(titles))
        films.append(_unread(small, len(titles)) if name in asked.hidden else small)
        findings.append((subject.impression.finding if subject.impression else "") or "")
    if not films and work.stopping:
        raise Refused("It was stopped before a film was on it.", code="stopped")
    if not films:
        raise Refused("None of these files is a film, so there is no sheet.", code="no-films")
    if len(refused) > MOST_SAID:
        refused[MOST_SAID:] = [f"{len(refused) - MOST_SAID} more files are not shown."]
    models = tuple(titles.values())
    heads = sheet.columns(models)
    if any(findings):
        heads = (*heads, Column("Reader's finding"))
        films = [replace(film, cells=(*film.cells, said)) for film, said in zip(films, findings, strict=True)]
    return sheet.sheet(films, heads, title="Contact sheet", created=disk.now(), words=tuple(refused), models=models)


def _plain(asked: Asked) -> Asked:
    """Without heatmaps and without a window chosen for another film: a sheet shows films as they are."""
    return msgspec.structs.replace(asked, view=msgspec.structs.replace(asked.view, heatmaps=False, grey=None))


def _called(row: Row, error: Any, names: bool) -> str:
    sha256 = row.facts.sha256 if row.facts else getattr(error, "sha256", "")
    return subjects.name_in(row, names) or f"A file ({sha256[:12]})"


def _unread(film: sheet.Film, models: int) -> sheet.Film:
    """A film of which the reader must not know yet what models say."""
    cells = (*film.cells[: len(film.cells) - 2 * models], *([HIDDEN, None] * models))
    return replace(film, cells=cells, lines=(film.lines[0], *([HIDDEN] if models else [])))
