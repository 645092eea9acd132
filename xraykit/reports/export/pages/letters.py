"""Letters: what the page's font cannot draw is written as its code points, so that nothing vanishes from a page."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

from xraykit.reports.export.pages import fonts

BEYOND = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\xff\u200b]+")
JOINED = ("Cf", "Mn", "Me")  # categories that belong to the letter before
BLANK = ("Zs", "Zl", "Zp")
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # would set the figures after them backwards


def drawable(text: str) -> str:
    """The text with each run of letters that the font lacks as "[U+80BA U+708E]".

    So are control characters, which no SVG may hold, and those that change the direction of what follows them.
    """
    return BEYOND.sub(lambda part: _written(part[0]), text)


def all_drawable(value: Any) -> Any:
    """The same for every text in what JSON holds."""
    if isinstance(value, str):
        return drawable(value)
    if isinstance(value, dict):
        return {drawable(key) if isinstance(key, str) else key: all_drawable(inner) for key, inner in value.items()}
    return [all_drawable(inner) for inner in value] if isinstance(value, list | tuple) else value


def _written(text: str) -> str:
    out, missing = [], []
    for letter in text:
        category = unicodedata.category(letter)
        if missing and category in JOINED and letter not in TURNING:
            continue
        if category in BLANK and not _is_drawn(letter):
            out += [_codes(missing), " "]
            missing = []
        elif _is_drawn(letter):
            out += [_codes(missing), letter]
            missing = []
        else:
            missing.append(letter)
    return "".join([*out, _codes(missing)])


def _codes(letters: list[str]) -> str:
    return f"[{' '.join(f'U+{ord(letter):04X}' for letter in letters)}]" if letters else ""


@lru_cache(maxsize=1 << 12)
def _is_drawn(letter: str) -> bool:
    category = unicodedata.category(letter)
    if letter in TURNING or category in ("Cc", "Cs", "Zl", "Zp"):
        return False
    return category == "Cf" or _pixels(letter) != _nothing()


@cache
def _nothing() -> tuple[Any, bytes]:
    """The box that stands for a letter that a font lacks."""
    return _pixels("\uffff")


def _pixels(letter: str) -> tuple[Any, bytes]:
    mask = _letter_by_letter().getmask(letter)
    return mask.size, bytes(mask)


@cache
def _letter_by_letter() -> Any:
    """The page's font without shaping, which would put a mark alone on a circle, there or not."""
    from PIL import ImageFont

    return ImageFont.truetype(fonts.font(False).path, fonts.EM, layout_engine=ImageFont.Layout.BASIC)
