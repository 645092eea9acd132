"""A DICOM file taken apart: its attributes, and where its pixels lie (PS3.10 7, PS3.5 7 and A.4).

What the file meta leaves out or gets wrong is read from the data, where only one reading is possible. Reads an
allow-list of attributes; what tells patients apart is for `facts` alone and goes no further. Never inflates a deflated
file.
"""

from __future__ import annotations

import contextlib
import io
import struct
from typing import NamedTuple

from xraykit.films.dicom.attributes import Attributes, load_pydicom
from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph

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
# What tells one patient from another. Read to make a hash of and to know it where it stands in other words; never kept
IDENTIFIERS = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "OtherPatientIDs",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
    "OperatorsName",
)
DATES = ("AcquisitionDate", "ContentDate", "StudyDate", "SeriesDate")
# Everything that is read; nothing else of the file is looked at or kept
ATTRIBUTES = (
    *IDENTIFIERS,
    *DATES,
    "Modality",
    "PresentationIntentType",
    "ViewPosition",
    "ImageLaterality",
    "Laterality",
    "PatientOrientation",
    "PixelSpacing",
    "PixelSpacingCalibrationType",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
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
    "RescaleType",
    "ModalityLUTSequence",
    "ModalityLUTType",
    "VOILUTSequence",
    "LUTExplanation",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
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


class Contents(NamedTuple):
    """What a DICOM file holds: attributes, pixels in one piece or in fragments, and what was odd about it."""

    attributes: Attributes
    syntax: str
    pixels: PixelElement
    fragments: list[bytes]  # the first is the table of offsets; none where the pixels are not compressed
    notes: list[Note]


def read(data: bytes) -> Contents:
    """Find the attributes and the pixels of a DICOM file, by the data themselves where the file meta is untrue.

    Raises
    ------
    NotARadiograph
        With the code "no-pixels", "unsupported-format", "unsupported-syntax", "truncated" or "corrupt".
    """
    load_pydicom()
    notes: list[Note] = []
    named, start = _file_meta(data, notes)
    little, explicit = _encoding(data, start, named)
    attributes, place = _read(data, start, little=little, explicit=explicit)
    tag, pixels = _pixel_element(data, place, little=little)
    if tag != PIXELS:
        _refuse_other_objects(tag)
    fragments, length = _fragments(pixels) if pixels.undefined else ([], len(pixels.data))
    with contextlib.suppress(NotARadiograph):  # out of order, or no part of the data set at all
        attributes.add(_read(data, pixels.begin + length, little=little, explicit=explicit)[0])
    syntax = _true_syntax(named, fragments, pixels, little, explicit, notes)
    return Contents(attributes, syntax, pixels, fragments, notes)


class PixelElement(NamedTuple):
    """The value of the pixel data element, whether its length is undefined, and its VR."""

    data: memoryview
    undefined: bool
    vr: bytes
    begin: int  # its place in the file


def _is_vr(letters: bytes) -> bool:
    load_pydicom()
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
        raise broken_header() from error
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
        raise no_pixels()
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
        raise broken_header() from error
    return Attributes(dataset, little=little), stream.tell()


def _pixel_element(data: bytes, place: int, *, little: bool) -> tuple[int, PixelElement]:
    """The tag of the element at `place` (0 at the end of the file) and its value."""
    order = "<" if little else ">"
    if len(data) < place + 8:
        return 0, PixelElement(memoryview(b""), False, b"", place)
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
    return group << 16 | element, PixelElement(value, undefined, vr, begin)


def _refuse_other_objects(tag: int) -> None:
    if tag in (FLOATS, DOUBLES):
        words = "The pixels are floating-point numbers; 8 and 16 bits can be read. Export the film as 16-bit grey."
        raise NotARadiograph(words, code="unsupported-format")
    raise no_pixels()


def _fragments(pixels: PixelElement) -> tuple[list[bytes], int]:
    """The items of encapsulated pixels (PS3.5 A.4), the first of them the table of offsets, and the length of all."""
    fragments, place, data = [], 0, pixels.data
    while place + 8 <= len(data):
        group, element, length = struct.unpack_from("<HHL", data, place)
        if (group, element) == (0xFFFE, 0xE0DD):
            place += 8
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
        raise cut_short() if len(data) < 16 else no_pixels()
    return fragments, place


def _true_syntax(
    named: str, fragments: list[bytes], pixels: PixelElement, little: bool, explicit: bool, notes: list[Note]
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


def cut_short() -> NotARadiograph:
    """The refusal of a file that ends before its header says."""
    words = "The DICOM file has fewer bytes than its header promises. Copy or export it again."
    return NotARadiograph(words, code="truncated")


def contradiction(header: str, data: str) -> NotARadiograph:
    """The refusal of a film whose header says other than its pixels."""
    words = f"The header of the DICOM film says {header}, its pixels are {data}. Export it again from its source."
    return NotARadiograph(words, code="contradiction")


def no_pixels() -> NotARadiograph:
    """The refusal of a file without a picture."""
    words = "The DICOM file has no pixels. Choose the image object of the examination."
    return NotARadiograph(words, code="no-pixels")


def broken_header() -> NotARadiograph:
    """The refusal of a file whose attributes cannot be read."""
    words = "The header of the DICOM file is damaged. Copy or export it again."
    return NotARadiograph(words, code="corrupt")
