"""What a DICOM film says beside its pixels that a reader wants: mm, sides, units, names of windows, patient and date.

The patient becomes a hash and the date a number of days, both by a secret of this server; where it has none, neither is
told. No text of the file is handed on unless a list here has it, or it is the name of a window without a name in it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from datetime import date
from typing import Any

from xraykit.films.dicom import container
from xraykit.films.dicom.attributes import Attributes, Unreadable, left_out
from xraykit.films.dicom.header import Film
from xraykit.films.dicom.softcopy import Orientation, Spacing

SECRET = "XRAYKIT_FILM_SECRET"  # in the environment of the decoders; whoever starts them makes one for its own life
LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL")
# PS3.3 C.8.1.1 and the oblique views of C.8.11.5; whatever else stands there is not shown
VIEWS = (*LATERAL, "AP", "PA", "RLO", "LLO", "RAO", "LAO", "RPO", "LPO")
UNITS = {"HU": "HU", "OD": "OD", "MGML": "mg/ml", "PCT": "%"}  # Rescale Type, PS3.3 C.11.1.1.2, by what readers write
OPPOSITE = str.maketrans("RLAPHF", "LRPAFH")
SPACINGS = (0.001, 10.0)  # mm; what is beyond is no distance of pixels
ORIGIN = 36_525  # days: the origin of dates lies this far back at most
# What archives write in place of an id that they took away: films of many patients share it
NO_ID = set("ANON ANONYM ANONYMOUS ANONYMIZED ANONYMISED NONE UNKNOWN NA NULL REMOVED ID X".split())
LONGEST_NAME = 40  # letters, of a window


def read(film: Film) -> dict[str, Any]:
    """The fields of a `Softcopy` that do not come of its pixels."""
    view = text(film, "ViewPosition")
    return {
        "units": _units(film),
        "spacing": _spacing(film),
        "orientation": _orientation(film),
        "laterality": _laterality(film),
        "view": view if view in VIEWS else None,  # what is none of them may be anything
        "patient": _patient(film.attributes),
        "taken": _taken(film.attributes),
    }


def text(film: Film, keyword: str) -> str:
    """An optional attribute in upper case; "" where there is none, or none that can be read."""
    try:
        return film.attributes.text(keyword)
    except Unreadable:
        return ""


def explanation(holder: Attributes, keyword: str, number: int, film: Film) -> str:
    """What the film calls a window; "" where that is nothing, or might name a patient.

    Parameters
    ----------
    holder : Attributes
        The film's own, or an item of its VOI LUT Sequence.
    keyword : str
        Window Center & Width Explanation, or LUT Explanation.
    number : int
        Which of its values.
    film : Film
    """
    names = _texts(holder, keyword)
    name = names[number] if number < len(names) else ""
    words = set(re.findall(r"\w{3,}", name.upper()))
    odd = not name.isprintable() or "\N{REPLACEMENT CHARACTER}" in name or "^" in name or re.search(r"\d{5}", name)
    return "" if odd or len(name) > LONGEST_NAME or words & _identifying(film.attributes) else name


def _identifying(attributes: Attributes) -> set[str]:
    values = [value for keyword in container.IDENTIFIERS for value in _texts(attributes, keyword)]
    return {word for value in values for word in re.findall(r"\w{3,}", value.upper().replace("_", " "))}


def _texts(attributes: Attributes, keyword: str) -> list[str]:
    try:
        return attributes.texts(keyword)
    except Unreadable:
        return []


def _units(film: Film) -> str | None:
    name = text(film, "RescaleType")
    try:
        items = film.attributes.items("ModalityLUTSequence")
        name = items[0].text("ModalityLUTType") if items else name
    except Unreadable:
        pass
    return UNITS.get(name)


def _spacing(film: Film) -> Spacing | None:
    """PS3.3 10.7.1.3: Pixel Spacing is in the patient, unless it only repeats what the detector has, uncalibrated."""
    patient, detector = _sides(film, "PixelSpacing"), _sides(film, "ImagerPixelSpacing")
    detector = detector or _sides(film, "NominalScannedPixelSpacing")
    if patient and (patient != detector or text(film, "PixelSpacingCalibrationType") in ("GEOMETRY", "FIDUCIAL")):
        return Spacing(*patient, "patient")
    return Spacing(*detector, "detector") if detector else None


def _sides(film: Film, keyword: str) -> tuple[float, float] | None:
    """The distances between rows and between columns, where both are distances."""
    try:
        values = film.attributes.numbers(keyword)
    except Unreadable:
        values = [0.0]
    if not values:
        return None
    if len(values) == 2 and all(SPACINGS[0] <= value <= SPACINGS[1] for value in values):
        return values[0], values[1]
    film.notes.append(left_out(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", keyword)))
    return None


def _orientation(film: Film) -> Orientation | None:
    """Patient Orientation names where the rows lead to, and where the columns do (PS3.3 C.7.6.1.1.1)."""
    letters = [letters.upper() for letters in _texts(film.attributes, "PatientOrientation")]
    if len(letters) != 2 or not all(re.fullmatch("[RLAPHF]{1,3}", towards) for towards in letters):
        return None
    right, bottom = letters
    return Orientation(right.translate(OPPOSITE), bottom.translate(OPPOSITE), right, bottom)


def _laterality(film: Film) -> str | None:
    side = text(film, "ImageLaterality") or text(film, "Laterality")
    return side if side in ("L", "R", "B") else None


def _patient(attributes: Attributes) -> str | None:
    """HMAC-SHA256 of Patient ID and its issuer, 16 hexadecimal digits."""
    identity, issuer = (" ".join(_texts(attributes, keyword)) for keyword in ("PatientID", "IssuerOfPatientID"))
    plain = re.sub(r"[\W_]", "", identity.upper())
    if not _secret() or plain in NO_ID or not plain.strip("0"):
        return None
    return _hmac(f"patient\0{identity}\0{issuer}").hex()[:16]


def _taken(attributes: Attributes) -> int | None:
    """The first date there is, as the days since one that is drawn by the secret."""
    if not _secret():
        return None
    for keyword in container.DATES:
        for written in _texts(attributes, keyword):
            if match := re.fullmatch(r"(\d{4})[.]?(\d\d)[.]?(\d\d)", written):  # with full stops before DICOM 3
                try:
                    day = date(*map(int, match.groups()))
                except ValueError:
                    continue
                return day.toordinal() + int.from_bytes(_hmac("origin")[:8]) % ORIGIN
    return None


def _secret() -> bytes:
    return os.environ.get(SECRET, "").encode()


def _hmac(message: str) -> bytes:
    return hmac.digest(_secret(), message.encode("utf-8", "surrogatepass"), hashlib.sha256)
