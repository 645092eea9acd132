"""How a study makes trials of its factors and divides its films: the choices there are. Checks no value."""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


class Design(enum.StrEnum):
    """How trials are made of factors."""

    ONE_AT_A_TIME = "one at a time"  # the base, then each other value of each factor with the rest as in the base
    GRID = "grid"  # every combination
    RANDOM = "random"  # `samples` combinations by lot
    TPE = "tpe"  # `samples` combinations, each chosen by what the ones before it gave (Bergstra et al. 2011)

    @property
    def is_search(self) -> bool:
        """Does it try `samples` combinations, and not all?"""
        return self in (Design.RANDOM, Design.TPE)


class FoldKind(enum.StrEnum):
    """How the films outside the test split are divided into training and validation."""

    SINGLE = "single"  # one division, as a run of Fine-tune has it
    CROSS_VALIDATION = "cross-validation"  # each film validates once
    LEAVE_ONE_SOURCE_OUT = "leave-one-source-out"  # each source is the test of networks that never saw it


def combinations(design: Design, base: Mapping[str, Any], factors: Mapping[str, Sequence[Any]]) -> Iterator[dict]:
    """The settings that a design tries, in order; all there are where it is a search.

    `base` has the recipe's own value of each factor.
    """
    if design is not Design.ONE_AT_A_TIME:
        for values in itertools.product(*factors.values()):
            yield dict(zip(factors, values, strict=True))
        return
    yield dict(base)
    for path, values in factors.items():
        yield from ({**base, path: value} for value in values if value != base[path])


def count_combinations(design: Design, factors: Mapping[str, Sequence[Any]]) -> int:
    """How many `combinations` there are at most."""
    if design is Design.ONE_AT_A_TIME:
        return 1 + sum(len(values) for values in factors.values())
    return math.prod(len(values) for values in factors.values())
