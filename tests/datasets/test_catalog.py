from pathlib import Path

import pytest

from tests.helpers import film_folders
from xraykit.datasets.catalog import known as catalog
from xraykit.films import ingest


@pytest.fixture(autouse=True)
def empty_computer(tmp_path, monkeypatch):
    for name in ("data", "datasets"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XRAYKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.setattr(ingest.Ingest, "read_many", None)  # no film is opened


def names(earlier=()):
    return [known.name for known in catalog.known(earlier)]


def test_nothing_is_known_on_an_empty_computer(monkeypatch, tmp_path):
    assert catalog.known() == []
    monkeypatch.setenv("XRAYKIT_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "nowhere"))
    assert catalog.known() == []


def test_datasets_are_found_where_they_may_be(tmp_path):
    film_folders.make(tmp_path / "data" / "radiography", films=2)
    film_folders.make(tmp_path / "datasets" / "mine", films=1)
    film_folders.make(tmp_path / "elsewhere", films=1)
    earlier = [tmp_path / "elsewhere", tmp_path / "data" / "radiography", tmp_path / "elsewhere"]
    assert names(earlier) == ["radiography", "mine", "elsewhere"]
    first = catalog.known()[0]
    assert first.counts == {"COVID-19": 2, "Normal": 2, "Viral Pneumonia": 2}
    assert first.path == tmp_path / "data" / "radiography"


def test_a_folder_that_is_divided_is_one_dataset_and_its_parts_can_be_known_too(tmp_path):
    for part in ("train", "test"):
        film_folders.make(tmp_path / "data" / "intel" / part, films=1)
    assert [(folder.name, sum(folder.counts.values())) for folder in catalog.known()] == [("intel", 6)]
    assert names([tmp_path / "data" / "intel" / "test"]) == ["intel", "test"]


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
    earlier = [Path("/no/where"), Path("a\0"), Path(""), data / "a-file.txt", data / "bad"]
    assert "sound" in names(earlier)
    assert not {"one-class", "empty", "bad", "outside", "no-columns", ".half.part", "a\0"} & {*names(earlier)}


def test_the_real_films_are_known(real_films, monkeypatch):
    monkeypatch.setenv("XRAYKIT_DATA", str(real_films))
    known = {folder.name: dict(folder.counts) for folder in catalog.known()}
    assert known["radiography"] == {"COVID-19": 1000, "Normal": 1000, "Viral Pneumonia": 1000}
    assert known["darkcovid"] == {"COVID-19": 99, "Normal": 405, "Pneumonia": 394}
    assert known["kermany"] == {"Normal": 700, "Pneumonia": 700}
    assert {*known["intel"].values()} == {650} and len(known["intel"]) == 6
