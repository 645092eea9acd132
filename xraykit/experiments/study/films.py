"""The films of a study: its datasets found by name, and pooled where there are several or classes are renamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xraykit.datasets import pool
from xraykit.datasets.catalog import known
from xraykit.datasets.layout import DatasetRefused
from xraykit.datasets.listing import pool_request
from xraykit.datasets.reading.index import Progress
from xraykit.experiments.study.study import Study
from xraykit.films.samples import example
from xraykit.system import files


def find(study: Study, given: Sequence[Path] = ()) -> dict[str, Path]:
    """The folders of a study's datasets, by name: those given, else those the study names; the example set is drawn.

    Raises
    ------
    DatasetRefused
        If the study names none, one of them is not on this computer, or two folders given have one name.
    """
    if given:
        folders = {files.shown(path.resolve().name): path for path in given}
        if len(folders) < len(given):
            raise DatasetRefused("Two of the folders have the same name, which tells the sources apart. Rename one.")
        return folders
    if not study.data:
        raise DatasetRefused(f"The study {study.name} names no dataset. Choose a folder of films (--data DIR).")
    if example.NAME in study.data:
        example.folder()  # drawn here, the first time
    there_are = {each.name: each.path for each in known.known()}
    if missing := [name for name in study.data if name not in there_are]:
        raise DatasetRefused(
            f"The study {study.name} is meant for {', '.join(study.data)}; not on this computer: {', '.join(missing)}. "
            f"Get it (python -m xraykit data get {missing[0]}), put its folder where XRAYKIT_DATA points, or choose "
            "other folders of films (--data DIR)."
        )
    return {name: there_are[name] for name in study.data}


def gather(study: Study, folders: Mapping[str, Path], progress: Progress | None = None) -> Path:
    """One folder with the study's films: the dataset itself, or a pool where there are several or classes change.

    Raises
    ------
    DatasetRefused
        If a folder is no dataset, fewer than two classes remain, or the study names a class that none of its own
        datasets has; other datasets may lack some.
    """
    unknown = set(pool_request.unknown_classes(folders, study.classes))
    if unknown and (not study.data or set(folders) == set(study.data)):
        raise DatasetRefused(
            f"The study {study.name} renames or leaves out {', '.join(sorted(unknown))}, which {', '.join(folders)} "
            "has not. Correct its classes."
        )
    classes = {label: new for label, new in study.classes.items() if label not in unknown}
    if len(folders) == 1 and all(label == new for label, new in classes.items()):
        return next(iter(folders.values()))
    return pool.pool(folders, classes, study.name, progress=progress)
