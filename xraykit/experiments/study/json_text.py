"""Plain data from JSON that a person typed, pasted or edited, or in words why it is none."""

from __future__ import annotations

import json
import math
from typing import Any

from xraykit.refused import Refused
from xraykit.system import text as wording

MOST_BYTES = 2**20
MOST_DEPTH = 30  # of brackets; a study has seven
ADVICE = "Enter valid JSON: text in double quotes, decimals with a point, values separated by commas."


class JSONRefused(Refused):
    """Text that is no JSON that can be used; the words are advice for whoever typed it."""

    code = "json"


class NotJSON(JSONRefused):
    """Text that is no JSON at all."""

    code = "not-json"


def parse(text: str) -> Any:
    """What a text holds as JSON.

    Raises
    ------
    NotJSON
        If it is no JSON.
    JSONRefused
        If it is too long or too deeply nested, names a field twice (the first would be lost unseen), or holds
        a number or a letter that no file and no page can hold.
    """
    if len(text) > MOST_BYTES:
        raise JSONRefused(f"Enter at most {MOST_BYTES >> 20} MB of JSON.")
    try:
        data = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_number, parse_int=_whole
        )
    except JSONRefused:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise NotJSON(ADVICE) from None
    _check(data)
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JSONRefused(f"The field {_quoted(twice)} is there twice. Remove one of the two.")
    return data


def _no_number(constant: str) -> Any:
    raise JSONRefused(f"{constant} is no number in JSON. Enter a finite number, or null.")


def _number(digits: str) -> float:
    if math.isfinite(number := float(digits)):
        return number
    shown = digits if len(digits) <= 20 else f"{digits[:20]}..."
    raise JSONRefused(f"The number {shown} is too large for any field. Enter a smaller one.")


def _whole(digits: str) -> int:
    """A whole number that a float can stand beside: rules compare the two."""
    _number(digits)
    return int(digits)


def _check(data: Any) -> None:
    """Level by level, as a function that calls itself would end where the nesting is too deep."""
    level = [data]
    for _ in range(MOST_DEPTH):
        inside: list[Any] = []
        for value in level:
            if isinstance(value, str):
                _check_letters(value)
            elif isinstance(value, dict):
                inside += [*value, *value.values()]
            elif isinstance(value, list):
                inside += value
        if not (level := inside):
            return
    raise _too_deep()


def _check_letters(letters: str) -> None:
    try:
        letters.encode()
    except UnicodeEncodeError as error:
        code = f"\\u{ord(letters[error.start]):04x}"
        raise JSONRefused(f"{code} is half a letter: no file can hold it. Write the letter itself.") from None


def _too_deep() -> JSONRefused:
    return JSONRefused(f"The brackets are nested too deeply: a study has at most {MOST_DEPTH} levels. Remove some.")


def _quoted(name: str) -> str:
    return wording.quoted(name.encode("utf-8", "backslashreplace").decode())
