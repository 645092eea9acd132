"""Shared by every test: thread caps set before NumPy is imported, and the folder of real films."""

import gc
import os
import sys

# Small networks on cores that other workers keep busy: a second thread mostly spins, a fifth of a training's time.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
for variable in (*THREADS, "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["XRAYKIT_GATE"] = "off"  # what tests draw is mostly no chest film; those of the gate turn it on

from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402

from tests.helpers import late  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def shared_decoders() -> Iterator[None]:
    """Decoders that start once for all tests of this process, though each reading closes its own."""
    from xraykit.films import ingest

    with ingest.Ingest() as decoders, pytest.MonkeyPatch.context() as patch:

        class Shared(ingest.Ingest):
            def _running_pool(self):
                return decoders._running_pool()

        patch.setattr(ingest, "Ingest", Shared)
        yield


@pytest.fixture(scope="session")
def real_films() -> Path:
    """Folder of `XRAYKIT_DATA`; tests that need real films skip without it."""
    folder = os.environ.get("XRAYKIT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("XRAYKIT_DATA is not set to a folder of real films")
    return Path(folder)


@pytest.fixture(scope="module")
def converts_here() -> Iterator[None]:
    """Networks are converted in this process; the child for it has tests of its own, and the browser tests start it."""
    from tests.helpers import warm
    from xraykit.models.conversion import convert

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "convert_in_subprocess", warm.convert_here)
        yield


def pytest_runtest_setup() -> None:
    """Leave what earlier tests and imports made out of every later garbage collection.

    Streamlit, Keras and statsmodels collect after each run, fit and test: up to a second a time over a heap of millions
    of objects that live as long as the process, which made more than half of many tests.
    """
    gc.collect()
    gc.freeze()


# By $XRAYKIT_TESTS: `make test`, .ci/run, `make test-all`
LEFT_OUT = {"quick": ("slow", "longest"), "ci": ("longest",), "all": ()}
# The files that take longest, longest first: begun last, one of them would keep one core busy and the others idle.
# Those of the browser lie between those that compute: they mostly wait.
LONGEST = (
    "browser/test_review.py",
    "training/test_kill.py",
    "ui/test_fine_tune_form.py",
    "browser/test_frame.py",
    "training/test_fit.py",
    "browser/test_reading_room.py",
    "ui/test_compare_page.py",
    "training/test_resume.py",
    "browser/test_fine_tune.py",
    "models/test_import.py",
    "training/test_backbones.py",
    "films/test_ingest.py",
    "training/test_features.py",
    "ui/test_fine_tune_page.py",
    "browser/test_viewer.py",
    "models/test_shipped_models.py",
    "browser/test_viewer_tools.py",
    "training/test_backbones_kept.py",
    "experiments/test_local_engine.py",
    "browser/test_reader_study.py",
    "experiments/test_ray_engine.py",
    "models/test_service.py",
    "browser/test_uploads.py",
    "ui/test_folder_evaluation.py",
    "training/test_control.py",
    "test_guides.py",
    "training/test_keep.py",
    "attack/test_attack.py",
)
# Files that share what takes seconds to start: one process tests them, one after the other.
TOGETHER = {
    "browser/test_frame.py": ("browser/test_stage.py", "browser/test_compare.py"),  # the server `furnished`
    "browser/test_review.py": (  # the server `server`
        "browser/test_door.py",
        "browser/test_datasets.py",
        "browser/test_experiments.py",
        "browser/test_fine_tune_form.py",
        "browser/test_models.py",
        "browser/test_page_reports.py",
    ),
}
FIRST = {file: first for first, files in TOGETHER.items() for file in files}


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, the files of `TOGETHER` go to one process."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0].removeprefix("tests/")
            return FIRST.get(file, file)

    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that were not asked for; put the longest files first. Within a file the order stays."""
    config.stash[late.COLLECTED] = late.HEAVY & set(sys.modules)
    if not (config.option.markexpr or any("::" in argument for argument in config.args)):
        left = LEFT_OUT[os.environ.get("XRAYKIT_TESTS", "quick")]
        out = [item for item in items if any(map(item.get_closest_marker, left))]
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in set(out)]
    places = {name: place for place, name in enumerate(LONGEST)}
    files = {item.path: item.path.relative_to(Path(__file__).parent).as_posix() for item in items}
    items.sort(key=lambda item: places.get(FIRST.get(files[item.path], files[item.path]), len(places)))
