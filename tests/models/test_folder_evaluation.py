"""Evaluating on some films of a folder alone, as on a run's test split."""

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tests.helpers import film_folders, tiny_model
from xraykit.__main__ import main
from xraykit.datasets import dataset, inspection, split
from xraykit.evaluation.evaluation import Evaluation
from xraykit.films.refusal import Refusal
from xraykit.models import folder_evaluation
from xraykit.system import jobs
from xraykit.training.run.run import Run

MODEL = str(tiny_model.KEPT)
CLASSES = tiny_model.CLASSES


@pytest.fixture
def films(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tiny_model.KEPT.parent))
    return film_folders.make(tmp_path / "films", classes=CLASSES, films=24)


@pytest.fixture
def trained(films, tmp_path) -> Run:
    """A run that knows its split, as a training leaves it."""
    found = dataset.read(films)
    made = Run(tmp_path / "runs" / "trained")
    made.path.mkdir(parents=True)
    made.write("data.json", split.describe(found, split.split(found)))
    return made


def films_tested(trained: Run) -> dict[str, str]:
    return split.recorded_part(trained.read("data.json"), "test")


def test_models_are_evaluated_on_the_test_films_of_a_run_alone(films, trained, tmp_path):
    only = films_tested(trained)
    (found,), tested = folder_evaluation.evaluate([MODEL], films, tmp_path / "out", only=only, test_of=trained.name)
    assert set(found.films) == set(only) and 0 < len(tested) < 72
    assert "test split of trained" in found.data
    whole = folder_evaluation.evaluate([MODEL], films, tmp_path / "whole")[0][0]
    places = [whole.films.index(film) for film in found.films]
    assert np.array_equal(found.logits, whole.logits[places]) and np.array_equal(found.truth, whole.truth[places])
    state = jobs.Job(tmp_path / "out").state()
    assert state.test_of == "trained" and state.films == state.done == len(found.films)


def test_the_command_line_does_the_same(films, trained, tmp_path):
    words = ["evaluate", "--model", MODEL, "--data", films, "--out", tmp_path / "out", "--test-of", trained.path]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert f"n {len(films_tested(trained))}" in done.stdout


@pytest.mark.parametrize("how", ["gone", "another"])
def test_films_that_are_gone_or_others_are_refused(films, trained, tmp_path, how):
    film = films / sorted(films_tested(trained))[0]
    film.unlink() if how == "gone" else film.write_bytes((films / "Normal" / "film-001.png").read_bytes() + b" ")
    only = films_tested(trained)
    with pytest.raises(folder_evaluation.MisfitRefused, match=f"{len(only) - 1} of the {len(only)} films"):
        folder_evaluation.evaluate([MODEL], films, tmp_path / "out", only=only)


def test_a_folder_tells_the_split_a_plan_would_make(films, tmp_path):
    plan = split.SplitPlan(test=0.3, shrink=0.5)
    inspection.inspect(films, tmp_path / "out", plan=plan)
    told = json.loads((tmp_path / "out" / jobs.FILMS).read_text())
    found = dataset.read(films)
    parts = split.split(found, plan)
    assert told["split"] == {name: found.counts(indices) for name, indices in parts.parts().items()}
    assert sum(told["learned_from"].values()) < sum(told["split"]["train"].values())


@pytest.mark.parametrize("n", [2, 6])
def test_films_that_cannot_be_divided_are_told_in_words(tmp_path, n):
    few = film_folders.make(tmp_path / "few", classes=CLASSES, films=n)
    assert inspection.divide(dataset.read(few), split.SplitPlan())["not_divided"]


def test_a_table_of_predictions_has_a_column_of_its_own_for_every_class():
    """Also where classes are called as the columns about the film are; the values are those of the evaluation."""
    logits = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
    made = Evaluation("m", ("path", "predicted", "Other"), ("a.png", "b.png"), np.array([0, 2]), logits)
    films = SimpleNamespace(refused=[Refusal("c.png", "empty", "Empty.")], noted=dict)
    text = folder_evaluation._predictions(made, films)
    head, *rows = csv.reader(io.StringIO(text))
    assert len({*head}) == len(head) == 9
    first, second, refused = (dict(zip(head, row, strict=True)) for row in rows)
    assert (first["path"], first["truth"], first["predicted"]) == ("a.png", "path", "path")
    assert float(first["probability of path"]) == pytest.approx(np.exp(2) / np.exp(logits[0]).sum(), abs=1e-6)
    assert float(second["probability of Other"]) == pytest.approx(made.probabilities[1, 2], abs=1e-6)
    assert refused["refusal"] == "empty" and refused["probability of path"] == ""
