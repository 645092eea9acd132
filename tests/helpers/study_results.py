"""Whole study folders written by hand: trials, folds, seeds, epochs and figures, without films or a training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers import study_folders
from xraykit.experiments import grid
from xraykit.experiments.grid import Trial
from xraykit.experiments.study.study import Study
from xraykit.experiments.study_folder import CUT, StudyFolder, StudyState
from xraykit.system.job_folder.record import PathText, State
from xraykit.training.run.run import FORMAT

CLASSES = ("COVID-19", "Normal", "Viral Pneumonia")
CREATED = "2026-11-20T09:30:00+00:00"
Quality = Callable[[int, int, int], float]  # trial, fold (from 1), seed -> share of validation films right at the end


def quality(trial: int, fold: int, seed: int) -> float:
    """Later trials are better; folds and seeds differ a little."""
    return min(0.97, 0.7 + 0.04 * trial + 0.01 * math.sin(7 * fold + 3 * seed + trial))


def write(
    root: Path,
    asked: Study | None = None,
    *,
    tried: Sequence[Trial] | None = None,
    name: str | None = None,
    epochs: int = 3,
    films: int = 60,
    right: Quality = quality,
    fold_names: Sequence[str] | None = None,
    ended: Mapping[str, str] | None = None,
    **facts: Any,
) -> StudyFolder:
    """A study whose runs have all finished, but those of `ended`: by name, "waiting", "cut" or a state of runs.

    Every fifth of `films` is held out; the others are dealt to the folds in turn.
    """
    asked = asked or study_folders.study()
    tried = grid.trials(asked).trials if tried is None else tried
    folder = StudyFolder(root / (name or asked.name))
    folder.runs_folder.mkdir(parents=True)
    (folder.path / "study.json").write_text(asked.to_json())
    folder.write_trials(tried)
    names = list(fold_names or [str(k + 1) for k in range(asked.folds.count)])
    folder.write("folds.json", _folds(films, names))
    for run in folder.runs():
        state = (ended or {}).get(run.name, "finished")
        if state != "waiting":
            validation = _validation(films, len(names), run.fold)
            _run(run.run.path, run.trial, epochs, state, right(run.trial.number, run.fold + 1, run.seed), validation)
    runs = folder.runs()
    given = {"state": State.FINISHED, "runs": len(runs), "done": len(runs), "created": CREATED} | facts
    folder.write_state(StudyState(data=PathText("/films/ward"), **given))
    return folder


def rates(count: int) -> tuple[float, ...]:
    """So many learning rates."""
    return tuple(float(f"{10 ** (-5 + 4 * k / max(1, count - 1)):.4g}") for k in range(count))


def _sha(k: int) -> str:
    return f"{k:064x}"


def _validation(films: int, folds: int, fold: int) -> np.ndarray:
    rest = np.setdiff1d(np.arange(films), np.arange(0, films, 5))
    return rest[fold :: max(2, folds)]


def _folds(films: int, names: Sequence[str]) -> dict[str, Any]:
    parts_of = [set(_validation(films, len(names), fold).tolist()) for fold in range(len(names))]
    listed = [
        {
            "film": f"{CLASSES[k % 3]}/film-{k:04}.png",
            "sha256": _sha(k),
            "parts": ["held out" if k % 5 == 0 else "validation" if k in own else "train" for own in parts_of],
        }
        for k in range(films)
    ]
    return {
        "digest": "d" * 64,
        "hash": "e" * 64,
        "classes": list(CLASSES),
        "names": list(names),
        "left_out": [0] * len(names),
        "counts": [],
        "held_out": {},
        "films": listed,
    }


def choose(folder: StudyFolder, trial: int, films: int = 200, share: float = 0.9) -> None:
    """Have the networks of a trial read the held-out films."""
    own = [run for run in folder.runs() if run.trial.number == trial]
    for run in own:
        read = _evaluation(run.name, np.arange(5000, 5000 + films), share)
        (run.run.path / "evaluation.json").write_text(json.dumps(read))
    folder.write(
        "chosen.json",
        {
            "trial": trial,
            "candidates": len(folder.trials()),
            "val_accuracy": 0.95,
            "held_out": True,
            "runs": [{"evaluation": f"runs/{run.name}/evaluation.json"} for run in own],
        },
    )


def _run(path: Path, trial: Trial, epochs: int, state: str, share: float, validation: np.ndarray) -> None:
    path.mkdir()
    (path / "recipe.json").write_text(trial.recipe.to_json())
    lines = ["epoch,phase,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds"]
    for k in range(epochs):
        left = 0.5 * math.exp(-3 * (k + 1) / epochs) / math.exp(-3) * 0.1
        accuracy, val = min(1.0, share + 0.03 + 0.01 * k), share - left + 0.05
        lines.append(f"{k},0,{1.2 - accuracy:.4f},{accuracy:.4f},{1.3 - val:.4f},{val:.4f},0.001,{2.5}")
    (path / "history.csv").write_text("\n".join(lines) + "\n")
    if state == "cut":
        (path / CUT).write_text("{}")
    status = {
        "format": FORMAT,
        "state": "stopped" if state == "cut" else state,
        "created": CREATED,
        "data": "/films/ward",
        "epoch": epochs,
        "epochs": trial.recipe.epochs,
        "learning_seconds": 2.5 * epochs + trial.number,
        "parameters": 3_571_011 + 1000 * trial.number,
        "trainable": 1000 * trial.number,
        "heartbeat": 0.0,
        **({"message": "No space left on the device.", "failure": "disk"} if state == "failed" else {}),
    }
    (path / "status.json").write_text(json.dumps(status))
    if state == "finished":
        for file, part in (("validation.json", validation), ("evaluation.json", validation + 1000)):
            (path / file).write_text(json.dumps(_evaluation(path.name, part, share)))


def _evaluation(model: str, films: np.ndarray, share: float) -> dict[str, Any]:
    """The first `share` of the films right, always the same ones."""
    truth = films % 3
    order = np.argsort(films * 7919 % 101, kind="stable").argsort()
    wrong = order >= round(share * len(films))
    given = np.where(wrong, (truth + 1) % 3, truth)
    return {
        "model": model,
        "classes": list(CLASSES),
        "films": [f"{CLASSES[k % 3]}/film-{k:04}.png" for k in films.tolist()],
        "truth": truth.tolist(),
        "logits": (2.0 * np.eye(3)[given]).tolist(),
        "temperature": 1.0,
        "sha256": [_sha(k) for k in films.tolist()],
    }
