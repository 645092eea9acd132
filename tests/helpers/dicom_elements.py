"""DICOM data sets as lists of elements that may be wrong: taken apart and put together by hand (PS3.5 chapter 7).

pydicom mends or refuses what a test wants to write; this writes any tag, value representation and length as asked.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV")
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END, PIXELS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x7FE00010


@dataclass(frozen=True)
class Element:
    """One data element.

    Attributes
    ----------
    tag : int
        Group and element, 0xGGGGEEEE.
    vr : bytes
        Two letters; written by explicit syntaxes only.
    value : bytes
        In the byte order of the file; of an undefined length with its items and delimiter.
    length : int or None
        What the file says it is; None for the truth.
    """

    tag: int
    vr: bytes
    value: bytes
    length: int | None = None


@dataclass(frozen=True)
class File:
    """A DICOM file in pieces: what stands before group 2, group 2 (always explicit little endian) and the data set."""

    body: list[Element]
    meta: list[Element] = field(default_factory=list)
    syntax: str = EXPLICIT  # of the data set, whatever group 2 says
    preamble: bytes = bytes(128) + b"DICM"

    @property
    def implicit(self) -> bool:
        return self.syntax == IMPLICIT

    @property
    def order(self) -> str:
        return ">" if self.syntax == BIG else "<"

    def find(self, tag: int) -> Element | None:
        return next((element for element in self.body if element.tag == tag), None)

    def put(self, element: Element) -> File:
        """The file with this element in the place of its tag."""
        others = [other for other in self.body if other.tag != element.tag]
        return replace(self, body=sorted([*others, element], key=lambda element: element.tag))

    def without(self, *tags: int) -> File:
        return replace(self, body=[element for element in self.body if element.tag not in tags])

    def number(self, tag: int) -> int | None:
        """The first value of a US element."""
        element = self.find(tag)
        return struct.unpack(f"{self.order}H", element.value[:2])[0] if element and len(element.value) > 1 else None

    def put_number(self, tag: int, number: int) -> File:
        return self.put(Element(tag, b"US", struct.pack(f"{self.order}H", number & 0xFFFF)))

    def joined(self) -> bytes:
        meta = b"".join(written(element, False, "<") for element in self.meta)
        return self.preamble + meta + b"".join(written(element, self.implicit, self.order) for element in self.body)


def group_2(syntax: str, sop_class: str = "1.2.840.10008.5.1.4.1.1.1.1") -> list[Element]:
    """The file meta information of a film."""
    uids = {0x00020002: sop_class, 0x00020003: "1.2.3.4", 0x00020010: syntax, 0x00020012: "1.2.3"}
    rest = [Element(0x00020001, b"OB", b"\0\1")]
    rest += [Element(tag, b"UI", even(uid.encode(), b"\0")) for tag, uid in uids.items()]
    length = sum(len(written(element, False, "<")) for element in rest)
    return [Element(0x00020000, b"UL", struct.pack("<I", length)), *rest]


def even(value: bytes, pad: bytes = b" ") -> bytes:
    return value + pad * (len(value) % 2)


def written(element: Element, implicit: bool, order: str) -> bytes:
    """The bytes of one element."""
    length = len(element.value) if element.length is None else element.length
    head = struct.pack(f"{order}HH", element.tag >> 16, element.tag & 0xFFFF)
    if implicit or element.tag >> 16 == 0xFFFE:
        return head + struct.pack(f"{order}I", length) + element.value
    if element.vr in LONG:
        return head + element.vr + b"\0\0" + struct.pack(f"{order}I", length) + element.value
    return head + element.vr + struct.pack(f"{order}H", length & 0xFFFF) + element.value


def item(elements: list[Element], implicit: bool = False, order: str = "<") -> bytes:
    """A sequence item of a known length."""
    value = b"".join(written(element, implicit, order) for element in elements)
    return written(Element(ITEM, b"", value), implicit, order)


def encapsulated(fragments: list[bytes], offsets: bytes = b"") -> Element:
    """Compressed pixel data (PS3.5 A.4)."""
    items = [Element(ITEM, b"", part) for part in (offsets, *(even(fragment, b"\0") for fragment in fragments))]
    value = b"".join(written(item, True, "<") for item in (*items, Element(SEQUENCE_END, b"", b"")))
    return Element(PIXELS, b"OB", value, UNDEFINED)


def fragments(value: bytes) -> list[bytes]:
    """The items of encapsulated pixel data, the offset table first."""
    items, place = [], 0
    while place + 8 <= len(value):
        tag, length = _tag(value, place, "<"), struct.unpack("<I", value[place + 4 : place + 8])[0]
        if tag != ITEM:
            break
        items.append(value[place + 8 : place + 8 + length])
        place += 8 + length
    return items


def split(data: bytes) -> File:
    """Take a well-formed file apart.

    Raises
    ------
    ValueError, struct.error
        If it is not well-formed.
    """
    start = 132 if data[128:132] == b"DICM" else 0
    meta, place = [], start
    while _tag(data, place, "<") >> 16 == 2:
        element, place = _read(data, place, False, "<")
        meta.append(element)
    named = [element.value.rstrip(b"\0 ").decode() for element in meta if element.tag == 0x00020010]
    syntax = named[0] if named else IMPLICIT if not data[place + 4 : place + 6].isalpha() else EXPLICIT
    if syntax not in (IMPLICIT, BIG):
        syntax = EXPLICIT
    order, body = ">" if syntax == BIG else "<", []
    while place < len(data):
        element, place = _read(data, place, syntax == IMPLICIT, order)
        body.append(element)
    return File(body, meta, syntax, data[:start])


def _tag(data: bytes, place: int, order: str) -> int:
    group, element = struct.unpack(f"{order}HH", data[place : place + 4])
    return group << 16 | element


def _read(data: bytes, place: int, implicit: bool, order: str) -> tuple[Element, int]:
    tag, vr = _tag(data, place, order), b""
    if implicit or tag >> 16 == 0xFFFE:
        length, place = struct.unpack(f"{order}I", data[place + 4 : place + 8])[0], place + 8
    else:
        vr = data[place + 4 : place + 6]
        if vr in LONG:
            length, place = struct.unpack(f"{order}I", data[place + 8 : place + 12])[0], place + 12
        else:
            length, place = struct.unpack(f"{order}H", data[place + 6 : place + 8])[0], place + 8
    if length != UNDEFINED:
        if place + length > len(data):
            raise ValueError(f"{tag:08x} says {length} bytes; {len(data) - place} are left")
        return Element(tag, vr, data[place : place + length]), place + length
    end = _end_of_items(data, place, implicit or vr == b"UN", order)
    return Element(tag, vr, data[place:end], UNDEFINED), end


def _end_of_items(data: bytes, place: int, implicit: bool, order: str) -> int:
    """The place behind the delimiter of a value of undefined length."""
    while True:
        tag, length = _tag(data, place, order), struct.unpack(f"{order}I", data[place + 4 : place + 8])[0]
        place += 8
        if tag == SEQUENCE_END:
            return place
        if length != UNDEFINED:
            place += length
            continue
        while _tag(data, place, order) != ITEM_END:
            _, place = _read(data, place, implicit, order)
        place += 8
