"""Shared by the pages' tests: what a test gives the server to answer with is gone after it."""

import sys

import pytest

from tests.helpers import warm
from xraykit.system import processes
from xraykit.ui import server


@pytest.fixture(scope="session")
def loaded():
    """What the pages start is forked from here: it reads films without importing its libraries first."""
    stable = warm.Stable("tests.helpers.warm:load_readers") if sys.platform == "linux" else None
    yield stable
    if stable is not None:
        stable.close()


@pytest.fixture(autouse=True)
def quick_start(monkeypatch, loaded):
    if loaded is not None:
        monkeypatch.setattr(processes, "spawn", loaded.spawn)


@pytest.fixture(autouse=True)
def own_client():
    before = server.use(None)
    yield
    server.use(before)
