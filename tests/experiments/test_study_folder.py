"""The folder of a study: made whole or not at all, read value by value, never lying about where it stands."""

import json

import pytest

from tests.helpers import study_folders
from xraykit.experiments import study_folder
from xraykit.experiments.study_folder import StudyFolder, StudyFolderRefused, StudyState
from xraykit.refused import Refused
from xraykit.system.job_folder.record import State
from xraykit.training.run import run


@pytest.fixture
def made(films, tmp_path):
    return study_folders.make(tmp_path / "studies", films)


def test_a_new_study_knows_its_question_trials_and_folds(made, films):
    assert made.study() == study_folders.study()
    assert [trial.settings for trial in made.trials()] == [
        {"phases.0.learning_rate": 0.003},
        {"phases.0.learning_rate": 0.001},
    ]
    assert [run.name for run in made.runs()] == ["t001-f1-s0", "t001-f2-s0", "t002-f1-s0", "t002-f2-s0"]
    assert all(run.status() is None and not run.is_cut() for run in made.runs())
    state = made.state()
    assert (state.state, state.runs, state.done, state.data) == ("queued", 4, 0, str(films.root))
    assert made.chosen() is None and made.order() == ()


def test_a_study_is_there_whole_or_not_at_all(films, tmp_path, monkeypatch):
    def full(self, state):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StudyFolder, "write_state", full)
    with pytest.raises(OSError, match="No space"):
        study_folders.make(tmp_path, films)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_numbered_and_one_that_was_asked_for_is_refused(made, films):
    root = made.path.parent
    assert study_folders.make(root, films).name == "rates-2"
    with pytest.raises(StudyFolderRefused, match="already"):
        study_folders.make(root, films, name="rates")
    with pytest.raises(StudyFolderRefused, match="Expected a study name"):
        study_folders.make(root, films, name="../rates")
    assert [study.name for study in study_folder.list_studies(root)] == ["rates-2", "rates"]
    assert study_folder.find("rates", root).path == made.path
    with pytest.raises(StudyFolderRefused, match="rates-2, rates"):
        study_folder.find("heads", root)


def test_studies_are_no_runs(films, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path))
    study_folders.make(study_folder.studies_folder(), films)
    assert run.list_runs() == [] and len(study_folder.list_studies()) == 1


def test_a_study_that_nobody_is_at_is_lost(made):
    made.write_state(StudyState(state=State.RUNNING, running=("t001-f1-s0",), eta=60.0))
    state = made.state()
    assert (state.state, state.running, state.eta) == ("lost", (), None) and "Resume" in state.message
    with made.hold():
        assert made.state().state == "running"


def test_a_trial_is_put_first_and_a_study_pauses(made):
    made.put_first([2])
    assert made.order() == (2,)
    (made.path / "order.json").write_text('["two"]')
    assert made.order() == ()
    made.pause()
    assert made.is_paused()
    made.go_on()
    assert not made.is_paused()


DAMAGES = [
    ("study.json", lambda folder: folder.study(), ["{", "[]", "null", '{"recipe": 1}']),
    ("trials.json", lambda folder: folder.runs(), ["{", "{}", '[{"number": 0}]', "[1]", '[{"number": 1}]']),
    ("folds.json", lambda folder: folder.runs(), ["", "{}", "[]", '{"names": []}', '{"names": [1]}']),
    ("progress.json", lambda folder: folder.state(), ["{", "[]", "{}", '{"state": "asleep"}', '{"state": 1}']),
    ("chosen.json", lambda folder: folder.chosen(), ["{", "[]"]),
]


@pytest.mark.parametrize(("file", "read", "texts"), DAMAGES, ids=[file for file, _, _ in DAMAGES])
def test_a_damaged_file_is_refused_with_its_name(made, file, read, texts):
    for text in texts:
        (made.path / file).write_text(text)
        with pytest.raises(Refused, match=r"rates|study"):
            read(made)


def test_a_trial_that_no_recipe_can_be_is_refused_with_the_reason(made):
    data = json.loads((made.path / "trials.json").read_text())
    data[1]["recipe"]["batch_size"] = -1
    (made.path / "trials.json").write_text(json.dumps(data))
    with pytest.raises(StudyFolderRefused, match="batch_size"):
        made.trials()


def test_two_trials_of_one_number_are_refused(made):
    data = json.loads((made.path / "trials.json").read_text())
    data[1]["number"] = data[0]["number"]
    (made.path / "trials.json").write_text(json.dumps(data))
    with pytest.raises(StudyFolderRefused, match="names trial 1 twice"):
        made.trials()
