"""The chosen trial: the best on validation, whose networks then read the held-out films, once. Trains nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xraykit.evaluation import evaluation
from xraykit.evaluation.evaluation import FILES
from xraykit.experiments.study.design import FoldKind
from xraykit.experiments.study_folder import CHOSEN, StudyFolder, TrialRun
from xraykit.system import files
from xraykit.system.job_folder import State
from xraykit.training.run.run import RunRefused, Status

ReadHeldOut = Callable[[TrialRun], None]  # reads the held-out films with a run's network, where that was not done


@dataclass(frozen=True)
class Candidate:
    """A trial all of whose runs have finished, with means over them."""

    number: int
    runs: tuple[TrialRun, ...]
    accuracy: float
    loss: float
    parameters: int

    @property
    def rank(self) -> tuple[float, float, int, int]:
        """The best is the least: accuracy, then loss, then size."""
        return -self.accuracy, self.loss, self.parameters, self.number


def choose(folder: StudyFolder, read: ReadHeldOut) -> dict[str, Any] | None:
    """Choose the best trial and have its networks read the held-out films; chosen.json, or None where none has ended.

    With leave-one-source-out nothing is read: each network has been tested on the source that it never saw. What is
    chosen already stays, and nothing is read again, while the results are the same.

    Raises
    ------
    RunRefused, DatasetRefused, EvaluationRefused, OSError
        If the held-out films cannot be read.
    """
    candidates = _candidates(folder)
    if not candidates:
        return None
    results = _digest(candidates)
    before = folder.chosen()
    if before is not None and before.get("results") == results:
        return before
    best = min(candidates, key=lambda candidate: candidate.rank)
    runs = list(best.runs)
    tested = folder.study().folds.kind is not FoldKind.LEAVE_ONE_SOURCE_OUT
    if tested:
        for tried in runs:
            read(tried)
    chosen = {
        "trial": best.number,
        "why": _why(best, candidates),
        "when": files.now(),
        "val_accuracy": best.accuracy,
        "val_loss": best.loss,
        "parameters": best.parameters,
        "candidates": len(candidates),
        "results": results,
        "held_out": tested,
        "runs": [_figures(folder, tried) for tried in runs],
    }
    chosen["test_accuracy"] = float(np.mean([run["test_accuracy"] for run in chosen["runs"]]))
    folder.write(CHOSEN, chosen)
    folder.event("chosen", trial=best.number)
    return chosen


def _candidates(folder: StudyFolder) -> list[Candidate]:
    by_trial: dict[int, list[TrialRun]] = {}
    for tried in folder.runs():
        by_trial.setdefault(tried.trial.number, []).append(tried)
    candidates = [_candidate(number, runs) for number, runs in by_trial.items()]
    return [candidate for candidate in candidates if candidate is not None]


def _candidate(number: int, runs: Sequence[TrialRun]) -> Candidate | None:
    statuses = [status for tried in runs if (status := _finished(tried)) is not None]
    if len(statuses) < len(runs):
        return None
    return Candidate(
        number,
        tuple(runs),
        float(np.mean([status.best_accuracy or 0.0 for status in statuses])),
        float(np.mean([np.inf if status.best_loss is None else status.best_loss for status in statuses])),
        max(status.parameters or 0 for status in statuses),
    )


def _finished(tried: TrialRun) -> Status | None:
    try:
        status = tried.status()
    except RunRefused:
        return None
    return status if status is not None and status.state is State.FINISHED else None


def _why(best: Candidate, candidates: Sequence[Candidate]) -> str:
    words = f"Best mean validation accuracy, {best.accuracy:.4f}, of {len(candidates)} trials"
    equal = [other for other in candidates if other.accuracy == best.accuracy and other is not best]
    if not equal:
        return f"{words}."
    if any(other.loss == best.loss for other in equal):
        return f"{words}; of equal ones the one with the fewest parameters."
    return f"{words}; of equal ones the one with the lowest mean validation loss."


def _figures(folder: StudyFolder, tried: TrialRun) -> dict[str, Any]:
    path = tried.run.path / FILES["test"]
    reading = evaluation.load(path)
    return {
        "run": tried.name,
        "fold": folder.fold_names()[tried.fold],
        "seed": tried.seed,
        "films": len(reading.films),
        "test_accuracy": float((reading.predicted == reading.truth).mean()),
        "evaluation": path.relative_to(folder.path).as_posix(),
    }


def _digest(candidates: Sequence[Candidate]) -> str:
    """Of everything that the choice depends on."""
    lines = [[c.number, c.accuracy, c.loss, c.parameters, [tried.name for tried in c.runs]] for c in candidates]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()
