"""What a viewer is given of a film: every window as PS3.3 C.11 has it, its sides and millimetres, and nobody's name."""

import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.dicom_elements import Element, even, item
from tests.helpers.dicom_films import Film, Table
from xraykit.films import radiograph
from xraykit.films.dicom import facts, softcopy
from xraykit.films.dicom.message import pieces
from xraykit.films.dicom.softcopy import Softcopy, Window
from xraykit.films.refusal import NotARadiograph

SMALL = {"size": 48}
CASES = Path(os.environ.get("XRAYKIT_DATA", "data")).parent / "cases"  # films that others showed wrongly
WHITE = {"uint8": 255, "uint16": 65535}


def read(film):
    return radiograph.read(film if isinstance(film, bytes) else film.data(), "film")


def png(pixels):
    Image.fromarray(pixels).save(coded := io.BytesIO(), "PNG")
    return coded.getvalue()


def text(tag, words, vr=b"LO"):
    return Element(tag, vr, even(words.encode()))


def levels(picture):
    """Pixels as 0..255."""
    return picture.astype(float) * 255 / WHITE[picture.dtype.name]


def by_the_standard(values, centre, width, function):
    """PS3.3 C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2, line by line, 0..255."""
    if function == "SIGMOID":
        return 255 / (1 + np.exp(-4 * (values - centre) / width))
    below, above = centre - width / 2, centre + width / 2
    shown = (values - centre) / width + 0.5
    if function == "LINEAR":
        below, above = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
        shown = (values - (centre - 0.5)) / (width - 1) + 0.5 if width > 1 else np.zeros(values.shape)
    return np.where(values <= below, 0, np.where(values > above, 255, shown * 255))


DRESSES = {
    "plain": Film(**SMALL),
    "16 bits": Film(bits=16, **SMALL),
    "8 bits with a window": Film(bits=8, allocated=8, **SMALL),
    "8 bits without": Film(bits=8, allocated=8, window=None, **SMALL),
    "1 bit": Film(bits=1, allocated=1, window=None, **SMALL),
    "no window": Film(window=None, **SMALL),
    "signed": Film(signed=True, **SMALL),
    "signed, bits under the film": Film(signed=True, high=15, below=9, **SMALL),
    "MONOCHROME1": Film(inverse=True, **SMALL),
    "rescaled": Film(slope=0.5, intercept=-1000, **SMALL),
    "rescaled downwards": Film(slope=-0.5, intercept=1000, **SMALL),
    "sigmoid": Film(window=(2048, 2000, "SIGMOID"), **SMALL),
    "exact": Film(window=(2048, 2000, "LINEAR_EXACT"), **SMALL),
    "modality LUT": Film(modality=Table(depth=12), **SMALL),
    "modality LUT of 16 bits, 8 stored": Film(bits=8, allocated=8, modality=Table(entries=256, depth=16), **SMALL),
    "VOI LUT": Film(voi=Table(), **SMALL),
    "VOI LUT of 8 bits, MONOCHROME1": Film(inverse=True, voi=Table(depth=8, vr="US"), **SMALL),
    "VOI LUT of signed values": Film(signed=True, voi=Table(first=-2048, descriptor_vr="SS"), **SMALL),
    "colour": Film(colour="RGB", **SMALL),
    "big endian": Film("big", **SMALL),
    "lossless": Film("jpeg 2000", signed=True, **SMALL),
}


@pytest.mark.parametrize("name", DRESSES)
def test_the_default_window_is_the_film_as_it_is_read(name):
    film = read(DRESSES[name])
    assert np.abs(film.softcopy.render().astype(float) - levels(film.pixels)).max() <= 0.51
    assert np.array_equal(film.softcopy.render(top=WHITE[film.pixels.dtype.name]), film.pixels)
    assert int(film.softcopy.values.max()) < 2**film.softcopy.bits
    again = pickle.loads(pickle.dumps(film))
    assert np.array_equal(again.pixels, film.pixels) and again.notes == film.notes and not again.pixels.flags.writeable


@pytest.mark.parametrize("name", ["plain", "16 bits", "signed", "rescaled", "rescaled downwards", "lossless"])
def test_values_are_what_the_file_says_after_slope_and_intercept(name):
    film, seen = DRESSES[name], read(DRESSES[name]).softcopy
    values = film.stored() * film.slope + film.intercept
    assert np.allclose(seen.values * seen.slope + seen.intercept, values, rtol=0, atol=1e-9)
    assert seen.values.dtype == np.uint16 and not seen.values.flags.writeable


def test_a_film_by_a_modality_table_has_its_output_as_values():
    film = Film(modality=Table(depth=12), extra=(), **SMALL)
    seen = read(film).softcopy
    assert np.array_equal(seen.values, film.modality.look_up(film.stored())) and (seen.slope, seen.intercept) == (1, 0)


TEN = [
    *((2048, 4096, "LINEAR"), (1500, 900, "LINEAR"), (1500, 1, "LINEAR"), (3000, 7.5, "LINEAR"), (0, 8000, "LINEAR")),
    *((2048, 4096, "LINEAR_EXACT"), (1500.25, 0.5, "LINEAR_EXACT"), (900, 1, "LINEAR_EXACT")),
    *((2048, 2000, "SIGMOID"), (1200, 300, "SIGMOID")),
]


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.37, -1024)])
def test_ten_windows_are_those_of_the_standard(slope, intercept):
    film = Film(**SMALL)
    for centre, width, function in TEN:
        centre, width = centre * slope + intercept, width * slope if width > 1 else width
        voi = (
            text(0x00281050, f"{centre:.10g}", b"DS"),
            text(0x00281051, f"{width:.10g}", b"DS"),
            text(0x00281052, f"{intercept}", b"DS"),
            text(0x00281053, f"{slope}", b"DS"),
            text(0x00281056, function, b"CS"),
        )
        seen = read(Film(extra=voi, **SMALL)).softcopy
        named = next(window for window in seen.windows if window.name == "Window")
        if function == "LINEAR" and width < 1:
            function = "LINEAR_EXACT"  # the only one that may be so narrow
        shown = by_the_standard(film.stored() * slope + intercept, centre, width, function)
        assert np.abs(seen.render(named).astype(float) - shown).max() <= 0.51, (centre, width, function)
        assert (named.centre, named.width) == pytest.approx((centre, width))


def test_ramps_of_both_polarities_are_complements():
    ramp = np.arange(4096, dtype="<u2").reshape(64, 64)
    cells = Element(0x7FE00010, b"OW", ramp.tobytes())
    up, down = (read(Film(size=64, inverse=inverse, extra=(cells,))).softcopy for inverse in (False, True))
    assert down.inverted and not up.inverted
    for window in (*up.windows, Window("w", 500, 1500), Window("s", 500, 3000, "sigmoid")):
        pair = up.render(window).astype(int) + down.render(window)
        assert pair.min() == pair.max() == 255
    other = read(Film(size=64, extra=(cells, text(0x20500020, "INVERSE", b"CS"))))
    assert np.array_equal(other.softcopy.render(), down.render())


def test_every_window_of_the_film_is_there_by_its_name():
    film = Film(
        window_text=("2048\\1500\\900", "4096\\800\\0"),
        extra=(text(0x00281055, "NORMAL\\  BONE   (hard)\\NOTHING"),),
        **SMALL,
    )
    windows = read(film).softcopy.windows
    assert [(window.name, window.low, window.high) for window in windows[:2]] == [
        ("NORMAL", 0, 4096),
        ("BONE (hard)", 1100, 1900),
    ]
    assert windows[-1].name == "Range of the film" and len(windows) == 3  # a width of 0 is no window
    unnamed = read(Film(window_text=("2048\\1500", "4096\\800"), **SMALL)).softcopy.windows
    assert [window.name for window in unnamed] == ["Window 1", "Window 2", "Range of the film"]


def test_no_two_windows_have_one_name():
    film = Film(window_text=("2048\\1500", "4096\\800"), extra=(text(0x00281055, "NORMAL\\NORMAL"),), **SMALL)
    assert [window.name for window in read(film).softcopy.windows[:2]] == ["NORMAL", "NORMAL (2)"]


ODD = {
    "a width that is lost in the center": (("1e17\\2048", "1\\4096"), ("0", "1")),
    "numbers without end": (("1.7e308\\2048", "1.7e308\\4096"), ("0", "1")),
    "a slope without end": (("2048", "4096"), ("0", "1e308")),
    "a slope that is lost in the intercept": (("2048", "4096"), ("1e30", "1e-30")),
    "a width of one, with fractions": (("1000000.1\\2048", "1\\4096"), ("0", "1")),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ODD)
def test_odd_numbers_make_no_window_that_a_browser_could_not_draw(name):
    texts, (intercept, slope) = ODD[name]
    rescale = (text(0x00281052, intercept, b"DS"), text(0x00281053, slope, b"DS"))
    try:
        seen = read(Film(window_text=texts, extra=rescale, **SMALL)).softcopy
    except NotARadiograph as refused:
        assert refused.code == "blank"
        return
    numbers = [seen.slope, seen.intercept, *(end for window in seen.windows for end in (window.low, window.high))]
    assert np.isfinite(numbers).all() and all(window.high > window.low for window in seen.windows)
    assert all(np.ptp(seen.render(window).astype(int)) >= 0 for window in seen.windows)
    json.dumps(numbers, allow_nan=False)


def test_a_window_of_width_one_is_a_step_whatever_its_fraction():
    for centre in (0.1, 1000.7, 100000.1):
        step = Window("", centre - 0.5, centre + 0.5, "linear")
        assert step.graded(np.array([centre - 0.6, centre - 0.4])).tolist() == [0, 1]


def test_a_first_window_that_shows_nothing_is_offered_after_one_that_does():
    windows = read(Film(window_text=("90000\\2048", "10\\4096"), **SMALL)).softcopy.windows
    assert [window.name for window in windows] == ["Window 2", "Window 1", "Range of the film"]
    windows = read(Film(window_text=("90000", "10"), **SMALL)).softcopy.windows
    assert [window.name for window in windows] == ["Range of the film", "Window"]


def test_voi_tables_come_by_name_before_the_windows():
    soft, hard = Table(curve=lambda x: x**2), Table(curve=np.sqrt, entries=1024, first=700, depth=12)
    items = b"".join(
        item(
            [
                Element(0x00283002, b"US", table.descriptor("<")),
                text(0x00283003, name),
                Element(0x00283006, b"OW", table.payload("<")),
            ]
        )
        for table, name in ((soft, "Soft"), (hard, ""))
    )
    film = Film(extra=(Element(0x00283010, b"SQ", items),), **SMALL)
    seen = read(film).softcopy
    assert [window.name for window in seen.windows] == ["Soft", "VOI LUT 2", "Window", "Range of the film"]
    for window, table in zip(seen.windows, (soft, hard), strict=False):
        assert (window.low, window.high) == (table.first, table.first + table.entries)
        shown = table.look_up(film.stored()) / (2**table.depth - 1) * 255
        assert np.abs(seen.render(window).astype(float) - shown).max() <= 0.51


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_a_still_is_its_own_softcopy(kind):
    pixels = (np.arange(64 * 48).reshape(48, 64) * WHITE[kind] // (64 * 48 - 1)).astype(kind)
    film = read(png(pixels))
    seen = film.softcopy
    assert np.shares_memory(seen.values, film.pixels) and [window.name for window in seen.windows] == ["Full range"]
    assert np.array_equal(seen.render(top=WHITE[kind]), pixels) and (seen.spacing, seen.patient) == (None, None)
    packed = pickle.dumps(film)
    again = pickle.loads(packed)
    assert np.shares_memory(again.softcopy.values, again.pixels) and len(packed) < pixels.nbytes + 2000


def test_a_colour_film_keeps_its_colours():
    film = Film(colour="RGB", **SMALL)
    seen = read(film)
    assert seen.softcopy.values.shape == (48, 48, 3) and np.shares_memory(seen.softcopy.values, seen.pixels)
    narrow = seen.softcopy.render(Window("narrow", 100, 200))
    assert np.array_equal(narrow, np.clip(np.floor((film.stored() - 100.0) / 100 * 255 + 0.5), 0, 255))


SPACED = {
    "nothing": ({}, None),
    "Pixel Spacing": ({0x00280030: "0.2\\0.1"}, (0.2, 0.1, "patient")),
    "at the detector": ({0x00181164: "0.143\\0.143"}, (0.143, 0.143, "detector")),
    "the same twice": ({0x00280030: "0.143\\0.143", 0x00181164: "0.143\\0.143"}, (0.143, 0.143, "detector")),
    "calibrated": ({0x00280030: "0.12\\0.12", 0x00181164: "0.143\\0.143"}, (0.12, 0.12, "patient")),
    "calibrated to the same": (
        {0x00280030: "0.143\\0.143", 0x00181164: "0.143\\0.143", 0x00280A02: "FIDUCIAL"},
        (0.143, 0.143, "patient"),
    ),
    "a scanned film": ({0x00182010: "0.171\\0.171"}, (0.171, 0.171, "detector")),
    "nought": ({0x00280030: "0\\0", 0x00181164: "0.143\\0.143"}, (0.143, 0.143, "detector")),
    "one number": ({0x00280030: "0.2"}, None),
    "words": ({0x00280030: "small\\small"}, None),
    "with commas": ({0x00280030: "0,2\\0,2"}, (0.2, 0.2, "patient")),
}


@pytest.mark.parametrize("name", SPACED)
def test_millimetres_are_the_patients_only_where_the_film_says_so(name):
    elements, expected = SPACED[name]
    extra = tuple(text(tag, words, b"CS" if tag == 0x00280A02 else b"DS") for tag, words in elements.items())
    film = read(Film(extra=extra, **SMALL))
    assert film.softcopy.spacing == expected
    bad = name in ("nought", "one number", "words")
    assert bad == any(note.words.startswith("Pixel Spacing: not readable") for note in film.notes)


@pytest.mark.parametrize(
    ("words", "sides"),
    [("L\\F", "RHLF"), ("R\\F", "LHRF"), ("A\\F", "PHAF"), ("LA\\FP", ("RP", "HA", "LA", "FP")), ("X\\F", None)],
)
def test_the_sides_of_the_film_are_those_of_the_patient(words, sides):
    extra = (text(0x00200020, words, b"CS"), text(0x00200062, "L", b"CS"), text(0x00185101, "PA", b"CS"))
    seen = read(Film(extra=extra, **SMALL)).softcopy
    assert seen.orientation == (tuple(sides) if sides else None)
    assert (seen.laterality, seen.view) == ("L", "PA")


def test_units_are_those_a_reader_knows():
    for written, units in (("HU", "HU"), ("OD", "OD"), ("US", None), ("Jane Doe", None)):
        rescale = (text(0x00281052, "0", b"DS"), text(0x00281053, "1", b"DS"), text(0x00281054, written))
        assert read(Film(extra=rescale, **SMALL)).softcopy.units == units


PLANTED = {
    0x00080020: (b"DA", "19990314"),
    0x00080022: (b"DA", "19990315"),
    0x00080050: (b"SH", "ACC-77123"),
    0x00080080: (b"LO", "Saint Elsewhere"),
    0x00080090: (b"PN", "Refers^Ruth"),
    0x00100010: (b"PN", "Quillfeather^Zebediah"),
    0x00100020: (b"LO", "MRN-4711"),
    0x00100030: (b"DA", "19400229"),
    0x00200010: (b"SH", "STUDY-9"),
    0x00281054: (b"LO", "Quillfeather"),
    0x00281055: (b"LO", "ZEBEDIAH\\lung"),
}


def planted(**other):
    elements = {**PLANTED, **other.pop("elements", {})}
    extra = tuple(Element(tag, vr, even(words.encode())) for tag, (vr, words) in elements.items())
    return read(Film(window_text=("2048\\1500", "4096\\800"), extra=extra, **SMALL, **other))


def test_no_identifier_leaves_with_the_film(monkeypatch):
    monkeypatch.setenv(facts.SECRET, "a secret")
    film = planted()
    assert [window.name for window in film.softcopy.windows[:2]] == ["Window 1", "lung"]
    sent = b"".join(pieces(film.softcopy, id="1", name="film")) + pickle.dumps(film) + repr(vars(film)).encode()
    for _, words in PLANTED.values():
        for word in ("1999", "1940", *words.replace("^", " ").replace("\\lung", "").split()):
            assert word.upper().encode() not in sent.upper(), word


@pytest.mark.parametrize("name", ["19990314 film", "A" * 41, "DOE^JANE", "\x1b[2J", "4711"])
def test_a_window_is_not_called_what_might_name_a_patient(name):
    film = read(Film(extra=(text(0x00281055, name), text(0x00100020, "MRN-4711")), **SMALL))
    assert film.softcopy.windows[0].name == "Window"


def test_films_of_one_patient_are_told_from_others_by_a_secret_alone(monkeypatch):
    monkeypatch.delenv(facts.SECRET, raising=False)
    assert (planted().softcopy.patient, planted().softcopy.taken) == (None, None)
    monkeypatch.setenv(facts.SECRET, "one secret")
    first, later = planted().softcopy, planted(elements={0x00080022: (b"DA", "20000514")}).softcopy
    assert first.patient == later.patient and later.taken - first.taken == 426
    assert planted(elements={0x00100020: (b"LO", "MRN-4712")}).softcopy.patient != first.patient
    monkeypatch.setenv(facts.SECRET, "another")
    other = planted().softcopy
    assert other.patient != first.patient and other.taken != first.taken
    for unknown in ("", "ANONYMOUS", "0000"):
        assert planted(elements={0x00100020: (b"LO", unknown)}).softcopy.patient is None
    assert planted(elements={0x00080022: (b"DA", "19990231")}).softcopy.taken == other.taken - 1  # of the study


@pytest.mark.parametrize("name", ["VOI LUT", "8 bits without", "colour", "signed"])
def test_the_message_is_what_a_browser_can_take_apart(name):
    seen = read(DRESSES[name]).softcopy
    parts = pieces(seen, id="7", name="füße.dcm")
    assert np.shares_memory(np.frombuffer(parts[1], np.uint8), seen.values)
    sent = b"".join(parts)
    length = int.from_bytes(sent[:4], "little")
    header, place = json.loads(sent[4 : 4 + length]), 4 + length
    assert place % 4 == 0 and header["name"] == "füße.dcm" and "patient" not in header and "taken" not in header
    shape = (header["height"], header["width"], header["channels"])
    count = int(np.prod(shape))
    values = np.frombuffer(sent, np.dtype(header["dtype"]).newbyteorder("<"), count, place)
    assert np.array_equal(values, seen.values.ravel())
    place += values.nbytes + values.nbytes % 2
    for window, written in zip(seen.windows, header["windows"], strict=True):
        assert (written["name"], written["low"], written["high"]) == (window.name, window.low, window.high)
        if written["table"]:
            assert written["table"]["first"] == window.low
            table = np.frombuffer(sent, "<u2", written["table"]["count"], place)
            assert np.array_equal(table, window.table)
            place += table.nbytes
    assert place == len(sent)


def test_a_film_of_odd_length_is_filled_up():
    odd = softcopy.of_still(np.arange(9, dtype=np.uint8).reshape(3, 3))
    assert [len(part) for part in pieces(odd, id="", name="")][1:] == [9, 1]


def test_a_straight_window_of_a_single_value_shows_it_black():
    flat = Softcopy(np.zeros((2, 2), np.uint8), (Window("Range of the film", 0, 1e-9),), bits=8)
    assert not flat.render().any()


@pytest.mark.skipif(not CASES.is_dir(), reason="the collected cases are not here")
def test_the_cases_about_windows_are_shown_by_their_softcopy():
    folders = [folder for folder in CASES.iterdir() if "window" in folder.name or "lut" in folder.name]
    films = sorted(path for folder in folders for path in folder.rglob("*.dcm"))
    assert len(films) >= 12
    for path in films:
        film = read(path.read_bytes())
        assert np.abs(film.softcopy.render().astype(float) - levels(film.pixels)).max() <= 0.51, path
        assert all(window.high > window.low for window in film.softcopy.windows), path
