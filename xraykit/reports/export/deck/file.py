"""File: an empty deck in a look, and a deck as bytes that are the same every time."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE as RT
from pptx.opc.oxml import serialize_part_xml
from pptx.oxml import parse_xml
from pptx.oxml.ns import qn
from pptx.util import Emu, Inches

from xraykit.reports.export.deck import look as looks
from xraykit.reports.export.deck import shapes
from xraykit.reports.export.deck.look import Look
from xraykit.reports.report.page import Report
from xraykit.reports.report.picture import fit_for_xml

OPENED = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can hold
CLOCK = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>")
FOREIGN = (RT.THUMBNAIL, RT.EXTENDED_PROPERTIES, RT.PRINTER_SETTINGS)
KEPT = ("Title Slide", "Title Only")  # layouts


def empty(report: Report, look: Look) -> Any:
    """A deck without slides, in the look's colours and font, so that what is added by hand has them too."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(looks.WIDTH), Inches(looks.HEIGHT)
    deck.part._element.sldSz.attrib.pop("type", None)  # the template's is 4:3
    for layout in list(deck.slide_layouts):
        if layout.name not in KEPT:
            deck.slide_layouts.remove(layout)
    master = deck.slide_master
    for holder in (master, *deck.slide_layouts):
        for shape in holder.placeholders:
            left, wide = ((side or 0) * looks.WIDTH / 10 for side in (shape.left, shape.width))
            shape.left, shape.width = Emu(round(left)), Emu(round(wide))
    master.background.fill.solid()
    master.background.fill.fore_color.rgb = shapes.rgb(look.style.background)
    if look.dark:
        colors = master._element.find(qn("p:clrMap"))
        for name, value in (("bg1", "dk1"), ("tx1", "lt1"), ("bg2", "dk2"), ("tx2", "lt2")):
            colors.set(name, value)
    theme = master.part.part_related_by(RT.THEME)
    theme._blob = _theme(theme.blob, look)
    _about(deck, report)
    return deck


def content(deck: Any) -> bytes:
    """The deck as bytes, without clock or chance."""
    out = io.BytesIO()
    deck.save(out)
    return _timeless(out.getvalue())


def _about(deck: Any, report: Report) -> None:
    about = deck.core_properties
    about.title, about.subject, about.author, about.last_modified_by = (
        fit_for_xml(report.title)[:255],
        report.notice[:255],
        "xraykit",
        "",
    )
    about.keywords = about.comments = about.category = ""
    about.language, about.revision = "en", 1
    for relations in (deck.part.package._rels, deck.part._rels):  # what the template knows of the one who made it
        for key in [key for key, relation in relations.items() if relation.reltype in FOREIGN]:
            relations.pop(key)


def _theme(blob: bytes, look: Look) -> bytes:
    theme = parse_xml(blob)
    dark, light = look.style.background if look.dark else look.ink, look.ink if look.dark else look.style.background
    colors = {"dk1": dark, "lt1": light, "dk2": look.panel if look.dark else look.faint, "lt2": look.faint}
    if not look.dark:
        colors["lt2"] = look.panel
    accents = (*look.style.series, look.style.mark, look.faint)
    colors |= {f"accent{k + 1}": color for k, color in enumerate(accents)}
    colors |= {"hlink": look.accent, "folHlink": look.faint}
    scheme = theme.find(f".//{qn('a:clrScheme')}")
    for name, color in colors.items():
        slot = scheme.find(qn(f"a:{name}"))
        for child in list(slot):
            slot.remove(child)
        slot.append(slot.makeelement(qn("a:srgbClr"), {"val": color[1:].upper()}))
    for latin in theme.iterfind(f".//{qn('a:fontScheme')}//{qn('a:latin')}"):
        for name, value in (
            ("typeface", looks.FONT),
            ("panose", looks.PANOSE),
            ("pitchFamily", "34"),
            ("charset", "0"),
        ):
            latin.set(name, value)
    return serialize_part_xml(theme)


def _timeless(packed: bytes) -> bytes:
    """A zip file with the same entries, their dates fixed, and those of the workbooks in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in given.infolist():
            held = given.read(entry)
            if entry.filename.endswith(".xlsx"):
                held = _timeless(held)
            if entry.filename == "docProps/core.xml":
                held = CLOCK.sub(b"", held)
            about = zipfile.ZipInfo(entry.filename, OPENED)
            about.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(about, held)
    return out.getvalue()
