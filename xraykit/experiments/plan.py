"""Plan: what a study would take, told before it starts, from two steps of each kind of trial; cut to a budget.

Trains nothing. Time is told as a range, because a probe of two steps on a busy computer cannot be exact.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xraykit.datasets import split
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.split import SplitPlan
from xraykit.experiments import folds, grid
from xraykit.experiments.folds import Folds
from xraykit.experiments.grid import Trial
from xraykit.experiments.study.design import Design
from xraykit.experiments.study.study import Study
from xraykit.refused import Refused
from xraykit.system import folders, jobs, text
from xraykit.system.job_folder import State
from xraykit.training.recipe.recipe import Recipe

FASTER, SLOWER = 0.7, 1.6  # ends of the range, times what was probed
PROCESS_SECONDS = 10.0  # to import a backend, once a study
RUN_SECONDS = 2.0  # to begin and to end a run: its folder, its evaluations, its files
COPIES = 4  # of a network's weights on disk: the model, and the checkpoint with the best weights and Adam's moments
LEAST_SHRINK = 0.05
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


@dataclass(frozen=True)
class FoldSize:
    """How many films one fold learns from (of those that its training part has), validates on, tests and leaves out."""

    name: str
    train: int
    used: int
    validation: int
    test: int
    left_out: int


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


@dataclass(frozen=True)
class Cut:
    """How a study fits into a budget: its new `shrink`, or None where shrinking alone does not do it."""

    budget: float
    shrink: float | None
    words: str


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
    grid.count(study)
    return Ready(study, films, grid.trials(study), folds.make(films, study.folds, study.recipe.split_plan))


def plan(
    ready: Ready,
    device: str = "auto",
    progress: Progress | None = None,
    estimator: Estimator | None = None,
    known: dict[str, Cost] | None = None,
) -> Plan:
    """What a study would take here.

    One trial of each kind is probed in a process of its own; trials that differ in rate, epochs or the like are of one
    kind. Of a TPE search, whose trials are not known yet, as many drawn by lot stand for them.

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
    study, films, trials = ready.study, ready.films, ready.trials
    samples = ready.samples()
    number = study.samples or len(samples) if study.design is Design.TPE else len(samples)
    kinds = {_kind(recipe): recipe for recipe in sorted((trial.recipe for trial in samples), key=_head_width)}
    probed = {} if known is None else known
    _probe(kinds, films, device, progress or (lambda what, done, total: None), estimator or estimate_apart, probed)
    share = number / len(samples) * len(study.seeds)
    sizes = _Sizes(films, ready.folds)
    learning = share * sum(_learning(trial, sizes, probed[_kind(trial.recipe)]) for trial in samples)
    passes: dict[str, tuple[float, float]] = {}  # seconds and bytes of each
    for trial in samples:
        passes.update(_passes(trial.recipe, sizes, probed[_kind(trial.recipe)]))
    features = sum(seconds for seconds, _ in passes.values())
    runs = number * len(ready.folds) * len(study.seeds)
    costs = {kind: probed[kind] for kind in kinds}
    start = PROCESS_SECONDS + runs * (RUN_SECONDS + _mean([cost.start for cost in costs.values()]))
    low, high = (ends * (learning + features + start) for ends in (FASTER, SLOWER))
    weights = _mean([probed[_kind(trial.recipe)].parameters for trial in samples]) * 4
    disk = int(runs * COPIES * weights + sum(size for _, size in passes.values()))
    return Plan(
        study=study.name,
        digest=study.digest,
        films=len(films),
        classes=films.counts(),
        folds=sizes.under(samples[0].recipe),
        held_out=len(ready.folds.test),
        seeds=len(study.seeds),
        trials=number,
        runs=runs,
        impossible=trials.impossible,
        repeated=trials.repeated,
        learning=learning,
        features=features,
        start=start,
        low=low,
        high=high,
        at_most=study.cut or any(trial.recipe.early_stopping for trial in samples),
        memory=max(cost.memory for cost in costs.values()),
        disk=disk,
        device=next(iter(costs.values())).device,
        shrink=samples[0].recipe.shrink,
        remarks=tuple(_remarks(ready, samples, disk)),
        probes=tuple({"backbone": kinds[kind].backbone, **dataclasses.asdict(cost)} for kind, cost in costs.items()),
    )


def cut(study: Study, planned: Plan, budget: float) -> Cut:
    """How the study fits into a budget of seconds, by the upper end of its range: fewer training films, if enough.

    Shrinking takes whole groups, and what each run takes to begin stays, as do the passes through frozen layers.
    """
    whole = text.duration(budget)
    if planned.high <= budget:
        return Cut(budget, planned.shrink, f"It fits into {whole} as it is.")
    rest = SLOWER * (planned.features + planned.start)
    share = (budget - rest) / (SLOWER * planned.learning) if planned.learning else 0.0
    shrink = math.floor(share * planned.shrink * 1000) / 1000
    if "shrink" in study.factors:
        words = "the fraction of training films is a factor of the study and is not cut"
    elif shrink < LEAST_SHRINK:
        words = f"learning from {LEAST_SHRINK:.0%} of the training films would still take longer"
    else:
        return Cut(
            budget,
            shrink,
            f"To fit into {whole}, each run learns from {shrink:.1%} of the training films (whole groups). Validation "
            "and test films stay as they are.",
        )
    trials = max(0, math.floor(planned.trials * budget / planned.high))
    return Cut(
        budget,
        None,
        f"It does not fit into {whole}: {words}. Take fewer values, folds, seeds or epochs: about {trials} of the "
        f"{planned.trials} trials would fit as they are.",
    )


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


def _kind(recipe: Recipe) -> str:
    """Trials of one kind take the same for each film and epoch."""
    data = {name: value for name, value in dataclasses.asdict(recipe).items() if name not in FREE}
    data["phases"] = [
        {name: phase[name] for name in ("trainable", "optimizer")} | {"augment": phase["augment"] and augments}
        for augments in [recipe.augmentation.active]
        for phase in data["phases"]
    ]
    return json.dumps(data, sort_keys=True)


def _head_width(recipe: Recipe) -> int:
    return sum(layer.width for layer in recipe.hidden)


def _passes(recipe: Recipe, sizes: _Sizes, cost: Cost) -> Iterator[tuple[str, tuple[float, float]]]:
    """The passes through frozen layers that a trial needs, by what they are of: an equal one is made once."""
    names = ("backbone", "alpha", "weights", "image_size", "channels", "pooling", "batch_normalization", "precision")
    network = [getattr(recipe, name) for name in names]
    films = sizes.passed(recipe)
    for phase, each in zip(recipe.phases, cost.phases, strict=True):
        if each.features:
            augmented = phase.augment and recipe.augmentation.active and recipe.cached_passes
            key = json.dumps([*network, phase.trainable, augmented, films])
            yield key, (films * each.features, films * each.feature_bytes)


def _probe(
    kinds: Mapping[str, Recipe],
    films: Dataset,
    device: str,
    progress: Progress,
    estimator: Estimator,
    costs: dict[str, Cost],
) -> None:
    """Add to `costs` those of the kinds that are not there yet."""
    for number, (kind, recipe) in enumerate(kinds.items()):
        if kind in costs:
            continue
        progress(f"Taking two steps of {recipe.backbone}.", number, len(kinds))

        def within(done: int, total: int, number: int = number, recipe: Recipe = recipe) -> None:
            progress(f"Taking two steps of {recipe.backbone}.", number, len(kinds))

        costs[kind] = _cost(recipe, films, estimator(recipe, films.root, device, within))


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


class _Sizes:
    """How many films each fold has under a recipe; counted once for each way of thinning the training films."""

    def __init__(self, films: Dataset, divided: Folds) -> None:
        self.films, self.folds = films, divided
        self.known: dict[SplitPlan, tuple[FoldSize, ...]] = {}
        self.passing: dict[SplitPlan, tuple[int, int]] = {}

    def under(self, recipe: Recipe) -> tuple[FoldSize, ...]:
        thinning = recipe.split_plan
        if thinning not in self.known:
            left_out = self.folds.left_out or (0,) * len(self.folds)
            self.known[thinning] = tuple(
                FoldSize(
                    name,
                    len(parts.train),
                    len(split.training(self.films, parts.train, thinning)),
                    len(parts.validation),
                    len(parts.test),
                    count,
                )
                for name, parts, count in zip(self.folds.names, self.folds.parts, left_out, strict=True)
            )
        return self.known[thinning]

    def passed(self, recipe: Recipe) -> int:
        """How many films go through frozen layers, each once and its augmented versions too, over all folds."""
        thinning, parts = recipe.split_plan, self.folds.parts
        if thinning not in self.passing:
            learned = set().union(*(split.training(self.films, part.train, thinning).tolist() for part in parts))
            others = set(self.folds.test.tolist()).union(*(set(part.validation) | set(part.test) for part in parts))
            self.passing[thinning] = len(learned | others), len(learned)
        films, augmented = self.passing[thinning]
        return films + recipe.cached_passes * augmented


def _learning(trial: Trial, sizes: _Sizes, cost: Cost) -> float:
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


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
