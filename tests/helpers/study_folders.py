"""Studies on synthetic films, with as many trials and folds as a test needs; nothing is trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xraykit.datasets import dataset
from xraykit.experiments import folds, study_folder
from xraykit.experiments.grid import Trial, trials
from xraykit.experiments.study import study as studies
from xraykit.experiments.study.study import Study
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


def make(
    root: Path, films: dataset.Dataset, asked: Study | None = None, tried: Sequence[Trial] | None = None, **facts: Any
) -> StudyFolder:
    """The folder of a study, queued, below `root`."""
    asked = asked or study()
    tried = trials(asked).trials if tried is None else tried
    divided = folds.make(films, asked.folds, asked.recipe.split_plan)
    return study_folder.create(asked, films, tried, divided, root, **facts)
