"""What a page hands out: the report it makes when asked, and every file of it. Draws nothing.

Typst, python-pptx and vl-convert are imported when a file is made, never when a page is drawn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

import streamlit as st

from xraykit.refused import Refused, words_of
from xraykit.reports.export import formats
from xraykit.reports.export.figure import Look, Suffix, file_name
from xraykit.reports.export.pages.page import Sheet
from xraykit.reports.export.typeset import Size
from xraykit.reports.report.page import Report, Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Table

MOST = 6  # previews that a session keeps
KEPT = "report-previews"
SIZES: dict[Sheet, Size] = {"a4": "a4-screen", "wide": "1080p"}  # of previews
PICTURES: dict[str, Sheet] = {"png": "wide", "png-2160p": "wide", "png-a4": "a4"}  # formats of pages as pictures
ZIP = "application/zip"
MIMES: dict[Suffix, str] = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}
_log = logging.getLogger(__name__)
Given = ParamSpec("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Attachment:
    """A file that is made when somebody asks for it; its name and kind are known before."""

    label: str
    name: str
    mime: str
    make: Callable[[], str | bytes]


@dataclass(frozen=True, eq=False)
class Handout:
    """What a page hands out, under a `key` of its own.

    `make` gives the report without the name of any film's file, `named` with them where it can hold any. Its files are
    called `name`, or for the report's title. `attachments` are files beside it, such as a table in full precision.
    """

    make: Callable[[], Report]
    key: str
    name: str = ""
    named: Callable[[], Report] | None = None
    attachments: tuple[Attachment, ...] = ()

    def report(self, *, names: bool = False) -> Report:
        """The page as it is now. Raises Refused with words for people, whatever went wrong."""
        make = self.named if names and self.named is not None else self.make
        return guarded(make, "The report could not be made.")()

    def stem(self, report: Report) -> str:
        """What its files are called, without a suffix."""
        return self.name or file_name(report, None, "").removesuffix(".")


def before_charts() -> None:
    """Import what Streamlit imports at its first chart anyway; call it before a chart is made.

    Altair looks into a pandas that another session's thread has only half imported, and fails.
    """
    import pandas  # noqa: F401


def guarded(make: Callable[Given, Made], words: str) -> Callable[Given, Made]:
    """`make`, but what it raises is Refused, with `words` and the reason: no text of a library, on page or in log."""

    def made(*given: Given.args, **named: Given.kwargs) -> Made:
        before_charts()
        try:
            return make(*given, **named)
        except Exception as error:
            _log.error("%s %s", words, type(error).__name__)
            raise Refused(f"{words} {words_of(error)}", code="handout") from None

    return made


def is_one_sheet(report: Report, kind: str) -> bool:
    """Whether a picture of all of the report is one page: as it was looked at, else as it would be set."""
    from xraykit.reports.export import typeset

    sheet = PICTURES[kind]
    for (shown, on, *_), drawn in st.session_state.get(KEPT, {}).items():
        if (shown, on) == (report, sheet):
            return len(drawn) == 1
    try:
        return guarded(typeset.is_one_sheet, "The pages could not be counted.")(report, sheet)
    except Refused:  # whoever asks for the file is told
        return False


def whole(report: Report, kind: str, look: Look, stem: str, *, full: bool, alone: bool = False) -> Attachment:
    """The report in one of its formats. Pages that are pictures come as a ZIP, a file each; an `alone` one as it is."""
    form = formats.FORMATS[kind]
    zipped = form.mime == "application/dicom" or (kind in PICTURES and not alone)

    def make() -> bytes:
        file = formats.export(report, kind, look=look, name=stem, full=full)
        return formats.archive([(file.name, file.content)]) if zipped and file.mime != ZIP else file.content

    mark = "-slides" * (kind == "pdf-wide") + f"-{kind}" * (kind in PICTURES)
    name = f"{stem}-{kind}.zip" if zipped else f"{stem}{mark}.{form.suffix}"
    return Attachment(form.name, name, ZIP if zipped else form.mime, guarded(make, f"{form.name} could not be made."))


def pages(report: Report, sheet: Sheet, look: Look) -> list[bytes]:
    """The typeset pages as PNG, as large as a screen shows them; kept until others are looked at. Raises Refused."""
    from xraykit.reports.export import typeset

    make, size = guarded(typeset.pngs, "The pages could not be typeset."), SIZES[sheet]
    return _kept((report, sheet, look), lambda: make(report, size=size, look=look))


def alone(report: Report, section: Section) -> Report:
    """A report of one section, to stand on a slide of its own."""
    return replace(report, sections=(section,), facts=(), headline=(), lead="", columns=False)


def slide_pages(report: Report, section: Section, look: Look) -> list[bytes]:
    """A section's slide as PNG, 1920 x 1080; more than one where it does not fit. Raises Refused."""
    from xraykit.reports.export import typeset

    make = guarded(typeset.pngs, "The slide could not be typeset.")
    return _kept((section, "slide", look), lambda: make(alone(report, section), size="1080p", look=look))


def slide_files(report: Report, section: Section, look: Look, shown: Sequence[bytes]) -> Iterator[Attachment]:
    """A section as a slide to edit and as a picture; `shown` are its typeset pages."""
    from xraykit.reports.export import slides

    stem = file_name(replace(report, title=f"{section.title} {report.title}"), None, "").removesuffix(".")
    pptx = guarded(slides.slide, "The slide could not be made.")
    yield Attachment("PowerPoint", f"{stem}.pptx", formats.POWERPOINT, lambda: pptx(report, section, look=look))
    if len(shown) == 1:
        yield Attachment("PNG, 1920 x 1080", f"{stem}.png", "image/png", lambda: shown[0])
    elif shown:
        numbered = [(f"{stem}-{place}.png", page) for place, page in enumerate(shown, 1)]
        yield Attachment("PNG, 1920 x 1080", f"{stem}-png.zip", ZIP, lambda: formats.archive(numbered))


def figure_files(report: Report, picture: Picture, look: Look, width: int) -> Iterator[Attachment]:
    """A chart alone, `width` px wide."""
    from xraykit.reports.export import figure

    for suffix, mime in MIMES.items():
        make = guarded(figure.figure, f"{suffix.upper()} could not be made.")
        name = file_name(report, picture, suffix)
        yield Attachment(
            suffix.upper(),
            name,
            mime,
            lambda make=make, suffix=suffix: make(picture, suffix, report.notice, width=width, look=look),
        )


def table_file(report: Report, section: Section, table: Table) -> Attachment:
    """A table's numbers, all digits."""
    titled = replace(report, title=f"{table.title or section.title} {report.title}")
    return Attachment("CSV", file_name(titled, None, "csv"), "text/csv", guarded(table.csv, "CSV could not be made."))


def forget() -> None:
    """Let go of what this session looked at."""
    st.session_state.pop(KEPT, None)


def _kept(key: tuple[object, ...], make: Callable[[], list[bytes]]) -> list[bytes]:
    """What `make` gives, made once as long as the report is the same object; the oldest of a session goes first."""
    kept: dict[tuple[object, ...], list[bytes]] = st.session_state.setdefault(KEPT, {})
    if key not in kept:
        made = make()
        while len(kept) >= MOST:
            kept.pop(next(iter(kept)))
        kept[key] = made
    return kept[key]
