"""Grad-CAM in closed form, and how a heatmap is laid over a film."""

import numpy as np
import pytest

from tests.helpers import tiny_model
from tests.models.test_classifier import film
from xraykit.models import classifier, explanation, head, tf_keras_vis
from xraykit.models.cards import card
from xraykit.models.explanation import Explanation
from xraykit.reports.film.heatmap import colormaps, overlay


class TwoByTwo:
    """A classifier whose features are given by hand."""

    def __init__(self, features: list, kernel: list) -> None:
        self.card = card.read(tiny_model.KEPT)
        self.head = head.Head("gap", (np.array(kernel, "float32"),), (np.zeros(3, "float32"),), ("linear",))
        self.features = lambda squares: np.array([features], "float32")
        self.prediction = classifier.load(tiny_model.KEPT).prediction


def explained(heatmap: np.ndarray, maximum: float = 1.0, box: tuple = (0, 8, 64, 72)) -> Explanation:
    return Explanation("Normal", "Grad-CAM", "out_relu", heatmap.astype("float32"), maximum, box)


def test_grad_cam_gives_the_map_worked_out_by_hand():
    # two channels; weights of the three classes: gradients over 4 cells
    network = TwoByTwo([[[4, 0], [0, 4]], [[8, 8], [0, 0]]], [[1, -1, -1], [-0.5, 1, -1]])
    _, maps = explanation.grad_cam(network, film())
    # class 0: 1/4 * a - 1/8 * b = [[1, -0.5], [1, 0]]; class 1: -1/4 a + 1/4 b; class 2: nothing positive
    np.testing.assert_allclose(maps[0].heatmap, [[1, 0], [1, 0]])
    assert maps[0].maximum == 1.0
    np.testing.assert_allclose(maps[1].heatmap, [[0, 1], [0, 0]])
    assert maps[2].maximum == 0.0 and not maps[2].heatmap.any()
    assert [found.label for found in maps] == list(network.card.classes)
    assert maps[0].box == (0, 8, 64, 72)


def test_with_one_layer_after_gap_grad_cam_is_hirescam():
    features = np.random.default_rng(0).normal(size=(2, 2, 2)).tolist()
    network = TwoByTwo(features, [[1, -1, -1], [-0.5, 1, -1]])
    _, maps = explanation.grad_cam(network, film())
    products = network.head.gradients(network.features(None))[0] * network.features(None)[0]
    for found, raw in zip(maps, products.sum(axis=-1), strict=True):
        positive = np.maximum(raw, 0)
        np.testing.assert_allclose(found.heatmap * found.maximum, positive, atol=1e-6)


def test_tiny_maps_are_neither_lost_nor_made_of_noise():
    small = explanation.explain_map("Normal", "Grad-CAM", "out_relu", np.array([[1e-9, 0], [-5, 0]]), (0, 0, 2, 2))
    np.testing.assert_allclose(small.heatmap, [[1, 0], [0, 0]])
    assert small.maximum == pytest.approx(1e-9)


def test_a_film_is_untouched_where_the_map_is_zero():
    heat = np.zeros((4, 4))
    heat[0, 0] = 1
    picture = overlay.overlay(film(), explained(heat), opacity=1)
    original = np.repeat(film().pixels[:, :, None], 3, axis=2)
    assert picture.shape == (80, 64, 3) and picture.dtype == np.uint8
    untouched = np.ones((80, 64), bool)
    untouched[8:32, :24] = False  # the hot cell and the way to its neighbours' centres
    np.testing.assert_array_equal(picture[untouched], original[untouched])
    np.testing.assert_array_equal(picture[10, 2], colormaps.table("inferno")[255])


def test_a_zero_map_and_no_opacity_leave_the_film_as_it_is():
    original = np.repeat(film().pixels[:, :, None], 3, axis=2)
    for opacity, heat in ((1.0, np.zeros((4, 4))), (0.0, np.ones((4, 4)))):
        np.testing.assert_array_equal(overlay.overlay(film(), explained(heat), opacity=opacity), original)


def test_opacity_is_proportional_to_heat():
    drawn = overlay.overlay(film(), explained(np.full((2, 2), 0.5)), opacity=0.4, colormap="viridis")
    colour = colormaps.table("viridis")[128].astype(float)
    expected = film().pixels[40, 30] * 0.8 + colour * 0.2
    np.testing.assert_allclose(drawn[40, 30], expected, atol=1)


def test_on_a_shared_scale_a_weaker_map_is_drawn_weaker():
    weak = explained(np.ones((2, 2)), maximum=0.5)
    alone = overlay.overlay(film(), explained(np.full((2, 2), 0.5)))
    np.testing.assert_array_equal(overlay.overlay(film(), weak, shared_maximum=1.0), alone)
    assert not np.array_equal(overlay.overlay(film(), weak), alone)
    original = np.repeat(film().pixels[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(
        overlay.overlay(film(), explained(np.zeros((2, 2)), 0.0), shared_maximum=0.0), original
    )


def test_an_overlay_of_a_smaller_drawing_sits_on_the_same_part_of_the_film():
    heat = np.zeros((4, 4))
    heat[3, 3] = 1
    small = overlay.overlay(film(shape=(800, 640)), explained(heat, box=(0, 80, 640, 720)), longest=80, opacity=1)
    assert small.shape == (80, 64, 3)
    np.testing.assert_array_equal(small[70, 62], colormaps.table("inferno")[255])


def test_enlarging_is_bilinear_with_cell_centres_on_cell_centres():
    enlarged = overlay.enlarge(np.array([[0.0, 1.0]]), 1, 4)
    np.testing.assert_allclose(enlarged, [[0, 0.25, 0.75, 1]])
    np.testing.assert_allclose(overlay.enlarge(np.array([[0.7]]), 3, 5), 0.7)
    np.testing.assert_array_equal(overlay.enlarge(np.eye(3), 3, 3), np.eye(3))


@pytest.mark.parametrize("shape", [(80, 64), (600, 500), (64, 300)])
def test_a_legend_is_drawn_below_the_film_and_holds_every_colour(shape):
    one = film(shape=shape)
    plain = overlay.overlay(one, explained(np.ones((2, 2)), box=one.square_box()), colormap="cividis")
    drawn = overlay.overlay(one, explained(np.ones((2, 2)), box=one.square_box()), colormap="cividis", legend=True)
    np.testing.assert_array_equal(drawn[: shape[0]], plain)
    strip = {tuple(colour) for colour in drawn[shape[0] :].reshape(-1, 3).tolist()}
    assert tuple(colormaps.table("cividis")[0].tolist()) in strip
    assert tuple(colormaps.table("cividis")[255].tolist()) in strip


def test_the_legend_says_what_is_seen_and_what_it_is_not():
    lines = " | ".join(overlay.legend_lines(explained(np.ones((7, 7)), maximum=2.0)))
    assert "Normal" in lines and "Grad-CAM at out_relu" in lines and "7 x 7" in lines
    assert "relative, this image" in lines and "Not for diagnosis" in lines
    assert "shared scale" in " ".join(overlay.legend_lines(explained(np.ones((7, 7)), maximum=2.0), 3.0))
    nothing = overlay.legend_lines(explained(np.zeros((7, 7)), maximum=0.0))
    assert explanation.NO_EVIDENCE in nothing


@pytest.mark.parametrize("name", colormaps.NAMES)
def test_colour_maps_grow_steadily_brighter(name):
    luminance = colormaps.table(name) @ np.array([0.2126, 0.7152, 0.0722])
    assert colormaps.table(name).shape == (256, 3)
    assert (np.diff(luminance) > -1).all() and luminance[-1] - luminance[0] > 100
    assert (np.diff(luminance[::8]) > 0).all()


def test_unknown_maps_and_opacities_are_refused_in_words():
    with pytest.raises(ValueError, match="Expected one of the colour maps inferno"):
        overlay.overlay(film(), explained(np.ones((2, 2))), colormap="jet")
    with pytest.raises(ValueError, match="Expected an opacity"):
        overlay.overlay(film(), explained(np.ones((2, 2))), opacity=1.5)


def test_grad_cam_agrees_with_tf_keras_vis_on_the_same_layer():
    loaded = classifier.load(tiny_model.KEPT)
    network = tiny_model.KEPT / "model.keras"
    model = tf_keras_vis.load_network(network, card.read(tiny_model.KEPT).files["model.keras"])
    films, shares = [film(seed) for seed in range(8)], []

    def reference(method, place, picture):
        task = tf_keras_vis.Task(network, "", "out_relu", method, place, picture.square(32, 1))
        return tf_keras_vis.explain(model, task, lambda *state: shares.append(state))

    for picture in films:
        for place, ours in enumerate(explanation.grad_cam(loaded, picture)[1]):
            theirs = reference("Grad-CAM", place, picture)
            np.testing.assert_allclose(ours.heatmap * ours.maximum, theirs, atol=1e-4)
            if theirs.any():
                assert np.corrcoef(ours.heatmap.ravel(), theirs.ravel())[0, 1] >= 0.999
    maps = {method: [reference(method, place, films[0]) for place in range(3)] for method in explanation.METHODS}
    shapes = {method: maps[method][0].shape for method in maps}
    assert shapes.pop("SmoothGrad") == (32, 32) and set(shapes.values()) == {(8, 8)}
    assert (reference("SmoothGrad", 0, films[0]) == maps["SmoothGrad"][0]).all(), "SmoothGrad must repeat itself"
    assert shares and max(share for share, _ in shares) == 1.0 and all(left >= 0 for _, left in shares)
