"""The bundled synthetic film: drawn again bit for bit, marked, of nobody."""

import io

import numpy as np
import pytest

from xraykit.films import radiograph
from xraykit.films.samples import draw, example


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Both films drawn twice, each time into a folder of its own."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "again")]
    for folder in folders:
        draw.main(folder)
    return folders


@pytest.mark.longest
def test_drawing_again_gives_the_bundled_films(drawn):
    for path in draw.FILMS:
        new = radiograph.read((drawn[0] / path.name).read_bytes(), path.name)
        assert np.array_equal(new.pixels, radiograph.read(path.read_bytes(), path.name).pixels)


@pytest.mark.longest
def test_drawing_twice_gives_the_same_bytes(drawn):
    for path in draw.FILMS:
        first, again = ((folder / path.name).read_bytes() for folder in drawn)
        assert first == again


def test_both_films_are_the_same_picture_and_small():
    one, two = (radiograph.read(path.read_bytes(), path.name) for path in draw.FILMS)
    assert (one.height, one.width) == (two.height, two.width) == (1024, 896)
    assert np.abs(one.square(224).astype(int) - two.square(224)).max() <= 1
    assert sum(path.stat().st_size for path in draw.FILMS) < 1_000_000


def test_the_dicom_is_a_twelve_bit_pa_film_of_nobody():
    from pydicom import dcmread

    film = dcmread(io.BytesIO(draw.DICOM.read_bytes()))
    assert (film.BitsStored, film.ViewPosition, str(film.PatientName)) == (12, "PA", "SYNTHETIC^FILM")
    assert radiograph.read(draw.DICOM.read_bytes(), "film").view == "PA"


def test_the_word_synthetic_is_burned_in():
    pixels = radiograph.read(draw.PNG.read_bytes(), "film").pixels
    rows = slice(1024 - 60, 1024 - 60 + 28)
    assert (pixels[rows, 36:252] > 200).mean() > 0.2 and (pixels[rows, 300:500] > 200).mean() < 0.05
    drawn = {letter: bits.count("1") for letter, bits in draw.LETTERS.items()}
    assert set("SYNTHETIC") <= set(drawn)


def test_the_example_set_is_made_once_with_films_that_may_be_divided(monkeypatch, tmp_path):
    from xraykit.datasets import dataset

    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(example, "EACH", 6)
    assert not example.is_made()
    folder = example.folder()
    assert example.is_made() and example.folder() == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # nothing unfinished is left
    films = dataset.read(folder)
    assert films.counts() == dict.fromkeys(example.CLASSES, 6) and not films.refused
    assert len(set(films.groups)) == 18  # films of one drawing, yet none is taken for a copy of another


def test_an_example_film_is_drawn_the_same_every_time(tmp_path):
    for name in ("first", "again"):
        example.write(tmp_path / name, each=1)
    first, again = (sorted((tmp_path / name).rglob("*.png")) for name in ("first", "again"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert len({path.read_bytes() for path in first}) == len(example.CLASSES)
