"""A DICOM file opened: what its header says of the film, and where the pixels lie.

Reads an allow-list of attributes as they are stored, byte by byte, and keeps no patient identifier. What the file meta
leaves out or gets wrong is read from the data themselves, where only one reading is possible. Never inflates a deflated
file. No word of a library and no value of an attribute gets into a refusal or a note.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from xraykit.films import stills
from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph

if TYPE_CHECKING:
    from pydicom import Dataset


# Transfer syntaxes that are read (PS3.5 annex A)
IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
UNCOMPRESSED = {IMPLICIT, EXPLICIT, BIG_ENDIAN}
RLE = "1.2.840.10008.1.2.5"
DEFLATED = "1.2.840.10008.1.2.1.99"
COMPRESSED = {
    RLE,
    "1.2.840.10008.1.2.4.50",  # JPEG baseline, 8 bit
    "1.2.840.10008.1.2.4.51",  # JPEG extended, 8 or 12 bit
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.201",  # High-throughput JPEG 2000, lossless
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
}
# Everything that is read; nothing else of the file is looked at or kept
ATTRIBUTES = (
    "Modality",
    "PresentationIntentType",
    "ViewPosition",
    "BurnedInAnnotation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PresentationLUTShape",
    "LUTDescriptor",
    "LUTData",
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in ("Red", "Green", "Blue")),
    *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
)
PIXELS, FLOATS, DOUBLES = 0x7FE00010, 0x7FE00008, 0x7FE00009
UNDEFINED = 0xFFFFFFFF
LONG_VRS = (b"OB", b"OW", b"UN", b"OF", b"OD", b"OL", b"OV")
DECIMAL_STRINGS = {"NumberOfFrames", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"}
NUMBER_VRS = {"US", "SS", "UL", "SL"}
TEXT_VRS = {"IS", "DS", "CS", "LO", "SH", "ST", "LT", "AE", "UI", "UT", "UC", "PN"}


class Unreadable(Exception):
    """An attribute is there, but not as anything that it could mean."""


class Attributes:
    """Attributes of a data set by keyword, as they are stored; an empty one is as good as none."""

    def __init__(self, dataset: Dataset, *, little: bool) -> None:
        self._dataset, self.little = dataset, little

    def __contains__(self, keyword: str) -> bool:
        try:
            return self._element(keyword) is not None
        except Unreadable:
            return True

    def text(self, keyword: str) -> str:
        """Upper case, without the blanks at its ends; "" where there is none."""
        element = self._element(keyword)
        if element is None:
            return ""
        value = element.value
        if isinstance(value, bytes):
            return value.decode("ascii", "replace").strip(" \0").upper()
        return str(value).strip(" \0").upper()

    def numbers(self, keyword: str) -> list[float]:
        """The finite numbers of an attribute, [] where there is none; a comma is read as a decimal point.

        Raises
        ------
        Unreadable
            If there is something else.
        """
        element = self._element(keyword)
        if element is None:
            return []
        if not isinstance(element.value, bytes):
            values = element.value if isinstance(element.value, Sequence) else [element.value]
            return [_finite(value) for value in values if value is not None]
        if element.VR in TEXT_VRS or (keyword in DECIMAL_STRINGS and element.VR not in NUMBER_VRS):
            texts = element.value.decode("ascii", "replace").strip("\0").split("\\")
            return [_finite(text.replace(",", ".")) for text in texts if text.strip()]
        return [float(number) for number in self._words(element)]

    def integer(self, keyword: str) -> int | None:
        """The first whole number of an attribute, None where there is none. Raises Unreadable."""
        values = self.numbers(keyword)
        if values and values[0] != int(values[0]):
            raise Unreadable(keyword)
        return int(values[0]) if values else None

    def words(self, keyword: str) -> list[int]:
        """The unsigned 16-bit words of an attribute whatever its VR says, [] where there is none. Raises Unreadable."""
        element = self._element(keyword)
        if element is None:
            return []
        if isinstance(element.value, bytes):
            return [word & 0xFFFF for word in self._words(element, "H")]
        values = element.value if isinstance(element.value, Sequence) else [element.value]
        return [int(value) & 0xFFFF for value in values]

    def data(self, keyword: str) -> bytes:
        """The bytes of an attribute as they lie in the file, b"" where there is none. Raises Unreadable."""
        element = self._element(keyword)
        if element is None:
            return b""
        if isinstance(element.value, bytes):
            return element.value
        return struct.pack(f"{'<' if self.little else '>'}{len(words := self.words(keyword))}H", *words)

    def items(self, keyword: str) -> list[Attributes]:
        """The items of a sequence, [] where there is none. Raises Unreadable."""
        if self._element(keyword) is None:
            return []
        try:
            return [Attributes(item, little=self.little) for item in self._dataset[keyword].value]
        except Exception as error:  # pydicom parses a sequence when it is asked for, and raises what it likes
            raise Unreadable(keyword) from error

    def _element(self, keyword: str) -> Any:
        from pydicom.datadict import tag_for_keyword

        try:
            element = self._dataset.get_item(tag_for_keyword(keyword) or 0)
        except Exception as error:
            raise Unreadable(keyword) from error
        return None if element is None or element.value is None or len(_sized(element.value)) == 0 else element

    def _words(self, element: Any, code: str = "") -> tuple[int, ...]:
        code = code or {"SS": "h", "UL": "L", "SL": "l"}.get(str(element.VR), "H")
        size = struct.calcsize(f"={code}")
        if len(element.value) % size:
            raise Unreadable(element.tag)
        return struct.unpack(f"{'<' if self.little else '>'}{len(element.value) // size}{code}", element.value)


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
        return self.syntax != BIG_ENDIAN

    @property
    def frame_bits(self) -> int:
        """Of one uncompressed frame."""
        bits = self.rows * self.columns * self.samples * self.allocated
        return bits * 2 // 3 if self.photometric == "YBR_FULL_422" else bits


def is_marked(data: bytes) -> bool:
    """Whether the file bears the mark of DICOM."""
    return data[128:132] == b"DICM" or data[:4] == b"DICM"


def is_bare_data_set(data: bytes) -> bool:
    """Whether it begins like DICOM without a mark: group 2 or 8, with a known VR or a length that can be."""
    if len(data) < 200:
        return False
    if data[:2] in (b"\2\0", b"\x08\0"):
        element, length = struct.unpack_from("<HL", data, 2)
        return element <= 0x70 and (_is_vr(data[4:6]) or (data[:2] == b"\x08\0" and 0 < length <= 64))
    return data[:2] == b"\0\x08" and _is_vr(data[4:6])


def open_film(data: bytes) -> Film:
    """Read the header of a film and find its first frame.

    Raises
    ------
    NotARadiograph
        With the code "no-pixels", "too-many-pixels", "unsupported-format", "unsupported-syntax", "truncated",
        "missing-attribute", "contradiction" or "corrupt".
    """
    notes: list[Note] = []
    named, start = _file_meta(data, notes)
    little, explicit = _encoding(data, start, named)
    attributes, place = _read(data, start, little=little, explicit=explicit)
    tag, pixels = _pixel_element(data, place, little=little)
    if tag != PIXELS:
        _refuse_other_objects(attributes, tag)
    fragments = _fragments(pixels) if pixels.undefined else []
    syntax = _true_syntax(named, fragments, pixels, little, explicit, notes)
    about = _header(attributes, syntax, pixels, notes)
    return Film(about, attributes, pixels.data, _first_frame(about, fragments), notes)


class _PixelElement(NamedTuple):
    data: memoryview
    undefined: bool
    vr: bytes


def _is_vr(letters: bytes) -> bool:
    from pydicom.valuerep import VR

    return letters.decode("latin-1") in VR.__members__


def _file_meta(data: bytes, notes: list[Note]) -> tuple[str, int]:
    """The transfer syntax that the file names, "" for none, and where its data set begins."""
    from pydicom.filereader import read_dataset

    start = 132 if data[128:132] == b"DICM" else 4 if data[:4] == b"DICM" else 0
    if start != 132:
        notes.append(Note("no-preamble", "The file has no DICOM preamble; read all the same."))
    if data[start : start + 2] != b"\2\0":
        notes.append(Note("no-file-meta", "The file does not name its transfer syntax; read as its data are."))
        return "", start
    stream = io.BytesIO(data)
    stream.seek(start)
    try:
        meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        syntax = Attributes(meta, little=True).text("TransferSyntaxUID")
    except Exception as error:
        raise _broken_header() from error
    if not syntax:
        notes.append(Note("no-file-meta", "The file does not name its transfer syntax; read as its data are."))
    elif syntax not in UNCOMPRESSED | COMPRESSED:
        raise _unknown_syntax(syntax)
    return syntax, stream.tell()


def _unknown_syntax(syntax: str) -> NotARadiograph:
    from pydicom.uid import UID

    uid = UID(syntax)
    name = uid.name if uid.is_valid and uid.name != syntax else "is not a known one"
    why = "it could unpack to any size" if syntax == DEFLATED else "it cannot be decoded here"
    words = f"The DICOM transfer syntax {name}: {why}. Export the film uncompressed (Explicit VR Little Endian)."
    return NotARadiograph(words, code="unsupported-syntax")


def _encoding(data: bytes, start: int, named: str) -> tuple[bool, bool]:
    """Whether the data set is little endian, and whether it tells its VRs: by its first element, whatever is named."""
    if len(data) < start + 8:
        raise _no_pixels()
    group_little, group_big = struct.unpack_from("<H", data, start)[0], struct.unpack_from(">H", data, start)[0]
    little = named != BIG_ENDIAN if group_little == group_big else group_little < group_big
    return little, _is_vr(data[start + 4 : start + 6])


def _read(data: bytes, start: int, *, little: bool, explicit: bool) -> tuple[Attributes, int]:
    """The attributes before the pixels, and where those begin."""
    from pydicom.datadict import tag_for_keyword
    from pydicom.filereader import read_dataset

    stream = io.BytesIO(data)
    stream.seek(start)
    wanted = [tag_for_keyword(keyword) or 0 for keyword in ATTRIBUTES]
    try:
        dataset = read_dataset(
            stream,
            not explicit,
            little,
            stop_when=lambda tag, vr, length: tag in (PIXELS, FLOATS, DOUBLES),
            specific_tags=wanted,
        )
    except EOFError as error:
        raise cut_short() from error
    except Exception as error:  # pydicom raises a dozen types on broken headers
        raise _broken_header() from error
    return Attributes(dataset, little=little), stream.tell()


def _pixel_element(data: bytes, place: int, *, little: bool) -> tuple[int, _PixelElement]:
    """The tag of the element at `place` (0 at the end of the file) and its value."""
    order = "<" if little else ">"
    if len(data) < place + 8:
        return 0, _PixelElement(memoryview(b""), False, b"")
    group, element = struct.unpack_from(f"{order}HH", data, place)
    vr = data[place + 4 : place + 6]
    begin = place + 12 if vr in LONG_VRS else place + 8
    if len(data) < begin:
        raise cut_short()
    length = struct.unpack_from(f"{order}L", data, begin - 4)[0]
    undefined = length == UNDEFINED
    if not undefined and len(data) < begin + length:
        raise cut_short()
    value = memoryview(data)[begin:] if undefined else memoryview(data)[begin : begin + length]
    return group << 16 | element, _PixelElement(value, undefined, vr)


def _refuse_other_objects(attributes: Attributes, tag: int) -> None:
    if tag in (FLOATS, DOUBLES):
        words = "The pixels are floating-point numbers; 8 and 16 bits can be read. Export the film as 16-bit grey."
        raise NotARadiograph(words, code="unsupported-format")
    raise _no_pixels()


def _fragments(pixels: _PixelElement) -> list[bytes]:
    """The items of encapsulated pixels, by their lengths (PS3.5 A.4); the first is the table of offsets."""
    fragments, place, data = [], 0, pixels.data
    while place + 8 <= len(data):
        group, element, length = struct.unpack_from("<HHL", data, place)
        if (group, element) == (0xFFFE, 0xE0DD):
            break
        if (group, element) != (0xFFFE, 0xE000):
            words = "The list of compressed parts of the DICOM film is broken. Copy or export it again."
            raise NotARadiograph(words, code="corrupt")
        place += 8
        if place + length > len(data):
            raise cut_short()
        fragments.append(bytes(data[place : place + length]))
        place += length
    if len(fragments) < 2:
        raise cut_short() if len(data) < 16 else _no_pixels()
    return fragments


def _true_syntax(
    named: str, fragments: list[bytes], pixels: _PixelElement, little: bool, explicit: bool, notes: list[Note]
) -> str:
    """The transfer syntax by the data themselves; what the file names decides only where both are possible."""
    if not pixels.undefined:
        syntax = BIG_ENDIAN if not little else EXPLICIT if explicit else IMPLICIT
    else:
        kind = compression(fragments[1])
        syntax = named if named in COMPRESSED and kind in (None, _KIND.get(named)) else _SYNTAX.get(kind or "", "")
        if not syntax:
            words = (
                "The compressed pixels of the DICOM film are of no kind that is known here. Export it uncompressed "
                "(Explicit VR Little Endian)."
            )
            raise NotARadiograph(words, code="unsupported-syntax")
    if named and syntax != named:
        words = "The file names another transfer syntax than its data have; read as its data are."
        notes.append(Note("untrue-file-meta", words))
    return syntax


def compression(codestream: bytes) -> str | None:
    """By how it begins: "jpeg", "jpeg-ls", "jpeg-2000" or "rle"; None where that says nothing."""
    if codestream[:2] == b"\xff\xd8":
        return "jpeg-ls" if codestream[2:4] == b"\xff\xf7" or b"\xff\xf7\0\x0b\x08" in codestream[:4096] else "jpeg"
    if codestream[:4] == b"\xff\x4f\xff\x51" or codestream[4:8] == b"jP  ":
        return "jpeg-2000"
    if len(codestream) > 64:
        segments, first = struct.unpack_from("<LL", codestream)
        if 1 <= segments <= 15 and first == 64:
            return "rle"
    return None


_KIND = {RLE: "rle"}
_KIND |= {f"1.2.840.10008.1.2.4.{number}": "jpeg" for number in (50, 51, 57, 70)}
_KIND |= {f"1.2.840.10008.1.2.4.{number}": "jpeg-ls" for number in (80, 81)}
_KIND |= {f"1.2.840.10008.1.2.4.{number}": "jpeg-2000" for number in (90, 91, 201, 202, 203)}
# Which process a JPEG is of, its own header says (`jpeg.process`)
_SYNTAX = {
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpeg-ls": "1.2.840.10008.1.2.4.81",
    "jpeg-2000": "1.2.840.10008.1.2.4.91",
    "rle": RLE,
}


def _header(attributes: Attributes, syntax: str, pixels: _PixelElement, notes: list[Note]) -> Header:
    """Check everything that should not reach a decoder; fill in what is left out where one reading is possible."""
    try:
        rows, columns, allocated = (attributes.integer(name) for name in ("Rows", "Columns", "BitsAllocated"))
        samples, stored, high = (attributes.integer(name) for name in ("SamplesPerPixel", "BitsStored", "HighBit"))
        signed, planar = attributes.integer("PixelRepresentation"), attributes.integer("PlanarConfiguration")
    except Unreadable as error:
        raise _broken_header() from error
    frames = _frames(attributes, notes)
    photometric = attributes.text("PhotometricInterpretation")
    if rows is None or columns is None:
        raise _no_pixels()
    stills.check_size(columns, rows)
    if attributes.text("Modality") == "RTDOSE":
        raise NotARadiograph("This is a radiotherapy dose map, not an X-ray film.", code="unsupported-format")
    if not photometric:
        raise _missing("Photometric Interpretation, which says whether bright is dense or air")
    if samples is None:
        samples = 1 if photometric.startswith(("MONOCHROME", "PALETTE")) else 3
        notes.append(Note("assumed", f"The file does not say Samples per Pixel; read as {samples}."))
    if allocated is None:
        raise _missing("Bits Allocated, which says how many bytes a pixel has")
    if stored is None:
        if high is None or not 0 <= high < allocated:
            raise _missing("Bits Stored, which says how many bits of a pixel count")
        stored = high + 1
        notes.append(Note("assumed", f"The file does not say Bits Stored; read as {stored}, up to its High Bit."))
    if allocated not in (1, 8, 16) or not 1 <= stored <= allocated or samples not in (1, 3):
        words = (
            f"The DICOM film has {samples} samples per pixel of {stored} bits ({allocated} allocated); 1 or 3 samples "
            "of 1 to 16 bits can be read. Export it as 16-bit grey."
        )
        raise NotARadiograph(words, code="unsupported-format")
    if high is None or not stored - 1 <= high < allocated:
        high = stored - 1
    known = _ONE_SAMPLE if samples == 1 else _THREE_SAMPLES
    if photometric not in known or (photometric in _BY_CODEC and syntax in UNCOMPRESSED | {RLE}):
        words = (
            f"The DICOM film has {samples} samples per pixel, and a Photometric Interpretation that does not go with "
            "them or is not read here. Export it as 16-bit grey."
        )
        raise NotARadiograph(words, code="unsupported-format")
    if samples == 3 and planar is None and syntax in UNCOMPRESSED and photometric != "YBR_FULL_422":
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
        swapped=syntax == BIG_ENDIAN and allocated <= 8 and pixels.vr == b"OW",
    )


_ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_BY_CODEC = ("YBR_ICT", "YBR_RCT")
_THREE_SAMPLES = ("RGB", "YBR_FULL", "YBR_FULL_422", *_BY_CODEC)


def _unsigned_either_way(pixels: _PixelElement, allocated: int, high: int, syntax: str) -> int:
    import numpy as np

    words = np.dtype("u1" if allocated <= 8 else ">u2" if syntax == BIG_ENDIAN else "<u2")
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
        raise cut_short()
    if len(parts) == about.frames or about.syntax == RLE:
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


def left_out(name: str) -> Note:
    """What is said of an optional attribute that cannot be read."""
    return Note("left-out", f"{name}: not readable in this file, left out.")


def cut_short() -> NotARadiograph:
    """The refusal of a file that ends before its header says."""
    words = "The DICOM file has fewer bytes than its header promises. Copy or export it again."
    return NotARadiograph(words, code="truncated")


def contradiction(header: str, data: str) -> NotARadiograph:
    """The refusal of a film whose header says other than its pixels."""
    words = f"The header of the DICOM film says {header}, its pixels are {data}. Export it again from its source."
    return NotARadiograph(words, code="contradiction")


def _missing(what: str) -> NotARadiograph:
    words = f"The DICOM file does not say its {what}. Export it again from its source."
    return NotARadiograph(words, code="missing-attribute")


def _no_pixels() -> NotARadiograph:
    words = "The DICOM file has no pixels. Choose the image object of the examination."
    return NotARadiograph(words, code="no-pixels")


def _broken_header() -> NotARadiograph:
    words = "The header of the DICOM file is damaged. Copy or export it again."
    return NotARadiograph(words, code="corrupt")


def _finite(value: Any) -> float:
    import math

    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Unreadable from None
    if not math.isfinite(number):
        raise Unreadable
    return number


def _sized(value: Any) -> Any:
    return value if isinstance(value, bytes | str | Sequence) else (value,)
