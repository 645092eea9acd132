"""pool.json: what a pooled folder was made of."""

from __future__ import annotations

from pathlib import Path

import msgspec

from xraykit.system import files

FORMAT = 1
POOL_RECORD = "pool.json"
MOST_RECORD = 64 * 2**20  # bytes of pool.json


class PoolRecord(msgspec.Struct, frozen=True):
    """pool.json: what a pooled folder was made of.

    Attributes
    ----------
    digest : str
        Of the request and of the films that were there; the same asked again gives the same.
    sources : dict of str to str
        Name of each source to the folder it lay in.
    classes : dict of str to str or None
        As asked: a class, or "source/class", to its new name; None left its films out.
    counts : dict of str to dict of str to int
        Films by class and source.
    left_out : dict of str to int
        Films by class left out on request.
    refused : list of dict
        Films that cannot be read, and why: `source`, `code`, `words`.
    copies : int
        Films left out on request because another source has the same picture.
    without : int
        Films left out on request, one by one: what the gate refuses, for instance.
    linked, copied : int
        Films that are hard links to those of the source, and copies.
    """

    digest: str
    sources: dict[str, str]
    classes: dict[str, str | None]
    counts: dict[str, dict[str, int]]
    films: list[str]
    left_out: dict[str, int] = {}
    refused: list[dict[str, str]] = []
    copies: int = 0
    without: int = 0
    linked: int = 0
    copied: int = 0
    format: int = FORMAT


def read_record(folder: Path) -> PoolRecord | None:
    """What a folder was pooled from; None where it is no pool, or its record cannot be read."""
    try:
        return msgspec.json.decode(files.read_plain(folder / POOL_RECORD, MOST_RECORD), type=PoolRecord)
    except (files.FileRefused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
