"""Look: colours of paper and stage, sizes of type, and where things stand on a slide of 13.33 x 7.5 inches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from xraykit.reports.charts.style import PAPER, SCREEN, Style

Name = Literal["paper", "stage"]

WIDTH, HEIGHT = 13.333, 7.5  # inches, 16:9
MARGIN = 0.62
ACROSS = WIDTH - 2 * MARGIN  # inches of a line
TOP, BOTTOM = 1.5, 6.75  # of what stands between title and footer
ROOM = BOTTOM - TOP
GAP = 0.22

TITLE, HEADING, NOTE, FOOTER = 30, 18, 14, 12  # points
WORDS = (28, 24, 22, 20, 18)  # the largest in which words fit
TABLE = (20, 18, 16, 15, 14, 13)
FONT = "Liberation Sans"
PANOSE = "020B0604020202020204"  # Arial's: what PowerPoint takes where Liberation Sans is missing


@dataclass(frozen=True)
class Look:
    """A look: `style` of its charts, `panel` behind tiles and heads of tables, `accent` of lines and numbers.

    `dark` turns the theme's colours round, so that what is added in PowerPoint is readable too.
    """

    style: Style
    panel: str
    accent: str
    dark: bool

    @property
    def ink(self) -> str:
        return self.style.ink

    @property
    def faint(self) -> str:
        return self.style.faint

    @property
    def grid(self) -> str:
        return self.style.grid


LOOKS: dict[Name, Look] = {
    "paper": Look(PAPER, panel="#EEF4F9", accent="#0B5FA5", dark=False),
    "stage": Look(
        replace(SCREEN, font=PAPER.font, ink="#F0F4F7", faint="#AEBAC5", grid="#2A333C"),
        panel="#151C23",
        accent="#4FA3D9",
        dark=True,
    ),
}
