"""What is to be said of a film that is read: a code for programs and words for people, as for a refusal.

Knows no film: `stills`, `dicom` and `radiograph` make the notes, and whoever shows a film shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Note:
    """Something about a film that was read.

    Plain data: `vars(note)` goes into JSON, `Note(**data)` comes back.

    Attributes
    ----------
    code : str
        Short, for programs: "lateral", "palette", ...
    words : str
        One or two sentences, for people.
    warning : bool
        Whether a person must know it before believing a model probability of the film. Otherwise it is a fact of the
        file or of how it was read.
    """

    code: str
    words: str
    warning: bool = False


def warnings(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Those that a person must see, in their order."""
    return tuple(note for note in notes if note.warning)


@dataclass(frozen=True)
class Tally:
    """How many films of a folder a note is about, with one of them and what is said of it."""

    note: Note
    films: int
    example: str

    def to_json(self) -> dict[str, Any]:
        """As plain data, the note's fields among the others."""
        return {**vars(self.note), "films": self.films, "example": self.example}


def line(notes: Iterable[Note]) -> str:
    """All notes of a film in one line, warnings first: "lateral: A lateral view; bits: 12 bits stored"."""
    ordered = sorted(notes, key=lambda note: not note.warning)
    # a semicolon parts the notes, so none may be in one
    return "; ".join(f"{note.code}: {note.words.rstrip('.').replace(';', ',')}" for note in ordered)


def tally(films: Mapping[str, Sequence[Note]]) -> list[Tally]:
    """What is said of films, by name, counted by code: warnings first, then the most frequent."""
    counted: dict[str, Tally] = {}
    for name, notes in films.items():
        for note in {note.code: note for note in notes}.values():
            before = counted.get(note.code, Tally(note, 0, name))
            counted[note.code] = Tally(before.note, before.films + 1, before.example)
    return sorted(counted.values(), key=lambda tally: (not tally.note.warning, -tally.films))
