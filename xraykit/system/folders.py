"""Folders: where models, runs, evaluations, datasets and caches are kept; names a folder may have."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from xraykit.system import files

PLAIN_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
UNFINISHED, BEFORE = "part", "before"  # endings of hidden folders: one being made, one that a new one replaces
_LEFT = re.compile(rf"\.({PLAIN_NAME})\.[0-9a-f]{{8}}\.({UNFINISHED}|{BEFORE})")
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


def readings_folder() -> Path:
    """Where reading sessions are kept: below $XRAYKIT_RUNS, else the repository's runs/ (git-ignored)."""
    return runs_folder() / "readings"


def is_plain_name(name: str) -> bool:
    """May a run, a recipe or a kept model have this name? It becomes a folder's."""
    return re.fullmatch(PLAIN_NAME, name) is not None


def dated_names(about: str, otherwise: str = "unnamed") -> Iterator[str]:
    """Plain names for a new folder: the time and what it is about, then the same numbered from 2 on."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", about).strip("-.")[:60] or otherwise
    stem = f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{plain}"
    yield stem
    yield from (f"{stem}-{number}" for number in range(2, 1000))


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, which only this user may open: films lie in it."""
    if not folder.parent.exists():
        make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def close_private(folder: Path) -> None:
    """`make_private`, for a folder that is xraykit's alone: one that is there already is closed to others too."""
    make_private(folder)
    if os.name == "posix":
        there = folder.stat()
        shared = there.st_mode & stat.S_ISVTX  # as /tmp is
        if there.st_uid == os.geteuid() and not shared and stat.S_IMODE(there.st_mode) & 0o077:
            folder.chmod(0o700)


def make_first_free(root: Path, names: Iterable[str]) -> Path | None:
    """Make a folder of the first of these names that is not taken in `root`; None where all are."""
    for name in names:
        with contextlib.suppress(FileExistsError):
            make_private(root)
            (root / name).mkdir(mode=0o700)
            return root / name
    return None


@contextlib.contextmanager
def claimed(root: Path, name: str) -> Iterator[bool]:
    """Hold a name of `root` while a folder of that name is made; gives False where another holds it.

    The claim ends with its process, however that ends.
    """
    path = root / f".{name}.lock"
    while True:
        with files.open_lock(path) as lock:
            ours = files.try_lock(lock)
            if ours and not _is_at(lock.fileno(), path):
                continue  # its holder has just removed it: what is locked here is nobody's any more
            try:
                yield ours
            finally:
                if ours:
                    with contextlib.suppress(OSError):  # Windows removes no open file
                        path.unlink()
            return


def put(unfinished: Path, target: Path, before: Path) -> None:
    """Give an unfinished folder its name; one that has it already stays, as `before`, until the new one stands."""
    replaced = os.path.lexists(target)
    if replaced:
        os.rename(target, before)
    try:
        os.rename(unfinished, target)
    except OSError:
        if replaced:
            os.rename(before, target)
        raise
    if replaced:
        shutil.rmtree(before, ignore_errors=True)


def restore(root: Path) -> None:
    """Clear away what killed processes left in `root`: what they were replacing has its name again."""
    for left in sorted(root.glob(".*")):
        if (match := _LEFT.fullmatch(left.name)) is None:
            continue
        with contextlib.suppress(OSError), claimed(root, match[1]) as ours:
            if not ours:
                continue
            if match[2] == BEFORE and not os.path.lexists(root / match[1]):
                os.rename(left, root / match[1])
            else:
                shutil.rmtree(left, ignore_errors=True)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
