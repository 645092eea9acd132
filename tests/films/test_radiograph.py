"""Radiograph and the decoders behind `radiograph.read`: the same film in every dress gives the same pixels."""

import json
import pickle
import sys

import numpy as np
import pytest
from PIL import Image

from tests.helpers import bad_films
from xraykit.films import radiograph
from xraykit.films.note import Note
from xraykit.films.refusal import NotARadiograph

FILM = bad_films.film_values()


def read(data: bytes) -> radiograph.Radiograph:
    return radiograph.read(data, "film")


def code_of(data: bytes) -> str:
    with pytest.raises(NotARadiograph) as refused:
        read(data)
    return refused.value.code


def test_eight_bit_grey_is_kept_exactly():
    film = read(bad_films.png(FILM))
    assert film.pixels.dtype == np.uint8 and np.array_equal(film.pixels, FILM)
    assert (film.height, film.width, film.colour, film.format) == (96, 80, False, "PNG")


def test_pixels_are_read_only_also_after_a_journey_between_processes():
    film = pickle.loads(pickle.dumps(read(bad_films.png(FILM))))
    assert np.array_equal(film.pixels, FILM) and film.source == "film"
    with pytest.raises(ValueError):
        read(bad_films.png(FILM)).pixels[0, 0] = 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_a_colour_file_of_a_grey_film_is_the_grey_film(mode):
    picture = Image.fromarray(FILM)
    picture = picture.convert("RGBA").convert(mode) if mode == "LA" else picture.convert(mode)
    assert np.array_equal(read(bad_films.png(picture)).pixels, FILM)


def test_a_grey_film_in_a_colour_jpeg_is_grey():
    film = read(bad_films.jpeg(Image.fromarray(FILM).convert("RGB"), quality=85))
    assert not film.colour


def test_transparent_parts_are_laid_on_black_and_it_is_said():
    alpha = np.full_like(FILM, 255)
    alpha[:10] = 0
    film = read(bad_films.png(np.dstack([FILM, FILM, FILM, alpha])))
    assert not film.pixels[:10].any() and np.array_equal(film.pixels[10:], FILM[10:])
    assert any("black" in note.words for note in film.notes)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_sixteen_bit_png_fills_the_range_of_the_bits_it_uses(bits):
    ramp = np.linspace(0, 2**bits - 1, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    film = read(bad_films.png(ramp))
    assert film.pixels.dtype == np.uint16
    assert film.pixels.min() == 0 and film.pixels.max() == 65535
    assert np.abs(film.pixels / 65535 - ramp / (2**bits - 1)).max() < 1e-5
    assert len(np.unique(film.pixels)) == len(np.unique(ramp))


def test_eight_bit_values_in_a_sixteen_bit_png_are_the_eight_bit_film():
    film = read(bad_films.png(FILM.astype(np.uint16)))
    assert film.pixels.dtype == np.uint8 and np.array_equal(film.pixels, FILM)
    assert "16-bit file with 8-bit values." in [note.words for note in film.notes]


def test_cmyk_jpeg_is_read_with_adobes_inverted_inks_and_with_plain_ones():
    inks = Image.fromarray(FILM).convert("CMYK")
    assert np.abs(read(bad_films.jpeg(inks, quality=95)).pixels.astype(int) - FILM).mean() < 3
    data = bad_films.jpeg(Image.fromarray(255 - np.asarray(inks), "CMYK"), quality=95)
    marker = data.index(b"\xff\xee")  # Adobe's, which alone says that the inks are inverted
    length = int.from_bytes(data[marker + 2 : marker + 4], "big") + 2
    assert np.abs(read(data[:marker] + data[marker + length :]).pixels.astype(int) - FILM).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = bad_films.jpeg(FILM, quality=95, exif=exif.tobytes())
    import io

    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    film = read(data)
    assert np.array_equal(film.pixels, expected)
    assert any("EXIF" in note.words for note in film.notes) == (orientation != 1)


def test_few_bits_in_sixteen_bit_colour_are_refused_rather_than_lost():
    import struct
    import zlib

    rows = b"".join(b"\0" + bytes(6 * 70) for _ in range(70))
    header = struct.pack(">IIBBBBB", 70, 70, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(bad_films.chunk(*chunk) for chunk in chunks)
    assert code_of(data) == "unsupported-format"


def test_dicom_of_the_same_pixels_gives_the_same_square():
    decoded = read(bad_films.jpeg(FILM, quality=90)).pixels
    squares = [
        read(data).square(64)
        for data in (
            bad_films.png(decoded),
            bad_films.dicom(decoded),
            bad_films.dicom(255 - decoded, PhotometricInterpretation="MONOCHROME1"),
            bad_films.dicom(decoded.astype(np.uint16) * 16, bits=12, WindowCenter=2040.5, WindowWidth=4081),
            bad_films.dicom(decoded, WindowCenter=128, WindowWidth=256),
            bad_films.dicom(np.dstack([decoded] * 3)),
            bad_films.dicom((decoded.astype(np.int16) - 128), bits=8),
        )
    ]
    for square in squares:
        assert np.array_equal(square, squares[0])


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_monochrome1_is_the_exact_complement_after_windowing(function):
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    window = {"WindowCenter": 1800, "WindowWidth": 1500, "VOILUTFunction": function, "bits": 12}
    bright = read(bad_films.dicom(ramp, **window)).pixels.astype(int)
    dark = read(bad_films.dicom(ramp, PhotometricInterpretation="MONOCHROME1", **window)).pixels
    assert np.array_equal(65535 - bright, dark)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_agree_with_pydicoms_formulas(function):
    from pydicom.dataset import Dataset
    from pydicom.pixels import apply_windowing

    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    film = Dataset()
    film.PhotometricInterpretation, film.BitsStored, film.PixelRepresentation = "MONOCHROME2", 12, 0
    film.WindowCenter, film.WindowWidth, film.VOILUTFunction = 1800, 1500, function
    data = bad_films.dicom(ramp, bits=12, WindowCenter=1800, WindowWidth=1500, VOILUTFunction=function)
    expected = apply_windowing(ramp, film) / 4095 * 65535
    assert np.abs(read(data).pixels - expected).max() <= 1


def test_a_lut_of_4096_eight_bit_entries_comes_before_the_inversion():
    from pydicom.dataset import Dataset

    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 8], [i // 16 for i in range(4096)]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    bright = read(bad_films.dicom(ramp, bits=12, VOILUTSequence=[table], WindowCenter=1, WindowWidth=2)).pixels
    dark = read(
        bad_films.dicom(ramp, bad_films.EXPLICIT, 12, VOILUTSequence=[table], PresentationLUTShape="INVERSE")
    ).pixels
    assert np.array_equal(bright // 257, ramp // 16) and np.array_equal(65535 - bright.astype(int), dark)


def test_rescale_comes_before_the_window():
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    plain = read(bad_films.dicom(ramp, bits=12, WindowCenter=2000, WindowWidth=1000)).pixels
    moved = read(
        bad_films.dicom(ramp, bits=12, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=2999.5, WindowWidth=1999)
    ).pixels
    assert np.abs(plain.astype(int) - moved).max() <= 1


def test_without_a_window_the_whole_stored_range_is_used_signed_too():
    ramp = np.arange(4096, dtype=np.int16).reshape(64, 64) - 2048
    film = read(bad_films.dicom(ramp, bits=12))
    assert film.pixels[0, 0] == 0 and film.pixels[-1, -1] == 65535
    assert any("No window" in note.words for note in film.notes)


@pytest.mark.parametrize(
    "window",
    [
        {"WindowWidth": 0, "WindowCenter": 0},
        {"WindowWidth": [], "WindowCenter": []},
        {"WindowWidth": [4096, 200], "WindowCenter": [2048, 100]},
    ],
)
def test_a_window_that_is_zero_empty_or_one_of_many_gives_a_film(window):
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    film = read(bad_films.dicom(ramp, bits=12, **window))
    assert film.pixels.min() == 0 and film.pixels.max() == 65535


def test_overlay_bits_above_the_film_are_masked():
    dirty = bad_films.film_values((64, 64)).astype(np.uint16) | 0xF000
    clean = read(bad_films.dicom(dirty & 0x0FFF, bits=12))
    assert np.array_equal(read(bad_films.dicom(dirty, bits=12)).pixels, clean.pixels)


def test_jpeg_2000_and_rle_give_what_the_uncompressed_film_gives():
    from io import BytesIO

    from pydicom import dcmread
    from pydicom.uid import JPEG2000Lossless, RLELossless

    plain = bad_films.dicom(FILM.astype(np.uint16) * 16, bits=12, WindowCenter=2040.5, WindowWidth=4081)
    for syntax in (JPEG2000Lossless, RLELossless):
        film = dcmread(BytesIO(plain))
        film.compress(syntax)
        packed = BytesIO()
        film.save_as(packed)
        assert np.array_equal(read(packed.getvalue()).pixels, read(plain).pixels)


def test_no_patient_identifier_is_kept():
    film = read(bad_films.dicom(FILM, ViewPosition="AP"))
    assert film.view == "AP"
    assert b"Doe" not in pickle.dumps(film) and b"4711" not in pickle.dumps(film.notes)


def test_a_view_that_is_none_is_not_shown():
    """What stands there may be anything, a name among it."""
    assert read(bad_films.dicom(FILM, ViewPosition="DOE^JANE")).view is None


@pytest.mark.parametrize(
    "tags, word",
    [
        ({"ViewPosition": "LL"}, "lateral"),
        ({"BurnedInAnnotation": "YES"}, "burned"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "raw"),
    ],
)
def test_what_is_odd_about_a_dicom_film_is_said(tags, word):
    assert any(word in note.words for note in read(bad_films.dicom(FILM, **tags)).notes)


def test_a_colour_photograph_is_accepted_and_said_not_to_look_like_a_radiograph():
    film = read(bad_films.colour_photograph())
    assert film.colour and any("does not look like a radiograph" in note.words for note in film.notes)


def test_an_evenly_tinted_film_is_no_photograph():
    tinted = np.stack([FILM * 0.8, FILM * 0.9, FILM * 1.0], axis=-1).astype(np.uint8)
    assert not any("does not look like" in note.words for note in read(bad_films.png(tinted)).notes)


def test_real_films_are_not_called_photographs_and_photographs_mostly_are(real_films):
    def noticed(pattern: str) -> float:
        paths = sorted(real_films.glob(pattern))[::40][:40]
        notes = [radiograph.read(path.read_bytes(), path.name).notes for path in paths]
        return np.mean([any("does not look like" in note.words for note in some) for some in notes])

    assert noticed("radiography/*/*") == noticed("darkcovid/*/*.jpg") == 0
    assert noticed("intel/train/*/*.jpg") > 0.7


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (96, 80), (1000, 700)])
@pytest.mark.parametrize("noise", [0, 4])
def test_a_film_with_nothing_on_it_is_refused(level, shape, noise):
    film = np.clip(level + np.random.default_rng(5).normal(0, noise, shape), 0, 255).astype(np.uint8)
    if film.size > 1:
        film[shape[0] // 2, shape[1] // 2] = 255 - level
    wide = film.astype(np.uint16) * 257
    for data in (bad_films.png(film), bad_films.jpeg(film, quality=50), bad_films.png(wide), bad_films.dicom(film)):
        assert code_of(data) == "blank"


def test_a_faint_film_is_not_blank():
    """A tenth of its contrast, far fainter than any real film, can still be seen."""
    assert read(bad_films.png((FILM * 0.1).astype(np.uint8))).notes == read(bad_films.png(FILM)).notes


def test_no_real_film_comes_near_a_blank_one(real_films):
    paths = [path for pattern in ("radiography/*/*", "darkcovid/*/*.jpg") for path in sorted(real_films.glob(pattern))]
    films = (radiograph.read(path.read_bytes(), path.name) for path in paths[::40])
    parts = [np.asarray(Image.fromarray(film.display()).resize((16, 16), Image.Resampling.BOX)) for film in films]
    spread = [np.subtract(*np.quantile(part[1:-1, 1:-1], (0.95, 0.05))) for part in parts]
    assert len(spread) > 50 and min(spread) > 5 * radiograph.BLANK


@pytest.mark.parametrize(
    ("shape", "said"),
    [((80, 80), {}), ((10, 10), {"tiny": True}), ((100, 80), {"cropped": False}), ((80, 200), {"long": True})],
)
def test_what_is_odd_about_a_films_shape_is_said(shape, said):
    notes = read(bad_films.png(bad_films.film_values(shape))).notes
    assert {note.code: note.warning for note in notes} == said


def test_a_note_is_plain_data():
    for note in read(bad_films.dicom(FILM, ViewPosition="LL")).notes:
        assert Note(**json.loads(json.dumps(vars(note)))) == note


@pytest.mark.parametrize("shape", [(96, 80), (80, 96), (81, 300), (7, 3)])
def test_the_square_is_the_centre_and_has_the_asked_shape(shape):
    film = read(bad_films.png(bad_films.film_values(shape)))
    left, top, right, bottom = film.square_box()
    assert right - left == bottom - top == min(shape)
    assert abs((left + right) - shape[1]) <= 1 and abs((top + bottom) - shape[0]) <= 1
    for channels in (1, 3):
        square = film.square(32, channels)
        assert square.shape == (32, 32, channels) and square.dtype == np.uint8


def test_a_square_film_of_the_asked_size_is_untouched():
    square = bad_films.film_values((64, 64))
    assert np.array_equal(read(bad_films.png(square)).square(64)[..., 0], square)


def test_three_channels_of_grey_are_the_same_and_one_of_colour_is_luma():
    grey = read(bad_films.png(FILM)).square(32, 3)
    assert np.array_equal(grey[..., 0], grey[..., 1]) and np.array_equal(grey[..., 0], grey[..., 2])
    pure = np.zeros((64, 64, 3), np.uint8)
    pure[..., 1] = np.arange(64, dtype=np.uint8)
    assert abs(int(read(bad_films.png(pure)).square(64)[0, 60, 0]) - 0.587 * 60) < 1


def test_shrinking_is_antialiased():
    board = np.indices((256, 256)).sum(axis=0).astype(np.uint8) % 2 * 255
    board[:, 192:] = 0  # so that there is something to see
    assert np.abs(read(bad_films.png(board)).square(64)[4:-4, 4:44].astype(int) - 128).max() <= 4


def test_a_number_of_channels_that_no_network_has_is_refused_in_words():
    with pytest.raises(ValueError, match="Expected 1 or 3 channels; got 2"):
        read(bad_films.png(FILM)).square(32, 2)


def test_display_fits_and_keeps_the_shape():
    film = read(bad_films.dicom(FILM.astype(np.uint16) * 16, bits=12, WindowCenter=2040.5, WindowWidth=4081))
    assert np.array_equal(film.display(), FILM)
    assert film.display(48).shape == (48, 40) and film.display(1000).shape == (96, 80)
    assert read(bad_films.colour_photograph()).display(64).shape == (48, 64, 3)


@pytest.mark.parametrize("name", bad_films.BAD)
def test_every_bad_film_is_refused_with_its_code_and_words(name):
    build, codes = bad_films.BAD[name]
    with pytest.raises(NotARadiograph) as refused:
        radiograph.read(build(), name)
    assert refused.value.code in codes
    assert name not in refused.value.words and refused.value.words.endswith(".")
    assert str(refused.value) == f"{name}: {refused.value.words}"


def test_the_words_of_an_unknown_transfer_syntax_name_it():
    with pytest.raises(NotARadiograph, match="MPEG2 Main Profile"):
        read(bad_films.video_dicom())


def test_a_bomb_is_refused_without_being_inflated(monkeypatch):
    import zlib

    bomb = bad_films.deflated_bomb()

    def inflate(*arguments: object) -> bytes:
        raise AssertionError("the bomb was inflated")

    monkeypatch.setattr(zlib, "decompress", inflate)
    assert code_of(bomb) == "unsupported-syntax"


def test_reading_films_imports_no_network():
    import subprocess

    code = (
        "import sys; from xraykit.films import ingest, radiograph as r; from xraykit.films.samples import draw;"
        "[r.read(p.read_bytes(), p.name) for p in draw.FILMS]; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "jax", "torch", "streamlit", "scipy"} & set(loaded)
