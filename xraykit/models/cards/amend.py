"""Adding to a kept model what was found out about it later: an evaluation on other films, a check.

The network's own files never change.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from xraykit.models.cards import card as cards
from xraykit.models.cards.card import CARD, KEPT_FILES, Card, ModelRefused
from xraykit.system import files as system_files
from xraykit.system import folders


def amend(
    folder: Path,
    change: Callable[[Card], Card],
    *,
    add: Mapping[str, bytes] | None = None,
    drop: Collection[str] = (),
) -> Card:
    """Change a kept model's card, and the files beside its network; returns the new card.

    Whoever reads meanwhile sees the old card with its files, or the new one with its own: a file of `add` must have a
    name that the folder does not have yet (`named` makes one), and those of `drop` go last.

    Raises
    ------
    ModelRefused
        If the card cannot be read, another process is changing it, or the new card would be invalid.
    """
    with folders.claimed(folder.parent, folder.name) as ours:
        if not ours:
            raise ModelRefused(
                f"Another process is changing the model {folder.name}. Wait until it is done, then try again.",
                code="card-invalid",
            )
        before = cards.read(folder)
        if taken := [name for name in add or {} if (folder / name).exists() or name in KEPT_FILES]:
            raise ValueError(f"Expected new names; {taken} are there.")
        for name, content in (add or {}).items():
            system_files.replace_bytes(folder / name, content, shared=True)
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in (add or {}).items()}
        stays = {name: digest for name, digest in before.files.items() if name not in drop}
        after = dataclasses.replace(change(before), files={**stays, **hashes})
        text = after.to_json()
        Card.from_json(text, f"{folder.name}/{CARD}")
        system_files.replace_text(folder / CARD, text, shared=True)
        for name in set(drop) - set(KEPT_FILES) - {CARD}:
            (folder / name).unlink(missing_ok=True)
    return after


def named(stem: str, content: bytes, suffix: str = ".json") -> str:
    """A file's name that says what it holds and differs where the content does: "kermany-1a2b3c4d.json"."""
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:8]}{suffix}"
