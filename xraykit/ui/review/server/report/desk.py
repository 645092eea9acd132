"""What a tab keeps of its reports: the last one, so that its preview and its files are the same, and the work."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from xraykit.refused import Refused
from xraykit.ui.review.server.report.asked import Asked, Tab

if TYPE_CHECKING:
    from xraykit.reading.kept import Record
    from xraykit.reports.film.subject import Subject
    from xraykit.reports.report.page import Report
    from xraykit.ui.review.server.report.work import Work

GONE = "The film is not in the list any more. Close this and choose another."
NOTHING_READ = "No film was read in this session yet. Record a finding, then come back."
NO_SHEET = "There is no contact sheet yet. Make one first."
BUSY = "Reports are being made already. Wait for them, or stop them first."


class Made(NamedTuple):
    """A report and its name as a file; `subject` for the report of a film."""

    report: Report
    subject: Subject | None
    stem: str


class Desk:
    """Of one tab; any thread may call it."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._lock = threading.RLock()
        self._last: tuple[object, Made] | None = None
        self._sheet: Report | None = None
        self._work: Work | None = None

    @property
    def work(self) -> Work | None:
        """What is under way, or was last."""
        return self._work

    def made(self, asked: Asked) -> Made:
        """The report that a page asks for, made where it is not the last one; raises Refused."""
        with self._lock:
            if asked.what == "sheet":
                if self._sheet is None:
                    raise Refused(NO_SHEET, code="no-sheet")
                return Made(self._sheet, None, "contact-sheet")
            key = self._key(asked)
            if self._last is None or self._last[0] != key:
                made = self._film(asked) if asked.what == "film" else self._session()
                self._last = (key, made)
            return self._last[1]

    def begin(self, asked: Asked) -> Work:
        """Begin the reports of many films, or their contact sheet; raises Refused where there is work already."""
        from xraykit.ui.review.server.report import files, many, sheets

        asked.view.settings()  # what cannot be is refused now, not with every film
        if asked.what != "sheet":
            files.check(asked.kind)
        with self._lock:
            if self._work is not None and self._work.state == "running":
                raise Refused(BUSY, code="busy")
            if not asked.films:
                raise Refused("There is no film in the list. Open some first.", code="no-films")
            if asked.what == "sheet":
                work = sheets.contact_sheet(self._tab, asked, self._keep)
            else:
                work = many.reports(self._tab, asked)
            if self._work is not None:
                self._work.end()
            self._work = work.start()
            return work

    def end(self) -> None:
        """The tab is closed."""
        if self._work is not None:
            self._work.end()
        self._last = self._sheet = None

    def _keep(self, sheet: Report) -> None:
        self._sheet = sheet

    def _key(self, asked: Asked) -> object:
        """All that makes a report another one."""
        if asked.what == "session":
            return self._tab.room.session.record()
        row = self._tab.room.list.get(asked.film)
        return asked.film, row and row.changed, asked.view, asked.names, asked.film in asked.hidden

    def _film(self, asked: Asked) -> Made:
        from xraykit.ui.review.server.report import files, many, subjects

        row = self._tab.room.list.get(asked.film)
        if row is None:
            raise Refused(GONE, code="closed")
        report, subject = many.report_of(self._tab, row, asked)
        stem = files.stem_of(report.data["film"]["sha256"], subjects.name_in(row, asked.names))
        return Made(report, subject, stem)

    def _session(self) -> Made:
        from xraykit.models.cards.card import titles_of
        from xraykit.reports.film import session
        from xraykit.system import files

        whole = self._tab.room.session.record()
        record = _told(whole)
        if not record.films:
            raise Refused(NOTHING_READ, code="nothing-read")
        name = self._tab.room.session.name if record == whole else ""  # what is left out cannot be made again
        titles = titles_of(self._tab.room.cards)
        return Made(session.report(record, files.now(), name, titles), None, "reading-session")


def _told(record: Record) -> Record:
    """What a reader may know of their session: nothing of the models for films whose finding is still to come."""
    if not record.options.blind:
        return record
    return replace(
        record,
        films=tuple(
            replace(film, answers={}) if film.last.blind and not film.last.finding else film for film in record.films
        ),
    )
