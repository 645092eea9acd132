"""Plain DICOM bytes to pixels as a workstation would show them (PS3.3 C.11).

Reads an allow-list of tags and keeps no patient identifier. Never inflates a deflated file; `radiograph.read` calls it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from xraykit.films import png_jpeg
from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph

if TYPE_CHECKING:
    from pydicom import Dataset


# Transfer syntaxes decoded here (PS3.5 annex A) and, where several decoders exist, the one to use
SYNTAXES = {
    "1.2.840.10008.1.2": "",
    "1.2.840.10008.1.2.1": "",
    "1.2.840.10008.1.2.2": "",
    "1.2.840.10008.1.2.5": "pydicom",  # RLE lossless
    "1.2.840.10008.1.2.4.50": "pillow",  # JPEG baseline, 8 bit
    "1.2.840.10008.1.2.4.90": "pylibjpeg",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91": "pylibjpeg",  # JPEG 2000
}
UNCOMPRESSED = {uid for uid, decoder in SYNTAXES.items() if not decoder}
DEFLATED = "1.2.840.10008.1.2.1.99"
# Everything that is read; nothing else of the file is looked at or kept
TAGS = (
    "PresentationIntentType",
    "ViewPosition",
    "BurnedInAnnotation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PresentationLUTShape",
    "PixelData",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
)


def read(data: bytes) -> tuple[np.ndarray, str | None, tuple[Note, ...]]:
    """Decode one single-frame DICOM file.

    Order of PS3.3 C.11: modality LUT, then VOI (sequence preferred, else the first window), and only then
    the inversion of MONOCHROME1 or of presentation LUT shape INVERSE. Without a VOI the whole stored range
    is used.

    Returns
    -------
    pixels : numpy.ndarray
        uint8 or uint16, (H, W) grey or (H, W, 3) colour, full range of the dtype, bright = dense.
    view : str or None
        (0018,5101) View Position: "PA", "AP", "LL", ...
    notes : tuple of Note
        What was converted, for the user.
    """
    syntax = _transfer_syntax(data)
    film = _open(data)
    _check(film, syntax)
    notes = _remarks(film)
    stored = _stored(film, syntax)
    if film.PhotometricInterpretation in ("MONOCHROME1", "MONOCHROME2"):
        pixels = _grey(stored, film, notes)
    else:
        pixels = _colour(stored, film, notes)
    view = str(film.get("ViewPosition") or "").strip().upper()[:16]
    return np.ascontiguousarray(pixels), view or None, tuple(notes)


def _transfer_syntax(data: bytes) -> str:
    """Read group 2 alone: pydicom would inflate a deflated file (a bomb) before anyone could refuse it."""
    from pydicom.filereader import read_dataset
    from pydicom.uid import UID

    past_header = lambda tag, vr, length: tag >> 16 != 2  # noqa: E731
    header = read_dataset(io.BytesIO(data[132:]), False, True, stop_when=past_header)
    uid = UID(str(header.get("TransferSyntaxUID") or ""))
    if uid not in SYNTAXES:
        why = "it could unpack to any size" if uid == DEFLATED else "it cannot be decoded here"
        words = (
            f"The DICOM transfer syntax {uid.name or 'is missing'}: {why}. Export the film uncompressed (Explicit VR "
            "Little Endian)."
        )
        raise NotARadiograph(words, code="unsupported-syntax")
    return str(uid)


def _open(data: bytes) -> Dataset:
    from pydicom import dcmread

    try:
        return dcmread(io.BytesIO(data), specific_tags=list(TAGS))
    except EOFError as error:
        raise _cut_short() from error


def _check(film: Dataset, syntax: str) -> None:
    """Refuse by the header whatever should not reach a pixel decoder."""
    if "PixelData" not in film or "Rows" not in film or "Columns" not in film:
        words = "The DICOM file has no pixels. Choose the image object of the examination."
        raise NotARadiograph(words, code="no-pixels")
    png_jpeg.check_size(int(film.Columns), int(film.Rows))
    frames = int(film.get("NumberOfFrames") or 1)
    if frames > 1:
        raise NotARadiograph(f"The DICOM file has {frames} frames. Export the one film to be read.", code="animated")
    allocated, stored = int(film.BitsAllocated), int(film.BitsStored)
    if allocated not in (8, 16) or not 1 <= stored <= allocated or int(film.SamplesPerPixel) not in (1, 3):
        words = (
            f"The DICOM film has {film.SamplesPerPixel} samples per pixel of {stored} bits ({allocated} allocated); 1 "
            "or 3 samples of 1 to 16 bits can be read. Export it as 16-bit grey."
        )
        raise NotARadiograph(words, code="unsupported-format")
    wanted = int(film.Rows) * int(film.Columns) * int(film.SamplesPerPixel) * allocated // 8
    if film.PhotometricInterpretation == "YBR_FULL_422":
        wanted = wanted * 2 // 3
    if syntax in UNCOMPRESSED and len(film.PixelData) < wanted:
        raise _cut_short()


def _cut_short() -> NotARadiograph:
    words = "The DICOM file has fewer bytes than its header promises. Copy or export it again."
    return NotARadiograph(words, code="truncated")


def _stored(film: Dataset, syntax: str) -> np.ndarray:
    """The stored values: signed or unsigned integers of BitsStored bits, colour as RGB."""
    from pydicom.pixels.utils import pixel_array

    try:
        values = pixel_array(film, decoding_plugin=SYNTAXES[syntax])
    except (AttributeError, NotImplementedError) as error:
        words = f"The tags that describe the film are incomplete: {str(error)[:160]}. Export it again."
        raise NotARadiograph(words, code="corrupt") from error
    if values.dtype.itemsize > 2 or values.dtype.kind not in "iu":
        words = f"The pixels are {values.dtype}; 8 and 16 bits can be read. Export the film as 16-bit grey."
        raise NotARadiograph(words, code="unsupported-format")
    if values.ndim != 2 and film.PhotometricInterpretation.startswith("MONOCHROME"):
        raise ValueError(f"Expected one sample a pixel in a grey film; got an array of shape {values.shape}")
    if syntax not in UNCOMPRESSED:
        return values
    # Old archives keep overlays in the unused high bits: shift them out, and the sign bit into place
    width = values.dtype.itemsize * 8
    high = int(film.get("HighBit", film.BitsStored - 1))
    if not film.BitsStored - 1 <= high < width:
        high = int(film.BitsStored) - 1
    return (values << (width - 1 - high)) >> (width - int(film.BitsStored))


def _grey(stored: np.ndarray, film: Dataset, notes: list[Note]) -> np.ndarray:
    # At most 65536 different stored values: the chain runs once on each, the film is looked up
    bits = int(film.BitsStored)
    low = -(2 ** (bits - 1)) if stored.dtype.kind == "i" else 0
    shown, windowed = _voi(*_modality(np.arange(low, low + 2**bits), film, notes), film, notes)
    if bits <= 8 and not windowed:
        table, top = np.floor(shown * 255 + 0.5).astype(np.uint8), 255
    else:
        table, top = np.floor(shown * 65535 + 0.5).astype(np.uint16), 65535
    if film.PhotometricInterpretation == "MONOCHROME1" or film.get("PresentationLUTShape") == "INVERSE":
        table = top - table
        notes.append(Note("inverted", "Stored with bright = air (MONOCHROME1): inverted after windowing."))
    return table[np.clip(stored.astype(np.int32) - low, 0, 2**bits - 1)]


def _modality(stored: np.ndarray, film: Dataset, notes: list[Note]) -> tuple[np.ndarray, float, float]:
    """PS3.3 C.11.1: the values after the modality LUT or rescale, and the lowest and highest they can be."""
    if film.get("ModalityLUTSequence"):
        table, depth = _table(film.ModalityLUTSequence[0])
        notes.append(Note("modality-lut", "Modality LUT applied."))
        return _look_up(stored, table, film.ModalityLUTSequence[0], film), 0.0, 2.0**depth - 1
    slope, intercept = _number(film, "RescaleSlope"), _number(film, "RescaleIntercept")
    values = stored.astype(np.float64)
    if slope and intercept is not None:
        values = values * slope + intercept
    return values, float(values.min()), float(values.max())


def _voi(values: np.ndarray, low: float, high: float, film: Dataset, notes: list[Note]) -> tuple[np.ndarray, bool]:
    """PS3.3 C.11.2: values to 0..1, and whether the file said how."""
    sequence = film.get("VOILUTSequence")
    if sequence and sequence[0].get("LUTDescriptor") is not None and sequence[0].get("LUTData") is not None:
        table, depth = _table(sequence[0])
        notes.append(Note("voi-lut", "VOI LUT applied."))
        return np.clip(_look_up(np.floor(values + 0.5), table, sequence[0], film) / (2.0**depth - 1), 0, 1), True
    centre, width = _number(film, "WindowCenter"), _number(film, "WindowWidth")
    function = str(film.get("VOILUTFunction") or "LINEAR").upper()
    if centre is not None and width is not None and width >= (1 if function == "LINEAR" else 1e-9):
        notes.append(Note("window", f"Window centre {centre:g}, width {width:g} ({function})."))
        return _window(values, centre, width, function), True
    if film.BitsStored > 8:
        words = f"No window in the file: the whole {film.BitsStored}-bit range is shown."
        notes.append(Note("no-window", words, warning=True))
    return (values - low) / max(high - low, 1e-9), False


def _window(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.2 (LINEAR_EXACT) and C.11.2.1.3.1 (SIGMOID), to 0..1."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (values > centre).astype(np.float64)
    return np.clip((values - centre) / width + 0.5, 0, 1)


def _table(item: Dataset) -> tuple[np.ndarray, int]:
    """Entries and nominal depth of a LUT item. By hand: pydicom 3.0.2 wraps at 256 for 8-bit entries."""
    entries, depth = int(item.LUTDescriptor[0]) or 2**16, int(item.LUTDescriptor[2])
    data: Any = item.LUTData
    if isinstance(data, bytes):
        packed = np.dtype(np.uint8) if len(data) < 2 * entries else np.dtype("<u2")
        data = np.frombuffer(data[: len(data) // packed.itemsize * packed.itemsize], packed)
    table = np.asarray(data, dtype=np.float64).ravel()[:entries]
    if not len(table) or not 1 <= depth <= 16:
        raise ValueError(f"Expected a LUT of 1 to 16 bits; got {len(table)} entries of {depth} bits")
    return table, depth


def _look_up(values: np.ndarray, table: np.ndarray, item: Dataset, film: Dataset) -> np.ndarray:
    first = int(item.LUTDescriptor[1])
    if values.min() < 0 and first >= 2**15:
        first -= 2**16  # signed first value that was read as unsigned
    return table[np.clip(values - first, 0, len(table) - 1).astype(np.int64)]


def _colour(stored: np.ndarray, film: Dataset, notes: list[Note]) -> np.ndarray:
    if film.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        stored = apply_color_lut(stored, film)
        stored = stored >> 8 if stored.dtype == np.uint16 else stored
        notes.append(Note("palette", "Palette converted to colours."))
    elif film.BitsStored != 8:
        words = (
            f"The DICOM film is {film.BitsStored}-bit {film.PhotometricInterpretation}; colour can be read at 8 bits, "
            "grey at 16. Export it as 16-bit grey."
        )
        raise NotARadiograph(words, code="unsupported-format")
    if stored.ndim != 3 or stored.shape[-1] != 3:
        raise ValueError(f"Expected three colour samples; got an array of shape {stored.shape}")
    return png_jpeg.grey_or_colour(stored.astype(np.uint8), notes)


def _remarks(film: Dataset) -> list[Note]:
    remarks = [Note("bits", f"DICOM, {film.BitsStored} bits stored.")]
    if str(film.get("PresentationIntentType") or "").strip().upper() == "FOR PROCESSING":
        words = "A raw film (FOR PROCESSING): its contrast differs from that of the films models learn from."
        remarks.append(Note("for-processing", words, warning=True))
    if str(film.get("ViewPosition") or "").strip().upper() in ("LL", "RL", "LLD", "RLD", "LATERAL"):
        words = "A lateral or decubitus view: the models know frontal films only."
        remarks.append(Note("lateral", words, warning=True))
    if str(film.get("BurnedInAnnotation") or "").strip().upper() == "YES":
        words = "Text is burned into the image: it may name the patient."
        remarks.append(Note("burned-in-text", words, warning=True))
    return remarks


def _number(film: Dataset, keyword: str) -> float | None:
    """The first finite value of a numeric tag that may be absent, empty or multi-valued."""
    value = film.get(keyword)
    if value is not None and not isinstance(value, str | int | float):
        value = next(iter(value), None)
    if value is None or value == "":
        return None
    number = float(value)
    return number if np.isfinite(number) else None
