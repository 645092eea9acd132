"""What the gate would refuse of a folder, asked while its films are read. Leaves nothing out itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from xraykit.datasets import dataset
from xraykit.datasets.reading import samples
from xraykit.datasets.reading.index import Progress
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal, reasons
from xraykit.gate import verdict as gate

SHOWN = 8  # small pictures
WORDS: dict[str, str] = dict(zip(gate.CODES, ("not a chest film", "turned", "inverted"), strict=True))


class Gated:
    """Takes films as they are read; `folder`, where there is one, is where the first few pictures are written."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder, self.judged = folder, 0
        self.refused: list[Refusal] = []
        self.pictures: list[str] = []  # of the first few refused films, by their order

    def take(self, name: str, film: Radiograph | Refusal) -> None:
        """Ask the gate about a film; where it is off on this computer nothing is asked."""
        if isinstance(film, Refusal) or not gate.is_on():
            return
        self.judged += 1
        if (refusal := gate.check(film)) is None:
            return
        self.refused.append(replace(refusal, source=name))
        if self.folder and len(self.pictures) < SHOWN:
            file = f"{hashlib.sha256(f'gate {name}'.encode()).hexdigest()[:16]}.jpg"
            (self.folder / file).write_bytes(samples.jpeg(film.display(samples.LONGEST)))
            self.pictures.append(file)

    def to_dict(self) -> dict[str, Any]:
        """For films.json: {"gate": how many films were judged, which would be refused, pictures of the first few}."""
        if not self.judged:
            return {}
        named = [vars(refusal) for refusal in self.refused]
        return {"gate": {"judged": self.judged, "refused": named, "pictures": self.pictures}}


def refused_in(folder: Path, progress: Progress | None = None) -> list[str]:
    """The films of a folder that the gate refuses, by their paths there."""
    gated = Gated()
    dataset.read(folder, progress, look=gated.take, least_classes=1)
    return [refusal.source for refusal in gated.refused]


def counted(codes: Iterable[str]) -> str:
    """How often the gate refused, and why: "3 not a chest film, 1 turned"; "" where it refused nothing."""
    listed = reasons(Refusal("", code, "") for code in codes if code in gate.CODES)
    return ", ".join(f"{reason.count:,} {WORDS[reason.code]}" for reason in listed)
