"""The reference standard of films: from the folder or manifest they were opened from, or a CSV. Opens no film."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from xraykit.datasets.layout import DatasetRefused
from xraykit.datasets.listing import folder, manifest, names
from xraykit.films.folders.zipped import Place
from xraykit.refused import Refused
from xraykit.system import files

MOST_BYTES = 16 * 2**20  # of a CSV


class ReferenceRefused(Refused):
    """A table that names no reference standard; the words say what was expected."""

    code = "reference"


@dataclass(frozen=True)
class Labels:
    """The class of films by their sha256, by their name, and by the end of their path."""

    by_sha256: Mapping[str, str] = field(default_factory=dict)
    by_name: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_sha256) + len(self.by_name)

    def label_of(self, sha256: str, name: str = "") -> str | None:
        """The class of a film; None where none is known."""
        last = PurePosixPath(name.replace("\\", "/")).name
        return self.by_sha256.get(sha256) or self.by_name.get(name) or self.by_name.get(last)


class Folders:
    """The folders that were opened, and the classes they give their films; each is listed when first asked for."""

    def __init__(self) -> None:
        self._labels: dict[Path, dict[str, str] | None] = {}
        self._guard = threading.Lock()

    def add(self, root: Path) -> None:
        """A folder that was opened; what was known of it is listed anew."""
        with self._guard:
            self._labels[root] = None

    def label(self, place: Place, name: str, classes: Iterable[str]) -> str | None:
        """The class of a film by the folder it was opened with, else by the folders in its name; None where neither is.

        Blocks while a folder is listed.
        """
        classes = tuple(classes)
        with self._guard:
            for root in self._labels:
                if isinstance(place, Path) and place.is_relative_to(root):
                    labels = self._labels[root]
                    if labels is None:
                        labels = self._labels[root] = of_folder(root, classes)
                    if label := labels.get(files.shown(place.relative_to(root).as_posix())):
                        return label
        return of_name(name, classes)


def of_name(name: str, classes: Iterable[str]) -> str | None:
    """The class that a folder in a film's name is called as, the topmost where several are; None where none is."""
    above = [names.label_of(part) for part in PurePosixPath(name.replace("\\", "/")).parts[:-1]]
    known = _canonical(above, classes)
    return next((known[part] for part in above if part in known), None)


def of_folder(root: Path, classes: Iterable[str]) -> dict[str, str]:
    """The class of each film below a folder, by its path with forward slashes; empty where none is labelled.

    A folder's name is a class only where it names one that may be found, whatever its upper and lower case: else a
    folder a patient would be taken for classes. Where two or more do, the folders beside them are classes too.
    """
    try:
        rows = folder.read(root, tuple(classes)).rows
    except (Refused, OSError):
        return {}
    known = _canonical({row.label for row in rows}, classes)
    if len(known) < 2:
        rows = tuple(row for row in rows if row.label in known)
    return {row.film: known.get(row.label, row.label) for row in rows}


def read_csv(data: bytes, classes: Iterable[str], name: str = "labels.csv") -> Labels:
    """The classes that a table names: a column of films (names, or sha256) and a column of classes.

    Raises
    ------
    ReferenceRefused
        If it is too large, no table, has no such columns, or none of its classes may be found.
    """
    if len(data) > MOST_BYTES:
        raise ReferenceRefused(f"Expected a table of at most {MOST_BYTES >> 20} MB.")
    try:
        table = manifest.parse(name, data)
    except DatasetRefused as refused:
        raise ReferenceRefused(refused.words) from None
    path, label = table.columns["path"], table.columns["label"]
    rows = [(cells[path].strip(), names.label_of(cells[label])) for cells in table.rows]
    given = {label for _, label in rows if label}
    classes = tuple(classes)
    known = _canonical(given, classes)
    if not known:
        raise ReferenceRefused(
            f"{name} names none of the findings of this session ({', '.join(classes)}); its classes are "
            f"{', '.join(sorted(given)[:5]) or 'empty'}. Give the classes the same names."
        )
    by_sha256, by_name = {}, {}
    for film, label in rows:
        if film and label:
            (by_sha256 if re.fullmatch("[0-9a-f]{64}", film) else by_name)[film] = known.get(label, label)
    return Labels(by_sha256, by_name)


def _canonical(given: Iterable[str], classes: Iterable[str]) -> dict[str, str]:
    """Of the labels given, those that name a class, and which; spelling differs by case, spaces and signs at most."""
    by_class = {names.essence(label): label for label in classes}
    return {label: by_class[names.essence(label)] for label in given if names.essence(label) in by_class}
