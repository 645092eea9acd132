"""What a viewer needs of a film: its values at full depth, its own windows, and where its left, its top and its mm are.

Made in the same decoding as `Radiograph.pixels`, which is the first window of it. Holds no identifier of a patient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

Function = Literal["linear", "linear-exact", "sigmoid", "table"]
STEP = 1e-6  # a linear window hardly wider than 1 is as wide as 1, but for what sums of fractions lose
CHUNK = 2**16  # pixels that are looked up at once: they and what comes of them stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Window:
    """Which of a film's values are shown, from black to white (PS3.3 C.11.2).

    Attributes
    ----------
    name : str
        What the film calls it, or "Window 2".
    low, high : float
        Window Center less and plus half of Window Width, in the units of the film's values, whatever the function; of a
        table the first value that it has an entry for, and the one behind the last.
    function : str
        "linear" (C.11.2.1.2.1), "linear-exact" (C.11.2.1.3.2), "sigmoid" (C.11.2.1.3.1) or "table" (C.11.2.1.1).
    table : numpy.ndarray or None
        uint16 (n,), 0 black to 65535 white, read-only: what each value from `low` on is shown as; the value is rounded,
        and what lies outside takes the nearest entry.
    """

    name: str
    low: float
    high: float
    function: Function = "linear-exact"
    table: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.table is not None:
            object.__setattr__(self, "table", _read_only(self.table))

    @property
    def centre(self) -> float:
        """Window Center."""
        return (self.low + self.high) / 2

    @property
    def width(self) -> float:
        """Window Width."""
        return self.high - self.low

    def graded(self, values: np.ndarray) -> np.ndarray:
        """Values of any shape to 0 (black) .. 1 (white), float64; a straight window goes on below and above."""
        if self.table is not None:
            places = np.clip(np.floor(values + 0.5) - self.low, 0, len(self.table) - 1)
            return self.table[places.astype(np.int64)] / 65535
        if self.function == "sigmoid":
            return 1 / (1 + np.exp(np.clip(-4 * (values - self.centre) / self.width, -700, 700)))
        if self.function == "linear-exact":
            return (values - self.low) / self.width
        centre, width = self.centre - 0.5, self.width - 1
        return (values - centre) / width + 0.5 if width > STEP else (values > centre).astype(np.float64)


class Spacing(NamedTuple):
    """How far apart the middles of neighbouring pixels are, in mm.

    "patient": Pixel Spacing, which is meant in the patient. "detector": where the beam was caught, or on the film that
    was scanned: an object in front of it is smaller by the magnification, which is not known (PS3.3 10.7.1.3).
    """

    row: float  # between rows: down the film
    column: float  # between columns: across it
    kind: Literal["patient", "detector"]


class Orientation(NamedTuple):
    """What of the patient lies at each side of the film, by the letters of PS3.3 C.7.6.1.1.1: "R", "H", "LA"."""

    left: str
    top: str
    right: str
    bottom: str


@dataclass(frozen=True, eq=False)
class Softcopy:
    """A film before any window.

    Attributes
    ----------
    values : numpy.ndarray
        uint8 or uint16, (H, W) grey or (H, W, 3) colour, read-only: stored values after a modality LUT, moved up so
        that the lowest possible is 0. Of a still the array of `Radiograph.pixels` itself.
    windows : tuple of Window
        The default first, then the others of the film in their order, then the range of its own pixels.
    bits : int
        `values` are below 2**bits.
    slope, intercept : float
        value = `values` * slope + intercept is what windows are about.
    units : str or None
        Of the value: "HU", "OD"; None where the film says none that a reader would know.
    inverted : bool
        Whether low values are bright (MONOCHROME1, or presentation LUT shape INVERSE): turned round after the window.
    spacing : Spacing or None
    orientation : Orientation or None
    laterality : str or None
        "L", "R" or "B" (both): the body part that is shown, where it is one of two.
    view : str or None
        As `Radiograph.view`.
    patient : str or None
        The same for two films of one patient, on this server and until it ends; None without a patient or a secret.
    taken : int or None
        In days, from a day that only this server knows: of use as a difference between two films.
    """

    values: np.ndarray
    windows: tuple[Window, ...]
    bits: int
    slope: float = 1.0
    intercept: float = 0.0
    units: str | None = None
    inverted: bool = False
    spacing: Spacing | None = None
    orientation: Orientation | None = None
    laterality: str | None = None
    view: str | None = None
    patient: str | None = None
    taken: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _read_only(self.values))

    def laid(self, turn: int, inverted: bool) -> Softcopy:
        """Turned by so many degrees clockwise, a multiple of 90, and where asked with black and white changed round."""
        quarters = turn // 90 % 4
        spacing, sides = self.spacing, self.orientation
        if spacing and quarters % 2:
            spacing = Spacing(spacing.column, spacing.row, spacing.kind)
        if sides:
            sides = Orientation(*(sides[(place - quarters) % 4] for place in range(4)))
        values = np.ascontiguousarray(np.rot90(self.values, -quarters))
        return replace(self, values=values, spacing=spacing, orientation=sides, inverted=self.inverted != inverted)

    def table(self, window: Window | None = None, inverted: bool | None = None, top: int = 255) -> np.ndarray:
        """What each of the 2**bits values is shown as: uint8, 0..top, or uint16 where `top` is more than 255."""
        window, inverted = window or self.windows[0], self.inverted if inverted is None else inverted
        values = np.arange(2**self.bits, dtype=np.float64) * self.slope + self.intercept
        shown = np.floor(np.clip(window.graded(values), 0, 1) * top + 0.5).astype(np.uint8 if top < 256 else np.uint16)
        return top - shown if inverted else shown

    def render(self, window: Window | None = None, inverted: bool | None = None, top: int = 255) -> np.ndarray:
        """The picture: the yardstick of every viewer.

        Parameters
        ----------
        window : Window, optional
            The default where there is none; its `low` and `high` are in the units of the film's values.
        inverted : bool, optional
            Whether low values are bright; as the film says where it is not given.
        top : int
            White: 255 or 65535.

        Returns
        -------
        numpy.ndarray
            uint8 (uint16 where `top` is 65535), the shape of `values`.
        """
        return looked_up(self.table(window, inverted, top), self.values)


def of_still(pixels: np.ndarray) -> Softcopy:
    """The softcopy of pixels that are a picture already: (H, W) or (H, W, 3), uint8 or uint16, full range."""
    top = int(np.iinfo(pixels.dtype).max)
    return Softcopy(pixels, (Window("Full range", 0, top),), bits=pixels.dtype.itemsize * 8)


def looked_up(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`table[values]` for contiguous whole numbers within the table; the values themselves where nothing changes."""
    if table.dtype == values.dtype and np.array_equal(table, np.arange(len(table))):
        return values
    shown = np.empty(values.shape, table.dtype)
    source, target = values.reshape(-1), shown.reshape(-1)
    for begin in range(0, len(source), CHUNK):
        # "clip" takes no copy of what "raise" would check first
        np.take(table, source[begin : begin + CHUNK], out=target[begin : begin + CHUNK], mode="clip")
    return shown


def _read_only(array: np.ndarray) -> np.ndarray:
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array
