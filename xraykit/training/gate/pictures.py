"""What the gate's network learns from and is measured on: films, photographs, drawn things, DICOM of other parts.

Films are divided by patient and near-duplicate, across the datasets, so that no picture is on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xraykit.datasets import dataset
from xraykit.datasets.reading import groups
from xraykit.films import ingest
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.gate import network
from xraykit.training.gate import augment, bodies, drawn

KEPT = 144  # px of the longer side of a picture that is kept for learning
TEST = 20  # percent of the films' groups
FILMS = ("radiography", "darkcovid", "kermany")
PHOTOGRAPHS = "intel"
MEDICAL = "other DICOM"


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture.

    Attributes
    ----------
    kind : str
        The dataset of a film, the category of a photograph, or what was drawn.
    grey : numpy.ndarray
        uint8 (H, W), the longer side at most 144, for learning.
    small : numpy.ndarray
        uint8 (64, 64) or (64, 64, 3), as the gate is given it.
    test : bool
        Whether it is for measuring alone.
    """

    kind: str
    grey: np.ndarray
    small: np.ndarray
    test: bool


def films(data: Path) -> list[Picture]:
    """The chest films of every dataset below `data` that is there."""
    looked: list[tuple[str, np.ndarray, np.ndarray]] = []
    patients: list[str] = []
    prints: list[np.ndarray] = []
    for name in FILMS:
        if not (data / name).is_dir():
            continue
        read: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

        def look(film: str, radiograph: Radiograph | Refusal, read: dict = read) -> None:
            if isinstance(radiograph, Radiograph):
                whole = groups.whole_fingerprint(radiograph)
                read[film] = (_grey(radiograph), radiograph.small(), whole)

        here = dataset.read(data / name, look=look)
        for film, group in zip(here.films, here.groups, strict=True):
            grey, small, whole = read[film]
            looked.append((name, grey, small))
            patients.append(f"{name} {group}")
            prints.append(whole)
    numbers, _ = groups.group(patients, np.array(prints))
    return [
        Picture(name, grey, small, _percent(f"film {number}") < TEST)
        for (name, grey, small), number in zip(looked, numbers, strict=True)
    ]


def photographs(data: Path) -> list[Picture]:
    """Photographs by category, those of its own test folder for measuring."""
    root = data / PHOTOGRAPHS
    paths = sorted(root.glob("t*/*/*.jpg"))
    return [
        Picture(path.parent.name, _grey(film), film.small(), path.parent.parent.name == "test")
        for path, film in _read(paths)
    ]


def medical() -> list[Picture]:
    """DICOM images of other parts and kinds that come with pydicom, one of each size; all for learning."""
    from pydicom.data import get_testdata_files

    paths = [Path(path) for path in get_testdata_files("*.dcm")]
    made = {}
    for _, film in _read(sorted(paths)):
        made.setdefault((film.pixels.shape, int(film.pixels.mean())), film)
    return [Picture(MEDICAL, _grey(film), film.small(), False) for film in made.values()]


def drawings(seed: int, each: int) -> list[Picture]:
    """Drawn things, `each` of every kind, a fifth of them for measuring."""
    made = []
    for kind, draw in {**drawn.KINDS, **bodies.KINDS}.items():
        noise = np.random.default_rng([seed, _percent(kind, 10**6)])
        for number in range(each):
            grey = draw(noise)
            small = Radiograph(grey, kind, "PNG", "").small()
            made.append(Picture(kind, grey, small, number % 5 == 0))
    return made


def varied(pictures: Iterable[Picture], count: int, seed: int, chest: bool) -> tuple[np.ndarray, list[str]]:
    """`count` pictures made from these, uint8 (count, 64, 64), each of them as often as the others, and their kinds."""
    pictures = list(pictures)
    noise = np.random.default_rng(seed)
    change = augment.film if chest else augment.other
    places = np.concatenate([noise.permutation(len(pictures)) for _ in range(count // len(pictures) + 1)])[:count]
    return np.stack([change(pictures[place].grey, noise) for place in places]), [pictures[p].kind for p in places]


def _read(paths: list[Path]) -> Iterable[tuple[Path, Radiograph]]:
    with ingest.Ingest() as firewall:
        for path, film in zip(paths, firewall.read_many(paths), strict=True):
            if isinstance(film, Radiograph):
                yield path, film


def _grey(film: Radiograph) -> np.ndarray:
    shown = film.display(KEPT)
    return np.floor(network.luma(shown) + 0.5).astype(np.uint8)


def _percent(name: str, of_all: int = 100) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) % of_all
