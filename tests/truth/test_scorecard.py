"""Deletion, insertion, random maps and sanity checks, on examples that can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import tiny_model
from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure
from xraykit.models import classifier, head
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.truth.scorecard import curves, likeness, maps, score, untrained
from xraykit.truth.scorecard.likeness import Films
from xraykit.truth.scorecard.readings import Reader


def ranks(order: list[int]) -> np.ndarray:
    """Pixels of a 3 x 3 film in the order they are taken, as `maps.order` gives it."""
    places = np.empty(9, np.int64)
    places[order] = np.arange(9)
    return places.reshape(3, 3)


def share_of_weights(squares):
    """A toy network on films of 3 x 3: its probability is the weight of the pixels that are still 100."""
    weights = np.array([4, 2, 1, 1, 1, 1, 0, 0, 0]) / 10
    return np.array([weights @ (square.ravel() == 100) for square in squares])


def test_the_curves_of_a_toy_network_are_those_worked_out_by_hand():
    square, fill = np.full((3, 3, 1), 100, np.uint8), np.zeros((3, 3, 1), np.uint8)
    best, worst = list(range(9)), list(range(8, -1, -1))
    orders = np.array([ranks(best), ranks(worst)])
    deletion, insertion = curves.curves(square, fill, orders, 9, share_of_weights)
    np.testing.assert_allclose(deletion[0], [1, 0.6, 0.4, 0.3, 0.2, 0.1, 0, 0, 0, 0])
    np.testing.assert_allclose(insertion[0], 1 - deletion[0], atol=1e-12)
    np.testing.assert_allclose(insertion[1], deletion[0][::-1], atol=1e-12)
    # trapezoids: (1 + 0) / 2 + 0.6 + 0.4 + 0.3 + 0.2 + 0.1, over 9 steps
    np.testing.assert_allclose(curves.area(deletion), [2.1 / 9, 1 - 2.1 / 9])
    np.testing.assert_allclose(curves.area(insertion), [1 - 2.1 / 9, 2.1 / 9])


def test_quantus_gives_the_same_area():
    pytest.importorskip("quantus", reason="Quantus is not installed: the areas are held against those by hand")
    from quantus.helpers.utils import calculate_auc

    curve = np.array([1, 0.6, 0.4, 0.3, 0.2, 0.1, 0, 0, 0, 0])
    assert curves.area(curve) == pytest.approx(calculate_auc(curve, dx=1 / 9))


def test_what_is_away_is_grey_of_the_right_brightness():
    square = np.random.default_rng(0).integers(0, 255, (64, 64, 1), dtype=np.uint8)
    for name, fill in curves.FILLS.items():
        away = fill(square)
        assert away.shape == square.shape and away.dtype == np.uint8, name
        assert abs(float(away.mean()) - square.mean()) < 2 and away.std() < square.std() / 5


def test_random_maps_have_the_same_values_and_smoothness():
    across = np.linspace(0, 1, 14)
    grid = np.maximum(np.exp(-((across[:, None] - 0.3) ** 2 + (across - 0.6) ** 2) / 0.05) - 0.2, 0).astype("float32")
    drawn = maps.alike(grid, 20, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(drawn.reshape(20, -1)), np.tile(np.sort(grid.ravel()), (20, 1)))
    roughness = lambda each: np.abs(np.diff(each, axis=0)).mean() + np.abs(np.diff(each, axis=1)).mean()  # noqa: E731
    shuffled = np.random.default_rng(1).permutation(grid.ravel()).reshape(grid.shape)
    smooth = np.mean([roughness(each) for each in drawn])
    assert roughness(grid) * 0.8 < smooth < roughness(grid) * 1.8 < roughness(shuffled)
    assert np.abs(np.mean([likeness.alike(grid, each)[0] for each in drawn])) < 0.3


def test_an_order_names_each_pixel_once_and_the_hottest_first():
    grid = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    places = maps.order(grid, 9, np.random.default_rng(0))
    assert sorted(places.ravel()) == list(range(81)) and places[4, 4] == 0
    assert places[0].min() > 20 and not np.array_equal(places, maps.order(grid, 9, np.random.default_rng(1)))
    assert maps.middle((7, 7)).argmax() == 24


def test_weights_are_shuffled_layer_by_layer_and_nothing_is_lost():
    body = (tiny_model.KEPT / "features.tflite").read_bytes()
    shuffled = untrained.shuffled_body(body, np.random.default_rng(0))
    constants = list(untrained._constants(body))
    assert len(constants) >= 4
    for start, count, kind in constants:
        before, after = (np.frombuffer(graph, kind, count, start) for graph in (body, shuffled))
        np.testing.assert_array_equal(np.sort(before), np.sort(after))
    assert sum(a != b for a, b in zip(body, shuffled, strict=True)) > 1000
    model = classifier.load(tiny_model.KEPT)
    squares = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 1), dtype=np.uint8)
    other = untrained.shuffled_network(model, 0)
    assert other.features(squares).shape == model.features(squares).shape
    assert not np.allclose(other.features(squares), model.features(squares))


@pytest.mark.parametrize("pooling", ["gap", "flatten"])
def test_a_head_learns_shuffled_labels_by_heart(pooling):
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(12, 2, 2, 40)).astype("float32"), np.arange(12) % 3
    made = untrained.head_on_shuffled_labels(pooling, features, labels, 3, np.random.default_rng(7))
    learned = made.logits(features).argmax(axis=1)
    np.testing.assert_array_equal(learned, np.random.default_rng(7).permutation(labels))
    assert not np.array_equal(learned, labels)


def test_likeness_is_of_ranks_and_of_the_hottest_fifth():
    grid = np.arange(25, dtype="float32").reshape(5, 5) + 1
    assert likeness.alike(grid, grid**3) == (pytest.approx(1), 1.0)
    assert likeness.alike(grid, grid[::-1, ::-1])[0] == pytest.approx(-1)
    assert np.isnan(likeness.alike(grid, np.zeros((5, 5)))).all()


def test_means_have_intervals_over_groups():
    values = np.array([0.1, 0.2, 0.3, np.nan])
    figure = score.mean_of(values, np.array([0, 1, 2, 3]))
    assert figure.value == pytest.approx(0.2) and figure.n == 3 and figure.low < 0.2 < figure.high
    assert score.mean_of(np.array([np.nan]), np.array([0])) == Figure(None)
    assert score.mean_of(values, np.zeros(4, int)).ends is None, "one group has no interval"


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure(0.12, 0.08, 0.16, 60), "better"),
        (Figure(0.02, -0.03, 0.07, 60), "no-better"),
        (Figure(-0.12, -0.16, -0.08, 60), "worse"),
        (Figure(0.12, 0.08, 0.16, 9), "unknown"),
        (Figure(0.12), "unknown"),
    ],
)
def test_the_verdict_is_the_intervals(figure, verdict):
    assert score.judge(figure) == verdict


def test_the_sanity_check_asks_both_networks():
    def pair(*low_and_high):
        ends = zip(("shuffled-network", "shuffled-labels"), low_and_high, strict=False)
        return {name: score.Likeness(Figure(0.5, *limits, 40), Figure(None)) for name, limits in ends}

    assert score.check(pair((0.0, 0.2), (0.1, 0.4))) == "passed"
    assert score.check(pair((0.0, 0.2), (0.6, 0.9))) == "failed"
    assert score.check(pair((0.0, 0.2), (0.4, 0.6))) == score.check(pair((0.0, 0.2))) == score.check({}) == "unknown"


class Corner:
    """A network that looks at one quarter of the film: features are four means, class 1 answers to the first."""

    def __init__(self) -> None:
        self.card = replace(cards.read(tiny_model.KEPT), image_size=16, channels=1, classes=("a", "b"), temperature=0.1)
        kernel = np.array([[-1.0, 1.0]], "float32")
        self.head = head.Head("gap", (kernel,), (np.zeros(2, "float32"),), ("linear",))

    def features(self, squares):
        cells = squares[..., 0].reshape(len(squares), 4, 4, 4, 4).mean(axis=(2, 4))
        seen = np.zeros_like(cells, "float32")
        seen[:, 0, 0] = cells[:, 0, 0] / 255
        return seen[..., None].astype("float32")

    def predict_squares(self, squares):
        return self.head.logits(self.features(squares))

    prediction = classifier.Classifier.prediction


def test_a_heatmap_that_is_right_does_better_than_chance(monkeypatch):
    monkeypatch.setattr(untrained, "shuffled_network", lambda network, seed, streams: network)
    random = np.random.default_rng(0)
    squares = random.integers(0, 60, (12, 16, 16, 1), dtype=np.uint8)
    squares[:, :4, :4] = 255
    films = Films(squares, np.arange(12) % 2, np.arange(12))
    setting = score.Setting(random_maps=6, steps=4, fill="mean")
    ticks = []
    made = score.score(Reader(Corner(), lambda: ticks.append(1)), films, "films", "2026-01-01", setting)
    assert made.verdict == "better" and made.advantage.low > 0.05 and made.n == 12
    assert made.sanity == "failed", "a network that is the same network looks alike"
    assert made.likeness["shuffled-network"].rank.value == pytest.approx(1)
    assert made.likeness["brightness"].rank.value == pytest.approx(1)
    assert len(ticks) == score.passes(12, setting)
    assert made.curves["deletion"][0] == made.curves["insertion"][-1] and len(made.curves["deletion"]) == 5
    card = replace(cards.read(tiny_model.KEPT), checks={"scorecard": stats.plain(made)})
    assert score.read(Card.from_json(card.to_json())) == made
    assert score.badge(card)["verdict"] == "better" and score.badge(cards.read(tiny_model.KEPT)) is None


def test_a_network_without_heatmaps_has_no_scorecard():
    network = Corner()
    network.card = replace(network.card, feature_layer="")
    films = Films(np.zeros((1, 16, 16, 1), "uint8"), np.zeros(1, int), np.zeros(1, int))
    with pytest.raises(ModelRefused, match="no Grad-CAM heatmap"):
        score.score(Reader(network), films, "", "")
