"""Attributes of a DICOM data set as they are stored, byte by byte: a false VR or a comma is no reason to lose a film.

No value of an attribute and no word of a library gets into an error.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xraykit.films.note import Note

if TYPE_CHECKING:
    from pydicom import Dataset


DECIMAL_STRINGS = {
    *("NumberOfFrames", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"),
    *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"),
}
NUMBER_VRS = {"US", "SS", "UL", "SL"}
TEXT_VRS = {"IS", "DS", "CS", "LO", "SH", "ST", "LT", "AE", "UI", "UT", "UC", "PN"}


def load_pydicom() -> None:
    """Load pydicom without GDCM, which it would load besides, though only few films need it."""
    if "pydicom" in sys.modules or "gdcm" in sys.modules:
        return
    sys.modules["gdcm"] = None  # pyright: ignore[reportArgumentType]
    try:
        import pydicom  # noqa: F401
    finally:
        del sys.modules["gdcm"]


class Unreadable(Exception):
    """An attribute is there, but not as anything that it could mean."""


class Attributes:
    """Attributes of a data set by keyword, as they are stored; an empty one is as good as none."""

    def __init__(self, dataset: Dataset, *, little: bool) -> None:
        self._dataset, self.little = dataset, little

    def add(self, later: Attributes) -> None:
        """Take over what another data set has besides."""
        for tag in later._dataset.keys() - self._dataset.keys():
            self._dataset[tag] = later._dataset.get_item(tag)

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

    def texts(self, keyword: str) -> list[str]:
        """The values of an attribute as they are written, blanks made single; [] where there is none."""
        element = self._element(keyword)
        if element is None:
            return []
        values = element.value
        if isinstance(values, bytes):
            values = values.decode("utf-8", "replace").split("\\")
        elif isinstance(values, str) or not isinstance(values, Sequence):
            values = [values]
        return [" ".join(str(value).strip("\0").split()) for value in values]

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


def left_out(name: str) -> Note:
    """What is said of an optional attribute that cannot be read."""
    return Note("left-out", f"{name}: not readable in this file, left out.")


def _finite(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Unreadable from None
    if not math.isfinite(number):
        raise Unreadable
    return number


def _sized(value: Any) -> Any:
    return value if isinstance(value, bytes | str | Sequence) else (value,)
