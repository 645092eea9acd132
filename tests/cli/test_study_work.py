"""The commands about a study that was started, in this process."""

import json

import pytest
from click.testing import CliRunner

from tests.helpers import film_folders, study_folders
from xraykit.__main__ import main
from xraykit.datasets import dataset
from xraykit.experiments.study_folder import StudyState
from xraykit.system.job_folder.record import State

TRAIN = "train --data . --recipe"


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield dataset.read(film_folders.make(tmp_path_factory.mktemp("films"), films=10))


@pytest.fixture
def made(films, tmp_path):
    return study_folders.make(tmp_path, films)


def call(made, command, *arguments):
    return CliRunner().invoke(main, ["study", command, "rates", "--studies", str(made.path.parent), *arguments])


def test_a_study_is_shown_paused_and_put_in_order(made):
    made.write_state(StudyState(state=State.STOPPED, message="Stopped.", done=1, runs=4))
    shown = call(made, "show").output
    assert "stopped  1/4 runs" in shown and "1: 0.003 " in shown and "2 waiting" in shown
    assert "No run has finished yet." in shown
    plain = json.loads(call(made, "show", "--json").output)
    assert plain["state"]["done"] == 1 and [row["trial"] for row in plain["trials"]] == [1, 2]
    assert call(made, "pause").exit_code == 0 and made.is_paused()
    assert call(made, "go-on").exit_code == 0 and not made.is_paused()
    assert call(made, "first", "2").exit_code == 0 and made.order() == (2,)
    assert "no trial 9" in call(made, "first", "9").output
    running = CliRunner().invoke(main, ["study", "running", "--studies", str(made.path.parent)]).output
    assert running.startswith("rates  stopped  1/4 runs")


@pytest.mark.parametrize(
    ("name", "begins"), [("whole.html", "<!doctype html>"), ("whole.md", "# Study rates"), ("whole.json", "{")]
)
def test_a_study_is_written_as_one_file(made, tmp_path, name, begins):
    made.write_state(StudyState(state=State.STOPPED, message="Stopped.", done=1, runs=4))
    assert call(made, "report", "--out", str(tmp_path / name)).exit_code == 0
    assert (tmp_path / name).read_text().lower().startswith(begins.lower())


@pytest.mark.parametrize("command", ["study running --studies", "study show rates --studies", "runs list --runs"])
@pytest.mark.parametrize(
    ("place", "words"), [("nowhere", "Directory 'nowhere'"), ("notes", "notes is a file; expected a folder")]
)
def test_a_folder_that_is_none_is_wrong_usage(command, place, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").write_text("mine")
    refused = CliRunner().invoke(main, [*command.split(), place])
    assert refused.exit_code == 2 and words in refused.output


@pytest.mark.parametrize("command", ["study run tiny --studies", "train --recipe tiny --runs"])
@pytest.mark.parametrize("name", ["a/b", "rates"])
def test_a_name_that_cannot_be_given_is_refused_before_films_are_read(made, command, name, monkeypatch):
    monkeypatch.setattr(dataset, "read", None)
    monkeypatch.chdir(made.path.parent)
    refused = CliRunner().invoke(main, [*command.split(), ".", "--data", "rates", "--name", name])
    words = "named rates in . already" if name == "rates" else "no mark first; got 'a/b'"
    assert refused.exit_code == 1 and words in refused.output


def test_a_report_in_the_place_of_a_file_is_wrong_usage(made, tmp_path):
    (tmp_path / "notes").write_text("mine")
    refused = call(made, "report", "--out", str(tmp_path / "notes"))
    assert refused.exit_code == 2 and "Expected a folder" in refused.output and "'notes'" in refused.output
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_report_of_another_kind_is_refused(made, tmp_path):
    refused = call(made, "report", "--out", str(tmp_path / "whole.docx"))
    assert refused.exit_code == 2 and "a file that ends in .pdf, .png, .pptx" in refused.output


def test_a_study_is_called_by_the_folder_one_is_in(made, monkeypatch):
    monkeypatch.chdir(made.path)
    paused = CliRunner().invoke(main, ["study", "pause", "."])
    assert paused.exit_code == 0 and made.is_paused()
    deleted = CliRunner().invoke(main, ["study", "delete", "."])
    assert deleted.exit_code == 0 and deleted.exception is None and not made.path.exists()


def test_an_empty_name_is_not_the_folder_of_studies_itself(made):
    refused = CliRunner().invoke(main, ["study", "delete", "", "--studies", str(made.path)])
    assert refused.exit_code == 1 and "no study named ''" in refused.output and made.path.exists()


@pytest.mark.parametrize("name", ["two\nlines", "\u202eright to left", "\x1b[31mred", "x" * 300])
@pytest.mark.parametrize("command", ["study show", "study run", "study export tiny --set", "runs show", TRAIN])
def test_a_name_that_cannot_be_is_quoted_in_one_line(command, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(main, [*command.split(), name])
    assert refused.exit_code == 1 and repr(name[:80])[:-1] in refused.output
    assert refused.output.count("\n") == 1 and len(refused.output) < 500


def test_what_cannot_be_done_is_said_in_words(made):
    made.write_state(StudyState(state=State.FINISHED, runs=4))
    stopped = call(made, "stop")
    assert stopped.exit_code == 1 and "it is finished" in stopped.output
    (made.path / "chosen.json").write_text('{"trial": "best"}')
    shown = call(made, "show")
    assert shown.exit_code == 1 and "chosen.json" in shown.output and "Traceback" not in shown.output
    with made.hold():
        made.write_state(StudyState(state=State.RUNNING, runs=4))
        resumed, deleted = call(made, "resume"), call(made, "delete")
    assert resumed.exit_code == 1 and "running already" in resumed.output
    assert deleted.exit_code == 1 and "Stop it first" in deleted.output
    made.write_state(StudyState(state=State.STOPPED, runs=4))
    assert call(made, "delete").exit_code == 0 and not made.path.exists()
    gone = call(made, "show")
    assert gone.exit_code == 1 and "no study named 'rates'" in gone.output
