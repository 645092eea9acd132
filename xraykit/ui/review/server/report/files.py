"""A report as files to hand out, under names that say what they show: no name of a patient, a film or a folder."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xraykit.refused import Refused
from xraykit.reports.export import formats
from xraykit.reports.export.figure import Look
from xraykit.reports.export.formats import FORMATS, File
from xraykit.reports.film.subject import Subject
from xraykit.reports.report.page import Report

STATE = "dicom-state"
STATE_NAME = "DICOM Presentation State"
DICOM = "application/dicom"
MARKS = {"pdf-wide": "-16x9", "png": "-1920x1080", "png-2160p": "-3840x2160", "png-a4": "-a4"}  # two of one suffix
SLIDES = {"pptx": "PowerPoint, one slide", "png": "PNG, 1920 x 1080"}


def kinds(report: Report, subject: Subject | None = None) -> list[dict[str, str]]:
    """The formats that a report can be had in, each {"kind", "name"}."""
    has_overlay = subject is not None and any(answer.explanation is not None for answer in subject.answers)
    listed = [
        {"kind": kind, "name": FORMATS[kind].name}
        for kind in formats.kinds(report)
        if has_overlay or not FORMATS[kind].films
    ]
    if subject is not None and not subject.film.colour:
        listed.append({"kind": STATE, "name": STATE_NAME})
    return listed


def has_appendix(report: Report) -> bool:
    """Whether the full report holds more than the short one."""
    ranks = (part.rank for section in report.sections for part in (section, *section.tables, *section.pictures))
    return "appendix" in ranks


def check(kind: str) -> None:
    """Raises Refused where no film report is written so."""
    if kind not in (*FORMATS, STATE):
        raise Refused(f"Expected one of the formats {', '.join((*FORMATS, STATE))}.", code="export-format")


def make(report: Report, subject: Subject | None, kind: str, look: Look, stem: str, full: bool = False) -> list[File]:
    """The files of a report in a format: one, or one for each page or picture; with its appendix where it is `full`.

    Raises Refused where the report cannot be had so.
    """
    if kind not in {each["kind"] for each in kinds(report, subject)}:
        wanted = STATE_NAME if kind == STATE else FORMATS[kind].name if kind in FORMATS else kind
        why = "A Presentation State is of a grey film." if kind == STATE else "It has no overlay to write."
        raise Refused(f"This report cannot be written as {wanted}. {why}", code="export-format")
    if kind == STATE and subject is not None:
        return list(_state(subject, report, stem))
    form = FORMATS[kind]
    named = f"{stem}{MARKS.get(kind, '')}{_of(look) if form.looks else ''}"
    made = formats.export(report, kind, look=look, name=named, full=full)
    return [made] if made.mime == form.mime else list(_unpacked(made, form.mime))


def slide(report: Report, kind: str, look: Look, stem: str) -> File:
    """The film of a report alone: a deck of one slide, or a picture of 1920 x 1080."""
    section = report.short.sections[0]
    if kind == "pptx":
        from xraykit.reports.export import slides

        form = FORMATS[kind]
        return File(f"{stem}-slide{_of(look)}.pptx", form.mime, slides.slide(report, section, look=look))
    if kind != "png":
        raise Refused(f"A slide is made as {' or '.join(SLIDES.values())}.", code="export-format")
    from xraykit.reports.export import typeset

    alone = replace(report, facts=(), sections=(section,), lead="", headline=(), columns=False, single=False)
    drawn = typeset.pngs(alone, size="1080p", look=look)
    return File(f"{stem}-slide{_of(look)}.png", "image/png", drawn[min(1, len(drawn) - 1)])  # after that of the title


def handed(made: Sequence[File], stem: str, kind: str) -> File:
    """One file to hand out: more than one are zipped."""
    if len(made) == 1:
        return made[0]
    return File(f"{stem}-{kind}.zip", "application/zip", formats.archive((file.name, file.content) for file in made))


def pages(report: Report, sheet: str, look: Look, full: bool = False) -> list[bytes]:
    """A report as PNG pages to look at before it is had."""
    from xraykit.reports.export import typeset

    return typeset.pngs(report if full else report.short, size="a4-screen" if sheet == "a4" else "1080p", look=look)


def stem_of(sha256: str, name: str = "") -> str:
    """ "film-" and the beginning of the SHA-256, with the file's name where the reader asked for it."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name.rpartition(".")[0] or name).strip("-.")[:60]
    return "-".join(filter(None, ("film", readable, sha256[:12])))


def _unpacked(made: File, mime: str) -> Iterator[File]:
    """The pages that an export packed, each a file."""
    with zipfile.ZipFile(io.BytesIO(made.content)) as packed:
        for name in packed.namelist():
            yield File(name, mime, packed.read(name))


def _state(subject: Subject, report: Report, stem: str) -> Iterator[File]:
    from xraykit.reports.export import dicom

    for name, content in dicom.presentation_state(subject, report).items():
        yield File(f"{stem}-{name.rpartition('-')[2]}", DICOM, content)


def _of(look: Look) -> str:
    return "-dark" if look == "stage" else ""
