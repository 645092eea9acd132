"""Ready: a study with its films, trials and folds, before it starts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from xraykit.datasets.dataset import Dataset
from xraykit.experiments import folds, grid
from xraykit.experiments.folds import Folds
from xraykit.experiments.grid import Trial
from xraykit.experiments.study.design import Design
from xraykit.experiments.study.study import Study


@dataclass(frozen=True, eq=False)
class Ready:
    """A study with its films, trials and folds: all that must be known before it starts."""

    study: Study
    films: Dataset
    trials: grid.Grid
    folds: Folds

    def change(self, **fields: Any) -> Ready:
        """The same films and folds with other fields of the study, such as `shrink`; StudyRefused where one fails."""
        study = self.study.change(**fields)
        return Ready(study, self.films, grid.trials(study), self.folds)

    def resolved(self) -> tuple[Trial, ...]:
        """The trials with weights that are there, as `grid.resolve`; of a TPE search none yet.

        Raises
        ------
        StudyRefused
            If weights are found nowhere and the study does not allow random ones: also where a TPE search might take
            them.
        """
        resolved = tuple(grid.resolve(self.study, trial) for trial in self.samples())
        return () if self.study.design is Design.TPE else resolved

    def number(self) -> int:
        """How many trials there are; of a TPE search, how many it may try."""
        if self.study.design is Design.TPE and self.study.samples:
            return self.study.samples
        return len(self.samples())

    def samples(self) -> tuple[Trial, ...]:
        """The trials; of a TPE search, whose are not known yet, as many drawn by lot."""
        if self.study.design is not Design.TPE:
            return self.trials.trials
        return grid.trials(dataclasses.replace(self.study, design=Design.RANDOM)).trials


def prepare(study: Study, films: Dataset) -> Ready:
    """Make a study's trials and divide its films.

    Raises
    ------
    StudyRefused
        If no combination can be trained.
    DatasetRefused
        If the films cannot be divided so.
    """
    made = grid.trials(study)
    grid.count(study, made)
    return Ready(study, films, made, folds.make(films, study.folds, study.recipe.split_plan))
