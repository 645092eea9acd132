"""Studies on synthetic films, with as many trials and folds as a test needs; nothing is trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.datasets import dataset, split
from xraykit.experiments import study as studies
from xraykit.experiments import study_folder
from xraykit.experiments.folds import Folds
from xraykit.experiments.grid import Trial, trials
from xraykit.experiments.study import Study
from xraykit.experiments.study_folder import StudyFolder
from xraykit.training.recipe import presets


def study(**changes: Any) -> Study:
    """Two learning rates, each run in two folds with one seed, unless `changes` says otherwise."""
    data = {
        "name": "rates",
        "recipe": json.loads(presets.NAMED["tiny"].to_json()),
        "factors": {"phases.0.learning_rate": [0.003, 0.001]},
        "folds": {"kind": "cross-validation", "count": 2},
        "seeds": [0],
    }
    return studies.from_dict({**data, **changes})


def divide(films: dataset.Dataset, count: int) -> Folds:
    """Every fifth film is held out; the rest is dealt to the folds in turn."""
    test = np.arange(0, len(films), 5)
    rest = np.setdiff1d(np.arange(len(films)), test)
    parts = tuple(
        split.Split(rest[np.arange(len(rest)) % max(2, count) != fold], rest[fold :: max(2, count)], test[:0])
        for fold in range(count)
    )
    return Folds(parts, tuple(str(fold + 1) for fold in range(count)), test, (0,) * count)


def make(
    root: Path, films: dataset.Dataset, asked: Study | None = None, tried: Sequence[Trial] | None = None, **facts: Any
) -> StudyFolder:
    """The folder of a study, queued, below `root`."""
    asked = asked or study()
    tried = trials(asked).trials if tried is None else tried
    return study_folder.create(asked, films, tried, divide(films, asked.folds.count), root, **facts)
