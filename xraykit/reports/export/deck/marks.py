"""Marks: what a Vega-Lite chart draws, as layers of rows; refuses what it does not know, so that no picture is wrong.

Reads the few parts of a specification that this package's charts use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


class NotNative(Exception):
    """A chart that no native one shows: it becomes a picture."""


@dataclass(frozen=True)
class Layer:
    """Rows drawn with one mark: `look` its properties, `encoding` its channels."""

    mark: str
    look: Mapping[str, Any]
    encoding: Mapping[str, Any]
    rows: tuple[Row, ...]

    def field(self, channel: str) -> str:
        """The field of a channel; empty where it has none."""
        return str(self.encoding.get(channel, {}).get("field", ""))

    def kind(self, channel: str) -> str:
        """ "quantitative", "nominal", ...; empty where the channel is not used."""
        return str(self.encoding.get(channel, {}).get("type", ""))

    def values(self, channel: str) -> list[Any]:
        """The channel's values in the order in which they are drawn."""
        given = self.encoding.get(channel, {})
        domain = (given.get("scale") or {}).get("domain")
        if isinstance(domain, list):
            return domain
        if isinstance(given.get("sort"), list):
            return given["sort"]
        return list(dict.fromkeys(row[self.field(channel)] for row in self.rows))

    def scaled(self, channel: str, row: Row) -> Any:
        """What a channel's scale makes of a row; None where it has no scale of names."""
        given = self.encoding.get(channel, {})
        if "value" in given:
            return given["value"]
        scale = given.get("scale") or {}
        domain, values, value = scale.get("domain"), scale.get("range"), row.get(self.field(channel))
        if isinstance(domain, list) and isinstance(values, list) and value in domain:
            return values[domain.index(value) % len(values)]
        return None


def layers(spec: Mapping[str, Any]) -> list[Layer]:
    """Every layer of a chart, the lowest first.

    Raises
    ------
    NotNative
        Where it transforms its rows in a way not known here.
    """
    return [layer for layer in _layers(spec, {}, None, spec.get("datasets", {})) if layer.rows]


def domain(drawn: list[Layer], channel: str) -> tuple[float, float] | None:
    """The ends of an axis as the chart gives them; None where it leaves them open."""
    for layer in drawn:
        ends = (layer.encoding.get(channel, {}).get("scale") or {}).get("domain")
        if isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, int | float) for end in ends):
            return float(ends[0]), float(ends[1])
    return None


def axis(drawn: list[Layer], channel: str) -> dict[str, Any]:
    """{"title", "format" of Excel, "values" of its ticks, "log"}: what is known of an axis."""
    known: dict[str, Any] = {"title": "", "format": "General", "values": None, "log": False}
    for layer in drawn:
        given = layer.encoding.get(channel, {})
        ruler, scale = given.get("axis") or {}, given.get("scale") or {}
        known["title"] = known["title"] or given.get("title") or ""
        known["values"] = known["values"] or ruler.get("values")
        known["log"] = known["log"] or scale.get("type") == "log"
        if known["format"] == "General" and "format" in ruler:
            known["format"] = excel_format(ruler["format"])
    return known


def excel_format(d3: str) -> str:
    """A number format of D3 in Excel's words; what has none is left to the program."""
    known = re.fullmatch(r"(,?)\.?(\d*)(%|f|d|e)", d3)
    if not known:
        return "General"
    comma, digits, kind = known.groups()
    point = "." + "0" * int(digits or 0) if kind in "%f" and digits not in ("", "0") else ""
    whole = "#,##0" if comma else "0"
    return f"{whole}{point}{ {'%': '%', 'f': '', 'd': '', 'e': 'E+00'}[kind] }".replace(" ", "")


def written(value: Any, d3: str | None) -> str:
    """A value as a chart writes it."""
    if not d3 or isinstance(value, str):
        return f"{value}"
    known = re.fullmatch(r"(,?)(\.\d+)?([%fde]?)", d3)
    if not known:
        raise NotNative(d3)
    comma, digits, kind = known.groups()
    return format(int(value) if kind == "d" else value, f"{comma}{digits or ''}{kind}")


def _layers(node: Mapping[str, Any], outer: Mapping[str, Any], rows: Any, named: Mapping[str, Any]) -> Iterator[Layer]:
    if any(key in node for key in ("facet", "hconcat", "vconcat", "concat", "repeat")):
        raise NotNative("several charts")
    if "data" in node:
        rows = _rows(node["data"], named)
    for step in node.get("transform", []):
        if set(step) != {"filter"}:
            raise NotNative(str(step))
        rows = [row for row in rows or () if _holds(step["filter"], row)]
    encoding = {**outer, **node.get("encoding", {})}
    for layer in node.get("layer", []):
        yield from _layers(layer, encoding, rows, named)
    if "mark" in node:
        look = node["mark"] if isinstance(node["mark"], dict) else {"type": node["mark"]}
        yield Layer(look["type"], look, encoding, tuple(rows or ()))


def _rows(data: Mapping[str, Any], named: Mapping[str, Any]) -> list[Row]:
    values = named[data["name"]] if "name" in data and "values" not in data else data.get("values", [])
    values = json.loads(values) if isinstance(values, str) else values
    return [row for row in values if row]  # {} stands for nothing


def _holds(condition: Any, row: Row) -> bool:
    """Whether a row passes a filter."""
    if isinstance(condition, dict):
        if "and" in condition:
            return all(_holds(part, row) for part in condition["and"])
        if "equal" in condition:
            return row.get(condition["field"]) == condition["equal"]
        raise NotNative(str(condition))
    return all(_term(term.strip(), row) for term in condition.split("&&"))


def _term(term: str, row: Row) -> bool:
    if known := re.fullmatch(r"(!?)datum\.(\w+)", term):
        return bool(row.get(known[2])) != bool(known[1])
    if known := re.fullmatch(r"isValid\(datum\.(\w+)\)", term):
        return row.get(known[1]) is not None
    if known := re.fullmatch(r"datum\.(\w+) (!=|!==) null", term):
        return row.get(known[1]) is not None
    if known := re.fullmatch(r"datum\.(\w+) (===|!==) '([^']*)'", term):
        return (row.get(known[1]) == known[3]) == (known[2] == "===")
    if known := re.fullmatch(r"datum\.(\w+) > datum\.(\w+)", term):
        first, second = row.get(known[1]), row.get(known[2])
        return first is not None and second is not None and first > second
    raise NotNative(term)
