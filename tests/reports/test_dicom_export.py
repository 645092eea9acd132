"""Film reports for an archive: valid DICOM, made anew, with nothing of the patient."""

import io
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from tests.helpers import film_reports
from tests.helpers.film_reports import subject
from xraykit import RESEARCH_ONLY
from xraykit.films import radiograph
from xraykit.gate.verdict import Asked
from xraykit.models import explanation
from xraykit.reading.impressions import Impression, Mark
from xraykit.reports.export import dicom
from xraykit.reports.export.dicom import NotForArchives
from xraykit.reports.film import report

PLANTED = {"PatientName": "DOE^JANE", "PatientID": "MRN-77", "PatientBirthDate": "19500102", "AccessionNumber": "ACC-9"}


def held(content):
    return pydicom.dcmread(io.BytesIO(content))


@pytest.fixture(scope="module")
def original():
    return film_reports.dicom_film(**PLANTED)


@pytest.fixture(scope="module")
def of_dicom(original):
    return subject(models=2, shown=radiograph.read(original, "DOE^JANE.dcm"))


def test_a_secondary_capture_shows_the_overlay_and_says_what_it_is(of_dicom):
    page = report.report(of_dicom)
    files = dicom.secondary_captures(page)
    assert list(files) == [f"film-{of_dicom.id}-overlay-model-{number}.dcm" for number in (0, 1)]
    for content, photograph in zip(files.values(), page.sections[0].photographs[1:], strict=True):
        data = held(content)
        assert data.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
        assert list(data.ImageType) == ["DERIVED", "SECONDARY"] and data.BurnedInAnnotation == "YES"
        assert data.ConversionType == "WSD" and RESEARCH_ONLY in data.DerivationDescription
        assert (data.Columns, data.Rows) == photograph.size and data.pixel_array.shape[2] == 3
        assert data.PatientID == f"XRAYKIT-{of_dicom.id.upper()}" and not data.PatientBirthDate
    first, second = map(held, files.values())
    assert first.StudyInstanceUID == second.StudyInstanceUID and first.SOPInstanceUID != second.SOPInstanceUID
    assert files == dicom.secondary_captures(report.report(of_dicom))


def test_nothing_of_the_patient_and_no_uid_is_taken_over(of_dicom, original):
    page, old = report.report(of_dicom), held(original)
    files = dicom.secondary_captures(page) | dicom.presentation_state(of_dicom, page)
    for content in files.values():
        for planted in (*PLANTED.values(), "DOE", old.SOPInstanceUID, old.get("StudyInstanceUID", "none-such")):
            assert planted.encode() not in content


def test_a_presentation_state_is_of_the_film_and_outlines_the_heat(of_dicom):
    said = Impression(finding="Normal", marks=(Mark("arrow", ((-5.0, 3.0), (40.0, 30.0))), Mark("circle", ((1, 1),))))
    page = report.report(shown := replace(of_dicom, impression=said))
    files = {name.rsplit("-", 1)[1]: held(content) for name, content in dicom.presentation_state(shown, page).items()}
    film, state = files["film.dcm"], files["state.dcm"]
    (series,) = state.ReferencedSeriesSequence
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == film.SOPInstanceUID
    assert state.SeriesInstanceUID != film.SeriesInstanceUID and state.StudyInstanceUID == film.StudyInstanceUID
    assert (film.pixel_array == shown.film.display()).all()
    (annotation,) = state.GraphicAnnotationSequence
    texts = [item.UnformattedTextValue for item in annotation.TextObjectSequence]
    assert texts[0] == RESEARCH_ONLY and "Reader's finding: Normal" in texts
    top = shown.answers[0].prediction.top
    assert f"Network model-0: {top}, model probability {shown.answers[0].probabilities[top]:.3f}" in texts
    for item in annotation.GraphicObjectSequence:
        points = np.array(item.GraphicData).reshape(-1, 2)
        assert (points >= 0).all() and (points <= (shown.film.width, shown.film.height)).all()


def test_a_class_with_letters_that_dicom_gives_a_meaning_is_written_without_them():
    shown = subject(classes=("a\\b", "c\x01\nd"), impression=Impression(finding="a\\b"))
    page = report.report(shown)
    files = dicom.secondary_captures(page) | dicom.presentation_state(shown, page)
    (annotation,) = held(files[f"film-{shown.id}-state.dcm"]).GraphicAnnotationSequence
    texts = [item.UnformattedTextValue for item in annotation.TextObjectSequence]
    assert "Reader's finding: a/b" in texts and all(text.isprintable() for text in texts)


def test_a_state_of_the_films_own_study_names_it_by_its_uids_alone(of_dicom, original):
    old = held(original)
    uids = {"StudyInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3.5", "SOPInstanceUID": old.SOPInstanceUID}
    whole = film_reports.dicom_film(**PLANTED, **uids)
    shown = subject(shown=radiograph.read(whole, "x.dcm"))
    page = report.report(shown)
    ((name, content),) = dicom.presentation_state(shown, page, whole).items()
    state = held(content)
    assert name.endswith("state.dcm") and state.StudyInstanceUID == "1.2.3.4"
    assert state.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.5"
    assert held(next(iter(dicom.secondary_captures(page, whole).values()))).StudyInstanceUID == "1.2.3.4"
    assert all(planted.encode() not in content for planted in PLANTED.values())
    turned = replace(shown, gate=replace(shown.gate, asked=Asked(turn=90)))
    with pytest.raises(NotForArchives, match="turned"):
        dicom.presentation_state(turned, page, whole)
    with pytest.raises(NotForArchives, match="another file"):
        dicom.presentation_state(shown, page, original)


def test_what_cannot_be_dicom_is_said(of_dicom):
    with pytest.raises(NotForArchives, match="no overlay"):
        dicom.secondary_captures(report.report(subject(models=0)))
    png = subject()
    with pytest.raises(NotForArchives, match="whole DICOM film"):
        dicom._named(b"\x89PNG")
    assert dicom.presentation_state(png, report.report(png))


def test_outlines_enclose_what_is_hot():
    heat = np.zeros((8, 8), np.float32)
    heat[2:4, 5:7] = 1
    heat[6, 1] = 1
    map_ = explanation.Explanation("a", "Grad-CAM", "l", heat, 1.0, (100, 50, 900, 850))
    rings = list(dicom.outlines(map_))
    assert len(rings) == 2 and all((ring[0] == ring[-1]).all() for ring in rings)
    low, high = rings[0].min(axis=0), rings[0].max(axis=0)
    assert 550 <= low[0] <= 600 <= 800 <= high[0] <= 850 and 200 <= low[1] <= 250 and 450 <= high[1] <= 500


def test_rings_of_cells_that_touch_at_a_corner_or_have_a_hole():
    inside = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1]], bool)
    ring_cells = np.ones((3, 3), bool)
    ring_cells[1, 1] = False
    for cells in (inside, ring_cells):
        edges = sum(len(ring) - 1 for ring in dicom._rings(cells))
        assert edges >= 8 and all((ring[0] == ring[-1]).all() for ring in dicom._rings(cells))


@pytest.mark.skipif(shutil.which("dcmpschk") is None, reason="needs DCMTK")
def test_dcmtk_reads_them(of_dicom, tmp_path):
    page = report.report(of_dicom)
    for name, content in (dicom.secondary_captures(page) | dicom.presentation_state(of_dicom, page)).items():
        place = tmp_path / name
        place.write_bytes(content)
        verb = ["dcmpschk"] if "state" in name else ["dcmdump", "-q"]
        done = subprocess.run([*verb, place], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "E:" not in done.stderr, (name, done.stderr)
        assert "failed" not in done.stdout + done.stderr
