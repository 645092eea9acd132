"""Where these tests train: on the first GPU, or on the processor where XRAYKIT_GPU_TESTS=cpu tries the tests alone."""

import importlib.util
import os

import pytest

from tests.helpers import film_folders
from xraykit.system import devices
from xraykit.training.recipe import presets, recipe, rules
from xraykit.training.run import control, run


@pytest.fixture(scope="session")
def backend() -> str:
    """$KERAS_BACKEND, else the first backend installed that can reach a GPU."""
    named = os.environ.get("KERAS_BACKEND")
    installed = [named] if named else [name for name in rules.BACKENDS if importlib.util.find_spec(name)]
    reaching = [name for name in installed if devices.reaches_gpu(name)]
    return (reaching or installed or ["tensorflow"])[0]


@pytest.fixture(scope="session")
def device(backend) -> str:
    """Key of the device; every test here skips, with the reason, where there is no GPU that the backend reaches."""
    if os.environ.get("XRAYKIT_GPU_TESTS") == "cpu":
        return devices.CPU
    if reason := devices.why_no_gpu(backend):
        pytest.skip(f"no GPU to train on: {reason} (XRAYKIT_GPU_TESTS=cpu tries these tests on the processor)")
    return devices.gpus()[0][0].key


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield film_folders.make(tmp_path_factory.mktemp("films"), films=40)


@pytest.fixture
def start(device, backend, films, tmp_path):
    """Starts a run of a recipe, with settings, as the page does; ends with the test whatever became of it."""
    started: list[run.Run] = []

    def begin(name: str, *settings: str) -> run.Run:
        chosen = recipe.with_settings(presets.load(name), [f"backend={backend}", "precision=float32", *settings])
        started.append(control.start(chosen, films, device, tmp_path / "runs"))
        return started[-1]

    yield begin
    for made in started:
        if made.status().state.busy:
            control.stop(made)
            control.wait(made, 60)
