"""What a JPEG says of itself, and whether its data are as many as its header promises.

libjpeg fills what is missing with grey and passes over what is too much, without a word. So the decoder is asked again:
bytes added before the end must change nothing, and other bytes in place of the last ones must change something.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from xraykit.films.refusal import NotARadiograph

LOSSLESS, JPEG_LS = (0xC3,), (0xF7,)
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
# No 0xFF among them, which would begin a marker, and few bits that are alike
NONSENSE = bytes((37 * place * place + 101 * place + 11) % 255 for place in range(4096))
LAST, LEAST, SMALL = 8, 3, 2**15  # bytes
END = b"\xff\xd9"


class Frame(NamedTuple):
    """The frame header of a codestream (ITU-T T.81 B.2.2), and the places of its entropy-coded data."""

    process: (
        int  # the marker's second byte: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, 0xC3 lossless, 0xF7 JPEG-LS
    )
    precision: int
    rows: int
    columns: int
    components: bytes  # their identifiers
    jfif: bool
    first_scan: slice  # the data of the first scan, which every picture has some of
    last_scan: int  # where the data of the last scan begin
    end: int  # where its end marker stands, or the end of the bytes where it has none
    whole: bool  # every component was coded, down to its last bit
    restarts: bool  # its data come in intervals (B.2.4.4)


def frame(codestream: bytes) -> Frame:
    """Read the markers of a JPEG or JPEG-LS codestream.

    Raises
    ------
    NotARadiograph
        If there is no frame in it, or no data.
    """
    place, header, jfif, scans = 2, b"", False, _Scans()
    process, first_scan, last_scan, end, restarts = 0, slice(0), 0, len(codestream), False
    while match := MARKER.search(codestream, place):
        kind, place = codestream[match.end() - 1], match.end()
        if last_scan and not first_scan.stop:
            first_scan = slice(last_scan, match.start())
        if kind == 0xD9:
            end = match.start()
            break
        if kind in (0xD8, 0x01):
            continue
        length = int.from_bytes(codestream[place : place + 2], "big")
        body = codestream[place + 2 : place + length]
        place += max(2, length)
        if kind in FRAMES:
            if header:
                raise _damaged("It has two pictures in one.")
            process, header = kind, body
        elif kind == 0xE0 and body.startswith(b"JFIF"):
            jfif = True
        elif kind == 0xDD:
            restarts = any(body[:2])
        elif kind == 0xDA:
            scans.add(body)
            last_scan = place
    if len(header) < 9 or not last_scan or last_scan >= len(codestream):
        raise _damaged("It has no picture.")
    components = header[6::3][: header[5]]
    return Frame(
        process=process,
        precision=header[0],
        rows=int.from_bytes(header[1:3], "big"),
        columns=int.from_bytes(header[3:5], "big"),
        components=components,
        jfif=jfif,
        first_scan=first_scan if first_scan.stop else slice(last_scan, end),
        last_scan=last_scan,
        end=end,
        whole=scans.cover(components, progressive=process in PROGRESSIVE),
        restarts=restarts,
    )


def sequential(codestream: bytes, about: Frame) -> bytes:
    """The codestream with the only scan parameters that sequential JPEG has; some write others, which mean nothing."""
    place = about.last_scan
    if about.process in (*PROGRESSIVE, *LOSSLESS, *JPEG_LS):
        return codestream
    return codestream[: place - 3] + b"\0\x3f\0" + codestream[place:]


class _Scans:
    """Which components the scans hold, and their coefficients down to which bit (T.81 B.2.3)."""

    def __init__(self) -> None:
        self.components: set[int] = set()
        self.bits: dict[tuple[int, int], int] = {}

    def add(self, body: bytes) -> None:
        count = body[0] if body else 0
        first, last, approximation = (body[1 + 2 * count :] + b"\0\x3f\0")[:3]
        for component in body[1 : 1 + 2 * count : 2]:
            self.components.add(component)
            for coefficient in range(first, min(last, 63) + 1):
                self.bits[component, coefficient] = approximation & 15

    def cover(self, components: bytes, *, progressive: bool) -> bool:
        """A progressive picture may leave high frequencies out, but not end with coarser bits than were coded."""
        if not progressive:
            return self.components >= set(components)
        return all((component, 0) in self.bits for component in components) and not any(self.bits.values())


def check_data(codestream: bytes, about: Frame, pixels: np.ndarray, decode: Callable[[bytes], np.ndarray]) -> None:
    """Refuse a picture that was decoded from fewer or more data than its header promises.

    Parameters
    ----------
    codestream : bytes
        What was decoded.
    about : Frame
        Its markers.
    pixels : numpy.ndarray
        What came of it.
    decode : callable
        Decodes another codestream in the same way.

    Raises
    ------
    NotARadiograph
        With the code "truncated" or "contradiction".
    """
    if not about.whole:
        raise _cut_short()
    # What little a small picture may lack can by chance mean the same twice, hardly three times
    tries = (NONSENSE, NONSENSE[::-1]) if about.end < SMALL else (NONSENSE,)
    for nonsense in tries:
        if not _same(decode, codestream[: about.end] + _more(codestream, about, nonsense) + END, pixels):
            raise _cut_short()
    scan = about.first_scan
    last = min(LAST, (scan.stop - scan.start) // 2)
    other = codestream[: scan.stop - last] + NONSENSE[:last] + codestream[scan.stop :]
    if last >= LEAST and _same(decode, other, pixels):
        words = "The JPEG has more data than the picture that its header describes. Export it again from its source."
        raise NotARadiograph(words, code="contradiction")


def _more(codestream: bytes, about: Frame, nonsense: bytes) -> bytes:
    """Data that a decoder takes where it still lacks some, intervals too."""
    if not about.restarts:
        return nonsense
    before = re.findall(rb"\xff([\xd0-\xd7])", codestream[about.last_scan : about.end])
    number = before[-1][0] + 1 if before else 0xD0
    return nonsense + b"".join(bytes([0xFF, 0xD0 | (number + step) & 7]) + nonsense[:512] for step in range(16))


def _same(decode: Callable[[bytes], np.ndarray], codestream: bytes, pixels: np.ndarray) -> bool:
    try:
        return np.array_equal(decode(codestream), pixels)
    except Exception:  # no picture at all is another picture
        return False


def _cut_short() -> NotARadiograph:
    return NotARadiograph("The JPEG file is cut short. Copy or export it again.", code="truncated")


def _damaged(what: str) -> NotARadiograph:
    return NotARadiograph(f"The JPEG file is damaged. {what} Copy or export it again.", code="corrupt")
