"""PNG, JPEG, TIFF, BMP, WebP and JPEG 2000 bytes to pixels, with notes on what was converted.

Knows no process, no limit on time and no file: `radiograph.read` calls it, and `ingest` stands before that.
"""

from __future__ import annotations

import importlib
import io
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph
from xraykit.films.stills import jpeg

if TYPE_CHECKING:
    from PIL import Image


PLUGINS = {  # of Pillow, by the name of the format; no other is asked
    "PNG": "PngImagePlugin",
    "JPEG": "JpegImagePlugin",
    "TIFF": "TiffImagePlugin",
    "BMP": "BmpImagePlugin",
    "WebP": "WebPImagePlugin",
    "JPEG 2000": "Jpeg2KImagePlugin",
}
MAX_PIXELS = 40_000_000  # 6000 x 6600; the largest common detectors give 4300 x 4300
# EXIF orientation (CIPA DC-008, tag 0x0112) -> how to bring row 0 to the top
UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: lambda a: np.rot90(a),
}


def check_size(width: int, height: int) -> None:
    """Raise `NotARadiograph` unless 1 <= width * height <= `MAX_PIXELS`."""
    if width < 1 or height < 1:
        raise NotARadiograph(f"The image has {width} x {height} pixels. Export the film again.", code="no-pixels")
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(f"{width} x {height}")


def read(data: bytes, form: str) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Decode one still, of many pages the first.

    Parameters
    ----------
    data : bytes
    form : str
        One of `PLUGINS`, by how the data begin.

    Returns
    -------
    pixels : numpy.ndarray
        uint8 or uint16, (H, W) grey or (H, W, 3) colour, full range of the dtype, upright, row 0 on top.
    notes : tuple of Note
        What was converted, for the user.
    """
    notes: list[Note] = []
    image = _open(data, form, notes)
    _load(image, form)
    _check_data(image, data, form)
    pixels = _pixels(image, data, notes)
    turn = UPRIGHT.get(_orientation(image, notes))
    if turn is not None:
        pixels = turn(pixels)
        notes.append(Note("turned", "Turned upright according to its EXIF orientation."))
    return np.ascontiguousarray(pixels), tuple(notes)


def grey_or_colour(pixels: np.ndarray, notes: list[Note]) -> np.ndarray:
    """Give (H, W) where the channels of (H, W, 3) uint8 are the same up to JPEG noise, else the colour.

    A colour picture whose hue does not follow its brightness gets a note that it does not look like a
    radiograph; an evenly tinted one (a scanned blue-base film) does not.
    """
    red, green, blue = (pixels[..., channel] for channel in range(3))
    sample = pixels[:: max(1, pixels.shape[0] // 256), :: max(1, pixels.shape[1] // 256)].astype(np.float32)
    spread = sample.max(axis=-1) - sample.min(axis=-1)
    if not spread.any() and np.array_equal(red, green) and np.array_equal(green, blue):
        return red
    if spread.mean() < 2 and np.quantile(spread, 0.999) <= 12:
        notes.append(Note("grey-in-colour", "Colour file of a grey film: read as grey."))
        return luma(pixels)
    if _hue_variation(sample) > 4:
        words = "This colour image does not look like a radiograph: what a model predicts of it means nothing."
        notes.append(Note("colour-not-radiograph", words, warning=True))
    else:
        words = "Colour or tinted film: models trained on grey films see its brightness only."
        notes.append(Note("tinted", words, warning=True))
    return pixels


def luma(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 to (H, W) uint8 by ITU-R BT.601, the weights of JPEG itself."""
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).convert("L"))


def fill_range(values: np.ndarray, bits: int) -> np.ndarray:
    """Scale integers of 0..2**bits-1 to the full range: uint8 exactly for 8 bits, else uint16."""
    if bits == 8:
        return values.astype(np.uint8)
    scale = 65535 / (2**bits - 1)
    table = np.floor(np.arange(2**bits) * scale + 0.5).astype(np.uint16)
    return table[values]


def _too_many_pixels(pixels: str) -> NotARadiograph:
    limit = f"the limit is {MAX_PIXELS // 10**6} megapixels"
    words = f"The film has {pixels} pixels; {limit}. Export it at a smaller size."
    return NotARadiograph(words, code="too-many-pixels")


def _open(data: bytes, form: str, notes: list[Note]) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    importlib.import_module(f"PIL.{PLUGINS[form]}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow only warns from 89 megapixels on; check_size refuses
            image = Image.open(io.BytesIO(data), formats=(form.replace(" ", "").upper(),))
    except Image.DecompressionBombError as error:
        raise _too_many_pixels("far too many") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        words = f"The file begins like a {form}, but the rest is not. Copy or export the film again."
        raise NotARadiograph(words, code="corrupt") from error
    check_size(*image.size)
    frames = 1 if form == "JPEG" else getattr(image, "n_frames", 1)
    if form == "TIFF" and frames > 1:
        words = f"The file has {frames} pages: the first is shown, and models see no other."
        notes.append(Note("first-frame", words, warning=True))
    elif frames > 1:
        words = f"The file is an animation of {frames} images. Export the one film to be read."
        raise NotARadiograph(words, code="animated")
    return image


def _load(image: Image.Image, form: str) -> None:
    try:
        image.load()
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        # Pillow raises the same types for a file that ends early and for one that is damaged: only its words differ
        cut = "truncat" in str(error).lower() or "incomplete" in str(error).lower()
        words = f"The {form} file is {'cut short' if cut else 'damaged'}. Copy or export it again."
        raise NotARadiograph(words, code="truncated" if cut else "corrupt") from error


def _check_data(image: Image.Image, data: bytes, form: str) -> None:
    """Refuse a file with fewer or more data than its header describes, which Pillow passes over."""
    if form == "JPEG":
        jpeg.check_data(data, jpeg.frame(data), np.asarray(image), _decoded)
    elif form == "PNG":
        expected = _bytes_of_png(data)
        if (there := _unpacked_bytes(data, expected)) != expected:
            raise _contradiction(form, expected, there)
    elif form == "TIFF":
        _check_strips(image)
    elif form == "BMP" and data[14] >= 40 and int.from_bytes(data[30:34], "little") == 0:  # no compression
        bits, begin = int.from_bytes(data[28:30], "little"), int.from_bytes(data[10:14], "little")
        expected, there = image.height * (-(-image.width * bits // 32) * 4), len(data) - begin
        if not expected <= there < expected + 4:
            raise _contradiction(form, expected, there)


def _check_strips(image: Any) -> None:
    tags = image.tag_v2
    if 273 not in tags:  # in tiles
        return
    planes = tags.get(277, 1) if tags.get(284) == 2 else 1
    expected = -(-image.height // min(tags.get(278, image.height) or 1, image.height)) * planes
    if (there := len(tags[273])) != expected:
        words = f"The header of the TIFF file promises {expected} strips of pixels, it has {there}. Export it again."
        raise NotARadiograph(words, code="contradiction")
    if image.info.get("compression") == "raw":
        expected = image.height * -(-image.width * sum(_bits_of_tiff(image)) // 8)
        if (there := sum(tags.get(279, ()))) != expected:
            raise _contradiction("TIFF", expected, there)


def _decoded(codestream: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(codestream), formats=("JPEG",)))


def _contradiction(form: str, expected: int, there: int) -> NotARadiograph:
    words = f"The header of the {form} file promises {expected:,} bytes of pixels, it holds {there:,}. Export it again."
    return NotARadiograph(words, code="contradiction")


def _bytes_of_png(data: bytes) -> int:
    """Of all rows when they are unpacked, each with its byte for the filter (PNG, 7.2 and 8)."""
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    bits = data[24] * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
    passes = ((0, 0, 1, 1),)
    if data[28]:
        passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    sides = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes]
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sides if columns > 0 and rows > 0)


def _unpacked_bytes(data: bytes, most: int) -> int:
    """How many bytes the IDAT chunks unpack to; at most `most` and a few are unpacked."""
    unpacking, place, there = zlib.decompressobj(), 8, 0
    while place + 8 <= len(data) and there <= most:
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        packed = data[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        while packed and there <= most:
            there += len(unpacking.decompress(packed, 2**20))
            packed = unpacking.unconsumed_tail
        place += 12 + length
    return there + len(unpacking.flush()) if there <= most else there


def _bits_of_tiff(image: Any) -> tuple[int, ...]:
    bits, samples = image.tag_v2.get(258, (1,)), image.tag_v2.get(277, 1)
    return bits if len(bits) == samples else bits[:1] * samples


def _pixels(image: Image.Image, data: bytes, notes: list[Note]) -> np.ndarray:
    if image.mode.startswith("I"):
        return _sixteen_bit(_words(image), notes)
    if image.mode == "F":
        words = "The pixels are floating-point numbers; 8 and 16 bits can be read. Export the film as 16-bit grey."
        raise NotARadiograph(words, code="unsupported-format")
    if image.format == "PNG" and data[24] == 16:
        _note_lost_bits(image, notes)
    if image.format == "TIFF" and max(_bits_of_tiff(image)) > 8:
        _note_lost_bits(image, notes)
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image.convert("L"))
    if image.mode == "CMYK":
        return grey_or_colour(_from_cmyk(image, notes), notes)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return grey_or_colour(_on_black(image.convert("RGBA"), notes), notes)
    if image.mode == "P":
        notes.append(Note("palette", "Palette converted to colours."))
    elif image.mode == "YCbCr":
        notes.append(Note("ycbcr", "YCbCr converted to RGB."))
    return grey_or_colour(np.asarray(image.convert("RGB")), notes)


def _words(image: Any) -> np.ndarray:
    """Grey of more than 8 bits, bright = dense."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        words = "The pixels are 32-bit or signed numbers; 8 and 16 bits can be read. Export the film as 16-bit grey."
        raise NotARadiograph(words, code="unsupported-format")
    # Pillow turns a TIFF of bright = air (tag 262 is 0) round at 8 bits only
    white_is_zero = image.format == "TIFF" and image.tag_v2.get(262) == 0
    return 2 ** _bits_of_tiff(image)[0] - 1 - values if white_is_zero else values


def _sixteen_bit(values: np.ndarray, notes: list[Note]) -> np.ndarray:
    # Never .convert("L"): Pillow saturates 16 bits there (15/16 of a 12-bit film would turn white)
    values = values.astype(np.uint16)
    top = int(values.max())
    bits = next(bits for bits in (8, 10, 12, 14, 16) if top < 2**bits)
    notes.append(Note("bits", f"16-bit file with {bits}-bit values." if bits < 16 else "16-bit file."))
    return fill_range(values, bits)


def _note_lost_bits(image: Image.Image, notes: list[Note]) -> None:
    # Pillow keeps the high byte of 16-bit colour only: fine for the full range, ruin for 12-bit values
    if np.asarray(image)[..., :3].max() < 128:
        words = "The file is a 16-bit colour PNG that uses few of its bits. Export it as 16-bit grey or as 8-bit."
        raise NotARadiograph(words, code="unsupported-format")
    notes.append(Note("bits", "16-bit colour file, read at 8 bits per channel."))


def _from_cmyk(image: Image.Image, notes: list[Note]) -> np.ndarray:
    # Pillow assumes Adobe's inverted inks for every CMYK JPEG; a file without Adobe's marker is not inverted
    from PIL import ImageChops

    notes.append(Note("cmyk", "CMYK converted to RGB."))
    inks = image if "adobe" in image.info else ImageChops.invert(image)
    return np.asarray(inks.convert("RGB"))


def _on_black(rgba: Image.Image, notes: list[Note]) -> np.ndarray:
    from PIL import Image

    if rgba.getchannel("A").getextrema() == (255, 255):
        return np.asarray(rgba.convert("RGB"))
    notes.append(Note("transparent", "Transparent parts are drawn on black."))
    black = Image.new("RGB", rgba.size)
    black.paste(rgba, mask=rgba.getchannel("A"))
    return np.asarray(black)


def _orientation(image: Image.Image, notes: list[Note]) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # Pillow raises a dozen types on broken EXIF; the film is whole: say it and go on
        notes.append(Note("exif-damaged", "Its EXIF data are damaged; shown as stored.", warning=True))
        return 1


def _hue_variation(sample: np.ndarray) -> float:
    """RMS of the red-green and blue-green differences round their mean at the same brightness, in levels."""
    bins = (sample.mean(axis=-1) / 8).astype(int).ravel()
    counts = np.maximum(np.bincount(bins, minlength=32), 1)
    total = 0.0
    for channel in (0, 2):
        difference = (sample[..., channel] - sample[..., 1]).ravel()
        means = np.bincount(bins, difference, minlength=32) / counts
        total += float(np.mean((difference - means[bins]) ** 2))
    return float(np.sqrt(total / 2))
