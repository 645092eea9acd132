"""What the header of a DICOM film says of its pixels, checked before any decoder sees them (PS3.3 C.7.6.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from xraykit.films.dicom import container
from xraykit.films.dicom.attributes import Attributes, Unreadable, left_out
from xraykit.films.dicom.container import Contents, PixelElement
from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph
from xraykit.films.stills import decode


class Film(NamedTuple):
    """An opened film."""

    about: Header
    attributes: Attributes
    pixels: memoryview
    fragments: list[bytes]  # of a compressed film's first frame, else none
    notes: list[Note]


@dataclass(frozen=True)
class Header:
    """What the pixels are, PS3.3 C.7.6.3."""

    syntax: str
    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    photometric: str
    planar: bool
    frames: int
    swapped: bool  # 8-bit samples in 16-bit words of a big endian file

    @property
    def grey(self) -> bool:
        """Whether it has one sample that is a brightness."""
        return self.photometric in ("MONOCHROME1", "MONOCHROME2")

    @property
    def little(self) -> bool:
        """Whether words begin with their low byte."""
        return self.syntax != container.BIG_ENDIAN

    @property
    def lowest(self) -> int:
        """The lowest number that a pixel can be."""
        return -(2 ** (self.stored - 1)) if self.signed else 0

    @property
    def frame_bits(self) -> int:
        """Of one uncompressed frame."""
        bits = self.rows * self.columns * self.samples * self.allocated
        return bits * 2 // 3 if self.photometric == "YBR_FULL_422" else bits


def open_film(data: bytes) -> Film:
    """Read the header of a film and find its first frame.

    Raises
    ------
    NotARadiograph
        With the code "no-pixels", "too-many-pixels", "unsupported-format", "unsupported-syntax", "truncated",
        "missing-attribute", "contradiction" or "corrupt".
    """
    contents = container.read(data)
    about = _header(contents)
    return Film(
        about, contents.attributes, contents.pixels.data, _first_frame(about, contents.fragments), contents.notes
    )


def _header(contents: Contents) -> Header:
    """Check everything that should not reach a decoder; fill in what is left out where one reading is possible."""
    attributes, syntax, pixels, _, notes = contents
    try:
        rows, columns, allocated = (attributes.integer(name) for name in ("Rows", "Columns", "BitsAllocated"))
        samples, stored, high = (attributes.integer(name) for name in ("SamplesPerPixel", "BitsStored", "HighBit"))
        signed, planar = attributes.integer("PixelRepresentation"), attributes.integer("PlanarConfiguration")
    except Unreadable as error:
        raise container.broken_header() from error
    frames = _frames(attributes, notes)
    photometric = attributes.text("PhotometricInterpretation")
    if rows is None or columns is None:
        raise container.no_pixels()
    decode.check_size(columns, rows)
    if attributes.text("Modality") == "RTDOSE":
        raise NotARadiograph("This is a radiotherapy dose map, not an X-ray film.", code="unsupported-format")
    if not photometric:
        raise _missing("Photometric Interpretation, which says whether bright is dense or air")
    samples = _samples(samples, photometric, notes)
    allocated, stored, high = _bits(allocated, stored, high, notes)
    _check_depth(samples, allocated, stored)
    _check_photometric(photometric, samples, syntax)
    if samples == 3 and planar is None and syntax in container.UNCOMPRESSED and photometric != "YBR_FULL_422":
        raise _missing("Planar Configuration, which says in what order the colours lie")
    if signed is None and not photometric.startswith(("RGB", "YBR")):
        signed = _unsigned_either_way(pixels, allocated, high, syntax)
        notes.append(Note("assumed", "The file does not say whether pixels are signed; no pixel uses the sign."))
    return Header(
        syntax=syntax,
        rows=rows,
        columns=columns,
        samples=samples,
        allocated=allocated,
        stored=stored,
        high=high,
        signed=signed == 1,
        photometric=photometric,
        planar=planar == 1,
        frames=frames,
        swapped=syntax == container.BIG_ENDIAN and allocated <= 8 and pixels.vr == b"OW",
    )


def _samples(samples: int | None, photometric: str, notes: list[Note]) -> int:
    """Of each pixel: as the file says, else as its photometric interpretation has them."""
    if samples is None:
        samples = 1 if photometric.startswith(("MONOCHROME", "PALETTE")) else 3
        notes.append(Note("assumed", f"The file does not say Samples per Pixel; read as {samples}."))
    return samples


def _bits(allocated: int | None, stored: int | None, high: int | None, notes: list[Note]) -> tuple[int, int, int]:
    """Bits of a word, those of them that count, and the highest of these."""
    if allocated is None:
        raise _missing("Bits Allocated, which says how many bytes a pixel has")
    if stored is None:
        if high is None or not 0 <= high < allocated:
            raise _missing("Bits Stored, which says how many bits of a pixel count")
        stored = high + 1
        notes.append(Note("assumed", f"The file does not say Bits Stored; read as {stored}, up to its High Bit."))
    if high is None or not stored - 1 <= high < allocated:
        high = stored - 1
    return allocated, stored, high


def _check_depth(samples: int, allocated: int, stored: int) -> None:
    if allocated not in (1, 8, 16) or not 1 <= stored <= allocated or samples not in (1, 3):
        words = (
            f"The DICOM film has {samples} samples per pixel of {stored} bits ({allocated} allocated); 1 or 3 samples "
            "of 1 to 16 bits can be read. Export it as 16-bit grey."
        )
        raise NotARadiograph(words, code="unsupported-format")


_ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_BY_CODEC = ("YBR_ICT", "YBR_RCT")
_THREE_SAMPLES = ("RGB", "YBR_FULL", "YBR_FULL_422", *_BY_CODEC)


def _check_photometric(photometric: str, samples: int, syntax: str) -> None:
    known = _ONE_SAMPLE if samples == 1 else _THREE_SAMPLES
    if photometric not in known or (photometric in _BY_CODEC and syntax in container.UNCOMPRESSED | {container.RLE}):
        words = (
            f"The DICOM film has {samples} samples per pixel, and a Photometric Interpretation that does not go with "
            "them or is not read here. Export it as 16-bit grey."
        )
        raise NotARadiograph(words, code="unsupported-format")


def _unsigned_either_way(pixels: PixelElement, allocated: int, high: int, syntax: str) -> int:
    import numpy as np

    words = np.dtype("u1" if allocated <= 8 else ">u2" if syntax == container.BIG_ENDIAN else "<u2")
    whole = len(pixels.data) // words.itemsize * words.itemsize
    if pixels.undefined or (np.frombuffer(pixels.data[:whole], words) >> high & 1).any():
        raise _missing("Pixel Representation, which says whether pixels are signed")
    return 0


def _frames(attributes: Attributes, notes: list[Note]) -> int:
    try:
        frames = attributes.integer("NumberOfFrames") or 1
    except Unreadable:
        notes.append(left_out("Number of Frames"))
        return 1
    if frames > 1:
        words = f"The file has {frames} frames: the first is shown, and models see no other."
        notes.append(Note("first-frame", words, warning=True))
    return max(frames, 1)


def _first_frame(about: Header, fragments: list[bytes]) -> list[bytes]:
    """The parts of the first frame; the table of offsets, if it is not empty, says where the second begins."""
    offsets, parts = fragments[:1], fragments[1:]
    if about.frames == 1 or not parts:
        return parts
    if len(parts) < about.frames:
        raise container.cut_short()
    if len(parts) == about.frames or about.syntax == container.RLE:
        return parts[:1]
    table = struct.unpack(f"<{len(offsets[0]) // 4}L", offsets[0][: len(offsets[0]) // 4 * 4])
    place, count = 0, 0
    for part in parts:
        if len(table) > 1 and place >= table[1]:
            break
        place, count = place + 8 + len(part), count + 1
        if len(table) < 2 and part.rstrip(b"\0").endswith(b"\xff\xd9"):
            break
    return parts[:count]


def _missing(what: str) -> NotARadiograph:
    words = f"The DICOM file does not say its {what}. Export it again from its source."
    return NotARadiograph(words, code="missing-attribute")
