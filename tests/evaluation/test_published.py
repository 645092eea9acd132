import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import ROOT
from xraykit.datasets import dataset
from xraykit.evaluation import published
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models.cards import card
from xraykit.training.recipe import presets
from xraykit.training.recipe import sentences as recipewords

SHIPPED = card.read(ROOT / "weights" / "mobilenetv2-imagenet")
CLASSES = ("COVID-19", "Normal", "Pneumonia")


AS_SHIPPED = {name: digest for digest, name in published.DIGESTS.items()}


def a_folder(root: Path, name: str, seed: int) -> dataset.Dataset:
    """Readable films in three class folders, as `dataset.read` finds them."""
    from PIL import Image

    random = np.random.default_rng(seed)
    for label in CLASSES:
        (root / name / label).mkdir(parents=True)
        pixels = random.integers(0, 255, (64, 64), np.uint8)
        Image.fromarray(pixels).save(root / name / label / "film.png")
    return dataset.read(root / name)


def test_the_films_decide_and_not_the_name_of_their_folder(tmp_path, monkeypatch):
    shipped = a_folder(tmp_path, "darkcovid", seed=0)
    monkeypatch.setitem(published.DIGESTS, shipped.digest, "darkcovid")
    elsewhere, others = a_folder(tmp_path, "my-films", seed=0), a_folder(tmp_path, "darkcovid-x", seed=1)
    assert [row["study"] for row in published.for_card(elsewhere.digest)] == ["DarkCovidNet", "header-only tree"]
    assert published.for_card(others.digest) == []


def test_an_evaluation_of_a_whole_set_has_the_digest_of_the_set(tmp_path):
    films = a_folder(tmp_path, "films", seed=0)
    order = (2, 0, 1)
    evaluation = Evaluation(
        "m",
        CLASSES,
        tuple(films.films[i] for i in order),
        films.labels[list(order)],
        np.eye(3),
        hashes=tuple(films.hashes[i] for i in order),
    )
    assert evaluation.films_digest == films.digest
    assert replace(evaluation, hashes=()).films_digest == ""


def test_the_user_may_name_the_set():
    network, tree = published.for_card("of other films", "darkcovid")
    assert (network["study"], network["measure"], network["value"]) == ("DarkCovidNet", "accuracy", 0.8702)
    assert "5 folds" in network["words"] and "Ozturk" in network["source"]
    assert tree["value"] == 0.9235 and "not one pixel" in tree["words"]
    assert json.loads(json.dumps([network, tree])) == [network, tree]


def test_a_card_written_before_is_read():
    row = {"study": "DarkCovidNet", "source": "s", "measure": "accuracy", "value": 0.8702, "words": "w"}
    (figure,) = published.of_card({}, {"published": [row]})
    assert figure == published.PublishedFigure("DarkCovidNet", "s", "accuracy", 0.8702, "w")


def test_shipped_models_have_the_figures_on_the_films_they_were_trained_on():
    for name, fits in (("mobilenetv2-imagenet", False), ("mobilenetv2-scratch", True)):
        shipped = card.read(ROOT / "weights" / name)
        (figure,) = published.of_card(shipped.data, shipped.metrics)
        assert figure.study == "scratch-vs-pretrained" and published.fits(figure, shipped.recipe) == fits


@pytest.mark.skipif("XRAYKIT_DATA" not in os.environ, reason="needs the sets as shipped")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == "radiography" else []) for name in AS_SHIPPED]
)
def test_the_sets_as_shipped_have_the_digests_that_are_known(name):
    assert dataset.read(Path(os.environ["XRAYKIT_DATA"]) / name).digest == AS_SHIPPED[name]


def sentences(**changes):
    return " ".join(recipewords.sentences(json.loads(presets.NAMED["strong-imagenet"].change(**changes).to_json())))


def test_the_recipe_in_words_tells_of_balance_shrink_precision_and_flip():
    plain = sentences()
    assert "no mirroring" in plain and "all classes weighted equally" in plain and "Trained on" not in plain
    assert "measured fastest" in plain
    assert "0.25 of the training films: whole groups" in sentences(shrink=0.25)
    assert "as many as the smallest" in sentences(balance="undersample")
    assert "inverse of their film counts" in sentences(balance="weights")
    assert "mixed precision (float16)" in sentences(precision="mixed_float16")
    assert "epochs took 3 augmented versions in turn of each film" in sentences(cached_passes=3)
    assert "augmented version" not in plain + sentences(cached_passes=3, augmentation={})
    mirrored = sentences(augmentation={"flip": True})
    assert "half the films mirrored" in mirrored and "no mirroring" not in mirrored
    assert "the saved model mine" in sentences(weights="model:mine")


def test_the_recipe_in_words_tells_of_batches_cut_for_memory():
    done = json.loads(presets.NAMED["tiny"].to_json()) | {"split": 2, "device_name": "NVIDIA H200"}
    words = " ".join(recipewords.sentences(done))
    assert "in 2 parts because memory was short" in words and "device NVIDIA H200" in words
