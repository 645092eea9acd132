"""Copies that were cropped, framed, moved or turned are found, and nothing else is."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from xraykit.truth.data_audit.copies import moved

SIDE = 320  # pixels of the films that are drawn here
COPIED = range(0, 40, 4)


def film(number: int) -> Image.Image:
    """Two dark lungs in a light body with ribs and shades of its own."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    lungs = sum(np.exp(-(((x - side) / 0.14) ** 2) - ((y + 0.02) / 0.28) ** 2) for side in (-0.2, 0.2))
    ribs = np.sin(2 * np.pi * (9 + rng.uniform(-1, 1)) * (y + 0.3 * np.abs(x)) + rng.uniform(0, 6))
    shades = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), 9)
    grey = 170 - 90 * lungs + 10 * ribs * lungs + 14 * shades / shades.std()
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def cropped(picture: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    kept = round(SIDE * (1 - share))
    left, top = rng.integers(0, SIDE - kept + 1, 2).tolist()
    return picture.crop((left, top, left + kept, top + kept))


def framed(picture: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    side = round(SIDE * (1 + share))
    left, top = rng.integers(0, side - SIDE + 1, 2).tolist()
    larger = Image.new("L", (side, side), 0)
    larger.paste(picture, (left, top))
    return larger


def shifted(picture: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    x, y = SIDE * share * rng.choice([-1, 1], 2)
    return picture.transform(picture.size, Image.Transform.AFFINE, (1, 0, x, 0, 1, y))


def turned(picture: Image.Image, degrees: float, rng: np.random.Generator) -> Image.Image:
    return picture.rotate(degrees * rng.choice([-1, 1]), Image.Resampling.BICUBIC)


def narrowed(picture: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    return picture.crop((0, 0, round(SIDE * (1 - share)), SIDE))


def darkened(picture: Image.Image, gain: float, rng: np.random.Generator) -> Image.Image:
    return Image.eval(cropped(picture, 0.06, rng), lambda grey: round(gain * grey + 20))


def small(pictures: list[Image.Image]) -> np.ndarray:
    """As `measure` squeezes them."""
    return np.stack([np.asarray(picture.resize((64, 64), Image.Resampling.BOX)) for picture in pictures])


@pytest.fixture(scope="module")
def films() -> list[Image.Image]:
    return [film(number) for number in range(40)]


def test_films_that_are_only_alike_are_no_pairs(films):
    assert moved.pairs(small(films)) == []


@pytest.mark.parametrize(
    ("change", "amount"),
    [
        (cropped, 0.03),
        (cropped, 0.05),
        (cropped, 0.10),
        (cropped, 0.15),
        (narrowed, 0.10),
        (framed, 0.05),
        (framed, 0.20),
        (shifted, 0.05),
        (turned, 2),
        (turned, 5),
        (turned, 8),
        (darkened, 0.6),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_copies_are_found_with_the_films_they_are_of(films, change, amount):
    rng = np.random.default_rng(1)
    copies = [change(films[number], amount, rng) for number in COPIED]
    assert moved.pairs(small([*films, *copies])) == [(number, 40 + place) for place, number in enumerate(COPIED)]


def test_the_order_of_the_films_changes_nothing(films):
    rng = np.random.default_rng(2)
    copies = [cropped(films[number], 0.08, rng) for number in COPIED]
    assert moved.pairs(small([*copies, *films])) == [(place, 10 + number) for place, number in enumerate(COPIED)]


@pytest.mark.parametrize("pictures", [np.zeros((0, 64, 64)), np.zeros((1, 64, 64)), np.full((9, 64, 64), 80)])
def test_no_films_one_film_and_blank_films_are_no_pairs(pictures):
    assert moved.pairs(pictures.astype(np.uint8)) == []


def test_noise_and_blank_films_with_frames_are_no_pairs():
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (20, 64, 64), np.uint8)
    frames = np.zeros((20, 64, 64), np.uint8)
    frames[:, 8:-8, 8:-8] = rng.integers(60, 200, (20, 1, 1))
    assert moved.pairs(np.concatenate([noise, frames])) == []


def test_markers_in_different_corners_of_black_films_are_no_pairs():
    markers = np.zeros((9, 64, 64), np.uint8)
    for number, picture in enumerate(markers):
        row, column = 24 * (number // 3), 24 * (number % 3)
        picture[row : row + 8, column : column + 8] = 255
    assert moved.pairs(markers) == []


def test_a_comparison_ends_when_it_is_told_to(films):
    def stop(done: int, total: int) -> None:
        assert 0 <= done <= total
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        moved.pairs(small([*films, *films]), stop)
