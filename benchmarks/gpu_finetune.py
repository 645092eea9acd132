"""The real fine-tune on a GPU, with whichever Keras backend is installed: images a second of every way to train.

The strong recipe's second phase (224 pixels, everything learns, augmented films from a uint8 memory map) in single and
half precision, compiled and not, against the plain tutorial `fit` of the same network (float32 arrays in memory, Adam,
Keras's own defaults), in turn in one process. Needs keras, numpy, pillow and a backend, nothing else.
`--out FILE` writes what was found as JSON; `--cpu` runs all of it on the processor with a tiny network.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import claims

FILMS, ROUNDS = 1920, 5
SEES_GPU = {
    "tensorflow": "import tensorflow as t; g = bool(t.config.list_physical_devices('GPU'))",
    "jax": "import jax; g = jax.default_backend() == 'gpu'",
    "torch": "import torch; g = torch.cuda.is_available()",
}


@dataclass
class Contender:
    """A way to train: its network, what it is fed, and what was measured."""

    name: str
    precision: str
    jit: bool | str
    model: object = None
    feed: dict = field(default_factory=dict)
    compile_seconds: float = 0.0
    rates: list[float] = field(default_factory=list)  # images a second, one a round
    note: str = ""
    close: Callable[[], None] = lambda: None  # ends the processes that augment ahead

    def to_json(self) -> dict:
        return {
            "name": self.name,
            "precision": self.precision,
            "jit": self.jit,
            "images_per_second": round(statistics.median(self.rates), 1) if self.rates else None,
            "rounds": [round(rate, 1) for rate in self.rates],
            "compile_seconds": round(self.compile_seconds, 1),
            "note": self.note,
        }


def main() -> None:
    asked = _arguments()
    backend = _backend(asked.cpu)
    if backend is None:
        print("# gpu_finetune: no Keras backend here sees a GPU; nothing was measured (--cpu tries the code without)")
        return
    os.environ |= {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.environ |= {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if asked.cpu:
        os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    found = _machine(backend, asked.cpu)
    print(f"# {json.dumps(found)}", flush=True)
    found["batches"] = []
    for size in asked.batch or ([8] if asked.cpu else [32, 64]):
        found["batches"].append(_measure(size, asked))
        if asked.out:
            asked.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_finetune", description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="on the processor, with a tiny network")
    parser.add_argument("--batch", type=int, nargs="+", help="films a step; without, 32 and 64 in turn")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="epochs of each way, in turn")
    parser.add_argument("--out", type=Path, help="a JSON file for what was found")
    return parser.parse_args()


def _backend(cpu: bool) -> str | None:
    """$KERAS_BACKEND, else the first installed backend that sees a GPU; None where none does."""
    installed = [name for name in SEES_GPU if importlib.util.find_spec(name)]
    named = os.environ.get("KERAS_BACKEND")
    wanted = [named] if named else installed
    return next((name for name in wanted if cpu or _sees_gpu(name)), None)


def _sees_gpu(backend: str) -> bool:
    code = f"{SEES_GPU[backend]}; raise SystemExit(0 if g else 1)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def _machine(backend: str, cpu: bool) -> dict:
    import keras

    card, driver = "none", None
    if not cpu:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        said = subprocess.run(query, capture_output=True, text=True, check=True).stdout
        card, driver = said.splitlines()[0].split(", ")
    return {
        "gpu": card,
        "driver": driver,
        "processor": f"{os.cpu_count()} x {platform.machine()}",
        "backend": f"{backend} {importlib.import_module(backend).__version__}",
        "keras": keras.__version__,
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
    }


def _measure(batch: int, asked: argparse.Namespace) -> dict:
    """All ways to train at one batch size, in turn; prints them and the claims."""
    import numpy as np

    from xraykit.training.recipe import presets

    chosen = presets.NAMED["strong-imagenet"].change(batch_size=batch, weights=None)
    if asked.cpu:
        chosen = chosen.change(backbone="Tiny", image_size=64)
    films = 16 * batch if asked.cpu else FILMS
    random, shape = np.random.default_rng(0), (films, chosen.image_size, chosen.image_size, 1)
    squares, labels = random.integers(0, 256, shape, np.uint8), random.integers(0, 3, films)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "films.npy", squares)
        kept = np.load(Path(folder) / "films.npy", mmap_mode="r")
        contenders = [_tutorial(chosen, squares.astype(np.float32), np.eye(3, dtype=np.float32)[labels])]
        contenders += [_ours(chosen, kept, labels, *way) for way in _ways(asked.cpu)]
        _in_turn(contenders, films, asked.rounds)
        pair = _pipeline_against_arrays(contenders, squares, labels, films, asked.rounds)
        for contender in contenders:
            contender.close()
    _tell(batch, contenders, pair)
    if not asked.cpu:  # a tiny network on the processor proves nothing
        _claim(batch, contenders, pair)
    return {"batch": batch, "films": films, "contenders": [c.to_json() for c in (*contenders, *pair)]}


def _ways(cpu: bool) -> list[tuple[str, bool]]:
    import keras

    from xraykit.training.fit import autotune

    return autotune.candidates(keras.backend.backend(), (9, 0) if cpu else autotune.compute_capability() or (0, 0))


def _tutorial(chosen, films, targets) -> Contender:
    """As any tutorial has it: everything in memory, Adam, what `compile` and `fit` do by themselves."""
    import keras

    from xraykit.training.fit.network import network

    made = Contender("tutorial", "float32", "auto", feed={"x": films, "y": targets, "batch_size": chosen.batch_size})
    made.model = network.build(chosen, 3, weights=False)
    made.model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="categorical_crossentropy", metrics=["accuracy"])
    return made


def _ours(chosen, films, labels, precision: str, jit: bool) -> Contender:
    """As a run does it: the recipe's second phase, films from the memory map, augmented."""
    import numpy as np

    from xraykit.training.fit import autotune, optimizer
    from xraykit.training.fit.input import batches
    from xraykit.training.fit.network import network

    phase = chosen.phases[1]
    made = Contender(f"{precision}{', jit' if jit else ''}", precision, jit)
    made.model = network.build(chosen, 3, precision=precision, weights=False)
    network.set_trainable(made.model, phase.trainable, chosen.batch_normalization)
    optimizer.compile_for(made.model, chosen, phase, len(films) // chosen.batch_size, jit=jit)
    fed = batches.FilmBatches(
        films,
        labels,
        np.arange(len(films)),
        classes=3,
        batch_size=chosen.batch_size,
        seed=0,
        augmentation=chosen.augmentation,
        processes=autotune.processes(),
    )
    made.feed = {"x": fed, "shuffle": False}
    made.close = fed.close
    return made


def _in_turn(contenders: list[Contender], films: int, rounds: int) -> None:
    """Compile each, then time an epoch of each in every round; one that fails says so and is left out."""
    for number in range(rounds + 1):
        for contender in contenders:
            if contender.note:
                continue
            try:
                seconds = _epoch(contender)
            except Exception as error:  # backends raise what they like; the others are still to be measured
                contender.note = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
                continue
            if number:
                contender.rates.append(films / seconds)
            else:
                contender.compile_seconds = seconds


def _epoch(contender: Contender) -> float:
    """Seconds of an epoch, from its beginning to its figures."""
    import keras

    times: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: times.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()),
    )
    contender.model.fit(**contender.feed, epochs=1, verbose=0, callbacks=[clock])
    return times[1] - times[0]


def _pipeline_against_arrays(contenders, squares, labels, films: int, rounds: int) -> list[Contender]:
    """The fastest way once more, beside the same network fed from arrays in memory: does the input hold it up?"""
    import numpy as np

    ours = [c for c in contenders[1:] if c.rates]
    if not ours:
        return []
    best = max(ours, key=lambda contender: statistics.median(contender.rates))
    names = [f"{best.name}, from {source}" for source in ("the memory map", "arrays")]
    pair = [Contender(name, best.precision, best.jit, best.model, best.feed) for name in names]
    pair[1].feed = {"x": squares, "y": np.eye(3, dtype=np.float32)[labels], "batch_size": best.feed["x"].batch_size}
    _in_turn(pair, films, rounds)
    return pair


def _tell(batch: int, contenders: list[Contender], pair: list[Contender]) -> None:
    for contender in (*contenders, *pair):
        found = contender.to_json()
        said = contender.note or f"{found['images_per_second']} images/s ({min(contender.rates):.0f} to "
        if not contender.note:
            said += f"{max(contender.rates):.0f}), first epoch {contender.compile_seconds:.1f} s"
        print(f"# batch {batch}, {contender.name}: {said}", flush=True)


def _claim(batch: int, contenders: list[Contender], pair: list[Contender]) -> None:
    if contenders[0].rates and pair and all(one.rates for one in pair):
        medians = [statistics.median(one.rates) for one in (contenders[0], *pair)]
        best = max(statistics.median(one.rates) for one in contenders[1:] if one.rates)
        claims.report(f"gpu-fine-tune-batch-{batch}-to-tutorial-fit", best / medians[0], 1.0, at_least=True)
        claims.report(f"gpu-epoch-batch-{batch}-from-pipeline-to-arrays", medians[2] / medians[1], 1.05)


if __name__ == "__main__":
    main()
