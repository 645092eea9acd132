"""Claim: a folder read as the reading room reads it against TensorFlow's forward passes alone, of the same network.

Ours is everything: listed, decoded behind the firewall, classified, explained, thumbnails made, by the service, as the
room's threads ask for it. TensorFlow's is one compiled graph at the batch size that is best on this machine, on squares
that lie ready in memory.
"""

from __future__ import annotations

import os

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks import claims, models

FILMS, ROUNDS = 256, 3
BATCHES = (1, 8, 16, 32, 64)
SIDE = 299  # pixels, as the films of the largest public collection of chest films with COVID-19 have


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        weights = models.model_folder(Path(work))
        # Other films in every round: what was read before is remembered
        folders = [make_films(Path(work) / str(turn), FILMS, turn * FILMS) for turn in range(ROUNDS)]
        forward, size = tensorflow(weights)
        read = Reader(weights)
        times: dict[str, list[float]] = {"ours": [], "tensorflow": []}
        busy: dict[str, list[float]] = {"ours": [], "tensorflow": []}
        for folder in folders:  # in turn, so that a busy machine slows both alike
            for name, run in (("ours", lambda folder=folder: read(folder)), ("tensorflow", forward)):
                before = read.processor_seconds()
                times[name].append(run())
                busy[name].append(read.processor_seconds() - before)
        read.close()
    ours, theirs = (statistics.median(times[name]) for name in ("ours", "tensorflow"))
    print(
        f"# {FILMS} films: ours {ours:.2f} s, TensorFlow {theirs:.2f} s at batch {size}; each: {times}", file=sys.stderr
    )
    each = {name: 1000 * statistics.median(seconds) / FILMS for name, seconds in busy.items()}
    print(f"# processor ms a film: ours {each['ours']:.1f}, TensorFlow {each['tensorflow']:.1f}", file=sys.stderr)
    claims.report("reading-room-folder-vs-forward-passes", ours / theirs, 0.8)


def make_films(folder: Path, count: int, first: int = 0) -> Path:
    """Grey PNGs, each different, that are no films of anyone."""
    from PIL import Image

    folder.mkdir(parents=True)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    lungs = sum(np.exp(-((((columns - x) / 0.16) ** 2 + ((rows - 0.5) / 0.3) ** 2) ** 2)) for x in (0.3, 0.7))
    for number in range(first, first + count):
        draw = np.random.default_rng(number)
        grain = draw.normal(0, 3, rows.shape)
        film = np.clip(200 - 140 * lungs * draw.uniform(0.7, 1.0) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(film).save(folder / f"film-{number:05d}.png")
    return folder


class Reader:
    """A room over one service, whose decoders and model are warm as TensorFlow's graph is."""

    def __init__(self, weights: Path) -> None:
        from xraykit.films.samples import draw
        from xraykit.models.service import client as service

        self.weights = weights
        self.client = service.start(weights.parent)
        self.cards = [card for card in self.client.models()[0] if card.name == weights.name]
        self.client.score_many([("warm", draw.PNG)] * 4, [weights.name], lambda place, scored: None)

    def __call__(self, folder: Path) -> float:
        """Seconds from opening a folder to the last film read."""
        from xraykit.reading.worklist import sources
        from xraykit.reading.worklist.room import Room

        changed = threading.Event()
        room = Room(lambda: self.client, changed.set)
        room.set_models(self.cards, [])
        began = time.perf_counter()
        room.open(sources.look_at(str(folder)))
        while room.listing or (counts := room.list.counts()).waiting:
            changed.wait()
            changed.clear()
        seconds = time.perf_counter() - began
        refused = counts.refused
        room.close()
        assert not refused, f"{refused} films were refused"
        return seconds

    def processor_seconds(self) -> float:
        """Of this process, the service and its decoders."""
        service = psutil.Process(self.client.status()["pid"])
        family = [psutil.Process(), service, *service.children(recursive=True)]
        return sum(process.cpu_times().user + process.cpu_times().system for process in family)

    def close(self) -> None:
        self.client.close()


def tensorflow(weights: Path) -> tuple[Callable[[], float], int]:
    """All forward passes of the compiled network at its best batch size, and that size."""
    import keras
    import tensorflow as tf

    from xraykit.models.cards import card

    model: Any = keras.saving.load_model(weights / card.NETWORK, compile=False)
    shape = model.inputs[0].shape[1:]
    squares = np.random.default_rng(0).integers(0, 256, (max(BATCHES), *shape)).astype(np.float32)
    compiled = tf.function(lambda films: model(films, training=False), input_signature=[tf.TensorSpec((None, *shape))])

    def run(batch: int, films: int = FILMS) -> float:
        began = time.perf_counter()
        for _ in range(films // batch):
            compiled(squares[:batch]).numpy()
        return (time.perf_counter() - began) * films / (films // batch * batch)

    for batch in BATCHES:
        run(batch, batch * 2)
    best = min(BATCHES, key=lambda batch: min(run(batch, 128) for _ in range(2)))
    return lambda: run(best), best


if __name__ == "__main__":
    main()
