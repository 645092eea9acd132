"""Uncompressed BMP and TIFF as their specifications say, in NumPy: a second reading that shares no code with ours.

`shown` gives float64 of 0..255, (H, W) grey or (H, W, 3) colour, and raises `NotShown` for whatever is not plain.
"""

from __future__ import annotations

import struct

import numpy as np

from tests.helpers.workstation import NotShown

TYPES = {1: "B", 3: "H", 4: "I"}  # of TIFF fields


def shown(data: bytes) -> np.ndarray:
    """The picture of a BMP or TIFF file."""
    try:
        if data.startswith(b"BM"):
            return _bmp(data)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff(data, "<" if data.startswith(b"I") else ">")
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise NotShown(f"{type(error).__name__}: {error}"[:80]) from error
    raise NotShown("no plain still")


def contradiction(data: bytes) -> str:
    """What a TIFF says of its strips against its sides, or nothing."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return ""
    try:
        fields = _fields(data, "<" if data.startswith(b"I") else ">")
        width, height, samples = fields[256][0], fields[257][0], fields.get(277, (1,))[0]
        rows, sizes = fields.get(278, (height,))[0], fields[279]
        need = height * -(-width * samples * fields.get(258, (1,))[0] // 8)
    except (struct.error, IndexError, KeyError):
        return ""
    if rows and len(sizes) != -(-height // rows):
        return f"{len(sizes)} strips of {rows} rows for {height} rows"
    if fields.get(259, (1,))[0] == 1 and sum(sizes) != need:
        return f"{sum(sizes)} bytes of pixels, {need} by the header"
    return ""


def _bmp(data: bytes) -> np.ndarray:
    start, size = struct.unpack_from("<II", data, 10)
    width, height, planes, bits, packed = struct.unpack_from("<iiHHI", data, 18)
    if packed or planes != 1 or bits not in (8, 24) or size != 40 or width < 1:
        raise NotShown(f"BMP of {bits} bits, packing {packed}")
    stride = (width * bits // 8 + 3) // 4 * 4
    rows = _enough(data[start : start + stride * abs(height)], stride * abs(height)).reshape(abs(height), stride)
    rows = rows[::-1] if height > 0 else rows  # bottom row first, unless the height is negative
    if bits == 24:
        return rows[:, : width * 3].reshape(-1, width, 3)[..., ::-1].astype(float)
    colours = struct.unpack_from("<I", data, 46)[0] or 256
    table = np.frombuffer(data[14 + size : 14 + size + 4 * colours], np.uint8).reshape(-1, 4)[:, 2::-1]
    return _grey_if_grey(table[rows[:, :width]].astype(float))


def _tiff(data: bytes, order: str) -> np.ndarray:
    fields = _fields(data, order)
    width, height = fields[256][0], fields[257][0]
    bits, samples = set(fields.get(258, (1,))), fields.get(277, (1,))[0]
    meaning, planar = fields[262][0], fields.get(284, (1,))[0]
    if fields.get(259, (1,))[0] != 1 or bits not in ({8}, {16}) or planar != 1 or fields.get(266, (1,))[0] != 1:
        raise NotShown("TIFF that is not plain")
    if (meaning, samples) not in ((0, 1), (1, 1), (2, 3)) or fields.get(274, (1,))[0] != 1 or {339, 317} & {*fields}:
        raise NotShown(f"TIFF of {samples} samples, photometric interpretation {meaning}")
    octets = bits.pop() // 8
    strips = b"".join(data[at : at + size] for at, size in zip(fields[273], fields[279], strict=True))
    cells = np.frombuffer(_enough(strips, width * height * samples * octets).tobytes(), f"{order}u{octets}")
    pixels = cells.reshape(height, width, samples) / (256**octets - 1) * 255
    pixels = pixels[..., 0] if samples == 1 else pixels
    return 255 - pixels if meaning == 0 else pixels


def _fields(data: bytes, order: str) -> dict[int, tuple[int, ...]]:
    place = struct.unpack_from(f"{order}I", data, 4)[0]
    fields: dict[int, tuple[int, ...]] = {}
    for number in range(struct.unpack_from(f"{order}H", data, place)[0]):
        entry = place + 2 + 12 * number
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, entry)
        if kind in TYPES and count < 10_000:
            form = f"{order}{count}{TYPES[kind]}"
            at = entry + 8 if struct.calcsize(form) <= 4 else struct.unpack_from(f"{order}I", data, entry + 8)[0]
            fields.setdefault(tag, struct.unpack_from(form, data, at))  # of two the first, as libtiff
    return fields


def _enough(octets: bytes, count: int) -> np.ndarray:
    if len(octets) != count:
        raise NotShown(f"{len(octets)} of {count} bytes")
    return np.frombuffer(octets, np.uint8)


def _grey_if_grey(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 0] if (pixels == pixels[..., :1]).all() else pixels
