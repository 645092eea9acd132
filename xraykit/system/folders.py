"""Folders: where models, runs, evaluations, datasets and caches are kept; names a folder may have."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

PLAIN_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
REPOSITORY = Path(__file__).resolve().parents[2]  # what holds app.py, weights/ and this package


def datasets_folder() -> Path:
    """Where archives are unpacked: $XRAYKIT_DATASETS, else the repository's datasets/, which git ignores."""
    return Path(os.environ.get("XRAYKIT_DATASETS") or REPOSITORY / "datasets")


def models_folder() -> Path:
    """Where the models lie: $XRAYKIT_WEIGHTS, else the repository's weights/."""
    chosen = os.environ.get("XRAYKIT_WEIGHTS")
    return Path(chosen) if chosen else REPOSITORY / "weights"


def cache_folder() -> Path:
    """Where decoded films are kept: $XRAYKIT_CACHE, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("XRAYKIT_CACHE") or Path(base) / "xraykit")


def runs_folder() -> Path:
    """Where runs are kept: $XRAYKIT_RUNS, else the repository's runs/ (git-ignored)."""
    chosen = os.environ.get("XRAYKIT_RUNS")
    return Path(chosen) if chosen else REPOSITORY / "runs"


def evaluations_folder() -> Path:
    """Where the pages keep evaluations: below $XRAYKIT_RUNS, else the repository's runs/ (git-ignored)."""
    return runs_folder() / "evaluations"


def is_plain_name(name: str) -> bool:
    """May a run, a recipe or a kept model have this name? It becomes a folder's."""
    return re.fullmatch(PLAIN_NAME, name) is not None


def dated_names(about: str, otherwise: str = "unnamed") -> Iterator[str]:
    """Plain names for a new folder: the time and what it is about, then the same numbered from 2 on."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", about).strip("-.")[:60] or otherwise
    stem = f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{plain}"
    yield stem
    yield from (f"{stem}-{number}" for number in range(2, 1000))


def make_first_free(root: Path, names: Iterable[str]) -> Path | None:
    """Make a folder of the first of these names that is not taken in `root`; None where all are."""
    for name in names:
        with contextlib.suppress(FileExistsError):
            (root / name).mkdir(parents=True)
            return root / name
    return None
