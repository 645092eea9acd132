"""The part of the page Models that imports a Keras file, without a browser and without starting the import."""

import pytest

from tests.helpers import DATA, fakes
from tests.ui.test_models_page import open_page
from xraykit.models.conversion import importing
from xraykit.system import jobs
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState
from xraykit.ui.models import import_view


@pytest.fixture
def started(tmp_path, monkeypatch):
    """What the page has asked to import; the job stays as a test leaves it."""
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    asked = []

    def start(wish, job):
        asked.append((wish, job))
        job.queue(verb="import", data=wish.file.name, model=wish.name)
        job.write_state(
            JobState(state=State.RUNNING, message="Converting the network.", data=wish.file.name, model=wish.name)
        )

    monkeypatch.setattr(importing, "start", start)
    return asked


@pytest.fixture
def file(tmp_path):
    """A Keras file: the tiny model's."""
    path = tmp_path / "their net.keras"
    path.write_bytes((DATA / "tiny-model" / "model.keras").read_bytes())
    return path


def page():
    return open_page(fakes.Client())


def words(app) -> str:
    return "\n".join(
        [*(block.proto.body for block in app.get("html")), *(w.value.replace("\\", "") for w in app.warning)]
    )


def fill(app, **values):
    for key, value in values.items():
        next(box for box in app.text_input if box.key == f"import-{key}").set_value(value)
    return app


def press(app, key):
    next(button for button in app.button if button.key == key).click()
    return app.run()


def keys(app):
    return {button.key for button in app.button}


def test_a_path_and_classes_start_an_import(started, file):
    app = fill(page(), path=str(file), classes="COVID-19, Normal")
    app.selectbox(key="import-scaling").set_value("0..1")
    app = press(app, "import-start")
    (wish, job) = started[0]
    assert (wish.file, wish.classes, wish.name) == (file, ("COVID-19", "Normal"), "their-net")
    assert wish.scaling == "0..1" and wish.image_size is None and job.path.parent.name == "imports"
    assert not app.exception and "import-stop" not in words(app)


def test_the_network_s_own_rescaling_is_the_choice_at_first(started, file):
    press(fill(page(), path=str(file), classes="a,b", name="mine", title="Mine"), "import-start")
    assert (started[0][0].scaling, started[0][0].name, started[0][0].title) == (None, "mine", "Mine")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Enter the path"),
        ({"path": "/nowhere/x.keras", "classes": "a,b"}, "No file at /nowhere/x.keras"),
        ({"path": "FILE", "classes": ""}, "different classes"),
        ({"path": "FILE", "classes": "a,b", "name": "a/b"}, "Expected a name"),
        ({"path": "FILE", "classes": "a,b", "name": "x" * 3000}, "(3000 characters)"),
        ({"path": "x" * 3000, "classes": "a,b"}, "No file at"),
    ],
)
def test_what_cannot_be_started_is_said_in_words(started, file, tmp_path, values, said):
    values = {key: value.replace("FILE", str(file)) for key, value in values.items()}
    app = press(fill(page(), **values), "import-start")
    assert not app.exception and said in words(app) and started == []
    assert list((tmp_path / "runs" / "imports").iterdir()) == [], "no empty job is left"


@pytest.mark.parametrize(
    ("state", "message", "said", "button"),
    [
        (State.FINISHED, "Imported as mine.", "It can review films", "import-another"),
        (State.FAILED, "theirs.keras holds a Lambda layer.", "holds a Lambda layer", "import-again"),
        (State.STOPPED, "Stopped; nothing was written.", "nothing was written", "import-again"),
    ],
)
def test_how_an_import_ended_is_shown_until_it_is_left(started, file, state, message, said, button):
    app = press(fill(page(), path=str(file), classes="a,b", name="mine"), "import-start")
    job: Job = started[0][1]
    (job.path / "upload-x.keras").write_bytes(b"x")
    job.write_state(JobState(state=state, message=message, data="theirs.keras", model="mine"))
    app.run()
    assert not app.exception and said in words(app) and not (job.path / "upload-x.keras").exists()
    app = press(app, button)
    assert not job.path.exists() and "import-start" in keys(app)


def test_an_import_whose_process_is_gone_says_so(started, file):
    app = press(fill(page(), path=str(file), classes="a,b"), "import-start")
    assert jobs.state_of(started[0][1]).state is State.LOST
    assert "ended unexpectedly" in words(app.run()).lower()


def test_an_uploaded_file_lies_in_the_job_s_folder_under_a_plain_name():
    assert import_view._plain("../a b/progress.json") == "upload-progress.json"
    assert import_view._plain("x" * 3000 + ".keras").endswith("x.keras")
    assert len(import_view._plain("x" * 3000 + ".keras")) < 100


def test_old_imports_are_deleted_and_running_ones_are_not(started, file, tmp_path, monkeypatch):
    job = jobs.create("old", tmp_path / "runs" / "imports")
    job.write_state(JobState(state=State.FAILED, message="x"))
    monkeypatch.setattr(import_view, "OLD", -1)
    press(fill(page(), path=str(file), classes="a,b"), "import-start")
    assert not job.path.exists()
