"""The gate's own network: five convolutions and two layers, learned from small pictures in a few minutes of one core.

Written against Keras 3; only the last step, to LiteRT, needs TensorFlow. Reads no files.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from xraykit.films.radiograph import SMALL as SIZE
from xraykit.gate.network import KINDS, prepared

WIDTHS = (12, 16, 32, 48)
OTHER = KINDS.index("other")
BATCH = 128


class _Turned(keras.utils.PyDataset):
    """Batches of films, some turned or inverted, and of other pictures; each epoch turns other films."""

    def __init__(self, films: np.ndarray, others: np.ndarray, seed: int) -> None:
        super().__init__()
        self._pictures = np.concatenate([films, others])
        self._chest = np.arange(len(self._pictures)) < len(films)
        self._noise = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self._order) // BATCH

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        places = self._order[index * BATCH : (index + 1) * BATCH]
        turns, inverted = self._turns[places], self._inverted[places]
        squares = np.stack([np.rot90(self._pictures[place], -turn) for place, turn in zip(places, turns, strict=True)])
        squares = np.where(inverted[:, None, None], 255 - squares, squares)
        kinds = np.where(self._chest[places], turns, OTHER)
        return prepared(squares)[..., None], np.stack([kinds, inverted], axis=1).astype(np.float32)

    def on_epoch_end(self) -> None:
        count = len(self._pictures)
        self._order = self._noise.permutation(count)
        self._turns = self._noise.choice(4, count, p=(0.46, 0.18, 0.18, 0.18))
        self._inverted = self._noise.random(count) < 0.25


def learn(films: np.ndarray, others: np.ndarray, epochs: int, seed: int, verbose: int = 0) -> keras.Model:
    """Fit the network.

    Parameters
    ----------
    films, others : uint8 (N, 64, 64) and (M, 64, 64), chest films upright, and everything else

    Returns
    -------
    A network from (B, 64, 64, 1) as `gate.network.prepared` gives it to float32 (B, 6): a score for each of
    `gate.network.KINDS`, before their softmax, and one for inverted, before its logistic curve.
    """
    keras.utils.set_random_seed(seed)
    network = _network()
    batches = _Turned(films, others, seed)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, len(batches) * epochs, alpha=0.01)
    network.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), loss=_loss)
    network.fit(batches, epochs=epochs, shuffle=False, verbose=verbose)
    return network


def to_litert(network: keras.Model) -> bytes:
    """The network as a LiteRT graph of one picture, its weights in half precision. Imports TensorFlow."""
    import tensorflow as tf

    fixed: Any = keras.Input(batch_shape=(1, SIZE, SIZE, 1), dtype="float32")
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, network(fixed)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _network() -> keras.Model:
    value = picture = keras.Input((SIZE, SIZE, 1), dtype="float32")
    for width in WIDTHS:
        value = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(value)
        value = keras.layers.BatchNormalization(momentum=0.95)(value)
        value = keras.layers.ReLU()(value)
    value = keras.layers.Flatten()(value)
    value = keras.layers.Dropout(0.3)(value)
    value = keras.layers.Dense(64, activation="relu")(value)
    value = keras.layers.Dropout(0.2)(value)
    return keras.Model(picture, keras.layers.Dense(len(KINDS) + 1)(value))


def _loss(truth: Any, scores: Any) -> Any:
    """Cross-entropy of the kind, smoothed a little; of chest films that of inverted too."""
    kinds = ops.one_hot(ops.cast(truth[:, 0], "int32"), len(KINDS)) * 0.97 + 0.03 / len(KINDS)
    of_kind = -ops.sum(kinds * ops.log_softmax(scores[:, : len(KINDS)]), axis=1)
    chest = ops.cast(truth[:, 0] < OTHER, "float32")
    inverted = truth[:, 1] * 0.96 + 0.02
    score = scores[:, len(KINDS)]
    of_light = ops.softplus(score) - inverted * score
    return of_kind + 0.5 * chest * of_light
