"""Refusal: a file that is not read as a film, with a code for programs and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass

from xraykit.refused import Refused


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
        One or two sentences: what was found, what was expected, what to do.
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
        One or two sentences for people: what was found, what was expected, what to do.
    """

    code = "not-a-radiograph"


def not_a_radiograph(code: str, source: str, expected: str, got: str, advice: str) -> NotARadiograph:
    """Word a refusal the way every message of the house is worded."""
    return NotARadiograph(f"Expected {expected}; got {got} (file {source}). {advice}", code=code)
