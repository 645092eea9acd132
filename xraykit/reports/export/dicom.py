"""A film report for an archive of images: Secondary Captures of its pictures, and a Presentation State for the film.

New identifiers, made of the report itself, so that the same report gives the same file. Nothing of the patient: name
and id are the beginning of the film's SHA-256, for an archive to replace when it takes the files in.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from xraykit import RESEARCH_ONLY, __version__
from xraykit.films.radiograph import Radiograph
from xraykit.models.explanation import Explanation
from xraykit.refused import Refused
from xraykit.reports.film.heatmap import overlay
from xraykit.reports.film.photograph import Photograph
from xraykit.reports.film.subject import Answer, Subject
from xraykit.reports.report.page import Report

if TYPE_CHECKING:
    from pydicom import Dataset

MAKER, MODEL, SERIAL = "xraykit", "xraykit research demonstration", "none"
SERIES = {"pictures": 9001, "film": 9002, "state": 9003}  # numbers far behind those of a study
HOT = 0.5  # of the heatmap's maximum: the outline that a Presentation State draws
FINE = 4  # parts of a heatmap's cell that an outline follows
KINDS = {  # of a reader's marks, to graphic types of PS3.3 C.10.5
    "arrow": "POLYLINE",
    "line": "POLYLINE",
    "freehand": "POLYLINE",
    "polygon": "POLYLINE",
    "ruler": "POLYLINE",
}
EMPTY = ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")


class NotForArchives(Refused):
    """A report or film that cannot be written as DICOM; the words say why."""

    code = "no-dicom"


def secondary_captures(report: Report, original: bytes | None = None) -> dict[str, bytes]:
    """Each overlay of a film report with its legend, as a DICOM file: file name -> its bytes.

    RGB, Secondary Capture Image Storage; of a new study, or of that of `original`, the bytes of the DICOM film. Raises
    NotForArchives where the report has no overlay.
    """
    shown = [part for section in report.sections for part in section.photographs if part.key != "film"]
    if not shown:
        raise NotForArchives("This report has no overlay, so there is no Secondary Capture. Choose a model.")
    made = _made(report.data, original)
    return {
        f"{file_stem(report.data)}-{photograph.key}.dcm": _written(_capture(photograph, number, made, report))
        for number, photograph in enumerate(shown, 1)
    }


def presentation_state(subject: Subject, report: Report, original: bytes | None = None) -> dict[str, bytes]:
    """A Grayscale Softcopy Presentation State: outlines of the heatmaps, model probabilities, the reader's marks.

    Without `original`, the bytes of the DICOM film itself, the film goes along as a Secondary Capture that the state is
    of. With it the state is of that film, which it names by the UIDs that the film's archive knows: no other attribute
    is taken over. Returns file name -> its bytes.

    Raises
    ------
    NotForArchives
        If the film is in colour, or `original` is another film, no DICOM file, or was turned for reading.
    """
    if subject.film.colour:
        raise NotForArchives("The film is in colour; a grayscale Presentation State is for grey films.")
    made, stem = _made(report.data, original), file_stem(report.data)
    files = {}
    if original is None:
        film = _film_capture(subject.film, made, report)
        files[f"{stem}-film.dcm"] = _written(film)
    else:
        film = _reference(subject, made)
    files[f"{stem}-state.dcm"] = _written(_state(subject, film, made))
    return files


def file_stem(data: Mapping[str, Any]) -> str:
    """ "film-" and the beginning of the film's SHA-256."""
    return f"film-{data['film']['sha256'][:12]}"


class _Made:
    """When a report was made, and its new UIDs; `original` is the film that its archive has, None where none is."""

    def __init__(self, data: Mapping[str, Any], original: Dataset | None) -> None:
        redo, self.original = data["redo"], original
        self.moment = datetime.datetime.fromisoformat(redo["arguments"]["created"])
        self._seed = json.dumps(redo, sort_keys=True) + (original.SOPInstanceUID if original else "")
        self.case = f"XRAYKIT-{data['film']['sha256'][:12].upper()}"
        self.study = original.StudyInstanceUID if original else self.uid("study")

    def uid(self, role: str) -> str:
        """A UID of PS3.5 B.2, "2.25." and a UUID as a number: one for each role in this report."""
        digest = bytearray(hashlib.sha256(f"{role} {self._seed}".encode()).digest()[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80  # version 8, variant 1 of RFC 9562
        return f"2.25.{int.from_bytes(digest, 'big')}"


def _made(data: Mapping[str, Any], original: bytes | None) -> _Made:
    if "redo" not in data or "film" not in data:
        raise NotForArchives("Only the report of a film that was read can be written as DICOM.")
    if original is not None and hashlib.sha256(original).hexdigest() != data["film"]["sha256"]:
        raise NotForArchives("Expected the film that was read; got another file.")
    return _Made(data, None if original is None else _named(original))


def _capture(photograph: Photograph, number: int, made: _Made, report: Report) -> Dataset:
    from PIL import Image

    with Image.open(io.BytesIO(photograph.png)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    words = f"Film with a heatmap over it: {photograph.title}"
    return _image(pixels, "RGB", "pictures", photograph.key, number, made, f"{words}. {report.notice}")


def _film_capture(film: Radiograph, made: _Made, report: Report) -> Dataset:
    words = f"Film as it was read, in 8 bits. {report.notice}"
    return _image(film.display(), "MONOCHROME2", "film", "film", 1, made, words, film)


def _image(
    pixels: np.ndarray,
    photometric: str,
    series: str,
    role: str,
    number: int,
    made: _Made,
    words: str,
    film: Radiograph | None = None,
) -> Dataset:
    from highdicom.sc import SCImage

    lies = film.softcopy.orientation if film else None
    spacing = film.softcopy.spacing if film else None
    data: Any = SCImage(
        pixel_array=pixels,
        photometric_interpretation=photometric,
        bits_allocated=8,
        coordinate_system="PATIENT",
        study_instance_uid=made.study,
        series_instance_uid=made.uid(f"series {series}"),
        series_number=SERIES[series],
        sop_instance_uid=made.uid(f"instance {role}"),
        instance_number=number,
        manufacturer=MAKER,
        patient_id=made.case,
        patient_orientation=("L", "F"),  # highdicom wants one; what is known is said below
        pixel_spacing=(spacing.row, spacing.column) if spacing else None,
    )
    data.PatientOrientation = [lies.right, lies.bottom] if lies and lies.right and lies.bottom else None
    if film and film.softcopy.laterality in ("L", "R"):
        data.Laterality = film.softcopy.laterality
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.ConversionType = "WSD"
    data.DateOfSecondaryCapture, data.TimeOfSecondaryCapture = f"{made.moment:%Y%m%d}", f"{made.moment:%H%M%S}"
    data.SeriesDescription = "xraykit: research only, not for diagnosis"
    data.DerivationDescription = _short_text(words)
    # Of the film nobody knows whether text is burnt in; a legend is. An archive that asks is told yes.
    data.BurnedInAnnotation = "YES"
    return _common(data, made)


def _common(data: Dataset, made: _Made) -> Dataset:
    """What all files say alike: nothing of a patient, one moment, who made them."""
    for keyword in EMPTY:
        setattr(data, keyword, "")
    data.PatientName = data.PatientID = made.case
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "Made anew: nothing of the film's attributes is taken over"
    data.StudyDate = data.StudyTime = data.ReferringPhysicianName = ""
    day, time = f"{made.moment:%Y%m%d}", f"{made.moment:%H%M%S}"
    for kind in ("Content", "InstanceCreation", "Series", "PresentationCreation"):
        if kind == "PresentationCreation" and kind + "Date" not in data:
            continue
        setattr(data, f"{kind}Date", day)
        setattr(data, f"{kind}Time", time)
    for equipment in data.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = f"{day}{time}"
    data.SpecificCharacterSet = "ISO_IR 192"
    data.TimezoneOffsetFromUTC = f"{made.moment:%z}" or "+0000"
    data.ManufacturerModelName, data.SoftwareVersions = MODEL, __version__
    data.DeviceSerialNumber = SERIAL
    return data


def _named(original: bytes) -> Dataset:
    """Of a film in an archive what others name it by: its UIDs and its size."""
    import pydicom
    from pydicom.uid import UID

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            held = pydicom.dcmread(io.BytesIO(original), stop_before_pixels=True, force=True)
            data = pydicom.Dataset()
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
                setattr(data, keyword, UID(str(getattr(held, keyword))))
            data.Rows, data.Columns = int(held.Rows), int(held.Columns)
        except Exception:  # pydicom meets broken files with a dozen types
            words = "The film names no study, series and instance: only a whole DICOM film can be referred to."
            raise NotForArchives(words) from None
    return data


def _reference(subject: Subject, made: _Made) -> Dataset:
    """The film of an archive as highdicom wants it, without anything of the patient."""
    asked, data = subject.gate.asked, made.original
    if asked.turn or asked.inverted:
        raise NotForArchives("The film was turned for reading, and its archive has it as it was: export without it.")
    assert data is not None
    data.Modality, data.PhotometricInterpretation, data.SamplesPerPixel = "OT", "MONOCHROME2", 1
    data.BitsAllocated = data.BitsStored = 8
    for keyword in (*EMPTY, "PatientName", "PatientID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(data, keyword, "")
    return data


def _state(subject: Subject, film: Dataset, made: _Made) -> Dataset:
    from highdicom import pr

    layer = pr.GraphicLayer("XRAYKIT", 1, "Outlines of heatmaps, model probabilities, marks")
    graphics, texts = list(_outlines(subject)), list(_texts(subject))
    annotation = pr.GraphicAnnotation(
        referenced_images=[film], graphic_layer=layer, graphic_objects=graphics or None, text_objects=texts
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pr.GrayscaleSoftcopyPresentationState(
            referenced_images=[film],
            series_instance_uid=made.uid("series state"),
            series_number=SERIES["state"],
            sop_instance_uid=made.uid("instance state"),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MODEL,
            software_versions=__version__,
            device_serial_number=SERIAL,
            content_label="XRAYKIT",
            content_description="Research only, not for diagnosis",
            graphic_annotations=[annotation],
            graphic_layers=[layer],
        )
    data.SeriesDescription = "xraykit: research only, not for diagnosis"
    return _common(data, made)


def _texts(subject: Subject) -> Iterator[Any]:
    from highdicom.pr import TextObject

    said = [RESEARCH_ONLY, *(_said(title, answer) for title, answer in subject.titled)]
    if subject.impression and subject.impression.finding:
        said.append(f"Reader's finding: {subject.impression.finding}")
    for number, words in enumerate(said):
        top = 0.01 + 0.04 * number
        yield TextObject(_short_text(words), "DISPLAY", (0.01, top, 0.99, top + 0.035), text_justification="LEFT")


def _short_text(words: str) -> str:
    """Text as the value representation ST holds it: at most 1024 letters, no backslash, no control character."""
    plain = (letter if letter.isprintable() else " " for letter in words.replace("\\", "/"))
    return "".join(plain)[:1024]


def _said(title: str, answer: Answer) -> str:
    if answer.prediction is None:
        return f"{title}: {answer.words}"
    top = answer.prediction.top
    return f"{title}: {top}, model probability {answer.probabilities[top]:.3f}"


def _outlines(subject: Subject) -> Iterator[Any]:
    """Polylines in film pixels: where each heatmap reaches half of its maximum, and what a reader drew."""
    from highdicom.pr import GraphicObject

    film = subject.film
    for answer in subject.answers:
        if answer.explanation is not None and answer.explanation.maximum > 0:
            for points in outlines(answer.explanation):
                yield GraphicObject("POLYLINE", points, "PIXEL")
    for mark in subject.impression.marks if subject.impression else ():
        points = np.clip(np.array(mark.points, float).reshape(-1, 2), 0, (film.width, film.height))
        if mark.kind in KINDS and len(points) >= 2:
            yield GraphicObject(KINDS[mark.kind], points, "PIXEL")


def outlines(explanation: Explanation) -> Iterator[np.ndarray]:
    """Closed outlines float64 (n, 2), columns and rows in film pixels, of where the heat is at least `HOT`."""
    rows, columns = explanation.heatmap.shape
    scale = min(FINE, max(1, 256 // max(rows, columns)))
    hot = overlay.enlarge(explanation.heatmap, rows * scale, columns * scale) >= HOT
    left, top, right, bottom = explanation.box
    step = np.array([(right - left) / hot.shape[1], (bottom - top) / hot.shape[0]])
    for corners in _rings(hot):
        yield corners * step + (left, top)


def _rings(inside: np.ndarray) -> Iterator[np.ndarray]:
    """The borders of True cells as closed rings of corners (n, 2), column and row, the cells on the right hand."""
    padded = np.pad(inside, 1)
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, column in np.argwhere(inside).tolist():
        sides = (
            (padded[row, column + 1], (column, row), (column + 1, row)),
            (padded[row + 1, column + 2], (column + 1, row), (column + 1, row + 1)),
            (padded[row + 2, column + 1], (column + 1, row + 1), (column, row + 1)),
            (padded[row + 1, column], (column, row + 1), (column, row)),
        )
        for neighbour, start, end in sides:
            if not neighbour:
                following.setdefault(start, []).append(end)
    while following:
        start = next(iter(following))
        ring, place = [start], start
        while (ends := following.get(place)) is not None:
            place = ends.pop()
            if not ends:
                del following[ring[-1]]
            ring.append(place)
            if place == start:
                break
        yield _straightened(np.array(ring, float))


def _straightened(ring: np.ndarray) -> np.ndarray:
    """Without the corners that lie on a straight line."""
    before, after = ring[1:-1] - ring[:-2], ring[2:] - ring[1:-1]
    turns = (before != after).any(axis=1)
    return ring[np.concatenate([[True], turns, [True]])]


def _written(data: Dataset) -> bytes:
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()
