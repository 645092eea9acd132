"""Pixels as the pictures a browser draws. Every picture of the pages that does not come from a chart is coded here."""

from __future__ import annotations

import base64
import io

import numpy as np


def png(pixels: np.ndarray) -> bytes:
    """PNG of uint8 (h, w) or (h, w, 3); coded fast rather than small: it only crosses this computer."""
    return _encode(pixels, "PNG", compress_level=1)


def address(jpeg: bytes) -> str:
    """A data address of a JPEG, for small pictures inside HTML and CSS."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def jpeg_address(pixels: np.ndarray, quality: int = 85) -> str:
    """A data address of a JPEG of uint8 (h, w) or (h, w, 3), for small pictures inside HTML and CSS."""
    return address(_encode(pixels, "JPEG", quality=quality))


def _encode(pixels: np.ndarray, kind: str, **settings: int) -> bytes:
    from PIL import Image  # not at the top: Pillow is wanted with the first film, not with the first page

    coded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(coded, kind, **settings)
    return coded.getvalue()
