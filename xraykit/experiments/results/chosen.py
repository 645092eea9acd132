"""Chosen: the trial whose networks read the held-out test films, once, and what they gave there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import numpy as np

from xraykit.evaluation import evaluation, stats
from xraykit.evaluation.evaluation import EvaluationRefused
from xraykit.evaluation.stats import Figure
from xraykit.experiments.study_folder import CHOSEN, StudyFolder, StudyFolderRefused
from xraykit.refused import field_of


@dataclass(frozen=True)
class Chosen:
    """The chosen trial on films that no run saw.

    Attributes
    ----------
    trial : int
    candidates : int
        Trials it was chosen from.
    runs, films : int
        Its networks, and test films each has read; with leave-one-source-out those of all sources together.
    validation : float
        Mean accuracy on the films it was chosen by.
    accuracy : Figure
        Mean accuracy over its networks, with Wilson's interval over the films.
    sensitivity : dict of str to Figure
        By class.
    held_out : bool
        False with leave-one-source-out, which has no test split of its own.
    """

    trial: int
    candidates: int
    runs: int
    films: int
    validation: float
    accuracy: Figure
    sensitivity: Mapping[str, Figure]
    held_out: bool = True

    @property
    def drop(self) -> float | None:
        """Validation minus test accuracy: what was gained by choosing, not by learning."""
        return None if self.accuracy.value is None else self.validation - self.accuracy.value


class _Run(TypedDict):
    evaluation: str


class _Chosen(TypedDict):
    trial: Annotated[int, msgspec.Meta(ge=1)]
    candidates: Annotated[int, msgspec.Meta(ge=1)]
    val_accuracy: float
    held_out: bool
    runs: Annotated[list[_Run], msgspec.Meta(min_length=1)]


def read(folder: StudyFolder) -> Chosen | None:
    """What chosen.json and the evaluations it names say; None where no trial is chosen yet.

    Raises
    ------
    StudyFolderRefused
        If any of them cannot be read.
    """
    if not (folder.path / CHOSEN).is_file():
        return None
    try:
        stat = (folder.path / CHOSEN).stat()
    except OSError:
        return None
    return _read(folder, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=32)
def _read(folder: StudyFolder, stamp: tuple[int, int]) -> Chosen:
    data: Any = folder.chosen()
    try:
        known = msgspec.convert(data, _Chosen)
        readings = [evaluation.load(_inside(folder, run["evaluation"])) for run in known["runs"]]
    except msgspec.ValidationError as error:
        raise StudyFolderRefused(
            f"Expected the chosen trial of the study {folder.name} in {CHOSEN}; it holds something else as "
            f"{field_of(error)}. Delete the file and resume the study: the test films are read again."
        ) from None
    except EvaluationRefused as refused:
        raise StudyFolderRefused(
            f"The test figures of the study {folder.name} cannot be read. {refused.words} Restore the run, or delete "
            f"{CHOSEN} and resume the study: the test films are read again."
        ) from None
    counts = np.sum([reading.confusion for reading in readings], axis=0)
    # Networks that read the same films: all of them, or with leave-one-source-out those of one source
    alike = len(readings) if known["held_out"] else len(folder.study().seeds)
    hits, support = np.diagonal(counts) / alike, counts.sum(axis=1) // alike
    figures = [stats.proportion(round(hits[k]), int(support[k])) for k in range(len(support))]
    return Chosen(
        known["trial"],
        known["candidates"],
        len(readings),
        int(support.sum()),
        known["val_accuracy"],
        stats.proportion(round(hits.sum()), int(support.sum())),
        dict(zip(readings[0].classes, figures, strict=True)),
        known["held_out"],
    )


def _inside(folder: StudyFolder, name: str) -> Path:
    """A path of the study's own folder, whatever the file says."""
    path = (folder.path / name).resolve()
    if not path.is_relative_to(folder.path.resolve()):
        raise StudyFolderRefused(
            f"{CHOSEN} of the study {folder.name} names a file outside of it. Delete it and resume the study."
        )
    return path
