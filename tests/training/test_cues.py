"""What tells a film's source is changed at random, and only where it is asked for."""

import dataclasses
import itertools

import numpy as np
import pytest

from tests.helpers import film_folders
from xraykit.training.fit.input import cues
from xraykit.training.fit.input.augmentation import augment
from xraykit.training.recipe.presets import CHEST, CUES
from xraykit.training.recipe.recipe import Augmentation

EACH = {"gamma": 0.5, "equalize": 1.0, "frame": 0.1, "text": 1.0, "erase": 1.0, "degrade": 1.0}


@pytest.fixture(scope="module")
def film():
    return film_folders.draw(1, 0, 64)[..., None]


def changed(film, **fields):
    """A few films as the augmentation makes them of one."""
    return [cues.change(film, Augmentation(**fields), np.random.default_rng(seed)) for seed in range(12)]


def test_every_film_keeps_its_shape_and_depends_on_its_seed_alone(film):
    for square, seed in itertools.product((film, np.repeat(film, 3, 2)), range(12)):
        before = square.copy()
        made = augment(square, CUES, np.random.default_rng(seed))
        assert made.shape == square.shape and made.dtype == np.uint8
        assert np.array_equal(made, augment(square, CUES, np.random.default_rng(seed)))
        assert np.array_equal(square, before)


def test_nothing_is_drawn_for_a_cue_that_is_left_alone(film):
    random, same = np.random.default_rng(3), np.random.default_rng(3)
    assert np.array_equal(cues.change(film, CHEST, random), film)
    assert random.bit_generator.state == same.bit_generator.state
    assert set(dataclasses.asdict(CHEST)) >= set(EACH)


def test_each_cue_changes_films(film):
    for name, value in EACH.items():
        assert sum(not np.array_equal(made, film) for made in changed(film, **{name: value})) >= 3, name


def test_a_frame_lies_on_the_edges_and_has_one_grey(film):
    frames = [made for made in changed(film, frame=0.3) if not np.array_equal(made, film)]
    for made in frames:
        sides = [side for side in (made[0], made[-1], made[:, 0], made[:, -1]) if np.ptp(side) == 0]
        assert len({int(side[0, 0]) for side in sides}) <= 1
    assert any(np.ptp(made[0]) == 0 and np.ptp(made[:, 0]) == 0 for made in frames)


def test_letters_and_patches_leave_most_of_the_film_as_it_was(film):
    for name in ("text", "erase"):
        for made in changed(film, **{name: 1.0}):
            assert 0 < np.mean(made != film) < 0.5


def test_equalising_spreads_the_grey_levels_of_a_dull_film(film):
    dull = (film // 4 + 90).astype(np.uint8)
    assert np.mean([made.std() for made in changed(dull, equalize=1.0)]) > 1.3 * dull.std()


def test_gamma_keeps_black_white_and_order():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    for made in changed(levels, gamma=0.5):
        assert made.ravel()[0] == 0 and made.ravel()[-1] == 255 and np.all(np.diff(made.ravel().astype(int)) >= 0)


def test_poorer_files_look_like_the_film(film):
    for made in changed(film, degrade=1.0):
        assert np.corrcoef(made.ravel(), film.ravel())[0, 1] > 0.7


def test_a_cut_shows_a_part_of_the_film_and_nothing_beside_it():
    white = np.full((64, 64, 1), 255, np.uint8)
    for seed in range(12):
        made = augment(white, Augmentation(crop=0.3), np.random.default_rng(seed))
        assert made[2:-2, 2:-2].min() == 255


def test_a_stretched_disc_is_an_ellipse_of_its_area():
    rows, columns = np.mgrid[:96, :96] - 47.5
    disc = np.where(rows**2 + columns**2 < 30**2, 255, 0).astype(np.uint8)[..., None]
    ratios = []
    for seed in range(12):
        made = augment(disc, Augmentation(stretch=0.25), np.random.default_rng(seed))[..., 0] > 127
        height, width = made.any(axis=1).sum(), made.any(axis=0).sum()
        assert made.sum() == pytest.approx(np.pi * 30**2, rel=0.03)
        ratios.append(width / height)
    assert 0.78 < min(ratios) < 0.95 and 1.05 < max(ratios) < 1.28
