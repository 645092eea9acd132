"""What happens to pictures on their way to a reader, and what the gate makes of them then."""

import numpy as np
import pytest
from PIL import Image

from xraykit.films.radiograph import Radiograph, read
from xraykit.films.samples import draw
from xraykit.gate import network
from xraykit.gate import verdict as gate
from xraykit.training.gate import changes, measure
from xraykit.training.gate.pictures import Picture


@pytest.fixture(autouse=True)
def gate_is_on(monkeypatch):
    monkeypatch.setenv("XRAYKIT_GATE", "on")


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return read(draw.PNG.read_bytes(), "film.png").display(144)


def kind_of(grey: np.ndarray) -> str:
    return gate.judge(Radiograph(grey, "picture", "PNG", "")).kind


@pytest.mark.parametrize("name", changes.CHANGES)
def test_a_change_gives_a_picture_and_the_same_one_again(grey, name):
    make = changes.CHANGES[name].make
    first, again = (make(grey, np.random.default_rng(3)) for _ in range(2))
    assert first.dtype == np.uint8 and first.ndim == 2 and np.array_equal(first, again)


def test_changes_do_what_they_are_called(grey):
    noise = np.random.default_rng(0)
    assert changes.cropped(0.6)(np.zeros((100, 50), np.uint8), noise).shape == (60, 30)
    assert len(np.unique(changes.posterised(4)(grey, noise))) <= 4
    assert set(np.unique(changes.halftone(grey, noise))) == {0, 255}
    assert len(np.unique(changes.pixelated(12)(grey, noise))) <= 144
    edge = np.repeat(np.array([[0, 255]], np.uint8), 50, axis=1).repeat(100, axis=0)
    width = {share: np.ptp(np.flatnonzero(np.diff(changes.blurred(share)(edge, noise)[50]))) for share in (0.01, 0.06)}
    assert 3 <= width[0.01] <= 8 and width[0.06] > 3 * width[0.01]


@pytest.mark.parametrize("name", [name for name, change in changes.CHANGES.items() if change.readable])
def test_a_film_passes_where_it_can_still_be_read(grey, name):
    assert kind_of(changes.CHANGES[name].make(grey, np.random.default_rng(1))) == "chest"


def test_many_pictures_are_scored_as_each_of_them_is(grey):
    small = np.stack([np.asarray(Image.fromarray(grey).rotate(turn).resize((64, 64))) for turn in (0, 90, 180)])
    kinds, inverted = measure.shares(network.scores(small).astype(np.float64))
    for place, picture in enumerate(small):
        alone, light = network.shares(picture.astype(np.float32))
        assert np.allclose(kinds[place], alone) and np.isclose(inverted[place], light)


def test_every_change_is_measured_on_every_group(monkeypatch, grey):
    monkeypatch.setattr(measure, "EACH", 2)
    small = np.asarray(Image.fromarray(grey).resize((64, 64)))
    films = [Picture("kermany", grey, small, True)] * 3
    others = [Picture(kind, grey, small, True) for kind in ("sea", "limbs", "noise")]
    limits = {"chest": 0.6, "turned": 0.8, "inverted": 0.8}
    upright = np.array([9.0, 0, 0, 0, 0, -9])
    rows = measure.of_changed(films, others, lambda seen: np.tile(upright, (len(seen), 1)), limits)
    right = {row["kind"]: row["right"] for row in rows}
    assert right == {"kermany": 2, "photographs": 0, "drawn bodies": 0, "drawings": 0}
    assert len(rows) == 4 * len(changes.CHANGES)
