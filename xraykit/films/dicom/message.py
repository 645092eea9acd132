"""A softcopy as bytes for the browser: a length, a header of JSON, the pixels, the tables of its windows.

The header says nothing of the patient; the film's name in it is the one that the reader gave.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xraykit.films.dicom.softcopy import Softcopy, Window

ALIGNED = 4  # bytes: where the pixels begin, so that the browser takes them without a copy


def pieces(softcopy: Softcopy, *, id: str, name: str) -> list[bytes | memoryview]:
    """The message in pieces, to be written one after the other; no pixel is copied.

    Four bytes, little endian: how long the header is. The header, UTF-8 with blanks at its end. The values, little
    endian, row by row, filled up to an even length. The tables, uint16, in the order of the windows that have one.

    Parameters
    ----------
    softcopy : Softcopy
    id, name : str
        Of the film, as the worklist has them.
    """
    values = np.ascontiguousarray(softcopy.values, softcopy.values.dtype.newbyteorder("<"))
    text = json.dumps(_header(softcopy, id, name), ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % ALIGNED)
    tables = [window.table.astype("<u2", copy=False) for window in softcopy.windows if window.table is not None]
    filling = [b"\0"] if values.nbytes % 2 else []
    return [len(text).to_bytes(4, "little") + text, _bytes(values), *filling, *map(_bytes, tables)]


def _bytes(array: np.ndarray) -> memoryview:
    return array.data.cast("B")


def _header(softcopy: Softcopy, id: str, name: str) -> dict[str, Any]:
    values = softcopy.values
    return {
        "id": id,
        "name": name,
        "width": values.shape[1],
        "height": values.shape[0],
        "channels": values.shape[2] if values.ndim == 3 else 1,
        "bits": softcopy.bits,
        "dtype": values.dtype.name,
        "slope": softcopy.slope,
        "intercept": softcopy.intercept,
        "units": softcopy.units,
        "inverted": softcopy.inverted,
        "windows": [_window(window) for window in softcopy.windows],
        "spacing": softcopy.spacing and softcopy.spacing._asdict(),
        "orientation": softcopy.orientation and softcopy.orientation._asdict(),
        "laterality": softcopy.laterality,
        "view": softcopy.view,
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "name": window.name,
        "low": window.low,
        "high": window.high,
        "function": window.function,
        "table": None if window.table is None else {"first": int(window.low), "count": len(window.table)},
    }
