"""Maps to hold a heatmap against: random ones of the same values and smoothness, and a blob in the middle."""

from __future__ import annotations

import numpy as np

from xraykit.models.service.heatmaps import resampled

WIDTH = 0.25  # of the side: the blob's standard deviation


def alike(grid: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Random maps (count, h, w) float32 as smooth as `grid` (h, w), made of the very same values.

    Amplitude-adjusted Fourier surrogates (Theiler et al. 1992, Physica D 58:77) in two dimensions: the spectrum of the
    grid with the phases of noise, then the grid's own values in that order. Only where the values lie is random.
    """
    spectrum = np.abs(np.fft.fft2(grid - grid.mean()))
    noise = np.fft.fft2(random.normal(size=(count, *grid.shape)))
    fields = np.fft.ifft2(spectrum * np.exp(1j * np.angle(noise))).real
    maps = np.empty((count, grid.size), np.float32)
    np.put_along_axis(maps, fields.reshape(count, -1).argsort(axis=1), np.sort(grid.ravel())[None], axis=1)
    return maps.reshape(count, *grid.shape)


def middle(shape: tuple[int, int]) -> np.ndarray:
    """A round blob in the middle, float32 (h, w): where most heatmaps are hot, whatever the film."""
    down, across = (((np.arange(side) + 0.5) / side - 0.5) ** 2 for side in shape)
    return np.exp(-(down[:, None] + across[None, :]) / (2 * WIDTH**2)).astype(np.float32)


def order(grid: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Where each pixel of a square comes, int64 (size, size): 0 is the hottest; equal ones come in random order.

    The map is enlarged as it is for the eye, linear between the middles of its cells.
    """
    heat = resampled(grid, size, size).ravel()
    shuffled = random.permutation(heat.size)
    ranks = np.empty(heat.size, np.int64)
    ranks[shuffled[np.argsort(-heat[shuffled], kind="stable")]] = np.arange(heat.size)
    return ranks.reshape(size, size)
