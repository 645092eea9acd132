"""Attacks on the app, each a module with `attack(count, seed) -> Outcome`: `make attack` runs them all at full size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


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


def tally(attempts: Sequence[Any], bench: Any) -> Outcome:
    """Make every attempt on a bench: each says what came of it, or fails an assertion, which is a fault."""
    faults, counts = [], Counter()
    for attempt in attempts:
        try:
            counts[attempt.make(bench)] += 1
        except AssertionError as fault:
            faults.append(f"{attempt}: {fault}"[:600])
    return Outcome(len(attempts), faults, dict(counts))
