import dataclasses
import json

import pytest

from tests.helpers import ROOT
from xraykit.evaluation import published
from xraykit.models import card
from xraykit.reports import card_export, card_report
from xraykit.training.recipe import presets
from xraykit.training.recipe import sentences as recipewords

SHIPPED = card.read(ROOT / "weights" / "mobilenetv2-imagenet")
CLASSES = ("COVID-19", "Normal", "Pneumonia")


@pytest.mark.parametrize("name", ["darkcovid", "DarkCovid", "dark-covid-2", "DarkCovidNet"])
def test_figures_of_others_are_found_by_the_name_of_the_films(name):
    network, tree = published.beside(name, CLASSES)
    assert (network["study"], network["measure"], network["value"]) == ("DarkCovidNet", "accuracy", 0.8702)
    assert "5 folds" in network["words"] and "Ozturk" in network["source"]
    assert tree["value"] == 0.9235 and "not one pixel" in tree["words"]
    assert json.loads(json.dumps([network, tree])) == [network, tree]


@pytest.mark.parametrize(
    "name,classes",
    [("radiography", CLASSES), ("darkcovid", ("COVID-19", "Normal")), ("darkcovid", ("a", "b", "c")), ("", CLASSES)],
)
def test_other_films_or_classes_have_none(name, classes):
    assert published.beside(name, classes) == []


def test_the_classes_of_the_original_set_are_known():
    assert len(published.beside("darkcovid", ("Covid-19", "No_findings", "Pneumonia"))) == 2


def a_card(low, high, **data):
    test = {**SHIPPED.metrics["test"], "accuracy": {"value": 0.9, "low": low, "high": high, "n": 200}}
    metrics = {**SHIPPED.metrics, "test": test, "published": published.beside("darkcovid", CLASSES)}
    return dataclasses.replace(SHIPPED, metrics=metrics, data={**SHIPPED.data, **data})


def section(shown, title):
    return next(section.blocks for section in card_report.describe(shown) if section.title == title)


@pytest.mark.parametrize(
    "low,high,words", [(0.88, 0.93, "lies above"), (0.85, 0.93, "holds"), (0.8, 0.86, "lies below")]
)
def test_the_card_lays_published_figures_beside_its_own_with_the_interval(low, high, words):
    table, said = section(a_card(low, high), "Beside published figures")
    assert [row[0] for row in table.rows] == ["This model", "DarkCovidNet", "header-only tree"]
    assert table.rows[0][2].low == low and table.rows[1][2] == "87.02%"
    assert f"{low:.1%} to {high:.1%}, {words} that 87.02%" in said.sentences[0]
    assert "not a test" in said.sentences[-1]
    page = card_export.to_html(a_card(low, high))
    assert "87.02%" in page and "92.35%" in page


def test_a_card_without_published_figures_says_nothing_of_them():
    assert "Beside published figures" not in [section.title for section in card_report.describe(SHIPPED)]


def test_the_card_tells_which_training_films_were_learned_from():
    used = {"COVID-19": 75, "Normal": 75, "Viral Pneumonia": 75}
    table, facts = section(a_card(0.8, 0.9, train_used=used, shrink=0.1, balance="undersample"), "Data")
    assert table.head[-1] == "learned from"
    assert [row[-1] for row in table.rows] == [75, 75, 75, 225]
    rows = dict(facts.rows)
    assert (
        rows["Training films used"]
        == "a part, 0.1, whole groups at a time, then as many of each class as of the smallest"
    )
    assert not {"train_used", "shrink", "balance"} & set(rows)
    whole = a_card(0.8, 0.9, train_used=SHIPPED.data["counts"]["train"])
    assert section(whole, "Data")[0].head[-1] == "all"
    assert dict(section(SHIPPED, "Data")[1].rows)["Training films used"] == "all"


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
    mirrored = sentences(augmentation={"flip": True})
    assert "half the films mirrored" in mirrored and "no mirroring" not in mirrored
    assert "the saved model mine" in sentences(weights="model:mine")


def test_the_recipe_in_words_tells_of_batches_cut_for_memory():
    done = json.loads(presets.NAMED["tiny"].to_json()) | {"split": 2, "device_name": "NVIDIA H200"}
    words = " ".join(recipewords.sentences(done))
    assert "in 2 parts because memory was short" in words and "device NVIDIA H200" in words
