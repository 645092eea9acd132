"""`python -m xraykit compare` as a user meets it."""

import json

import pytest
from click.testing import CliRunner

from tests.helpers.evaluations import made, turned
from xraykit.__main__ import main
from xraykit.evaluation import comparison


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(main, ["compare", *(str(word) for word in words)])


@pytest.fixture
def written(tmp_path):
    """Two evaluations, one as a file and one as a folder that holds one."""
    a, b = made("scratch", strength=1.0), made("pretrained", strength=3.0, seed=1)
    (tmp_path / "b").mkdir()
    (tmp_path / "a.json").write_text(a.to_json())
    (tmp_path / "b" / "evaluation.json").write_text(turned(b, reversed(range(300))).to_json())
    return tmp_path / "a.json", tmp_path / "b"


def test_the_verdict_is_in_words(run, written):
    done = run(*written)
    assert done.exit_code == 0, done.output
    assert "pretrained is better than scratch by" in done.output and "corrects" in done.output
    assert "AUROC COVID-19" in done.output and "a different order" in done.output


def test_json_holds_the_same_numbers(run, written, tmp_path):
    assert run(*written, "--json", tmp_path / "out.json").exit_code == 0
    found = json.loads((tmp_path / "out.json").read_text())
    from xraykit.models import kept

    ours = comparison.compare([kept.load_evaluation(place) for place in written])
    assert found == json.loads(ours.to_json())


def test_json_on_standard_output_stands_alone(run, written):
    done = run(*written, "--json", "-")
    assert json.loads(done.stdout)["n"] == 300 and "is better than" in done.stderr


def test_a_margin_is_in_points(run, written, tmp_path):
    done = run(*written, "--margin", 2, "--json", tmp_path / "out.json")
    assert "pretrained is non-inferior to scratch (margin 2 points)." in done.output
    assert json.loads((tmp_path / "out.json").read_text())["margin"] == 0.02


def test_other_films_end_with_one_and_the_reason(run, written, tmp_path):
    (tmp_path / "c.json").write_text(made("c", n=20).to_json())
    done = run(written[0], tmp_path / "c.json")
    assert done.exit_code == 1 and "tested on different films" in done.stderr
    assert run(written[0], "nowhere").exit_code == 1
    assert run(written[0], written[0]).exit_code == 1


@pytest.mark.parametrize("words", [[], ["one"], ["one", "two", "--margin", "0"]])
def test_wrong_usage_ends_with_two(run, words):
    assert run(*words).exit_code == 2
