"""Which films a folder holds and how they are labelled, by class folders or a manifest. Opens no film."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from xraykit.films import ingest
from xraykit.refused import Refused

MANIFEST = "manifest.csv"
PATIENT_COLUMNS = ("patient_id", "group", "patient", "subject_id")


class DatasetRefused(Refused):
    """A folder that cannot be used as a dataset; the message says what is wrong and what to do."""

    code = "dataset"


class Row(NamedTuple):
    """A film: its path below the root with forward slashes, its label, its patient ("" where unknown)."""

    film: str
    label: str
    patient: str = ""


@dataclass(frozen=True)
class Layout:
    """The labelled films and the paths of those without a label, both sorted by path.

    `patient_column` is the manifest's column of patient ids, "" where there is none.
    """

    rows: tuple[Row, ...]
    unlabelled: tuple[str, ...]
    patient_column: str = ""


def read(root: Path) -> Layout:
    """The layout of a folder.

    Raises
    ------
    DatasetRefused
        If there is no such folder, or its manifest is no table or leads outside.
    """
    if not root.is_dir():
        raise DatasetRefused(f"No folder at {root}.")
    manifest = root / MANIFEST
    return _read_manifest(manifest) if manifest.is_file() else _walk_class_folders(root)


def _walk_class_folders(root: Path) -> Layout:
    """Films in a folder are of the class that its topmost folder names; those beside the folders have no label."""
    names = sorted(film.relative_to(root).as_posix() for film in ingest.list_films([root]))
    return Layout(
        rows=tuple(Row(name, name.partition("/")[0]) for name in names if "/" in name),
        unlabelled=tuple(name for name in names if "/" not in name),
    )


def _read_manifest(manifest: Path) -> Layout:
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns = table.fieldnames or []
            if not {"path", "label"} <= set(columns):
                raise DatasetRefused(f"{MANIFEST} needs the columns path and label; it has {', '.join(columns)}.")
            patient = next((column for column in PATIENT_COLUMNS if column in columns), "")
            rows = sorted(Row(row["path"] or "", row["label"] or "", row.get(patient) or "") for row in table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetRefused(
            f"{MANIFEST} cannot be read as a table: {error}. Save it as CSV with commas, in UTF-8."
        ) from None
    for row in rows:
        if not row.film or _leads_outside(row.film):
            raise DatasetRefused(f"Every path in {MANIFEST} must lie below the folder; got {row.film!r}.")
    labelled = tuple(row for row in rows if row.label)
    return Layout(labelled, tuple(row.film for row in rows if not row.label), patient)


def _leads_outside(path: str) -> bool:
    windows = PureWindowsPath(path)  # splits at both kinds of slash
    return bool(windows.drive or windows.root) or ".." in windows.parts or "\0" in path
