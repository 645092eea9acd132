"""A division that a folder or manifest gives: used as it is, completed where a part is missing, never with a leak."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import film_folders
from xraykit.datasets import dataset, inspection, layout, split
from xraykit.datasets.split import SplitPlan

GIVEN = SplitPlan(division="given")
CLASSES = ("NORMAL", "PNEUMONIA")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))


def divide(root: Path, **sizes: int) -> Path:
    """A folder of parts with class folders, every film another picture."""
    number = 0
    for part, size in sizes.items():
        for label, name in enumerate(CLASSES):
            (root / part / name).mkdir(parents=True)
            for _ in range(size):
                Image.fromarray(film_folders.draw(label, number)).save(root / part / name / f"{number}.png")
                number += 1
    return root


def names_of(films: dataset.Dataset, parts: split.Split) -> dict[str, set[str]]:
    return {part: {films.films[i] for i in indices} for part, indices in parts.parts().items()}


def test_the_given_parts_are_used_as_they_are(tmp_path):
    films = dataset.read(divide(tmp_path / "films", train=8, val=2, test=3))
    parts = names_of(films, split.split(films, GIVEN))
    assert {part: len(those) for part, those in parts.items()} == {"train": 16, "validation": 4, "test": 6}
    assert all(name.startswith("val/") for name in parts["validation"])
    drawn = names_of(films, split.split(films, SplitPlan()))
    assert {name.partition("/")[0] for name in drawn["train"]} == {"train", "val", "test"}


def test_drawn_parts_do_not_depend_on_the_given_ones(tmp_path):
    films = dataset.read(divide(tmp_path / "films", train=8, test=3))
    flat = film_folders.make(tmp_path / "flat", classes=CLASSES, films=0)
    for name in films.films:
        part, label, film = name.split("/")
        shutil.copy(films.path(name), flat / label / f"{part}-{film}")
    same = dataset.read(flat)
    assert same.digest == films.digest and not same.given
    assert split.split(same).test.size == split.split(films).test.size


@pytest.mark.parametrize("sizes", [{"train": 20, "test": 6}, {"train": 20, "val": 6}])
def test_a_part_that_is_not_given_is_drawn_from_training(sizes, tmp_path):
    films = dataset.read(divide(tmp_path / "films", **sizes))
    parts = names_of(films, split.split(films, GIVEN))
    (given,) = {"test": "test", "val": "validation"}.keys() & sizes.keys()
    named = {"test": "test", "val": "validation"}[given]
    drawn = ({"validation", "test"} - {named}).pop()
    assert all(name.startswith(f"{given}/") for name in parts[named]) and len(parts[named]) == 12
    assert all(name.startswith("train/") for name in parts[drawn] | parts["train"])
    share = {"validation": 0.10, "test": 0.15}[drawn]
    assert len(parts[drawn]) == pytest.approx(share * len(films), abs=3)
    again = names_of(films, split.split(films, GIVEN))
    assert again == parts and not parts[drawn] & parts["train"]


def test_identical_films_in_several_parts_are_counted_and_kept_in_training(tmp_path):
    root = divide(tmp_path / "films", train=8, val=3, test=4)
    first = {part: sorted((root / part / "NORMAL").iterdir()) for part in ("train", "val", "test")}
    shutil.copy(first["train"][0], root / "test" / "NORMAL" / "again.png")
    shutil.copy(first["val"][0], root / "test" / "NORMAL" / "once-more.png")
    films = dataset.read(root)
    crossing = films.crossing_groups()
    assert len(crossing) == 2 and ("test/NORMAL/again.png", "train/NORMAL/0.png") in crossing
    parts = names_of(films, split.split(films, GIVEN))
    assert "test/NORMAL/again.png" in parts["train"] and "test/NORMAL/once-more.png" in parts["validation"]
    assert len(parts["test"]) == 8
    groups = [{*films.groups[indices]} for indices in split.split(films, GIVEN).parts().values()]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])


def test_patients_of_a_manifest_that_cross_its_split_are_named(tmp_path):
    root = divide(tmp_path, images=12)
    films = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [(name, name.split("/")[1], f"p{i // 2}", "train" if i % 12 < 7 else "test") for i, name in enumerate(films)]
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "patient_id", "split"), *rows])
    divided = dataset.read(root)
    assert len(divided.crossing_groups()) == 2
    assert inspection.describe(divided)["given"]["counts"]["train"] == {"NORMAL": 7, "PNEUMONIA": 7}
    parts = names_of(divided, split.split(divided, SplitPlan(division="given", validation=0.2)))
    assert rows[7][0] not in parts["test"] and rows[8][0] in parts["test"]


def test_films_without_a_part_are_learned_from(tmp_path):
    root = divide(tmp_path, images=12)
    films = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [(name, name.split("/")[1], ("test", "val", "", "train")[i % 4]) for i, name in enumerate(films)]
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "split"), *rows])
    divided = dataset.read(root)
    assert inspection.describe(divided)["given"]["without_part"] == 6
    assert {len(those) for those in names_of(divided, split.split(divided, GIVEN)).values()} == {12, 6}


def test_what_is_not_divided_cannot_be_used_as_given(tmp_path):
    films = dataset.read(film_folders.make(tmp_path / "flat", films=8))
    with pytest.raises(layout.DatasetRefused, match="not divided") as refused:
        split.split(films, GIVEN)
    assert refused.value.code == "not-divided"
    assert "not divided" in inspection.divide(films, GIVEN)["not_divided"]
    films = dataset.read(divide(tmp_path / "no-train", val=4, test=4))
    with pytest.raises(layout.DatasetRefused, match="no training part"):
        split.split(films, GIVEN)
    films = dataset.read(divide(tmp_path / "lacking", train=4, val=1, test=4))
    lacking = films.choose([i for i, name in enumerate(films.films) if not name.startswith("val/NORMAL")])
    with pytest.raises(layout.DatasetRefused, match="validation split would have no film of NORMAL"):
        split.split(lacking, GIVEN)


def test_a_run_records_the_division_and_what_was_given(tmp_path):
    films = dataset.read(divide(tmp_path / "films", train=8, val=2, test=3))
    data = json.loads(json.dumps(split.describe(films, split.split(films, GIVEN), division="given")))
    assert data["division"] == "given" and data["given"]["counts"]["test"] == {"NORMAL": 3, "PNEUMONIA": 3}
    assert {film["part"] for film in data["films"] if film["film"].startswith("val/")} == {"validation"}
    drawn = split.describe(films, split.split(films))
    assert drawn["division"] == "drawn" and drawn["given"] == data["given"]


def test_films_that_a_run_never_sees_keep_their_part(tmp_path):
    films = dataset.read(divide(tmp_path / "films", train=8, val=2, test=3))
    given = split.split(films, GIVEN)
    nothing = given.test[:0]
    parts = split.Split(given.train[2:], given.validation, nothing, given.test)
    data = json.loads(json.dumps(split.describe(films, parts)))
    assert [film["part"] for film in data["films"]].count("held out") == 6
    assert [film["part"] for film in data["films"]].count("left out") == 2
    again = split.recorded(films, data, "mine")
    for name in ("train", "validation", "test", "held_out"):
        assert getattr(again, name).tolist() == getattr(parts, name).tolist()
    assert split.describe(films, again) == split.describe(films, parts)


@pytest.mark.parametrize("damage", ["no list", "no part", "no validation"])
def test_parts_that_cannot_be_read_back_are_refused_in_words(tmp_path, damage):
    films = dataset.read(divide(tmp_path / "films", train=8, val=2, test=3))
    data = split.describe(films, split.split(films, GIVEN))
    if damage == "no list":
        data["films"] = 3
    elif damage == "no part":
        del data["films"][0]["part"]
    else:
        data["films"] = [{**film, "part": "train"} for film in data["films"]]
    with pytest.raises(layout.DatasetRefused, match="data.json of mine"):
        split.recorded(films, data, "mine")


def test_every_class_of_every_source_weighs_the_same(tmp_path):
    films = dataset.read(divide(tmp_path / "films", train=8))
    labels = np.array([0] * 8 + [1] * 8)
    films = dataclasses.replace(films, labels=labels, sources=("A",) * 6 + ("B",) * 2 + ("A",) * 8)
    chosen = np.arange(15)  # one film is not learned from
    weights = split.cell_weights(films, chosen)
    cells = [weights[:6], weights[6:8], weights[8:15]]
    assert [float(cell.sum()) for cell in cells] == pytest.approx([5, 5, 5])
    assert weights[15] == 0 and weights.dtype == np.float32
    with pytest.raises(layout.DatasetRefused, match="column source") as refused:
        split.cell_weights(dataclasses.replace(films, sources=()), chosen)
    assert refused.value.code == "no-sources"
    asked = inspection.divide(dataclasses.replace(films, sources=()), SplitPlan(balance="cells"))
    assert asked["not_divided"] == refused.value.words, "told before a run begins"
