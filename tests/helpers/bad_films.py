"""Every bad input of the house as bytes, by name, with the code it must be refused with; and builders of good films.
Nothing here shows a person."""

import functools
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers import DATA

EXPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def film_values(size: tuple[int, int] = (96, 80), seed: int = 0) -> np.ndarray:
    """A smooth grey picture with some grain, uint8."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    noise = np.random.RandomState(seed).normal(0, 6, size)
    return np.clip(90 + 70 * np.sin(rows / 17) * np.cos(columns / 13) + noise, 0, 255).astype(np.uint8)


def png(pixels: np.ndarray | Image.Image, **options: object) -> bytes:
    return saved(pixels, "PNG", **options)


def jpeg(pixels: np.ndarray | Image.Image, **options: object) -> bytes:
    return saved(pixels, "JPEG", **options)


def saved(pixels: np.ndarray | Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(out, form, **options)
    return out.getvalue()


def dicom(values: np.ndarray, syntax: str = EXPLICIT, bits: int | None = None, **tags: object) -> bytes:
    """A DICOM file of these stored values; tags by keyword, None leaves a tag out."""
    from pydicom.dataset import Dataset, FileMetaDataset

    film = Dataset()
    film.SOPClassUID, film.SOPInstanceUID, film.Modality = DX, "1.2.3.4", "DX"
    film.PatientName, film.PatientID = "Doe^Jane", "4711"
    film.SamplesPerPixel, film.PhotometricInterpretation = values.ndim - 1 if values.ndim == 2 else 3, "MONOCHROME2"
    film.Rows, film.Columns = values.shape[:2]
    film.BitsAllocated = values.dtype.itemsize * 8
    film.BitsStored = bits or film.BitsAllocated
    film.HighBit = film.BitsStored - 1
    film.PixelRepresentation = int(values.dtype.kind == "i")
    if values.ndim == 3:
        film.PhotometricInterpretation, film.PlanarConfiguration = "RGB", 0
    film.PixelData = values.tobytes()
    for keyword, value in tags.items():
        delattr(film, keyword) if value is None else setattr(film, keyword, value)
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    film.save_as(out, enforce_file_format=True)
    return out.getvalue()


def empty() -> bytes:
    return b""


def text() -> bytes:
    return b"This is no picture, whatever its name says.\n" * 20


def random_bytes() -> bytes:
    return np.random.RandomState(7).bytes(10_000)


def truncated_jpeg() -> bytes:
    whole = jpeg(film_values((200, 200)), quality=90)
    return whole[: len(whole) // 2]


def truncated_png() -> bytes:
    whole = png(film_values((200, 200)))
    return whole[: len(whole) // 2]


def damaged_png() -> bytes:
    whole = bytearray(png(film_values((200, 200))))
    whole[60:90] = b"\xaa" * 30
    return bytes(whole)


def huge_png() -> bytes:
    """20000 x 20000 grey: 400 megapixels in under half a megabyte."""
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(20_001 * 500)) for _ in range(40)) + rows.flush()
    chunks = (b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in chunks)


def large_png() -> bytes:
    """8000 x 8000: under Pillow's own bound, over ours."""
    packed = zlib.compress(bytes(8001 * 8000), 1)
    chunks = (b"IHDR", struct.pack(">IIBBBBB", 8000, 8000, 8, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in chunks)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def animated_png() -> bytes:
    frames = [Image.fromarray(film_values(seed=seed)) for seed in range(3)]
    return png(frames[0], save_all=True, append_images=frames[1:], duration=100)


def gif() -> bytes:
    return saved(film_values(), "GIF")


def float_tiff() -> bytes:
    return saved(Image.fromarray(film_values().astype(np.float32)), "TIFF")


def endless_boxes() -> bytes:
    """A JPEG 2000 box of length zero: who walks the boxes, as pydicom 3.0.2, walks for ever."""
    return (DATA / "hang_min.dcm").read_bytes()


def hanging_jpeg() -> bytes:
    """A progressive JPEG of 36 megapixels with 20,000 scans that change nothing: a quarter of an hour for libjpeg."""
    whole = jpeg(Image.new("L", (6000, 6000)), progressive=True, quality=50)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * 20_000 + whole[-2:]


def deflated_bomb() -> bytes:
    """A few hundred kilobytes that inflate to 200 MB."""
    head = dicom(film_values())
    start = head.index(b"\x08\x00\x16\x00")  # the data set begins with its SOP class
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    body = packer.compress(head[start:]) + b"".join(packer.compress(bytes(2**20)) for _ in range(200))
    meta = head[:start].replace(EXPLICIT.encode() + b"\0", DEFLATED.encode())
    grown = len(DEFLATED) - len(EXPLICIT) - 1
    place = meta.index(DEFLATED.encode()) - 2
    meta = meta[:place] + struct.pack("<H", len(DEFLATED)) + meta[place + 2 :]
    length = struct.unpack("<I", meta[140:144])[0] + grown
    return meta[:140] + struct.pack("<I", length) + meta[144:] + body + packer.flush()


def huge_dicom() -> bytes:
    return dicom(film_values(), Rows=65535, Columns=65535)


def short_dicom() -> bytes:
    return dicom(film_values(), Rows=4000, Columns=4000)


def cut_dicom() -> bytes:
    whole = dicom(film_values((200, 200)))
    return whole[: len(whole) // 2]


def many_frames() -> bytes:
    return dicom(film_values(), NumberOfFrames=10**9)


def no_pixels() -> bytes:
    return dicom(film_values(), PixelData=None)


def dicom_directory() -> bytes:
    """The DICOMDIR beside the films of a study."""
    from pydicom.dataset import Dataset, FileMetaDataset

    directory = Dataset()
    directory.FileSetID, directory.DirectoryRecordSequence = "STUDY", []
    directory.file_meta = FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    directory.file_meta.MediaStorageSOPInstanceUID, directory.file_meta.TransferSyntaxUID = "1.2.3.4", EXPLICIT
    out = io.BytesIO()
    directory.save_as(out, enforce_file_format=True)
    return out.getvalue()


def write_study(root: Path) -> None:
    """A study as a CD holds it: a DICOMDIR, two series of films without endings, a report without pixels."""
    for series in range(2):
        folder = root / "IMAGES" / f"SERIES{series}"
        folder.mkdir(parents=True)
        for number in range(2):
            tags = {"ViewPosition": "LL"} if number else {}
            (folder / f"IM{number}").write_bytes(dicom(film_values((96, 96), seed=2 * series + number), **tags))
    (root / "IMAGES" / "SR0").write_bytes(no_pixels())
    (root / "DICOMDIR").write_bytes(dicom_directory())


def video_dicom() -> bytes:
    """A transfer syntax that is not read here, MPEG-2."""
    data = dicom(film_values())
    uid = "1.2.840.10008.1.2.4.100"
    padded = uid + "\0" * (len(uid) % 2)
    place = data.index(EXPLICIT.encode()) - 2
    meta = data[:place] + struct.pack("<H", len(padded)) + padded.encode() + data[place + 2 + len(EXPLICIT) + 1 :]
    length = struct.unpack("<I", meta[140:144])[0] + len(padded) - len(EXPLICIT) - 1
    return meta[:140] + struct.pack("<I", length) + meta[144:]


def blank_png() -> bytes:
    """All white but for one black pixel."""
    film = np.full((240, 240), 255, np.uint8)
    film[100, 140] = 0
    return png(film)


def blank_jpeg() -> bytes:
    """All black but for the noise of a detector, a bright frame and what JPEG adds."""
    noise = np.random.RandomState(3).normal(8, 4, (200, 240))
    film = np.clip(noise, 0, 255).astype(np.uint8)
    film[:4] = film[-4:] = 200
    return jpeg(film, quality=60)


def nested_dicom(depth: int = 1000) -> bytes:
    """Sequences within sequences, undefined lengths, a thousand deep, in the VOI LUT Sequence that is read."""
    data = dicom(film_values())
    opened = struct.pack("<HH2sHI", 0x0028, 0x3010, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closed = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    place = data.index(b"\xe0\x7f\x10\x00")
    return data[:place] + opened * depth + closed * depth + data[place:]


# name -> (builder, codes it may be refused with)
_BAD: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "empty.png": (empty, {"empty"}),
    "text.png": (text, {"not-an-image"}),
    "random.dcm": (random_bytes, {"not-an-image"}),
    "truncated.jpg": (truncated_jpeg, {"truncated"}),
    "truncated.png": (truncated_png, {"truncated"}),
    "damaged.png": (damaged_png, {"corrupt", "truncated"}),
    "huge.png": (huge_png, {"too-many-pixels"}),
    "large.png": (large_png, {"too-many-pixels"}),
    "animated.png": (animated_png, {"animated"}),
    "picture.gif": (gif, {"unsupported-format"}),
    "picture.tif": (float_tiff, {"unsupported-format"}),
    "deflated.dcm": (deflated_bomb, {"unsupported-syntax"}),
    "video.dcm": (video_dicom, {"unsupported-syntax"}),
    "huge.dcm": (huge_dicom, {"too-many-pixels"}),
    "short.dcm": (short_dicom, {"truncated"}),
    "cut.dcm": (cut_dicom, {"truncated"}),
    "frames.dcm": (many_frames, {"truncated"}),
    "boxes.dcm": (endless_boxes, {"corrupt", "contradiction"}),
    "no-pixels.dcm": (no_pixels, {"no-pixels"}),
    "nested.dcm": (nested_dicom, {"corrupt"}),
    "white.png": (blank_png, {"blank"}),
    "black.jpg": (blank_jpeg, {"blank"}),
}
BAD = {name: (functools.cache(build), codes) for name, (build, codes) in _BAD.items()}  # some take a second to build


def colour_photograph() -> bytes:
    """Accepted, with a notice: hues that have nothing to do with brightness, as in a photograph."""
    rows, columns = np.mgrid[0:240, 0:320] / 40.0
    channels = [128 + 100 * np.sin(rows + k) * np.cos(columns * (1 + k / 3) + 2 * k) for k in range(3)]
    return jpeg(np.stack(channels, axis=-1).astype(np.uint8), quality=90)
