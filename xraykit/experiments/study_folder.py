"""The folder of a study: what was asked, its trials, their runs, and where it stands. Trains nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xraykit.experiments.grid import Trial
from xraykit.system import folders
from xraykit.system.job_folder import JobFolder, JobRefused
from xraykit.training.run.run import Run


class StudyFolderRefused(JobRefused):
    """A study's folder that cannot be made, read or used as asked; the words say why."""

    code = "study-folder"


@dataclass(frozen=True)
class TrialRun:
    """One run of a trial: its fold (from 0) and seed."""

    trial: Trial
    fold: int
    seed: int
    run: Run


class StudyFolder(JobFolder):
    """One study, a JobFolder with these files.

    study.json     the study, complete          folds.json    films and the part of each in each fold, with a hash
    trials.json    the trials so far            plan.json     what it was said to take
    progress.json  where it stands              chosen.json   the chosen trial and its reading of the test split
    order.json     trials to run first          paused        while it is there, no further run begins
    runs/          one folder a run: t001-f1-s0 (trial, fold, seed)
    lock, stop     see JobFolder                log.txt, events.jsonl
    """

    kind = "study"
    refusal = StudyFolderRefused

    @property
    def runs_folder(self) -> Path:
        return self.path / "runs"


def run_name(trial: int, fold: int, seed: int) -> str:
    """The name of a run: trial and fold counted from 1, as people see them."""
    return f"t{trial:03d}-f{fold + 1}-s{seed}"


def studies_folder() -> Path:
    """Where studies are kept: below the runs."""
    return folders.runs_folder() / "studies"
