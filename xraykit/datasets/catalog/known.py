"""The datasets known on this computer, by name. Opens no film and never fails because of an odd folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xraykit.datasets import dataset, layout
from xraykit.system import files, folders


@dataclass(frozen=True)
class Known:
    """A dataset that is not opened yet: its name, its folder, and its files per class."""

    name: str
    path: Path
    counts: Mapping[str, int]


def known(earlier: Iterable[Path] = ()) -> list[Known]:
    """Datasets in $XRAYKIT_DATA, those uploaded, and those used `earlier` that are still there; each once."""
    datasets: dict[Path, Known] = {}
    for name, path in (*_in_data_folder(), *_uploaded(), *((path.name, path) for path in earlier)):
        if counts := _counts(path):
            datasets.setdefault(path.resolve(), Known(files.shown(name), path, counts))
    return list(datasets.values())


def _in_data_folder() -> Iterator[tuple[str, Path]]:
    if not (given := os.environ.get("XRAYKIT_DATA")):
        return
    root = Path(given)
    if any((root / name).is_file() for name in layout.MANIFESTS):
        yield root.name, root
    yield from ((folder.name, folder) for folder in _folders(root))


def _uploaded() -> Iterator[tuple[str, Path]]:
    return ((folder.name, folder) for folder in _folders(folders.datasets_folder()))


def _folders(root: Path) -> list[Path]:
    """Folders in a folder, sorted, hidden ones left out; none where it cannot be looked into."""
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except (OSError, ValueError):
        return []
    return [root / name for name in sorted(names)]


def _counts(path: Path) -> Mapping[str, int]:
    """Files per class; nothing where it is no dataset of two classes or more."""
    try:
        counts = dataset.count_labels(path)
    except (layout.DatasetRefused, OSError, ValueError):
        return {}
    return counts if len(counts) > 1 else {}
