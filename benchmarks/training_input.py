"""The input pipeline against arrays in memory: one network's epoch, fed by FilmBatches and by `fit` itself.

FilmBatches reads a uint8 memory map, shuffles, and augments with the strong recipe's augmentation. The head of a frozen
backbone is fitted on features that were passed once; beside it `fit` on random features of the same shape.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks import claims
from xraykit.training.fit import optimizer
from xraykit.training.fit.input.batches import FilmBatches
from xraykit.training.fit.input.prepared import prepare
from xraykit.training.fit.network import network
from xraykit.training.recipe import presets, recipe

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

STEPS, HEAD_STEPS, ROUNDS, BUDGET = 8, 200, 5, 1.05


def main() -> None:
    scratch, pretrained = presets.NAMED["strong-scratch"], presets.NAMED["strong-imagenet"]
    _measure("epoch-from-pipeline-to-arrays-in-memory", scratch, scratch.phases[0], STEPS)
    _measure("head-epoch-from-pipeline-to-arrays-in-memory", pretrained, pretrained.phases[0], HEAD_STEPS)


def _measure(claim: str, chosen: recipe.Recipe, phase: recipe.Phase, steps: int) -> None:
    """An epoch of the phase from the pipeline, and of the same network from random arrays of the same shape."""
    random, batch = np.random.default_rng(0), chosen.batch_size
    films, labels = steps * batch, random.integers(0, 3, steps * batch)
    # A head sees each film's features; a few films are enough to know their shape
    shape = (films if phase.trainable != "head" else batch, chosen.image_size, chosen.image_size, 1)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "films.npy", random.integers(0, 256, shape, np.uint8))
        kept = np.load(Path(folder) / "films.npy", mmap_mode="r")
        model = network.build(chosen, 3, weights=False)
        prepared = prepare(model, chosen, phase)
        learner, augmentation, inputs = prepared.learner, prepared.augmentation, kept
        if prepared.cut is not None:
            features = prepared.cut.body.predict(kept, verbose=0)
            inputs = np.resize(features, (films, *features.shape[1:]))
        optimizer.compile_for(learner, chosen, phase, steps)
        arrays = random.uniform(0, 255, inputs.shape).astype(np.float32)
        fed = FilmBatches(
            inputs, labels, np.arange(films), classes=3, batch_size=batch, seed=0, augmentation=augmentation
        )
        medians = claims.interleaved(
            {
                "pipeline": lambda: learner.fit(fed, shuffle=False, verbose=0),
                "arrays": lambda: learner.fit(arrays, np.eye(3)[labels], batch_size=batch, verbose=0),
            },
            rounds=ROUNDS,
        )
    claims.report(claim, medians["pipeline"] / medians["arrays"], BUDGET)


if __name__ == "__main__":
    main()
