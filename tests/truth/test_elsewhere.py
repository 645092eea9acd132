"""What a model gave on films from elsewhere: put on its card without the films it knows, read again, taken off."""

import dataclasses
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from tests.helpers import film_folders, kept_models, tiny_model
from xraykit.__main__ import main
from xraykit.evaluation import evaluation, stats
from xraykit.models.cards import card as cards
from xraykit.reading import trust
from xraykit.truth import elsewhere, places
from xraykit.truth.elsewhere import ElsewhereRefused, Source
from xraykit.truth.seen import own_films

CLASSES = kept_models.CLASSES
CHILDREN = Source("kermany", "children", {"Normal": "Normal", "Pneumonia": "Viral Pneumonia"})


@pytest.fixture
def folder(tmp_path):
    """A made-up kept model that is good at home."""
    kept_models.keep(tmp_path, "made-up", seed=1, skill=6.0)
    folder = tmp_path / "made-up"
    test = evaluation.load(folder / "evaluation.json")
    card = cards.read(folder)
    points = [{"label": "Normal", "threshold": 0.4, "test": {"n": 60}}]
    metrics = {"test": stats.plain(test.metrics()), "operating_points": points}
    (folder / "card.json").write_text(dataclasses.replace(card, metrics=metrics).to_json())
    return folder


def given(n: int = 40, wrong: str = "Normal", known: tuple[str, ...] = ()) -> evaluation.Evaluation:
    """A model that calls no film of one class by its name, and everything else right; two films a patient."""
    truth = np.arange(n) % 2 + 1  # Normal and Viral Pneumonia
    logits = np.full((n, 3), -3.0)
    called = np.where(truth == CLASSES.index(wrong), 3 - truth, truth)
    logits[np.arange(n), called] = 3.0
    films = tuple(f"ward/P{i:03}.png" for i in range(n))
    hashes = tuple(f"{i:064x}" for i in range(n))
    groups = tuple((np.arange(n) // 4 * 2 + np.arange(n) % 2).tolist())
    return evaluation.Evaluation("made-up", CLASSES, films, truth, logits, 1.0, hashes, groups, "films", known)


def test_figures_from_elsewhere_stand_on_the_card_and_are_read_again(folder):
    card = elsewhere.attach(folder, given(), CHILDREN, compared=90)
    assert card == cards.read(folder)
    cards.verify(card, folder)
    kept = elsewhere.load(card, folder, "kermany")
    assert (kept.predicted == given().predicted).all()
    assert "P001" not in (folder / card.elsewhere[0]["file"]).read_text(), "a name may say who the patient is"
    (place,) = places.elsewhere(card)
    assert (place.n, place.overlap, place.compared, place.accuracy.value) == (40, 0, 90, 0.5)
    assert place.classes["Normal"].value == 0.0 and "COVID-19" not in place.classes, "no film has that class"
    # 20 films of 10 patients: as little is known as of 10 films
    assert place.classes["Normal"].high == pytest.approx(stats.proportion(0, 10).high)
    assert place.called("Viral Pneumonia") == "Pneumonia (Viral Pneumonia)"
    point = trust.known(card).elsewhere["kermany"]["Normal"]
    assert (point.threshold, point.sensitivity.value) == (0.4, 0.0)


def test_films_that_the_model_knows_are_left_out_and_counted(folder):
    known = ("train", "validation", "test", *[""] * 37)
    (place,) = places.elsewhere(elsewhere.attach(folder, given(known=known), CHILDREN, compared=90))
    assert (place.n, place.overlap) == (38, 2), "its own test films are films it has not learned from"
    assert "2 films left out" in places.overlap_words(place)
    with pytest.raises(ElsewhereRefused, match="knows all 40 films") as refused:
        elsewhere.attach(folder, given(known=("train",) * 40), CHILDREN, compared=90)
    assert refused.value.code == "all-known"


def test_the_same_name_again_replaces_and_another_stands_beside_it(folder):
    first = elsewhere.attach(folder, given(), CHILDREN, compared=0)
    assert elsewhere.attach(folder, given(), CHILDREN, compared=0) == first, "the very same again"
    card = elsewhere.attach(folder, given(20), CHILDREN, compared=0)
    assert [place["n"] for place in card.elsewhere] == [20]
    assert not (folder / first.elsewhere[0]["file"]).exists() and len(card.files) == len(first.files)
    card = elsewhere.attach(folder, given(wrong="Viral Pneumonia"), Source("ward", "a ward"), compared=0)
    assert [place.name for place in places.elsewhere(card)] == ["kermany", "ward"]
    card = elsewhere.detach(folder, "kermany")
    assert [place["name"] for place in card.elsewhere] == ["ward"]
    with pytest.raises(ElsewhereRefused, match="no evaluation named kermany. It has ward"):
        elsewhere.detach(folder, "kermany")


@pytest.mark.parametrize("name", ["home", "", "a/b", "../x", "x" * 101])
def test_a_name_that_is_none_is_refused(folder, name):
    with pytest.raises(ElsewhereRefused, match="Expected a name"):
        elsewhere.attach(folder, given(), Source(name, ""), compared=0)
    assert cards.read(folder).elsewhere == ()


def test_what_goes_wrong_most_is_said_in_a_sentence(folder):
    card = cards.read(folder)
    assert "elsewhere not tested" in places.headline(card) and "--attach NAME" in places.not_tested(card)
    card = elsewhere.attach(folder, given(), CHILDREN, compared=0)
    fall, *others = places.falls(card)
    assert others == [] and fall.label == "Normal"
    assert fall.words.startswith("0 of 20 Normal films from kermany (children) are called Normal, 20 Viral Pneumonia")
    line = places.headline(card)
    assert line.startswith("at home ") and "on kermany 50.0%" in line and "0.0% [0.0, 27.8] of 20 Normal films" in line
    assert "not known here" in places.overlap_words(places.elsewhere(card)[0])


def test_own_films_are_told_by_file_and_by_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    kept_models.keep(tmp_path, "made-up", seed=1, n=30)
    test = evaluation.load(tmp_path / "made-up" / "evaluation.json")
    own = own_films.read(tmp_path / "made-up")
    assert own.remembered == 0
    assert own.parts_of([test.hashes[0], "0" * 64], np.zeros((0, 2, 4), np.uint64)) == ("test", "")
    films = film_folders.make(tmp_path / "films", films=4)
    own = own_films.read(tmp_path / "made-up", films)
    assert own.remembered == 12
    near = own.prints[0] ^ np.array([0xFF, 0, 0, 0], np.uint64)
    far = own.prints[0] ^ np.array([0xFFFFF, 0, 0, 0], np.uint64)
    pictures = np.array([[near, far], [far, near], [far, far]])
    assert own.parts_of(["0" * 64] * 3, pictures) == ("train", "train", "")


def test_the_command_maps_classes_attaches_and_detaches(tmp_path, monkeypatch):
    for variable, place in (("XRAYKIT_CACHE", "cache"), ("XRAYKIT_WEIGHTS", "weights")):
        monkeypatch.setenv(variable, str(tmp_path / place))
    shutil.copytree(tiny_model.KEPT, tmp_path / "weights" / "tiny-model")
    films = film_folders.make(tmp_path / "ward", classes=("Normal", "Lung infection"), films=4)
    trained = film_folders.make(tmp_path / "trained", classes=("Normal", "Pneumonia"), films=1)

    def run(*words):
        return CliRunner().invoke(main, [str(word) for word in words])

    asked = ("evaluate", "--model", "tiny-model", "--data", films, "--attach", "ward", "--trained-on", trained)
    refused = run(*asked)
    assert refused.exit_code == 1
    assert "knows the classes COVID-19, Normal, Pneumonia; the folder ward holds Lung infection" in refused.output
    assert '--map "Lung infection=CLASS"' in refused.output
    nowhere = run(*asked[:-1], tmp_path / "nowhere")
    assert nowhere.exit_code == 2 and "nowhere" in nowhere.output, "also where the model remembers its films"
    stranger = run(*asked, "--map", "Lung infection=Pneumonia", "--map", "Effusion=Pneumonia")
    assert stranger.exit_code == 1 and "Effusion was to count as another class" in stranger.output
    done = run(*asked, "--map", "Lung infection=Pneumonia", "--about", "a ward")
    assert done.exit_code == 0, done.output
    assert "2 of these 8 films are among the training and validation films" in done.output
    assert "n 6; 2 films left out as known to the model, compared with its 2 own films" in done.output
    (place,) = cards.read(tmp_path / "weights" / "tiny-model").elsewhere
    assert (place["name"], place["data"], place["n"], place["overlap"]) == ("ward", "a ward", 6, 2)
    assert place["classes"] == {"Lung infection": "Pneumonia", "Normal": "Normal"}
    assert "on ward " in run("models").output
    assert "Taken off" in run("models", "detach", "tiny-model", "ward").output
    assert cards.read(tmp_path / "weights" / "tiny-model").elsewhere == ()
    assert run("models", "detach", "tiny-model", "ward").exit_code == 1
    assert run("evaluate", "--model", "tiny-model", "--data", films).exit_code == 2
    assert run(*asked, "--map", "Pneumonia").exit_code == 2
