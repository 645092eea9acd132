"""data list, get and pool: what they print, and how they end."""

import json
import shutil

import pytest
from click.testing import CliRunner

from tests.helpers import ROOT, audit_films, data_audits, film_folders, tiny_model
from xraykit.__main__ import main
from xraykit.datasets import dataset
from xraykit.datasets.catalog import fetch, work
from xraykit.datasets.reading import index
from xraykit.models.cards.card import ModelRefused
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job
from xraykit.training import audited
from xraykit.truth.data_audit import record


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


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--attach", "nope"), "No model named nope", 1),
        (("--against", "."), "cannot be compared with itself", 1),
        (("--validation", "0.6", "--test", "0.4"), "leave films for training", 2),
        (("--out", "manifest.csv"), "manifest.csv is a file; expected a folder", 2),
        (("--out", "manifest.csv/below/it"), "manifest.csv is a file; expected a folder", 2),
    ],
)
def test_an_audit_that_cannot_be_is_refused_before_a_film_is_read(words, said, code, tmp_path, monkeypatch):
    folder = audit_films.make(tmp_path / "films", audit_films.rows_of(("Normal", "Pneumonia"), 2))
    before = sorted(folder.rglob("*"))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(index, "read", lambda *_: pytest.fail("films were read"))
    ended = run("audit", folder, *words)
    assert ended.exit_code == code and said in " ".join(ended.output.split()), ended.output
    assert "Traceback" not in ended.output and sorted(folder.rglob("*")) == before


def test_an_audit_for_a_model_of_other_films_is_printed_before_the_card_refuses_it(tmp_path, monkeypatch):
    folder = audit_films.make(tmp_path / "films", audit_films.rows_of(("Normal", "Pneumonia"), 2))
    kept = tmp_path / "weights" / "tiny-model"
    shutil.copytree(tiny_model.KEPT, kept)
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(kept.parent))
    before = (kept / "card.json").read_bytes()
    ended = run("audit", folder, "--attach", "tiny-model")
    assert ended.exit_code == 1 and "learned from other films" in ended.output
    assert "Border alone" in ended.output and (kept / "card.json").read_bytes() == before
    assert "Not judged, drawn: Too few films to divide" in ended.output, "nothing to warn of, for nothing was judged"


def test_an_audit_is_printed_and_written(tmp_path):
    def plant(label, number, pixels):
        return audit_films.coded(pixels, "JPEG" if label == "Normal" else "PNG")

    folder = audit_films.make(tmp_path / "films", audit_films.rows_of(("Normal", "Pneumonia"), 16, plant=plant))
    children = tmp_path / "data" / "children"
    said = run("audit", folder, "--out", tmp_path / "out", "--against", children, "--strict")
    assert said.exit_code == 1 and "leak, stops a fine-tune header-alone: What the file says of itself" in said.stdout
    assert "Border alone (outer 5%)" in said.stdout and "50.0%" in said.stdout
    for name in ("audit.html", "audit.md", "audit.json"):
        assert "File header alone" in (tmp_path / "out" / name).read_text()
    job = Job(tmp_path / "out")
    assert (job.state().state, job.state().verb) == (State.FINISHED, "audit")
    made = record.of_job(job)
    assert made is not None and made == record.kept(made.listing, audited.SplitPlan()), (
        "the next fine-tune need not audit again"
    )
    assert [(shared.name, shared.identical) for shared in made.shared][0] == ("children", 0)
    assert json.loads(run("audit", folder, "--json").stdout)["digest"] == made.digest
    assert run("audit", tmp_path / "nothing").exit_code == 1


def test_what_networks_reached_stands_beside_a_probe(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    model = tmp_path / "weights" / "tiny-model"
    model.mkdir(parents=True)
    card = json.loads((ROOT / "tests" / "data" / "tiny-model" / "card.json").read_text())
    card["data"]["digest"] = "ab" * 32
    figures = {"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95, "n": 40}, "balanced_accuracy": 0.88}
    card["metrics"]["test"] = figures
    (model / "card.json").write_text(json.dumps(card))
    known = audited.trained("ab" * 32)
    assert [(each.name, each.measure, each.value, each.low) for each in known] == [
        ("tiny-model", "accuracy", 0.9, 0.8),
        ("tiny-model", "balanced accuracy", 0.88, None),
    ]
    assert audited.trained("0" * 64) == []
    kept = audited.attach(data_audits.full("ab" * 32), "tiny-model").checks["data_audit"]
    assert [finding["code"] for finding in kept["findings"]][0] == "header-alone" and not kept["accepted"]
    with pytest.raises(ModelRefused, match="learned from other films"):
        audited.attach(data_audits.full("0" * 64), "tiny-model")
    from xraykit.truth.data_audit import audit as audit_room

    beside = audit_room.with_beside(data_audits.full(), known[1:])
    header = next(finding for finding in beside.findings if finding.code == "header-alone")
    assert "tiny-model had balanced accuracy" in header.words
