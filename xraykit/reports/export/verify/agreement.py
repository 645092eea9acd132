"""Agreement: what a report's JSON says beside what it says when it is made again, figure by figure."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

SAME = 1e-6  # numbers that differ by no more agree: another processor rounds its last bits in another way
PIXELS = "sha256_of_pixels"
UNCOMPARED = ("redo", "format")  # how it was made is compared on its own
MOMENTS = ("Software", "Written")  # facts of when and with what
HEAD = "Title, facts and data"
Kind = Literal["number", "text", "picture", "other"]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Figure:
    """A figure, text or picture of a report: as its JSON has it, and as it is when made again.

    `part` is the title of the section it is in, `where` its place in the JSON, `name` what people call that place.
    """

    part: str
    where: str
    name: str
    kind: Kind
    then: Any
    now: Any
    agrees: bool

    @property
    def words(self) -> str:
        """ "Accuracy, test: 0.9625 then, 0.95 now"."""
        return f"{self.name}: {short(self.then)} then, {short(self.now)} now"


def figures(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Figure]:
    """Every figure of either, in the order of the report made again.

    `now` is what xraykit made; `then` may be anything that JSON can hold.
    """
    made = keyed(now)
    yield from _pairs(keyed(then), made, (), made)


def keyed(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report's JSON with its sections, tables, charts by their keys: one more does not move the others."""
    kept: dict[str, Any] = {key: value for key, value in report.items() if key not in UNCOMPARED}
    facts = kept.get("facts")
    if isinstance(facts, dict):
        kept["facts"] = {name: value for name, value in facts.items() if name not in MOMENTS}
    sections = _by_key(kept.get("sections"))
    if isinstance(sections, dict):
        lists = ("tables", "charts")
        sections = {
            key: {name: _by_key(part) if name in lists else part for name, part in section.items()}
            for key, section in sections.items()
        }
    return kept | {"sections": sections}


def short(value: Any) -> str:
    """A value as a line can hold it."""
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        return f"{len(value)} entr{'y' if len(value) == 1 else 'ies'}"
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of many digits"
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _by_key(listed: Any) -> Any:
    if not isinstance(listed, list) or not all(isinstance(part, dict) for part in listed):
        return listed
    keys = [part.get("key") for part in listed]
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
        return listed
    return dict(zip(keys, listed, strict=True))


def _pairs(then: Any, now: Any, path: Path, made: Mapping[str, Any]) -> Iterator[Figure]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*now, *then]):
            yield from _pairs(then.get(key), now.get(key), (*path, key), made)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for place, (before, after) in enumerate(zip(then, now, strict=True)):
            yield from _pairs(before, after, (*path, place), made)
    else:
        part, name = _named(path, made)
        yield Figure(part, _where(path), name, _kind(path, now), then, now, _same(then, now))


def _same(then: Any, now: Any) -> bool:
    if _is_number(then) and _is_number(now) and abs(then) <= sys.float_info.max:
        return abs(then - now) <= SAME * max(1.0, abs(now))
    return type(then) is type(now) and then == now


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(path: Path, value: Any) -> Kind:
    if path and path[-1] == PIXELS:
        return "picture"
    return "number" if _is_number(value) else "text" if isinstance(value, str) else "other"


def _where(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")[:200]


def _named(path: Path, made: Mapping[str, Any]) -> tuple[str, str]:
    """The section that a figure is in, and what people call the figure."""
    if len(path) < 3 or path[0] != "sections":
        return HEAD, _where(path)
    try:
        section = made["sections"][path[1]]
        title, rest = section["title"], path[2:]
        if rest[0] == "tables" and rest[2] == "rows":
            table, row, column = section["tables"][rest[1]], rest[3], rest[4]
            return title, ", ".join(
                filter(None, (table["title"], str(table["rows"][row][0]), table["columns"][column]))
            )
        if rest[0] in ("charts", "photographs"):
            return title, ", ".join([section[rest[0]][rest[1]]["title"], *map(str, rest[2:])])
        return title, ", ".join(map(str, rest))
    except (LookupError, TypeError):
        return HEAD, _where(path)
