"""Probe: two steps of each kind of trial, in a process of its own."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xraykit.datasets import split
from xraykit.datasets.dataset import Dataset
from xraykit.refused import Refused
from xraykit.system import folders, jobs
from xraykit.system.job_folder.record import State
from xraykit.training.recipe.recipe import Recipe

# Fields that change what a run learns and hardly what it takes: of different heads the widest is probed
FREE = {
    *(
        "name",
        "hidden",
        "seed",
        "weights",
        "label_smoothing",
        "class_weights",
        "balance",
        "shrink",
        "momentum",
        "plateau_factor",
    ),
    *("plateau_patience", "early_stopping", "bias_correction", "keep", "division", "validation", "test"),
}
Estimator = Callable[[Recipe, Path, str, Callable[[int, int], None]], Mapping[str, Any]]
Progress = Callable[[str, int, int], None]  # what is done, probes done, probes in all; what it raises ends the planning


@dataclass(frozen=True)
class PhaseCost:
    """Seconds a film of one phase: learned from, validated on, and passed once through what is frozen.

    `feature_bytes` are those of what the pass gives for a film.
    """

    train: float
    validate: float
    features: float
    feature_bytes: float


@dataclass(frozen=True)
class Cost:
    """What a kind of trial takes, as probed: `memory` in bytes."""

    phases: tuple[PhaseCost, ...]
    start: float
    memory: int
    parameters: int
    device: str


def probe(
    kinds: Mapping[str, Recipe],
    films: Dataset,
    device: str,
    progress: Progress,
    estimator: Estimator,
    known: dict[str, Cost] | None,
) -> dict[str, Cost]:
    """The costs of the kinds; those that are not `known` yet are probed and added there."""
    costs = {} if known is None else known
    for number, (kind, recipe) in enumerate(kinds.items()):
        if kind in costs:
            continue
        progress(f"Taking two steps of {recipe.backbone}.", number, len(kinds))

        def within(done: int, total: int, number: int = number, recipe: Recipe = recipe) -> None:
            progress(f"Taking two steps of {recipe.backbone}.", number, len(kinds))

        costs[kind] = _cost(recipe, films, estimator(recipe, films.root, device, within))
    return {kind: costs[kind] for kind in kinds}


def kind_of(recipe: Recipe) -> str:
    """Trials of one kind take the same for each film and epoch."""
    data = {name: value for name, value in dataclasses.asdict(recipe).items() if name not in FREE}
    data["phases"] = [
        {name: phase[name] for name in ("trainable", "optimizer")} | {"augment": phase["augment"] and augments}
        for augments in [recipe.augmentation.active]
        for phase in data["phases"]
    ]
    return json.dumps(data, sort_keys=True)


def estimate_apart(recipe: Recipe, data: Path, device: str, progress: Callable[[int, int], None]) -> Mapping[str, Any]:
    """What `train --estimate` says of a recipe, in a process of its own.

    Raises
    ------
    Refused
        If it fails; what `progress` raises ends it as well.
    """
    job = jobs.create(f"estimate-{recipe.name}", folders.runs_folder() / "estimates")
    try:
        job.write("recipe.json", json.loads(recipe.to_json()))
        words = ["train", "--estimate", f"--recipe={job.path / 'recipe.json'}", f"--device={device}"]
        job.start([*words, f"--out={job.path}", f"--data={data}"], verb="estimate", data=str(data))
        while (state := job.state()).state.busy:
            progress(state.done, state.films)
            time.sleep(0.2)
        if state.state is not State.FINISHED:
            raise Refused(f"The time and memory of {recipe.name} could not be estimated. {state.message}")
        return job.read("estimate.json")
    except BaseException:
        job.ask_to_stop()
        _wait(job)
        raise
    finally:
        job.remove()


def _wait(job: jobs.Job) -> None:
    while job.alive():
        time.sleep(0.1)


def _cost(recipe: Recipe, films: Dataset, estimate: Mapping[str, Any]) -> Cost:
    """Seconds a film, from an estimate that counted the films of the recipe's own division."""
    parts = split.split(films, recipe.split_plan)
    train, validation = len(split.training(films, parts.train, recipe.split_plan)), len(parts.validation)

    passed = train + validation + len(parts.test) + recipe.cached_passes * train

    def cost(phase: Mapping[str, Any]) -> PhaseCost:
        learns = 1 / phase["images_per_second"]
        return PhaseCost(
            learns,
            max(0.0, phase["seconds_per_epoch"] - train * learns) / validation,
            phase["feature_seconds"] / passed,
            phase.get("feature_bytes", 0) / passed,
        )

    return Cost(
        tuple(map(cost, estimate["phases"])),
        estimate["compile_seconds"],
        int(estimate["memory"]),
        int(estimate.get("parameters", 0)),
        str(estimate["device"]),
    )
