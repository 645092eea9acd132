"""Measure: how wide and high a text becomes in Liberation Sans, whose widths are Arial's, before anything draws it."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Hundredths of the type's size, from the space to the tilde
_REGULAR = (
    "28 28 35 56 56 89 67 19 33 33 39 58 28 33 28 28 56 56 56 56 56 56 56 56 56 56 28 28 58 58 58 56 102 67 67 72 72 "
    "67 61 78 72 28 50 67 56 83 72 78 67 78 72 67 61 72 67 94 67 67 61 28 28 28 47 56 33 56 56 50 56 56 28 56 56 "
    "22 22 50 22 83 56 56 56 56 33 50 28 56 50 72 50 50 50 33 26 33 58"
)
_WIDTHS = {chr(32 + place): int(width) / 100 for place, width in enumerate(_REGULAR.split())}
_BOLD = 1.07  # a line of bold type is at most so much wider
_WIDTHS["\u00a0"] = _WIDTHS[" "]  # where no line is broken
_OTHER = 0.6  # letters with accents, signs
_WIDE = 1.0  # Chinese, Japanese, Korean
LINE = 1.2  # from one line to the next


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Inches that a text of `size` points takes in one line."""
    ems = sum(_WIDTHS.get(sign) or (_WIDE if sign >= "\u2e80" else _OTHER) for sign in text)
    return ems * size / 72 * (_BOLD if bold else 1)


def lines(text: str, size: float, room: float, *, bold: bool = False) -> int:
    """How many lines of `room` inches a text takes."""
    return sum(_lines(part, size, room, bold) for part in text.split("\n"))


def height(text: str, size: float, room: float, *, bold: bool = False) -> float:
    """Inches that a text takes when it is broken at `room` inches."""
    return lines(text, size, room, bold=bold) * size * LINE / 72


def longest_word(text: str, size: float, *, bold: bool = False) -> float:
    """Inches of the longest part that is not broken."""
    return max((width(word, size, bold=bold) for word, _ in _pieces(text)), default=0.0)


def clipped(text: str, size: float, room: float, most: int, *, bold: bool = False) -> str:
    """The text, or as much of it as `most` lines hold, with an ellipsis."""
    if lines(text, size, room, bold=bold) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = lines(f"{text[:middle].rstrip()}…", size, room, bold=bold) <= most
        low, high = (middle, high) if fits else (low, middle - 1)
    return f"{text[:low].rstrip()}…"


def _lines(text: str, size: float, room: float, bold: bool) -> int:
    count, filled = 1, 0.0
    space = width(" ", size, bold=bold)
    for word, spaced in _pieces(text):
        wide = width(word, size, bold=bold)
        before = space if spaced and filled else 0.0
        if filled and filled + before + wide > room:
            count, filled, before = count + 1, 0.0, 0.0
        filled += before + wide
        while filled > room + 1e-9:  # wider than a line: broken wherever it must
            count, filled = count + 1, filled - room
    return count


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """What is not broken, and whether a space stands before it: lines break at spaces and behind hyphens."""
    for word in text.split(" "):
        for place, piece in enumerate(re.split(r"(?<=\w-)(?=\w)", word)):
            yield piece, place == 0
