"""Fonts: the type that pages embed, and at which size its letters are measured."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

FONTS = Path(__file__).parents[1] / "fonts"
FAMILY = "Liberation Sans"
EM = 200  # font size at which text is measured


@cache
def font(bold: bool) -> Any:
    """The page's font at the size at which text is measured."""
    from PIL import ImageFont

    return ImageFont.truetype(FONTS / f"LiberationSans-{'Bold' if bold else 'Regular'}.ttf", EM)
