"""The rooms and who imports whom, read from the code: `python -m tests.helpers.import_map` draws docs/house.md anew."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.helpers import ROOT

PACKAGE = ROOT / "xraykit"
PAGE = ROOT / "docs" / "house.md"
BEGIN, END = "<!-- drawn by make docs -->\n", "<!-- drawn -->\n"
Graph = dict[str, set[str]]


def sources() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def module_graph(modules: Mapping[str, Path]) -> Graph:
    """Which modules each module imports, at its top or inside a function."""
    return {name: imported(path, modules) - {name} for name, path in modules.items()}


def imported(path: Path, modules: Iterable[str]) -> set[str]:
    """The modules of ours that a file imports; `from package import name` may name a module, too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules else node.module for name in whole}
    return names & set(modules)


def room_of(name: str) -> str:
    """`xraykit.films.dicom` lies in `films`; `xraykit.doctor` is a room of one file."""
    return (name.split(".") + ["xraykit"])[1]


def room_graph(graph: Graph) -> Graph:
    """Which rooms each room imports."""
    rooms: Graph = {room_of(name): set() for name in graph}
    for name, others in graph.items():
        rooms[room_of(name)] |= {room_of(other) for other in others} - {room_of(name)}
    return rooms


def cycle(graph: Graph) -> list[str]:
    """A way round that leads back to where it began, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def drawing(rooms: Graph) -> str:
    """The rooms as a mermaid picture: an arrow from each room to those it imports, but not where a longer way leads."""
    lines = ["```mermaid", "flowchart BT"]
    for room, others in sorted(rooms.items()):
        reached = set().union(*(_below(rooms, other) for other in others)) if others else set()
        lines += [f"    {room} --> {other}" for other in sorted(others - reached)]
    return "\n".join([*lines, "```", ""])


def _below(rooms: Graph, room: str) -> set[str]:
    return rooms[room].union(*(_below(rooms, other) for other in rooms[room]))


def drawn_anew(text: str) -> str:
    """The page with today's picture between its two marks."""
    rooms = room_graph(module_graph(sources()))
    for hidden in ("xraykit", "__main__"):  # the package's own name and version; the gathering of the commands
        rooms.pop(hidden, None)
        rooms = {room: others - {hidden} for room, others in rooms.items()}
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + drawing(rooms) + END + rest.partition(END)[2]


def main() -> None:
    """Draw the picture anew."""
    PAGE.write_text(drawn_anew(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
