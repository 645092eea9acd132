"""What a model remembers of its films, made from the films themselves: each read once more by the kept network.

Needs no Keras. Only hashes, fingerprints, classes and features are kept.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from xraykit.datasets import dataset, split
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.layout import PARTS, DatasetRefused
from xraykit.datasets.split import Split, SplitPlan
from xraykit.evaluation import evaluation
from xraykit.evaluation.evaluation import EvaluationRefused
from xraykit.models import classifier
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.models.classifier import Classifier
from xraykit.truth.seen import films as seen
from xraykit.truth.seen import nearest
from xraykit.truth.seen.films import TrainingFilms

MOST_COLUMNS, LEAST_COLUMNS = 64, 8  # of the features
ROOM = 1_000_000  # bytes of the file, where the films are not too many for it
FIXED = 4_000  # bytes of it beside the arrays
Progress = Callable[[str, int, int], None]  # what is done, films done, films in all


def remember(model: str | Path, data: Path, progress: Progress | None = None) -> tuple[Path, Card]:
    """Put what is remembered of a kept model's films beside it; returns its folder and its new card.

    Parameters
    ----------
    model : its name, or its folder
    data : the folder of the films it was trained on
    progress : is told what is done, to how many films of how many; what it raises ends the work

    Raises
    ------
    ModelRefused
        If the model cannot be read, or says nothing of its films.
    DatasetRefused
        If the films in the folder are not those of the model.
    """
    loaded = classifier.load(model)
    films = dataset.read(data, _telling(progress, "Reading films"), loaded.card.classes)
    parts = parts_of(loaded.card, loaded.folder, films)
    return loaded.folder, seen.save(loaded.folder, compute(loaded, films, parts, progress))


def _telling(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else functools.partial(progress, what)


def parts_of(card: Card, folder: Path, films: Dataset) -> dict[str, np.ndarray]:
    """Which of the films a kept model learned from, and which it was chosen and tested with; int64 (n,) each.

    Test and validation films are those of its evaluations, by their hashes; the digests of the card must agree.
    Raises ModelRefused, DatasetRefused.
    """
    digests = card.data.get("split_digests")
    if not isinstance(digests, Mapping) or set(PARTS) - set(digests):
        raise ModelRefused(
            f"The card of {card.name} does not say which films it learned from: it was not trained here. What it saw "
            "cannot be remembered.",
            code="card-invalid",
        )
    part = np.zeros(len(films), np.int64)
    for name in ("validation", "test"):
        hashes: set[str] = set()
        with contextlib.suppress(EvaluationRefused):
            hashes.update(evaluation.load(folder / evaluation.FILES[name]).hashes)
        part[[sha in hashes for sha in films.hashes]] = PARTS.index(name)
    parts = {name: np.flatnonzero(part == number) for number, name in enumerate(PARTS)}
    others = [name for name in PARTS if split.split_digest(films, parts[name]) != digests[name]]
    if others:
        counts = {name: sum((card.data.get("counts") or {}).get(name, {}).values()) for name in PARTS}
        counted = ", ".join(f"{name} {len(parts[name]):,} (expected {counts[name]:,})" for name in PARTS)
        raise DatasetRefused(
            f"The films in {films.root} are not those of {card.name}, which learned from "
            f"{card.data.get('name') or 'a dataset without a name'}. Found: {counted}; {' and '.join(others)} differ "
            "in at least one film. Choose the folder it was trained on, unchanged.",
            code="other-films",
        )
    return parts | {"train": learned(card, films, parts)}


def learned(card: Card, films: Dataset, parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """The training films that were really learned from: a recipe may thin them."""
    shrink, balance = card.recipe.get("shrink", 1.0), card.recipe.get("balance", "none")
    plan = SplitPlan(seed=card.recipe.get("seed", 0), shrink=shrink, balance=balance)
    used = split.training(films, parts["train"], plan)
    expected = card.data.get("train_used")
    same = expected is None or {k: n for k, n in films.counts(used).items() if n} == {
        k: n for k, n in expected.items() if n
    }
    return used if same else parts["train"]


def recorded(data: Mapping, films: Dataset, parts: Split) -> dict[str, np.ndarray]:
    """The same as `parts_of`, of a run that recorded each film in its data.json (`data`)."""
    unused = {film["film"] for film in data["films"] if film.get("used") is False}
    used = [index for index in parts.train.tolist() if films.films[index] not in unused]
    return {"train": np.array(used, np.int64), "validation": parts.validation, "test": parts.test}


def compute(
    model: Classifier, films: Dataset, parts: Mapping[str, np.ndarray], progress: Progress | None = None
) -> TrainingFilms:
    """What is remembered of films, each read by the model; `parts` holds their indices, int64 (n,), by part."""
    indices = np.concatenate([parts[name] for name in PARTS]).astype(np.int64)
    squares = films.squares(model.card.image_size, model.card.channels, _telling(progress, "Decoding"))
    units = np.empty((len(indices), 0), np.float32)
    for place, index in enumerate(indices.tolist()):
        vector = nearest.unit(pooled(model, squares[index]))
        if place == 0:
            units = np.empty((len(indices), len(vector)), np.float32)
        units[place] = vector
        if progress:
            progress("Computing features", place + 1, len(indices))
    train = len(parts["train"])
    mean, components = principal(units[:train], _columns(len(indices), units.shape[1]))
    where = np.array([model.card.classes.index(name) for name in films.classes], np.uint16)
    return TrainingFilms(
        classes=model.card.classes,
        sha256=np.frombuffer(bytes.fromhex("".join(films.hashes[i] for i in indices)), np.uint8).reshape(-1, 32),
        fingerprints=np.ascontiguousarray(films.fingerprints[indices]).view(np.uint8).reshape(-1, 32),
        labels=where[films.labels[indices]],
        parts=np.repeat(np.arange(len(PARTS), dtype=np.uint8), [len(parts[name]) for name in PARTS]),
        features=nearest.project(units, mean, components).astype(np.float16),
        mean=mean,
        components=components,
    )


def pooled(model: Classifier, square: np.ndarray) -> np.ndarray:
    """The mean over the grid of the last feature layer's output, float32 (K,), of a square uint8 (S, S, ch)."""
    return model.features(square[None])[0].mean(axis=(0, 1))


def principal(units: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean float32 (K,) and at most so many principal components float16 (d, K) of features float32 (n, K)."""
    from sklearn.decomposition import PCA

    count = max(1, min(most, len(units) - 1, units.shape[1]))
    fitted = PCA(count, svd_solver="covariance_eigh").fit(units)
    return np.asarray(fitted.mean_, np.float32), np.asarray(fitted.components_, np.float16)


def _columns(films: int, width: int) -> int:
    """How many components there is room for."""
    room = ROOM - FIXED - 4 * width - films * (32 + 32 + 2 + 1 + 2)
    return max(LEAST_COLUMNS, min(MOST_COLUMNS - 1, room // (2 * (films + width))))
