"""Features of frozen layers computed once, against the same trainings with every layer in place.

First the seven heads of the study mobilenet-heads (MobileNet, flattened, 224 pixels), all of them trained for 60 epochs
on features; in place each is trained for two epochs, and their time is taken 30 times, for each epoch in place
is the same work: to the end would take hours. What is compared is learning time, with the pass through the backbone on
the side of the features; compiling, which both do, is on neither. The losses of the two epochs are compared as well.
Then an epoch of MobileNetV2 whose last 13 convolution layers learn, from its cut and in place. Films are all of
$XRAYKIT_DATA/radiography, or drawn ones; weights are ImageNet's where $XRAYKIT_IMAGENET holds them. With few films,
what Keras takes to begin an epoch counts. About a quarter of an hour on two idle cores.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

from benchmarks import claims  # noqa: E402
from xraykit.datasets import dataset  # noqa: E402
from xraykit.training import worker  # noqa: E402
from xraykit.training.fit.input import features  # noqa: E402
from xraykit.training.recipe.recipe import Hidden, Phase, Recipe  # noqa: E402
from xraykit.training.run import passes, run  # noqa: E402

EPOCHS, IN_PLACE_EPOCHS, PARTLY_EPOCHS = 60, 2, 3
FILMS, PARTLY_FILMS = 3000, 600
HEADS = [(1, 8, 1e-5), (1, 16, 1e-5), (1, 32, 1e-5), (2, 8, 1e-5), (3, 8, 1e-5), (1, 8, 5e-5), (1, 8, 1e-4)]
TIMES, FASTER = 1 / 25, 2.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        films = _films(Path(folder))
        os.environ["XRAYKIT_CACHE"] = str(Path(folder) / "cache")
        _seven_heads(films, Path(folder))
        _partly_frozen(_some(films, PARTLY_FILMS), Path(folder))


def _films(folder: Path) -> dataset.Dataset:
    """Real films, else drawn ones."""
    root = Path(os.environ.get("XRAYKIT_DATA", "")) / "radiography"
    if root.is_dir():
        return dataclasses.replace(_some(dataset.read(root), FILMS), cache=folder / "cache")
    from tests.helpers import film_folders

    return dataset.read(film_folders.make(folder / "films", ("A", "B", "C"), FILMS // 3))


def _some(films: dataset.Dataset, count: int) -> dataset.Dataset:
    """As many films of each class, `count` in all."""
    each = count // len(films.classes)
    chosen = [np.flatnonzero(films.labels == label)[:each] for label in range(len(films.classes))]
    return films.choose(np.concatenate(chosen).tolist())


def _seven_heads(films: dataset.Dataset, folder: Path) -> None:
    cached = [_train(films, folder, recipe) for recipe in _heads(EPOCHS)]
    with _in_place():
        whole = [_train(films, folder, recipe) for recipe in _heads(IN_PLACE_EPOCHS)]
    passed = sum(made.here for each in cached for made in passes.passes_of(each))
    ours = passed + sum(map(_learning, cached))
    theirs = sum(map(_learning, whole)) * EPOCHS / IN_PLACE_EPOCHS
    claims.report("seven-heads-from-features-to-in-place", ours / theirs, TIMES)
    difference = max(_difference(*pair) for pair in zip(cached, whole, strict=True))
    claims.report("seven-heads-largest-difference-of-a-loss", difference, 1e-4)
    print(
        f"# {len(films)} films, {EPOCHS} epochs: pass {passed:.1f} s, seven heads {ours - passed:.1f} s; in place "
        f"{theirs:.0f} s, from {IN_PLACE_EPOCHS} epochs of each",
        file=sys.stderr,
    )


def _heads(epochs: int) -> list[Recipe]:
    return [
        Recipe(
            name="head",
            backbone="MobileNet",
            weights=_imagenet(),
            pooling="flatten",
            hidden=tuple(Hidden(width, dropout=0.5) for _ in range(layers)),
            phases=(Phase(epochs=epochs, learning_rate=rate, trainable="head", augment=False),),
            keep="last",
        )
        for layers, width, rate in HEADS
    ]


def _partly_frozen(films: dataset.Dataset, folder: Path) -> None:
    phase = Phase(epochs=PARTLY_EPOCHS, learning_rate=1e-4, trainable=13, augment=False)
    recipe = Recipe(name="partly", weights=_imagenet(), hidden=(), phases=(phase,), keep="last")
    cached = _train(films, folder, recipe)
    with _in_place():
        whole = _train(films, folder, recipe)
    ours, theirs = _epoch(cached), _epoch(whole)
    claims.report("partly-frozen-epoch-in-place-to-cut", theirs / ours, FASTER, at_least=True)
    print(
        f"# {len(films)} films: an epoch from the cut {ours:.2f} s, in place {theirs:.2f} s; largest difference of a "
        f"loss {_difference(cached, whole):.2g}",
        file=sys.stderr,
    )


def _imagenet() -> str | None:
    return "imagenet" if os.environ.get("XRAYKIT_IMAGENET") else None


def _train(films: dataset.Dataset, folder: Path, recipe: Recipe) -> run.Run:
    import keras

    keras.utils.clear_session()
    made = run.create(json.loads(recipe.to_json()), films.root, folder / "runs")
    worker.learn(made, recipe, films)
    return made


class _in_place:  # noqa: N801
    """Every layer is computed in every epoch."""

    def __enter__(self) -> None:
        self.passed = features.passed

        def none(*_, **__):
            raise features.NoRoom

        features.passed = none

    def __exit__(self, *_: object) -> None:
        features.passed = self.passed


def _learning(made: run.Run) -> float:
    return made.status().learning_seconds or 0.0


def _epoch(made: run.Run) -> float:
    """Median seconds of an epoch; the first holds more than the steps."""
    return statistics.median(float(row["seconds"]) for row in made.history()[1:])


def _difference(first: run.Run, second: run.Run) -> float:
    """The largest difference of a loss, as a share of it, in the epochs that both have."""
    pairs = zip(first.history(), second.history(), strict=False)
    return max(abs(float(a[k]) / float(b[k]) - 1) for a, b in pairs for k in ("loss", "val_loss"))


if __name__ == "__main__":
    main()
