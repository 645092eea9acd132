"""Estimate: how long a recipe will train here and how much memory it takes, from two steps of each phase.

Feeds random films through the recipe's own network and batches; reads no film, keeps nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from xraykit.datasets import dataset, split
from xraykit.system import text
from xraykit.training.fit import autotune, optimizer
from xraykit.training.fit.input.batches import FilmBatches
from xraykit.training.fit.input.prepared import prepare
from xraykit.training.fit.network import network
from xraykit.training.recipe.recipe import Phase, Recipe

PROBES = 2  # timed, after the one that compiles
Progress = Callable[[int, int], None]  # batches done, batches in all; what it raises ends the probing


@dataclass(frozen=True)
class PhaseEstimate:
    """Seconds of one phase: `feature_seconds` are the passes through frozen layers, 0 where there are none.

    A run that finds their `feature_bytes` on the disk, left there by another, does not spend them.
    """

    epochs: int
    seconds_per_epoch: float  # validation included
    feature_seconds: float
    compile_seconds: float
    images_per_second: float  # while learning
    feature_bytes: int = 0

    @property
    def seconds(self) -> float:
        return self.epochs * self.seconds_per_epoch + self.feature_seconds


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to take: `seconds` of training, apart from them the seconds it needs to start."""

    phases: tuple[PhaseEstimate, ...]
    memory: int  # bytes at most: of the GPU, else of the process, the backend itself included
    device: str
    backend: str
    precision: str
    jit: bool
    early: bool  # the recipe may stop before its last epoch
    parameters: int = 0  # of the whole network

    @property
    def seconds(self) -> float:
        return sum(phase.seconds for phase in self.phases)

    @property
    def feature_seconds(self) -> float:
        """Of all passes through frozen layers, which other runs with the same layers and films share."""
        return sum(phase.feature_seconds for phase in self.phases)

    @property
    def feature_bytes(self) -> int:
        """Of the features on the disk."""
        return sum(phase.feature_bytes for phase in self.phases)

    @property
    def compile_seconds(self) -> float:
        return sum(phase.compile_seconds for phase in self.phases)

    @property
    def seconds_per_epoch(self) -> tuple[float, ...]:
        return tuple(phase.seconds_per_epoch for phase in self.phases)

    @property
    def images_per_second(self) -> float:
        """Of the phase that takes longest."""
        return max(self.phases, key=lambda phase: phase.seconds).images_per_second

    @property
    def words(self) -> str:
        """In a sentence, for a page or a terminal."""
        most = "at most " if self.early else ""
        return (
            f"{most}about {text.duration(self.seconds)} of training on {self.device}, "
            f"{text.size(self.memory)} of memory; {text.duration(self.compile_seconds)} to start"
        )

    def to_json(self) -> dict:
        """Plain data; every figure by its name."""
        names = ("seconds", "seconds_per_epoch", "feature_seconds", "feature_bytes", "compile_seconds")
        names += ("images_per_second", "words")
        return {**dataclasses.asdict(self), **{name: getattr(self, name) for name in names}}


def estimate(
    recipe: Recipe,
    classes: int,
    films_train: int,
    films_validation: int,
    progress: Progress | None = None,
    *,
    films: int | None = None,
    device_name: str = "",
    chosen: autotune.Speed | None = None,
) -> Estimate:
    """Time and memory that a run of the recipe would take in a process like this one.

    Each phase learns one batch that compiles it, then two that are timed, and validates as many; the rest is counted.

    Parameters
    ----------
    films_train : films learned from in an epoch, after shrinking and balancing.
    films : those that go through frozen layers once, where there are any: of all parts; None if no film is left out.
    device_name : of the GPU, as `devices` tells it.
    chosen : precision and compilation; None for what a run would choose here.
    """
    films = films or math.ceil((films_train + films_validation) / (1 - recipe.test))
    done = _Count(progress, len(recipe.phases) * 2 * (1 + PROBES))
    chosen = chosen or autotune.choose(recipe, device_name, progress=lambda words: done.say())
    with _memory() as peak:
        model = network.build(recipe, classes, precision=chosen.precision, weights=False)
        probe = _Probe(recipe, model, (films_train, films_validation, films), chosen, done)
        phases = tuple(probe.time(phase) for phase in recipe.phases)
    return Estimate(
        phases=phases,
        memory=peak[0],
        device=_device(device_name),
        backend=keras.backend.backend(),
        precision=chosen.precision,
        jit=chosen.jit,
        early=recipe.early_stopping is not None,
        parameters=model.count_params(),
    )


def from_films(
    recipe: Recipe, films: dataset.Dataset, progress: Progress | None = None, device_name: str = ""
) -> Estimate:
    """The estimate for a dataset: divided, shrunk and balanced as a run would.

    Raises
    ------
    dataset.DatasetRefused
        If the films are too few to divide.
    """
    parts = split.split(films, recipe.split_plan)
    learned = split.training(films, parts.train, recipe.split_plan)
    return estimate(
        recipe,
        len(films.classes),
        len(learned),
        len(parts.validation),
        progress,
        films=len(learned) + len(parts.validation) + len(parts.test),
        device_name=device_name,
    )


class _Probe:
    """Random films and what they are fed to, phase after phase."""

    def __init__(
        self, recipe: Recipe, model: keras.Model, films: tuple[int, int, int], chosen: autotune.Speed, done: _Count
    ):
        self.recipe, self.model, self.chosen, self.done = recipe, model, chosen, done
        self.train, self.validation, self.all = films
        count = recipe.batch_size * (1 + PROBES)
        random, shape = np.random.default_rng(0), (count, recipe.image_size, recipe.image_size, recipe.channels)
        self.squares = random.integers(0, 256, shape, np.uint8)
        self.labels = random.integers(0, model.output.shape[-1], count)

    def time(self, phase: Phase) -> PhaseEstimate:
        recipe, times = self.recipe, _BatchTimes(self.done)
        prepared = prepare(self.model, recipe, phase)
        learner, inputs, augmentation = prepared.learner, self.squares, prepared.augmentation
        if prepared.cut is not None:
            inputs = prepared.cut.body.predict(self.squares, recipe.batch_size, verbose=0, callbacks=[times])
            augmentation = None
        batches = self._batches(inputs, augmentation)
        optimizer.compile_for(learner, recipe, phase, math.ceil(self.train / recipe.batch_size), jit=self.chosen.jit)
        times.start()
        learner.fit(batches, validation_data=self._batches(inputs, None), shuffle=False, verbose=0, callbacks=[times])
        # A backend that prefetches while it compiles hides what a batch costs to make
        began = time.perf_counter()
        batches[0]
        step = max(statistics.median(times.train[1:]), time.perf_counter() - began)
        estimate = self._counted(phase, step, times, prepared.passes)
        if prepared.cut is None:
            return estimate
        films = self.all + prepared.passes * self.train
        return dataclasses.replace(estimate, feature_bytes=4 * films * math.prod(inputs.shape[1:]))

    def _counted(self, phase: Phase, step: float, times: _BatchTimes, passes: int) -> PhaseEstimate:
        def passed(seconds: list[float], films: int) -> float:
            return statistics.median(seconds[1:]) * films / self.recipe.batch_size if seconds else 0.0

        def excess(seconds: list[float]) -> float:
            return max(0.0, seconds[0] - statistics.median(seconds[1:])) if seconds else 0.0

        return PhaseEstimate(
            epochs=phase.epochs,
            seconds_per_epoch=step * self.train / self.recipe.batch_size + passed(times.test, self.validation),
            feature_seconds=passed(times.predict, self.all + passes * self.train),
            compile_seconds=excess(times.train) + excess(times.test) + excess(times.predict),
            images_per_second=self.recipe.batch_size / step,
        )

    def _batches(self, inputs, augmentation) -> FilmBatches:
        return FilmBatches(
            inputs,
            self.labels,
            np.arange(len(self.labels)),
            classes=self.model.output.shape[-1],
            batch_size=self.recipe.batch_size,
            seed=0,
            augmentation=augmentation,
        )


class _Count:
    """Counts the batches of the probing, and gives the count to `progress`."""

    def __init__(self, progress: Progress | None, total: int):
        self.progress, self.done, self.total = progress, 0, total

    def __call__(self) -> None:
        self.done += 1
        self.say()

    def say(self) -> None:
        if self.progress:
            self.progress(min(self.done, self.total), self.total)


class _BatchTimes(keras.callbacks.Callback):
    """Seconds between the ends of batches, waited for: the first of each list holds the compilation."""

    def __init__(self, done: _Count):
        super().__init__()
        self.done = done
        self.train: list[float] = []
        self.test: list[float] = []
        self.predict: list[float] = []
        self.start()

    def start(self) -> None:
        self._last = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.start()

    def on_train_batch_end(self, batch, logs=None):
        self._end(self.train, (logs or {}).get("loss"))

    def on_test_batch_end(self, batch, logs=None):
        self._end(self.test, (logs or {}).get("loss"))

    def on_predict_batch_end(self, batch, logs=None):
        self._end(self.predict, (logs or {}).get("outputs"))

    def _end(self, seconds: list[float], waited_for) -> None:
        if waited_for is not None:
            keras.ops.convert_to_numpy(waited_for)
        now = time.perf_counter()
        seconds.append(now - self._last)
        self._last = now
        self.done()


@contextlib.contextmanager
def _memory() -> Iterator[list[int]]:
    """A list that holds, afterwards, the bytes taken at most: of the GPU, else by this process in all."""
    import psutil

    process, peak, over = psutil.Process(), [0], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss)

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield peak
    finally:
        over.set()
        watching.join()
    if autotune.compute_capability() is not None:
        peak[0] = _gpu_peak()


def _gpu_peak() -> int:
    """Bytes that the backend has taken at most on its first GPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        return int(tensorflow.config.experimental.get_memory_info("GPU:0")["peak"])
    if backend == "jax":
        import jax

        return int((jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0))
    import torch

    return int(torch.cuda.max_memory_reserved())


def _device(name: str) -> str:
    if autotune.compute_capability() is not None:
        return name or "the GPU"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{cores} CPU core{'s' if cores > 1 else ''}"
