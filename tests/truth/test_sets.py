"""A model's prediction sets: into its card, checked on films from elsewhere, and back for pages."""

import json

import pytest
from click.testing import CliRunner

from tests.helpers import kept_models
from xraykit.__main__ import main
from xraykit.evaluation.decisions.conformal import Rule, SetsRefused, Verdict
from xraykit.models.cards import card as cards
from xraykit.models.kept import load_kept
from xraykit.truth import elsewhere, sets
from xraykit.truth.elsewhere import Source

CLASSES = kept_models.CLASSES


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path))
    kept_models.keep(tmp_path, "alpha", seed=1, skill=3.0, n=400)
    return tmp_path / "alpha"


def far(n=120, skill=0.0):
    return kept_models.readings("alpha", n, seed=7, skill=skill, data="far")


def test_a_model_without_sets_gets_them_and_stays_whole(model):
    before = cards.read(model)
    assert sets.of_card(before) == () and sets.shown(before) is None and sets.beside(before) is None
    after = sets.attach("alpha")
    assert load_kept("alpha").card == after == cards.read(model)
    checked = sets.of_card(after)
    assert [(each.sets.level, each.sets.rule) for each in checked] == [
        (level, rule) for level in (0.9, 0.95) for rule in (Rule.PER_CLASS, Rule.OVERALL)
    ]
    shown = sets.shown(after)
    assert shown.n == 200 and tuple(shown.sets.least) == CLASSES and [place.name for place in shown.places] == ["home"]
    assert shown.verdict(shown.places[0]) is Verdict.KEPT


def test_films_from_elsewhere_are_checked_when_they_come_and_forgotten_when_they_go(model):
    sets.attach(model)
    card = elsewhere.attach(model, far(), Source("far", "made up"), 0)
    assert [place.name for place in sets.shown(card).places] == ["home", "far"] and sets.unchecked(card) == ()
    assert sets.shown(card).verdict(sets.shown(card).places[1]) is Verdict.BROKEN
    checks = sets.beside(card)
    assert json.loads(json.dumps(checks))["places"][1]["verdict"] == "broken" and checks["level"] == 0.9
    again = elsewhere.attach(model, far(130, skill=3.0), Source("far", "made up"), 0)
    assert [place.coverage.n for place in sets.shown(again).places] == [400, 130]
    assert [place.name for place in sets.shown(elsewhere.detach(model, "far")).places] == ["home"]


def test_what_was_not_checked_is_known(model):
    card = elsewhere.attach(model, far(), Source("far", "made up"), 0)
    assert card.checks == {} and sets.unchecked(card) == ("far",)
    assert sets.unchecked(sets.attach(model)) == ()


def test_a_model_without_validation_films_has_none(model):
    card = json.loads((model / "card.json").read_text())
    del card["files"]["validation.json"]
    (model / "card.json").write_text(json.dumps(card))
    with pytest.raises(SetsRefused, match="has no validation.json") as refused:
        sets.attach(model)
    assert refused.value.code == "prediction-sets" and cards.read(model).checks == {}


@pytest.mark.parametrize(
    ("path", "value"),
    [(("sets", 0, "level"), 1.5), (("sets", 0, "least", "COVID-19"), 2), (("sets", 0, "places", 0, "covered"), None)],
)
def test_a_card_with_other_numbers_is_refused(model, path, value):
    sets.attach(model)
    card = json.loads((model / "card.json").read_text())
    *way, last = ("checks", "conformal", *path)
    inner = card
    for step in way:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(cards.ModelRefused, match="cannot be read as a card"):
        cards.Card.from_json(json.dumps(card))


def test_the_command_says_what_the_sets_hold(model):
    result = CliRunner().invoke(main, ["models", "sets", "alpha"])
    assert result.exit_code == 0 and "At home the 90% sets hold the true class for" in result.output
    assert "Not checked on films from elsewhere." in result.output
    missing = CliRunner().invoke(main, ["models", "sets", "nobody"])
    assert missing.exit_code and "No model named nobody" in missing.output
