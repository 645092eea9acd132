"""Plan: what a study would take, told before it starts, from two steps of each kind of trial.

Trains nothing. Time is told as a range, because a probe of two steps on a busy computer cannot be exact.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xraykit.experiments import grid
from xraykit.experiments.grid import Trial
from xraykit.experiments.plan.probe import Cost, Estimator, Progress, estimate_apart, kind_of, probe
from xraykit.experiments.plan.ready import Ready
from xraykit.experiments.plan.sizes import FoldSize, Sizes
from xraykit.system import folders, text
from xraykit.training.recipe.recipe import Recipe

FASTER, SLOWER = 0.7, 1.6  # ends of the range, times what was probed
PROCESS_SECONDS = 10.0  # to import a backend, once a study
RUN_SECONDS = 2.0  # to begin and to end a run: its folder, its evaluations, its files
COPIES = 4  # of a network's weights on disk: the model, and the checkpoint with the best weights and Adam's moments


@dataclass(frozen=True)
class Plan:
    """What a study would take. Times in seconds, sizes in bytes.

    Attributes
    ----------
    trials, runs : int
        `runs` = trials x folds x seeds; of a search those that it may try.
    impossible, repeated : int
        Combinations that no recipe can have, and that are the same recipe as another.
    learning, features, start : float
        As probed: of all runs; of the passes through frozen layers, each counted once; of beginning and ending.
    low, high : float
        The range of all of it together.
    at_most : bool
        May it end sooner, because trials are cut or stop early?
    memory, disk : int
        Of one run at most; of everything that is kept.
    shrink : float
        Fraction of the training films that is used.
    films_digest : str
        Of the films, as `Dataset.listing`: what a data audit of them is known by.
    """

    study: str
    digest: str
    films: int
    classes: Mapping[str, int]
    folds: tuple[FoldSize, ...]
    held_out: int
    seeds: int
    trials: int
    runs: int
    impossible: int
    repeated: int
    learning: float
    features: float
    start: float
    low: float
    high: float
    at_most: bool
    memory: int
    disk: int
    device: str
    shrink: float
    remarks: tuple[str, ...] = ()
    probes: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    films_digest: str = ""

    @property
    def words(self) -> str:
        """In a sentence, for a page or a terminal."""
        count = f"{self.trials} trial{'s' * (self.trials != 1)} x {len(self.folds)} fold{'s' * (len(self.folds) != 1)}"
        seeds = f" x {self.seeds} seed{'s' * (self.seeds != 1)}"
        runs = f"{self.runs} run{'s' * (self.runs != 1)}"
        most = "at most " if self.at_most else ""
        return (
            f"{count}{seeds} = {runs}; {most}{text.duration(self.low)} to {text.duration(self.high)} on {self.device}, "
            f"{text.duration(self.features)} of it for features that runs share; up to {text.size(self.memory)} of "
            f"memory and {text.size(self.disk)} of disk"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data for plan.json."""
        return {**dataclasses.asdict(self), "words": self.words}


def plan(
    ready: Ready,
    device: str = "auto",
    progress: Progress | None = None,
    estimator: Estimator | None = None,
    known: dict[str, Cost] | None = None,
) -> Plan:
    """What a study would take here.

    One trial of each kind is probed; trials that differ in rate, epochs or the like are of one kind. Of a TPE search,
    whose trials are not known yet, as many drawn by lot stand for them.

    Parameters
    ----------
    device : to probe on, as a run is asked for it.
    progress : told what is probed; what it raises ends the planning.
    estimator : stands in for `train --estimate`.
    known : what was probed before, by kind of trial; what is probed now is added.

    Raises
    ------
    Refused
        If a probe fails: the words say why.
    """
    study, samples, number = ready.study, ready.samples(), ready.number()
    kinds = {kind_of(recipe): recipe for recipe in sorted((trial.recipe for trial in samples), key=_head_width)}
    costs = probe(kinds, ready.films, device, progress or _silent, estimator or estimate_apart, known)
    sizes = Sizes(ready.films, ready.folds)
    runs = number * len(ready.folds) * len(study.seeds)
    spent = _spend(samples, sizes, costs, runs, share=number / len(samples) * len(study.seeds))
    return Plan(
        study=study.name,
        digest=study.digest,
        films=len(ready.films),
        films_digest=ready.films.listing,
        classes=ready.films.counts(),
        folds=sizes.under(samples[0].recipe),
        held_out=len(ready.folds.test),
        seeds=len(study.seeds),
        trials=number,
        runs=runs,
        impossible=ready.trials.impossible,
        repeated=ready.trials.repeated,
        **vars(spent),
        at_most=study.cut or any(trial.recipe.early_stopping for trial in samples),
        shrink=samples[0].recipe.shrink,
        device=next(iter(costs.values())).device,
        remarks=tuple(_remarks(ready, samples, spent.disk)),
        probes=tuple({"backbone": kinds[kind].backbone, **dataclasses.asdict(cost)} for kind, cost in costs.items()),
    )


@dataclass(frozen=True)
class _Spent:
    """Seconds and bytes that a study spends, as in Plan."""

    learning: float
    features: float
    start: float
    low: float
    high: float
    memory: int
    disk: int


def _spend(samples: Sequence[Trial], sizes: Sizes, costs: Mapping[str, Cost], runs: int, share: float) -> _Spent:
    """What so many runs take, from samples of their trials; `share` runs stand behind each fold of a sample."""
    learning, parameters = 0.0, 0
    passes: dict[str, tuple[float, float]] = {}  # seconds and bytes of each
    for trial in samples:
        cost = costs[kind_of(trial.recipe)]
        learning += share * _learning(trial, sizes, cost)
        parameters += cost.parameters
        passes.update(_passes(trial.recipe, sizes, cost))
    start = PROCESS_SECONDS + runs * (RUN_SECONDS + sum(cost.start for cost in costs.values()) / len(costs))
    weights = 4 * parameters / len(samples)
    disk = int(runs * COPIES * weights + sum(size for _, size in passes.values()))
    features = sum(seconds for seconds, _ in passes.values())
    low, high = (ends * (learning + features + start) for ends in (FASTER, SLOWER))
    memory = max(cost.memory for cost in costs.values())
    return _Spent(learning, features, start, low, high, memory, disk)


def _silent(what: str, done: int, total: int) -> None:
    pass


def _head_width(recipe: Recipe) -> int:
    return sum(layer.width for layer in recipe.hidden)


def _passes(recipe: Recipe, sizes: Sizes, cost: Cost) -> Iterator[tuple[str, tuple[float, float]]]:
    """The passes through frozen layers that a trial needs, by what they are of: an equal one is made once."""
    names = ("backbone", "alpha", "weights", "image_size", "channels", "pooling", "batch_normalization", "precision")
    network = [getattr(recipe, name) for name in names]
    films = sizes.passed(recipe)
    for phase, each in zip(recipe.phases, cost.phases, strict=True):
        if each.features:
            augmented = phase.augment and recipe.augmentation.active and recipe.cached_passes
            key = json.dumps([*network, phase.trainable, augmented, films])
            yield key, (films * each.features, films * each.feature_bytes)


def _learning(trial: Trial, sizes: Sizes, cost: Cost) -> float:
    """Seconds that a trial learns with one seed, over all folds."""
    seconds = 0.0
    for size in sizes.under(trial.recipe):
        for phase, each in zip(trial.recipe.phases, cost.phases, strict=True):
            seconds += phase.epochs * (size.used * each.train + size.validation * each.validate)
    return seconds


def _remarks(ready: Ready, trials: Sequence[Trial], disk: int) -> list[str]:
    """What must be known before the study starts."""
    study, tried, divided, words = ready.study, ready.trials, ready.folds, []
    if tried.impossible:
        words.append(f"Combinations left out because no network can be trained so: {tried.impossible}.")
    if tried.repeated:
        words.append(f"Combinations left out because they are the same as another: {tried.repeated}.")
    words += [
        f"Fold {name}: {count:,} films are left out because they show the same picture or patient as one of {name}."
        for name, count in zip(divided.names, divided.left_out, strict=False)
        if count
    ]
    if absent := grid.missing_weights(trials):
        then = "start from random weights and are marked" if study.random_weights else "are refused"
        words.append(
            f"ImageNet weights that are not on this computer: {', '.join(absent)}. They are downloaded where there is "
            f"a network; else their trials {then}."
        )
    root = folders.runs_folder()
    free = shutil.disk_usage(next(path for path in (root, *root.parents) if path.exists())).free
    if free < disk:
        words.append(f"The disk has {text.size(free)} free; the study may take {text.size(disk)}.")
    return words
