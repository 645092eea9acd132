"""Several datasets become one folder: sources, patients, classes, links, and what is found again."""

import csv
import errno
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import film_folders
from xraykit.datasets import dataset, layout, pool
from xraykit.datasets.listing import pool_request
from xraykit.datasets.listing.pool_record import read_record
from xraykit.datasets.reading import index
from xraykit.system import files

CLASSES = {"Viral Pneumonia": "Pneumonia"}


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "datasets"))


def manifest(folder: Path, header: str, *rows: str) -> Path:
    (folder / "manifest.csv").write_text("\n".join([header, *rows]), "utf-8")
    return folder


@pytest.fixture
def sources(tmp_path):
    """Class folders, and a manifest with patients whose ids are those of nobody else."""
    first = film_folders.make(tmp_path / "first", films=3)
    second = film_folders.make(tmp_path / "second", classes=("Pneumonia", "Normal"), films=2)
    manifest(
        second,
        "path,label,patient_id,source",
        "Pneumonia/film-000.png,Pneumonia,7,Rome",
        "Pneumonia/film-001.png,Pneumonia,8,Rome",
        "Normal/film-000.png,Normal,7,Guangzhou",
        "Normal/film-001.png,Normal,9,",
    )
    for path in (*first.rglob("*"), *second.rglob("*")):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return {"first": first, "second": second}


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_films_are_together_with_their_source_and_new_class(sources):
    made = pool.pool(sources, CLASSES, name="three sets")
    assert made.name == "three-sets"
    films = dataset.read(made)
    assert films.counts() == {"COVID-19": 3, "Normal": 5, "Pneumonia": 5}
    assert {(film.split("/")[0], source) for film, source in zip(films.films, films.sources, strict=True)} == {
        ("first", "first"),
        ("second", "second"),
    }
    assert films.remarks == () and films.group_rule.column == "patient_id"
    rows = {row["path"]: row for row in table(made)}
    assert rows["second/Pneumonia/film-000.png"]["source_detail"] == "Rome"
    assert rows["first/Viral Pneumonia/film-000.png"]["label"] == "Pneumonia" and "split" not in rows


def test_patients_of_two_sources_never_meet(sources):
    other = shutil.copytree(sources["second"], sources["second"].with_name("third"))
    for number, path in enumerate(sorted(other.rglob("*.png"))):
        Image.fromarray(film_folders.draw(2, 50 + number)).save(path)
    films = dataset.read(pool.pool({"second": sources["second"], "third": other}))
    patients = {row["patient_id"] for row in table(films.root)}
    assert {"second:7", "third:7", "third:9"} <= patients
    groups = {source: {films.groups[i] for i, s in enumerate(films.sources) if s == source} for source in sources}
    assert groups["second"].isdisjoint({films.groups[i] for i, source in enumerate(films.sources) if source == "third"})


def test_the_same_picture_in_two_sources_is_one_group(sources):
    films = dataset.read(pool.pool(sources, CLASSES))
    same = [films.films.index(f"{place}/film-000.png") for place in ("first/Normal", "second/Normal")]
    assert films.hashes[same[0]] == films.hashes[same[1]] and films.groups[same[0]] == films.groups[same[1]]


def test_a_picture_that_two_sources_have_is_taken_from_the_one_that_knows_its_patient(sources):
    whole = pool.pool(sources, CLASSES)
    made = pool.pool(sources, CLASSES, distinct=True)
    assert made != whole and pool.pool(sources, CLASSES, distinct=True) == made
    gone = {row["path"] for row in table(whole)} - {row["path"] for row in table(made)}
    assert "first/Normal/film-000.png" in gone and all(path.startswith("first/") for path in gone)
    films = dataset.read(made)
    for group in np.unique(films.groups):
        assert len({films.sources[i] for i in np.flatnonzero(films.groups == group)}) == 1
    record = read_record(made)
    assert record is not None and record.copies == len(gone)


def test_a_copy_squeezed_into_a_square_shows_the_same_patient(sources):
    tall = np.kron(film_folders.draw(1, 70), np.ones((3, 2), np.uint8))
    Image.fromarray(tall).save(sources["second"] / "Normal" / "film-001.png")
    squeezed = Image.fromarray(tall).resize((96, 96), Image.Resampling.BILINEAR)
    squeezed.save(sources["first"] / "Normal" / "copy.jpg", quality=90)
    films = dataset.read(pool.pool(sources, CLASSES))
    copy, film = (films.films.index(name) for name in ("first/Normal/copy.jpg", "second/Normal/film-001.png"))
    assert films.groups[copy] == films.groups[film]
    patients = {row["path"]: row["patient_id"] for row in table(films.root)}
    assert patients["first/Normal/copy.jpg"] == "second:9"
    assert patients["first/Normal/film-000.png"] == "second:7" and patients["first/COVID-19/film-002.png"] == ""


def test_the_same_request_finds_the_same_folder_and_opens_no_film(sources, monkeypatch):
    made = pool.pool(sources, CLASSES)
    monkeypatch.setattr(index, "read", None)
    assert pool.pool(sources, CLASSES, name="another name") == made
    monkeypatch.undo()


def test_another_request_or_other_films_make_another_folder(sources):
    made = pool.pool(sources, CLASSES, name="mine")
    assert pool.pool(sources, {**CLASSES, "COVID-19": None}, name="mine").name == "mine-2"
    os.utime(sources["first"] / "Normal" / "film-000.png", (2_000_000_000, 1_500_000_000))
    assert pool.pool(sources, CLASSES, name="mine").name == "mine-3"
    assert made.is_dir()


def test_a_pool_that_lost_a_film_is_made_anew_in_its_place(sources):
    made = pool.pool(sources, CLASSES)
    (made / "first" / "Normal" / "film-000.png").unlink()
    assert pool.pool(sources, CLASSES) == made and len(dataset.read(made)) == 13


def test_a_reading_of_the_pool_opens_no_film_again(sources, monkeypatch):
    made = pool.pool(sources, CLASSES)

    def none(self, paths):
        assert list(paths) == []
        return iter(())

    monkeypatch.setattr(index.ingest.Ingest, "read_many", none)
    assert len(dataset.read(made)) == 13


def test_films_are_links_where_they_can_be_and_copies_elsewhere(sources, monkeypatch):
    made = pool.pool(sources, CLASSES)
    film = "first/Normal/film-000.png"
    assert os.path.samefile(made / film, sources["first"] / "Normal" / "film-000.png")
    assert read_record(made).linked == 13 and read_record(made).copied == 0
    assert (made.stat().st_mode | (made / "first" / "Normal").stat().st_mode) & 0o077 == 0
    shutil.rmtree(made)

    def refuse(*paths):
        raise OSError(errno.EXDEV, "cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    made = pool.pool(sources, CLASSES)
    assert read_record(made).copied == 13 and (made / film).stat().st_mode & 0o777 == 0o600
    assert (made / film).read_bytes() == (sources["first"] / "Normal" / "film-000.png").read_bytes()


def test_a_full_disk_leaves_nothing(sources, monkeypatch):
    def full(*paths):
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="no room"):
        pool.pool(sources, CLASSES)
    assert [*(sources["first"].parent / "datasets").iterdir()] == []


def test_refused_films_are_listed_not_copied(sources):
    (sources["first"] / "Normal" / "broken.png").write_bytes(b"no film")
    made = pool.pool(sources, CLASSES)
    (refused,) = read_record(made).refused
    assert (refused["source"], refused["code"]) == ("first/Normal/broken.png", "not-an-image")
    assert not (made / "first" / "Normal" / "broken.png").exists() and dataset.read(made).refused == ()


def test_classes_are_left_out_by_name_and_by_source(sources):
    made = pool.pool(sources, {"COVID-19": None, "second/Normal": None, **CLASSES})
    assert dataset.count_labels(made) == {"Normal": 3, "Pneumonia": 5}
    assert read_record(made).left_out == {"COVID-19": 3, "Normal": 2}
    assert read_record(made).counts == {"Normal": {"first": 3}, "Pneumonia": {"first": 3, "second": 2}}


@pytest.mark.parametrize(
    ("classes", "code"),
    [
        ({"COVID-19": "all", "Normal": "all", "Viral Pneumonia": "all", "Pneumonia": "all"}, "too-few-classes"),
        ({"Viral Pneumonia": "pneumonia"}, "classes-alike"),
        ({"Viral Pneumonia": " "}, "pool-classes"),
    ],
)
def test_classes_that_cannot_be_are_refused(classes, code, sources):
    with pytest.raises(layout.DatasetRefused) as refused:
        pool.pool(sources, classes)
    assert refused.value.code == code


def test_a_class_that_no_source_has_is_named(sources):
    assert pool_request.unknown_classes(sources, {"Normall": "x", "Normal": "y", "second/COVID-19": None}) == [
        "Normall",
        "second/COVID-19",
    ]


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", ".hidden", "masks", "x" * 300, "日本", "-"])
def test_names_lead_nowhere_else(name, sources, tmp_path):
    with_odd_name = {name: sources["first"], "second": sources["second"]}
    try:
        made = pool.pool(with_odd_name, CLASSES, name=name)
    except layout.DatasetRefused as refused:
        assert name == "masks" and refused.code == "pool-names"
        return
    assert made.parent == tmp_path / "datasets" and len(dataset.read(made)) == 13


def test_sources_whose_names_become_one_folder_stay_apart(sources):
    films = dataset.read(pool.pool({"set α": sources["first"], "set β": sources["second"]}, CLASSES))
    assert set(films.sources) == {"set α", "set β"} and len(films) == 13
    with pytest.raises(layout.DatasetRefused) as refused:
        pool.pool({"set 1": sources["first"], "SET-1": sources["second"]}, CLASSES)
    assert refused.value.code == "pool-names"


def test_a_name_that_is_no_utf_8_and_a_link_are_taken_along(sources):
    normal = os.fsencode(sources["first"] / "Normal")
    os.rename(normal + b"/film-000.png", normal + b"/film-\xff.png")
    link = sources["first"] / "Normal" / "link.png"
    link.symlink_to(sources["first"] / "COVID-19" / "film-002.png")
    made = pool.pool(sources, CLASSES)
    films = dataset.read(made)
    assert "first/Normal/film-\\udcff.png" in films.films and films.refused == ()
    assert files.named("film-\\udcff.png") in os.listdir(made / "first" / "Normal")
    assert not (made / "first" / "Normal" / "link.png").is_symlink()


def test_cells_that_a_spreadsheet_would_run_come_back_as_they_are(sources):
    film = sources["first"] / "Normal" / "film-000.png"
    labelled = sources["first"] / "=cmd"
    labelled.mkdir()
    shutil.move(film, labelled / "film.png")
    made = pool.pool(sources, CLASSES)
    assert dataset.count_labels(made)["=cmd"] == 1 and "'=cmd" in (made / "manifest.csv").read_text()


def test_one_dataset_keeps_its_own_sources(sources):
    films = dataset.read(pool.pool({"second": sources["second"]}, {"Pneumonia": "sick"}))
    assert set(films.sources) == {"Rome", "Guangzhou", "second"} and films.classes == ("Normal", "sick")


def test_a_division_is_kept_where_every_source_makes_one(tmp_path, sources):
    for part in ("train", "test"):
        film_folders.make(tmp_path / "divided" / part, films=2)
    divided = tmp_path / "divided"
    assert dataset.read(pool.pool({"a": divided, "b": sources["first"]})).given == ()
    films = dataset.read(pool.pool({"a": divided, "b": divided}))
    assert films.given.count("train") == films.given.count("test") == 12


def test_a_stop_leaves_nothing_and_what_a_kill_left_is_cleared(sources, tmp_path):
    class Stop(Exception):
        pass

    def stop(done, total):
        assert total == 13
        if done == 5:
            raise Stop

    with pytest.raises(Stop):
        pool.pool(sources, CLASSES, progress=stop)
    root = tmp_path / "datasets"
    assert [*root.iterdir()] == []
    (root / ".pool-0123456789abcdef.01234567.part" / "first").mkdir(parents=True)
    made = pool.pool(sources, CLASSES)
    assert [*root.iterdir()] == [made]


def test_two_at_once_make_one(sources, tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(pool.pool(sources, CLASSES))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3 and len(set(made)) == 1 and [*(tmp_path / "datasets").iterdir()] == [made[0]]


@pytest.mark.parametrize("text", [b"", b"{}", b"[" * 100_000, b'{"digest": 1}', b"\xff"])
def test_a_damaged_record_is_no_pool(text, sources):
    made = pool.pool(sources, CLASSES)
    (made / "pool.json").write_bytes(text)
    assert read_record(made) is None
    assert pool.pool(sources, CLASSES) != made


def test_nothing_and_no_dataset_are_refused(sources, tmp_path):
    with pytest.raises(layout.DatasetRefused, match="at least one"):
        pool.pool({})
    with pytest.raises(layout.DatasetRefused, match="No folder"):
        pool.pool({"a": tmp_path / "nowhere", "b": sources["first"]})


def test_groups_are_numbers_of_every_film(sources):
    films = dataset.read(pool.pool(sources, CLASSES))
    assert films.groups.shape == (13,) and films.groups.dtype == np.int64
