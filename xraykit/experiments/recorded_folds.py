"""folds.json: the films of a study and the part of each in each fold, and what a run of it records. Reads no film."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import numpy as np

from xraykit.datasets import split
from xraykit.datasets.dataset import Dataset
from xraykit.experiments.folds import Folds
from xraykit.refused import Refused, field_of

FOLDS = "folds.json"
# A letter a film: twenty thousand films in five folds are 100 kB
_LETTERS = {"train": "t", "validation": "v", "test": "x"}
_NONE, HELD_OUT, LEFT_OUT = "-", "held out", "left out"
_PART = {letter: part for part, letter in _LETTERS.items()}


class FoldsRefused(Refused):
    """Folds of a study that cannot be read; the words say why."""

    code = "folds"


@dataclass(frozen=True, eq=False)
class RecordedFolds:
    """What folds.json holds.

    Attributes
    ----------
    dataset : what `split.describe` says of the films but their parts: name, root, digest, classes, ...
    films, hashes : one a film
    labels : (n,) int64, index into `classes`
    names : one a fold
    parts : one text a fold, a letter a film
    test : (n,) int64, ascending: films that no run sees
    left_out : films in no part, one count a fold
    digest : sha256 over films, labels and parts: two studies with the same one compare in pairs
    """

    dataset: Mapping[str, Any]
    films: tuple[str, ...]
    hashes: tuple[str, ...]
    labels: np.ndarray
    names: tuple[str, ...]
    parts: tuple[str, ...]
    test: np.ndarray
    left_out: tuple[int, ...]
    digest: str

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.dataset["classes"])

    def part_of(self, fold: int) -> list[str]:
        """The part of each film in a fold: train, validation, test, "held out" (of the whole study) or "left out"."""
        held_out = set(self.test.tolist())
        return [
            _PART.get(letter) or (HELD_OUT if i in held_out else LEFT_OUT) for i, letter in enumerate(self.parts[fold])
        ]

    def data_of(self, fold: int) -> dict[str, Any]:
        """data.json of a run of this fold, as `split.describe` would give it."""
        part_of = self.part_of(fold)
        indices = {part: np.array([i for i, own in enumerate(part_of) if own == part], np.int64) for part in _LETTERS}
        return {
            **self.dataset,
            "counts": {part: self._counts(members) for part, members in indices.items()},
            "split_digests": {part: self._digest(members) for part, members in indices.items()},
            "films": [
                {"film": film, "sha256": sha, "label": self.classes[label], "part": part}
                for film, sha, label, part in zip(self.films, self.hashes, self.labels.tolist(), part_of, strict=True)
            ],
        }

    def counts(self, fold: int) -> dict[str, dict[str, int]]:
        """Films per class of each part of a fold."""
        part_of = np.array(self.part_of(fold))
        return {part: self._counts(np.flatnonzero(part_of == part)) for part in (*_LETTERS, HELD_OUT, LEFT_OUT)}

    def _counts(self, indices: np.ndarray) -> dict[str, int]:
        held = np.bincount(self.labels[indices], minlength=len(self.classes))
        return dict(zip(self.classes, held.tolist(), strict=True))

    def _digest(self, indices: np.ndarray) -> str:
        return hashlib.sha256("\n".join(sorted(self.hashes[i] for i in indices)).encode()).hexdigest()

    @classmethod
    def from_json(cls, data: Any, study: str) -> RecordedFolds:
        """What folds.json of a study holds; FoldsRefused where it is damaged."""
        try:
            read = msgspec.convert(data, _Folds)
        except msgspec.ValidationError as error:
            raise FoldsRefused(_damaged(study, f"it holds something else as {field_of(error)}")) from None
        films, classes = read["films"], read["dataset"]["classes"]
        labels = [film["label"] for film in films]
        if set(labels) - set(classes):
            raise FoldsRefused(_damaged(study, "a film has a class that is not among its classes"))
        lengths = {len(fold["parts"]) for fold in read["folds"]}
        if lengths != {len(films)} or any(index >= len(films) for index in read["test"]):
            raise FoldsRefused(_damaged(study, "films and parts do not agree"))
        if read["digest"] != _digest_of(read):
            raise FoldsRefused(_damaged(study, "films or parts are not those that it was written with"))
        return cls(
            dataset=data["dataset"],
            films=tuple(film["film"] for film in films),
            hashes=tuple(film["sha256"] for film in films),
            labels=np.array([classes.index(label) for label in labels], np.int64),
            names=tuple(fold["name"] for fold in read["folds"]),
            parts=tuple(fold["parts"] for fold in read["folds"]),
            test=np.array(read["test"], np.int64),
            left_out=tuple(fold["left_out"] for fold in read["folds"]),
            digest=read["digest"],
        )


def record_folds(films: Dataset, folds: Folds) -> dict[str, Any]:
    """What folds.json holds, for `RecordedFolds.from_json`."""
    nothing = np.array([], np.int64)
    everything = split.Split(np.arange(len(films)), nothing, nothing)
    dataset = split.describe(films, everything)
    for name in ("counts", "split_digests", "films"):
        del dataset[name]
    record: dict[str, Any] = {
        "dataset": dataset,
        "films": [
            {"film": film, "sha256": sha, "label": films.classes[label]}
            for film, sha, label in zip(films.films, films.hashes, films.labels.tolist(), strict=True)
        ],
        "folds": [
            {"name": name, "left_out": left_out, "parts": _letters(parts, len(films))}
            for name, left_out, parts in zip(
                folds.names, folds.left_out or (0,) * len(folds.parts), folds.parts, strict=True
            )
        ],
        "test": folds.test.tolist(),
    }
    return {**record, "digest": _digest_of(record)}


class _Film(TypedDict):
    film: str
    sha256: str
    label: str


class _Fold(TypedDict):
    name: str
    left_out: Annotated[int, msgspec.Meta(ge=0)]
    parts: Annotated[str, msgspec.Meta(pattern="^[tvx-]*$")]


class _Dataset(TypedDict):
    name: str
    root: str
    digest: str
    classes: list[str]


class _Folds(TypedDict):
    dataset: _Dataset
    films: list[_Film]
    folds: Annotated[list[_Fold], msgspec.Meta(min_length=1)]
    test: list[Annotated[int, msgspec.Meta(ge=0)]]
    digest: str


def _letters(parts: split.Split, films: int) -> str:
    letters = np.full(films, _NONE)
    for part, indices in parts.parts().items():
        letters[indices] = _LETTERS[part]
    return "".join(letters.tolist())


def _digest_of(record: Mapping[str, Any]) -> str:
    lines = [f"{film['sha256']} {film['label']}" for film in record["films"]]
    lines += [f"{fold['name']} {fold['parts']}" for fold in record["folds"]]
    lines.append(" ".join(map(str, record["test"])))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _damaged(study: str, words: str) -> str:
    return f"Expected the folds of the study {study} in {FOLDS}; {words}. Restore it, or delete the study."
