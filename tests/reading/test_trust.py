"""What stands behind a probability: the card's own figures, its operating points, and films from elsewhere."""

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


def test_films_from_elsewhere_are_told_by_name(card):
    label = card.classes[0]
    places = [{"name": "Ward 3", **part(label, 80)}, {"data": "", **part(label)}, 7, {"name": "Empty", "classes": {}}]
    known = trust.known(with_metrics(card, test=part(label), elsewhere=places)).to_dict()
    assert [place["source"] for place in known["elsewhere"]] == ["Ward 3"]
    told = known["elsewhere"][0]["classes"][label]
    assert (told["n"], told["source"], told["threshold"]) == (80, "Ward 3", None)


@pytest.mark.parametrize(
    "elsewhere",
    [7, "text", {"Ward": 3}, [{"name": "A", "classes": {"COVID-19": 3}}], [{"name": "A", "classes": []}],
     [{"name": "A", "classes": {"COVID-19": {"sensitivity": {"value": "high"}, "specificity": None}}}],
     [{"name": "A", "test": {"operating_points": [{"label": [], "threshold": 0.5}]}}]],
)  # fmt: skip
def test_what_a_newer_version_may_have_added_otherwise_is_left_out(card, elsewhere):
    assert trust.known(with_metrics(card, elsewhere=elsewhere)).to_dict() == {"trust": {}, "elsewhere": []}


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
