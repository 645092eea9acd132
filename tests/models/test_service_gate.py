"""The gate before the models: in the service's scoring, in an evaluation of a folder and on the command line."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.helpers import tiny_model
from xraykit.__main__ import main
from xraykit.evaluation import evaluation
from xraykit.films import decoder, radiograph
from xraykit.films.samples import draw
from xraykit.gate.verdict import AS_IT_IS, Asked
from xraykit.models import classifier, folder_evaluation
from xraykit.models.service.scoring import Readings, refused_by_gate

CARD = classifier.load(tiny_model.KEPT).card
WANTED = decoder.Wanted(((CARD.image_size, CARD.channels),))


@pytest.fixture(autouse=True)
def gate_is_on(monkeypatch, tmp_path):
    monkeypatch.setenv("XRAYKIT_GATE", "on")
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def readings() -> Readings:
    loaded = classifier.load(tiny_model.KEPT)
    return Readings(lambda name: ((name,), loaded))


def glance(film: radiograph.Radiograph, asked: Asked = AS_IT_IS) -> decoder.Glance:
    wanted = decoder.Wanted(WANTED.squares, turn=asked.turn, inverted=asked.inverted)
    return decoder.glance(film, wanted)


def upright() -> radiograph.Radiograph:
    return radiograph.read(draw.PNG.read_bytes(), "film.png")


def noise() -> radiograph.Radiograph:
    return radiograph.Radiograph(
        np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8), "noise.png", "PNG", "1" * 64
    )


def test_a_chest_film_is_read_and_stamped(readings):
    scored = readings.score(glance(upright()), ["tiny"])
    assert scored.gate.state == "passed" and scored.predictions["tiny"].top in CARD.classes


def test_what_is_no_chest_film_is_read_on_the_users_word_alone(readings):
    film = glance(noise())
    refused = readings.score(film, ["tiny"])
    assert (refused.gate.state, refused.gate.code) == ("refused", "not-a-chest-film")
    assert refused.predictions["tiny"].startswith("Not read. Not a chest film")
    assert refused_by_gate(film, CARD, Asked()).code == "not-a-chest-film"
    for switch in ("overridden", "off"):
        read = readings.score(film, ["tiny"], Asked(switch))
        assert read.gate.state == switch and read.predictions["tiny"].top in CARD.classes
        assert refused_by_gate(film, CARD, Asked(switch)) is None


def test_a_turned_film_is_read_as_the_upright_one_once_it_is_turned(readings):
    right, lying = upright(), upright().laid(90)
    refused = readings.score(glance(lying), ["tiny"])
    assert refused.gate.code == "film-turned" and refused.gate.verdict.turn == 270
    asked = Asked(turn=270)
    turned = readings.score(glance(lying, asked), ["tiny"], asked)
    assert turned.gate.state == "passed" and turned.gate.asked == asked
    same = readings.score(glance(right), ["tiny"]).predictions["tiny"]
    assert turned.predictions["tiny"].logits.tobytes() == same.logits.tobytes()


def test_a_model_of_colour_pictures_has_no_gate(monkeypatch, readings):
    monkeypatch.setattr(classifier, "is_gated", lambda card: False)
    read = readings.score(glance(noise()), ["tiny"])
    assert read.gate.state == "off" and read.predictions["tiny"].top in CARD.classes


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three chest films, one of them on its side, and noise."""
    film = upright().display(256)
    pictures = {
        f"{CARD.classes[0]}/a.png": film,
        f"{CARD.classes[1]}/b.png": np.clip(film * 0.9 + 10, 0, 255).astype(np.uint8),
        f"{CARD.classes[1]}/side.png": np.rot90(film),
        f"{CARD.classes[1]}/noise.png": noise().pixels,
    }
    for name, pixels in pictures.items():
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "films"


def test_an_evaluation_counts_what_the_gate_refused_and_says_it_looked(folder, tmp_path):
    (made,), films = folder_evaluation.evaluate([str(tiny_model.KEPT)], folder, tmp_path / "out")
    assert len(made.films) == 2 and made.gate == "passed"
    assert {Path(each.source).name: each.code for each in films.refused} == {
        "side.png": "film-turned",
        "noise.png": "not-a-chest-film",
    }
    assert evaluation.load(tmp_path / "out" / "evaluation.json").gate == "passed"
    whole = folder_evaluation.evaluate([str(tiny_model.KEPT)], folder, tmp_path / "all", gated=False)[0][0]
    assert len(whole.films) == 4 and whole.gate == "off"


def test_a_folder_of_anything_else_is_refused_in_words(folder, tmp_path):
    for path in folder.rglob("*.png"):
        Image.fromarray(noise().pixels).save(path)
    with pytest.raises(folder_evaluation.MisfitRefused, match="The gate refused all 4 films .* --gate off"):
        folder_evaluation.evaluate([str(tiny_model.KEPT)], folder, tmp_path / "out")


@pytest.mark.parametrize(("switch", "read"), [((), 2), (("--gate", "off"), 4)])
def test_predict_refuses_with_the_code_and_stamps_what_it_reads(folder, tmp_path, switch, read):
    words = ["predict", "--model", tiny_model.KEPT, "--csv", tmp_path / "out.csv", *switch, folder]
    done = CliRunner().invoke(main, [str(word) for word in words])
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    stamps = sorted(row["gate"] for row in rows if row["predicted"])
    assert stamps == ["off" if switch else "passed"] * read
    refused = {Path(row["path"]).name: row["refusal"] for row in rows if not row["predicted"]}
    assert refused == ({} if switch else {"side.png": "film-turned", "noise.png": "not-a-chest-film"}), done.output
