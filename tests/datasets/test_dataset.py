import csv
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import film_folders
from xraykit.datasets import dataset, layout, split
from xraykit.datasets.reading import groups
from xraykit.films import ingest, radiograph
from xraykit.films.refusal import Refusal


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return film_folders.make(tmp_path_factory.mktemp("films"))


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "films")


def test_class_folders_are_read(folder):
    films = dataset.read(folder)
    assert films.classes == ("COVID-19", "Normal", "Viral Pneumonia")
    assert films.counts() == {"COVID-19": 30, "Normal": 30, "Viral Pneumonia": 30}
    assert films.films[0] == "COVID-19/film-000.png"


def test_refused_films_are_listed_not_skipped(copy):
    (copy / "Normal" / "broken.png").write_bytes(b"not a film")
    (copy / "Normal" / "empty.jpg").write_bytes(b"")
    films = dataset.read(copy)
    assert {(r.source, r.code) for r in films.refused} == {
        ("Normal/broken.png", "not-an-image"),
        ("Normal/empty.jpg", "empty"),
    }
    assert len(films) == 90


def test_films_beside_the_class_folders_are_named(copy):
    shutil.copy(copy / "Normal" / "film-000.png", copy / "lost.png")
    assert dataset.read(copy).unlabelled == ("lost.png",)


def test_a_folder_that_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(layout.DatasetRefused, match="No folder"):
        dataset.read(tmp_path / "nowhere")
    with pytest.raises(layout.DatasetRefused, match="two classes"):
        dataset.read(tmp_path)


def test_a_model_that_does_not_know_a_class_is_told_both_lists(folder):
    with pytest.raises(layout.DatasetRefused, match=r"COVID-19, Viral Pneumonia. It knows Normal"):
        dataset.read(folder, classes=("Normal",))


def test_the_same_films_elsewhere_have_the_same_digest(folder, copy):
    assert dataset.read(copy).digest == dataset.read(folder).digest
    (copy / "Normal" / "film-000.png").unlink()
    assert dataset.read(copy).digest != dataset.read(folder).digest


def test_every_film_is_in_one_part_and_every_part_has_every_class(folder):
    films = dataset.read(folder)
    parts = split.split(films)
    together = np.concatenate(list(parts.parts().values()))
    assert sorted(together.tolist()) == list(range(90))
    assert [len(p) for p in parts.parts().values()] == pytest.approx([67, 9, 14], abs=2)
    assert all(min(films.counts(p).values()) > 0 for p in parts.parts().values())


def test_a_split_can_be_repeated_and_depends_on_its_seed(folder):
    films = dataset.read(folder)
    first, again, other = (split.split(films, split.SplitPlan(seed=seed)).test.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_patients_of_a_manifest_are_never_in_two_parts(tmp_path):
    rows = []
    for label, name in enumerate(("Normal", "Pneumonia")):
        for number in range(60):
            Image.fromarray(film_folders.draw(label, number)).save(tmp_path / f"{name}-{number}.png")
            rows.append((f"{name}-{number}.png", name, f"patient-{number // 3}"))
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "patient_id"), *rows])
    films = dataset.read(tmp_path)
    patient = {name: who for name, _, who in rows}
    seen = [{patient[films.films[i]] for i in part} for part in split.split(films).parts().values()]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert films.group_rule == groups.GroupRule(groups.GroupKind.PATIENTS, "patient_id")
    assert len(films.mixed_groups()) == 20


def test_near_duplicates_share_a_group(copy):
    original = Image.open(copy / "Normal" / "film-000.png")
    original.save(copy / "Normal" / "same.jpg", quality=80)
    original.resize((96, 96)).save(copy / "Normal" / "larger.png")
    films = dataset.read(copy)
    names = ("film-000.png", "same.jpg", "larger.png")
    assert len({films.groups[films.films.index(f"Normal/{name}")] for name in names}) == 1
    assert len(set(films.groups.tolist())) == 90
    assert films.group_rule == groups.GroupRule(groups.GroupKind.NEAR_DUPLICATES)


@pytest.mark.parametrize(
    ("recorded", "kind"),
    [
        (
            "patient ids of the manifest and near-duplicates (difference hash of 256 bits, at most 16 apart)",
            groups.GroupKind.PATIENTS,
        ),
        (
            "near-duplicates (difference hash of 256 bits, at most 16 apart); no patient ids are known",
            groups.GroupKind.NEAR_DUPLICATES,
        ),
    ],
)
def test_a_rule_that_an_earlier_version_recorded_in_words_is_read(recorded, kind):
    rule = groups.read_rule(recorded)
    assert rule.kind is kind and rule.words == recorded


@pytest.mark.parametrize(
    "rule",
    [groups.GroupRule(groups.GroupKind.PATIENTS, "subject_id", 8), groups.GroupRule(groups.GroupKind.NEAR_DUPLICATES)],
)
def test_a_recorded_rule_is_read_as_it_was(rule):
    recorded = json.loads(json.dumps(rule.to_json()))
    assert groups.read_rule(recorded) == rule and rule.column in rule.words


def test_identical_files_are_named(copy):
    shutil.copy(copy / "Normal" / "film-000.png", copy / "COVID-19" / "film-copy.png")
    films = dataset.read(copy)
    assert films.duplicates() == [("COVID-19/film-copy.png", "Normal/film-000.png")]
    assert films.mixed_groups() == films.duplicates()


def test_cached_squares_are_what_the_film_gives(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path))
    films = dataset.read(folder)
    squares = films.squares(32)
    assert squares.shape == (90, 32, 32, 1) and squares.dtype == np.uint8
    film = radiograph.read((folder / films.films[17]).read_bytes(), "film")
    assert np.array_equal(squares[17], film.square(32))
    written = next(tmp_path.glob("*.npy")).stat().st_mtime_ns
    films.squares(32)
    assert next(tmp_path.glob("*.npy")).stat().st_mtime_ns == written


def test_films_that_are_read_in_another_way_are_decoded_again(remembered, monkeypatch):
    folder, opened = remembered
    films = dataset.read(folder)
    before = films.squares(32)
    opened.clear()
    square = radiograph.Radiograph.square
    monkeypatch.setattr(radiograph.Radiograph, "square", lambda film, *given: 255 - square(film, *given))
    assert np.array_equal(films.squares(32), before) and opened == []
    monkeypatch.setattr(radiograph, "READING", "another")
    assert np.array_equal(films.squares(32), 255 - before) and len(opened) == 90
    opened.clear()
    dataset.read(folder)
    assert len(opened) == 91


def settle(folder):
    """Make the files look an hour old: younger ones are not remembered."""
    for file in folder.rglob("*"):
        if file.is_file():
            os.utime(file, (time.time() - 3600,) * 2)
    return folder


@pytest.fixture
def remembered(copy, tmp_path, monkeypatch):
    """A folder that was read once, with a broken film in it; afterwards the firewall counts what it is given."""
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    (copy / "Normal" / "broken.png").write_bytes(b"not a film")
    dataset.read(settle(copy))
    opened = []
    read_many = ingest.Ingest.read_many

    def counting(self, films):
        return read_many(self, (opened.append(Path(film).name) or film for film in films))

    monkeypatch.setattr(ingest.Ingest, "read_many", counting)
    return copy, opened


def test_unchanged_films_are_not_opened_again(remembered):
    folder, opened = remembered
    again = dataset.read(folder)
    assert opened == []
    assert [(refusal.source, refusal.code) for refusal in again.refused] == [("Normal/broken.png", "not-an-image")]
    assert again.digest == dataset.read(shutil.copytree(folder, folder.parent / "elsewhere")).digest


def test_the_same_groups_come_from_what_is_remembered(remembered):
    folder, _ = remembered
    first = dataset.read(folder)
    shutil.rmtree(first.cache / "index")
    assert np.array_equal(dataset.read(folder).groups, first.groups)


def test_a_changed_film_is_read_anew(remembered):
    folder, opened = remembered
    film = folder / "Normal" / "film-003.png"
    shutil.copy(folder / "COVID-19" / "film-003.png", film)
    os.utime(film, (time.time() - 1800,) * 2)
    (folder / "Normal" / "film-004.png").unlink()
    films = dataset.read(folder)
    assert opened == ["film-003.png"]
    assert films.duplicates() == [("COVID-19/film-003.png", "Normal/film-003.png")]
    assert len(films) == 89


def test_a_film_being_written_is_not_remembered(remembered):
    folder, opened = remembered
    (folder / "Normal" / "film-003.png").touch()
    dataset.read(folder)
    dataset.read(folder)
    assert opened == ["film-003.png"] * 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda index: index.unlink(),
        lambda index: index.write_bytes(b""),
        lambda index: index.write_bytes(b"\xff\n{}"),
        lambda index: index.write_bytes(index.read_bytes()[:-40]),
        lambda index: index.write_bytes(index.read_bytes().replace(b"0", b"1", 9)),
    ],
    ids=["gone", "empty", "rubbish", "cut short", "changed"],
)
def test_a_damaged_index_costs_only_time(remembered, tmp_path, damage):
    folder, opened = remembered
    first = dataset.read(folder)
    (index,) = (tmp_path / "cache" / "index").iterdir()
    damage(index)
    again = dataset.read(folder)
    assert (again.hashes, again.refused) == (first.hashes, first.refused)
    assert len(opened) == 91
    assert dataset.read(folder).hashes == first.hashes and len(opened) == 91


def test_what_another_try_may_answer_otherwise_is_not_remembered(copy, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    read_many = ingest.Ingest.read_many
    monkeypatch.setattr(
        ingest.Ingest,
        "read_many",
        lambda self, films: (Refusal(str(film), "timeout", "Late.") for film in films),
    )
    with pytest.raises(layout.DatasetRefused):
        dataset.read(settle(copy))
    monkeypatch.setattr(ingest.Ingest, "read_many", read_many)
    assert len(dataset.read(copy)) == 90


def test_a_reading_that_was_stopped_goes_on_where_it_was(copy, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))

    def stop(done, films):
        if done == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataset.read(settle(copy), stop)
    (index,) = (tmp_path / "cache" / "index").iterdir()
    assert index.read_bytes().count(b".png") == 50
    assert len(dataset.read(copy)) == 90


def test_a_look_sees_every_film_though_it_is_known(remembered):
    folder, opened = remembered
    seen = []
    dataset.read(folder, look=lambda name, film: seen.append(film))
    assert len(opened) == len(seen) == 91
    assert sum(isinstance(film, radiograph.Radiograph) for film in seen) == 90


def test_a_cache_that_cannot_be_written_stops_no_reading(copy, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    assert len(dataset.read(settle(copy))) == 90


def test_films_that_are_gone_are_named(copy):
    films = dataset.read(copy)
    assert films.missing() == []
    (copy / "Normal" / "film-002.png").unlink()
    assert films.missing() == ["Normal/film-002.png"]


def test_a_run_records_which_training_films_it_used(folder):
    films = dataset.read(folder)
    parts = split.split(films)
    assert "train_used" not in split.describe(films, parts)
    data = split.describe(films, parts, parts.train[:30])
    assert sum(data["train_used"].values()) == 30
    left_out = [film for film in data["films"] if film.get("used") is False]
    assert len(left_out) == len(parts.train) - 30 and {film["part"] for film in left_out} == {"train"}


@pytest.mark.parametrize(
    "table", [b"path,label\n\xff\xfe,Normal\n", b"path,label\n,Normal\n", b"name;label\n", b"path,label\na\0b.png,A\n"]
)
def test_a_manifest_that_is_no_table_is_refused(table, tmp_path):
    (tmp_path / "manifest.csv").write_bytes(table)
    with pytest.raises(layout.DatasetRefused, match="manifest.csv"):
        dataset.read(tmp_path)


@pytest.mark.parametrize("path", ["../out.png", "/etc/passwd", "C:\\secret.png", "a\\..\\..\\b.png"])
def test_a_manifest_cannot_reach_outside_its_folder(path, tmp_path):
    (tmp_path / "manifest.csv").write_text(f"path,label\n{path},Normal\n")
    with pytest.raises(layout.DatasetRefused, match="below the folder"):
        dataset.read(tmp_path)


def test_too_few_films_are_refused(tmp_path):
    films = dataset.read(film_folders.make(tmp_path, films=2))
    with pytest.raises(layout.DatasetRefused, match="Add films"):
        split.split(films)


@pytest.mark.parametrize("number", range(2, 12))
def test_a_small_set_is_divided_or_refused_in_words(number, tmp_path):
    films = dataset.read(film_folders.make(tmp_path, films=number))
    try:
        parts = split.split(films)
    except layout.DatasetRefused as refusal:
        assert number < 7 and "Add films" in str(refusal)
    else:
        assert number >= 7
        assert all(min(films.counts(indices).values()) > 0 for indices in parts.parts().values())
        assert sorted(np.concatenate(list(parts.parts().values()))) == list(range(len(films)))


def test_real_near_duplicates_are_found_among_a_few(real_films, tmp_path):
    whole, pair = real_films / "radiography", ["COVID-19/COVID-454.jpg", "COVID-19/COVID-609.jpg"]
    others = [path for name in ("COVID-19", "Normal") for path in sorted((whole / name).iterdir())[:6]]
    for path in {*(whole / name for name in pair), *others}:
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        (tmp_path / path.parent.name / path.name).symlink_to(path)
    films = dataset.read(tmp_path)
    first, second = (films.groups[films.films.index(name)] for name in pair)
    assert first == second and (films.groups == first).sum() == 2


@pytest.mark.longest
def test_real_near_duplicates_are_found(real_films):
    films = dataset.read(real_films / "radiography")
    pair = {films.groups[films.films.index(f"COVID-19/COVID-{n}.jpg")] for n in (454, 609)}
    assert len(pair) == 1
    assert len(films) == 3000 and not films.refused
