"""Keeps the shape of the house: who may import whom, what stays light, how long a function may be."""

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A room imports only rooms to the left of it. A new room is added here, at its place.
ROOMS = """picture dicom radiograph decoder ingest samples grouping labelling filmindex dataset zipcheck archive
reciperules recipe recipefields sampling augmenting batches run card catalog detached devices engine work study studies
statistics curves evaluation calibration operating alignment comparison network compiling checkpoint callbacks speed
training probing runner published head companion conversion classifier keeping history records scoring recipewords
cardpage cardprint colormaps legends explanation gradients inference doctor charts report tables ui commands
__main__""".split()
HEAVY = {"keras", "tensorflow", "tf_keras_vis", "jax", "torch"}
HEAVY_AT_TOP = {"network", "batches", "compiling", "callbacks", "checkpoint", "training", "probing"}
HEAVY_INSIDE = HEAVY_AT_TOP | {"conversion", "keeping", "gradients", "commands", "doctor", "speed", "runner"}

SOURCES = sorted([*ROOT.glob("xraykit/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"])
ALL = sorted({*SOURCES, *ROOT.glob("benchmarks/*.py"), *ROOT.glob("tests/**/*.py")})


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] != "xraykit":
        return "page"
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(tree: ast.AST) -> list[str]:
    """Dotted names imported anywhere under the node, `from xraykit import a` as `xraykit.a`."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def imports_at_top(tree: ast.Module) -> list[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [name for node in tree.body if not isinstance(node, functions) for name in imports_of(node)]


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions_of(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_rooms_above_it(path):
    room = room_of(path)
    known = {*ROOMS, "page", "__init__"}
    assert room in known, f"{room} is no room: give it its place in ROOMS, or put the code where it belongs"
    rank = {name: place for place, name in enumerate([*ROOMS, "page"])}
    own = {name.split(".")[1] for name in imports_of(ast.parse(path.read_text())) if name.startswith("xraykit.")}
    above = {name for name in own & set(ROOMS) if room != "__init__" and rank[name] <= rank[room]} | {room}
    assert not (own & set(ROOMS)) - above, f"{room} imports rooms below it: {sorted((own & set(ROOMS)) - above)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_streamlit_and_keras_stay_in_their_rooms(path):
    room, tree = room_of(path), ast.parse(path.read_text())
    anywhere = {name.split(".")[0] for name in imports_of(tree)}
    top = {name.split(".")[0] for name in imports_at_top(tree)}
    assert "streamlit" not in anywhere or room in ("ui", "page")
    assert not top & HEAVY or room in HEAVY_AT_TOP
    assert not anywhere & HEAVY or room in HEAVY_INSIDE


def test_importing_xraykit_imports_nothing_third_party():
    loaded = modules_after("import xraykit")
    assert not loaded & {"numpy", "PIL", "pydicom", "altair", "streamlit", "click"}


def test_every_room_but_network_and_training_is_light():
    rooms = {room_of(path) for path in SOURCES} - HEAVY_AT_TOP - {"ui", "page", "__init__", "__main__", "studies"}
    loaded = modules_after("; ".join(f"import xraykit.{room}" for room in sorted(rooms)))
    assert not loaded & (HEAVY | {"streamlit", "sklearn", "scipy", "pandas", "matplotlib", "ai_edge_litert"})


def test_the_pages_rooms_bring_no_network_into_the_web_process():
    loaded = modules_after("import xraykit.ui, xraykit.charts, xraykit.inference")
    assert not loaded & (HEAVY | {"ai_edge_litert", "sklearn", "pydicom"})


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path):
    assert len(path.read_text().splitlines()) <= 350
    long = {function.name: body_length(function) for function in functions_of(path) if body_length(function) > 40}
    assert not long, f"Expected no body over 40 lines; got {long}. Split it where it changes subject."


def test_the_median_function_is_short():
    lengths = [body_length(function) for path in SOURCES for function in functions_of(path)]
    assert statistics.median(lengths) <= 12


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
