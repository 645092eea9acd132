"""One folder with a film of each kind: every door reads, notes and refuses the same."""

import csv
import json
import threading

import numpy as np
import pytest
from click.testing import CliRunner

from tests.helpers import DATA, bad_films, dicom_films, fakes, film_folders
from tests.helpers.late import Late
from xraykit.__main__ import main
from xraykit.datasets import dataset
from xraykit.films import ingest
from xraykit.films.refusal import Refusal
from xraykit.reading.worklist import sources
from xraykit.reading.worklist.room import Room
from xraykit.training import worker
from xraykit.training.recipe import presets
from xraykit.training.run import run

fit = Late("xraykit.training.fit.fit")

MODEL = DATA / "tiny-model"  # COVID-19, Normal, Pneumonia
FILM = bad_films.film_values((96, 96))
KINDS = {
    "tiff": lambda: bad_films.saved(FILM, "TIFF"),
    "bmp": lambda: bad_films.saved(FILM, "BMP"),
    "webp": lambda: bad_films.saved(FILM, "WEBP", lossless=True),
    "jp2": lambda: bad_films.saved(FILM, "JPEG2000"),
    "jpg": lambda: bad_films.jpeg(FILM),
    "deep.png": lambda: bad_films.png(FILM.astype(np.uint16) * 16),
    "lateral": lambda: bad_films.dicom(FILM, ViewPosition="LL"),
    "raw": lambda: bad_films.dicom(FILM, PresentationIntentType="FOR PROCESSING"),
    "lossless": lambda: dicom_films.Film(syntax="lossless").data(),
    "jpeg-ls": lambda: dicom_films.Film(syntax="jpeg-ls").data(),
    "no-window": lambda: dicom_films.Film(window=None, signed=True).data(),
    "misses": lambda: dicom_films.Film(window=(90000, 10, "LINEAR")).data(),
    "no-meta": lambda: dicom_films.Film(meta="none").data(),
    "bare": lambda: dicom_films.Film(meta="no preamble").data(),
    "wide": lambda: bad_films.png(bad_films.film_values((96, 300))),
    "photograph": bad_films.colour_photograph,
    **{name: make for name, (make, _) in bad_films.BAD.items() if name not in ("huge.png", "large.png")},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = film_folders.make(tmp_path_factory.mktemp("mixed"), ("COVID-19", "Normal"), films=12)
    for name, make in KINDS.items():
        (root / "Normal" / name).write_bytes(make())
    (root / "Normal" / "masks").mkdir()
    (root / "Normal" / "masks" / "tiff").write_bytes(KINDS["tiff"]())
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def expected(folder):
    """By path below the folder: the code of the refusal ("" for none) and the codes of the notes."""
    paths = [path for path in ingest.list_films([folder]) if "masks" not in path.parts]
    with ingest.Ingest() as decoders:
        answers = list(decoders.read_many(paths))
    return {path.relative_to(folder).as_posix(): answer_of(answer) for path, answer in zip(paths, answers, strict=True)}


def answer_of(film):
    return (film.code, []) if isinstance(film, Refusal) else ("", sorted(note.code for note in film.notes))


def command(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def rows_of(table, root=""):
    """The rows of a CSV as `expected` has them."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    codes = {row["path"]: sorted(part.partition(": ")[0] for part in row["notes"].split("; ") if part) for row in rows}
    return {row["path"].removeprefix(f"{root}/"): (row["refusal"], codes[row["path"]]) for row in rows}


def counted(expected):
    """How many films each note is about."""
    found = [code for _, notes in expected.values() for code in notes]
    return {code: found.count(code) for code in found}


def test_there_is_something_of_every_kind(expected):
    refusals, notes = {code for code, _ in expected.values()}, {one for _, notes in expected.values() for one in notes}
    assert len(refusals) >= 10 and len(notes) >= 10


def test_the_command_line_agrees(folder, expected, tmp_path):
    done = command("predict", "--model", MODEL, "--csv", tmp_path / "p.csv", *(folder / name for name in expected))
    assert done.exit_code == 1 and rows_of(tmp_path / "p.csv", folder) == expected
    done = command("evaluate", "--model", MODEL, "--data", folder, "--out", tmp_path / "e")
    assert rows_of(tmp_path / "e" / "predictions.csv") == expected, done.output
    inspected = command("data", "inspect", "--json", folder)
    evaluated = (tmp_path / "e" / "films.json").read_text("utf-8")
    for told in (json.loads(inspected.stdout), json.loads(evaluated)):
        assert {film["source"]: film["code"] for film in told["refused"]} == {
            name: code for name, (code, _) in expected.items() if code
        }
        assert {tally["code"]: tally["films"] for tally in told["notes"]} == counted(expected)
        assert any(remark["code"] == "masks" and remark["count"] == 1 for remark in told["remarks"])
    for name, (code, notes) in list(expected.items())[:40:3]:
        done = command("explain", "--model", MODEL, "--out", tmp_path / "x.png", folder / name)
        assert (done.exit_code == 1 and code in done.stderr) if code else done.exit_code == 0
        assert "Traceback" not in done.output and all(f"({one})" in done.stderr for one in notes if one == "lateral")


def test_a_training_agrees(folder, expected, tmp_path, monkeypatch):
    films = dataset.read(folder)
    made = run.create(json.loads(presets.NAMED["tiny"].to_json()), folder, tmp_path, "mixed")
    monkeypatch.setattr(fit, "fit", lambda plan, recorder: None)
    worker.learn(made, presets.NAMED["tiny"], films)
    data = made.read("data.json")
    assert {film["source"]: film["code"] for film in data["refused"]} == {
        name: code for name, (code, _) in expected.items() if code
    }
    assert {film["film"] for film in data["films"]} == {name for name, (code, _) in expected.items() if not code}
    assert {tally["code"]: tally["films"] for tally in data["notes"]} == counted(expected)


def test_review_agrees(folder, expected):
    client, changed = fakes.Client(), threading.Condition()

    def notify():
        with changed:
            changed.notify_all()

    room = Room(lambda: client, notify)
    try:
        room.set_models(*client.models())
        room.open(sources.look_at(str(folder)))
        with changed:
            assert changed.wait_for(lambda: not room.listing and not room.list.counts().waiting, 60), "a hang limit"
        answers = {row.name: answer_in(row) for row in room.list.rows() if "masks" not in row.name}
    finally:
        room.close()
    assert answers == expected


def answer_in(row):
    refused = row.state == "refused"
    return (row.refusal.code, []) if refused else ("", sorted(note.code for note in row.facts.notes))
