"""The formats that a report can be written in: one list for the pages and the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from xraykit.reports.report import Report


@dataclass(frozen=True)
class Format:
    """A format: its name for people, its suffix without a dot, its MIME type, and what makes it."""

    name: str
    suffix: str
    mime: str
    make: Callable[..., bytes]


class File(NamedTuple):
    """A file to hand out."""

    name: str
    mime: str
    content: bytes


def _html(report: Report) -> bytes:
    return report.html().encode()


def _markdown(report: Report) -> bytes:
    return report.markdown().encode()


def _json(report: Report) -> bytes:
    return report.to_json().encode()


def _dicom(report: Report) -> bytes:
    from xraykit.reports.export import dicom  # highdicom is slow to import

    return dicom.secondary_capture(report)


FORMATS = {
    "html": Format("Web page", "html", "text/html", _html),
    "json": Format("JSON", "json", "application/json", _json),
    "md": Format("Markdown", "md", "text/markdown", _markdown),
    "dicom": Format("DICOM Secondary Capture", "dcm", "application/dicom", _dicom),
}


def export(report: Report, kind: str, **options: object) -> File:
    """A report as a file, named for its title."""
    wanted = FORMATS[kind]
    stem = re.sub(r"[^a-z0-9]+", "-", report.title.lower()).strip("-")[:80] or "report"
    return File(f"{stem}.{wanted.suffix}", wanted.mime, wanted.make(report, **options))
