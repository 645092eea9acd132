"""Attacks on the app, each a module with `attack(count, seed) -> Outcome`: `make attack` runs them all at full size."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """What came of an attack.

    Attributes
    ----------
    tried : int
        How many attempts were made.
    faults : list of str
        One line for each promise that was broken, with what is needed to try it again.
    counts : dict of str to int
        What became of the others: "refused", "read", "resumed", ...
    """

    tried: int
    faults: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
