"""The table of docs/promises.md that `make attack` keeps: how often each attack has tried, and what came of it."""

from __future__ import annotations

import datetime
import re

from tests.attack import Outcome
from tests.helpers import ROOT
from xraykit import __version__

PAGE = ROOT / "docs" / "promises.md"
BEGIN, END = "<!-- counted by make attack -->\n", "<!-- counted -->"
NOT_YET = "–"  # in the row of an attack that has not run at full size since it was written
COLUMNS = ("attack", "what it tries", "tried", "broken promises", "what came of the tries", "counted")


def rows() -> dict[str, list[str]]:
    """The cells of each row, by the attack's name."""
    lines = _table(PAGE.read_text("utf-8")).splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def promised() -> set[str]:
    """The attacks that the page names beside a promise."""
    page = PAGE.read_text("utf-8").replace(_table(PAGE.read_text("utf-8")), "")
    return set(re.findall(r"attack `(\w+)`", page))


def write(name: str, what: str, outcome: Outcome) -> None:
    """Put what came of an attack at full size into its row."""
    counts = ", ".join(f"{count:,} {what}" for what, count in sorted(outcome.counts.items()))
    counted = f"{datetime.date.today():%Y-%m-%d}, {__version__}"
    row = [f"`{name}`", what, f"{outcome.tried:,}", f"{len(outcome.faults):,}", counts, counted]
    lines = [f"| {' | '.join(cells)} |" for cells in (rows() | {name: row}).values()]
    table = "\n".join([f"| {' | '.join(COLUMNS)} |", "| " + " | ".join("---" for _ in COLUMNS) + " |", *lines, ""])
    text = PAGE.read_text("utf-8")
    PAGE.write_text(text.replace(_table(text), table), "utf-8")


def _table(text: str) -> str:
    return text.partition(BEGIN)[2].partition(END)[0]
