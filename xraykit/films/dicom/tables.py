"""Look-up tables of DICOM: modality, VOI and palette (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5, C.7.9)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xraykit.films.dicom.attributes import Attributes, Unreadable
from xraykit.films.dicom.header import Header


class Table(NamedTuple):
    """A table: output values by input, from `first` on; what lies outside takes the nearest entry."""

    entries: np.ndarray  # (n,) float64
    first: int
    depth: int  # bits of the output, as the file says them

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The output for whole or fractional inputs of any shape, float64."""
        places = np.clip(np.floor(values + 0.5) - self.first, 0, len(self.entries) - 1)
        return self.entries[places.astype(np.int64)]

    @property
    def top(self) -> float:
        """The highest value that the output can have: that of its depth, or the highest there is where that is untrue.

        Some archives write the size of the words in which the entries are stored; others, any number.
        """
        top, highest = 2.0**self.depth - 1, float(self.entries.max())
        true = 8 <= self.depth <= 16 and highest <= top and highest > top / 2
        return top if true else max(highest, 1.0)


def table(item: Attributes, about: Header, *, signed: bool) -> Table:
    """The table of an item of a LUT sequence.

    Parameters
    ----------
    item : Attributes
    about : Header
        Of the film.
    signed : bool
        Whether the first input value is a signed number: PS3.3 leaves it to the values that come in.

    Raises
    ------
    Unreadable
        If there is no table in it.
    """
    count, first, depth = _descriptor(item, "LUTDescriptor", signed=signed)
    return Table(_entries(item.data("LUTData"), count, about).astype(np.float64), first, depth)


def palette(attributes: Attributes, about: Header, colour: str) -> Table:
    """The table of "Red", "Green" or "Blue". Raises Unreadable."""
    name = f"{colour}PaletteColorLookupTable"
    count, first, depth = _descriptor(attributes, f"{name}Descriptor", signed=about.signed)
    if segments := attributes.data(f"Segmented{name}Data"):
        words = np.frombuffer(segments[: len(segments) // 2 * 2], "<u2" if about.little else ">u2").tolist()
        entries = np.array(_expanded(words, count)[:count], np.float64)
    else:
        entries = _entries(attributes.data(f"{name}Data"), count, about).astype(np.float64)
    return Table(entries, first, depth)


def _descriptor(attributes: Attributes, keyword: str, *, signed: bool) -> tuple[int, int, int]:
    """Number of entries, first input value, bits of an entry; whatever VR they were written with."""
    words = attributes.words(keyword)
    if len(words) < 3:
        raise Unreadable(keyword)
    first = words[1] - 2**16 if signed and words[1] >= 2**15 else words[1]
    return words[0] or 2**16, first, words[2]


def _entries(data: bytes, count: int, about: Header) -> np.ndarray:
    """Words, or bytes where there are too few for words: two of them in a word, the low one first."""
    if not data:
        raise Unreadable
    if len(data) >= 2 * count:
        return np.frombuffer(data[: 2 * count], "<u2" if about.little else ">u2")
    if len(data) >= count:
        whole = data + b"\0" * (len(data) % 2)
        packed = np.frombuffer(whole, np.uint8)
        return (packed if about.little else packed.reshape(-1, 2)[:, ::-1].ravel())[:count]
    # cut: the entries that are there
    return np.frombuffer(data[: len(data) // 2 * 2], "<u2" if about.little else ">u2")


def _expanded(words: list[int], count: int) -> list[int]:
    """Segments written out (PS3.3 C.7.9.2): 0 is a list, 1 a line to a value, 2 repeats earlier segments."""
    out: list[int] = []
    place = 0
    while place + 1 < len(words) and len(out) < count:
        kind, length = words[place], words[place + 1]
        if kind == 2:
            offset = words[place + 2] | words[place + 3] << 16 if place + 3 < len(words) else -1
            if not 0 <= offset // 2 < place:
                raise Unreadable
            out += _repeated(words[:place], offset // 2, length, out, count)
            place += 4
        else:
            place = _segment(words, place, out)
    if not out:
        raise Unreadable
    return out + out[-1:] * (count - len(out))


def _segment(words: list[int], place: int, out: list[int]) -> int:
    """Write out one segment of kind 0 or 1 and tell where the next begins."""
    kind, length = words[place], words[place + 1]
    if kind == 0:
        out += words[place + 2 : place + 2 + length]
        return place + 2 + length
    if kind != 1 or place + 2 >= len(words):
        raise Unreadable
    before, last = out[-1] if out else 0, words[place + 2]
    out += [round(before + (last - before) * step / length) for step in range(1, length + 1)]
    return place + 3


def _repeated(words: list[int], place: int, segments: int, out: list[int], count: int) -> list[int]:
    """So many segments from `place` on, a line beginning at the last value before it."""
    again = out[-1:]
    for _ in range(segments):
        if place + 1 >= len(words) or words[place] == 2 or len(again) > count:
            break
        place = _segment(words, place, again)
    return again[len(out[-1:]) :]
