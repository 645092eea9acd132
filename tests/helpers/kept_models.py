"""Kept models made up for tests of Compare: records that fit together, and files that are no networks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from tests.helpers import fakes
from xraykit.evaluation import evaluation

CLASSES = fakes.CLASSES
HISTORY = "epoch,phase,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds"


def keep(
    root: Path,
    name: str,
    *,
    seed: int,
    skill: float = 2.0,
    n: int = 60,
    weights: str | None = None,
    classes: tuple[str, ...] = CLASSES,
    folder: str = "made up",
) -> evaluation.Evaluation:
    """Write a model folder whose logits are noise plus `skill` for the right class; `seed` 0 to 9 a model."""
    test = readings(name, n, seed=seed, skill=skill, classes=classes, data=f"{folder}, test split")
    validation = readings(name, max(n // 2, 12), seed=seed + 100, skill=skill, classes=classes, data="validation")
    place = root / name
    place.mkdir(parents=True)
    (place / "evaluation.json").write_text(test.to_json())
    (place / "validation.json").write_text(validation.to_json())
    (place / "history.csv").write_text(history(seed))
    for file in ("model.keras", "features.tflite", "head.npz"):
        (place / file).write_bytes(f"{name} {file}".encode())
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(place.iterdir())}
    recipe = {"name": name, "weights": weights, "image_size": 160 + 32 * seed, "learning_seconds": 100.0 * (seed + 1)}
    card = replace(
        fakes.card(name, f"The model {name}"), files=files, recipe=recipe, parameters=1000 + seed, classes=classes
    )
    (place / "card.json").write_text(json.dumps(asdict(card)))
    return test


def readings(
    model: str, n: int, *, seed: int, skill: float = 2.0, classes: tuple[str, ...] = CLASSES, data: str = ""
) -> evaluation.Evaluation:
    """Logits of `n` films whose names and classes are the same for every model."""
    truth = np.arange(n) % len(classes)
    logits = np.random.default_rng(seed).normal(size=(n, len(classes)))
    logits[np.arange(n), truth] += skill
    films = tuple(f"{classes[k]}/film-{i:05d}.png" for i, k in enumerate(truth.tolist()))
    hashes = tuple(hashlib.sha256(f"{data}{film}".encode()).hexdigest() for film in films)
    return evaluation.Evaluation(model, classes, films, truth, np.round(logits, 6), 1.2, hashes, (), data)


def history(seed: int, epochs: int = 8) -> str:
    rows = [
        f"{k},0,{1 / (k + 1):.4f},{0.95 - 0.4 / (k + 1):.4f},{0.2 + 1 / (k + 1) + 0.02 * max(0, k - 5):.4f},"
        f"{0.9 - 0.4 / (k + 1 + seed):.4f},{0.001 if k < 4 else 0.0005},{2.5}"
        for k in range(epochs)
    ]
    return "\n".join([HISTORY, *rows]) + "\n"
