"""The result of an audit as files: a page of HTML and of Markdown with pictures and tables, no film among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xraykit import RESEARCH_ONLY
from xraykit.models.cards.card import Card, titles_of
from xraykit.reports.report.page import Report
from xraykit.reports.report.table import escape_markdown
from xraykit.reports.truth import scorecard_report, shortcuts_report
from xraykit.system.files import replace_text

PAGE, HTML = "audit.md", "audit.html"


def report(cards: Sequence[Card], command: str) -> Report:
    """The models side by side, then every figure of each."""
    together = [*shortcuts_report.sections(cards), *scorecard_report.sections(cards)]
    titles = titles_of(cards)
    each = [section for card in cards for section in shortcuts_report.sections([card], titles)]
    alone = each if len(cards) > 1 else []
    details = [part for section in alone for part in section.tables if part.key != "shortcuts"]
    together[0] = replace(together[0], parts=(*together[0].parts, *details))
    title = f"Audit: {', '.join(titles.values())}"
    return Report(title, RESEARCH_ONLY, (("Made by", command),), tuple(together), {})


def write(cards: Sequence[Card], out: Path, command: str) -> list[Path]:
    """Write audit.md with its pictures as SVG beside it, and audit.html, which needs nothing else; the files."""
    page = report(cards, command)
    markdown = page.markdown()
    files = []
    for section in page.sections:
        for picture in section.pictures:
            file = out / f"{picture.key}.svg"
            replace_text(file, picture.svg(page.notice), shared=True)
            title = escape_markdown(picture.title)
            markdown = markdown.replace(f"Chart: {title}\n", f"![{title}]({file.name})\n", 1)
            files.append(file)
    replace_text(out / PAGE, markdown, shared=True)
    replace_text(out / HTML, page.html(), shared=True)
    return [*files, out / PAGE, out / HTML]
