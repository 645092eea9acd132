"""What a study of left-out sources gives goes onto the card of a model, or is refused in words."""

import dataclasses
import shutil

import pytest

from tests.helpers import DATA, study_folders, study_results
from xraykit.experiments.results import left_out
from xraykit.experiments.study_folder import StudyFolderRefused
from xraykit.models.cards import amend
from xraykit.models.cards import card as cards
from xraykit.reports.truth import card as card_report

SOURCES = ["darkcovid", "kermany"]


@pytest.fixture
def model(tmp_path):
    folder = shutil.copytree(DATA / "tiny-model", tmp_path / "models" / "tiny-model")
    recipe = {"momentum": 0.5}
    amend.amend(folder, lambda card: dataclasses.replace(card, classes=study_results.CLASSES, recipe=recipe))
    return folder


def studied(root, kind="leave-one-source-out", names=SOURCES, **given):
    study = study_folders.study(factors={}, folds={"kind": kind}, seeds=[0, 1])
    return study_results.write(root, study, fold_names=names, films=300, **given)


def test_the_card_says_what_the_recipe_gives_on_each_source_never_seen(model, tmp_path):
    before = cards.read(model)
    card = left_out.attach(studied(tmp_path / "studies"), model)
    assert card == cards.read(model) and card.checks["left_out"]["runs"] == 4
    for source in SOURCES:
        figures = card.checks["left_out"]["sources"][source]
        shares = [figure["value"] for figure in figures["sensitivity"].values()]
        assert figures["n"] == figures["accuracy"]["n"] == 120
        assert figures["balanced_accuracy"] == pytest.approx(sum(shares) / 3)
        assert figures["accuracy"]["low"] < figures["accuracy"]["value"] < figures["accuracy"]["high"]
    (differs,) = card.checks["left_out"]["differs"]
    assert differs.startswith("batch norm. momentum 0.5")
    (section,) = (each for each in card_report.sections(card) if each.key == "left-out")
    assert [row[0] for row in section.parts[0].rows] == SOURCES
    assert all(each.key != "left-out" for each in card_report.sections(before))


def test_a_study_that_cannot_say_it_is_refused_and_the_card_stays(model, tmp_path):
    before = (model / "card.json").read_bytes()
    unfinished = studied(tmp_path / "a", ended={"t001-f2-s0": "waiting", "t001-f2-s1": "waiting"})
    with pytest.raises(StudyFolderRefused, match="left out kermany") as refused:
        left_out.attach(unfinished, model)
    assert refused.value.code == "study-sources"
    with pytest.raises(StudyFolderRefused, match="left out any source"):
        left_out.attach(studied(tmp_path / "b", kind="cross-validation", names=["1", "2"]), model)
    assert (model / "card.json").read_bytes() == before
    amend.amend(model, lambda card: dataclasses.replace(card, classes=("COVID-19", "Normal", "Pneumonia")))
    with pytest.raises(StudyFolderRefused, match="Viral Pneumonia; those of tiny-model are") as refused:
        left_out.attach(studied(tmp_path / "c"), model)
    assert refused.value.code == "study-classes"
