"""Catalog: the datasets known on this computer, by name. Opens no film and never fails because of an odd folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xraykit.datasets import dataset
from xraykit.datasets import layout
from xraykit.system import folders
from xraykit.training.run import run


# A folder of such folders is no dataset of classes "train" and "test": each of them is a dataset
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "seg_train", "seg_test"}


@dataclass(frozen=True)
class Known:
    """A dataset: its name, where it lies, where it is known from in words, and its files a class, not opened yet."""

    name: str
    path: Path
    origin: str
    counts: Mapping[str, int]


def known() -> list[Known]:
    """Datasets in $XRAYKIT_DATA, those uploaded, and those of earlier runs that are still there; each once."""
    found: dict[Path, Known] = {}
    for path, name, origin in (*_of_data_folder(), *_uploaded(), *_of_runs()):
        place = path.resolve()
        if place not in found and (counts := _counts(path)):
            found[place] = Known(name, path, origin, counts)
    return list(found.values())


def _of_data_folder() -> Iterator[tuple[Path, str, str]]:
    if not (given := os.environ.get("XRAYKIT_DATA")):
        return
    root, origin = Path(given), "folder XRAYKIT_DATA"
    if (root / "manifest.csv").is_file():
        yield root, root.name, origin
    for folder in _folders(root):
        inside = _folders(folder)
        parts = [part for part in inside if part.name.lower() in PARTS]
        if parts and len(parts) == len(inside):
            yield from ((part, f"{folder.name}/{part.name}", origin) for part in parts)
        else:
            yield folder, folder.name, origin


def _uploaded() -> Iterator[tuple[Path, str, str]]:
    return ((folder, folder.name, "uploaded") for folder in _folders(folders.datasets_folder()))


def _of_runs() -> Iterator[tuple[Path, str, str]]:
    for earlier in run.list_runs():
        try:
            data = earlier.read("status.json")["data"]
        except (OSError, ValueError, LookupError, TypeError):  # a broken run: the list of runs says so
            continue
        if isinstance(data, str) and data and "\0" not in data:
            yield Path(data), Path(data).name, f"used by the run {earlier.name}"


def _folders(root: Path) -> list[Path]:
    """Folders in a folder, sorted, hidden ones left out; none where it cannot be looked into."""
    try:
        with os.scandir(root) as inside:
            names = [found.name for found in inside if not found.name.startswith(".") and found.is_dir()]
    except (OSError, ValueError):
        return []
    return [root / name for name in sorted(names)]


def _counts(path: Path) -> Mapping[str, int]:
    """Files a class; nothing where it is no dataset of two classes or more."""
    try:
        counts = dataset.count_labels(path)
    except (layout.DatasetRefused, OSError, ValueError):
        return {}
    return counts if len(counts) > 1 else {}
