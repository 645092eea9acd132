"""The chosen trial, whose networks then read the held-out films, once. Trains nothing.

Accuracy on some hundred validation films cannot tell the better trials of a study apart: among those that are tied with
the best, the lowest log loss decides, which uses every probability instead of counting right and wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xraykit.evaluation import calibration, evaluation
from xraykit.evaluation.evaluation import FILES, EvaluationRefused
from xraykit.experiments import table
from xraykit.experiments.study.design import FoldKind
from xraykit.experiments.study_folder import CHOSEN, StudyFolder, TrialRun
from xraykit.refused import Refused
from xraykit.system import files
from xraykit.system.job_folder.record import State
from xraykit.training.run.run import RunRefused, Status

ReadHeldOut = Callable[[TrialRun], None]  # reads the held-out films with a run's network, where that was not done


@dataclass(frozen=True)
class Candidate:
    """A trial all of whose runs have finished, with means over them; `loss` is the log loss of what was kept."""

    number: int
    runs: tuple[TrialRun, ...]
    accuracy: float
    loss: float
    parameters: int

    @property
    def by_accuracy(self) -> tuple[float, float, int, int]:
        """The best is the least."""
        return -self.accuracy, self.loss, self.parameters, self.number

    @property
    def by_loss(self) -> tuple[float, int, int]:
        """The best is the least: loss, then size."""
        return self.loss, self.parameters, self.number


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
    tied = _tied(folder, candidates)
    results = _digest(candidates, tied)
    before = folder.chosen()
    if before is not None and before.get("results") == results:
        return before
    best = min(tied, key=lambda candidate: candidate.by_loss)
    runs = list(best.runs)
    tested = folder.study().folds.kind is not FoldKind.LEAVE_ONE_SOURCE_OUT
    if tested:
        for tried in runs:
            read(tried)
    chosen = {
        "trial": best.number,
        "why": _why(best, tied, candidates),
        "when": files.now(),
        "val_accuracy": best.accuracy,
        "val_loss": best.loss if math.isfinite(best.loss) else None,
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


def is_due(folder: StudyFolder) -> bool:
    """Has a trial ended whose figures chosen.json does not know yet? False where that file is damaged."""
    candidates = _candidates(folder)
    with contextlib.suppress(Refused):
        before = folder.chosen() or {}
        return bool(candidates) and before.get("results") != _digest(candidates, _tied(folder, candidates))
    return False


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
        float(np.mean([_log_loss(tried) for tried in runs])),
        max(status.parameters or 0 for status in statuses),
    )


def _finished(tried: TrialRun) -> Status | None:
    try:
        status = tried.status()
    except RunRefused:
        return None
    return status if status is not None and status.state is State.FINISHED else None


def _log_loss(tried: TrialRun) -> float:
    """Of the network that a run kept, on its validation films; infinite where its reading cannot be read."""
    try:
        reading = evaluation.load(tried.run.path / FILES["validation"])
    except EvaluationRefused:
        return math.inf
    return calibration.log_loss(reading.probabilities, reading.truth)


def _tied(folder: StudyFolder, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The most accurate of the candidates, and those that cannot be told apart from it."""
    best = min(candidates, key=lambda candidate: candidate.by_accuracy)
    ties = table.read(folder).ties
    # Not by ties.best: of trials of equal accuracy the table's best need not be ours
    numbers = ties.tied if best.number in ties.tied else (best.number,)
    return [candidate for candidate in candidates if candidate.number in numbers]


def _why(best: Candidate, tied: Sequence[Candidate], candidates: Sequence[Candidate]) -> str:
    most = max(candidate.accuracy for candidate in candidates)
    if len(tied) == 1:
        return f"Best mean validation accuracy, {most:.4f}, of {len(candidates)} trials."
    words = (
        f"{len(tied)} of {len(candidates)} trials cannot be told apart from the best validation accuracy, {most:.4f}"
    )
    if sum(candidate.loss == best.loss for candidate in tied) > 1:
        return f"{words}; of those with the lowest validation log loss, {best.loss:.4f}, it has the fewest parameters."
    return f"{words}; of these it has the lowest validation log loss, {best.loss:.4f}."


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


def _digest(candidates: Sequence[Candidate], tied: Sequence[Candidate]) -> str:
    """Of everything that the choice depends on."""
    lines = [[c.number, c.accuracy, c.loss, c.parameters, [tried.name for tried in c.runs]] for c in candidates]
    return hashlib.sha256(json.dumps([lines, [c.number for c in tied]]).encode()).hexdigest()
