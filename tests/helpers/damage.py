"""Files of ours with something wrong in them: extreme values at any place, odd cells, other bytes, no plain file."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

# As they stand in a file: Python's own writer gives no NaN, no number of 5000 digits and no half of a character
EXTREMES = (
    *("null", "true", '""', '"text"', '"nan"', '"\\ud800"', '"\\u0000"', '"9999-99-99"', '"0001-01-01T00:00:00+14:00"'),
    *("-1", "0", "0.5", "1e400", "-1e400", "NaN", "1e308", "9223372036854775808", "9" * 400, "9" * 5000, "1e18"),
    *("[]", "{}", "[[1]]", '{"a": 1}', "[" * 100_000, '"finished"', '"failed"', '"running"', '"queued"', '"learning"'),
)
CELLS = ("", "text", "nan", "inf", "-1", "1e308", "1e999", "9" * 5000, "\0", '"', "\ud800", "=1+1", "x" * 140_000)
_PLACE = "\x00here{}\x00"


def anywhere(path: Path, draw: random.Random) -> str:
    """Put an extreme at one to three places of a JSON file, however deep; in words, which."""
    data = json.loads(path.read_text("utf-8"))
    put, words = {}, []
    for number in range(draw.randint(1, 3)):
        value, mark = draw.choice(EXTREMES), _PLACE.format(number)
        words.append(f"{_put(data, mark, draw)}={value[:30]}")
        put[json.dumps(mark)] = value
    text = json.dumps(data)
    for mark, value in put.items():
        text = text.replace(mark, value)
    path.write_text(text, "utf-8")
    return f"{path.name}: {', '.join(words)}"


def place_in(inside: Any, draw: random.Random, stop: float = 0.3) -> tuple[Any, Any, str] | None:
    """A place of JSON data: what holds it, its key there, and the way to it in words; None if there is none.

    `stop` is how likely it is that a list or object itself is chosen, rather than something inside it.
    """
    way = []
    while keys := list(inside) if isinstance(inside, dict) else list(range(len(inside))):
        key = draw.choice(keys)
        way.append(str(key))
        if not isinstance(inside[key], dict | list) or not inside[key] or draw.random() < stop:
            return inside, key, ".".join(way)
        inside = inside[key]
    return None


def _put(data: Any, mark: str, draw: random.Random) -> str:
    if (place := place_in(data, draw)) is None:
        return "nothing"
    inside, key, way = place
    inside[key] = mark
    return way


def cells(path: Path, draw: random.Random) -> str:
    """Put odd values into some cells of a CSV file."""
    rows = [line.split(",") for line in path.read_text("utf-8").splitlines()]
    for _ in range(draw.randint(1, 5)):
        row = draw.choice(rows)
        row[draw.randrange(len(row))] = draw.choice(CELLS)
    if draw.random() < 0.3:
        rows[draw.randrange(len(rows))] += ["1", "2"]
    path.write_bytes("\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass") + b"\n")
    return f"{path.name}: cells"


def whole(path: Path, draw: random.Random) -> str:
    """Put something else in a file's place."""
    path.unlink(missing_ok=True)
    kind = draw.choice(("gone", "pipe", "folder", "loop", "bytes", "bytes", "bytes"))
    if kind == "pipe" and hasattr(os, "mkfifo"):
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind != "gone":
        path.write_bytes(draw.choice((b"", b"\xff\xfe{}\n\xff,1\n", b"[]", b"[" * 100_000, draw.randbytes(500))))
    return f"{path.name}: {kind}"
