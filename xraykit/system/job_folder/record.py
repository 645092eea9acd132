"""What a file of a job's folder says of the job's state, and whether what stands in it is of the right type."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NewType, TypeVar

MOST_NUMBER = 2**63 - 1  # no count, size or time in these files is larger, and a table holds no larger one


class State(enum.StrEnum):
    """Where a job stands. Files say every state but LOST, which is what a reader finds: busy, and no process at it."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"

    @property
    def busy(self) -> bool:
        return self in (State.QUEUED, State.RUNNING)

    @property
    def broken_off(self) -> bool:
        """Has it ended without a result?"""
        return self in (State.STOPPED, State.FAILED, State.LOST)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a file of a job's folder says of its state; each kind of job adds its own fields.

    Attributes
    ----------
    state : State
    heartbeat : float
        When it was written, in seconds since 1970.
    other : mapping
        What another version of xraykit wrote beside the fields.
    """

    state: State
    heartbeat: float = 0.0
    other: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain data, `other` beside the fields."""
        fields = dataclasses.asdict(self)
        return {**fields.pop("other"), **fields}


R = TypeVar("R", bound=Record)
PathText = NewType("PathText", str)  # as `os.fsdecode` gives it; pages show it through `files.shown`


@functools.cache
def hints(kind: type[Record]) -> dict[str, Any]:
    """The type of every field."""
    return {name: hint for name, hint in typing.get_type_hints(kind).items() if name != "other"}


def fitting(hint: Any, value: Any) -> Any:
    """The value as a type hint has it; TypeError, ValueError or OverflowError where it does not fit."""
    optional, kind = _kind(hint)
    if optional and value is None:
        return None
    if typing.get_origin(kind) is tuple:
        return tuple(fitting(typing.get_args(kind)[0], item) for item in _of_type(list, value))
    if kind is PathText:
        return _path(value)
    if issubclass(kind, enum.Enum):
        if optional and _of_type(str, value) not in list(kind):
            return None  # a word of another version: the file keeps it
        return kind(value)
    if kind in (int, float):
        return _number(kind, value, optional)
    return _of_type(kind, value)


def _number(kind: type, value: Any, optional: bool) -> float | None:
    """Finite and not negative, as every number in these files is; a figure that is not finite is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    if optional and not math.isfinite(value):
        return None
    if not math.isfinite(value) or not 0 <= value <= MOST_NUMBER or kind(value) != value:
        raise ValueError(value)
    return kind(value)


def _path(value: Any) -> PathText:
    if not isinstance(value, str):
        raise TypeError(value)
    os.fsencode(value)  # bytes that are no UTF-8 may be in it, other halves of characters not
    return PathText(value)


def _of_type(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(value)
    if isinstance(value, str):
        value.encode()  # half a character is no text: UnicodeEncodeError is a ValueError
    return value


def _kind(hint: Any) -> tuple[bool, Any]:
    """May it be None, and what is it else?"""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return types.NoneType in kinds, next(kind for kind in kinds if kind is not types.NoneType)


def expected(hint: Any) -> str:
    kind = _kind(hint)[1]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"one of {', '.join(str(member.value) for member in kind)}"
    names = {
        int: "a whole number from 0",
        float: "a number from 0",
        str: "text",
        PathText: "a path",
        bool: "true or false",
        dict: "an object",
    }
    return names.get(kind, "a list")


def shortened(value: Any) -> str:
    """What a file holds, in a few letters for a message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        return "something too long to show"
    return text if len(text) < 60 else f"{text[:56]} ..."
