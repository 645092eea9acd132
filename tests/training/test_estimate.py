"""The estimate before a run: what it says, what it counts, how it is stopped."""

import json

import pytest

from tests.helpers import film_folders
from xraykit.datasets import dataset
from xraykit.training.recipe import presets, recipe

pytestmark = pytest.mark.slow
TINY = presets.NAMED["tiny"]
TWO_PHASES = recipe.with_settings(
    TINY.change(
        phases=(
            {"epochs": 3, "learning_rate": 1e-3, "trainable": "head", "augment": False},
            {"epochs": 2, "learning_rate": 1e-3},
        )
    ),
    ["early_stopping=2"],
)


@pytest.fixture(scope="module")
def found():
    from xraykit.training.fit import estimate as probing

    moments = []
    estimate = probing.estimate(TWO_PHASES, 3, 300, 40, lambda done, of: moments.append((done, of)))
    return estimate, moments


def test_it_counts_epochs_validation_and_the_pass_through_a_frozen_backbone(found):
    estimate, _ = found
    frozen, whole = estimate.phases
    assert (frozen.epochs, whole.epochs) == (3, 2)
    assert frozen.feature_seconds > 0 == whole.feature_seconds
    expected = 3 * frozen.seconds_per_epoch + frozen.feature_seconds + 2 * whole.seconds_per_epoch
    assert estimate.seconds == pytest.approx(expected)
    assert whole.seconds_per_epoch > 300 / whole.images_per_second, "validation takes time as well"
    assert estimate.compile_seconds == sum(phase.compile_seconds for phase in estimate.phases) > 0


def test_it_says_all_of_it_in_a_sentence_and_as_data(found):
    estimate, _ = found
    assert estimate.words.startswith("at most about ") and " of training on " in estimate.words
    assert "iB of memory" in estimate.words and estimate.words.endswith(" to start")
    data = json.loads(json.dumps(estimate.to_json()))
    assert data["seconds"] == pytest.approx(estimate.seconds) and len(data["phases"]) == 2
    assert data["precision"] == "float32" and data["memory"] > 2**26 and data["words"] == estimate.words


def test_progress_goes_to_its_end(found):
    done, of = zip(*found[1], strict=True)
    assert list(done) == sorted(done) and done[-1] == of[-1] and len(set(of)) == 1


def test_what_progress_raises_ends_it():
    from xraykit.training.fit import estimate as probing

    def stop(done, of):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        probing.estimate(TINY, 3, 100, 20, stop)


def test_a_dataset_is_divided_as_a_run_would(tmp_path, monkeypatch):
    from xraykit.training.fit import estimate as probing

    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    asked = []
    monkeypatch.setattr(probing, "estimate", lambda *numbers, films, **_: asked.append((*numbers[1:4], films)))
    films = dataset.read(film_folders.make(tmp_path / "films", films=40))
    probing.from_films(TINY, films)
    probing.from_films(TINY.change(shrink=0.5), films)
    (classes, train, validation, count), (_, fewer, same, least) = asked
    assert (classes, count) == (3, 120) and train + validation < 120
    assert same == validation and fewer < 0.7 * train and least == count - train + fewer
