"""Stills of every format: the pixels they were written with, and data that do not fit their header."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.helpers import bad_films
from xraykit.films import radiograph
from xraykit.films.refusal import NotARadiograph

FILM = bad_films.film_values((96, 80))
DEEP = FILM.astype(np.uint16) * 257
LOSSLESS = {
    "TIFF": ({}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}, {"compression": "packbits"}),
    "BMP": ({},),
    "WEBP": ({"lossless": True},),
    "JPEG2000": ({"irreversible": False},),
}


def read(data):
    return radiograph.read(data, "film")


def saved(pixels, form, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def code_of(data):
    with pytest.raises(NotARadiograph) as refused:
        read(data)
    return refused.value.code


@pytest.mark.parametrize(("form", "options"), [(form, options) for form, many in LOSSLESS.items() for options in many])
def test_eight_bit_grey_is_kept_exactly(form, options):
    film = read(saved(FILM, form, **options))
    assert film.pixels.dtype == np.uint8 and np.array_equal(film.pixels, FILM)
    assert film.format.replace(" ", "").upper() == form


@pytest.mark.parametrize("form", ["TIFF", "JPEG2000"])
@pytest.mark.parametrize("bits", [12, 16])
def test_sixteen_bit_grey_fills_its_range(form, bits):
    values = (FILM.astype(np.float64) * (2**bits - 1) / 255).round().astype(np.uint16)
    assert np.abs(read(saved(values, form)).pixels / 257 - FILM).max() <= 0.51


def test_a_tiff_of_bright_is_air_is_turned_round():
    for pixels in (FILM, DEEP):
        inverted = bytearray(saved(pixels.max() - pixels if pixels is DEEP else 255 - FILM, "TIFF"))
        place = inverted.index(struct.pack("<HHI", 262, 3, 1)) + 8
        inverted[place : place + 2] = struct.pack("<H", 0)
        expected = 255 - (pixels.max() - pixels) // 257 if pixels is DEEP else FILM
        assert np.abs(read(bytes(inverted)).pixels / (257 if pixels is DEEP else 1) - expected).max() <= 0.51


def test_of_several_pages_the_first_is_shown_and_said():
    pages = [Image.fromarray(np.roll(FILM, number * 9)) for number in range(3)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    film = read(out.getvalue())
    assert np.array_equal(film.pixels, FILM)
    assert any(note.code == "first-frame" and note.warning for note in film.notes)


@pytest.mark.parametrize("colour", [np.stack([FILM, FILM // 2, FILM // 3], axis=-1)])
@pytest.mark.parametrize("form", ["TIFF", "BMP", "WEBP", "JPEG2000"])
def test_colour_is_kept_exactly(form, colour):
    options = LOSSLESS[form][0]
    assert np.array_equal(read(saved(colour, form, **options)).pixels, colour)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_file_that_ends_early_is_called_cut_short(form, share):
    """Pillow has no type for it, so `decode` goes by its words: another wording of a later Pillow fails here."""
    whole = saved(FILM, form)
    assert code_of(whole[: int(len(whole) * share)]) == "truncated"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}], ids=str)
@pytest.mark.parametrize("shade", [None, 0, 128, 255])
def test_a_jpeg_closed_before_its_end_is_refused(share, options, shade):
    pixels = bad_films.film_values((200, 160))
    if shade is not None:
        pixels[:100] = shade  # as flat as what libjpeg fills in
    whole = saved(pixels, "JPEG", quality=90, **options)
    assert read(whole).pixels.shape == (200, 160)
    begin = whole.index(b"\xff\xda")
    cut = whole[: begin + 20 + int((len(whole) - begin - 22) * share)] + b"\xff\xd9"
    assert code_of(cut) in ("truncated", "corrupt", "contradiction")


@pytest.mark.parametrize("rows", [40, 90, 2000])
@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=str)
def test_a_jpeg_of_other_sides_than_its_data_is_refused(rows, options):
    whole = bytearray(saved(bad_films.film_values((200, 160)), "JPEG", quality=90, **options))
    place = whole.index(b"\xff\xc2" if options else b"\xff\xc0")
    whole[place + 5 : place + 7] = struct.pack(">H", rows)
    assert code_of(bytes(whole)) in ("truncated", "contradiction", "corrupt")


@pytest.mark.parametrize("rows", [40, 95, 97, 4000])
@pytest.mark.parametrize(
    "pixels", [FILM, DEEP, np.stack([FILM, FILM // 2, FILM // 3], axis=-1)], ids=["8", "16", "RGB"]
)
def test_a_png_of_other_sides_than_its_data_is_refused(rows, pixels):
    whole = saved(pixels, "PNG")
    head = bytearray(whole[12:29])
    head[8:12] = struct.pack(">I", rows)
    assert code_of(whole[:12] + head + struct.pack(">I", zlib.crc32(head)) + whole[33:]) in (
        "contradiction",
        "truncated",
    )


@pytest.mark.parametrize(("place", "value"), [(22, 40), (22, 97), (18, 60), (10, 255), (28, 24)])
def test_a_bmp_whose_header_does_not_fit_its_data_is_refused(place, value):
    whole = bytearray(saved(FILM, "BMP"))
    whole[place : place + 2] = struct.pack("<H", value)
    assert code_of(bytes(whole)) in ("contradiction", "truncated", "corrupt")


@pytest.mark.parametrize("rows", [40, 300])
def test_a_tiff_of_other_sides_than_its_data_is_refused(rows):
    whole = bytearray(saved(FILM, "TIFF"))
    place = whole.index(struct.pack("<HH", 257, 4)) + 8
    whole[place : place + 4] = struct.pack("<I", rows)
    assert code_of(bytes(whole)) in ("contradiction", "truncated", "corrupt")
