"""The shape of the house: rooms import downwards only, and none holds more than nine things."""

import ast
from pathlib import Path

import pytest

from tests.helpers import ROOT

PACKAGE = ROOT / "xraykit"
ROOMS = "system evaluation films datasets models reading training experiments reports"
ORDER = ["refused", *ROOMS.split(), "doctor", "ui", "cli", "__main__", "page"]
SOURCES = sorted([*PACKAGE.rglob("*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"])
# Streamlit is drawn by one room; Keras is slow to import and must never reach the web process.
WALLS = {
    "streamlit": ("xraykit/ui/", "pages/", "app.py"),
    "keras": ("xraykit/training/fit/", "xraykit/models/conversion/", "xraykit/models/tf_keras_vis.py"),
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    first, *rest = path.relative_to(ROOT).with_suffix("").parts
    return rest[0] if first == "xraykit" else "page"


def imports_of(path: Path) -> list[str]:
    """Dotted names that a file imports, at the top or inside a function."""
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_imports_only_its_own_room_and_those_below(path):
    rooms = {name.split(".")[1] for name in imports_of(path) if name.startswith("xraykit.")} & set(ORDER)
    above = {room for room in rooms if ORDER.index(room) > ORDER.index(room_of(path))} if rooms else set()
    assert not above, f"{name_of(path)} imports {', '.join(sorted(above))}, which stand above it in ORDER"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_streamlit_and_keras_stay_behind_their_walls(path):
    for library, places in WALLS.items():
        imported = any(name.split(".")[0] == library for name in imports_of(path))
        assert not imported or name_of(path).startswith(places), f"{library} is imported in {name_of(path)}"


@pytest.mark.parametrize("folder", sorted({path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}), ids=name_of)
def test_a_room_holds_at_most_nine_things(folder):
    things = {path.stem for path in folder.iterdir() if path.is_dir() or path.suffix == ".py"} - {
        "__init__",
        "__pycache__",
    }
    assert len(things) <= 9, f"{name_of(folder)} holds {len(things)}: give some of them a folder of their own"
