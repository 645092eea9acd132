"""Autotune: the precision and the compilation with which a network trains fastest on this device, measured once.

Each way is tried in a process of its own that can be killed. Never decides by what ought to be faster.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xraykit.system import folders
from xraykit.training.recipe import recipe as recipes
from xraykit.training.recipe.recipe import Recipe

STEPS = 12  # timed, twice, after as many that warm up
LIMIT_SECONDS = 90.0  # for one way, start and compilation included: XLA with depthwise convolutions (TF#59772) can hang
BUDGET_SECONDS = 300.0  # for all ways of a device
MOST_PROCESSES = 8  # at 224 px each augments about 2,000 films a second
CLEARLY = 1.03  # so much faster must a way be to be preferred to a plainer one


@dataclass(frozen=True)
class Trial:
    """One way of training as it was measured; 0 images a second where it could not be, `note` says why."""

    precision: str
    jit: bool
    images_per_second: float = 0.0
    compile_seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Speed:
    """The way to train: a Keras dtype policy, and whether the step is compiled (XLA, or torch.compile).

    `trials` is what was measured, here or in an earlier run; empty where nothing had to be.
    """

    precision: str = "float32"
    jit: bool = False
    trials: tuple[Trial, ...] = ()

    def to_json(self) -> dict:
        """Plain data, for a run's events."""
        return dataclasses.asdict(self)


Measure = Callable[[Recipe, str, bool], Trial]


def choose(
    recipe: Recipe,
    device_name: str,
    measure: Measure | None = None,
    progress: Callable[[str], None] | None = None,
) -> Speed:
    """How to train the recipe on the device that this process sees.

    The recipe's own precision, unless it is "auto". On the processor single precision, not compiled: measured, half
    precision is slower there and XLA takes minutes to compile. On a GPU the fastest way measured on it, remembered in
    the cache folder for its name, the backend and its version, the backbone, the image size and the batch size.

    `progress` is given what is being tried, again and again while it lasts; what it raises ends the measuring.
    """
    import keras

    always = keras.backend.backend() == "jax"  # which trains compiled or not at all
    if recipe.precision != "auto":
        return Speed(recipe.precision, always)
    capability = compute_capability()
    if capability is None:
        return Speed("float32", always)
    key = _key(recipe, device_name)
    speed = _remembered(key)
    if speed is None:
        speed = _fastest(_try_all(recipe, candidates(key["backend"], capability), measure, progress), always)
        if any(trial.images_per_second for trial in speed.trials):
            _remember(key, speed)
    return speed


def candidates(backend: str, capability: tuple[int, int]) -> list[tuple[str, bool]]:
    """The (precision, jit) worth trying on a GPU of that compute capability, the plainest first.

    Tensor cores take float16 from 7.0 and bfloat16 from 8.0.
    """
    halves = [name for name, least in (("mixed_bfloat16", (8, 0)), ("mixed_float16", (7, 0))) if capability >= least]
    jits = [True] if backend == "jax" else [False, True]
    return [(precision, jit) for jit in jits for precision in ("float32", *halves)]


def processes() -> int:
    """How many processes should augment films ahead: none where the processor learns, which has no core free."""
    return 0 if compute_capability() is None else max(1, min(MOST_PROCESSES, (os.cpu_count() or 2) - 2))


def compute_capability() -> tuple[int, int] | None:
    """Of the GPU that the backend of this process computes on, such as (9, 0); None on the processor."""
    import keras

    reported = {"tensorflow": _of_tensorflow, "jax": _of_jax, "torch": _of_torch}[keras.backend.backend()]()
    if reported is None:
        return None
    with contextlib.suppress(ValueError, TypeError):  # other makers count in another way
        major, minor = reported
        return int(major), int(minor)
    return 0, 0


def _of_tensorflow():
    import tensorflow

    gpus = tensorflow.config.list_physical_devices("GPU")
    if not gpus:
        return None
    return tensorflow.config.experimental.get_device_details(gpus[0]).get("compute_capability", ())


def _of_jax():
    import jax  # pyright: ignore[reportMissingImports]

    device = jax.devices()[0]
    return str(getattr(device, "compute_capability", "")).split(".") if device.platform == "gpu" else None


def _of_torch():
    import torch  # pyright: ignore[reportMissingImports]

    return torch.cuda.get_device_capability() if torch.cuda.is_available() else None


def _try_all(recipe: Recipe, ways: list[tuple[str, bool]], measure: Measure | None, progress) -> list[Trial]:
    began, trials = time.monotonic(), []
    for number, (precision, jit) in enumerate(ways, 1):
        if time.monotonic() - began > BUDGET_SECONDS:
            trials.append(Trial(precision, jit, note="not tried: no time was left"))
            continue
        words = f"measuring {precision}{', compiled' if jit else ''} ({number} of {len(ways)})"
        say = (lambda words=words: progress(words)) if progress else (lambda: None)
        say()
        trials.append(measure(recipe, precision, jit) if measure else measure_apart(recipe, precision, jit, say))
    return trials


def _fastest(trials: list[Trial], always: bool) -> Speed:
    best = Trial("float32", always)
    for trial in trials:
        if trial.images_per_second > best.images_per_second * CLEARLY:
            best = trial
    return Speed(best.precision, best.jit, tuple(trials))


def measure_apart(recipe: Recipe, precision: str, jit: bool, say: Callable[[], None] = lambda: None) -> Trial:
    """Measure one way in a process of its own, which leaves no memory taken; given up after LIMIT_SECONDS."""
    import keras

    quiet = {"KERAS_BACKEND": keras.backend.backend(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    way = {"recipe": json.loads(recipe.to_json()), "precision": precision, "jit": jit}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "xraykit.training.fit.autotune", json.dumps(way)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**shared, **os.environ, **quiet},
            cwd=folders.REPOSITORY,
        )
        try:
            if not _ends_in_time(process, say):
                return Trial(precision, jit, note=f"given up after {LIMIT_SECONDS:g} s")
            assert process.stdout is not None  # a pipe, asked for above
            output = process.stdout.read()
            errors.seek(0)
            return _trial(precision, jit, process.returncode, output, errors.read().decode(errors="replace"))
        finally:
            process.kill()
            process.communicate()


def _ends_in_time(process: subprocess.Popen, say: Callable[[], None]) -> bool:
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            return True
        say()
    return False


def _trial(precision: str, jit: bool, code: int, output: bytes, errors: str) -> Trial:
    if code == 0:
        return Trial(**json.loads(output.splitlines()[-1]))
    sys.stderr.write(errors)  # the libraries' own words: for the run's log, not for its record
    return Trial(precision, jit, note=f"did not run here (exit code {code})")


def measure_here(recipe: Recipe, precision: str, jit: bool, steps: int = STEPS) -> Trial:
    """Measure one way in this process: the recipe's network and last phase on random films, without augmentation."""
    import keras
    import numpy as np

    from xraykit.training.fit import optimizer
    from xraykit.training.fit.input import batches
    from xraykit.training.fit.network import network

    phase, batch = recipe.phases[-1], recipe.batch_size
    model = network.build(recipe, 3, precision=precision, weights=False)
    network.set_trainable(model, phase.trainable, recipe.batch_normalization)
    optimizer.compile_for(model, recipe, phase, steps, jit=jit)
    random, shape = np.random.default_rng(0), (2 * batch, recipe.image_size, recipe.image_size, recipe.channels)
    films, labels = random.integers(0, 256, shape, np.uint8), random.integers(0, 3, 2 * batch)
    indices = np.arange(steps * batch) % len(films)
    times: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: times.append(-time.perf_counter()),
        on_epoch_end=lambda epoch, logs: times.append(times.pop() + time.perf_counter()),
    )
    fed = batches.FilmBatches(films, labels, indices, classes=3, batch_size=batch)
    model.fit(fed, epochs=3, shuffle=False, verbose=0, callbacks=[clock])  # pyright: ignore
    seconds = min(times[1:])  # the first holds the compilation
    return Trial(precision, jit, round(steps * batch / seconds, 1), round(max(0.0, times[0] - seconds), 1))


def _key(recipe: Recipe, device_name: str) -> dict:
    """What the fastest way depends on."""
    import keras

    backend = keras.backend.backend()
    return {
        "device": device_name,
        "backend": backend,
        "version": importlib.import_module(backend).__version__,
        "keras": keras.__version__,
        "backbone": recipe.backbone,
        "alpha": recipe.alpha,
        "image_size": recipe.image_size,
        "batch_size": recipe.batch_size,
        "trainable": recipe.phases[-1].trainable,
    }


def _file(key: dict) -> Path:
    return folders.cache_folder() / "speed" / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]}.json"


def _remembered(key: dict) -> Speed | None:
    """What an earlier run measured; None where there is nothing that can be read."""
    try:
        recorded = json.loads(_file(key).read_text("utf-8"))
        trials = tuple(Trial(**trial) for trial in recorded["trials"])
        return Speed(recorded["precision"], recorded["jit"], trials)
    except (OSError, ValueError, KeyError, TypeError):  # a cache: what is lost is measured again
        return None


def _remember(key: dict, speed: Speed) -> None:
    path = _file(key)
    part = path.with_name(f"{uuid.uuid4().hex[:8]}.part")
    with contextlib.suppress(OSError):  # a cache: a full disk is not the training's end
        folders.make_private(path.parent)
        part.write_text(json.dumps({"of": key, **speed.to_json()}, indent=2) + "\n", "utf-8")
        os.replace(part, path)


def _leave_with_parent() -> None:
    """End when standard input does, which is when the parent ends, however it ended."""
    while os.read(0, 1):
        pass
    os._exit(1)


def main() -> None:
    """Measure the way named in the only argument and print the Trial as JSON."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    way = json.loads(sys.argv[1])
    trial = measure_here(recipes.from_dict(way["recipe"]), way["precision"], way["jit"])
    sys.stdout.write(json.dumps(dataclasses.asdict(trial)) + "\n")


if __name__ == "__main__":
    main()
