"""Refused: the base of everything the house will not do as asked, with a code for programs and words for people."""

import os
import re


class Refused(ValueError):
    """Something that cannot be done as asked. Pages and the command line show its words and nothing else.

    Attributes
    ----------
    code : str
        Short, for programs: "model-corrupt", "recipe", ... A class has its own; one raise may name a narrower one.
    words : str
        One or two sentences for people: what was found, what was expected, what to do.
    """

    code = "refused"

    def __init__(self, words: str, *, code: str | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.code = code or self.code


def words_of(error: BaseException) -> str:
    """What people are told of an error: a refusal's words, the system's reason and the file, else its kind.

    Never the text of a library: it may hold what stands in a file, a patient's name among it.
    """
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        files = ", ".join(repr(name) for name in (error.filename, error.filename2) if name is not None)
        return f"{os.strerror(error.errno)}{f': {files}' if files else ''}."
    if isinstance(error, MemoryError):
        return "Memory ran out."
    return f"It ended with an error that was not foreseen ({type(error).__name__})."


def field_of(error: Exception) -> str:
    """Which field of a file msgspec found wrong: the one thing of its text that is told, as the rest may be a value."""
    at = re.search(r"`\$([.\w\[\]]*)`$", str(error))
    missing = re.match(r"Object missing required field `(\w+)`", str(error))
    place = ".".join(filter(None, (at and at[1].lstrip("."), missing and missing[1])))
    return place or "its fields"
