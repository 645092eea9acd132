"""Shared by the pages' tests: what a test gives the server to answer with is gone after it."""

import pytest

from xraykit.ui import server
from xraykit.ui.review import incoming


@pytest.fixture(autouse=True)
def own_client():
    before = server.use(None)
    yield
    server.use(before)


@pytest.fixture(autouse=True)
def no_browser(monkeypatch):
    """Nothing can be on its way to a drop zone: there is no browser that would send it."""
    monkeypatch.setattr(incoming, "LATE_SECONDS", 0)
