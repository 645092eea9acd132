"""What the file of a still says of how it was made: tables, markers, depth. Never its picture, never a name or a date.

Walks bytes and decodes nothing, so that no file can do harm here; whatever is missing or damaged is left out.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

MOST = 256 * 1024  # bytes from the beginning that are looked at
LAST = 4096  # bytes from the end of a longer file: there some programs write what they are
APPLICATION = {
    (0xE0, b"JFIF"): "JFIF",
    (0xE1, b"Exif"): "EXIF",
    (0xE1, b"http"): "XMP",
    (0xE2, b"ICC_"): "colour profile",
    (0xED, b"Phot"): "Photoshop",
    (0xEE, b"Adob"): "Adobe",
}
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
CHUNKS = {b"tEXt": "text", b"iTXt": "text", b"zTXt": "text", b"eXIf": "EXIF", b"iCCP": "colour profile"}
# What a file has or has not: how many bytes of it, so that two programs are told apart and nothing is quoted
EXTRAS = {f"bytes of {name}" for name in (*APPLICATION.values(), *CHUNKS.values(), "comment")}
Facts = dict[str, float | str]


def facts(data: bytes, end: bytes = b"") -> Facts:
    """What a JPEG or PNG says of how it was made, by name: numbers, and words for what has no order.

    Parameters
    ----------
    data : bytes
        The beginning of the file, `MOST` bytes of it.
    end : bytes
        Its last `LAST` bytes, none of them in `data`.

    Returns
    -------
    dict
        Of a JPEG "quantisation" (a checksum of its tables), "quantisation of grey" (the sum of the first table),
        "Huffman tables" (their bytes: some encoders make them anew for each picture), "process",
        "components", "sampling", "density" and "restart interval" (0 where it says none); of a PNG "depth",
        "colour type", "interlaced", "deflate level", "block size", "density" (0 where it says none); of both those of
        `EXTRAS` that are there.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data[:MOST])
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data[:MOST], end)
    return {}


def _jpeg(data: bytes) -> Facts:
    """The marker segments before the first scan (ITU-T T.81 annex B)."""
    known: Facts = {"density": 0, "restart interval": 0}
    tables, huffman, place = b"", 0, 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        kind = data[place + 1]
        if kind == 0xFF:
            place += 1
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        body = data[place + 4 : place + 2 + length]
        if kind == 0xDA or length < 2:
            break
        if kind == 0xDB:
            tables += body
        elif kind == 0xC4:
            huffman += len(body)
        elif kind in FRAMES and len(body) >= 8:
            known |= {"process": f"SOF{kind - 0xC0}", "components": body[5], "sampling": f"{body[7]:02x}"}
        elif kind == 0xDD:
            known["restart interval"] = int.from_bytes(body[:2], "big")
        elif kind == 0xFE:
            _add(known, "comment", length)
        elif name := APPLICATION.get((kind, body[:4])):
            _add(known, name, length)
            if name == "JFIF" and len(body) >= 12:
                known["density"] = int.from_bytes(body[8:10], "big")
        place += 2 + length
    if tables:
        known |= {"quantisation": f"{zlib.crc32(tables):08x}", "quantisation of grey": _first_table(tables)}
    return known | {"Huffman tables": huffman}


def _first_table(tables: bytes) -> int:
    """The sum of the first quantisation table: small where little was thrown away."""
    wide = tables[0] >> 4
    body = tables[1 : 1 + 64 * (2 if wide else 1)]
    return sum(int.from_bytes(body[i : i + 2], "big") for i in range(0, len(body), 2)) if wide else sum(body)


def _png(data: bytes, end: bytes) -> Facts:
    """The chunks (ISO/IEC 15948); what tells of the compression stands in the first piece of the picture."""
    known: Facts = {"density": 0}
    place = 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + min(length, 16)]
        if kind == b"IHDR" and len(body) >= 13:
            known |= {"depth": body[8], "colour type": f"{body[9]}", "interlaced": body[12]}
        elif kind == b"IDAT" and "block size" not in known:
            known |= {"deflate level": body[1] >> 6 if len(body) > 1 else 0, "block size": _step(length)}
        elif kind == b"pHYs":
            known["density"] = int.from_bytes(body[:4], "big")
        elif name := CHUNKS.get(kind):
            _add(known, name, length)
        place += 12 + length
    for name, length in _last_chunks(end):
        _add(known, name, length)
    return known


def _last_chunks(end: bytes) -> Iterator[tuple[str, int]]:
    """What lies whole in the end of a PNG, with its length; told by its checksum, as a picture may hold any word."""
    for match in re.finditer(b"|".join(CHUNKS), end):
        place = match.start()
        length = int.from_bytes(end[max(0, place - 4) : place], "big")
        after = place + 4 + length
        if after + 4 <= len(end) and zlib.crc32(end[place:after]) == int.from_bytes(end[after : after + 4], "big"):
            yield CHUNKS[match[0]], length


def _add(known: Facts, name: str, length: int) -> None:
    """Count bytes of one of `EXTRAS`."""
    key = f"bytes of {name}"
    known[key] = int(known.get(key, 0)) + length


def _step(length: int) -> str:
    """The size of the first piece where it is one that encoders cut at: they differ in that."""
    return str(length) if length % 4096 == 0 else "whole"
