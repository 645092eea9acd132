"""Everything that a training is told before it begins: its films and their parts, its speed, where it goes on from."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xraykit.datasets import dataset
from xraykit.datasets import split as splits
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training.fit import autotune
from xraykit.training.fit.callbacks import Recorder
from xraykit.training.fit.checkpoint import Checkpoint, Progress
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run.run import Stage


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that a training is told before it begins.

    Attributes
    ----------
    name : of the run, which its evaluations carry.
    recipe : Recipe
    films : Dataset
    parts : Split
    learned : (n,) int64
        The training films that are learned from: fewer than the training split where the recipe shrinks or
        undersamples.
    speed : Speed
        Precision and compilation.
    checkpoint : Checkpoint or None
        To go on from.
    accumulation : int
        Parts that each batch is passed in, their gradients added up; 2 once memory ran out.
    finish : bool
        Learn no more: evaluate what the checkpoint holds.
    seconds_per_epoch : sequence of float
        Of each phase as estimated before; empty where nobody did.
    """

    name: str
    recipe: Recipe
    films: dataset.Dataset
    parts: splits.Split
    learned: np.ndarray
    speed: autotune.Speed
    checkpoint: Checkpoint | None = None
    accumulation: int = 1
    finish: bool = False
    seconds_per_epoch: Sequence[float] = ()

    @property
    def finer(self) -> int:
        """Steps that each step of the checkpoint has become, because memory ran out after it."""
        return 1 if self.checkpoint is None else max(1, self.accumulation // self.checkpoint.progress.accumulation)

    def start(self) -> Progress:
        """Where the training begins: at the checkpoint, else at the very beginning."""
        if self.checkpoint is None:
            return Progress(accumulation=self.accumulation, precision=self.speed.precision, jit=self.speed.jit)
        progress = copy.deepcopy(self.checkpoint.progress)
        progress.step *= self.finer
        progress.accumulation *= self.finer
        return progress


def make(
    name: str,
    recipe: Recipe,
    films: dataset.Dataset,
    recorder: Recorder,
    *,
    recorded: Mapping[str, Any] | None = None,
    device_name: str = "",
    accumulation: int = 1,
    finish: bool = False,
    seconds_per_epoch: Sequence[float] = (),
) -> Plan:
    """Divide the films, look for a checkpoint, and measure the fastest way to train where there is none.

    `recorded` is what `split.describe` gave when the training first began: its split is kept, whatever library would
    divide the films today. `device_name` is that of the GPU. The rest is as in `Plan`.

    Raises
    ------
    Stopped
        If the training was asked to stop while speeds were measured.
    DatasetRefused
        If the films are too few to divide, or others than those recorded.
    RunRefused, RecipeRefused
        If there is a checkpoint that cannot be read, or is of another recipe.
    """
    if recorded is None:
        parts = splits.split(films, recipe.split_plan)
    else:
        parts = splits.recorded(films, recorded, name)
    last = recorder.last_checkpoint()
    if last is None:
        speed = _fastest(recipe, device_name, recorder)
    else:
        speed = autotune.Speed(last.progress.precision, last.progress.jit)
        accumulation = max(accumulation, last.progress.accumulation)
    learned = splits.training(films, parts.train, recipe.split_plan)
    return Plan(name, recipe, films, parts, learned, speed, last, accumulation, finish, seconds_per_epoch)


def _fastest(recipe: Recipe, device_name: str, recorder: Recorder) -> autotune.Speed:
    """The fastest way to train on this device, measured where no earlier run has."""

    def measuring(words: str) -> None:
        recorder.stage(Stage.MEASURING, message=words)
        if recorder.stop_asked():
            raise Stopped("Stopped before the first step.")

    speed = autotune.choose(recipe, device_name, progress=measuring)
    if speed.trials:
        recorder.event("speed", **speed.to_json())
    return speed
