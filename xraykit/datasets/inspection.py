"""Inspection: what a folder of films holds, and how it would be divided, before anything starts."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
import numpy as np
from xraykit.datasets import dataset
from xraykit.datasets import index
from xraykit.datasets import layout
from xraykit.datasets import split
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.system import jobs
from xraykit.system.files import replace_text
from xraykit.system.jobs import FILMS
from xraykit.system.jobs import Job
from xraykit.training.recipe.recipe import Recipe


RECIPE = "recipe.json"  # in a work's folder: the recipe whose split is to be told


def inspect(
    folder: Path, out: Path | None = None, progress: index.Progress | None = None, recipe: Recipe | None = None
) -> dataset.Dataset:
    """Read a folder of films; with `out`, tell there how far it is and write films.json.

    With a recipe, films.json also tells how that recipe divides the films and which of them it learns from.

    Raises
    ------
    DatasetRefused
        If it is no folder of films with a class.
    Stopped
        If it was asked to end.
    """
    if out is None:
        return dataset.read(folder, progress, least_classes=1)
    job = Job(out)
    with jobs.running(job, verb="inspect", data=str(folder.resolve())) as going:
        going.films = sum(dataset.count_labels(folder).values())

        def count(name: str, film: Radiograph | Refusal) -> None:
            going.count(name, vars(film) if isinstance(film, Refusal) else None)

        films = dataset.read(folder, progress, look=count, least_classes=1)
        job.write(FILMS, describe(films) | (divide(films, recipe) if recipe else {}))
    return films


def start_inspection(folder: Path, root: Path | None = None, recipe: Recipe | None = None) -> Job:
    """Look at a folder of films in a process of its own; returns where it tells how far it is."""
    job = jobs.create(folder.name, root)
    words = ["data", "inspect", "--json", f"--out={job.path}"]
    if recipe is not None:
        replace_text(job.path / RECIPE, recipe.to_json())
        words.append(f"--recipe={job.path / RECIPE}")
    job.start([*words, "--", str(folder)], verb="inspect", data=str(folder))
    return job


def describe(films: dataset.Dataset) -> dict[str, Any]:
    """What a folder holds, as plain data: films a class, and every refused, duplicate and unlabelled film by name."""
    return {
        "name": films.root.name,
        "digest": films.digest,
        "films": len(films),
        "classes": {name: n for name, n in films.counts().items() if n},
        "groups": len(np.unique(films.groups)),
        "group_rule": films.group_rule,
        "refused": [vars(refusal) for refusal in films.refused],
        "duplicates": [list(names) for names in films.duplicates()],
        "groups_with_several_classes": [list(names) for names in films.mixed_groups()],
        "unlabelled": list(films.unlabelled),
        "sha256": list(films.hashes),
    }


def divide(films: dataset.Dataset, recipe: Recipe) -> dict[str, Any]:
    """How a recipe divides the films: {"split": films a class of each part, "learned_from": those it learns from}.

    Films that cannot be divided give {"not_divided": words}.
    """
    try:
        parts = split.split(films, recipe.validation, recipe.test, recipe.seed)
    except layout.DatasetRefused as error:
        return {"not_divided": str(error)}
    return {
        "split": {name: films.counts(indices) for name, indices in parts.parts().items()},
        "learned_from": films.counts(split.training(films, parts.train, recipe)),
    }
