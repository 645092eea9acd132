"""DICOM bytes to pixels as a workstation would show them, and to all that it could show (PS3.3 C.11).

`radiograph.read` calls it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from xraykit.films.dicom import facts, header, pixels, tables
from xraykit.films.dicom.attributes import Unreadable, left_out
from xraykit.films.dicom.facts import text
from xraykit.films.dicom.header import Film
from xraykit.films.dicom.softcopy import Softcopy, Window, looked_up, of_still
from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph
from xraykit.films.stills import decode

# A presentation that shows less is not followed: the part of the grey scale that it uses, the pixels that it clips
LEAST_SCALE, MOST_CLIPPED = 1 / 8, 0.9
MOST_WINDOWS = 30  # of a film; what comes after them no reader would look for
CHUNK = 2**18  # pixels that are counted at once


def read(data: bytes) -> tuple[np.ndarray, Softcopy, tuple[Note, ...]]:
    """Decode a DICOM film, the first frame where it has several.

    Order of PS3.3 C.11: modality LUT, then VOI, and only then the inversion of MONOCHROME1 or of presentation LUT
    shape INVERSE. The VOI is the first that the file offers (LUTs before windows) and that shows something of the
    film; without one, the range of the film's own pixels, padding left out; 8-bit values are shown as they are.

    Returns
    -------
    pixels : numpy.ndarray
        uint8 or uint16, (H, W) grey or (H, W, 3) colour, full range of the dtype, bright = dense: the default window.
    softcopy : Softcopy
        The film before its window, and every window that it has.
    notes : tuple of Note
        What was converted or left out, for the user.

    Raises
    ------
    NotARadiograph
        With the codes of `header.open_film` and `pixels.stored_values`.
    """
    film = header.open_film(data)
    film.notes[:0] = [Note("bits", f"DICOM, {film.about.stored} bits stored."), *_remarks(film)]
    stored = pixels.stored_values(film)
    if film.about.grey:
        softcopy, top = _grey(stored, film)
    else:
        softcopy, top = of_still(np.ascontiguousarray(_colour(stored, film))), 255
    softcopy = replace(softcopy, **facts.read(film))
    return softcopy.render(top=top), softcopy, tuple(film.notes)


def _remarks(film: Film) -> Iterator[Note]:
    if text(film, "PresentationIntentType") == "FOR PROCESSING":
        words = "A raw film (FOR PROCESSING): its contrast differs from that of the films models learn from."
        yield Note("for-processing", words, warning=True)
    if text(film, "ViewPosition") in facts.LATERAL:
        yield Note("lateral", "A lateral or decubitus view: the models know frontal films only.", warning=True)
    if text(film, "BurnedInAnnotation") == "YES":
        yield Note("burned-in-text", "Text is burned into the image: it may name the patient.", warning=True)


class _Values(NamedTuple):
    """What the pixels of a film are after the modality LUT, and how many of them are what (padding left out)."""

    pixels: np.ndarray  # (H, W) uint8 or uint16
    counts: np.ndarray  # (2**bits,) int64
    slope: float
    intercept: float
    highest: int  # that they can be

    @property
    def every(self) -> np.ndarray:
        """In units of the film, one for each of `counts`."""
        return np.arange(len(self.counts)) * self.slope + self.intercept

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and highest that they can be, in units of the film."""
        low, high = sorted((self.intercept, self.highest * self.slope + self.intercept))
        return low, high


def _grey(stored: np.ndarray, film: Film) -> tuple[Softcopy, int]:
    """The film before its window, and the white of the default one: 255 where 8-bit values are shown as they are."""
    values = _modality(np.ascontiguousarray(stored), film)
    windows, as_stored = _windows(values, film)
    inverted = film.about.photometric == "MONOCHROME1" or text(film, "PresentationLUTShape") == "INVERSE"
    if inverted:
        film.notes.append(Note("inverted", "Stored with bright = air (MONOCHROME1): inverted after windowing."))
    softcopy = Softcopy(
        values.pixels,
        windows,
        bits=int(len(values.counts) - 1).bit_length(),
        slope=values.slope,
        intercept=values.intercept,
        inverted=inverted,
    )
    return softcopy, 255 if as_stored and film.about.stored <= 8 else 65535


def _modality(stored: np.ndarray, film: Film) -> _Values:
    """PS3.3 C.11.1: the modality LUT, or the rescale that makes values of stored ones."""
    low, counts = film.about.lowest, _counts(stored, 2**film.about.stored)
    counts = _without_padding(counts, low, film)
    try:
        if items := film.attributes.items("ModalityLUTSequence"):
            table = tables.table(items[0], film.about, signed=film.about.signed)
            film.notes.append(Note("modality-lut", "Modality LUT applied."))
            return _through(table, stored, counts, low)
    except Unreadable:
        film.notes.append(left_out("Modality LUT"))
    slope, intercept = (_number(film, name) for name in ("Rescale Slope", "Rescale Intercept"))
    if not slope or intercept is None:
        slope, intercept = 1.0, 0.0
    values = _Values(stored, counts, slope, low * slope + intercept, len(counts) - 1)
    if not np.isfinite(values.ends).all():
        film.notes.append(left_out("Rescale Slope"))
        return values._replace(slope=1.0, intercept=float(low))
    return values


def _through(table: tables.Table, stored: np.ndarray, counts: np.ndarray, low: int) -> _Values:
    """Values after a table, and how many pixels have each."""
    highest = max(int(table.top), 255)
    outputs = table(np.arange(low, low + len(counts)))
    bits = highest.bit_length()
    pixels = looked_up(outputs.astype(np.uint8 if bits <= 8 else np.uint16), stored)
    counted = np.bincount(outputs.astype(np.int64), counts, minlength=2**bits)
    return _Values(pixels, counted.astype(np.int64), 1.0, 0.0, int(table.top))


def _counts(values: np.ndarray, bins: int) -> np.ndarray:
    """How many pixels have each value: a part of the film at a time, as NumPy counts 64-bit numbers only."""
    flat, counts = values.reshape(-1), np.zeros(bins, np.int64)
    for begin in range(0, len(flat), CHUNK):
        counts += np.bincount(flat[begin : begin + CHUNK], minlength=bins)
    return counts


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


def _windows(values: _Values, film: Film) -> tuple[tuple[Window, ...], bool]:
    """Every window of the film, the one that is shown first, and whether the stored values themselves are shown."""
    offered = _named_apart(_presentations(values, film))
    every = values.every
    present = every[values.counts > 0]
    darkest, brightest = float(present.min()), float(present.max())
    own = Window("Range of the film", darkest, _above(darkest, brightest))
    windows = [window for window, _ in offered]
    for number, (window, note) in enumerate(offered):
        if _shows(window.graded(every), values.counts):
            film.notes.append(note)
            if number:
                film.notes.append(Note("other-window", "The first window in the file shows nothing; the next is used."))
            return (windows.pop(number), *windows, own), False
    if film.about.stored <= 8 and not offered:
        low, high = values.ends
        return (Window("Full range", low, _above(low, high)), own), True
    if offered:
        words = "The window in the file shows next to nothing of this film: the range of its own pixels is shown."
        film.notes.append(Note("window-misses", words, warning=True))
    else:
        film.notes.append(Note("no-window", "No window in the file: the range of the film's own pixels is shown."))
    return (own, *windows), False


def _above(low: float, high: float) -> float:
    """The white of a range, brighter than its black where all is the same."""
    return high if high > low else low + max(1.0, abs(low) * 1e-9)


def _shows(shown: np.ndarray, counts: np.ndarray) -> bool:
    """Whether a presentation, in 0..1 before clipping, uses enough of the grey scale and keeps enough of the pixels."""
    present = counts > 0
    used = np.clip(shown[present], 0, 1)
    clipped = counts[(shown < 0) | (shown > 1)].sum() / counts.sum()
    return bool(used.max() - used.min() >= LEAST_SCALE and clipped <= MOST_CLIPPED)


def _presentations(values: _Values, film: Film) -> Iterator[tuple[Window, Note]]:
    """PS3.3 C.11.2: every VOI of the file, by name."""
    try:
        items = film.attributes.items("VOILUTSequence")[:MOST_WINDOWS]
        for number, item in enumerate(items):
            table = tables.table(item, film.about, signed=values.ends[0] < 0)
            shades = np.floor(table.entries / table.top * 65535 + 0.5).astype(np.uint16)
            name = facts.explanation(item, "LUTExplanation", 0, film) or _numbered("VOI LUT", number, items)
            yield (
                Window(name, table.first, table.first + len(shades), "table", shades),
                Note("voi-lut", "VOI LUT applied."),
            )
    except Unreadable:
        film.notes.append(left_out("VOI LUT"))
    try:
        centres, widths = (film.attributes.numbers(name) for name in ("WindowCenter", "WindowWidth"))
    except Unreadable:
        film.notes.append(left_out("Window Center and Width"))
        return
    function = text(film, "VOILUTFunction")
    pairs = [pair for pair in zip(centres, widths, strict=False)][:MOST_WINDOWS]
    for number, (centre, width) in enumerate(pairs):
        if centre - width / 2 < centre + width / 2 < np.inf:
            name = facts.explanation(film.attributes, "WindowCenterWidthExplanation", number, film)
            name = name or _numbered("Window", number, pairs)
            yield _window(name, centre, width, function), Note("window", f"Window centre {centre:g}, width {width:g}.")


def _named_apart(offered: Iterable[tuple[Window, Note]]) -> list[tuple[Window, Note]]:
    """The same, no two by one name."""
    seen: Counter[str] = Counter()
    apart = []
    for window, note in offered:
        seen[window.name] += 1
        if (number := seen[window.name]) > 1:
            window = replace(window, name=f"{window.name} ({number})")
        apart.append((window, note))
    return apart


def _numbered(word: str, number: int, those: list[Any]) -> str:
    return f"{word} {number + 1}" if len(those) > 1 else word


def _window(name: str, centre: float, width: float, function: str) -> Window:
    low, high = centre - width / 2, centre + width / 2
    if function == "SIGMOID":
        return Window(name, low, high, "sigmoid")
    # LINEAR is not allowed to be narrower than 1, LINEAR_EXACT alone is (PS3.3 C.11.2.1.3.2)
    exact = width < 1 or function not in ("LINEAR", "")
    return Window(name, low, high, "linear-exact" if exact else "linear")


def _colour(stored: np.ndarray, film: Film) -> np.ndarray:
    about = film.about
    if about.photometric == "PALETTE COLOR":
        try:
            red, green, blue = (tables.palette(film.attributes, about, name) for name in ("Red", "Green", "Blue"))
        except Unreadable:
            words = "The palette of the DICOM film cannot be read. Export it as 8-bit or 16-bit grey."
            raise NotARadiograph(words, code="unsupported-format") from None
        deep = max(float(table.entries.max()) for table in (red, green, blue)) > 255
        places = stored.astype(np.int32) + about.lowest
        stored = np.stack([table(places) for table in (red, green, blue)], axis=-1) * (255 / 65535 if deep else 1)
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
