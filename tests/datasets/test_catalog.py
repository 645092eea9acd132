import json
import pytest
from tests.helpers import film_folders
from xraykit.datasets import catalog
from xraykit.films import ingest


@pytest.fixture(autouse=True)
def empty_computer(tmp_path, monkeypatch):
    for name in ("data", "datasets", "runs"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XRAYKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(ingest.Ingest, "read_many", None)  # no film is opened


def a_run(root, name, status):
    (root / "runs" / name).mkdir()
    (root / "runs" / name / "status.json").write_text(status)


def names():
    return [(found.name, found.origin) for found in catalog.known()]


def test_nothing_is_known_on_an_empty_computer(monkeypatch, tmp_path):
    assert catalog.known() == []
    monkeypatch.setenv("XRAYKIT_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "nowhere"))
    assert catalog.known() == []


def test_datasets_are_found_where_they_may_be(tmp_path):
    film_folders.make(tmp_path / "data" / "radiography", films=2)
    film_folders.make(tmp_path / "datasets" / "mine", films=1)
    film_folders.make(tmp_path / "elsewhere", films=1)
    a_run(tmp_path, "one", json.dumps({"data": str(tmp_path / "elsewhere")}))
    a_run(tmp_path, "two", json.dumps({"data": str(tmp_path / "data" / "radiography")}))
    assert names() == [
        ("radiography", "folder XRAYKIT_DATA"),
        ("mine", "uploaded"),
        ("elsewhere", "used by the run one"),
    ]
    first = catalog.known()[0]
    assert first.counts == {"COVID-19": 2, "Normal": 2, "Viral Pneumonia": 2}
    assert first.path == tmp_path / "data" / "radiography"


def test_train_and_test_folders_are_datasets_of_their_own(tmp_path):
    for part in ("train", "test"):
        film_folders.make(tmp_path / "data" / "intel" / part, films=1)
    assert [name for name, _ in names()] == ["intel/test", "intel/train"]


def test_a_manifest_makes_a_dataset(tmp_path):
    (tmp_path / "data" / "flat").mkdir()
    (tmp_path / "data" / "flat" / "manifest.csv").write_text("path,label\na.png,Normal\nb.png,Sick\n")
    assert catalog.known()[0].counts == {"Normal": 1, "Sick": 1}


def test_odd_folders_are_passed_over(tmp_path):
    data = tmp_path / "data"
    film_folders.make(data / "sound", films=1)
    film_folders.make(data / "one-class", classes=("Normal",), films=1)
    film_folders.make(tmp_path / "datasets" / ".half.part", films=1)
    (data / "empty").mkdir()
    (data / "a-file.txt").write_text("x")
    (data / "loop").symlink_to(data)
    for name, table in (("bad", b"\xff\xfe"), ("outside", b"path,label\n../a.png,x\n"), ("no-columns", b"a,b\n")):
        (data / name).mkdir()
        (data / name / "manifest.csv").write_bytes(table)
    (data / "folder-as-manifest" / "manifest.csv").mkdir(parents=True)
    for number, status in enumerate(
        ("", "{", "[]", "{}", '{"data": 3}', '{"data": "/no/where"}', '{"data": "a\\u0000"}')
    ):
        a_run(tmp_path, f"odd-{number}", status)
    assert "sound" in [name for name, _ in names()]
    assert not {"one-class", "empty", "bad", "outside", "no-columns", ".half.part"} & {name for name, _ in names()}


def test_the_real_films_are_known(real_films, monkeypatch):
    monkeypatch.setenv("XRAYKIT_DATA", str(real_films))
    assert {"radiography", "darkcovid", "intel/train", "intel/test"} <= {name for name, _ in names()}
