import numpy as np
import pytest

from tests.helpers import film_folders
from tests.helpers.late import Late
from xraykit.training.fit.input.augmentation import augment
from xraykit.training.recipe.presets import CHEST
from xraykit.training.recipe.recipe import Augmentation

FilmBatches = Late("xraykit.training.fit.input.batches", "FilmBatches")


@pytest.fixture
def square():
    return film_folders.draw(1, 0, 64)[..., None]


def test_the_same_seed_and_epoch_give_the_same_pixels(square):

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

    made = FilmBatches(np.arange(10.0)[:, None], np.zeros(10, int), np.arange(10), classes=2, batch_size=3, seed=0)
    assert sorted(np.concatenate([made[i][0] for i in range(len(made))]).ravel()) == list(range(10))


def test_no_augmentation_changes_nothing(square):

    assert np.array_equal(augment(square, Augmentation(), np.random.default_rng(0)), square)


def test_a_shift_moves_the_film_and_leaves_black():

    film = np.full((40, 40, 1), 200, np.uint8)
    moved = augment(film, Augmentation(shift=0.25), np.random.default_rng(3))
    assert 0 < (moved == 0).mean() < 0.5
    assert set(np.unique(moved)) <= {0, 200}


def test_rotation_keeps_the_centre():

    film = np.zeros((65, 65, 1), np.uint8)
    film[30:35, 30:35] = 255
    turned = augment(film, Augmentation(rotation=30), np.random.default_rng(2))
    assert turned[32, 32, 0] == 255
    assert not np.array_equal(turned, film)


def test_colour_films_keep_their_channels():

    film = np.zeros((32, 32, 3), np.uint8)
    film[..., 1] = 100
    changed = augment(film, Augmentation(zoom=0.1), np.random.default_rng(0))
    assert changed.shape == film.shape and changed[16, 16].tolist() == [0, 100, 0]


def test_half_of_the_films_are_mirrored_where_asked_for():
    film = np.tile(np.arange(32, dtype=np.uint8), (32, 1))[..., None]
    seen = [augment(film, Augmentation(flip=True), np.random.default_rng(k)) for k in range(200)]
    mirrored = sum(bool(np.array_equal(pixels, film[:, ::-1])) for pixels in seen)
    assert 70 < mirrored < 130
    assert all(np.array_equal(pixels, film) or np.array_equal(pixels, film[:, ::-1]) for pixels in seen)


def test_halves_of_a_batch_are_the_batch():
    films = np.arange(7 * 4, dtype=np.uint8).reshape(7, 2, 2, 1)
    labels, indices = np.zeros(7, np.int64), np.arange(7)
    shared = {"classes": 2, "batch_size": 3, "seed": 1}
    whole, halves = (FilmBatches(films, labels, indices, accumulation=parts, **shared) for parts in (1, 2))
    assert len(halves) == 2 * len(whole) == 6
    for number in range(2):
        parts = [halves[2 * number + part][0] for part in range(2)]
        assert np.array_equal(np.concatenate(parts), whole[number][0])
    assert np.array_equal(halves[4][0], whole[2][0]) and np.array_equal(halves[5][0], whole[2][0])


def test_the_rest_of_an_epoch_is_what_is_left_of_it():
    films = np.arange(10 * 4, dtype=np.uint8).reshape(10, 2, 2, 1)
    whole = FilmBatches(films, np.zeros(10, np.int64), np.arange(10), classes=2, batch_size=3, seed=1)
    rest = whole.rest(2)
    whole.epoch = rest.epoch = 5
    assert len(rest) == 2
    assert np.array_equal(rest[0][0], whole[2][0]) and np.array_equal(rest[1][0], whole[3][0])


def test_a_batch_is_repeated_where_devices_cannot_share_it(monkeypatch):
    from xraykit.training.fit.input import batches

    monkeypatch.setattr(batches, "replicas", lambda: 4)
    assert batches.evenly(np.arange(8)).tolist() == list(range(8))
    assert batches.evenly(np.arange(6)).tolist() == [*range(6), *range(6)]
    assert batches.evenly(np.arange(3)).tolist() == [*range(3)] * 4


def test_inputs_in_turn_are_those_of_the_epoch():
    labels, indices = np.zeros(4, np.int64), np.arange(4)
    first, second = np.zeros((4, 2)), np.ones((4, 2))
    fed = FilmBatches(first, labels, indices, classes=2, batch_size=4, in_turn=[first, second])
    for epoch in range(4):
        fed.epoch = epoch
        assert fed[0][0].max() == epoch % 2


def test_mixup_blends_films_and_labels_by_the_same_share_whatever_the_batches():
    films, labels, indices = np.eye(6, dtype=np.float32), np.array([0, 1, 0, 1, 0, 1]), np.arange(6)
    shared = {"classes": 2, "seed": 1, "weights": np.array([1.0, 3.0])[labels], "mixup": 0.4}
    whole, thirds = (FilmBatches(films, labels, indices, batch_size=size, **shared) for size in (6, 2))
    whole.epoch = thirds.epoch = 3
    for place, whole_part in enumerate(whole[0]):
        assert np.array_equal(np.concatenate([thirds[number][place] for number in range(3)]), whole_part)
    blended, targets, weights = whole[0]
    order = whole.order()
    shares = blended[np.arange(6), order]
    assert np.allclose(blended[np.arange(6), order[::-1]], 1 - shares) and np.all(shares >= 0.5) and np.ptp(shares) > 0
    expected = shares[:, None] * np.eye(2)[labels[order]] + (1 - shares[:, None]) * np.eye(2)[labels[order[::-1]]]
    assert np.allclose(targets, expected) and np.allclose(weights, expected @ [1, 3])
    whole.epoch = 4
    assert not np.array_equal(whole[0][0], blended)


def test_mixed_films_stay_what_a_network_takes():
    films = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), np.uint8)
    fed = FilmBatches(films, np.arange(4), np.arange(4), classes=4, batch_size=4, seed=0, mixup=1.0, augmentation=CHEST)
    inputs, targets = fed[0]
    assert inputs.dtype == np.uint8 and inputs.shape == films.shape and np.allclose(targets.sum(1), 1)
