"""Deletion and insertion: how fast an answer goes as the hottest part of a film is taken away, and comes back with it.

Petsiuk et al. 2018 (RISE, BMVC). What is away is blurred, so that it is grey of the right brightness without an edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

BLUR = 0.1  # of the side: the standard deviation; no vessel and no marker is left
Probability = Callable[[Iterator[np.ndarray]], np.ndarray]  # squares -> (N,) of the class that is explained


def blurred(square: np.ndarray) -> np.ndarray:
    """The square uint8 (S, S, ch) with nothing left but where it is bright and dark."""
    from PIL import Image, ImageFilter

    flat = square[..., 0] if square.shape[-1] == 1 else square
    soft = np.asarray(Image.fromarray(flat).filter(ImageFilter.GaussianBlur(BLUR * len(square))))
    return soft.reshape(square.shape)


def mean_grey(square: np.ndarray) -> np.ndarray:
    """A square of the same shape, all of it the mean grey."""
    return np.broadcast_to(np.rint(square.mean(axis=(0, 1))).astype(np.uint8), square.shape)


FILLS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"blurred": blurred, "mean": mean_grey}


def curves(
    square: np.ndarray, fill: np.ndarray, orders: np.ndarray, steps: int, probability: Probability
) -> tuple[np.ndarray, np.ndarray]:
    """Deletion and insertion curves of several maps, float64 (M, steps + 1) each: the probability from none of the
    pixels taken away, or shown, to all of them.

    Parameters
    ----------
    square, fill : (S, S, ch) uint8
        The film, and what is seen where it is away.
    orders : (M, S, S) int64
        As `maps.order` gives them, of each map.
    """
    whole, nothing = probability(iter((square, fill)))
    inner = probability(_between(square, fill, orders, steps)).reshape(len(orders), 2, steps - 1)
    ends = np.ones(len(orders))[:, None]
    deletion = np.hstack([ends * whole, inner[:, 0], ends * nothing])
    insertion = np.hstack([ends * nothing, inner[:, 1], ends * whole])
    return deletion, insertion


def area(curve: np.ndarray) -> np.ndarray:
    """Area under curves (..., steps + 1) over the share of pixels, by trapezoids: 0..1 for probabilities."""
    return (curve[..., :-1] + curve[..., 1:]).mean(axis=-1) / 2


def _between(square: np.ndarray, fill: np.ndarray, orders: np.ndarray, steps: int) -> Iterator[np.ndarray]:
    counts = [round(orders[0].size * step / steps) for step in range(1, steps)]
    for ranks in orders:
        for above, below in ((fill, square), (square, fill)):
            for count in counts:
                yield np.where((ranks < count)[..., None], above, below)
