"""Lays the summary that xraykit exports beside the one counted by hand."""

import pytest

from tests.helpers import reader_study
from tests.helpers.reader_study import CLASSES, MODELS


def near(figure, expected):
    assert [figure["value"], figure["low"], figure["high"]] == pytest.approx(expected, abs=1e-9)


def check_summary(summary, films, seconds):
    """Every figure; `seconds` are (before, whole) of each film."""
    n = len(films)
    assert summary["counts"] | {"recorded": n, "read": n, "blind": n, "with_reference": n} == summary["counts"]
    _agreement(summary, films)
    _changes(summary["changes"], films)
    reference = summary["reference"]
    assert (reference["n"], reference["basis"]) == (n, "before")
    for who, given in {"reader": lambda f: f.last, "before": lambda f: f.before, **_models()}.items():
        near(reference["accuracy"][who], reader_study.wilson(sum(given(film) == film.truth for film in films), n))
    for of_class in reference["classes"]:
        _of_class(of_class, films)
    assert [of_class["label"] for of_class in reference["classes"]] == list(CLASSES)
    assert summary["seconds"]["shown"]["n"] == 0
    columns = {"before": [b for b, _ in seconds], "whole": [w for _, w in seconds]}
    columns["after"] = [whole - before for before, whole in seconds]
    for name, values in columns.items():
        assert summary["seconds"][name] == pytest.approx(reader_study.quartiles(values)), name


def _models():
    return {model: lambda film, model=model: film.answers[model] for model in MODELS}


def _agreement(summary, films):
    assert [model["model"] for model in summary["models"]] == sorted(MODELS)
    for figures in summary["models"]:
        model = figures["model"]
        for when in ("before", "last"):
            pairs = [(getattr(film, when), film.answers[model]) for film in films]
            assert figures[when]["n"] == len(films)
            near(figures[when]["share"], reader_study.wilson(sum(a == b for a, b in pairs), len(pairs)))
            assert figures[when]["kappa"] == pytest.approx(reader_study.kappa(pairs))
        for word, number in figures["said"].items():
            assert number == sum(film.says[model] == word for film in films)


def _changes(figures, films):
    changed = [film for film in films if film.before != film.last]
    corrected = sum(film.last == film.truth for film in changed)
    spoiled = sum(film.before == film.truth for film in changed)
    assert (figures["n"], figures["changed"], figures["labelled"]) == (len(films), len(changed), len(films))
    assert (figures["corrected"], figures["spoiled"]) == (corrected, spoiled)
    assert figures["p"] == pytest.approx(reader_study.mcnemar(corrected, spoiled))
    for model in MODELS:
        assert figures["towards"][model] == sum(film.last == film.answers[model] for film in changed)
        assert figures["away"][model] == sum(film.before == film.answers[model] for film in changed)


def _of_class(figures, films):
    label = figures["label"]
    assert figures["support"] == sum(film.truth == label for film in films) and figures["n"] == len(films)
    _shares(figures["reader"], reader_study.shares(films, lambda film: film.last == label, label))
    _shares(figures["before"], reader_study.shares(films, lambda film: film.before == label, label))
    by_hand = reader_study.beside(films, label)
    for model in figures["models"]:
        assert model["n"] == len(films)
        _shares(model["reader"], reader_study.shares(films, lambda film: film.before == label, label))
        for name in ("alone", "either", "both"):
            expected = by_hand[model["model"], name]
            _shares(model[name]["shares"], expected["shares"])
            for measure in ("sensitivity", "specificity"):
                got = model[name][measure]
                numbers = (got["difference"]["value"], got["p"], got["adjusted_p"])
                assert numbers == pytest.approx(expected[measure]), (label, model["model"], name, measure)


def _shares(figures, expected):
    near(figures["sensitivity"], expected[0])
    near(figures["specificity"], expected[1])


def check_table(rows, films, names=False):
    """The exported CSV, a row a film in the order of reading."""
    assert len(rows) == len(films)
    for place, (row, film) in enumerate(zip(rows, films, strict=True), 1):
        assert row["order"] == str(place) and len(row["sha256"]) == 64
        assert row["name"] == (film.name if names else "")
        assert (row["reference"], row["finding_before_models"], row["finding"]) == (film.truth, film.before, film.last)
        assert row["changed"] == ("yes" if film.before != film.last else "no")
        for model in MODELS:
            assert row[f"{model} answer"] == film.answers[model]
            assert row[f"{model} reader_says"] == film.says[model]
