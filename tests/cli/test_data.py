"""data list, get and pool: what they print, and how they end."""

import json

import pytest
from click.testing import CliRunner

from tests.helpers import film_folders
from xraykit.__main__ import main
from xraykit.datasets import dataset
from xraykit.datasets.catalog import fetch, work
from xraykit.system.job_folder import State
from xraykit.system.jobs import Job


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    for variable in ("DATA", "DATASETS", "CACHE", "RUNS"):
        monkeypatch.setenv(f"XRAYKIT_{variable}", str(tmp_path / variable.lower()))
    film_folders.make(tmp_path / "data" / "radiography", films=2)
    film_folders.make(tmp_path / "data" / "children", ("Normal", "Pneumonia"), films=2)


def run(*words):
    return CliRunner().invoke(main, ["data", *map(str, words)])


def test_list_names_what_there_is_and_how_to_get_the_rest(tmp_path):
    said = run("list")
    assert said.exit_code == 0
    assert f"may be a copy: {tmp_path / 'data' / 'radiography'} (6 films)" in said.output
    assert "python -m xraykit data get intel" in said.output and "licence" in said.output
    report = json.loads(run("list", "--json").output)
    assert [each["name"] for each in report["published"] if each["copies"]] == ["radiography", "kermany"]
    assert {each["name"] for each in report["folders"]} == {"radiography", "children"}


def test_pool_makes_one_folder_by_names_and_paths(tmp_path):
    words = ("pool", "--as", "both", "--data", "radiography", "--data", tmp_path / "data" / "children")
    said = run(*words, "--class", "Viral Pneumonia=Pneumonia", "--leave-out", "children/Normal")
    assert said.exit_code == 0, said.output
    odd = run("pool", "--as", "odd", "--data", f"a=b={tmp_path / 'data' / 'children'}", "--class", "a=b/Normal=x=y")
    assert odd.exit_code == 1 and "has the class a=b/Normal=x" in odd.output  # the last = divides
    odd = run("pool", "--as", "odd", "--data", f"a=b={tmp_path / 'data' / 'children'}", "--class", "a=b/Normal=well")
    assert odd.exit_code == 0 and "well  2 (a=b 2)" in odd.output, odd.output
    assert "8 films in" in said.output and "Pneumonia  4 (children 2, radiography 2)" in said.output
    assert "left out: Normal 2" in said.output
    assert dataset.count_labels(tmp_path / "datasets" / "both") == {"COVID-19": 2, "Normal": 2, "Pneumonia": 4}


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--data", "nowhere"), "No folder and no known dataset is called nowhere", 1),
        (("--data", "radiography", "--class", "Normall=x"), "has the class Normall", 1),
        (("--data", "radiography", "--data", "radiography"), "the same name", 1),
        (("--data", "radiography", "--class", "Normal"), "OLD=NEW", 2),
        (("--data", "radiography", "--leave-out", "Normal", "--leave-out", "COVID-19"), "two classes", 1),
    ],
)
def test_a_pool_that_cannot_be_is_refused_in_words(words, said, code):
    ended = run("pool", "--as", "x", *words)
    assert ended.exit_code == code and said in ended.output and "Traceback" not in ended.output


def test_get_ends_with_1_and_words(monkeypatch):
    ended = run("get", "nope")
    assert ended.exit_code == 1 and "No published dataset is called nope" in ended.output


def test_get_says_what_came(monkeypatch, tmp_path):
    def come(wanted, root, moved):
        moved("Downloading", 5, 10)
        moved("Unpacking", 10, 10)
        return film_folders.make(tmp_path / "came", ("Normal", "Pneumonia"), films=1)

    monkeypatch.setattr(fetch, "get", come)
    said = run("get", "kermany")
    assert said.exit_code == 0 and "CC BY 4.0" in said.output and "2 films in 2 classes" in said.output


def test_a_job_says_which_folder_came_of_it(tmp_path):
    job = tmp_path / "job"
    said = run("pool", "--as", "both", "--data", "radiography", "--out", job)
    assert said.exit_code == 0, said.output
    assert Job(job).state().state is State.FINISHED and Job(job).state().model == "both"
    assert work.result(Job(job)) == tmp_path / "datasets" / "both"
    refused = tmp_path / "refused"
    assert run("pool", "--as", "x", "--data", "nowhere", "--out", refused).exit_code == 1
    assert Job(refused).state().state is State.FAILED and "nowhere" in Job(refused).state().message
    assert run("get", "infected-normal", "--out", tmp_path / "second").exit_code == 1
    failed = Job(tmp_path / "second")
    assert failed.state().state is State.FAILED and "darkcovid" in failed.state().message
    assert work.result(failed) is None
