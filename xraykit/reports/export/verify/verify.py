"""Verify: make a report again from its JSON and what it rests on, and say figure by figure whether they agree.

The JSON names films, models and files by their SHA-256; where they lie, whoever asks must know (`Places`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xraykit.reports.export.verify import agreement, films, records, sidecar
from xraykit.reports.export.verify.agreement import Figure
from xraykit.reports.export.verify.films import Again
from xraykit.reports.export.verify.places import Places
from xraykit.reports.export.verify.sidecar import NotVerified, Sidecar

VERBS: dict[str, Callable[[Sidecar, Places], Again]] = {
    "report film": films.again,
    "report compare": records.compare,
    "report run": records.run,
    "report study": records.study,
    "report model": records.model,
    "report data": records.data,
    "report reading": records.reading,
}


@dataclass(frozen=True)
class Part:
    """How much of one part of a report was compared: numbers, texts, pictures, and how many of all differ."""

    title: str
    numbers: int
    texts: int
    pictures: int
    differing: int


@dataclass(frozen=True)
class Verified:
    """Every figure that was compared, and the software that is another now.

    `kind` is what the report is called, "film"; `notes` are what a reader must know of the comparison.
    """

    kind: str
    figures: tuple[Figure, ...]
    software: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def differences(self) -> tuple[Figure, ...]:
        return tuple(figure for figure in self.figures if not figure.agrees)

    @property
    def agrees(self) -> bool:
        return not self.differences

    def count(self, kind: str) -> int:
        """How many "number", "text" or "picture" were compared."""
        return sum(figure.kind == kind for figure in self.figures)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the report in their order."""
        counts: dict[str, list[int]] = {}
        for figure in self.figures:
            row = counts.setdefault(figure.part, [0, 0, 0, 0])
            if figure.kind != "other":
                row[("number", "text", "picture").index(figure.kind)] += 1
            row[3] += not figure.agrees
        return tuple(Part(title, *row) for title, row in counts.items())

    def to_dict(self) -> dict[str, Any]:
        """Plain data: every figure with its place, both values and whether they agree."""
        return {
            "kind": self.kind,
            "agrees": self.agrees,
            "numbers": self.count("number"),
            "texts": self.count("text"),
            "pictures": self.count("picture"),
            "differing": len(self.differences),
            "software": list(self.software),
            "notes": list(self.notes),
            "figures": [vars(figure) for figure in self.figures],
        }


def verify(path: Path, places: Places | None = None) -> Verified:
    """Make the report of a JSON file again, and compare.

    Raises
    ------
    NotVerified
        If the file is no report that can be made again, or what it rests on is not in these places.
    Refused
        If that is there and cannot be read: a model, a run, a session.
    """
    given = sidecar.read(path)
    if given.verb not in VERBS:
        known = ", ".join(verb.removeprefix("report ") for verb in VERBS)
        raise NotVerified(f"{given.name} is a report of a kind that cannot be made again; these can: {known}.")
    made = VERBS[given.verb](given, places or Places())
    now = json.loads(made.report.to_json())
    figures = (*made.files, *agreement.figures(given.held, now))
    kind = given.verb.removeprefix("report ")
    return Verified(kind, figures, tuple(sidecar.other_software(given.versions)), made.notes)
