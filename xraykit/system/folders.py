"""Folders: where models, runs, evaluations, datasets and caches are kept; names a folder may have."""

from __future__ import annotations

import os
import re
from pathlib import Path

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


def is_plain_name(name: str) -> bool:
    """May a run or a kept model have this name? It becomes a folder's."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name))


def evaluations_folder() -> Path:
    """Where the pages keep evaluations: below $XRAYKIT_RUNS, else the repository's runs/ (git-ignored)."""
    return runs_folder() / "evaluations"
