"""Formats: every kind of file that a report is handed out as. Pages and the command line use this one registry.

Computes no figure. What a format needs is imported when a file of it is made: typst, python-pptx, vl-convert are slow.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from xraykit.refused import Refused
from xraykit.reports.export.figure import Look, file_name
from xraykit.reports.film import software
from xraykit.reports.report.page import Report

INLINE = 560  # px of a chart in HTML over all: two stand side by side on A4 with type that can be read
EPOCH = (1980, 1, 1, 0, 0, 0)  # of files in an archive: the same report gives the same bytes


class File(NamedTuple):
    """A file to hand out."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True)
class Format:
    """A kind of file. `make` gives it from a report and a look, or gives its pages: more than one are zipped.

    `name` is what people choose by; formats without `looks` have the paper look alone, those of `films` are for film
    reports alone. A `data` format always holds everything, one of `slides` all of a report that is meant for one sheet.
    """

    name: str
    suffix: str
    mime: str
    make: Callable[[Report, Look], bytes | Sequence[bytes]]
    looks: bool = True
    films: bool = False
    data: bool = False
    slides: bool = False


def export(report: Report, kind: str, *, look: Look = "paper", name: str = "", full: bool = False) -> File:
    """The report as a file, named for its title, or `name` without a suffix; what is an appendix stands in `full` ones.

    Raises Refused ("export-format") where there is no such kind.
    """
    form = FORMATS.get(kind)
    if form is None:
        raise Refused(f"No format is called {kind!r}. There are: {', '.join(FORMATS)}.", code="export-format")
    full = full or form.data or (form.slides and report.single)
    made = form.make(report if full else report.short, look)
    named = f"{name}.{form.suffix}" if name else file_name(report, None, form.suffix)
    if isinstance(made, bytes):
        return File(named, form.mime, made)
    if len(made) == 1:
        return File(named, form.mime, made[0])
    stem = named.removesuffix(f".{form.suffix}")
    digits = len(str(len(made)))
    pages = ((f"{stem}-{place:0{digits}}.{form.suffix}", page) for place, page in enumerate(made, 1))
    return File(f"{stem}-{form.suffix}.zip", "application/zip", archive(pages))


def archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Files by name in one ZIP, stored as they are: they are compressed already."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        for name, content in files:
            packed.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return out.getvalue()


def sidecar(report: Report) -> str:
    """Every number of the report as JSON, with what makes it again: at least the versions that made it."""
    content = json.loads(report.to_json())
    redo = content.get("redo")
    content["redo"] = {"versions": software.versions()} | dict(redo if isinstance(redo, Mapping) else {})
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _pdf(report: Report, look: Look) -> bytes:
    from xraykit.reports.export import typeset

    return typeset.pdf(report, sheet="a4", look=look)


def _pdf_wide(report: Report, look: Look) -> bytes:
    from xraykit.reports.export import typeset

    return typeset.pdf(report, sheet="wide", look=look)


def _png_1080p(report: Report, look: Look) -> list[bytes]:
    from xraykit.reports.export import typeset

    return typeset.pngs(report, size="1080p", look=look)


def _png_2160p(report: Report, look: Look) -> list[bytes]:
    from xraykit.reports.export import typeset

    return typeset.pngs(report, size="2160p", look=look)


def _png_a4(report: Report, look: Look) -> list[bytes]:
    from xraykit.reports.export import typeset

    return typeset.pngs(report, size="a4-300", look=look)


def _pptx(report: Report, look: Look) -> bytes:
    from xraykit.reports.export import slides

    return slides.pptx(report, look=look)


def _html(report: Report, look: Look) -> bytes:
    from xraykit.reports.export import figure

    return report.html(lambda picture: figure.svg(picture, width=INLINE, look="paper").svg).encode()


def _markdown(report: Report, look: Look) -> bytes:
    return report.markdown().encode()


def _json(report: Report, look: Look) -> bytes:
    return sidecar(report).encode()


def _dicom(report: Report, look: Look) -> list[bytes]:
    from xraykit.reports.export import dicom

    return list(dicom.secondary_captures(report).values())


def kinds(report: Report) -> list[str]:
    """The formats that a report can be written in."""
    is_film = report.data.get("kind") == "film report"
    return [kind for kind, form in FORMATS.items() if is_film or not form.films]


POWERPOINT = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
FORMATS: dict[str, Format] = {
    "pdf": Format("PDF, A4", "pdf", "application/pdf", _pdf),
    "pdf-wide": Format("PDF, 16:9", "pdf", "application/pdf", _pdf_wide),
    "png": Format("PNG, 1920 x 1080", "png", "image/png", _png_1080p),
    "png-2160p": Format("PNG, 3840 x 2160", "png", "image/png", _png_2160p),
    "png-a4": Format("PNG, A4 at 300 dpi", "png", "image/png", _png_a4),
    "pptx": Format("PowerPoint", "pptx", POWERPOINT, _pptx, slides=True),
    "html": Format("Web page", "html", "text/html", _html, looks=False),
    "markdown": Format("Markdown", "md", "text/markdown", _markdown, looks=False),
    "json": Format("JSON, every number", "json", "application/json", _json, looks=False, data=True),
    "dicom": Format("DICOM Secondary Capture", "dcm", "application/dicom", _dicom, looks=False, films=True),
}
