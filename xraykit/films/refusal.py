"""What a file that is not read as a film is answered with: a code for programs and words for people.

The words say what is wrong and what to do, never which file: pages and the terminal set its name beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xraykit.films.folders.member import Member
from xraykit.refused import Refused

Film = Path | Member | tuple[str, bytes]  # where a film lies, in a zip or not, or its name and its bytes
TOO_MUCH_MEMORY = "The film needs too much memory to decode. Export it at a smaller size."


@dataclass(frozen=True)
class Refusal:
    """A file that was not read.

    Attributes
    ----------
    source : str
        Its name.
    code : str
        Short, for programs: "timeout", "truncated", ...
    words : str
        One or two sentences: what is wrong and what to do.
    """

    source: str
    code: str
    words: str


class NotARadiograph(Refused):
    """Bytes that cannot be read as a film.

    Attributes
    ----------
    code : str
        Short, for programs: "truncated", "too-many-pixels", ...
    words : str
        One or two sentences for people: what is wrong and what to do.
    source : str
        The file's name, where it is known; it stands before the words when the error is printed alone.
    """

    code = "not-a-radiograph"

    def __init__(self, words: str, *, code: str | None = None, source: str = "") -> None:
        super().__init__(words, code=code)
        self.source = source

    def __str__(self) -> str:
        return f"{self.source}: {self.words}" if self.source else self.words


@dataclass(frozen=True)
class Reason:
    """One reason for which files were refused: how often, and the first of them with its words."""

    code: str
    count: int
    example: str
    words: str


def reasons(refused: Iterable[Refusal]) -> list[Reason]:
    """Refusals by their code, the most frequent first."""
    by_code: dict[str, list[Refusal]] = {}
    for refusal in refused:
        by_code.setdefault(refusal.code, []).append(refusal)
    counted = [Reason(code, len(those), those[0].source, those[0].words) for code, those in by_code.items()]
    return sorted(counted, key=lambda reason: -reason.count)


def name_of(film: Film) -> str:
    """The film's file name made fit for messages: printable, at most 200 characters."""
    name = printable(film[0] if isinstance(film, tuple) else film.name or str(film))
    return name if len(name) <= 200 else f"{name[:120]}…{name[-79:]}"


def printable(name: str) -> str:
    """A stranger's name or path without what a terminal would obey or a file could not hold."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def refuse(film: Film, code: str, words: str) -> Refusal:
    """The refusal of a film by its name."""
    return Refusal(name_of(film), code, words)


def too_large(film: Film, size: int, limit: int) -> Refusal:
    """The refusal of a file of more bytes than the limit."""
    words = f"The file has {size / 2**20:.0f} MB; the limit is {limit // 2**20} MB. Export the film at a smaller size."
    return refuse(film, "file-too-large", words)
