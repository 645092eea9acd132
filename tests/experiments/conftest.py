"""What the tests of studies share: films, and processes that are threads."""

import os

import pytest

from tests.helpers import film_folders, study_hands
from xraykit.datasets import dataset
from xraykit.system import processes


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def films(cache, tmp_path_factory):
    return dataset.read(film_folders.make(tmp_path_factory.mktemp("films"), films=10))


@pytest.fixture
def threads(monkeypatch):
    """Nothing is killed here: threads do."""
    monkeypatch.setattr(processes, "CONTEXT", study_hands.Threads)
    before = dict(os.environ)  # a run sets its device's variables for good
    yield
    os.environ.clear()
    os.environ.update(before)
