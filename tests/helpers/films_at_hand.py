"""Made-up models whose test films lie in a folder, as small pictures: for pages that list, draw or hand them on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers import kept_models
from xraykit.evaluation import evaluation


def keep(
    root: Path, films: Path, names: tuple[str, ...], n: int = 12, skills: tuple[float, ...] = (1.2, 2.5)
) -> list[evaluation.Evaluation]:
    """Write models that were tested on the same `n` films below the folder, each known by its file's sha256."""
    kept = []
    for seed, name in enumerate(names):
        test = kept_models.keep(root, name, seed=seed, skill=skills[seed], n=n)
        hashes = tuple(_film(films / film, number) for number, film in enumerate(test.films))
        kept.append(replace(test, hashes=hashes))
        (root / name / "evaluation.json").write_text(kept[-1].to_json())
        card = json.loads((root / name / "card.json").read_text())
        card["files"]["evaluation.json"] = hashlib.sha256((root / name / "evaluation.json").read_bytes()).hexdigest()
        (root / name / "card.json").write_text(json.dumps(card))
    return kept


def _film(path: Path, number: int) -> str:
    """A square with a slope, another for each number; gives its sha256."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        slope = np.add.outer(np.arange(96), np.arange(96)) + number
        Image.fromarray((slope % 256).astype(np.uint8)).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
