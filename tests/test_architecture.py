"""The shape of the house: rooms import downwards only, none holds more than nine things, and how tests are dealt."""

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.conftest import FIRST, LONGEST
from tests.helpers import ROOT, late

PACKAGE = ROOT / "xraykit"
ROOMS = "system evaluation films gate datasets models truth reading training experiments reports"
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


@functools.cache
def imports_of(path: Path) -> list[str]:
    """Dotted names that a file imports, at the top or inside a function."""
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("room", sorted({*map(room_of, SOURCES)}))
def test_a_file_imports_only_its_own_room_and_those_below(room):
    for path in (path for path in SOURCES if room_of(path) == room):
        rooms = {name.split(".")[1] for name in imports_of(path) if name.startswith("xraykit.")} & set(ORDER)
        above = sorted(other for other in rooms if ORDER.index(other) > ORDER.index(room)) if rooms else []
        assert not above, f"{name_of(path)} imports {', '.join(above)}, which stand above it in ORDER"


@pytest.mark.parametrize("library", WALLS)
def test_streamlit_and_keras_stay_behind_their_walls(library):
    outside = [path for path in SOURCES if not name_of(path).startswith(WALLS[library])]
    assert [name_of(path) for path in outside if library in {name.split(".")[0] for name in imports_of(path)}] == []


def test_a_room_holds_at_most_nine_things():
    for folder in sorted({path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}):
        things = {path.stem for path in folder.iterdir() if path.is_dir() or path.suffix == ".py"}
        count = len(things - {"__init__", "__pycache__"})
        assert count <= 9, f"{name_of(folder)} holds {count}: give some of them a folder of their own"


def test_collecting_the_tests_imports_nothing_that_takes_seconds(pytestconfig):
    """Each worker collects them all: what one test needs, it imports when it runs (`tests.helpers.late`)."""
    assert pytestconfig.stash[late.COLLECTED] == set()


@pytest.mark.parametrize("server", ["server", "furnished"])
def test_files_that_share_a_server_are_tested_by_one_process(server):
    texts = {path: path.read_text("utf-8") for path in sorted((ROOT / "tests" / "browser").glob("test_*.py"))}
    users = {
        f"browser/{path.name}" for path, text in texts.items() if re.search(rf"^def test_.*\b{server}\b", text, re.M)
    }
    assert len(users) > 1 and len({FIRST.get(file, file) for file in users}) == 1, "list them in `TOGETHER`"


def test_the_longest_files_are_there():
    files = {*LONGEST, *FIRST, *FIRST.values()}
    assert [file for file in files if not (ROOT / "tests" / file).is_file()] == []
