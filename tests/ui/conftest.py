"""Shared by the pages' tests: what a test gives the server to answer with is gone after it."""

import functools
import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import local_script_runner

from tests.helpers import data_audits, fakes, warm
from xraykit.system import processes
from xraykit.truth.data_audit import record
from xraykit.ui.review.server import looking, rooms
from xraykit.ui.server import inference


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


@pytest.fixture(scope="session", autouse=True)
def waited_for():
    """AppTest looks a thousand times a second whether the script has ended, and holds it up: a tenth of its time."""
    with pytest.MonkeyPatch.context() as patch:
        look = local_script_runner.require_widgets_deltas

        def wait(runner: Any, timeout: float = 3) -> None:
            runner._script_thread.join(timeout)
            look(runner, timeout)

        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


@pytest.fixture(autouse=True)
def quick_start(monkeypatch, loaded):
    if loaded is not None:
        monkeypatch.setattr(processes, "spawn", loaded.spawn)


@pytest.fixture(autouse=True)
def already_audited(monkeypatch):
    """Every folder was audited before, without a finding: a test about audits takes this back."""
    monkeypatch.setattr(record, "kept", lambda digest, plan: data_audits.empty(digest, plan))


@pytest.fixture(autouse=True)
def own_client():
    before = inference.use(None)
    yield
    inference.use(before)


@pytest.fixture
def fake():
    client = fakes.Client()
    inference.use(client)
    return client


@pytest.fixture
def spooled(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


@pytest.fixture
def open_rooms(monkeypatch, spooled, fake):
    ours = rooms.Rooms()
    monkeypatch.setattr(rooms, "ROOMS", ours)
    monkeypatch.setattr("xraykit.ui.review.server.answers.ROOMS", ours)
    monkeypatch.setattr(looking, "ROOMS", ours)
    yield ours
    ours.close()
