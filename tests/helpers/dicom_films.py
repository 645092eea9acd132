"""One drawn chest in every dress that DICOM knows, with what a workstation shows of it, computed from how it was drawn.

    film = Film(syntax="lossless", bits=12, window=(2048, 4096, "LINEAR"))
    film.data(), film.shown()  # the file; float64 of 0..255, (H, W) or (H, W, 3)

Nothing is read back: `data` writes the bytes by hand, `shown` is PS3.3 C.11 in NumPy. No person is in it.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.helpers.dicom_elements import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    PIXELS,
    Element,
    File,
    encapsulated,
    even,
    fragments,
    group_2,
    item,
    split,
)

SIZE = 240
# What `Film.syntax` may be
SYNTAXES = {
    "implicit": IMPLICIT,
    "explicit": EXPLICIT,
    "big": BIG,
    "rle": "1.2.840.10008.1.2.5",
    "jpeg": "1.2.840.10008.1.2.4.50",  # baseline, 8 bits
    "extended": "1.2.840.10008.1.2.4.51",  # 12 bits
    "lossless": "1.2.840.10008.1.2.4.57",
    "lossless sv1": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg 2000": "1.2.840.10008.1.2.4.90",
}
LOSSY = ("jpeg", "extended")
WINDOW = (2048.0, 4096.0, "LINEAR")


def chest(size: int = SIZE) -> np.ndarray:
    """The drawn chest: uint16 (size, size), 12 bits, 700..3700: two dark lungs, ribs, a bright middle, some grain."""
    rows, columns = (np.mgrid[0:size, 0:size] + 0.5) / size * 2 - 1
    body = np.exp(-((np.abs(columns) / 0.95) ** 6) - (np.abs(rows) / 1.3) ** 6)
    lungs = sum(np.exp(-((((columns - x) / 0.3) ** 2 + ((rows + 0.05) / 0.62) ** 2) ** 2)) for x in (-0.45, 0.45))
    ribs = np.clip(np.cos((rows + 0.25 * columns**2) * 22), 0, 1) * lungs
    heart = np.exp(-(((columns - 0.15) / 0.28) ** 2 + ((rows - 0.3) / 0.3) ** 2))
    grain = np.random.RandomState(5).normal(0, 12, (size, size))
    drawn = 700 + 2100 * body - 1500 * lungs + 350 * ribs + 900 * heart + grain
    return np.clip(drawn, 700, 3700).astype(np.uint16)


@dataclass(frozen=True)
class Table:
    """A modality or VOI LUT.

    Attributes
    ----------
    curve : function
        Fractions 0..1 of the table's length to fractions of its full output.
    entries : int
        1 to 65536; written as 0 where there are 65536.
    first : int
        Input value of the first entry; may be negative.
    depth : int
        Bits of the entries.
    says_depth, says_entries : int or None
        What the descriptor says, where that is not the truth.
    vr : str
        Of LUTData: "US", "SS", "OW", or "OB" for 8-bit entries one a byte.
    packed : bool
        8-bit entries two a word (with "OW").
    descriptor_vr : str
        "US" or "SS".
    """

    curve: Callable[[np.ndarray], np.ndarray] = lambda x: x**0.7
    entries: int = 4096
    first: int = 0
    depth: int = 16
    says_depth: int | None = None
    says_entries: int | None = None
    vr: str = "OW"
    packed: bool = False
    descriptor_vr: str = "US"

    def values(self) -> np.ndarray:
        x = np.linspace(0, 1, self.entries) if self.entries > 1 else np.ones(1)
        return np.rint(np.clip(self.curve(x), 0, 1) * (2**self.depth - 1)).astype(np.int64)

    def look_up(self, values: np.ndarray) -> np.ndarray:
        """PS3.3 C.11.1.1.1: below the first entry the first, above the last the last."""
        return self.values()[np.clip(values - self.first, 0, self.entries - 1).astype(int)]

    def descriptor(self, order: str) -> bytes:
        entries = self.entries if self.says_entries is None else self.says_entries
        depth = self.depth if self.says_depth is None else self.says_depth
        return b"".join(struct.pack(f"{order}H", number & 0xFFFF) for number in (entries, self.first, depth))

    def payload(self, order: str) -> bytes:
        if self.packed or self.vr == "OB":
            octets = even(self.values().astype(np.uint8).tobytes(), b"\0")
            swap = order == ">" and self.vr != "OB"
            return np.frombuffer(octets, "<u2").astype(">u2").tobytes() if swap else octets
        return self.values().astype(f"{order}u2").tobytes()

    def element(self, tag: int, implicit: bool, order: str) -> Element:
        inner = [
            Element(0x00283002, self.descriptor_vr.encode(), self.descriptor(order)),
            Element(0x00283006, self.vr.encode(), self.payload(order)),
        ]
        if tag == 0x00283000:
            inner.insert(1, Element(0x00283004, b"LO", b"US"))
        return Element(tag, b"SQ", item(inner, implicit, order))


@dataclass(frozen=True)
class Palette:
    """Three curves that colour 8-bit values: 8- or 16-bit entries, plain or segmented."""

    entries: int = 256
    depth: int = 16
    first: int = 0
    packed: bool = False  # 8-bit entries two a word
    segmented: bool = False

    def channels(self) -> np.ndarray:
        """(3, entries), 0..0.9: pieces of straight lines, as segments hold them, and entries of two unlike bytes."""
        x = np.arange(self.entries) / max(1, self.entries - 1)
        return 0.9 * np.stack([np.minimum(1, 2 * x), x, np.maximum(0, 2 * x - 1)])

    def numbers(self) -> np.ndarray:
        return np.rint(self.channels() * (2**self.depth - 1)).astype(np.int64)

    def elements(self, order: str) -> list[Element]:
        size = struct.pack(f"{order}3H", self.entries & 0xFFFF, self.first & 0xFFFF, self.depth)
        elements = [Element(0x00281101 + channel, b"US", size) for channel in range(3)]
        for channel, numbers in enumerate(self.numbers()):
            tag = (0x00281221 if self.segmented else 0x00281201) + channel
            elements.append(Element(tag, b"OW", self._payload(numbers, order)))
        return elements

    def _payload(self, numbers: np.ndarray, order: str) -> bytes:
        if self.segmented:
            return segments(numbers).astype(f"{order}u2").tobytes()
        if self.packed:
            words = np.frombuffer(even(numbers.astype(np.uint8).tobytes(), b"\0"), "<u2")
            return words.astype(f"{order}u2").tobytes()
        return numbers.astype(f"{order}u2").tobytes()


def segments(numbers: np.ndarray) -> np.ndarray:
    """PS3.3 C.7.9.2: one discrete entry, then straight lines wherever they give the numbers exactly, else entries."""
    words, place = [0, 1, int(numbers[0])], 1
    while place < len(numbers):
        start, length = int(numbers[place - 1]), 0
        for tried in range(min(255, len(numbers) - place), 1, -1):
            line = np.rint(start + (int(numbers[place + tried - 1]) - start) * np.arange(1, tried + 1) / tried)
            if np.array_equal(line, numbers[place : place + tried]):
                length = tried
                break
        words += [1, length, int(numbers[place + length - 1])] if length else [0, 1, int(numbers[place])]
        place += max(1, length)
    return np.array(words)


@dataclass(frozen=True)
class Film:
    """How the chest is stored.

    Attributes
    ----------
    syntax : str
        A name of `SYNTAXES`.
    bits, allocated, high : int
        BitsStored (the chest is scaled to it), BitsAllocated and HighBit (None: bits - 1; others uncompressed and RLE).
    signed : bool
        Stored values moved down by half their range.
    above, below : int
        Bits written over and under the stored ones where there is room, as old overlays were.
    inverse : bool
        MONOCHROME1: the file holds bright = air, so that the same chest is shown.
    window : tuple of (centre, width, function), or None
        In units of the 12-bit chest; written in units of the file.
    window_text : tuple of (centre, width) or None
        The text to write instead.
    slope, intercept : float
        Rescale; the window is written in the units after it.
    modality, voi : Table or None
    palette : Palette or None
        PALETTE COLOR of the 8-bit chest.
    colour : str
        "", "RGB", "YBR_FULL" or "YBR_FULL_422": the grey chest tinted; uncompressed, RLE and lossless only.
    planar : int
        PlanarConfiguration of a colour film.
    missing : tuple of int
        Tags that are left out.
    meta : str
        "whole", "no syntax" (group 2 without it), "none" (DICM, but no group 2), "no preamble" (neither),
        "wrong length" (of group 2), "no group length", "full preamble" (of a TIFF).
    extra : tuple of Element
        Written in place of the film's own.
    """

    syntax: str = "explicit"
    bits: int = 12
    allocated: int = 16
    high: int | None = None
    signed: bool = False
    above: int = 0
    below: int = 0
    inverse: bool = False
    window: tuple[float, float, str] | None = WINDOW
    window_text: tuple[str, str] | None = None
    slope: float = 1.0
    intercept: float = 0.0
    modality: Table | None = None
    voi: Table | None = None
    palette: Palette | None = None
    colour: str = ""
    planar: int = 0
    missing: tuple[int, ...] = ()
    meta: str = "whole"
    extra: tuple[Element, ...] = field(default=())
    size: int = SIZE

    # what it holds ------------------------------------------------------------------------------

    def stored(self) -> np.ndarray:
        """(H, W) int64: the stored values; (H, W, 3) uint8 of a colour film."""
        if self.colour:
            return self._coloured()
        if self.palette:
            return np.minimum(chest(self.size) >> 4, self.palette.entries - 1).astype(np.int64) + self.palette.first
        values = self._scaled(chest(self.size))
        values = 2**self.bits - 1 - values if self.inverse else values
        return values - 2 ** (self.bits - 1) if self.signed else values

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return np.rint(values * ((2**self.bits - 1) / 4095)).astype(np.int64)

    def _luma_and_colour(self) -> np.ndarray:
        """(H, W, 3) uint8: Y, Cb, Cr; the last two the same for two pixels of YBR_FULL_422."""
        samples = np.asarray(Image.fromarray(self._coloured()).convert("YCbCr")).copy()
        if self.colour == "YBR_FULL_422":
            pairs = samples[..., 1:].reshape(self.size, self.size // 2, 2, 2)
            samples[..., 1:] = pairs.mean(2).round().astype(np.uint8).repeat(2, axis=1).reshape(samples[..., 1:].shape)
        return samples

    def _coloured(self) -> np.ndarray:
        grey = chest(self.size) / 4095 * 255
        tinted = np.stack([grey, grey * 0.8, grey * 0.6], -1)
        return np.rint(tinted).astype(np.uint8)

    # what it shows ------------------------------------------------------------------------------

    def shown(self) -> np.ndarray:
        """float64 of 0..255, bright = dense, by PS3.3 C.11 (grey) or C.7.6.3 (colour)."""
        if self.colour == "RGB":
            return self._coloured().astype(float)
        if self.colour:
            luma, blue, red = np.moveaxis(self._luma_and_colour() - np.array([0.0, 128, 128]), -1, 0)
            rgb = luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue
            return np.clip(np.stack(rgb, -1), 0, 255)
        if self.palette:
            places = np.clip(self.stored() - self.palette.first, 0, self.palette.entries - 1)
            return np.moveaxis(self.palette.numbers()[:, places], 0, -1) / (2**self.palette.depth - 1) * 255
        shown = self._after_voi(*self._after_modality())
        return (1 - shown if self.inverse else shown) * 255

    def _after_modality(self) -> tuple[np.ndarray, float, float]:
        ends = np.array([0, 2**self.bits - 1]) - (2 ** (self.bits - 1) if self.signed else 0)
        if self.modality:
            return self.modality.look_up(self.stored()), 0.0, 2.0**self.modality.depth - 1
        low, high = sorted(ends * self.slope + self.intercept)
        return self.stored() * self.slope + self.intercept, float(low), float(high)

    def _after_voi(self, values: np.ndarray, low: float, high: float) -> np.ndarray:
        if self.voi:
            return self.voi.look_up(np.floor(values + 0.5)) / (2**self.voi.depth - 1)
        if not self.window and self.bits > 8:
            return (values - values.min()) / (values.max() - values.min())
        if not self.window:
            return (values - low) / (high - low)
        centre, width = self._window()
        function = self.window[2]
        if function == "SIGMOID":
            return 1 / (1 + np.exp(-4 * (values - centre) / width))
        if function == "LINEAR":
            below, above = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
        else:
            below, above = centre - width / 2, centre + width / 2
        if above == below:
            return (values > below).astype(float)
        return np.clip((values - below) / (above - below), 0, 1)

    def _window(self) -> tuple[float, float]:
        """Centre and width in the units after the rescale."""
        assert self.window is not None
        centre, width, _ = self.window
        grown = (2**self.bits - 1) / 4095
        centre = centre * grown - (2 ** (self.bits - 1) if self.signed else 0)
        return centre * self.slope + self.intercept, width * grown * abs(self.slope)

    # the file -----------------------------------------------------------------------------------

    def data(self) -> bytes:
        """The bytes of the file."""
        return self.file().joined()

    def file(self) -> File:
        """The file in pieces, for a test that wants to change one."""
        native = SYNTAXES[self.syntax] if self.syntax in ("implicit", "explicit", "big") else EXPLICIT
        file = File(sorted(self._elements(native), key=lambda element: element.tag), group_2(native), native)
        if SYNTAXES[self.syntax] != native:
            file = File(file.put(self._packed(file)).body, group_2(SYNTAXES[self.syntax]), EXPLICIT)
        for element in self.extra:
            file = file.put(element)
        return self._with_faults(file.without(*self.missing))

    def _elements(self, syntax: str) -> list[Element]:
        order = ">" if syntax == BIG else "<"
        implicit = syntax == IMPLICIT
        samples = 3 if self.colour else 1
        bits, allocated = (8, 8) if self.colour or self.palette else (self.bits, self.allocated)
        numbers = {
            0x00280002: samples,
            0x00280010: self.size,
            0x00280011: self.size,
            0x00280100: allocated,
            0x00280101: bits,
            0x00280102: bits - 1 if self.high is None else self.high,
            0x00280103: int(self.signed),
        }
        if samples == 3:
            numbers[0x00280006] = self.planar
        photometric = self.colour or ("PALETTE COLOR" if self.palette else f"MONOCHROME{2 - self.inverse}")
        texts = {
            0x00080016: (b"UI", "1.2.840.10008.5.1.4.1.1.1.1"),
            0x00080018: (b"UI", "1.2.3.4"),
            0x00080060: (b"CS", "DX"),
            0x00100010: (b"PN", "Drawn^Chest"),
            0x00280004: (b"CS", photometric),
            **self._voi_texts(),
        }
        elements = [Element(tag, b"US", struct.pack(f"{order}H", number)) for tag, number in numbers.items()]
        elements += [Element(t, vr, even(s.encode(), b"\0" if vr == b"UI" else b" ")) for t, (vr, s) in texts.items()]
        if self.modality:
            elements.append(self.modality.element(0x00283000, implicit, order))
        if self.voi:
            elements.append(self.voi.element(0x00283010, implicit, order))
        if self.palette:
            elements += self.palette.elements(order)
        return [*elements, Element(PIXELS, b"OW" if allocated > 8 else b"OB", self._cells(order, bits, allocated))]

    def _voi_texts(self) -> dict[int, tuple[bytes, str]]:
        texts: dict[int, tuple[bytes, str]] = {}
        if (self.slope, self.intercept) != (1, 0):
            texts |= {0x00281052: (b"DS", f"{self.intercept:.10g}"), 0x00281053: (b"DS", f"{self.slope:.10g}")}
        if self.window_text:
            centre, width = self.window_text
            texts |= {0x00281050: (b"DS", centre), 0x00281051: (b"DS", width)}
        elif self.window and not (self.colour or self.palette):
            centre, width = (f"{number:.10g}" for number in self._window())
            texts |= {0x00281050: (b"DS", centre), 0x00281051: (b"DS", width)}
            if self.window[2] != "LINEAR":
                texts[0x00281056] = b"CS", self.window[2]
        return texts

    def _cells(self, order: str, bits: int, allocated: int) -> bytes:
        if self.colour:
            return self._colour_cells()
        shift = (bits - 1 if self.high is None else self.high) + 1 - bits
        cells = (self.stored() & (2**bits - 1)) << shift
        cells |= self.above << (shift + bits)
        cells |= self.below & (2**shift - 1)
        if allocated == 1:
            return even(np.packbits(cells.astype(np.uint8).ravel(), bitorder="little").tobytes(), b"\0")
        return even((cells & (2**allocated - 1)).astype(f"{order}u{allocated // 8}").tobytes(), b"\0")

    def _colour_cells(self) -> bytes:
        samples = self._coloured() if self.colour == "RGB" else self._luma_and_colour()
        if self.colour == "YBR_FULL_422":
            pairs = samples.reshape(-1, 2, 3)
            return np.concatenate([pairs[..., 0], pairs[:, 0, 1:]], -1).tobytes()
        return even((np.moveaxis(samples, -1, 0) if self.planar else samples).tobytes(), b"\0")

    def _packed(self, file: File) -> Element:
        """The pixel data compressed."""
        if self.syntax == "rle":
            return encapsulated([self._rle()])
        if self.syntax == "jpeg":
            return encapsulated([_saved(self.stored().astype(np.uint8), "JPEG", quality=100)])
        if self.syntax == "jpeg 2000":
            return encapsulated([self._jpeg_2000()])
        if self.syntax == "extended":
            return encapsulated([extended_jpeg(self.stored(), self.bits)])
        return encapsulated(_by_gdcm(file.joined(), self.syntax))

    def _jpeg_2000(self) -> bytes:
        from openjpeg.utils import encode_array

        bits = 8 if self.colour or self.palette else self.bits
        kind = f"{'i' if self.signed else 'u'}{1 if bits <= 8 else 2}"
        space = {"RGB": 1, "": 2}[self.colour]
        return encode_array(self.stored().astype(kind), bits, space, use_mct=False)

    def _rle(self) -> bytes:
        """PS3.5 annex G, in runs of literal bytes: the high byte plane first."""
        planes = [self.stored().astype(np.uint8)]
        if self.colour:
            planes = list(np.moveaxis(self._coloured(), -1, 0))
        elif self.allocated == 16 and not self.palette:
            cells = np.frombuffer(self._cells("<", self.bits, 16), "<u2")
            planes = [cells >> 8, cells & 0xFF]
        packed = [even(_literals(plane.astype(np.uint8).tobytes()), b"\0") for plane in planes]
        starts = [64 + sum(map(len, packed[:number])) for number in range(len(packed))]
        return struct.pack("<16I", len(packed), *starts, *[0] * (15 - len(packed))) + b"".join(packed)

    def _with_faults(self, file: File) -> File:
        meta, preamble = file.meta, file.preamble
        if self.meta == "no syntax":
            meta = [element for element in meta if element.tag != 0x00020010]
        elif self.meta == "none":
            meta = []
        elif self.meta == "no preamble":
            meta, preamble = [], b""
        elif self.meta == "wrong length":
            meta = [Element(0x00020000, b"UL", struct.pack("<I", 4)), *meta[1:]]
        elif self.meta == "no group length":
            meta = meta[1:]
        elif self.meta == "full preamble":
            preamble = b"II*\0" + bytes(range(124)) + b"DICM"
        elif self.meta != "whole":
            raise ValueError(f"No such fault: {self.meta}")
        return File(file.body, meta, file.syntax, preamble)


def _literals(plane: bytes) -> bytes:
    runs = [plane[place : place + 128] for place in range(0, len(plane), 128)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


def extended_jpeg(values: np.ndarray, bits: int = 12) -> bytes:
    """A sequential DCT JPEG (SOF1, Huffman) of up to 12 bits with all quantisers 1: GDCM and Pillow write none.

    Every symbol has a code of nine bits, its place in the table: larger than need be, and short to write.
    """
    height, width = values.shape
    padded = np.pad(values, [(0, -height % 8), (0, -width % 8)], mode="edge") - 2 ** (bits - 1)
    blocks = padded.reshape(padded.shape[0] // 8, 8, -1, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    cosines = np.cos(np.outer(np.arange(8), np.arange(8) + 0.5) * np.pi / 8) / 2
    cosines[0] /= np.sqrt(2)
    zigzag = sorted(range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))
    numbers = np.rint(cosines @ blocks @ cosines.T).astype(int).reshape(-1, 64)[:, zigzag]
    numbers[1:, 0] -= numbers[:-1, 0].copy()
    dc, ac = list(range(16)), [0x00, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 15))]
    packed: list[str] = []
    for block in numbers.tolist():
        packed.append(_code(dc, abs(block[0]).bit_length(), block[0]))
        run = 0
        last = max((place for place in range(1, 64) if block[place]), default=0)
        for number in block[1 : last + 1]:
            if number == 0:
                run += 1
                continue
            packed += [f"{ac.index(0xF0):09b}"] * (run // 16)
            packed.append(_code(ac, run % 16 << 4 | abs(number).bit_length(), number))
            run = 0
        packed += [f"{ac.index(0):09b}"] * (last < 63)
    text = "".join(packed)
    text += "1" * (-len(text) % 8)
    entropy = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    tables = b"".join(
        _segment(0xC4, bytes([kind]) + bytes([0] * 8 + [len(symbols)] + [0] * 7) + bytes(symbols))
        for kind, symbols in ((0x00, dc), (0x10, ac))
    )
    frame = _segment(0xC1, struct.pack(">BHHB", bits, height, width, 1) + b"\1\x11\0")
    scan = _segment(0xDA, b"\1\1\0\0\x3f\0")
    return b"\xff\xd8" + _segment(0xDB, b"\0" + b"\1" * 64) + frame + tables + scan + entropy + b"\xff\xd9"


def _code(symbols: list[int], symbol: int, number: int) -> str:
    """The code of a symbol and the bits of its number (T.81 F.1.2.1: negative numbers as one's complement)."""
    size = symbol & 15
    extra = number if number >= 0 else number + 2**size - 1
    return f"{symbols.index(symbol):09b}" + (f"{extra:0{size}b}" if size else "")


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _saved(pixels: np.ndarray, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def _by_gdcm(plain: bytes, syntax: str) -> list[bytes]:
    """The fragments of GDCM's own copy of the file in another transfer syntax."""
    import gdcm

    syntaxes = {
        "lossless": gdcm.TransferSyntax.JPEGLosslessProcess14,
        "lossless sv1": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        "jpeg-ls": gdcm.TransferSyntax.JPEGLSLossless,
    }
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "plain.dcm"), Path(folder, "packed.dcm")
        source.write_bytes(plain)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        assert reader.Read(), "GDCM reads the plain film"
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntaxes[syntax]))
        change.SetInput(reader.GetImage())
        assert change.Change(), f"GDCM writes {syntax}"
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        pixels = split(target.read_bytes()).find(PIXELS)
    assert pixels is not None
    return fragments(pixels.value)[1:]


def each(syntaxes: Sequence[str] = tuple(SYNTAXES), **options: Any) -> dict[str, Film]:
    """The same film in several transfer syntaxes; JPEG baseline at the 8 bits it knows."""
    eight = {"bits": 8, "allocated": 8}
    return {name: Film(name, **options | (eight if name == "jpeg" else {})) for name in syntaxes}
