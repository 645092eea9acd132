"""Contents: what a study's folder says of its question, its trials and its folds."""

from __future__ import annotations

from xraykit.experiments import study as studies
from xraykit.experiments.grid import Trial
from xraykit.experiments.study import FoldKind, Study
from xraykit.experiments.study_folder import StudyFolder
from xraykit.training.recipe import recipe as recipes


def study(folder: StudyFolder) -> Study:
    return studies.from_dict(folder.read("study.json"))


def trials(folder: StudyFolder) -> tuple[Trial, ...]:
    return tuple(
        Trial(part["number"], part["settings"], recipes.from_dict(part["recipe"]), part.get("random_start", False))
        for part in folder.read("trials.json")
    )


def fold_names(folder: StudyFolder) -> tuple[str, ...]:
    plan = study(folder).folds
    if plan.kind is FoldKind.LEAVE_ONE_SOURCE_OUT:
        return tuple(folder.read("folds.json")["names"])
    return tuple(str(k + 1) for k in range(plan.count if plan.kind is FoldKind.CROSS_VALIDATION else 1))
