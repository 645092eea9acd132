"""The reports of many films in one ZIP with an index: a film after the other, in a thread.

One film at a time is in memory. What is finished when the work is stopped can be had; what was refused is named in the
index with the reason.
"""

from __future__ import annotations

import csv
import io
import logging
import secrets
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xraykit import RESEARCH_ONLY
from xraykit.reading.worklist.rows import Row
from xraykit.refused import Refused
from xraykit.reports.export.formats import EPOCH, File
from xraykit.reports.film import report as film_report
from xraykit.reports.film.subject import Subject
from xraykit.reports.report.page import Report
from xraykit.system import files as disk
from xraykit.ui.review.server.films import spool
from xraykit.ui.review.server.report import files, subjects
from xraykit.ui.review.server.report.asked import Asked, Tab
from xraykit.ui.review.server.report.subjects import NotRead
from xraykit.ui.review.server.report.work import Stopped, Work
from xraykit.ui.review.server.report.work import words as work_words

INDEX = "index.csv"
HEADS = ("no", "film", "files", "state", "code", "reason")
PACKED = (".html", ".md", ".json", ".csv")  # the others are packed already
CLOSED = "The film was closed before its report was made."
NO_ROOM = "There is no room for more reports on the disk of this computer. Those that are finished can be downloaded."
UNREAD = "Read blind: what the models say of this film is left out until its finding is recorded."
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Entry:
    """A line of the index."""

    number: int
    film: str
    files: tuple[str, ...] = ()
    state: str = "written"
    code: str = ""
    words: str = ""


def reports(tab: Tab, asked: Asked) -> Work:
    """The report of each film in one format, as one ZIP in the tab's folder."""
    return Work("films", len(asked.films), lambda work: _write(tab, asked, work))


class _Archive:
    """A ZIP that grows by one file at a time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / secrets.token_hex(8)
        self._file = disk.open_private(self.path)
        self._packed = zipfile.ZipFile(self._file, "w")
        self._packed.comment = RESEARCH_ONLY.encode()

    def add(self, name: str, content: bytes, spare: bool = True) -> None:
        """Raises Refused where the disk has no room for it."""
        info = zipfile.ZipInfo(name, EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED if name.endswith(PACKED) else zipfile.ZIP_STORED
        try:
            if spare:
                spool.check_room(self.path.parent, len(content))
            self._packed.writestr(info, content)
        except OSError:
            raise Refused(NO_ROOM, code="no-room") from None

    def close(self) -> None:
        self._packed.close()
        self._file.close()


def _write(tab: Tab, asked: Asked, work: Work) -> None:
    archive = _Archive(tab.folder())
    entries: list[_Entry] = []
    digits = len(str(len(asked.films)))
    try:
        for number, name in enumerate(asked.films, 1):
            if work.stopping:
                break
            try:
                entry, made = _film(tab, asked, number, name, f"{number:0{digits}}-", work)
            except Stopped:
                break
            for file in made:
                archive.add(file.name, file.content)
            entries.append(entry)
            work.refused += not entry.files
            work.done += 1
    finally:
        entries += [_Entry(number, "", state="not reached") for number in range(len(entries) + 1, work.total + 1)]
        archive.add(INDEX, _index(entries), spare=False)
        archive.close()
        of_all = "" if work.done == work.total else f"-of-{work.total}"
        work.name = f"film-reports-{work.done}{of_all}-{asked.kind}.zip"
        work.file = archive.path


def _film(tab: Tab, asked: Asked, number: int, name: str, before: str, work: Work) -> tuple[_Entry, Sequence[File]]:
    """A film's line of the index, and its files."""
    row = tab.room.list.get(name)
    if row is None:
        return _Entry(number, "", state="not written", code="closed", words=CLOSED), ()
    called = subjects.name_in(row, asked.names)
    try:
        page, subject = report_of(tab, row, asked, work)
        sha256 = page.data["film"]["sha256"]
        stem = before + files.stem_of(sha256, called)
        state, code, words = _outcome(page, subject)
        made = files.make(page, subject, asked.kind, asked.look, stem, asked.full)
        return _Entry(number, called or sha256[:12], tuple(file.name for file in made), state, code, words), made
    except Stopped:
        raise
    except Exception as error:  # whatever it is, the other films have their reports
        if not isinstance(error, Refused | OSError):
            log.error("the report of a film could not be made (%s)", type(error).__name__)
        known = called or (row.facts.sha256[:12] if row.facts else "")
        code = getattr(error, "code", "failed")
        return _Entry(number, known, state="not written", code=code, words=work_words(error)), ()


def report_of(tab: Tab, row: Row, asked: Asked, work: Work | None = None) -> tuple[Report, Subject | None]:
    """The report of a film, and its subject; None for a file that is no film, of which the report says why."""
    try:
        subject = subjects.subject_of(
            tab.room,
            row,
            asked.view,
            names=asked.names,
            hidden=row.id in asked.hidden,
            progress=work.progress if work else None,
        )
    except NotRead as refused:
        called = subjects.name_in(row, asked.names)
        return film_report.refused(refused.refusal, refused.sha256, disk.now(), name=called), None
    page = film_report.report(subject)
    return (replace(page, lead=UNREAD) if row.id in asked.hidden else page), subject


def _outcome(page: Report, subject: Subject | None) -> tuple[str, str, str]:
    """State, code and words of the index."""
    if subject is None:
        return "refused", page.data["film"]["refused"], page.sections[0].words[0]
    if subject.gate.state == "refused":
        return "not read by the models", subject.gate.code, subject.gate.words
    return "written", "", ""


def _index(entries: Iterable[_Entry]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADS)
    for each in entries:
        cells = (each.number, each.film, " ".join(each.files), each.state, each.code, each.words)
        writer.writerow(disk.csv_cells(cells))
    return out.getvalue().encode()
