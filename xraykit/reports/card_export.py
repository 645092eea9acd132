"""Card print: a model card's sections as HTML for a page, as one HTML file and as one Markdown file.

Text in, text out; every word of a card is shown as it is, never run.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xraykit import __version__
from xraykit.models.card import RESEARCH_ONLY, Card
from xraykit.reports.card_report import Facts, Share, Table, Words, byline, describe, headline

STYLE = Path(__file__).with_name("card_export.css")


def to_markdown(card: Card) -> str:
    """The card as one Markdown page."""
    lines = [f"# {_escape_markdown(card.title)}", "", f"**{RESEARCH_ONLY}**", "", _escape_markdown(byline(card)), ""]
    for name, value, words in headline(card):
        lines.append(f"- {name}: **{value}** ({_escape_markdown(words)})")
    for section in describe(card):
        lines += ["", f"## {section.title}", ""]
        for block in section.blocks:
            lines += [*_markdown(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def to_html(card: Card) -> str:
    """The card as one HTML file that needs nothing else: no script, no picture, no request."""
    title = html.escape(card.title)
    return (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{title} - xraykit model card</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE.read_text('utf-8')}</style></head>"
        f"<body class='xk-paper'><main><p class='xk-only'>{RESEARCH_ONLY}</p>{body(card, level=1)}"
        f"<footer>{RESEARCH_ONLY} xraykit {__version__}.</footer></main></body></html>\n"
    )


def body(card: Card, level: int = 2) -> str:
    """The card as HTML to stand in a page; headings begin at `level`."""
    tiles = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd><dd>{html.escape(words)}</dd></div>"
        for name, value, words in headline(card)
    )
    sides = ["", ""]
    for section in describe(card):
        blocks = "".join(map(_html, section.blocks))
        heading = f"<h{level + 1}>{html.escape(section.title)}</h{level + 1}>"
        sides[section.wide] += f"<section>{heading}{blocks}</section>"
    return (
        f"<article class='xk-card'><header><h{level}>{html.escape(card.title)}</h{level}>"
        f"<p>{html.escape(byline(card))}</p></header><dl class='xk-tiles'>{tiles}</dl>"
        f"<div class='xk-sides'><div>{sides[0]}</div><div>{sides[1]}</div></div></article>"
    )


def _html(block: Facts | Words | Table) -> str:
    if isinstance(block, Facts):
        rows = (f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in block.rows)
        return f"<dl class='xk-facts'>{''.join(rows)}</dl>"
    if isinstance(block, Words):
        if len(block.sentences) == 1:
            return f"<p>{html.escape(block.sentences[0])}</p>"
        return f"<ul>{''.join(f'<li>{html.escape(words)}</li>' for words in block.sentences)}</ul>"
    return _html_table(block)


def _html_table(table: Table) -> str:
    lowest = _lowest(table)
    head = "".join(f"<th scope='col'>{html.escape(str(name))}</th>" for name in table.head)
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(str(row[0]))}</th>{''.join(_cells(table, row, lowest))}</tr>"
        for row in table.rows
    )
    even = " class='xk-even xk-matrix'" if table.shade else " class='xk-even'" if len(table.head) <= 5 else ""
    return (
        f"<div class='xk-wide-table'><table{even}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{_scale(table, lowest)}"
    )


def _scale(table: Table, lowest: float) -> str:
    if not any(isinstance(cell, Share) for row in table.rows for cell in row):
        return ""
    return (
        f"<p class='xk-bars'>Bars run from {lowest:.0%} to 100% and span the 95 % interval; the mark is the figure.</p>"
    )


def _cells(table: Table, row: tuple[Any, ...], lowest: float) -> Iterator[str]:
    total = sum(cell for cell in row[1:] if isinstance(cell, int)) if table.shade else 0
    for cell in row[1:]:
        if isinstance(cell, Share):
            yield f"<td>{html.escape(cell.words)}<small>{html.escape(cell.interval)}</small>{_bar(cell, lowest)}</td>"
        elif total:
            # white on the dark half of the scale, black on the light half: legible in grey print too
            share = cell / total
            yield f"<td class='xk-shade{' xk-full' * (share > 0.5)}' style='--share:{share:.3f}'>{cell}</td>"
        else:
            yield f"<td>{html.escape(str(cell))}</td>"


def _bar(share: Share, lowest: float) -> str:
    """The interval as a bar with a mark at the figure."""
    if share.value is None or share.low is None or share.high is None:
        return ""
    left, right, mark = ((value - lowest) / (1 - lowest) * 100 for value in (share.low, share.high, share.value))
    return (
        f"<span class='xk-bar' aria-hidden='true'><i style='left:{left:.1f}%;width:{right - left:.1f}%'></i>"
        f"<b style='left:{mark:.1f}%'></b></span>"
    )


def _lowest(table: Table) -> float:
    """Where the bars begin: the tenth below the lowest interval."""
    lows = [cell.low for row in table.rows for cell in row if isinstance(cell, Share) and cell.low is not None]
    return min(math.floor(min(lows, default=0) * 10) / 10, 0.9)


def _markdown(block: Facts | Words | Table) -> Iterator[str]:
    if isinstance(block, Facts):
        yield from (f"- {_escape_markdown(name)}: {_escape_markdown(value)}" for name, value in block.rows)
    elif isinstance(block, Words):
        yield from (f"- {_escape_markdown(words)}" for words in block.sentences)
    else:
        yield _row(block.head)
        yield _row(["---"] * len(block.head), raw=True)
        yield from map(_row, block.rows)


def _row(cells: Any, raw: bool = False) -> str:
    def words(cell: Any) -> str:
        if isinstance(cell, Share):
            return f"{cell.words} [{cell.interval}]" if cell.interval else cell.words
        return str(cell)

    return f"| {' | '.join(words(cell) if raw else _escape_markdown(words(cell)) for cell in cells)} |"


def _escape_markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", text.replace("\n", " "))
