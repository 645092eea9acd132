"""Film batches: what a network is fed in training, shuffled and augmented by seed and epoch alone.

The same seed, epoch and film give the same pixels under every backend, on every machine, after every resume.
"""

from __future__ import annotations

import copy
import math

import keras
import numpy as np

from xraykit.recipe import Augmentation


class FilmBatches(keras.utils.PyDataset):
    """Batches of (inputs, one-hot labels[, weights]) over an array or memory map.

    Parameters
    ----------
    inputs : (N, S, S, channels) uint8, or features (N, h, w, K) float32
    labels : (N,) int64
    indices : (n,) int64, the films of this part
    seed : int or None
        None keeps the order of `indices` in every epoch.
    augmentation : Augmentation or None
        For uint8 inputs only.
    class_weights : one weight a class, or None
    split : 2 to give each batch in two halves, for a device whose memory does not hold the whole
    first : batches left out at the beginning, for an epoch that goes on in the middle
    """

    def __init__(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        indices: np.ndarray,
        *,
        classes: int,
        batch_size: int,
        seed: int | None = None,
        augmentation: Augmentation | None = None,
        class_weights: tuple[float, ...] | None = None,
        split: int = 1,
        first: int = 0,
    ):
        super().__init__()
        self.inputs, self.indices, self.batch_size = inputs, indices, batch_size
        self.targets = np.eye(classes, dtype=np.float32)[labels]
        self.weights = None if class_weights is None else np.asarray(class_weights, np.float32)[labels]
        self.seed, self.augmentation = seed, augmentation
        self.split, self.first = split, first
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(len(self.indices) / self.batch_size) * self.split - self.first

    def rest(self, first: int) -> FilmBatches:
        """The same batches without the first so many of each epoch."""
        found = copy.copy(self)
        found.first = first
        return found

    def __getitem__(self, number: int):
        chosen = self._films(number + self.first)
        inputs = self.inputs[chosen]
        if self.augmentation is not None:
            inputs = np.stack([self._augmented(i, film) for i, film in zip(chosen, inputs, strict=True)])
        batch = (inputs, self.targets[chosen])
        return batch if self.weights is None else (*batch, self.weights[chosen])

    def _films(self, number: int) -> np.ndarray:
        number, part = divmod(number, self.split)
        batch = self.order()[number * self.batch_size : (number + 1) * self.batch_size]
        # A batch of one film is given twice: the mean of two equal gradients is the gradient
        return batch if self.split == 1 or len(batch) < self.split else np.array_split(batch, self.split)[part]

    def order(self) -> np.ndarray:
        """Film indices of the current epoch, in the order in which they are fed."""
        if self.seed is None:
            return self.indices
        return np.random.default_rng((self.seed, self.epoch)).permutation(self.indices)

    def _augmented(self, film: int, square: np.ndarray) -> np.ndarray:
        assert self.augmentation is not None
        return augment(square, self.augmentation, np.random.default_rng((self.seed or 0, self.epoch, int(film))))


def augment(square: np.ndarray, augmentation: Augmentation, random: np.random.Generator) -> np.ndarray:
    """A randomly turned, shifted, zoomed film with other brightness and contrast; same shape, uint8.

    What comes in from outside the film is black.
    """
    turned = _affine(square, augmentation, random)
    if augmentation.flip and random.uniform() < 0.5:
        turned = turned[:, ::-1]
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
    cosine, sine, centre = math.cos(angle) / zoom, math.sin(angle) / zoom, (size - 1) / 2
    x, y = centre + shift[0], centre + shift[1]
    matrix = (
        cosine, sine, centre - cosine * x - sine * y,
        -sine, cosine, centre + sine * x - cosine * y,
    )  # fmt: skip
    grey = square.shape[2] == 1
    film = Image.fromarray(square[..., 0] if grey else square)
    turned = np.asarray(film.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
    return turned[..., None] if grey else turned
