"""A DICOM file as other programs show it: the yardstick for `xraykit.films`, which shares no code with it.

`by_dcmtk` asks DCMTK's command line tools. `by_numpy` takes the tags from pydicom, uncompressed and RLE pixels from the
bytes by hand, grey JPEG 2000 from Pillow, other codecs from GDCM, and walks PS3.3 C.7.6.3 and C.11 step by step.
Both give the first frame as float64 of 0..255, (H, W) grey or (H, W, 3) colour, and raise `NotShown` with a reason.
"""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.multival import MultiValue

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
GREY = ("MONOCHROME1", "MONOCHROME2")


class NotShown(Exception):
    """The other program shows nothing, and says why."""


def opened(file: Path | bytes) -> Dataset:
    """The data set, in whatever state its preamble and group 2 are.

    Raises
    ------
    NotShown
        If pydicom finds no data set.
    """
    try:
        return dcmread(io.BytesIO(file) if isinstance(file, bytes) else file, force=True)
    except Exception as error:
        raise NotShown(str(error)[:120]) from error


def syntax_of(film: Dataset) -> str:
    """Transfer syntax UID; where group 2 lacks it, what pydicom read the data set with."""
    if uid := str(getattr(film, "file_meta", {}).get("TransferSyntaxUID", "")):
        return uid
    implicit, little = film.original_encoding
    return IMPLICIT if implicit else EXPLICIT if little else BIG


# --- DCMTK ---


@cache
def dcmtk_is_here() -> bool:
    return all(map(shutil.which, ("dcmj2pnm", "dcml2pnm")))


def by_dcmtk(path: Path) -> np.ndarray:
    """DCMTK's picture: VOI LUT preferred to the first window, no overlays."""
    if not dcmtk_is_here():
        raise NotShown("no DCMTK")
    film = opened(path)
    tool = "dcml2pnm" if syntax_of(film) in JPEG_LS else "dcmj2pnm"
    voi = ["+Wl", "1"] if film.get("VOILUTSequence") else ["+Wi", "1"] if film.get("WindowCenter") else []
    deep = film.get("PhotometricInterpretation") in GREY and (voi or film.get("BitsStored", 0) > 8)
    depth = "+on2" if deep else "+on"  # at 16 bits it shows an 8-bit film a level too dark
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "film.png")
        run = [tool, "--quiet", "-O", "-il", *voi, depth, str(path), str(out)]
        done = subprocess.run(run, capture_output=True, errors="replace", timeout=60)
        if done.returncode or not out.exists():
            loud = subprocess.run([*run[:1], *run[2:]], capture_output=True, errors="replace", timeout=60)
            raise NotShown((loud.stderr.strip().splitlines() or ["no picture"])[0][:120])
        picture = Image.open(io.BytesIO(out.read_bytes()))
        pixels = np.asarray(picture).astype(np.float64)
    return pixels / 257 if picture.mode.startswith("I") else pixels


# --- NumPy ---


def by_numpy(file: Path | bytes) -> np.ndarray:
    """The picture by PS3.3, step by step."""
    film = opened(file)
    try:
        values, photometric = stored_values(film, file if isinstance(file, bytes) else file.read_bytes())
        if photometric in GREY:
            return grey(values, film)
        return colour(values, film, photometric)
    except NotShown:
        raise
    except Exception as error:
        raise NotShown(f"{type(error).__name__}: {error}"[:120]) from error


def stored_values(film: Dataset, data: bytes) -> tuple[np.ndarray, str]:
    """First frame, (H, W) or (H, W, 3), integers of BitsStored bits; and what its samples mean by now."""
    if "PixelData" not in film:
        raise NotShown("no Pixel Data")
    if wrong := contradiction(film):
        raise NotShown(wrong)
    syntax, photometric = syntax_of(film), str(film.get("PhotometricInterpretation", ""))
    native = syntax in (IMPLICIT, EXPLICIT, BIG, DEFLATED)
    if native == film["PixelData"].is_undefined_length:
        raise NotShown("the pixels have another form than the transfer syntax says")
    if native:
        cells, photometric = _native(film, syntax, photometric)
    elif syntax == RLE:
        cells = _rle(film, _first_frame(film, data))
    elif syntax in JPEG_2000 and photometric in GREY:
        cells = _jpeg_2000(film, _first_frame(film, data))
    else:
        cells, photometric = _gdcm(data)
    return _of_stored_bits(cells, film), photometric


def contradiction(film: Dataset) -> str:
    """What the tags that describe the samples say against one another (PS3.3 C.7.6.3.1), or nothing."""
    allocated, stored = int(film.BitsAllocated), int(film.BitsStored)
    high, samples = int(film.get("HighBit", stored - 1)), int(film.SamplesPerPixel)
    if allocated not in (1, 8, 16, 32) or not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        return f"{stored} bits up to bit {high} of {allocated}"
    if samples != (1 if str(film.PhotometricInterpretation) in (*GREY, "PALETTE COLOR") else 3):
        return f"{samples} samples of {film.PhotometricInterpretation}"
    if int(film.get("PixelRepresentation", 0)) > samples % 3 or int(film.get("PlanarConfiguration", 0)) > 1:
        return "a pixel representation or planar configuration that the samples cannot have"
    return ""


def _native(film: Dataset, syntax: str, photometric: str) -> tuple[np.ndarray, str]:
    rows, columns, samples = film.Rows, film.Columns, film.SamplesPerPixel
    allocated, data = film.BitsAllocated, film.PixelData
    count = rows * columns * samples
    if allocated == 1:
        packed = np.frombuffer(data, np.uint8)
        if syntax == BIG and film["PixelData"].VR == "OW":
            packed = packed[: packed.size // 2 * 2].reshape(-1, 2)[:, ::-1].ravel()
        bits = np.unpackbits(packed, bitorder="little")
        return _enough(bits, count).reshape(rows, columns), photometric
    if photometric == "YBR_FULL_422":  # Y1 Y2 Cb Cr for two pixels
        quads = _enough(np.frombuffer(data, np.uint8), count * 2 // 3).reshape(-1, 4)
        first, second = quads[:, [0, 2, 3]], quads[:, [1, 2, 3]]
        return np.stack([first, second], 1).reshape(rows, columns, 3), "YBR_FULL"
    if allocated == 8 and syntax == BIG and film["PixelData"].VR == "OW":
        swapped = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
        data = swapped
    kind = np.dtype(f"{'>' if syntax == BIG else '<'}u{allocated // 8}")
    cells = _enough(np.frombuffer(data[: len(data) // kind.itemsize * kind.itemsize], kind), count)
    cells = cells.astype(kind.newbyteorder("="))
    if samples == 1:
        return cells.reshape(rows, columns), photometric
    if film.get("PlanarConfiguration"):
        return np.moveaxis(cells.reshape(samples, rows, columns), 0, -1), photometric
    return cells.reshape(rows, columns, samples), photometric


def _enough(cells: np.ndarray, count: int) -> np.ndarray:
    if cells.size < count:
        raise NotShown(f"{cells.size} of {count} samples")
    return cells[:count]


def _first_frame(film: Dataset, data: bytes) -> bytes:
    """PS3.5 A.4: items by their lengths, from the file's bytes; pydicom 3.0.2 ends at a delimiter inside an item."""
    place = film["PixelData"].file_tell
    order = ">" if syntax_of(film) == BIG else "<"
    items: list[bytes] = []
    while len(data) >= place + 8:
        group, element, length = struct.unpack(f"{order}HHI", data[place : place + 8])
        if (group, element) != (0xFFFE, 0xE000):
            break
        items.append(data[place + 8 : place + 8 + length])
        place += 8 + length
    offsets, fragments = items[0], items[1:]
    if int(film.get("NumberOfFrames") or 1) == 1:
        return b"".join(fragments)
    if len(offsets) < 8:
        return fragments[0]
    return b"".join(fragments)[: int.from_bytes(offsets[4:8], "little") - 8]  # a frame a fragment


def _jpeg_2000(film: Dataset, frame: bytes) -> np.ndarray:
    picture = Image.open(io.BytesIO(frame))
    if picture.size != (film.Columns, film.Rows):
        raise NotShown(f"the codestream is {picture.size[0]} x {picture.size[1]}")
    cells = np.asarray(picture).astype(np.int64)
    precision = frame[frame.index(b"\xff\x51") + 40]  # Ssiz: sign, bits - 1
    bits = (precision & 0x7F) + 1
    cells >>= picture.mode.startswith("I") * (16 - bits)  # Pillow shifts to the top of 16 bits
    return cells - (2 ** (bits - 1) if precision & 0x80 else 0)  # and makes signed samples unsigned


def _rle(film: Dataset, frame: bytes) -> np.ndarray:
    """PS3.5 annex G: a header of 16 numbers, then one segment of packed bytes for each byte of a sample."""
    count, *starts = np.frombuffer(frame[:64], "<u4").tolist()
    pixels, octets = film.Rows * film.Columns, film.BitsAllocated // 8
    ends = [*starts[1:count], len(frame)]
    planes = [_unpacked(frame[start:end], pixels) for start, end in zip(starts, ends, strict=False)]
    if count != film.SamplesPerPixel * octets:
        raise NotShown(f"{count} RLE segments")
    joined = np.stack(planes, -1).reshape(film.Rows, film.Columns, film.SamplesPerPixel, octets)
    weights = 256 ** np.arange(octets - 1, -1, -1, dtype=np.uint64)
    cells = (joined.astype(np.uint64) * weights).sum(-1).astype(f"u{octets}")
    return cells[..., 0] if film.SamplesPerPixel == 1 else cells


def _unpacked(packed: bytes, size: int) -> np.ndarray:
    out, place = bytearray(), 0
    while place < len(packed) and len(out) < size:
        head = packed[place]
        if head < 128:
            out += packed[place + 1 : place + 2 + head]
            place += 2 + head
        else:
            out += packed[place + 1 : place + 2] * (257 - head if head > 128 else 0)
            place += 2 if head > 128 else 1
    return _enough(np.frombuffer(bytes(out), np.uint8), size)


def _gdcm(data: bytes) -> tuple[np.ndarray, str]:
    import gdcm

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    reader = gdcm.ImageReader()
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(data)
        file.flush()
        reader.SetFileName(file.name)
        if not reader.Read():
            raise NotShown("GDCM reads no image")
    image = reader.GetImage()
    form = image.GetPixelFormat()
    columns, rows = image.GetDimension(0), image.GetDimension(1)
    samples, signed = form.GetSamplesPerPixel(), form.GetPixelRepresentation()
    kind = np.dtype(f"{'i' if signed else 'u'}{form.GetBitsAllocated() // 8}")
    buffer = image.GetBuffer()
    if isinstance(buffer, str):
        buffer = buffer.encode("utf-8", errors="surrogateescape")
    cells = _enough(np.frombuffer(buffer, kind), rows * columns * samples)
    photometric = str(image.GetPhotometricInterpretation()).strip()
    if samples == 1:
        return cells.reshape(rows, columns), photometric
    if image.GetPlanarConfiguration():
        return np.moveaxis(cells.reshape(samples, rows, columns), 0, -1), photometric
    return cells.reshape(rows, columns, samples), photometric


def _of_stored_bits(cells: np.ndarray, film: Dataset) -> np.ndarray:
    """Bits HighBit down to HighBit - BitsStored + 1, with their sign."""
    stored = int(film.BitsStored)
    high = int(film.get("HighBit", stored - 1))
    values = cells.astype(np.int64) >> (high + 1 - stored) & (2**stored - 1)
    if film.get("PixelRepresentation"):
        values = np.where(values >= 2 ** (stored - 1), values - 2**stored, values)
    return values


def grey(values: np.ndarray, film: Dataset) -> np.ndarray:
    """PS3.3 C.11: modality, VOI, polarity; where no VOI shows something, the range of the film's own pixels."""
    bits, signed = int(film.BitsStored), bool(film.get("PixelRepresentation"))
    ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])
    numbers, low, high = modality(values, ends, film)
    shown = voi(numbers, low, film)
    if shown is None and bits <= 8:
        shown = (numbers - low) / (high - low)
    elif shown is None or not _shows(shown, values, film):
        own = numbers[_film_not_padding(values, film)]
        shown = np.clip((numbers - own.min()) / max(own.max() - own.min(), 1e-9), 0, 1)
    inverse = str(film.get("PresentationLUTShape", "")) == "INVERSE"
    shown = np.clip(shown, 0, 1)
    if film.PhotometricInterpretation == "MONOCHROME1" or inverse:
        shown = 1 - shown
    return shown * 255


def _shows(shown: np.ndarray, values: np.ndarray, film: Dataset) -> bool:
    """An eighth of the grey scale at least, and no more than nine pixels of ten beyond its ends."""
    pixels = shown[_film_not_padding(values, film)]
    beyond = np.mean((pixels < 0) | (pixels > 1))
    return bool(np.ptp(np.clip(pixels, 0, 1)) >= 1 / 8 and beyond <= 0.9)


def _film_not_padding(values: np.ndarray, film: Dataset) -> np.ndarray:
    padding = film.get("PixelPaddingValue")
    if padding is None:
        return np.ones(values.shape, bool)
    limit = film.get("PixelPaddingRangeLimit", padding)
    inside = (values < min(padding, limit)) | (values > max(padding, limit))
    return inside if inside.any() else ~inside


def modality(values: np.ndarray, ends: np.ndarray, film: Dataset) -> tuple[np.ndarray, float, float]:
    """C.11.1: the LUT, or slope and intercept; with the lowest and highest value that can come out."""
    if film.get("ModalityLUTSequence"):
        item = film.ModalityLUTSequence[0]
        table = lut(item, film)
        return looked_up(values, item, table, bool(ends[0] < 0)), 0.0, 2.0 ** _depth(item) - 1
    slope, intercept = _number(film, "RescaleSlope"), _number(film, "RescaleIntercept")
    if np.isnan(slope) and np.isnan(intercept):
        slope, intercept = 1.0, 0.0
    if slope == 0 or not np.isfinite(slope + intercept):
        raise NotShown(f"rescale slope {slope:g}, intercept {intercept:g}")
    scaled = ends * slope + intercept
    return values * slope + intercept, float(scaled.min()), float(scaled.max())


def voi(numbers: np.ndarray, low: float, film: Dataset) -> np.ndarray | None:
    """C.11.2, to 0..1 before clipping; None where the file has none. A LUT of untrue depth reaches its own maximum."""
    if film.get("VOILUTSequence"):
        item = film.VOILUTSequence[0]
        table = lut(item, film)
        top = 2.0 ** _depth(item) - 1
        if not 8 <= _depth(item) <= 16 or not top / 2 < table.max() <= top:
            top = table.max()
        return looked_up(np.rint(numbers), item, table, low < 0) / top
    centre, width = _number(film, "WindowCenter"), _number(film, "WindowWidth")
    if np.isnan(centre + width):
        return None
    function = str(film.get("VOILUTFunction") or "LINEAR").upper()
    if not np.isfinite(centre + width):
        raise NotShown(f"window centre {centre:g}, width {width:g}")
    if width <= 0:
        return None
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (numbers - centre) / width))
    if function == "LINEAR" and width >= 1:
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (numbers > centre).astype(float)
    return (numbers - centre) / width + 0.5


def lut(item: Dataset, film: Dataset) -> np.ndarray:
    """Entries of a LUT item as numbers: US, SS or OW of the file's byte order, 8-bit entries one or two a word."""
    data: Any = item.LUTData
    if isinstance(data, bytes):
        little = syntax_of(film) != BIG
        words = np.frombuffer(data, "<u2" if little else ">u2")
        if len(words) * 2 == _entries(item) + _entries(item) % 2 and _depth(item) <= 8:
            words = np.frombuffer(words.astype("<u2").tobytes(), np.uint8)
        return words.astype(float)
    return np.asarray([value & 0xFFFF for value in np.atleast_1d(data).tolist()], float)


def looked_up(values: np.ndarray, item: Dataset, table: np.ndarray, signed: bool) -> np.ndarray:
    """The entry of each value; those outside the table get its first or last entry."""
    first = int(item.LUTDescriptor[1]) & 0xFFFF
    if signed and first >= 2**15:
        first -= 2**16
    return table[np.clip(values - first, 0, _entries(item) - 1).astype(int)]


def _entries(item: Dataset) -> int:
    return int(item.LUTDescriptor[0]) & 0xFFFF or 2**16


def _depth(item: Dataset) -> int:
    return int(item.LUTDescriptor[2])


def _number(film: Dataset, keyword: str) -> float:
    """A decimal string, NaN where there is none."""
    if keyword in film and film[keyword].VR != "DS":
        raise NotShown(f"{keyword} is written as {film[keyword].VR}")
    return _first(film.get(keyword), np.nan)


def _first(value: Any, absent: float) -> float:
    if value is None or value == "":
        return absent
    if not isinstance(value, int | float | str | MultiValue):
        raise NotShown(f"a number written as {type(value).__name__}")
    return float(next(iter(value), absent) if isinstance(value, MultiValue) else value)


def colour(values: np.ndarray, film: Dataset, photometric: str) -> np.ndarray:
    """C.7.6.3.1.2: palette, YBR or RGB to RGB."""
    if photometric == "PALETTE COLOR":
        names = "Red", "Green", "Blue"
        if len({str(film[f"{name}PaletteColorLookupTableDescriptor"].value) for name in names}) > 1:
            raise NotShown("three palettes of different sizes")
        channels = [_palette(film, name) for name in names]
        first = int(film.RedPaletteColorLookupTableDescriptor[1]) & 0xFFFF
        if film.get("PixelRepresentation") and first >= 2**15:
            first -= 2**16
        return np.stack([table[np.clip(values - first, 0, len(table) - 1)] for table in channels], -1)
    top = 2 ** int(film.BitsStored) - 1
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        luma, blue, red = (values[..., k].astype(float) - (0, (top + 1) / 2, (top + 1) / 2)[k] for k in range(3))
        planes = luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue
        return np.clip(np.stack(planes, -1), 0, top) / top * 255
    undone = ("YBR_RCT", "YBR_ICT") if syntax_of(film) in JPEG_2000 else ()  # by the codec itself
    if photometric not in ("RGB", *undone):
        raise NotShown(f"photometric interpretation {photometric or 'missing'}")
    return values / top * 255


def _palette(film: Dataset, name: str) -> np.ndarray:
    """One channel of a palette, 0..255."""
    entries, _, depth = (int(value) for value in film[f"{name}PaletteColorLookupTableDescriptor"].value)
    entries = entries & 0xFFFF or 2**16
    order = ">u2" if syntax_of(film) == BIG else "<u2"
    plain = film.get(f"{name}PaletteColorLookupTableData")
    if plain is not None:
        words = np.frombuffer(plain, order)
        if len(words) < entries:  # 8-bit entries, two a word
            words = np.frombuffer(words.astype("<u2").tobytes(), np.uint8)
    else:
        words = _segments(np.frombuffer(film[f"Segmented{name}PaletteColorLookupTableData"].value, order), depth)
    table = words[:entries].astype(float)
    # Many 8-bit palettes lie in the high byte of 16-bit entries, whatever the descriptor says
    return table / (257 if depth == 16 or table.max() > 255 else 1)


def _segments(words: np.ndarray, depth: int) -> np.ndarray:
    """PS3.3 C.7.9.2: discrete, linear and indirect segments."""
    values: list[int] = []
    data, place = words.tolist(), 0
    while place + 1 < len(data):
        code, length = data[place], data[place + 1]
        if code == 0:
            values += data[place + 2 : place + 2 + length]
            place += 2 + length
        elif code == 1:
            start, end = values[-1], data[place + 2]
            values += [round(start + (end - start) * step / length) for step in range(1, length + 1)]
            place += 3
        elif code == 2:
            where = data[place + 2] | data[place + 3] << 16
            values += _segments(np.array(data[where // 2 : where // 2 + 2 * length]), depth).tolist()
            place += 4
        else:
            raise NotShown(f"palette segment of code {code}")
    return np.array(values)
