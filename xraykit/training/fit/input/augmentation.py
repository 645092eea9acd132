"""Augmenting: training films moved, relit and rid of source cues, ahead of time in processes of their own where asked.

Imports no backend: those processes are small. What a film becomes follows from seed, epoch and film alone.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import math
import signal
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from xraykit.system import processes as system_processes
from xraykit.training.fit.input import cues
from xraykit.training.recipe.recipe import Augmentation

DEPTH = 2  # batches ahead for each process


def batch(films: np.ndarray, chosen: np.ndarray, augmentation: Augmentation, seed: int, epoch: int) -> np.ndarray:
    """Films `chosen` (n,) of (N, S, S, channels) uint8 as an epoch sees them: (n, S, S, channels) uint8."""
    randoms = [np.random.default_rng((seed, epoch, int(film))) for film in chosen]
    return np.stack([augment(films[i], augmentation, random) for i, random in zip(chosen, randoms, strict=True)])


class Ahead:
    """Batches prepared before they are asked for, in processes that read the films' file themselves.

    A device that learns faster than one core augments would wait for its films; Python's threads share one core here.

    Parameters
    ----------
    file : path of an .npy file, (N, S, S, channels) uint8
    processes : how many
    """

    def __init__(self, file: str, augmentation: Augmentation, seed: int, processes: int) -> None:
        self.file, self.augmentation, self.seed = file, augmentation, seed
        self.depth = DEPTH * processes
        self._pool = concurrent.futures.ProcessPoolExecutor(processes, system_processes.CONTEXT, _begin)
        self._epoch = -1
        self._begun: dict[int, concurrent.futures.Future[np.ndarray]] = {}
        self._taking = threading.Lock()

    def take(self, epoch: int, number: int, films_of: Callable[[int], np.ndarray]) -> np.ndarray:
        """Batch `number` of an epoch; those after it are begun. `films_of` gives a batch's films, none past the end."""
        with self._taking:
            if epoch != self._epoch:
                self._forget(epoch)
            for coming in range(number, number + self.depth + 1):
                if coming not in self._begun and len(chosen := films_of(coming)):
                    self._begin(coming, chosen)
            begun = self._begun.pop(number)
        with contextlib.suppress(BrokenProcessPool):  # killed for its memory, say: slower is better than not at all
            return begun.result()
        return batch(np.load(self.file, mmap_mode="r"), films_of(number), self.augmentation, self.seed, epoch)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, number: int, chosen: np.ndarray) -> None:
        arguments = (self.file, chosen, self.augmentation, self.seed, self._epoch)
        try:
            self._begun[number] = self._pool.submit(_batch, *arguments)
        except BrokenProcessPool:
            self._begun[number] = concurrent.futures.Future()
            self._begun[number].set_exception(BrokenProcessPool())

    def _forget(self, epoch: int) -> None:
        for future in self._begun.values():
            future.cancel()
        self._epoch, self._begun = epoch, {}


def _begin() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # a stop is the run's to mind; these end with it
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=system_processes.end_with_parent, name="parent watch", daemon=True).start()


def _batch(file: str, chosen: np.ndarray, augmentation: Augmentation, seed: int, epoch: int) -> np.ndarray:
    return batch(_films(file), chosen, augmentation, seed, epoch)


@functools.lru_cache(maxsize=1)
def _films(file: str) -> np.ndarray:
    return np.load(file, mmap_mode="r")


def augment(square: np.ndarray, augmentation: Augmentation, random: np.random.Generator) -> np.ndarray:
    """A randomly turned, shifted, zoomed, stretched and cut film, relit and with other cues; same shape, uint8.

    What comes in from outside the film is black.
    """
    turned = _affine(square, augmentation, random)
    if augmentation.flip and random.uniform() < 0.5:
        turned = turned[:, ::-1]
    return cues.change(_relit(turned, augmentation, random), augmentation, random)


def _relit(turned: np.ndarray, augmentation: Augmentation, random: np.random.Generator) -> np.ndarray:
    contrast = 1 + random.uniform(-1, 1) * augmentation.contrast
    brightness = 255 * random.uniform(-1, 1) * augmentation.brightness
    if contrast == 1 and brightness == 0:
        return turned
    mean = float(turned.mean())
    levels = np.clip((np.arange(256) - mean) * contrast + mean + brightness, 0, 255)
    return np.rint(levels).astype(np.uint8)[turned]


def _affine(square: np.ndarray, augmentation: Augmentation, random: np.random.Generator) -> np.ndarray:
    from PIL import Image

    size = square.shape[0]
    angle = math.radians(random.uniform(-1, 1) * augmentation.rotation)
    zoom = math.exp(random.uniform(-1, 1) * math.log1p(augmentation.zoom))
    shift = random.uniform(-1, 1, 2) * augmentation.shift * size
    if augmentation.crop:
        enlarged = 1 / (1 - random.uniform() * augmentation.crop)
        zoom *= enlarged
        shift += random.uniform(-1, 1, 2) * (enlarged - 1) * size / 2  # at most to the film's edge
    stretch = math.exp(random.uniform(-0.5, 0.5) * math.log1p(augmentation.stretch)) if augmentation.stretch else 1.0
    cosine, sine, centre = math.cos(angle) / zoom, math.sin(angle) / zoom, (size - 1) / 2
    x, y = centre + shift[0], centre + shift[1]
    a, b, d, e = cosine / stretch, sine * stretch, -sine / stretch, cosine * stretch
    matrix = (a, b, centre - a * x - b * y, d, e, centre - d * x - e * y)
    grey = square.shape[2] == 1
    film = Image.fromarray(square[..., 0] if grey else square)
    turned = np.asarray(film.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
    return turned[..., None] if grey else turned
