"""PNG and JPEG bytes to pixels, with notes on what was converted. Never a process, a limit on time or a file:
`radiograph.read` is the door to this room and `ingest` stands before that one."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from xraykit.films.refusal import NotARadiograph, not_a_radiograph

if TYPE_CHECKING:
    from PIL import Image


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


def check_size(width: int, height: int, source: str) -> None:
    """Raise `NotARadiograph` unless 1 <= width * height <= `MAX_PIXELS`."""
    if width < 1 or height < 1:
        raise not_a_radiograph(
            "no-pixels", source, "at least one pixel", f"{width} x {height}", "Export the film again."
        )
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(source, f"{width} x {height} pixels")


def read(data: bytes, source: str) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Decode one PNG or JPEG.

    Returns
    -------
    pixels : numpy.ndarray
        uint8 or uint16, (H, W) grey or (H, W, 3) colour, full range of the dtype, upright, row 0 on top.
    format : str
        "PNG" or "JPEG".
    notes : tuple of str
        What was converted, for the user.
    """
    image = _open(data, source)
    _load(image, source)
    notes: list[str] = []
    pixels = _pixels(image, data, source, notes)
    turn = UPRIGHT.get(_orientation(image, notes))
    if turn is not None:
        pixels = turn(pixels)
        notes.append("Turned upright as its EXIF orientation says.")
    return np.ascontiguousarray(pixels), "PNG" if image.format == "PNG" else "JPEG", tuple(notes)


def grey_or_colour(pixels: np.ndarray, notes: list[str]) -> np.ndarray:
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
        notes.append("Colour file of a grey film: read as grey.")
        return luma(pixels)
    if _hue_variation(sample) > 4:
        notes.append(
            "This colour picture does not look like a radiograph. A model still gives numbers for "
            "it, but they mean nothing."
        )
    else:
        notes.append("Colour or tinted film: models trained on grey films see its brightness only.")
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


def _too_many_pixels(source: str, got: str) -> NotARadiograph:
    limit = f"at most {MAX_PIXELS // 10**6} megapixels"
    return not_a_radiograph("too-many-pixels", source, limit, got, "Export the film at a smaller size.")


def _open(data: bytes, source: str) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow only warns from 89 megapixels on; check_size refuses
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(source, "many more") from error
    except UnidentifiedImageError as error:
        raise not_a_radiograph(
            "corrupt",
            source,
            "a PNG or JPEG",
            "a file that only begins like one",
            "Copy or export the film again.",
        ) from error
    check_size(*image.size, source)
    frames = getattr(image, "n_frames", 1)
    if image.format == "PNG" and frames > 1:
        raise not_a_radiograph(
            "animated",
            source,
            "one picture",
            f"an animation of {frames}",
            "Export the one film to be read.",
        )
    return image


def _load(image: Image.Image, source: str) -> None:
    try:
        image.load()
    except (OSError, SyntaxError, EOFError) as error:
        cut = "truncat" in str(error).lower() or "incomplete" in str(error).lower()
        raise not_a_radiograph(
            "truncated" if cut else "corrupt",
            source,
            f"a whole {image.format}",
            f"one that is {'cut short' if cut else 'damaged'}",
            "Copy or export it again.",
        ) from error


def _pixels(image: Image.Image, data: bytes, source: str, notes: list[str]) -> np.ndarray:
    if image.mode.startswith("I"):
        return _sixteen_bit(np.asarray(image), notes)
    if image.format == "PNG" and data[24] == 16:
        _note_lost_bits(image, source, notes)
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image.convert("L"))
    if image.mode == "CMYK":
        return grey_or_colour(_from_cmyk(image, notes), notes)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return grey_or_colour(_on_black(image.convert("RGBA"), notes), notes)
    if image.mode in ("P", "YCbCr"):
        notes.append("Palette resolved to its colours." if image.mode == "P" else "YCbCr converted to RGB.")
    return grey_or_colour(np.asarray(image.convert("RGB")), notes)


def _sixteen_bit(values: np.ndarray, notes: list[str]) -> np.ndarray:
    # Never .convert("L"): Pillow saturates 16 bits there (15/16 of a 12-bit film would turn white)
    values = values.astype(np.uint16)
    top = int(values.max())
    bits = next(bits for bits in (8, 10, 12, 14, 16) if top < 2**bits)
    notes.append(f"16-bit file with {bits}-bit values." if bits < 16 else "16-bit file.")
    return fill_range(values, bits)


def _note_lost_bits(image: Image.Image, source: str, notes: list[str]) -> None:
    # Pillow keeps the high byte of 16-bit colour only: fine for the full range, ruin for 12-bit values
    if np.asarray(image)[..., :3].max() < 128:
        raise not_a_radiograph(
            "unsupported-format",
            source,
            "8-bit colour or 16-bit grey",
            "a 16-bit colour PNG that uses few of its bits",
            "Export it as 16-bit grey or as 8-bit.",
        )
    notes.append("16-bit colour file read at 8 bits a channel.")


def _from_cmyk(image: Image.Image, notes: list[str]) -> np.ndarray:
    # Pillow assumes Adobe's inverted inks for every CMYK JPEG; a file without Adobe's marker is not inverted
    from PIL import ImageChops

    notes.append("CMYK converted to RGB.")
    inks = image if "adobe" in image.info else ImageChops.invert(image)
    return np.asarray(inks.convert("RGB"))


def _on_black(rgba: Image.Image, notes: list[str]) -> np.ndarray:
    from PIL import Image

    if rgba.getchannel("A").getextrema() == (255, 255):
        return np.asarray(rgba.convert("RGB"))
    notes.append("Transparent parts laid on black.")
    black = Image.new("RGB", rgba.size)
    black.paste(rgba, mask=rgba.getchannel("A"))
    return np.asarray(black)


def _orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # Pillow raises a dozen types on broken EXIF; the film is whole: say it and go on
        notes.append("Its EXIF data are damaged; shown as stored.")
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
