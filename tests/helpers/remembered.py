"""A kept model with made-up training films: the tiny network, as if it had learned from a folder of synthetic films."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from tests.helpers import film_folders, tiny_model
from xraykit.datasets import dataset, split
from xraykit.datasets.dataset import Dataset
from xraykit.evaluation.evaluation import FILES, Evaluation
from xraykit.models import classifier
from xraykit.truth.seen import films as seen
from xraykit.truth.seen import remember


def keep(root: Path, data: Path, name: str = "tiny", films: int = 8, **changes: object) -> tuple[Path, Dataset]:
    """The folder of a model below `root` whose card says that it learned from the films of `data`; and these."""
    if not data.is_dir():
        film_folders.make(data, tiny_model.CLASSES, films)
    read = dataset.read(data)
    folder = Path(shutil.copytree(tiny_model.KEPT, root / name))
    place = np.arange(len(read)) % 4
    parts = {"train": place < 2, "validation": place == 2, "test": place == 3}
    indices = {part: np.flatnonzero(chosen) for part, chosen in parts.items()}
    about = {
        "name": data.name,
        "counts": {part: read.counts(chosen) for part, chosen in indices.items()},
        "split_digests": {part: split.split_digest(read, chosen) for part, chosen in indices.items()},
    }
    tiny_model.write_card(folder, data=about, classes=read.classes, **changes)
    for part, file in FILES.items():
        (folder / file).write_text(_evaluation(name, read, indices[part]).to_json(False))
    return folder, read


def remembering(root: Path, data: Path, name: str = "tiny", films: int = 8, **changes: object) -> tuple[Path, Dataset]:
    """`keep`, and its films are remembered."""
    folder, read = keep(root, data, name, films, **changes)
    model = classifier.load(folder)
    seen.save(folder, remember.compute(model, read, remember.parts_of(model.card, folder, read)))
    return folder, read


def _evaluation(name: str, films: Dataset, indices: np.ndarray) -> Evaluation:
    logits = np.zeros((len(indices), len(films.classes)))
    hashes = tuple(films.hashes[i] for i in indices)
    named = tuple(films.films[i] for i in indices)
    return Evaluation(name, films.classes, named, films.labels[indices], logits, 1.0, hashes, (), films.root.name)
