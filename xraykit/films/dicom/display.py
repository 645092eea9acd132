"""DICOM bytes to pixels as a workstation would show them (PS3.3 C.11). `radiograph.read` calls it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from xraykit.films.dicom import header, pixels, tables
from xraykit.films.dicom.attributes import Attributes, Unreadable, left_out
from xraykit.films.dicom.header import Film
from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph
from xraykit.films.stills import decode

# A presentation that shows less is not followed: the part of the grey scale that it uses, the pixels that it clips
LEAST_SCALE, MOST_CLIPPED = 1 / 8, 0.9
LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL")
# PS3.3 C.8.1.1 and the oblique views of C.8.11.5; whatever else stands there is not shown
VIEWS = (*LATERAL, "AP", "PA", "RLO", "LLO", "RAO", "LAO", "RPO", "LPO")


def read(data: bytes) -> tuple[np.ndarray, str | None, tuple[Note, ...]]:
    """Decode a DICOM film, the first frame where it has several.

    Order of PS3.3 C.11: modality LUT, then VOI, and only then the inversion of MONOCHROME1 or of presentation LUT
    shape INVERSE. The VOI is the first that the file offers (LUTs before windows) and that shows something of the
    film; without one, the range of the film's own pixels, padding left out; 8-bit values are shown as they are.

    Returns
    -------
    pixels : numpy.ndarray
        uint8 or uint16, (H, W) grey or (H, W, 3) colour, full range of the dtype, bright = dense.
    view : str or None
        (0018,5101) View Position: one of VIEWS
    notes : tuple of Note
        What was converted or left out, for the user.

    Raises
    ------
    NotARadiograph
        With the codes of `header.open_film` and `pixels.stored_values`.
    """
    film = header.open_film(data)
    film.notes[:0] = [Note("bits", f"DICOM, {film.about.stored} bits stored."), *_remarks(film.attributes)]
    stored = pixels.stored_values(film)
    shown = _grey(stored, film) if film.about.grey else _colour(stored, film)
    view = _text(film.attributes, "ViewPosition")
    view = view if view in VIEWS else ""  # what is none of them may be anything
    return np.ascontiguousarray(shown), view or None, tuple(film.notes)


def _remarks(attributes: Attributes) -> Iterator[Note]:
    if _text(attributes, "PresentationIntentType") == "FOR PROCESSING":
        words = "A raw film (FOR PROCESSING): its contrast differs from that of the films models learn from."
        yield Note("for-processing", words, warning=True)
    if _text(attributes, "ViewPosition") in LATERAL:
        yield Note("lateral", "A lateral or decubitus view: the models know frontal films only.", warning=True)
    if _text(attributes, "BurnedInAnnotation") == "YES":
        yield Note("burned-in-text", "Text is burned into the image: it may name the patient.", warning=True)


class _Histogram(NamedTuple):
    """What a film's pixels are: every value that a stored word can have, and how many pixels have it."""

    stored: np.ndarray  # (2**bits,) float64
    counts: np.ndarray  # (2**bits,) int64, padding left out


def _grey(stored: np.ndarray, film: Film) -> np.ndarray:
    # At most 65536 different stored values: the chain runs once on each, the film is looked up
    about = film.about
    low = -(2 ** (about.stored - 1)) if about.signed else 0
    every = np.arange(low, low + 2**about.stored)
    counts = np.bincount((stored - low).ravel(), minlength=len(every))
    histogram = _Histogram(every.astype(np.float64), _without_padding(counts, low, film))
    shown, as_stored = _presented(histogram, film)
    if about.stored <= 8 and as_stored:
        table, top = np.floor(shown * 255 + 0.5).astype(np.uint8), 255
    else:
        table, top = np.floor(shown * 65535 + 0.5).astype(np.uint16), 65535
    if about.photometric == "MONOCHROME1" or _text(film.attributes, "PresentationLUTShape") == "INVERSE":
        table = top - table
        film.notes.append(Note("inverted", "Stored with bright = air (MONOCHROME1): inverted after windowing."))
    return table[stored - low]


def _without_padding(counts: np.ndarray, low: int, film: Film) -> np.ndarray:
    """The pixels outside the beam that the file marks (PS3.3 C.7.5.1.1.2) tell nothing of the film's range."""
    try:
        value, limit = (film.attributes.integer(f"PixelPadding{name}") for name in ("Value", "RangeLimit"))
    except Unreadable:
        film.notes.append(left_out("Pixel Padding Value"))
        return counts
    if value is None:
        return counts
    # Written as US or as SS: the same word is meant
    ends = [end - 2**16 if low < 0 and end >= 2**15 else end for end in (value, value if limit is None else limit)]
    places = np.arange(low, low + len(counts))
    rest = np.where((places >= min(ends)) & (places <= max(ends)), 0, counts)
    return rest if rest.any() else counts


def _presented(histogram: _Histogram, film: Film) -> tuple[np.ndarray, bool]:
    """Every stored value as 0..1, and whether the stored values themselves are shown."""
    values, low, high = _modality(histogram.stored, film)
    offered = list(_presentations(values, film))
    for number, (shown, note) in enumerate(offered):
        if _shows(shown, histogram.counts):
            film.notes.append(note)
            if number:
                film.notes.append(Note("other-window", "The first window in the file shows nothing; the next is used."))
            return np.clip(shown, 0, 1), False
    if film.about.stored <= 8 and not offered:
        return (values - low) / max(high - low, 1e-9), True
    present = values[histogram.counts > 0]
    if offered:
        words = "The window in the file shows next to nothing of this film: the range of its own pixels is shown."
        film.notes.append(Note("window-misses", words, warning=True))
    else:
        film.notes.append(Note("no-window", "No window in the file: the range of the film's own pixels is shown."))
    darkest, brightest = float(present.min()), float(present.max())
    return np.clip((values - darkest) / max(brightest - darkest, 1e-9), 0, 1), False


def _shows(shown: np.ndarray, counts: np.ndarray) -> bool:
    """Whether a presentation, in 0..1 before clipping, uses enough of the grey scale and keeps enough of the pixels."""
    present = counts > 0
    used = np.clip(shown[present], 0, 1)
    clipped = counts[(shown < 0) | (shown > 1)].sum() / counts.sum()
    return bool(used.max() - used.min() >= LEAST_SCALE and clipped <= MOST_CLIPPED)


def _modality(stored: np.ndarray, film: Film) -> tuple[np.ndarray, float, float]:
    """PS3.3 C.11.1: the values after the modality LUT or rescale, and the lowest and highest they can be."""
    try:
        if items := film.attributes.items("ModalityLUTSequence"):
            table = tables.table(items[0], film.about, signed=film.about.signed)
            film.notes.append(Note("modality-lut", "Modality LUT applied."))
            return table(stored), 0.0, table.top
    except Unreadable:
        film.notes.append(left_out("Modality LUT"))
    slope, intercept = (_number(film, name) for name in ("Rescale Slope", "Rescale Intercept"))
    values = stored * slope + intercept if slope and intercept is not None else stored
    return values, float(values.min()), float(values.max())


def _presentations(values: np.ndarray, film: Film) -> Iterator[tuple[np.ndarray, Note]]:
    """PS3.3 C.11.2: every VOI of the file, values to 0..1 before clipping."""
    try:
        for item in film.attributes.items("VOILUTSequence"):
            table = tables.table(item, film.about, signed=bool(values.min() < 0))
            yield table(values) / table.top, Note("voi-lut", "VOI LUT applied.")
    except Unreadable:
        film.notes.append(left_out("VOI LUT"))
    try:
        centres, widths = (film.attributes.numbers(name) for name in ("WindowCenter", "WindowWidth"))
    except Unreadable:
        film.notes.append(left_out("Window Center and Width"))
        return
    function = _text(film.attributes, "VOILUTFunction") or "LINEAR"
    for centre, width in zip(centres, widths, strict=False):
        if width > 0:
            exact = function == "LINEAR" and width < 1  # which PS3.3 allows LINEAR_EXACT alone
            name = "LINEAR_EXACT" if exact else function
            yield _window(values, centre, width, name), Note("window", f"Window centre {centre:g}, width {width:g}.")


def _window(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.2 (LINEAR_EXACT) and C.11.2.1.3.1 (SIGMOID), before clipping."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (values > centre).astype(np.float64)
    return (values - centre) / width + 0.5


def _colour(stored: np.ndarray, film: Film) -> np.ndarray:
    about = film.about
    if about.photometric == "PALETTE COLOR":
        try:
            red, green, blue = (tables.palette(film.attributes, about, name) for name in ("Red", "Green", "Blue"))
        except Unreadable:
            words = "The palette of the DICOM film cannot be read. Export it as 8-bit or 16-bit grey."
            raise NotARadiograph(words, code="unsupported-format") from None
        deep = max(float(table.entries.max()) for table in (red, green, blue)) > 255
        stored = np.stack([table(stored) for table in (red, green, blue)], axis=-1) * (255 / 65535 if deep else 1)
        film.notes.append(Note("palette", "Palette converted to colours."))
    elif about.stored != 8:
        stored = stored * (255 / (2**about.stored - 1))
        film.notes.append(Note("colour-bits", f"{about.stored}-bit colour, read at 8 bits per channel."))
    return decode.grey_or_colour(np.floor(stored + 0.5).astype(np.uint8), film.notes)


def _number(film: Film, name: str) -> float | None:
    """The first number of an optional attribute; None, with a note, where it cannot be read."""
    try:
        return next(iter(film.attributes.numbers(name.replace(" ", ""))), None)
    except Unreadable:
        film.notes.append(left_out(name))
        return None


def _text(attributes: Attributes, keyword: str) -> str:
    try:
        return attributes.text(keyword)
    except Unreadable:
        return ""
