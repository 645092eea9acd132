"""Sizes: how many films each fold of a study has under a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from xraykit.datasets import split
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.split import SplitPlan
from xraykit.experiments.folds import Folds
from xraykit.training.recipe.recipe import Recipe


@dataclass(frozen=True)
class FoldSize:
    """How many films one fold learns from (of those that its training part has), validates on, tests and leaves out."""

    name: str
    train: int
    used: int
    validation: int
    test: int
    left_out: int


class Sizes:
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
