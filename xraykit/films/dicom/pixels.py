"""The stored values of a film's first frame, decoded and held against the header (PS3.5 8)."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xraykit.films.dicom import container
from xraykit.films.dicom.header import Film, Header
from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph
from xraykit.films.stills import jpeg

if TYPE_CHECKING:
    from collections.abc import Iterator

PADDING = 256  # bytes behind the pixels that may be filling, if they are all alike


def stored_values(film: Film) -> np.ndarray:
    """The stored values, in 0..2**stored - 1: (H, W), or (H, W, 3) as RGB; uint8 up to 8 bits, else uint16.

    Signed ones are moved up by `Header.lowest`, so that the lowest possible is 0.

    Raises
    ------
    NotARadiograph
        With the code "truncated", "contradiction", "corrupt", "unsupported-format" or "unsupported-syntax".
    """
    about = film.about
    if about.syntax in container.UNCOMPRESSED:
        raw = _Raw(_uncompressed(film), about.allocated)
    elif about.syntax == container.RLE:
        raw = _Raw(_run_lengths(about, film.fragments[0]), about.allocated)
    else:
        raw = _codestream(about, b"".join(film.fragments))
        if raw.bits < about.stored or raw.bits <= about.high:
            words = f"Coded with {raw.bits} bits, though the header says more: its contrast may not be what it should."
            film.notes.append(Note("fewer-bits", words, warning=True))
    values = _meant_bits(raw, about)
    return values if about.samples == 1 or raw.rgb else _rgb(values, about)


class _Raw(NamedTuple):
    """Words as they were decoded, whatever sign they were given, and how many bits of each are coded."""

    words: np.ndarray
    bits: int
    rgb: bool = False  # colours that a decoder has converted already


def _meant_bits(raw: _Raw, about: Header) -> np.ndarray:
    """The bits that count, at their place; what lies above and below (overlays of old archives) is left out."""
    high = about.high if about.high < raw.bits else raw.bits - 1
    width = min(about.stored, high + 1)
    words = raw.words.astype(np.uint8 if raw.words.itemsize == 1 else np.uint16, copy=False)
    if shift := high + 1 - width:
        words = words >> shift
    if width < 8 * words.itemsize:
        words = words & (2**width - 1)
    if about.signed and about.samples == 1:
        # The sign bit turned round moves the lowest number to 0; where fewer bits are coded, to its place above that
        words = (words ^ 2 ** (width - 1)) + (2 ** (about.stored - 1) - 2 ** (width - 1))
    return words.astype(np.uint8, copy=False) if about.stored <= 8 else words


def _uncompressed(film: Film) -> np.ndarray:
    about, data = film.about, film.pixels
    frame = -(-about.frame_bits // 8)
    _expect_bytes(film, -(-about.frame_bits * about.frames // 8), frame)
    if about.allocated == 1:
        packed = np.frombuffer(data[: frame + frame % 2], np.uint8)
        packed = packed.reshape(-1, 2)[:, ::-1].ravel() if about.swapped else packed
        return np.unpackbits(packed, bitorder="little")[: about.rows * about.columns].reshape(about.rows, about.columns)
    kind = np.dtype("u1") if about.allocated == 8 else np.dtype("<u2" if about.little else ">u2")
    if about.swapped:
        data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
        if len(data) < frame:
            raise container.cut_short()
    values = np.frombuffer(data[:frame], kind)
    if about.samples == 1:
        return values.reshape(about.rows, about.columns)
    if about.photometric == "YBR_FULL_422":
        return _full_chroma(values, about)
    if about.planar:
        return np.moveaxis(values.reshape(3, about.rows, about.columns), 0, -1)
    return values.reshape(about.rows, about.columns, 3)


def _expect_bytes(film: Film, expected: int, frame: int) -> None:
    data = film.pixels
    if len(data) < max(expected, frame):
        raise container.cut_short()
    beyond = bytes(data[expected:])
    if len(beyond) <= 1:
        return
    if len(beyond) > PADDING or beyond.strip(beyond[:1]):
        about = film.about
        says = f"{about.rows} rows of {about.columns} pixels ({expected:,} bytes)"
        raise container.contradiction(says, f"{len(data):,} bytes")
    film.notes.append(Note("padding", f"{len(beyond)} bytes of filling behind the pixels were left out."))


def _full_chroma(values: np.ndarray, about: Header) -> np.ndarray:
    """Two pixels share their colour: Y Y Cb Cr (PS3.3 C.7.6.3.1.2)."""
    if about.columns % 2:
        raise NotARadiograph("YBR_FULL_422 needs an even number of columns. Export it as RGB.", code="contradiction")
    pairs = values.reshape(about.rows, about.columns // 2, 4)
    y = pairs[..., :2].reshape(about.rows, about.columns)
    return np.stack([y, *(np.repeat(pairs[..., place], 2, axis=1) for place in (2, 3))], axis=-1)


def _run_lengths(about: Header, fragment: bytes) -> np.ndarray:
    """RLE (PS3.5 annex G): a segment for each byte of each sample, high bytes first."""
    count = int.from_bytes(fragment[:4], "little")
    depth = about.allocated // 8
    if about.allocated < 8 or count != about.samples * depth:
        raise container.contradiction(f"{about.samples} samples of {about.allocated} bits", f"in {count} RLE segments")
    starts = np.frombuffer(fragment[4 : 4 + 4 * count], "<u4").tolist() + [len(fragment)]
    planes = []
    for begin, end in zip(starts[:-1], starts[1:], strict=True):
        if not 64 <= begin <= end <= len(fragment):
            raise container.cut_short()
        planes.append(_unpacked(fragment[begin:end], about.rows * about.columns))
    segments = np.stack(planes).reshape(about.samples, depth, about.rows, about.columns).astype(np.uint16)
    samples = segments[:, 0] if depth == 1 else segments[:, 0] << 8 | segments[:, 1]
    return samples[0] if about.samples == 1 else np.moveaxis(samples, 0, -1)


def _unpacked(segment: bytes, expected: int) -> np.ndarray:
    """PackBits: exactly as many bytes as expected come of it."""
    out, place, end = bytearray(), 0, len(segment)
    while place < end and len(out) <= expected:
        code = segment[place]
        if code < 128:
            out += segment[place + 1 : place + 2 + code]
            place += 2 + code
        elif code > 128:
            out += segment[place + 1 : place + 2] * (257 - code)
            place += 2
        else:
            place += 1
        if len(out) == expected and end - place <= PADDING and not segment[place:].strip(b"\0\x80"):
            break
    if len(out) < expected:
        raise container.cut_short()
    if len(out) > expected or segment[place:].strip(b"\0\x80"):
        raise container.contradiction(f"{expected:,} pixels", "more than that when they are unpacked")
    return np.frombuffer(bytes(out), np.uint8)


def _codestream(about: Header, data: bytes) -> _Raw:
    """The values of a JPEG, JPEG-LS or JPEG 2000 codestream."""
    if container.compression(data) == "jpeg-2000":
        sides = jpeg_2000_sides(data)
        _expect_sides(about, *sides)
        return _Raw(jpeg_2000(data), sides[3], rgb=about.photometric in ("YBR_ICT", "YBR_RCT"))
    frame = jpeg.frame(data)
    data = jpeg.sequential(data, frame)
    _expect_sides(about, frame.rows, frame.columns, len(frame.components), frame.precision)
    if frame.process in jpeg.JPEG_LS:
        return _Raw(_by_gdcm(about, data, frame, "1.2.840.10008.1.2.4.81"), frame.precision)
    if frame.precision == 8 and frame.process not in jpeg.LOSSLESS:
        pixels = _by_pillow(data, frame, about)
        jpeg.check_data(data, frame, pixels, lambda other: _by_pillow(other, frame, about))
        return _Raw(pixels, 8, rgb=True)
    syntax = "1.2.840.10008.1.2.4.57" if frame.process in jpeg.LOSSLESS else "1.2.840.10008.1.2.4.51"
    pixels = _by_gdcm(about, data, frame, syntax)
    jpeg.check_data(data, frame, pixels, lambda other: _by_gdcm(about, other, frame, syntax))
    return _Raw(pixels, frame.precision)


def _expect_sides(about: Header, rows: int, columns: int, samples: int, precision: int) -> None:
    if (rows, columns, samples) != (about.rows, about.columns, about.samples) or precision > about.allocated:
        says = f"{about.columns} x {about.rows} pixels of {about.samples} x {about.allocated} bits"
        raise container.contradiction(says, f"{columns} x {rows} of {samples} x {precision} bits")


def _by_pillow(data: bytes, frame: jpeg.Frame, about: Header) -> np.ndarray:
    from PIL import Image

    image = Image.open(io.BytesIO(data), formats=("JPEG",))
    marked = "adobe_transform" in image.info or frame.jfif or frame.components.upper() == b"RGB"
    if about.samples == 3 and about.photometric == "RGB" and not marked:
        image.draft("YCbCr", image.size)  # the colours are RGB, which libjpeg does not know: no conversion
    try:
        return np.asarray(image)
    except OSError as error:
        raise container.cut_short() from error


def _by_gdcm(about: Header, data: bytes, frame: jpeg.Frame, syntax: str) -> np.ndarray:
    try:
        import gdcm  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        words = (
            "This kind of JPEG needs the package python-gdcm: pip install python-gdcm. Or export the film uncompressed "
            "(Explicit VR Little Endian)."
        )
        raise NotARadiograph(words, code="unsupported-syntax") from error
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((frame.columns, frame.rows, 1))
    image.SetDataElement(element)
    interpretation = "RGB" if about.samples == 3 else "MONOCHROME2"
    kind = gdcm.PhotometricInterpretation.GetPIType(interpretation)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    # By the codestream, and unsigned: what the header makes of the bits comes afterwards
    allocated = 8 if frame.precision <= 8 else 16
    form = gdcm.PixelFormat(about.samples, allocated, frame.precision, frame.precision - 1, 0)
    image.SetPixelFormat(form)
    with _silence():
        decoded = image.GetBuffer()
    if decoded is None:
        words = "The compressed pixels of the DICOM film are damaged. Copy or export it again."
        raise NotARadiograph(words, code="corrupt")
    values = np.frombuffer(decoded.encode("utf-8", "surrogateescape"), np.uint8 if allocated == 8 else np.uint16)
    if values.size != about.rows * about.columns * about.samples:
        raise container.cut_short()
    return values.reshape((about.rows, about.columns) if about.samples == 1 else (about.rows, about.columns, 3))


@contextmanager
def _silence() -> Iterator[None]:
    """GDCM's C code writes on the terminal whatever it finds odd."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def jpeg_2000_sides(data: bytes) -> tuple[int, int, int, int]:
    """Rows, columns, components and bits a sample of a JPEG 2000 codestream (ITU-T T.800 A.5.1).

    Raises
    ------
    NotARadiograph
        With the code "corrupt" if there is no such header.
    """
    place = data.find(b"\xff\x4f\xff\x51")
    size = data[place + 6 : place + 46]
    if place < 0 or len(size) < 40:
        raise _no_jpeg_2000()
    right, bottom, left, top = (int.from_bytes(size[at : at + 4], "big") for at in (2, 6, 10, 14))
    return bottom - top, right - left, int.from_bytes(size[34:36], "big"), (size[36] & 127) + 1


def jpeg_2000(data: bytes) -> np.ndarray:
    """Decode a JPEG 2000 codestream or file: (H, W) or (H, W, C), the bits of each sample as they are coded."""
    from openjpeg.utils import decode

    begin = data.find(b"\xff\x4f\xff\x51")  # the boxes round it say nothing that is needed here
    try:
        return decode(data[begin:], j2k_format=0)
    except RuntimeError as error:
        raise _no_jpeg_2000() from error


def _no_jpeg_2000() -> NotARadiograph:
    words = "The JPEG 2000 picture is damaged or cut short. Copy or export it again."
    return NotARadiograph(words, code="corrupt")


def _rgb(values: np.ndarray, about: Header) -> np.ndarray:
    if not about.photometric.startswith("YBR"):
        return values
    from pydicom.pixels.processing import convert_color_space

    if about.stored != 8:
        words = "Colour as luma and chroma can be read at 8 bits. Export the film as RGB or as 16-bit grey."
        raise NotARadiograph(words, code="unsupported-format")
    return convert_color_space(values.astype(np.uint8), "YBR_FULL", "RGB")
