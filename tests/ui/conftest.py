"""Shared by the pages' tests: what a test gives the server to answer with is gone after it."""

import pytest

from xraykit.ui import server


@pytest.fixture(autouse=True)
def own_client():
    before = server.use(None)
    yield
    server.use(before)
