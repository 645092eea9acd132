"""What is done to a film's square: the right pixels, no others, and lung masks found beside their films."""

import numpy as np
import pytest
from PIL import Image

from tests.helpers import film_folders
from xraykit.truth.shortcuts import alterations, masks
from xraykit.truth.shortcuts.alterations import ALTERATIONS, BY_KEY, Film


def square(size: int = 60, channels: int = 1) -> np.ndarray:
    return np.repeat(film_folders.draw(1, 7, size)[..., None], channels, axis=2)


def lungs(size: int = 60) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[10:50, 8:26] = mask[10:50, 34:52] = True
    return mask


@pytest.mark.parametrize("channels", [1, 3])
def test_every_alteration_gives_a_square_of_the_same_kind(channels):
    film = Film(square(channels=channels), lungs(), 3)
    before = film.square.copy()
    for alteration in ALTERATIONS:
        altered = alteration.apply(film)
        assert (altered.shape, altered.dtype) == (before.shape, np.uint8), alteration.key
        assert not np.array_equal(altered, before), alteration.key
        np.testing.assert_array_equal(altered, alteration.apply(film))
    np.testing.assert_array_equal(film.square, before)


@pytest.mark.parametrize(
    ("key", "share"),
    [("borders-out", 1 - 0.8**2), ("corners-out", 4 * 0.12**2), ("centre-out", 0.6**2), ("centre-only", 1 - 0.6**2)],
)
def test_what_is_taken_out_becomes_the_mean_grey_and_nothing_else_changes(key, share):
    film = Film(square(100))
    altered, grey = BY_KEY[key].apply(film), round(float(film.square.mean()))
    changed = altered != film.square
    assert (altered[changed] == grey).all()
    assert ((altered == grey).mean()) == pytest.approx(share, abs=0.02)


def test_lungs_out_and_lungs_only_share_the_film_between_them():
    film = Film(square(), lungs())
    out, only = (BY_KEY[key].apply(film) for key in ("lungs-out", "lungs-only"))
    np.testing.assert_array_equal(out[~film.lungs], film.square[~film.lungs])
    np.testing.assert_array_equal(only[film.lungs], film.square[film.lungs])
    assert len(np.unique(out[film.lungs])) == len(np.unique(only[~film.lungs])) == 1


def test_turning_mirroring_and_levels():
    film = Film(square())
    np.testing.assert_array_equal(BY_KEY["mirrored"].apply(film)[:, 0], film.square[:, -1])
    np.testing.assert_array_equal(BY_KEY["turned-90"].apply(film)[0], film.square[:, -1])
    left, right = (BY_KEY[f"turned-{side}"].apply(film) for side in ("left", "right"))
    flipped = BY_KEY["turned-left"].apply(Film(film.square[:, ::-1]))
    assert np.abs(flipped[:, ::-1].astype(int) - right).max() <= 1 and not np.array_equal(left, right)
    np.testing.assert_allclose(BY_KEY["darker"].apply(film), film.square * 0.8, atol=0.51)
    grey = alterations.filled(film.square, np.ones((60, 60), bool))
    assert len(np.unique(grey)) == 1


def test_noise_is_drawn_for_each_film_anew():
    first, other = (BY_KEY["noise"].apply(Film(square(), seed=seed)) for seed in (0, 1))
    assert not np.array_equal(first, other)
    assert (first.astype(float) - square()).std() == pytest.approx(10, abs=1)


def test_masks_lie_beside_their_films(tmp_path):
    for folder in ("COVID/images", "COVID/masks", "plain"):
        (tmp_path / folder).mkdir(parents=True)
    for film in ("COVID/images/a.png", "COVID/images/b.png", "COVID/images/c.png", "plain/d.png"):
        Image.fromarray(film_folders.draw(0, 1, 90)).save(tmp_path / film)
    Image.fromarray(lungs().astype(np.uint8) * 255).save(tmp_path / "COVID/masks/a.png")
    Image.fromarray(np.zeros((60, 60), np.uint8)).save(tmp_path / "COVID/masks/b.png")
    films = ["COVID/images/a.png", "COVID/images/b.png", "COVID/images/c.png", "plain/d.png"]
    given = masks.read(tmp_path, films, (60, 30))
    np.testing.assert_array_equal(given[60][0], lungs())
    assert given[30][0].mean() == pytest.approx(lungs().mean(), abs=0.03)
    assert given[60][1:] == given[30][1:] == [None, None, None], "a blank mask is no mask"
    assert masks.beside(tmp_path, "plain/d.png") is None
