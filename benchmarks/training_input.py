"""The input pipeline against arrays in memory: one network's epoch, fed by FilmBatches and by `fit` itself.

FilmBatches reads a uint8 memory map, shuffles, and augments with the strong recipe's augmentation.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks import claims

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

from xraykit import network, recipe, training  # noqa: E402
from xraykit.batches import FilmBatches  # noqa: E402

STEPS, ROUNDS, BUDGET = 8, 5, 1.05


def main() -> None:
    chosen = recipe.NAMED["strong-scratch"]
    films, size = STEPS * chosen.batch_size, chosen.image_size
    random = np.random.default_rng(0)
    model = network.build(chosen, 3)
    training.compile_for(model, chosen, chosen.phases[0])
    labels = random.integers(0, 3, films)
    in_memory = random.uniform(0, 255, (films, size, size, 1)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "films.npy", in_memory.astype(np.uint8))
        batches = FilmBatches(
            np.load(Path(folder) / "films.npy", mmap_mode="r"),
            labels,
            np.arange(films),
            classes=3,
            batch_size=chosen.batch_size,
            seed=0,
            augmentation=chosen.augmentation,
        )
        medians = claims.interleaved(
            {
                "pipeline": lambda: model.fit(batches, shuffle=False, verbose=0),
                "arrays": lambda: model.fit(in_memory, np.eye(3)[labels], batch_size=chosen.batch_size, verbose=0),
            },
            rounds=ROUNDS,
        )
    claims.report("epoch-from-pipeline-to-arrays-in-memory", medians["pipeline"] / medians["arrays"], BUDGET)


if __name__ == "__main__":
    main()
