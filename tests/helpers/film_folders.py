"""Folders of synthetic films for tests: small grey pictures whose class can be seen."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw(label: int, number: int, size: int = 48) -> np.ndarray:
    """A (size, size) uint8 picture: noise with a bright bar whose place tells the class."""
    random = np.random.default_rng((label, number))
    film = random.normal(90, 25, (size, size))
    place = (label * size) // 3
    film[place : place + size // 4] += 80
    film += np.linspace(-40, 40, size)[random.permutation(size)][None, :]  # so that fingerprints differ
    return np.clip(film, 0, 255).astype(np.uint8)


def make(root: Path, classes: tuple[str, ...] = ("COVID-19", "Normal", "Viral Pneumonia"), films: int = 30) -> Path:
    """Class folders of `films` PNG pictures each."""
    for label, name in enumerate(classes):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(films):
            Image.fromarray(draw(label, number)).save(folder / f"film-{number:03}.png")
    return root
