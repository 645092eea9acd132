import copy
import dataclasses
import json

import pytest

from xraykit.training.recipe import fields, presets, recipe, rules

HOLDERS = {
    "": recipe.Recipe,
    "phases": recipe.Phase,
    "hidden": recipe.Hidden,
    "augmentation": recipe.Augmentation,
}
NUMBERS = [field for field in fields.FIELDS.values() if field.low is not None]
CHOICES = [field for field in fields.FIELDS.values() if field.choices]


def with_value(field, value):
    """A sound recipe's data with one field set, where nothing else can be the reason of a fault."""
    data = copy.deepcopy(json.loads(presets.NAMED["strong-imagenet"].to_json()))
    data["phases"] = [{"epochs": 10_000, "learning_rate": 1e-3, "optimizer": "adamw", "schedule": "cosine"}]
    data |= {"validation": 0.1, "test": 0.1}
    if field.name == "epochs":
        data["phases"][0]["warmup_epochs"] = 0
    *way, last = field.path.replace("N", "0").split(".")
    place = data
    for key in way:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    return data


def faults_of(field, value):
    return rules.faults(with_value(field, value)).get(field.path.replace("N", "0"))


@pytest.mark.parametrize("part", HOLDERS)
def test_every_field_is_described_once(part):
    assert {field.name for field in fields.inside(part)} == {f.name for f in dataclasses.fields(HOLDERS[part])}


def test_nothing_else_is_described():
    assert sum(len(fields.inside(part)) for part in HOLDERS) == len(fields.FIELDS)


@pytest.mark.parametrize("field", fields.FIELDS.values(), ids=lambda field: field.path)
def test_labels_and_help_are_short_sentences(field):
    assert field.label and field.label[0].isupper() and not field.label.endswith(".")
    assert field.help.endswith(".") and 20 <= len(field.help) <= 220
    assert field.kind in ("integer", "number", "choice", "switch", "text", "numbers", "group")
    assert (field.kind == "switch") == (type(field.default) is bool)


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.path)
def test_limits_are_those_of_a_recipe(field):
    tiny = 1 if field.kind == "integer" else 1e-9
    assert faults_of(field, field.low) is None and faults_of(field, field.high) is None
    assert faults_of(field, field.low - tiny) and faults_of(field, field.high + tiny)
    assert field.step and field.step <= field.high - field.low
    if field.kind == "integer":
        assert faults_of(field, field.low + 0.5) and isinstance(field.low, int)


@pytest.mark.parametrize("field", CHOICES, ids=lambda field: field.path)
def test_choices_are_those_of_a_recipe(field):
    prefix = field.path.rpartition(".")[0].split(".")[0]
    rules_of = {"": rules.RECIPE, "phases": rules.PHASE, "hidden": rules.HIDDEN}[prefix]
    assert tuple(field.choices) == rules_of[field.name].choices
    assert all(rules_of[field.name].fits(value) for value in field.choices)
    assert bool(faults_of(field, "nonsense")) != (field.name == "weights")  # there it is a weight file


@pytest.mark.parametrize("field", fields.FIELDS.values(), ids=lambda field: field.path)
def test_defaults_are_sound_and_none_is_named_where_it_is_a_value(field):
    if not field.required and field.kind != "group":
        assert faults_of(field, field.default) is None
    assert bool(field.none) == (not field.required and faults_of(field, None) is None)


def test_a_fault_finds_its_field():
    data = json.loads(presets.NAMED["strong-imagenet"].to_json())
    data["phases"][1]["learning_rate"] = 7
    (path,) = rules.faults(data)
    assert fields.at(path).label == "Learning rate"
    with pytest.raises(KeyError):
        fields.at("phases.0.colour")
