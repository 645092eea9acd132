import json

import pytest

from xraykit import recipe


@pytest.mark.parametrize("name", recipe.NAMED)
def test_a_recipe_survives_json(name, tmp_path):
    chosen = recipe.NAMED[name]
    file = tmp_path / "recipe.json"
    file.write_text(chosen.to_json())
    assert recipe.load(file) == chosen


def test_all_faults_are_named_at_once():
    with pytest.raises(recipe.RecipeRefused) as refused:
        recipe.Recipe(name="x", phases=(recipe.Phase(epochs=0, learning_rate=-1),), image_size=8, batch_size=0)
    for field in ("image_size", "batch_size", "epochs", "learning_rate"):
        assert field in str(refused.value)


def test_unknown_fields_are_refused_by_name():
    data = json.loads(recipe.NAMED["strong-scratch"].to_json()) | {"colour": "blue"}
    with pytest.raises(recipe.RecipeRefused, match="colour"):
        recipe.from_dict(data)


def test_missing_phases_are_refused_by_name():
    with pytest.raises(recipe.RecipeRefused, match="phases"):
        recipe.from_dict({"name": "x"})


def test_settings_reach_inside():
    changed = recipe.with_settings(
        recipe.NAMED["strong-imagenet"], ["phases.1.epochs=3", "hidden.0.dropout=0.5", "image_size=96", "backend=jax"]
    )
    assert changed.phases[1].epochs == 3
    assert changed.hidden[0].dropout == 0.5
    assert (changed.image_size, changed.backend) == (96, "jax")


@pytest.mark.parametrize("setting", ["epochs", "nothing=1", "phases.7.epochs=1", "phases.0.nothing=1", "image_size="])
def test_settings_that_fit_nowhere_are_refused(setting):
    with pytest.raises(recipe.RecipeRefused):
        recipe.with_settings(recipe.NAMED["strong-scratch"], [setting])


@pytest.mark.parametrize("text", ["", "[]", "{", '"text"'])
def test_a_file_without_a_recipe_is_refused(text, tmp_path):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(recipe.RecipeRefused):
        recipe.load(tmp_path / "r.json")


def test_the_published_recipe_is_as_published():
    published = recipe.NAMED["published-scratch"]
    assert [(h.width, h.dropout, h.activation) for h in published.hidden] == [(1024, 0.3, "relu"), (256, 0.0, "relu")]
    (phase,) = published.phases
    assert (phase.optimizer, phase.learning_rate, phase.schedule, phase.trainable) == ("adam", 1e-3, "plateau", "all")
    assert published.pooling == "gap" and published.weights is None
    assert recipe.NAMED["published-imagenet"].weights == "imagenet"
