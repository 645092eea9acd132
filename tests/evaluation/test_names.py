"""Evaluations without file names: hashes stand for the films, and nothing that needs a name is lost."""

from dataclasses import replace

import pytest

from tests.helpers import evaluations
from xraykit.evaluation import alignment, evaluation
from xraykit.evaluation.evaluation import load


def made(model="a", **fields):
    return evaluations.made(model, n=60, hashes=evaluations.hashes(60), **fields)


def reloaded(given, tmp_path, names):
    path = tmp_path / f"{given.model}.json"
    path.write_text(given.to_json(names))
    return load(path), path.read_text()


def test_a_file_without_names_holds_none_and_gives_the_same_figures(tmp_path):
    given = made()
    read, text = reloaded(given, tmp_path, names=False)
    assert "film-" not in text and not read.named and read.films == given.hashes
    assert read.test_digest == given.test_digest and read.metrics() == replace(given, logits=read.logits).metrics()
    again, text = reloaded(read, tmp_path, names=True)
    assert "film-" not in text and again.films == read.films
    assert reloaded(given, tmp_path, names=True)[0].films == given.films


def test_names_stay_where_no_hash_stands_for_them(tmp_path):
    given = evaluations.made("a", n=60)
    assert reloaded(given, tmp_path, names=False)[0].films == given.films


def test_copies_of_a_file_keep_places_of_their_own(tmp_path):
    hashes = ("f" * 64, *evaluations.hashes(60)[1:59], "f" * 64)
    read, _ = reloaded(evaluations.made("a", n=60, hashes=hashes), tmp_path, names=False)
    assert len(set(read.films)) == 60 and not read.named and read.films[-1] == f"{'f' * 64} (2)"
    assert not reloaded(read, tmp_path, names=True)[0].named


@pytest.mark.parametrize("first_named", [True, False])
def test_one_evaluation_that_has_names_names_the_films_of_all(tmp_path, first_named):
    named, bare = made("a"), reloaded(made("b", seed=1), tmp_path, names=False)[0]
    bare = evaluations.turned(bare, reversed(range(60)))
    pair = (named, bare) if first_named else (bare, named)
    aligned, notes = alignment.align(pair)
    assert all(each.named and set(each.films) == set(named.films) for each in aligned)
    assert aligned[0].films == aligned[1].films and not [note for note in notes if "different name" in note]


def test_a_damaged_evaluation_is_refused_in_our_own_words(tmp_path):
    path = tmp_path / "evaluation.json"
    for text in ("{", '{"model": "ZQPLANT"}', '{"classes": "ZQPLANT", "films": 3, "truth": ["ZQPLANT"]}', "[" * 9999):
        path.write_text(text)
        with pytest.raises(evaluation.EvaluationRefused) as refused:
            load(path)
        assert "ZQPLANT" not in refused.value.words and "line 1" not in refused.value.words
