"""How alike a film's heatmap is to that of networks that cannot know, and to itself on the film hardly changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from xraykit.models import explanation
from xraykit.models.explanation import GRAD_CAM, Explanation
from xraykit.models.head import Head
from xraykit.models.service import heatmaps
from xraykit.truth.scorecard import untrained
from xraykit.truth.scorecard.readings import STREAMS, Reader

SHIFT = 0.02  # of the side
LIGHT = 0.10
FINE = 32  # cells a side that shifted maps are compared on

Other = Literal["random-map", "shuffled-network", "shuffled-labels", "shifted", "brightness"]
OTHERS: tuple[Other, ...] = ("random-map", "shuffled-network", "shuffled-labels", "shifted", "brightness")


class Films(NamedTuple):
    """Films to be scored: `squares` uint8 (N, S, S, ch), `labels` (N,) int64, `groups` (N,) int64."""

    squares: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


class Explained(NamedTuple):
    """What a model makes of films: `features` float32 (N, h, w, K), the class it gives each (N,), its heatmap of it."""

    features: np.ndarray
    given: np.ndarray
    heats: Sequence[Explanation]


def explain(reader: Reader, squares: np.ndarray) -> Explained:
    """Grad-CAM of the class that the model gives each square."""
    features, head = reader.features(squares), reader.classifier.head
    given = head.logits(features).argmax(axis=1)
    return Explained(features, given, [cam(head, grid, int(k)) for grid, k in zip(features, given, strict=True)])


def cam(head: Head, grid: np.ndarray, label: int) -> Explanation:
    """Grad-CAM of a class from a film's features float32 (h, w, K)."""
    _, weights = head.logits_and_weights(grid[None])
    return _explained(np.einsum("k,hwk->hw", weights[0, label], grid))


def compare(
    reader: Reader, films: Films, ours: Explained, rivals: dict[int, np.ndarray], seed: int
) -> dict[Other, np.ndarray]:
    """Rank correlation and overlap (n, 2) of the heatmaps of the films in `rivals` with other maps, NaN where unknown.

    `rivals` are random maps (R, h, w) by a film's index.
    """
    classifier = reader.classifier
    shuffled = untrained.shuffled_network(classifier, seed, STREAMS)
    random, classes = np.random.default_rng(seed), len(classifier.card.classes)
    pooling = classifier.head.pooling
    fooled = untrained.head_on_shuffled_labels(pooling, ours.features, films.labels, classes, random)
    blind = Reader(shuffled, reader.tick).features(films.squares)
    pairs: dict[Other, list[tuple[float, float]]] = {name: [] for name in OTHERS}
    for i, maps in rivals.items():
        label, heat = int(ours.given[i]), ours.heats[i].heatmap
        pairs["random-map"].append(_mean([alike(heat, other) for other in maps]))
        pairs["shuffled-network"].append(alike(heat, cam(shuffled.head, blind[i], label).heatmap))
        pairs["shuffled-labels"].append(alike(heat, cam(fooled, ours.features[i], label).heatmap))
        square = films.squares[i]
        moved = [cam(classifier.head, grid, label).heatmap for grid in reader.features(varied(square))]
        for name in ("shifted", "brightness"):
            both = [(move, each) for move, each in zip(VARIANTS, moved, strict=True) if move.name == name]
            pairs[name].append(_mean([_alike_moved(heat, each, move, len(square)) for move, each in both]))
    return {name: np.array(values, float).reshape(-1, 2) for name, values in pairs.items()}


class _Variant(NamedTuple):
    """The same film to a reader: moved by shares of the side, or brighter."""

    name: Literal["shifted", "brightness"]
    down: float = 0.0
    right: float = 0.0
    light: float = 1.0


VARIANTS = (
    _Variant("shifted", down=SHIFT),
    _Variant("shifted", down=-SHIFT),
    _Variant("shifted", right=SHIFT),
    _Variant("shifted", right=-SHIFT),
    _Variant("brightness", light=1 + LIGHT),
    _Variant("brightness", light=1 - LIGHT),
)


def varied(square: np.ndarray) -> Iterator[np.ndarray]:
    """The square moved by a few pixels, its edge drawn out, and brighter and darker."""
    size = len(square)
    for move in VARIANTS:
        down, right = round(move.down * size), round(move.right * size)
        rows, columns = (np.clip(np.arange(size) - by, 0, size - 1) for by in (down, right))
        moved = square[rows][:, columns]
        yield np.clip(np.rint(moved * move.light), 0, 255).astype(np.uint8)


def alike(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Rank correlation (Spearman) and overlap of the hottest fifths of two maps of one shape.

    NaN where a map is the same everywhere, or has no positive evidence.
    """
    from scipy.stats import rankdata

    overlap = heatmaps.compare(_explained(first), _explained(second)).overlap
    a, b = (rankdata(grid) for grid in (first, second))
    spread = a.std() * b.std()
    rank = float(np.mean((a - a.mean()) * (b - b.mean())) / spread) if spread > 0 else np.nan
    return rank, np.nan if overlap is None else overlap


def _alike_moved(heat: np.ndarray, moved: np.ndarray, move: _Variant, size: int) -> tuple[float, float]:
    """Likeness of a film's map and of its moved copy's, moved back, where both have it."""
    down, right = round(move.down * size), round(move.right * size)
    if not down and not right:
        return alike(heat, moved)
    ours, theirs = (heatmaps.resampled(grid, size, size) for grid in (heat, moved))
    theirs = np.roll(theirs, (-down, -right), (0, 1))
    margin, step = max(abs(down), abs(right)), max(1, size // FINE)
    inside = slice(margin, size - margin, step)
    return alike(ours[inside, inside], theirs[inside, inside])


def _mean(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The means of what is known."""
    columns = np.array(pairs, float).reshape(-1, 2).T
    rank, overlap = (float(row[np.isfinite(row)].mean()) if np.isfinite(row).any() else np.nan for row in columns)
    return rank, overlap


def _explained(raw: np.ndarray) -> Explanation:
    return explanation.explain_map("", GRAD_CAM, "", raw, (0, 0, 1, 1))
