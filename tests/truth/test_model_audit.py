"""The audit of models as a job: which films, what is written, what is refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.helpers import film_folders, tiny_model
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import classifier
from xraykit.models.cards import card as cards
from xraykit.system import jobs
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.truth import model_audit
from xraykit.truth.model_audit import AuditRefused, Wish
from xraykit.truth.scorecard import score
from xraykit.truth.shortcuts import figures

CLASSES = tiny_model.CLASSES
QUICK = Wish(films=12, scored=2)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Two tiny models that may be changed."""
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    for name in ("tiny-model", "other"):
        shutil.copytree(tiny_model.KEPT, tmp_path / "weights" / name)
    tiny_model.write_card(tmp_path / "weights" / "other")
    return tmp_path / "weights"


@pytest.fixture
def films(tmp_path):
    return film_folders.make(tmp_path / "films", classes=CLASSES, films=6)


def test_two_models_are_audited_on_the_same_films(weights, films, tmp_path):
    results = model_audit.audit(["tiny-model", "other"], films, tmp_path / "out", QUICK)
    first, second = (result.shortcuts for result in results)
    assert (first.part, first.n, first.chance) == ("all", 12, pytest.approx(1 / 3))
    assert first.alterations == second.alterations, "the same network on the same films"
    assert {row.key for row in first.alterations} == {a.key for a in figures.BY_KEY.values() if not a.masked}
    assert {row.verdict for row in first.alterations} == {"unknown"}, "too few films to say anything"
    for name in ("tiny-model", "other"):
        card = cards.read(weights / name)
        assert figures.read(card).alterations == first.alterations
        assert score.read(card).verdict == "unknown" and score.read(card).n <= 2
    written = json.loads((tmp_path / "out" / model_audit.RESULT).read_text())
    assert [model["model"] for model in written["models"]] == ["tiny-model", "other"]
    state = jobs.Job(tmp_path / "out").state()
    assert state.state == "finished" and state.verb == "audit" and "12 films" in state.message
    assert 0 < state.done <= state.films


def test_the_figures_on_the_films_as_they_are_are_those_of_predict(weights, films, tmp_path):
    (result,) = model_audit.audit(["tiny-model"], films, tmp_path / "out", Wish(films=99, scored=0, keep=False))
    model = classifier.load("tiny-model")
    from xraykit.films import ingest

    paths = sorted(films.glob("*/*.png"))
    with ingest.Ingest() as firewall:
        predicted = [model.predict([film])[0].top for film in firewall.read_many(paths)]
    right = np.mean([top == path.parent.name for top, path in zip(predicted, paths, strict=True)])
    assert result.shortcuts.accuracy.value == pytest.approx(right) and result.shortcuts.n == 18
    assert result.scorecard is None and not cards.read(weights / "tiny-model").checks


def test_the_models_own_test_films_come_first(weights, films, tmp_path):
    from xraykit.datasets import dataset

    read = dataset.read(films, classes=CLASSES)
    chosen = [0, 1, 2, 6, 7, 12]
    test = Evaluation(
        "tiny-model",
        CLASSES,
        tuple(read.films[i] for i in chosen),
        read.labels[chosen],
        np.zeros((6, 3)),
        hashes=tuple(read.hashes[i] for i in chosen),
    )
    (weights / "tiny-model" / "evaluation.json").write_text(test.to_json())
    (result,) = model_audit.audit(["tiny-model"], films, tmp_path / "out", Wish(scored=0))
    assert (result.shortcuts.part, result.shortcuts.n) == ("test", 6)
    both = model_audit.audit(["tiny-model", "other"], films, tmp_path / "both", Wish(scored=0, films=9))
    assert [(each.shortcuts.part, each.shortcuts.n) for each in both] == [("all", 9)] * 2


def test_lung_masks_beside_the_films_are_used(weights, films, tmp_path):
    for label in CLASSES:
        for name in ("images", "masks"):
            (films / label / name).mkdir()
        for film in list((films / label).glob("*.png")):
            film.rename(films / label / "images" / film.name)
            mask = np.zeros((48, 48), np.uint8)
            mask[10:40, 6:20] = mask[10:40, 28:42] = 255
            Image.fromarray(mask).save(films / label / "masks" / film.name)
    (result,) = model_audit.audit(["tiny-model"], films, tmp_path / "out", Wish(scored=0, films=6))
    rows = {row.key: row for row in result.shortcuts.alterations}
    assert rows["lungs-out"].n == rows["lungs-only"].n == result.shortcuts.masks == 6


def test_classes_that_the_model_does_not_know_are_refused_or_mapped(weights, tmp_path):
    films = film_folders.make(tmp_path / "abroad", classes=("COVID-19", "Normal", "Viral Pneumonia"), films=4)
    with pytest.raises(AuditRefused, match='does not know Viral Pneumonia.*--map "Viral Pneumonia=Pneumonia"'):
        model_audit.audit(["tiny-model"], films, tmp_path / "out", QUICK)
    wish = Wish(films=12, scored=0, mapped={"Viral Pneumonia": "Pneumonia"})
    (result,) = model_audit.audit(["tiny-model"], films, tmp_path / "out", wish)
    assert set(result.shortcuts.sensitivity) == set(CLASSES)
    one_class = Wish(mapped={"Viral Pneumonia": "Normal"})
    shutil.rmtree(films / "COVID-19")
    with pytest.raises(AuditRefused, match="two classes"):
        model_audit.audit(["tiny-model"], films, tmp_path / "out", one_class)


def test_it_stops_when_asked_and_writes_nothing(weights, films, tmp_path):
    out = tmp_path / "out"

    def ask(what: str, done: int, total: int) -> None:
        (out / "stop").touch()

    with pytest.raises(Stopped):
        model_audit.audit(["tiny-model"], films, out, QUICK, ask)
    assert jobs.Job(out).state().state == "stopped" and not (out / model_audit.RESULT).exists()
    assert not cards.read(weights / "tiny-model").checks
