import numpy as np
import pytest

from tests import film_folders
from xraykit.recipe import CHEST, Augmentation

pytestmark = pytest.mark.slow  # keras.utils.PyDataset


@pytest.fixture
def square():
    return film_folders.draw(1, 0, 64)[..., None]


def test_the_same_seed_and_epoch_give_the_same_pixels(square):
    from xraykit.batches import FilmBatches

    inputs = np.stack([square] * 10)
    labels = np.arange(10) % 3

    def batches(epoch, seed=0):
        made = FilmBatches(inputs, labels, np.arange(10), classes=3, batch_size=4, seed=seed, augmentation=CHEST)
        made.epoch = epoch
        return np.concatenate([made[i][0] for i in range(len(made))])

    assert np.array_equal(batches(3), batches(3))
    assert not np.array_equal(batches(3), batches(4))
    assert not np.array_equal(batches(3), batches(3, seed=1))


def test_every_film_comes_once_an_epoch():
    from xraykit.batches import FilmBatches

    made = FilmBatches(np.arange(10.0)[:, None], np.zeros(10, int), np.arange(10), classes=2, batch_size=3, seed=0)
    assert sorted(np.concatenate([made[i][0] for i in range(len(made))]).ravel()) == list(range(10))


def test_no_augmentation_changes_nothing(square):
    from xraykit.batches import augment

    assert np.array_equal(augment(square, Augmentation(), np.random.default_rng(0)), square)


def test_a_shift_moves_the_film_and_leaves_black():
    from xraykit.batches import augment

    film = np.full((40, 40, 1), 200, np.uint8)
    moved = augment(film, Augmentation(shift=0.25), np.random.default_rng(3))
    assert 0 < (moved == 0).mean() < 0.5
    assert set(np.unique(moved)) <= {0, 200}


def test_rotation_keeps_the_centre():
    from xraykit.batches import augment

    film = np.zeros((65, 65, 1), np.uint8)
    film[30:35, 30:35] = 255
    turned = augment(film, Augmentation(rotation=30), np.random.default_rng(2))
    assert turned[32, 32, 0] == 255
    assert not np.array_equal(turned, film)


def test_colour_films_keep_their_channels():
    from xraykit.batches import augment

    film = np.zeros((32, 32, 3), np.uint8)
    film[..., 1] = 100
    changed = augment(film, Augmentation(zoom=0.1), np.random.default_rng(0))
    assert changed.shape == film.shape and changed[16, 16].tolist() == [0, 100, 0]
