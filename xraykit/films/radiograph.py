"""A film: pixels with their provenance, and `read`, from bytes to that.

Decodes in the calling process without a limit on time: untrusted files go through `ingest`.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xraykit import __version__
from xraykit.films.dicom import container, display
from xraykit.films.dicom.softcopy import Softcopy, of_still
from xraykit.films.note import Note
from xraykit.films.refusal import TOO_MUCH_MEMORY, NotARadiograph
from xraykit.films.stills import decode

# The version of `read` and `Radiograph.square`, in the key of everything that is remembered of films on disk. Raise the
# number when the same bytes give other pixels, another square or another refusal: films are then decoded again.
READING = f"xraykit {__version__} reading 4"

# Spread of the brightness of a film's parts below which there is nothing to see, in levels of 255; the flattest of
# 5,298 real chest films of three collections has 35
BLANK = 4.0
TINY = 64  # px, of the shorter side
EVEN = 12  # levels of 255 that lie within one shade: what JPEG adds to a border
SMALL = 64  # px of a side of the picture by which a film is told from anything else
TURNS = {90: "turned by 90° clockwise", 180: "turned by 180°", 270: "turned by 90° counter-clockwise"}
LONG = 0.4  # share of a film outside the centre square; the longest of those films has 0.37

# Beginnings of the stills that are read, and of other files, to name them in the refusal
STILLS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
OTHER_FORMATS = {
    b"GIF8": "GIF",
    b"II+\0": "BigTIFF",
    b"%PDF": "PDF",
    b"PK\3\4": "ZIP",
    b"\x1f\x8b": "gzip",
    b"8BPS": "Photoshop",
    b"\x89HDF": "HDF5",
}


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One film.

    Attributes
    ----------
    pixels : numpy.ndarray
        uint8 or uint16, (H, W) grey or (H, W, 3) colour; full range of the dtype; bright = dense, as
        MONOCHROME2; upright, row 0 on top; read-only.
    source : str
        File name, for messages.
    format : str
        "DICOM", "PNG", "JPEG", "TIFF", "BMP", "WebP" or "JPEG 2000".
    sha256 : str
        Of the bytes of the file.
    view : str or None
        DICOM (0018,5101) View Position: "PA", "AP", "LL", ...
    notes : tuple of Note
        What was converted and what looks odd, for the user. No patient identifier is kept anywhere.
    softcopy : Softcopy
        The film before its window, for a viewer: `pixels` is its first window, in 8 bits or 16.
    """

    pixels: np.ndarray
    source: str
    format: str
    sha256: str
    view: str | None = None
    notes: tuple[Note, ...] = ()
    softcopy: Softcopy = field(default=None)  # type: ignore[assignment]  # none given: a still

    def __post_init__(self) -> None:
        if self.pixels.flags.writeable:
            object.__setattr__(self, "pixels", self.pixels.view())
            self.pixels.flags.writeable = False
        if self.softcopy is None:
            object.__setattr__(self, "softcopy", of_still(self.pixels))

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process only the softcopy goes: the pixels are made of it again, sooner than they are sent."""
        rest = (self.source, self.format, self.sha256, self.view, self.notes, self.softcopy)
        return _again, (int(np.iinfo(self.pixels.dtype).max), *rest)

    @property
    def height(self) -> int:
        """Rows of the film, in pixels."""
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        """Columns of the film, in pixels."""
        return self.pixels.shape[1]

    @property
    def colour(self) -> bool:
        """Whether the film has three channels."""
        return self.pixels.ndim == 3

    def square_box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) in film pixels of the centre square that a network sees."""
        side = min(self.height, self.width)
        left, top = (self.width - side) // 2, (self.height - side) // 2
        return left, top, left + side, top + side

    def square(self, size: int, channels: int = 1) -> np.ndarray:
        """Give the centre square at `size` pixels: the one door from a film to a network.

        Resized with antialiasing (triangle filter) in 32-bit float and rounded once.

        Returns
        -------
        numpy.ndarray
            uint8, (size, size, channels), range 0..255. One channel of a colour film is its ITU-R BT.601
            luma; three channels of a grey film are the same one three times.

        Raises
        ------
        ValueError
            If `channels` is neither 1 nor 3.
        """
        if channels not in (1, 3):
            raise ValueError(f"Expected 1 or 3 channels; got {channels} ({self.source}).")
        left, top, right, bottom = self.square_box()
        planes = _planes(self.pixels[top:bottom, left:right], channels)
        resized = [_rounded(_resized(plane, size, size)) for plane in planes]
        return np.stack(resized * (channels // len(resized)), axis=-1)

    def laid(self, turn: int = 0, inverted: bool = False) -> Radiograph:
        """The film turned by 0, 90, 180 or 270 degrees clockwise, and with black and white changed round or not.

        Its softcopy too: spacing and sides go with the pixels. A note says what was done.
        """
        if not turn and not inverted:
            return self
        softcopy = self.softcopy.laid(turn, inverted)
        words = [TURNS[turn]] if turn else []
        words += ["with black and white changed round"] if inverted else []
        said = Note("laid", f"Shown and read {' and '.join(words)}.")
        pixels = softcopy.render(top=int(np.iinfo(self.pixels.dtype).max))
        return replace(self, pixels=pixels, softcopy=softcopy, notes=(*self.notes, said))

    def small(self) -> np.ndarray:
        """Give the film without an even border, squeezed into a square: uint8 (64, 64) or (64, 64, 3), range 0..255.

        For telling what a picture is, not for a model: a large film is sampled, so that it takes no time.
        """
        step = max(1, min(self.pixels.shape[:2]) // (4 * SMALL))
        planes = _planes(self.pixels[::step, ::step], 3 if self.colour else 1)
        inside = _without_border(planes[len(planes) // 2])
        drawn = [_rounded(_resized(plane[inside], SMALL, SMALL)) for plane in planes]
        return np.stack(drawn, axis=-1) if self.colour else drawn[0]

    def display(self, longest: int | None = None) -> np.ndarray:
        """Give the whole film as uint8 (h, w) or (h, w, 3), longer side at most `longest`, for drawing."""
        scale = min(1.0, (longest or max(self.pixels.shape[:2])) / max(self.pixels.shape[:2]))
        height, width = max(1, round(self.height * scale)), max(1, round(self.width * scale))
        if (height, width) == self.pixels.shape[:2] and self.pixels.dtype == np.uint8:
            return self.pixels
        planes = _planes(self.pixels, 3 if self.colour else 1)
        drawn = [_rounded(_resized(plane, width, height)) for plane in planes]
        return np.stack(drawn, axis=-1) if self.colour else drawn[0]


def of_softcopy(softcopy: Softcopy, *, source: str, form: str, sha256: str, notes: tuple[Note, ...] = ()) -> Radiograph:
    """The film of a softcopy that was read before: it is drawn as `read` would have it, without decoding it again."""
    # Grey values of a DICOM film are as many shades in 16 bits as in 8, where those are shown as they are stored
    deep = form == "DICOM" and softcopy.values.ndim == 2
    top = 65535 if deep else int(np.iinfo(softcopy.values.dtype).max)
    return Radiograph(softcopy.render(top=top), source, form, sha256, softcopy.view, notes, softcopy)


def _again(top: int, *rest: Any) -> Radiograph:
    return Radiograph(rest[-1].render(top=top), *rest)


def read(data: bytes, source: str) -> Radiograph:
    """Read one DICOM, PNG, JPEG, TIFF, BMP, WebP or JPEG 2000 file.

    Decodes here and now, however long it takes (`ingest` is the door for strangers' files).

    Parameters
    ----------
    data : bytes
        The whole file.
    source : str
        Its name, for messages.

    Raises
    ------
    NotARadiograph
        With the code "empty", "not-an-image", "unsupported-format", "unsupported-syntax", "too-many-pixels",
        "animated", "truncated", "contradiction", "missing-attribute", "corrupt", "no-pixels", "blank" or "memory".
    """
    form = ""
    try:
        form = _format(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what decoders find odd but readable is no business of stderr
            pixels, softcopy, notes = _decode(data, form)
        notes = (*notes, *_oddities(pixels))
    except NotARadiograph as refused:
        refused.source = source
        raise
    except MemoryError as error:
        raise NotARadiograph(TOO_MUCH_MEMORY, code="memory", source=source) from error
    except Exception as error:  # broken files raise a dozen types from deep inside the decoders
        words = f"The {form} file is damaged. Copy or export it again."
        raise NotARadiograph(words, code="corrupt", source=source) from error
    return Radiograph(pixels, source, form, hashlib.sha256(data).hexdigest(), softcopy.view, notes, softcopy)


def format_of(data: bytes) -> str | None:
    """The format of a film by its first 256 bytes, as in `Radiograph.format`; None where it begins like no film."""
    if container.is_marked(data):  # first: its preamble may be that of a TIFF
        return "DICOM"
    for beginning, name in STILLS.items():
        if data.startswith(beginning):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return "DICOM" if container.is_bare_data_set(data) else None


def _format(data: bytes) -> str:
    if not data:
        raise NotARadiograph("The file is empty. Copy or export it again.", code="empty")
    if form := format_of(data):
        return form
    for beginning, name in OTHER_FORMATS.items():
        if data.startswith(beginning):
            words = f"The file is {name}, which is not read here. Export the film as DICOM, PNG or JPEG."
            raise NotARadiograph(words, code="unsupported-format")
    words = "Not a DICOM, PNG or JPEG file, despite its name. Choose the original film or export it again."
    raise NotARadiograph(words, code="not-an-image")


def _decode(data: bytes, form: str) -> tuple[np.ndarray, Softcopy, tuple[Note, ...]]:
    if form == "DICOM":
        return display.read(data)
    pixels, notes = decode.read(data, form)
    return pixels, of_still(pixels), notes


def _oddities(pixels: np.ndarray) -> tuple[Note, ...]:
    """What to say of a film by its pixels alone; NotARadiograph where there is nothing to see."""
    low, high = _brightness(pixels)
    if high - low < BLANK:
        shade = "black" if high < 16 else "white" if low > 239 else "one shade of grey"
        words = (
            f"The film is blank: all of it is {shade}. Choose another file, or export the film again with its window."
        )
        raise NotARadiograph(words, code="blank")
    height, width = pixels.shape[:2]
    notes = []
    if min(height, width) < TINY:
        words = f"Only {width} x {height} pixels: too few to look like a radiograph."
        notes.append(Note("tiny", words, warning=True))
    if height != width:
        words = "Models use only the centre square of the film"
        unseen = 1 - min(height, width) / max(height, width)
        long = unseen > LONG
        notes.append(
            Note("long" if long else "cropped", words + f": {unseen:.0%} of it is not seen" * long + ".", long)
        )
    return tuple(notes)


def _brightness(pixels: np.ndarray) -> tuple[float, float]:
    """5th and 95th percentile of the brightness of a film's parts, 0..255.

    Means over 16 x 16 parts forget noise, odd pixels and what JPEG adds; the outermost parts, where frames and
    markers lie, are left out.
    """
    from PIL import Image

    step = max(1, min(pixels.shape[:2]) // 256)  # a large film is sampled
    (plane,) = _planes(pixels[::step, ::step], 1)
    parts = np.asarray(Image.fromarray(plane).resize((16, 16), Image.Resampling.BOX))
    low, high = np.quantile(parts[1:-1, 1:-1], (0.05, 0.95))
    return float(low), float(high)


def _planes(pixels: np.ndarray, channels: int) -> list[np.ndarray]:
    """The grey plane, or the luma or the three planes of a colour film, as float32 in 0..255."""
    if pixels.ndim == 2:
        plane = pixels.astype(np.float32)
        return [plane / np.float32(257) if pixels.dtype == np.uint16 else plane]
    if channels == 1:
        return [pixels @ np.array([0.299, 0.587, 0.114], np.float32)]
    return [pixels[..., channel].astype(np.float32) for channel in range(3)]


def _without_border(plane: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns between the first and the last that are not of one shade; all, where little would be left."""
    inside = []
    for axis in (1, 0):
        uneven = np.flatnonzero(plane.max(axis=axis) - plane.min(axis=axis) > EVEN)
        enough = len(uneven) and uneven[-1] - uneven[0] >= plane.shape[1 - axis] / 4
        inside.append(slice(uneven[0], uneven[-1] + 1) if enough else slice(None))
    return inside[0], inside[1]


def _resized(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    from PIL import Image

    if plane.shape == (height, width):
        return plane
    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))


def _rounded(plane: np.ndarray) -> np.ndarray:
    # Halves are common (means of whole numbers), and the 8-bit and 16-bit copies of a film differ in the last
    # float bit: the small push sends both the same way, so that they give the same square
    return np.clip(np.floor(plane + np.float32(0.5 + 2**-10)), 0, 255).astype(np.uint8)
