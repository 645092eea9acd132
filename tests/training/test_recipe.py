import dataclasses
import json

import pytest
from hypothesis import given, settings, strategies

from xraykit.system.folders import is_plain_name
from xraykit.training.recipe import presets, recipe, rules


@pytest.mark.parametrize("name", presets.NAMED)
def test_a_recipe_survives_json(name, tmp_path):
    chosen = presets.NAMED[name]
    file = tmp_path / "recipe.json"
    file.write_text(chosen.to_json())
    assert presets.load(file) == chosen


def test_all_faults_are_named_at_once():
    with pytest.raises(recipe.RecipeRefused) as refused:
        recipe.Recipe(name="x", phases=(recipe.Phase(epochs=0, learning_rate=-1),), image_size=8, batch_size=0)
    for field in ("image_size", "batch_size", "epochs", "learning_rate"):
        assert field in str(refused.value)


def test_unknown_fields_are_refused_by_name():
    data = json.loads(presets.NAMED["strong-scratch"].to_json()) | {"colour": "blue"}
    with pytest.raises(recipe.RecipeRefused, match="colour"):
        recipe.from_dict(data)


def test_missing_phases_are_refused_by_name():
    with pytest.raises(recipe.RecipeRefused, match="phases"):
        recipe.from_dict({"name": "x"})


def test_settings_reach_inside():
    changed = recipe.with_settings(
        presets.NAMED["strong-imagenet"], ["phases.1.epochs=3", "hidden.0.dropout=0.5", "image_size=96", "backend=jax"]
    )
    assert changed.phases[1].epochs == 3
    assert changed.hidden[0].dropout == 0.5
    assert (changed.image_size, changed.backend) == (96, "jax")


@pytest.mark.parametrize("setting", ["epochs", "nothing=1", "phases.7.epochs=1", "phases.0.nothing=1", "image_size="])
def test_settings_that_fit_nowhere_are_refused(setting):
    with pytest.raises(recipe.RecipeRefused):
        recipe.with_settings(presets.NAMED["strong-scratch"], [setting])


@pytest.mark.parametrize("text", ["", "[]", "{", '"text"'])
def test_a_file_without_a_recipe_is_refused(text, tmp_path):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(recipe.RecipeRefused):
        presets.load(tmp_path / "r.json")


def test_the_published_recipe_is_as_published():
    published = presets.NAMED["published-scratch"]
    assert [(h.width, h.dropout, h.activation) for h in published.hidden] == [(1024, 0.3, "relu"), (256, 0.0, "relu")]
    (phase,) = published.phases
    assert (phase.optimizer, phase.learning_rate, phase.schedule, phase.trainable) == ("adam", 1e-3, "plateau", "all")
    assert published.pooling == "gap" and published.weights is None
    assert presets.NAMED["published-imagenet"].weights == "imagenet"


ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text(),
    lambda inside: (
        strategies.lists(inside, max_size=4) | strategies.dictionaries(strategies.text(), inside, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = sorted({*rules.RECIPE, *rules.PHASE, *rules.HIDDEN, *rules.AUGMENTATION})


def _changed(data, changes):
    """The recipe's data with a few places put to anything, at the top or inside."""
    for where, name, value in changes:
        inside = {"phases": data["phases"][0], "augmentation": data["augmentation"]}.get(where, data)
        if isinstance(inside, dict):
            inside[name] = value
    return data


@given(ANYTHING)
def test_faults_of_anything_are_words_and_never_an_exception(value):
    faults = rules.faults(value)
    assert all(isinstance(path, str) and fault.words and fault.advice for path, fault in faults.items())
    assert faults


@given(
    strategies.sampled_from(sorted(presets.NAMED)),
    strategies.lists(
        strategies.tuples(
            strategies.sampled_from(["", "phases", "augmentation"]),
            strategies.sampled_from(FIELDS),
            ANYTHING
            | strategies.sampled_from(["none", "adam", "plateau", "head", "imagenet", "model:mine", [1.0, 2.0]]),
        ),
        max_size=3,
    ),
)
@settings(deadline=None, max_examples=400)
def test_a_recipe_without_faults_is_built_and_one_with_faults_is_refused(name, changes):
    data = json.loads(presets.NAMED[name].to_json())
    where = [change for change in changes if not (change[0] == "phases" and change[1] == "phases")]
    try:
        data = _changed(data, where)
    except (KeyError, TypeError, IndexError):  # an earlier change took the place away
        return
    faults = rules.faults(data)
    if faults:
        with pytest.raises(recipe.RecipeRefused) as refused:
            recipe.from_dict(data)
        assert refused.value.faults == faults
    else:
        assert rules.faults(json.loads(recipe.from_dict(data).to_json())) == {}


@pytest.mark.parametrize("letters", [1, 64, 65, 100])
def test_a_model_can_be_started_from_by_any_name_it_may_be_saved_under(letters):
    """A model may have a name of 100 letters; weights "model:NAME" once took 64."""
    name = "m" * letters
    assert is_plain_name(name)
    started = presets.NAMED["strong-imagenet"].change(weights=f"{rules.MODEL}{name}")
    assert started.weights == f"model:{name}"


def test_a_fault_has_words_for_the_terminal_and_advice_for_a_form():
    data = json.loads(presets.NAMED["strong-imagenet"].to_json())
    data["phases"][0] = {"learning_rate": 7, "optimizer": "sgd", "augment": "yes", "warmup_epochs": 0}
    data |= {"early_stopping": 0, "image_size": 5, "colour": "blue"}
    faults = rules.faults(data)
    assert {path: (fault.words, fault.advice) for path, fault in faults.items()} == {
        "colour": (
            f"Expected one of the fields {', '.join(rules.RECIPE)}; there is no such field.",
            "There is no such field. Remove it from the file.",
        ),
        "phases.0.learning_rate": ("Expected a number from 1e-08 to 1; got 7.", "Enter a number from 1e-08 to 1."),
        "phases.0.epochs": (
            "Expected a whole number from 1 to 10000; it is missing.",
            "Enter a whole number from 1 to 10000.",
        ),
        "phases.0.optimizer": ("Expected one of 'adam', 'adamw'; got 'sgd'.", "Choose adam or adamw."),
        "phases.0.augment": ("Expected true or false; got 'yes'.", "Enter true or false."),
        "early_stopping": (
            "Expected a whole number of epochs from 1 to 1000, or nothing; got 0.",
            "Enter a whole number of epochs from 1 to 1000, or leave it empty.",
        ),
        "image_size": (
            "Expected a whole number of pixels from 32 to 1024; got 5.",
            "Enter a whole number of pixels from 32 to 1024.",
        ),
    }


HUGE = 10**5000  # more digits than Python writes out


@pytest.mark.parametrize(
    "value",
    [HUGE, [[[[]]]] * 3, {"phases": {"a": HUGE}}, {"name": -HUGE}, float("nan")],
    ids=["huge", "nested", "huge inside", "huge name", "not a number"],
)
def test_monstrous_values_are_named_not_stumbled_over(value):
    assert rules.faults(value)
    assert rules.faults({"name": "x", "phases": [{"epochs": value, "learning_rate": value}], "seed": value})


def test_a_fault_is_named_by_its_path():
    data = json.loads(presets.NAMED["strong-imagenet"].to_json())
    data["phases"][1] |= {"learning_rate": 0, "schedule": "plateau", "warmup_epochs": 1, "speed": 3}
    data["hidden"][0]["dropout"] = True
    data["augmentation"] = {"rotation": 90, "flip": "yes"}
    data["phases"][0] = {"epochs": 3}
    assert set(rules.faults(data)) == {
        "phases.0.learning_rate",
        "phases.1.learning_rate",
        "phases.1.warmup_epochs",
        "phases.1.speed",
        "hidden.0.dropout",
        "augmentation.rotation",
        "augmentation.flip",
    }


@pytest.mark.parametrize(
    "changes,path",
    [
        ({"balance": "weights", "class_weights": [1.0, 2.0, 1.0]}, "class_weights"),
        (
            {"phases": [{"epochs": 2, "learning_rate": 1e-3, "schedule": "plateau", "warmup_epochs": 1}]},
            "phases.0.warmup_epochs",
        ),
        ({"phases": [{"epochs": 2, "learning_rate": 1e-3, "warmup_epochs": 3}]}, "phases.0.warmup_epochs"),
        ({"phases": [{"epochs": 2, "learning_rate": 1e-3, "weight_decay": 0.1}]}, "phases.0.weight_decay"),
        ({"backbone": "Tiny"}, "weights"),
        ({"validation": 0.49, "test": 0.49}, "test"),
        ({"shrink": 0}, "shrink"),
        ({"precision": "float8"}, "precision"),
        ({"weights": "model:"}, "weights"),
        ({"weights": "model:../up"}, "weights"),
        ({"weights": "model:" + "m" * 101}, "weights"),
    ],
)
def test_what_makes_no_sense_together_is_refused(changes, path):
    data = json.loads(presets.NAMED["strong-imagenet"].to_json()) | changes
    assert list(rules.faults(data)) == [path]


def test_a_recipe_of_before_has_the_defaults_of_the_new_fields():
    data = json.loads(presets.NAMED["strong-imagenet"].to_json())
    for name in ("balance", "shrink", "precision"):
        del data[name]
    del data["augmentation"]["flip"]
    assert recipe.from_dict(data) == presets.NAMED["strong-imagenet"]


@pytest.mark.parametrize(
    "rules_of,fields",
    [
        (rules.RECIPE, recipe.Recipe),
        (rules.PHASE, recipe.Phase),
        (rules.HIDDEN, recipe.Hidden),
        (rules.AUGMENTATION, recipe.Augmentation),
    ],
)
def test_every_field_has_a_rule_and_needs_a_value_where_it_has_no_default(rules_of, fields):
    wanted = {
        field.name: field.default is field.default_factory is dataclasses.MISSING
        for field in dataclasses.fields(fields)
    }
    assert {name: rule.required for name, rule in rules_of.items()} == wanted


def test_a_run_starts_from_no_imported_network_but_from_a_known_backbone():
    assert "none of the backbones" in rules.no_start("mine", {"backbone": "imported network"})
    assert rules.no_start("mine", {"backbone": "MobileNetV2", "imported": {}}) == rules.no_start("mine", {}) == ""
