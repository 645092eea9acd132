"""What stands behind a probability: the card's own figures, its operating points, and films from elsewhere."""

import dataclasses
import subprocess
import sys

import pytest

from tests.helpers import DATA, kept_models
from xraykit.models.cards import card as cards
from xraykit.reading import trust

FIGURE = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 50}
OTHER = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 90}


@pytest.fixture
def card():
    return cards.read(DATA / "tiny-model")


def with_metrics(card, **metrics):
    card.metrics.clear()
    card.metrics.update(metrics)
    return card


def part(label, n=140):
    return {"n": n, "classes": {label: {"sensitivity": FIGURE, "specificity": OTHER}}}


def test_without_a_threshold_it_is_the_class_of_highest_probability(card):
    label = card.classes[0]
    told = trust.known(with_metrics(card, test=part(label))).to_dict()
    expected = {"threshold": None, "sensitivity": [0.9, 0.8, 0.95], "specificity": [0.7, 0.6, 0.8]}
    assert told == {"trust": {label: expected | {"n": 140, "source": "home"}}, "elsewhere": []}


def test_a_threshold_of_the_card_brings_its_own_figures(card):
    first, second = card.classes[:2]
    points = [
        {"label": first, "threshold": 0.3, "test": {"n": 60, "sensitivity": OTHER, "specificity": FIGURE}},
        {"label": second, "threshold": 0.9},  # nothing is known of it on test films
        {"label": "Effusion", "threshold": 0.5, "test": {"n": 1, "sensitivity": FIGURE, "specificity": FIGURE}},
    ]
    metrics = part(first)
    metrics["classes"][second] = {"sensitivity": FIGURE, "specificity": FIGURE}
    home = trust.known(with_metrics(card, test=metrics, operating_points=points)).home
    assert (home[first].threshold, home[first].sensitivity.value, home[first].n) == (0.3, 0.7, 60)
    assert home[second].threshold is None and set(home) == {first, second}


def test_films_from_elsewhere_are_told_by_name_at_the_same_threshold(card):
    first, second = card.classes[:2]
    figures = part(first, 80)
    figures["classes"][second] = {"sensitivity": OTHER, "specificity": FIGURE}
    figures["operating_points"] = [{"label": second, "threshold": 0.3, "test": {"n": 80, "sensitivity": FIGURE}}]
    place = {"name": "ward-3", "data": "", "file": "x.json", "n": 80, "overlap": 0, "classes": {}, "figures": figures}
    empty = place | {"name": "empty", "figures": {"classes": {}}}
    home = with_metrics(card, test=part(first))
    known = trust.known(dataclasses.replace(home, elsewhere=(place, empty))).to_dict()
    assert [place["source"] for place in known["elsewhere"]] == ["ward-3"]
    told = known["elsewhere"][0]["classes"]
    assert (told[first]["n"], told[first]["source"], told[first]["threshold"]) == (80, "ward-3", None)
    assert (told[second]["threshold"], told[second]["sensitivity"]) == (0.3, [0.9, 0.8, 0.95])


def test_a_card_without_figures_has_those_of_its_evaluation(tmp_path):
    kept = kept_models.keep(tmp_path, "made-up", seed=1)
    folder = tmp_path / "made-up"
    card = with_metrics(cards.read(folder))
    label = card.classes[0]
    figures = kept.metrics()["classes"][label]
    assert trust.known(card).home == {}
    home = trust.known(card, folder).home[label]
    assert (home.sensitivity, home.specificity) == (figures["sensitivity"], figures["specificity"])
    assert home.n == len(kept.films)
    (folder / "evaluation.json").write_text("{")
    assert trust.known(card, folder).home == {}


def test_it_brings_no_heavy_library_into_the_web_process():
    heavy = "{'sklearn', 'keras', 'tensorflow', 'scipy', 'streamlit'}"
    code = "import sys, xraykit.reading.trust, xraykit.reading.summary, xraykit.reading.export; "
    code += f"print({heavy} & {{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
