"""Film batches: what a network is fed in training, shuffled and augmented by seed and epoch alone.

The same seed, epoch and film give the same pixels under every backend, on every machine, after every resume.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Protocol

import keras
import numpy as np

from xraykit.training.fit.input import augmentation as augmenting
from xraykit.training.recipe.recipe import Augmentation


def replicas() -> int:
    """Devices that each batch is divided among."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.num_model_replicas


def evenly(batch: np.ndarray) -> np.ndarray:
    """Film indices (n,), repeated as often as it takes to divide them among the devices: the mean gradient is the same.

    The first n are those of the batch.
    """
    count = replicas()
    return batch if len(batch) % count == 0 else np.tile(batch, count // math.gcd(count, len(batch)))


class Inputs(Protocol):
    """What a network is fed, by film index: an array, a memory map, features."""

    def __getitem__(self, indices: Any, /) -> Any: ...


class FilmBatches(keras.utils.PyDataset):
    """Batches of (inputs, one-hot labels[, weights]) over an array or memory map.

    Parameters
    ----------
    inputs : (N, S, S, channels) uint8, or anything that gives inputs for film indices (n,)
    labels : (N,) int64
    indices : (n,) int64, the films of this part
    seed : int or None
        None keeps the order of `indices` in every epoch.
    augmentation : Augmentation or None
        For uint8 inputs only.
    mixup : float
        Parameter a of the Beta(a, a) distribution from which the share is drawn that each input, and its label, gives
        to the blend with that of another film (Zhang et al. 2018; of features, Verma et al. 2019); 0 for none.
    in_turn : inputs of each epoch in turn, in place of `inputs`; empty where every epoch has the same
    weights : (N,) float32, one per film, or None where all weigh the same
    accumulation : 2 to give each batch in two halves, for a device whose memory does not hold the whole
    first : batches left out at the beginning, for an epoch that goes on in the middle
    processes : that augment batches of a memory map ahead of time; 0 to augment as they are asked for
    """

    def __init__(
        self,
        inputs: Inputs,
        labels: np.ndarray,
        indices: np.ndarray,
        *,
        classes: int,
        batch_size: int,
        seed: int | None = None,
        augmentation: Augmentation | None = None,
        weights: np.ndarray | None = None,
        accumulation: int = 1,
        first: int = 0,
        processes: int = 0,
        in_turn: Sequence[Inputs] = (),
        mixup: float = 0.0,
    ):
        super().__init__()
        self.inputs, self.in_turn, self.indices, self.batch_size = inputs, in_turn, indices, batch_size
        self.targets = np.eye(classes, dtype=np.float32)[labels]
        self.weights = weights
        self.seed, self.augmentation, self.mixup = seed, augmentation, mixup
        self.accumulation, self.first = accumulation, first
        self.epoch = 0
        self._ordered: tuple[int, np.ndarray] = (-1, indices)
        self.ahead: augmenting.Ahead | None = None
        if processes and augmentation is not None and isinstance(inputs, np.memmap):
            self.ahead = augmenting.Ahead(str(inputs.filename), augmentation, seed or 0, processes)

    def __len__(self) -> int:
        return math.ceil(len(self.indices) / self.batch_size) * self.accumulation - self.first

    def rest(self, first: int) -> FilmBatches:
        """The same batches without the first so many of each epoch."""
        rest = copy.copy(self)
        rest.first = first
        return rest

    def __getitem__(self, number: int):
        chosen = self._films(number + self.first)
        batch = [self._inputs(number + self.first, chosen), self.targets[chosen]]
        if self.weights is not None:
            batch.append(self.weights[chosen])
        if self.mixup:
            shares = self._shares(number + self.first)
            batch = [_blended(part, shares) for part in batch]
        return tuple(batch)

    def _inputs(self, number: int, chosen: np.ndarray) -> np.ndarray:
        if self.in_turn:
            return self.in_turn[self.epoch % len(self.in_turn)][chosen]
        if self.augmentation is None:
            return self.inputs[chosen]
        if self.ahead is not None:
            return self.ahead.take(self.epoch, number, self._films)
        return augmenting.batch(self.inputs, chosen, self.augmentation, self.seed or 0, self.epoch)

    def close(self) -> None:
        """End the processes that prepare batches, if there are any."""
        if self.ahead is not None:
            self.ahead.close()

    def _films(self, number: int) -> np.ndarray:
        """Film indices of a batch; with mixup those of the films they are blended with after them."""
        places = self._places(number)
        order = self.order()
        # The partner's place does not hang on the batch: halves of a batch blend the same films as the whole
        return np.concatenate([order[places], order[::-1][places]]) if self.mixup else order[places]

    def _shares(self, number: int) -> np.ndarray:
        """(n,) float32: what each film of a batch gives to its blend, at least half."""
        drawn = np.random.default_rng((self.seed or 0, self.epoch, 1)).beta(self.mixup, self.mixup, len(self.indices))
        return np.maximum(drawn, 1 - drawn)[self._places(number)].astype(np.float32)

    def _places(self, number: int) -> np.ndarray:
        """Places of a batch's films in the order of the epoch."""
        number, part = divmod(number, self.accumulation)
        batch = np.arange(len(self.indices))[number * self.batch_size : (number + 1) * self.batch_size]
        # A batch of one film is given twice: the mean of two equal gradients is the gradient
        whole = self.accumulation == 1 or len(batch) < self.accumulation
        return evenly(batch if whole else np.array_split(batch, self.accumulation)[part])

    def order(self) -> np.ndarray:
        """Film indices of the current epoch, in the order in which they are fed."""
        if self.seed is None:
            return self.indices
        if self._ordered[0] != self.epoch:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.indices)
            self._ordered = (self.epoch, order)
        return self._ordered[1]


def _blended(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(2n, ...) values, the second half the partners of the first, to (n, ...) of the same dtype."""
    own, partners = np.split(values.astype(np.float32, copy=False), 2)
    shares = shares.reshape(-1, *[1] * (own.ndim - 1))
    blended = own * shares + partners * (1 - shares)
    return np.rint(blended).astype(values.dtype) if values.dtype == np.uint8 else blended
