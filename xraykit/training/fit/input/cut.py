"""Cut: where a network with frozen layers is divided: what lies before is computed once, what follows is trained.

Written against Keras 3 alone. Computes nothing itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

# What a layer's configuration says that is not seen in what the layer gives while it is frozen
_UNSEEN = ("name", "trainable", "momentum", "_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True, eq=False)
class Cut:
    """A network in two, which share its layers.

    Attributes
    ----------
    network : keras.Model
        The whole.
    body : keras.Model
        The frozen part, film by film the same whatever is trained: (B, S, S, channels) to (B, ...).
    rest : keras.Model
        What is trained: from what the body gives to probabilities (B, classes).
    """

    network: keras.Model
    body: keras.Model
    rest: keras.Model

    @cached_property
    def digest(self) -> str:
        """sha256 of all that decides what the body gives: its layers, how they hang together, and their values."""
        return digest(self.body)

    def logits(self) -> keras.Model:
        """From what the body gives to logits (B, classes)."""
        tensor: Any = self.body.output
        return keras.Model(tensor, self.network.get_layer("logits").output, name="rest_to_logits")


def cut_of(network: keras.Model) -> Cut | None:
    """The cut of a network whose trainable layers are chosen; None where no layer with weights lies before it.

    It is the last point before the first layer that learns through which everything flows: in a network with skips
    none of them crosses it. Below it, as everywhere in a frozen backbone, layers compute as they do in use.
    """
    layers = network.layers
    last = _last_uses(network)
    for place in range(_first_learning(network) - 1, 0, -1):
        crossing = [number for number in range(place + 1) if last[number] > place]
        if len(crossing) == 1:
            number = crossing[0]
            if not any(layer.weights for layer in layers[: number + 1]):
                return None
            tensor: Any = layers[number].output
            body = keras.Model(network.input, tensor, name="body")
            return Cut(network, body, keras.Model(tensor, network.output, name="rest"))
    return None


def digest(network: keras.Model) -> str:
    """sha256 of a network's layers, their connections and their values; names do not count."""
    sha, parents = hashlib.sha256(), _parents(network)
    for layer, inputs in zip(network.layers, parents, strict=True):
        config = {k: v for k, v in layer.get_config().items() if not k.endswith(_UNSEEN)}
        sha.update(json.dumps([type(layer).__name__, config, inputs], sort_keys=True, default=str).encode())
        for value in layer.get_weights():
            sha.update(f"{value.dtype} {value.shape}".encode())
            sha.update(np.ascontiguousarray(value).data)
    return sha.hexdigest()


def _first_learning(network: keras.Model) -> int:
    """The first layer that learns; in the head, one that behaves otherwise in training."""
    in_head = False
    for number, layer in enumerate(network.layers):
        if layer.trainable_weights or (in_head and isinstance(layer, keras.layers.Dropout)):
            return number
        in_head = in_head or layer.name == "pooler"
    return len(network.layers)


def _parents(network: keras.Model) -> list[list[int]]:
    """The layers that each layer takes from, by number; layers come after those that they take from."""
    makers = {id(t): n for n, layer in enumerate(network.layers) for t in keras.tree.flatten(layer.output)}
    return [
        [makers[id(t)] for t in keras.tree.flatten(layer.input) if makers.get(id(t), number) != number]
        for number, layer in enumerate(network.layers)
    ]


def _last_uses(network: keras.Model) -> list[int]:
    """The last layer that takes from each layer; the output is taken by whoever uses the network."""
    last = [0] * len(network.layers)
    for number, parents in enumerate(_parents(network)):
        for parent in parents:
            last[parent] = number
    last[-1] = len(network.layers)
    return last
