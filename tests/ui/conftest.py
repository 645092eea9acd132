"""Shared by the pages' tests: what a test gives the server to answer with is gone after it."""

import functools
import sys

import pytest
from streamlit.components.v2 import manifest_scanner

from tests.helpers import warm
from xraykit.system import processes
from xraykit.ui import server
from xraykit.ui.review import incoming


@pytest.fixture(scope="session")
def loaded():
    """What the pages start is forked from here: it reads films without importing its libraries first."""
    stable = warm.Stable("tests.helpers.warm:load_readers") if sys.platform == "linux" else None
    yield stable
    if stable is not None:
        stable.close()


@pytest.fixture(scope="session", autouse=True)
def scanned_once():
    """Streamlit looks into every installed package for components, for each AppTest anew: a tenth of their time."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture(autouse=True)
def quick_start(monkeypatch, loaded):
    if loaded is not None:
        monkeypatch.setattr(processes, "spawn", loaded.spawn)


@pytest.fixture(autouse=True)
def own_client():
    before = server.use(None)
    yield
    server.use(before)


@pytest.fixture(autouse=True)
def no_browser(monkeypatch):
    """Nothing can be on its way to a drop zone: there is no browser that would send it."""
    monkeypatch.setattr(incoming, "LATE_SECONDS", 0)
