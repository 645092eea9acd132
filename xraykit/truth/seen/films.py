"""What is remembered of the films a model learned from: hashes, fingerprints, classes and features; never a picture.

No file's name, no pixel and no patient is kept. Opens no film and no network.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xraykit.datasets.layout import PARTS
from xraykit.datasets.reading.groups import NEAR_DUPLICATE
from xraykit.models import head
from xraykit.models.cards import amend
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.system import files

STEM, SUFFIX = "training-films", ".npz"
MOST_BYTES = 64 * 2**20
AGAIN = "Have it made again: python -m xraykit models remember NAME --data DIR."
_ARRAYS = ("classes", "sha256", "fingerprints", "labels", "parts", "features", "mean", "components")
_TYPES = {"sha256": "u1", "fingerprints": "u1", "labels": "u2", "parts": "u1"}


@dataclass(frozen=True, eq=False)
class TrainingFilms:
    """The films of a model: those it learned from, and those it was chosen and tested with.

    Attributes
    ----------
    classes : tuple of str
        The model's.
    sha256 : numpy.ndarray
        uint8 (n, 32), of each file.
    fingerprints : numpy.ndarray
        uint8 (n, 32): the 256-bit difference hash of `groups.fingerprint`.
    labels : numpy.ndarray
        uint16 (n,), index into `classes`.
    parts : numpy.ndarray
        uint8 (n,), index into `PARTS`; ascending: training films first.
    features : numpy.ndarray
        float16 (n, d), d <= 64: principal components of the training films' pooled features, each of length 1 before
        that; the last column is the length of what lies outside the components.
    mean : numpy.ndarray
        float32 (K,), of the training films' features.
    components : numpy.ndarray
        float16 (d - 1, K), orthonormal rows.
    """

    classes: tuple[str, ...]
    sha256: np.ndarray
    fingerprints: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    features: np.ndarray
    mean: np.ndarray
    components: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def split(self) -> np.ndarray:
        """(n,) text: "train", "validation" or "test"."""
        return np.array(PARTS)[self.parts]

    @property
    def counts(self) -> dict[str, int]:
        """How many films of each part there are."""
        return {name: int((self.parts == number).sum()) for number, name in enumerate(PARTS)}

    @cached_property
    def by_hash(self) -> dict[bytes, int]:
        """The first row of each file, by its sha256."""
        return {digest.tobytes(): row for row, digest in reversed(list(enumerate(self.sha256)))}

    @cached_property
    def words(self) -> np.ndarray:
        """`fingerprints` as uint64 (n, 4)."""
        return np.ascontiguousarray(self.fingerprints).view(np.uint64)


class Known(NamedTuple):
    """That a model knows a film: `split` is its part, `exact` where it is the same file, else a near twin `bits` apart
    (of 256)."""

    split: str
    exact: bool
    bits: int
    row: int


def known(remembered: TrainingFilms, sha256s: Sequence[str], fingerprints: np.ndarray) -> np.ndarray:
    """For each film the row of the same film, or of its near twin; -1 where the model does not know it.

    Parameters
    ----------
    remembered : TrainingFilms
    sha256s : sequence of str
        Of the files, in hexadecimal.
    fingerprints : numpy.ndarray
        uint64 (m, 4) as `groups.fingerprint` gives them, or the same bytes as uint8 (m, 32).

    Returns
    -------
    int64 (m,). The same file comes before a twin, a training film before one of validation or test. A twin differs in
    at most `groups.NEAR_DUPLICATE` bits; `remembered.split[row]` is the part that the film is in.
    """
    prints = np.ascontiguousarray(fingerprints).view(np.uint64).reshape(-1, 4)
    if len(prints) != len(sha256s):
        raise ValueError(f"Expected a fingerprint a film; got {len(prints)} for {len(sha256s)}.")
    rows = np.full(len(prints), -1, np.int64)
    for place, (digest, bits) in enumerate(zip(sha256s, prints, strict=True)):
        same = remembered.by_hash.get(bytes.fromhex(digest))
        rows[place] = _twin(remembered, bits) if same is None else same
    return rows


def find(remembered: TrainingFilms, sha256: str, fingerprint: np.ndarray) -> Known | None:
    """Whether a model knows one film, and as what; `fingerprint` uint64 (4,)."""
    row = int(known(remembered, [sha256], fingerprint[None])[0])
    if row < 0:
        return None
    bits = int(np.bitwise_count(remembered.words[row] ^ fingerprint).sum())
    exact = remembered.sha256[row].tobytes() == bytes.fromhex(sha256)
    return Known(PARTS[remembered.parts[row]], exact, 0 if exact else bits, row)


def _twin(remembered: TrainingFilms, bits: np.ndarray) -> int:
    if not len(remembered):
        return -1
    distances = np.bitwise_count(remembered.words ^ bits).sum(axis=1).astype(np.int64)
    apart = np.where(distances <= NEAR_DUPLICATE, distances + 1000 * remembered.parts.astype(np.int64), 10**6)
    nearest = int(apart.argmin())
    return nearest if apart[nearest] < 10**6 else -1


def save(folder: Path, remembered: TrainingFilms) -> Card:
    """Put what is remembered beside a kept model, in place of what was there; raises ModelRefused."""
    content = encode(remembered)
    name = amend.named(STEM, content, SUFFIX)
    old = [file for file in cards.read(folder).files if is_ours(file)]
    if name in old:
        return cards.read(folder)
    return amend.amend(folder, lambda before: before, add={name: content}, drop=old)


def is_ours(file: str) -> bool:
    """Whether a file of a model's folder holds what is remembered of its films."""
    return file.startswith(f"{STEM}-") and file.endswith(SUFFIX)


def load(folder: Path) -> TrainingFilms | None:
    """What a kept model remembers of its films; None where it remembers nothing.

    Raises ModelRefused where the card or the file cannot be read, or the file is not the one its card names.
    """
    try:
        changed = (folder / cards.CARD).stat().st_mtime_ns
    except OSError:
        changed = 0  # the reading says why
    return _of_card(folder, changed)


@functools.lru_cache(maxsize=16)
def _of_card(folder: Path, changed: int) -> TrainingFilms | None:
    """By when the card was written: a worklist asks for every film of a folder."""
    card = cards.read(folder)
    name = next((file for file in sorted(card.files) if is_ours(file)), None)
    if name is None:
        return None
    remembered = _load(folder / name, card.files[name])
    if remembered.classes != card.classes:
        raise _damaged(name, card.name, "the classes of its card")
    return remembered


@functools.lru_cache(maxsize=8)
def _load(path: Path, sha256: str) -> TrainingFilms:
    """Remembered by check sum: a file of that name and content never changes."""
    try:
        if path.stat().st_size > MOST_BYTES or files.sha256_of(path) != sha256:
            raise cards.changed(path.name, cards.name_of(path.parent))
        content = path.read_bytes()
    except OSError as error:
        raise cards.unreadable(path, error) from None
    return decode(content, path.name, cards.name_of(path.parent))


def encode(remembered: TrainingFilms) -> bytes:
    """As the bytes of an .npz file: plain arrays, no pickle, not packed."""
    arrays = {name: getattr(remembered, name) for name in _ARRAYS} | {"classes": np.array(remembered.classes)}
    np.savez(out := io.BytesIO(), **arrays)  # type: ignore[arg-type]  # no array is named allow_pickle
    return out.getvalue()


def decode(content: bytes, file: str, model: str) -> TrainingFilms:
    """What `encode` made; raises ModelRefused ("model-corrupt") for anything else, `file` and `model` for its words."""
    try:
        head.check_arrays(io.BytesIO(content))
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            given = {name: arrays[name] for name in _ARRAYS}
    except Exception as error:  # zipfile, struct, KeyError ...: NumPy names no common class for a bad file
        raise _damaged(file, model, "arrays as they were saved") from error
    classes = tuple(map(str, given.pop("classes").ravel().tolist()))
    remembered = TrainingFilms(classes=classes, **given)
    if not _fits(remembered):
        raise _damaged(file, model, "a row a film in each array, and finite numbers")
    return remembered


def _fits(films: TrainingFilms) -> bool:
    if films.components.ndim != 2:
        return False
    n, (d, width) = films.labels.size, films.components.shape
    shapes = {"sha256": (n, 32), "fingerprints": (n, 32), "labels": (n,), "parts": (n,)}
    shapes |= {"features": (n, d + 1), "mean": (width,)}
    if any(getattr(films, name).shape != shape for name, shape in shapes.items()):
        return False
    if any(getattr(films, name).dtype != np.dtype(kind) for name, kind in _TYPES.items()):
        return False
    numbers = (films.features, films.mean, films.components)
    if any(array.dtype.kind != "f" or not np.isfinite(array).all() for array in numbers):
        return False
    ordered = bool((np.diff(films.parts.astype(int)) >= 0).all())
    return n > 0 and ordered and films.labels.max() < len(films.classes) and films.parts.max() < len(PARTS)


def _damaged(file: str, model: str, words: str) -> ModelRefused:
    return ModelRefused(f"{file} of {model} is damaged: expected {words}. {AGAIN}", code="model-corrupt")
