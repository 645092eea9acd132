"""The charts' colours hold up for colour-blind eyes and in grey print; models differ in more than colour."""

from itertools import combinations

import numpy as np
import pytest

from xraykit.reports.charts import style

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
SIGHT = {
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
LOOKS = (style.SCREEN, style.PAPER)


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b*, D65, of linear RGB."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_models_can_be_told_apart_by_colour(look, sight):
    seen = [lab(np.array(SIGHT[sight]) @ linear(colour)) for colour in look.series]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 15


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_the_first_two_models_differ_in_grey_print(look):
    one, other = (lab(linear(colour))[0] for colour in look.series[:2])
    assert abs(one - other) > 20


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_models_stand_out_from_the_ground(look):
    assert min(contrast(colour, look.background) for colour in look.series) > 2.5


def test_each_model_has_a_dash_and_a_shape_of_its_own():
    assert len(set(map(tuple, style.DASHES))) == len(style.DASHES) == len(set(style.SHAPES)) == 4


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_the_matrix_scale_is_monotone_in_lightness(look):
    steps = np.diff([luminance(colour) for colour in look.sequential])
    assert (steps > 0).all() or (steps < 0).all()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
@pytest.mark.parametrize("share", np.linspace(0, 1, 41))
def test_numbers_in_cells_can_be_read(look, share):
    place = share * (len(look.sequential) - 1)
    low = min(int(place), len(look.sequential) - 2)
    ends = [np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in look.sequential[low : low + 2]]
    mixed = ends[0] + (place - low) * (ends[1] - ends[0])
    colour = "#" + "".join(f"{round(v):02x}" for v in mixed)
    assert contrast(colour, look.on_high if share > look.flip else look.on_low) > 4.5
