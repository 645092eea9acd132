"""The layout of a folder: by its manifest where it has one, else by class folders. Opens no film."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from xraykit.datasets.layout import DatasetRefused, Layout, is_manifest
from xraykit.datasets.listing import class_folders, manifest, names
from xraykit.datasets.listing.pool_record import POOL_RECORD
from xraykit.films.folders import walk

RECORD = "archive.json"  # what was left out of the zip that a folder was unpacked from


def read(root: Path, classes: Sequence[str] = (), walked: Callable[[int], None] | None = None) -> Layout:
    """The labelled films of a folder; `classes` are names known to be classes.

    `walked` is told how many files and folders were met so far; what it raises ends the reading.

    Raises
    ------
    FolderRefused
        As `walk.walk`: a folder of the operating system, or one too large.
    DatasetRefused
        If there is no such folder, its manifest cannot be used, it holds several datasets, or classes whose names
        differ so little that they may be one.
    """
    if not root.is_dir():
        words = f"{root} is a file; expected a folder of films." if root.is_file() else f"No folder at {root}."
        raise DatasetRefused(words, code="no-folder")
    tree = walk.walk(root, walked)
    tree.others = [name for name in tree.others if name not in (RECORD, POOL_RECORD)]
    table = _manifest_of(tree)
    layout = manifest.read(table, tree) if table else class_folders.read(tree, classes)
    _refuse_alike(root, layout)
    return layout


def _manifest_of(tree: walk.Folder) -> Path | None:
    """The manifest of a folder, or of the only folder in it."""
    folder = tree
    while True:
        if tables := [name for name in folder.others if is_manifest(name) and (folder.path / name).is_file()]:
            folder.others.remove(tables[0])
            return folder.path / tables[0]
        if folder.films or len(folder.folders) != 1:
            return None
        (folder,) = folder.folders


def _refuse_alike(root: Path, layout: Layout) -> None:
    counts = Counter(row.label for row in layout.rows)
    if sets := names.alike(counts):
        listed = "; ".join(", ".join(f"{label!r} ({counts[label]} films)" for label in labels) for labels in sets)
        raise DatasetRefused(
            f"{root} has classes whose names are nearly the same: {listed}. If they are one class, give the folders or "
            "the rows of the manifest one name; if not, give them names that differ in more than upper and lower case, "
            "spaces and punctuation.",
            code="classes-alike",
        )
