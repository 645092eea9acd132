"""A film made of its softcopy again is the film that was read, whatever its format and however it was laid."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.helpers import bad_films, fakes
from xraykit.films import radiograph


def still(pixels: np.ndarray) -> bytes:
    Image.fromarray(pixels).save(coded := io.BytesIO(), "PNG")
    return coded.getvalue()


VALUES = bad_films.film_values((60, 50))
FILMS = {
    "8 bits as stored": lambda: bad_films.dicom(VALUES),
    "8 bits with a window": lambda: bad_films.dicom(VALUES, WindowCenter=100, WindowWidth=120),
    "16 bits": lambda: bad_films.dicom(VALUES.astype(np.uint16) * 200),
    "bright is air": lambda: bad_films.dicom(VALUES, PhotometricInterpretation="MONOCHROME1"),
    "grey still": lambda: fakes.film_png(1, 60, 50),
    "still of 16 bits": lambda: still(VALUES.astype(np.uint16) * 250),
    "colour still": lambda: still(np.stack([VALUES, VALUES // 2, VALUES // 3], axis=-1).astype(np.uint8)),
}


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("laid", [(0, False), (90, True)], ids=str)
def test_it_is_drawn_and_read_as_the_film_itself(name, laid):
    film = radiograph.read(FILMS[name](), "film").laid(*laid)
    again = radiograph.of_softcopy(film.softcopy, source="", form=film.format, sha256=film.sha256, notes=film.notes)
    for longest in (None, 30):
        assert np.array_equal(again.display(longest), film.display(longest))
    assert np.array_equal(again.square(32), film.square(32)) and again.colour == film.colour
    assert (again.view, again.notes, again.sha256) == (film.view, film.notes, film.sha256)
