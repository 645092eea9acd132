"""What is to be said of a film that is read: a code for programs and words for people, as for a refusal.

Knows no film: `png_jpeg`, `dicom` and `radiograph` make the notes, and whoever shows a film shows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


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
