"""Photograph: pixels that stand in a report as they are, such as a film or its overlay. Knows no film."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Legend:
    """What stands in a picture's pixels below its first `rows`, as text; `colors` #RRGGBB of its bar, from 0 to 1."""

    rows: int
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Photograph:
    """A part of a section. `png` is a whole PNG file; `alt` tells what it shows to those who do not see it.

    HTML holds the pixels, Markdown the title, JSON their SHA-256 alone. `shown` is how wide it is meant to stand, as a
    share of the page's width in (0, 1]: two of 0.5 stand side by side. Where type can be set, a `legend` stands in type
    instead of in the pixels. `figures` are its main figures in a sentence, which follow `alt` where it is read out.
    """

    key: str
    title: str
    png: bytes
    alt: str
    note: str = ""
    shown: float = 0.5
    legend: Legend | None = None
    figures: str = ""

    @property
    def read_out(self) -> str:
        """What it shows, with its main figures: what a file says of it to those who do not see it."""
        return f"{self.alt} {self.figures}".strip()

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        from PIL import Image

        with Image.open(io.BytesIO(self.png)) as picture:
            return picture.size

    @cached_property
    def sha256(self) -> str:
        """Of its pixels: width, height, mode and values, whatever wrote the PNG."""
        from PIL import Image

        with Image.open(io.BytesIO(self.png)) as picture:
            head = f"{picture.width} {picture.height} {picture.mode} "
            return hashlib.sha256(head.encode() + picture.tobytes()).hexdigest()

    @property
    def url(self) -> str:
        """The PNG as an address that holds it."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

    def to_dict(self) -> dict[str, Any]:
        width, height = self.size
        about = {"key": self.key, "title": self.title, "alt": self.alt, "note": self.note}
        return about | {"width": width, "height": height, "sha256_of_pixels": self.sha256}


def png_of(pixels: np.ndarray) -> bytes:
    """Pixels uint8 (h, w) or (h, w, 3) as a PNG that says nothing else: the same pixels give the same bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=2)  # 6 would take four times as long for a tenth less
    return out.getvalue()
