"""A look into a folder: samples, sizes, near-duplicates, patients in two classes, copies in other datasets."""

import os

import numpy as np
import pytest
from PIL import Image

from tests.helpers import film_folders
from xraykit.datasets import dataset, pool
from xraykit.datasets.listing import pool_record
from xraykit.datasets.reading import gated, preview, samples
from xraykit.datasets.reading.preview import PREVIEW
from xraykit.films.samples import draw
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    for variable in ("DATA", "DATASETS", "CACHE", "RUNS"):
        monkeypatch.setenv(f"XRAYKIT_{variable}", str(tmp_path / variable.lower()))


def look(folder, tmp_path, name="job"):
    preview.preview(folder, tmp_path / name)
    job = Job(tmp_path / name)
    assert job.state().state is State.FINISHED
    return job, preview.read(job)


def test_samples_are_drawn_from_every_class_and_are_the_same_again(tmp_path):
    folder = film_folders.make(tmp_path / "films", films=20)
    job, seen = look(folder, tmp_path)
    assert [sample.label for sample in seen.samples] == sorted(["COVID-19", "Normal", "Viral Pneumonia"] * 6)
    assert {path.name for path in job.path.glob("*.jpg")} == {sample.file for sample in seen.samples}
    pictures = [preview.picture(job, sample) for sample in seen.samples]
    assert all(picture and picture.startswith(b"\xff\xd8") for picture in pictures)
    assert look(folder, tmp_path, "again")[1].samples == seen.samples
    numbers = [int(sample.film[-7:-4]) for sample in seen.samples]
    assert max(numbers) > 10  # not the first ones


def test_films_that_cannot_be_read_are_no_samples(tmp_path):
    folder = film_folders.make(tmp_path / "films", ("A", "B"), films=4)
    for number in range(3):
        (folder / "A" / f"film-00{number}.png").write_bytes(b"no film")
    seen = look(folder, tmp_path)[1]
    assert [sample.film for sample in seen.samples if sample.label == "A"] == ["A/film-003.png"]


def test_sizes_are_those_of_films_and_files(tmp_path):
    folder = film_folders.make(tmp_path / "films", ("A", "B"), films=3)
    for number, shape in enumerate([(64, 96), (200, 100)]):
        Image.effect_noise(shape, 60).save(folder / "A" / f"x{number}.png")
    sizes = look(folder, tmp_path)[1].sizes
    assert sizes.common[0] == (48, 48, 6) and (sizes.smallest, sizes.median) == ((48, 48), (48, 48))
    assert sizes.largest == (200, 100) and sizes.other == 0
    assert sum(n for _, _, n in sizes.file_bytes) == 8
    assert sizes.total_bytes == sum(path.stat().st_size for path in folder.rglob("*.png"))


def test_near_duplicates_and_copies_elsewhere_are_named(tmp_path):
    folder = film_folders.make(tmp_path / "data" / "mine", ("Normal", "Pneumonia"), films=4)
    Image.fromarray(film_folders.draw(0, 0)).save(folder / "Normal" / "again.jpg", quality=95)
    other = film_folders.make(tmp_path / "data" / "theirs", ("pneumonia", "Healthy"), films=2)
    tall = np.kron(film_folders.draw(0, 50), np.ones((8, 4), np.uint8))
    Image.fromarray(tall).save(folder / "Normal" / "tall.png")
    Image.fromarray(tall).resize((96, 96)).save(other / "Healthy" / "squeezed.png")
    for path in (tmp_path / "data").rglob("*.*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    first = look(other, tmp_path, "first")[1]
    assert [(twins.name, twins.compared) for twins in first.elsewhere] == [("mine", 0)]
    seen = look(folder, tmp_path)[1]
    assert seen.near == [["Normal/again.jpg", "Normal/film-000.png"]] and seen.near_sets == 1
    (twins,) = seen.elsewhere
    assert (twins.name, twins.compared, twins.films) == ("theirs", 5, 5)
    assert (twins.identical, twins.near, twins.other_class) == (4, 2, 6)
    assert ("Normal/tall.png", "Normal", "Healthy/squeezed.png", "Healthy") in twins.pairs


def test_patients_and_sources_of_a_manifest_are_counted(tmp_path):
    folder = film_folders.make(tmp_path / "films", ("A", "B"), films=2)
    rows = ["A/film-000.png,A,p1,Rome", "A/film-001.png,A,p2,Rome", "B/film-000.png,B,p1,", "B/film-001.png,B,,Oslo"]
    (folder / "manifest.csv").write_text("\n".join(["path,label,patient_id,source", *rows]))
    seen = look(folder, tmp_path)[1]
    assert seen.patients == 2 and seen.mixed_patients == [("p1", ["A", "B"])] and seen.mixed_patient_count == 1
    assert seen.sources == {"Rome": {"A": 2}, "not said": {"B": 1}, "Oslo": {"B": 1}}


@pytest.mark.parametrize("text", [b"", b"[]", b'{"samples": 3}', b'{"near": [[1]]}', b"\xff", b"[" * 100_000])
def test_a_damaged_preview_is_none(text, tmp_path):
    (tmp_path / PREVIEW).write_bytes(text)
    assert preview.read(Job(tmp_path)) is None


@pytest.mark.parametrize("file", ["../../secret.jpg", "/etc/passwd", "preview.json", "0123456789abcdef.jpg"])
def test_a_picture_is_only_what_the_preview_wrote(file, tmp_path):
    (tmp_path / PREVIEW).write_text("{}")
    assert preview.picture(Job(tmp_path), samples.Sample("a", "b", file, 1, 1)) is None


def test_what_the_gate_would_refuse_is_counted_shown_and_can_be_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_GATE", "on")
    folder = film_folders.make(tmp_path / "films", ("A", "B"), films=2)  # noise: no chest film
    for label in ("A", "B"):
        (folder / label / "chest.png").write_bytes(draw.PNG.read_bytes())
    job, _ = look(folder, tmp_path)
    told = job.films()["gate"]
    assert told["judged"] == 6 and {refusal["code"] for refusal in told["refused"]} == {"not-a-chest-film"}
    refused = [refusal["source"] for refusal in told["refused"]]
    assert refused == [f"{label}/film-00{number}.png" for label in ("A", "B") for number in (0, 1)]
    assert len(told["pictures"]) == 4 and all((job.path / file).is_file() for file in told["pictures"])
    assert gated.counted(["film-turned", "corrupt", "film-turned"]) == "2 turned"
    assert gated.refused_in(folder) == refused
    made = pool.pool({"films": folder}, name="fewer", without={"films": refused})
    assert dataset.read(made).films == ("films/A/chest.png", "films/B/chest.png")
    record = pool_record.read_record(made)
    assert record is not None and record.without == 4
    monkeypatch.setenv("XRAYKIT_GATE", "off")
    assert "gate" not in look(folder, tmp_path, "off")[0].films(), "nobody looked"
