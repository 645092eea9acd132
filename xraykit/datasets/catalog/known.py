"""The datasets known on this computer, by name. Opens no film and never fails because of an odd folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xraykit.datasets import layout
from xraykit.datasets.layout import Row
from xraykit.datasets.listing import folder as listing
from xraykit.system import files, folders


@dataclass(frozen=True)
class Known:
    """A dataset that is not opened yet: its name, its folder, its files per class, and per source where it says any."""

    name: str
    path: Path
    counts: Mapping[str, int]
    sources: Mapping[str, int] = field(default_factory=dict)


def known(earlier: Iterable[Path] = ()) -> list[Known]:
    """Datasets in $XRAYKIT_DATA, those uploaded, and those used `earlier` that are still there; each once."""
    datasets: dict[Path, Known] = {}
    for name, path in (*_in_data_folder(), *_uploaded(), *((path.name, path) for path in earlier)):
        rows = _rows(path)
        counts = dict(sorted(Counter(row.label for row in rows).items()))
        if len(counts) > 1:
            sources = Counter(row.source for row in rows if row.source)
            datasets.setdefault(path.resolve(), Known(files.shown(name), path, counts, dict(sources.most_common())))
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


def _rows(path: Path) -> tuple[Row, ...]:
    """Its labelled files; none where it is no dataset."""
    try:
        return listing.read(path).rows
    except (layout.DatasetRefused, OSError, ValueError):
        return ()
