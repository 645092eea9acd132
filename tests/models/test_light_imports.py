"""What may be imported together: a page, the service or a command must never pull in a network library by accident."""

import subprocess
import sys

import pytest

from tests.helpers import ROOT

PACKAGE = ROOT / "xraykit"
NETWORKS = {"keras", "tensorflow", "tf_keras", "tf_keras_vis", "jax", "torch", "ai_edge_litert"}
SLOW = {"sklearn", "scipy", "pandas", "matplotlib", "streamlit"}
BUILDS_NETWORKS = "xraykit.training.fit."  # imports Keras at the top of its files; nothing else does
WEB = "xraykit.ui"  # draws with Streamlit


def modules(*rooms: str) -> list[str]:
    """Dotted names of the modules in these rooms and their folders."""
    paths = sorted(path for room in rooms for path in (PACKAGE / room).rglob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def loaded_after(*names: str) -> set[str]:
    """Top-level modules in a fresh process that has imported these."""
    code = f"import sys, {', '.join(names)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_xraykit_imports_nothing_third_party():
    assert not loaded_after("xraykit") & {"numpy", "PIL", "pydicom", "altair", "streamlit", "click", "keras"}


def test_a_recipe_needs_no_numpy():
    assert "numpy" not in loaded_after("xraykit.training.recipe.recipe", "xraykit.training.recipe.presets")


def test_only_what_builds_networks_imports_a_network_library():
    rooms = [name for name in modules("") if not name.startswith((BUILDS_NETWORKS, WEB))]
    assert len(rooms) > 60
    loaded = loaded_after(*rooms)
    assert not loaded & (NETWORKS | SLOW), "find the module with `python -X importtime -c 'import MODULE'`"


@pytest.mark.parametrize(
    "name",
    ["xraykit.models.service.client", "xraykit.models.service.process", "xraykit.films.ingest", "xraykit.__main__"],
)
def test_what_is_started_often_starts_light(name):
    assert not loaded_after(name) & (NETWORKS | SLOW | {"altair"})


def test_the_pages_bring_no_network_into_the_web_process():
    pages = modules("ui")
    assert len(pages) > 20
    assert not loaded_after(*pages, *modules("reports")) & (NETWORKS | {"sklearn", "pydicom"})
