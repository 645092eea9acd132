"""Labelling: which films a folder holds and how they are labelled, by class folders or a manifest. Opens no film."""

from __future__ import annotations

import csv
from pathlib import Path, PureWindowsPath
from xraykit.refused import Refused
from xraykit.films import ingest


GROUP_COLUMNS = ("patient_id", "group", "patient", "subject_id")


class DatasetRefused(Refused):
    """A folder that cannot be used as a dataset; the message says what was found and what to do."""

    code = "dataset"


def rows(root: Path) -> tuple[list[tuple[str, str, str]], list[str]]:
    """(path below root, label, patient or "") of every labelled film, and the films without a label, both sorted.

    Raises
    ------
    DatasetRefused
        If there is no such folder, or its manifest is no table or leads outside.
    """
    if not root.is_dir():
        raise DatasetRefused(f"Expected a folder of films; there is none at {root}.")
    manifest = root / "manifest.csv"
    return _manifest_rows(manifest) if manifest.is_file() else _folder_rows(root)


def _folder_rows(root: Path) -> tuple[list[tuple[str, str, str]], list[str]]:
    """(path, label, patient) of every film in class folders, and the films that stand beside them."""
    labelled, unlabelled = [], []
    for film in ingest.list_films([root]):
        name = film.relative_to(root).as_posix()
        folder, _, rest = name.partition("/")
        if rest:
            labelled.append((name, folder, ""))
        else:
            unlabelled.append(name)
    return sorted(labelled), sorted(unlabelled)


def _manifest_rows(manifest: Path) -> tuple[list[tuple[str, str, str]], list[str]]:
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if not {"path", "label"} <= set(columns):
                raise DatasetRefused(f"Expected columns path and label in {manifest.name}; got {columns}.")
            group = next((column for column in GROUP_COLUMNS if column in columns), None)
            given = [(row["path"] or "", row["label"] or "", (row[group] or "") if group else "") for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetRefused(
            f"Expected a table with commas in UTF-8 in {manifest.name}; it cannot be read: {error}. Save it as CSV, "
            "UTF-8."
        ) from None
    for path, _, _ in given:
        if not path or _leads_outside(path):
            raise DatasetRefused(f"Expected paths below the folder in {manifest.name}; got {path!r}.")
    given.sort()
    return [row for row in given if row[1]], [path for path, label, _ in given if not label]


def _leads_outside(path: str) -> bool:
    windows = PureWindowsPath(path)  # splits at both kinds of slash
    return bool(windows.drive or windows.root) or ".." in windows.parts or "\0" in path
