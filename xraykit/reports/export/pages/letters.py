"""Letters: what the page's font cannot draw is written as its code points, so that nothing vanishes from a page."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

from xraykit.reports.export.pages import tables

BEYOND = re.compile(r"[^\x00-\xff\u200b]+")
INVISIBLE = ("Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp")  # categories that draw nothing of their own


def drawable(text: str) -> str:
    """The text with each run of letters that the font lacks as "[U+80BA U+708E]"."""
    return BEYOND.sub(lambda part: _written(part[0]), text) if not text.isascii() else text


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
        joins = bool(missing) and unicodedata.category(letter) in ("Cf", "Mn", "Me")  # belongs to the letter before
        if joins:
            continue
        if _is_drawn(letter):
            out += [_codes(missing), letter]
            missing = []
        else:
            missing.append(letter)
    return "".join([*out, _codes(missing)])


def _codes(letters: list[str]) -> str:
    return f"[{' '.join(f'U+{ord(letter):04X}' for letter in letters)}]" if letters else ""


@lru_cache(maxsize=1 << 12)
def _is_drawn(letter: str) -> bool:
    return unicodedata.category(letter) in INVISIBLE or _pixels(letter) != _nothing()


@cache
def _nothing() -> tuple[Any, bytes]:
    """The box that stands for a letter that a font lacks."""
    return _pixels("\uffff")


def _pixels(letter: str) -> tuple[Any, bytes]:
    mask = tables.font(False).getmask(letter)
    return mask.size, bytes(mask)
