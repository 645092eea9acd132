"""The cells of a CSV file that may have been through a spreadsheet: read as they were written, or refused in words."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from xraykit.refused import Refused
from xraykit.system.files import csv_text

AGAIN = "Download it again: a spreadsheet may have rewritten it."
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SEPARATORS = {";": "semicolons", "\t": "tabs"}


class TableRefused(Refused):
    """A CSV file that is no table of a study; the words say what was expected."""

    code = "study-table"


def rows(text: str, needed: Sequence[str]) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns, in any order, and the rows by column, each with its line; empty rows are left out.

    Raises
    ------
    TableRefused
        If a needed column is missing, a column is there twice, or a row has more or fewer cells.
    """
    try:
        lines = list(csv.reader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), newline="")))
    except csv.Error:  # a field of over 128 KiB: a quotation mark that is never closed
        raise TableRefused(f"Expected a study's results as CSV; a cell in it never ends. {AGAIN}") from None
    columns = [csv_text(cell) for cell in lines[0]] if lines else []
    _check_columns(columns, needed)
    listed = []
    for line, cells in enumerate(lines[1:], 2):
        if not any(cells):
            continue
        if len(cells) != len(columns):
            raise TableRefused(
                f"Expected {len(columns)} cells in line {line} of the CSV; got {len(cells)}. Download it again."
            )
        listed.append((line, dict(zip(columns, map(csv_text, cells), strict=True))))
    return columns, listed


def _check_columns(columns: Sequence[str], needed: Sequence[str]) -> None:
    header = ",".join(columns)
    for separator, name in _SEPARATORS.items():
        if header.count(separator) > header.count(","):
            raise TableRefused(
                f"Expected a study's results as CSV with commas between cells; these are {name}, as some spreadsheets "
                "write it. Save it with commas, and numbers with a point; or download it again from Experiments."
            )
    if missing := [name for name in needed if name not in columns]:
        raise TableRefused(
            f"Expected a study's results as CSV; its column{'s' * (len(missing) > 1)} {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Choose a file that was downloaded from Experiments."
        )
    if twice := next((name for name in columns if columns.count(name) > 1), None):
        raise TableRefused(f"Expected each column of the CSV once; {twice} is there twice. {AGAIN}")


@contextmanager
def naming(line: int) -> Iterator[None]:
    """Says in which line a value does not fit."""
    try:
        yield
    except (ValueError, KeyError, msgspec.MsgspecError):
        raise TableRefused(
            f"Expected numbers as xraykit writes them in line {line} of the CSV; a cell holds something else. "
            "Download it again: a spreadsheet may have rewritten its numbers."
        ) from None


def parsed(text: str, kind: Callable[[str], Any]) -> Any:
    """None of an empty cell."""
    return None if text == "" else kind(text)


def whole(text: str) -> int:
    """0, 1, 2, ...; ValueError of anything else."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def number_from_1(text: str) -> int:
    if number := whole(text):
        return number
    raise ValueError(text)


def positive(text: str) -> float:
    return _between(text, 0.0, math.inf)


def share(text: str) -> float:
    """From 0 to 1: a spreadsheet that takes a point for a thousands separator makes 7499 of 0.7499."""
    return _between(text, 0.0, 1.0)


def change(text: str) -> float:
    """Of a share."""
    return _between(text, -1.0, 1.0)


def _between(text: str, low: float, high: float) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not (low <= number <= high and math.isfinite(number)):
        raise ValueError(text)
    return number
